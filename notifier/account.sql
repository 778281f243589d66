-- An account's id as the clinic's own type writes it; an error when it is no value of that type. The empty first
-- half lends its type to the parameter.
SELECT t.account_id::text
FROM (SELECT e.account_id FROM notifier.event AS e WHERE false UNION ALL SELECT $1) AS t
