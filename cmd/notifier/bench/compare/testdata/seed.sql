-- Three appointments of one account, as different as their DTOs can be.
INSERT INTO accounts (id, name) VALUES (1, 'Clínica');
INSERT INTO doctors (id, "accountId", name) VALUES (1, 1, 'Dr. Victor');
INSERT INTO patients (id, "accountId", name) VALUES (1, 1, 'João Silva'), (2, 1, 'Ana Pereira'), (3, 1, 'Rui Tavares');
INSERT INTO contacts ("patientId", phone) VALUES (1, '(81) 99999-9999'), (3, NULL);
INSERT INTO procedures (id, name, price) VALUES (1, 'Ultrassom: Tireoide', 100), (2, 'Consulta', 99.9);
INSERT INTO appointments (id, date, "startTime", "endTime", notes, "accountId", "doctorId", "patientId", "statusId", "createdAt", "updatedAt") VALUES
    (1, '2025-01-23', '09:00', '09:15', E'Observações "sobre" o\nagendamento', 1, 1, 1, 2, '2025-01-22 10:00', '2025-01-23 09:15'),
    (2, '2025-01-23', '09:15', '09:30', NULL, 1, 1, 2, 2, '2025-01-22 10:00', '2025-01-23 09:15'),
    (3, '2025-01-23', '09:30', '09:45', '', 1, 1, 3, 2, '2025-01-22 10:00', '2025-01-23 09:15');
INSERT INTO appointment_procedures ("appointmentId", "procedureId") VALUES (1, 2), (1, 1), (3, 2);
SELECT setval(pg_get_serial_sequence('accounts', 'id'), 1), setval(pg_get_serial_sequence('doctors', 'id'), 1),
       setval(pg_get_serial_sequence('patients', 'id'), 3), setval(pg_get_serial_sequence('procedures', 'id'), 2),
       setval(pg_get_serial_sequence('appointments', 'id'), 3);
