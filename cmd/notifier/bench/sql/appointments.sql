-- Appointments of today that nobody has begun. $1: the first id, $2: how many, $3: accounts, $4: appointments of each, $5: the first doctor.
INSERT INTO appointments (id, date, "startTime", "endTime", notes, "accountId", "doctorId", "patientId", "statusId")
SELECT $1::int + n, current_date, '09:00', '09:15',
       'Paciente em acompanhamento; trazer os exames anteriores, jejum de oito horas, chegar com quinze minutos de antecedência.',
       patients."accountId", $5::int + n, patients.id, (SELECT id FROM appointment_status WHERE code = 'AGENDADO')
FROM generate_series(0, $2::int - 1) AS n
JOIN patients ON patients."accountId" = ($3::int[])[n / $4::int + 1];
