-- Doctors who are busy although their appointment is finalised: the generator gives each of them one.
SELECT count(*)
FROM doctors
JOIN appointments ON appointments."doctorId" = doctors.id
JOIN appointment_status ON appointment_status.id = appointments."statusId"
WHERE doctors."isBusy" AND appointment_status.code = 'FINALIZADO';
