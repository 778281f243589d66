-- One procedure for all appointments. $1: the first appointment, $2: how many. Answers the procedure.
WITH procedure AS (
    INSERT INTO procedures (name, price) VALUES ('Ultrassonografia de tireoide', 180.5)
    RETURNING id
), link AS (
    INSERT INTO appointment_procedures ("appointmentId", "procedureId")
    SELECT $1::int + n, procedure.id FROM generate_series(0, $2::int - 1) AS n, procedure
)
SELECT id FROM procedure;
