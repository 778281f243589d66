-- What the clinic's statuses are, beside the routes: for `notifier check`, whose role may not read the clinic's tables.

-- +goose Up
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};

-- Each status that the clinic has or a route names. id is its number at the clinic (where there is no table of statuses, the
-- status itself) and NULL where the clinic does not have it; event is what it raises, NULL if nothing. A function and not a
-- view, so that the clinic's own columns can be altered without it.
CREATE FUNCTION notifier.statuses() RETURNS TABLE (status text, id text, event text, releases_doctor boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
{{- if has "statuses"}}
    SELECT coalesce(s.{{column "statuses.code"}}::text, r.status), s.{{column "statuses.id"}}::text, r.event, r.releases_doctor
    FROM {{table "statuses"}} AS s
    FULL JOIN notifier.route AS r ON r.status = s.{{column "statuses.code"}}::text
{{- else}}
    WITH held AS (
        SELECT t.oid, t.typtype = 'e' AS listed FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = {{literal (table "appointments")}}::regclass AND a.attname = {{literal (name "appointments.status")}}
    ), listed AS (
        SELECT e.enumlabel::text AS label FROM held AS h JOIN pg_enum AS e ON e.enumtypid = h.oid
    )
    SELECT coalesce(l.label, r.status), CASE WHEN (SELECT h.listed FROM held AS h) THEN l.label ELSE r.status END, r.event, r.releases_doctor
    FROM listed AS l FULL JOIN notifier.route AS r ON r.status = l.label
{{- end}}
    ORDER BY 1, 2;
END
$$;

REVOKE EXECUTE ON FUNCTION notifier.statuses() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notifier.statuses() TO {{runtimeRole}};
RESET ROLE;

-- +goose Down
SET LOCAL lock_timeout = '{{lockTimeout}}';
SET LOCAL ROLE {{ownerRole}};
DROP FUNCTION notifier.statuses();
RESET ROLE;
