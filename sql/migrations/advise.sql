-- After the last migration: what about the clinic's tables would make notifier slow or silent. It only warns.

DO $$
DECLARE
    finding record;
BEGIN
    FOR finding IN
        SELECT v.tab, v.col FROM (VALUES
            ({{literal (table "appointments")}}::regclass, {{literal (name "appointments.id")}}),
            ({{literal (table "appointments")}}, {{literal (name "appointments.doctor")}}),
            ({{literal (table "doctors")}}, {{literal (name "doctors.id")}}),
            ({{literal (table "patients")}}, {{literal (name "patients.id")}})
{{- if has "contacts"}},
            ({{literal (table "contacts")}}, {{literal (name "contacts.patient")}})
{{- end}}
{{- if has "procedures"}},
            ({{literal (table "procedures")}}, {{literal (name "procedures.id")}}),
            ({{literal (table "appointmentProcedures")}}, {{literal (name "appointmentProcedures.appointment")}})
{{- end}}
        ) AS v (tab, col)
        WHERE NOT EXISTS (
            SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = v.tab AND i.indisvalid AND a.attname = v.col)
    LOOP
        RAISE WARNING 'no index of table % begins with column "%", by which notifier reads it', finding.tab, finding.col;
    END LOOP;

    FOR finding IN
        SELECT c.oid::regclass AS tab FROM pg_class AS c
        WHERE c.relrowsecurity AND c.oid = ANY (ARRAY[
{{- range $i, $t := tables}}{{if $i}}, {{end}}{{literal $t}}{{end}}]::regclass[])
    LOOP
        RAISE WARNING 'table % has row level security: role % needs a policy that shows it every row',
            finding.tab, {{literal owner}};
    END LOOP;

    FOR finding IN
        SELECT v.status FROM (VALUES ({{status "FINALIZADO"}}), ({{status "CANCELADO"}}), ({{status "EM_ATENDIMENTO"}})) AS v (status)
{{- if has "statuses"}}
        WHERE NOT EXISTS (SELECT FROM {{table "statuses"}} AS s WHERE s.{{column "statuses.code"}}::text = v.status)
{{- else}}
        WHERE EXISTS (SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
                      WHERE a.attrelid = {{literal (table "appointments")}}::regclass AND t.typtype = 'e'
                        AND a.attname = {{literal (name "appointments.status")}}
                        AND NOT EXISTS (SELECT FROM pg_enum AS e WHERE e.enumtypid = t.oid AND e.enumlabel = v.status))
{{- end}}
    LOOP
        RAISE WARNING 'the clinic has no status %: give its own word for it with --status', finding.status;
    END LOOP;
END
$$;
