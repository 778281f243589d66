-- A busy doctor for each appointment, so that each finalisation has one to release. $1: the first id, $2: how many, $3: accounts, $4: appointments of each.
INSERT INTO doctors (id, "accountId", name, "isBusy")
SELECT $1::int + n, ($3::int[])[n / $4::int + 1], 'Dra. Joana Nepomuceno', true
FROM generate_series(0, $2::int - 1) AS n;
