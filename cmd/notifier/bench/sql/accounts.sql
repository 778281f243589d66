-- Accounts of the generator's own, each with a patient. $1: how many. Answers their ids.
WITH account AS (
    INSERT INTO accounts (name)
    SELECT 'notifier bench' FROM generate_series(1, $1::int)
    RETURNING id
), patient AS (
    INSERT INTO patients ("accountId", name)
    SELECT id, 'Maria das Dores Figueiredo' FROM account
    RETURNING id, "accountId"
), contact AS (
    INSERT INTO contacts ("patientId", phone)
    SELECT id, '(81) 98765-4321' FROM patient
)
SELECT array_agg(id ORDER BY id) FROM account;
