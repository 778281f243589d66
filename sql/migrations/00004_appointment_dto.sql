-- What clients are sent, one row for each appointment. The daemon reads it by `id = ANY (…)`.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- Replace this view (CREATE OR REPLACE VIEW, same columns) to take the data from elsewhere. Leave id as it
-- is in its table: a cast around it would turn the daemon's index scan into a scan of all appointments.
-- Outer joins, so that an appointment with a missing doctor or patient is still sent{{if has "contacts"}}; a patient with several
-- contacts is sent with one of them{{end}}.
CREATE VIEW notifier.appointment_dto AS
SELECT a.{{column "appointments.id"}}        AS id,
       a.{{column "appointments.account"}}   AS account_id,
       a.{{column "appointments.date"}}      AS date,
       {{optional "a" "appointments.start" "text"}} AS start_time,
       {{optional "a" "appointments.end" "text"}} AS end_time,
       {{optional "a" "appointments.notes" "text"}} AS notes,
       {{optional "a" "appointments.createdAt" "timestamp"}} AS created_at,
       {{optional "a" "appointments.updatedAt" "timestamp"}} AS updated_at,
       {{optional "a" "appointments.deletedAt" "timestamp"}} AS deleted_at,
       d.{{column "doctors.id"}}             AS doctor_id,
       d.{{column "doctors.name"}}           AS doctor_name,
       p.{{column "patients.id"}}            AS patient_id,
       p.{{column "patients.name"}}          AS patient_name,
{{- if has "contacts"}}
       c.found IS NOT NULL                   AS has_contact,
       c.phone                               AS contact_phone,
{{- else}}
       false                                 AS has_contact,
       NULL::text                            AS contact_phone,
{{- end}}
{{- if has "statuses"}}
       s.{{column "statuses.id"}}            AS status_id,
       s.{{column "statuses.name"}}          AS status_name,
       {{optional "s" "statuses.color" "text"}} AS status_color,
{{- else}}
       a.{{column "appointments.status"}}    AS status_id,
       a.{{column "appointments.status"}}::text AS status_name,
       NULL::text                            AS status_color,
{{- end}}
{{- if has "procedures"}}
       coalesce(l.procedures, '[]')          AS procedures
{{- else}}
       '[]'::json                            AS procedures
{{- end}}
FROM {{table "appointments"}} AS a
LEFT JOIN {{table "doctors"}} AS d ON d.{{column "doctors.id"}} = a.{{column "appointments.doctor"}}
LEFT JOIN {{table "patients"}} AS p ON p.{{column "patients.id"}} = a.{{column "appointments.patient"}}
{{- if has "contacts"}}
LEFT JOIN LATERAL (
    SELECT true AS found, k.{{column "contacts.phone"}} AS phone FROM {{table "contacts"}} AS k
    WHERE k.{{column "contacts.patient"}} = p.{{column "patients.id"}}
    ORDER BY k.{{column "contacts.phone"}} LIMIT 1
) AS c ON true
{{- end}}
{{- if has "statuses"}}
LEFT JOIN {{table "statuses"}} AS s ON s.{{column "statuses.id"}} = a.{{column "appointments.status"}}
{{- end}}
{{- if has "procedures"}}
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object('id', r.{{column "procedures.id"}}, 'name', r.{{column "procedures.name"}},
                                      'price', trim_scale(r.{{column "procedures.price"}}::numeric)::text)
                    ORDER BY r.{{column "procedures.id"}}) AS procedures
    FROM {{table "appointmentProcedures"}} AS x
    JOIN {{table "procedures"}} AS r ON r.{{column "procedures.id"}} = x.{{column "appointmentProcedures.procedure"}}
    WHERE x.{{column "appointmentProcedures.appointment"}} = a.{{column "appointments.id"}}
) AS l ON true
{{- end}};

GRANT SELECT ON notifier.appointment_dto TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP VIEW notifier.appointment_dto;
RESET ROLE;
