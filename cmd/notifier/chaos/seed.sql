-- Small, so that appointments and doctors are fought for: 4 accounts, 40 doctors, 400 appointments.
INSERT INTO accounts (name) SELECT 'Conta ' || i FROM generate_series(1, 4) AS i;
INSERT INTO doctors ("accountId", name) SELECT 1 + i % 4, 'Dr. ' || i FROM generate_series(0, 39) AS i;
INSERT INTO patients ("accountId", name) SELECT 1 + i % 4, 'Paciente ' || i FROM generate_series(0, 199) AS i;
INSERT INTO contacts ("patientId", phone) SELECT p.id, '(81) 9' || p.id FROM patients AS p;
INSERT INTO procedures (name, price) SELECT 'Exame ' || i, 10 * i FROM generate_series(1, 10) AS i;
INSERT INTO appointments (date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
SELECT current_date, '09:00', '09:15', 1 + i % 4, 1 + i % 40, 1 + i % 200, 2 FROM generate_series(0, 399) AS i;
INSERT INTO appointment_procedures ("appointmentId", "procedureId") SELECT a.id, 1 + a.id % 10 FROM appointments AS a;
