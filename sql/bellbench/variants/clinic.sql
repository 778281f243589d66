-- A clinic with enough appointments for writers to keep out of each other's way.
INSERT INTO accounts (name) SELECT 'Conta ' || i FROM generate_series(1, 50) AS i;
INSERT INTO doctors ("accountId", name) SELECT 1 + i % 50, 'Dr. ' || i FROM generate_series(1, 500) AS i;
INSERT INTO patients ("accountId", name) SELECT 1 + i % 50, 'Paciente ' || i FROM generate_series(1, 1000) AS i;
INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
SELECT now(), '09:00', '09:15', 1 + i % 50, 1 + i % 500, 1 + i % 1000, 5 FROM generate_series(1, 50000) AS i;
