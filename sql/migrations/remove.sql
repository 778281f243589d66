-- After the last migration was taken back: nothing of ours stays. The roles belong to the whole cluster; one
-- that another database still uses, or that we may not drop, is left and said so.

SET LOCAL lock_timeout = '{{lockTimeout}}';

DROP TABLE IF EXISTS notifier.migration;
DROP SCHEMA IF EXISTS notifier;

REVOKE UPDATE ({{column "doctors.busy"}}) ON {{table "doctors"}} FROM {{ownerRole}};
{{- range tables}}
REVOKE SELECT ON {{.}} FROM {{ownerRole}};
{{- end}}

DO $$
DECLARE
    name text;
BEGIN
{{- range schemas}}
    IF has_schema_privilege(current_user, {{literal .}}, 'USAGE WITH GRANT OPTION') THEN
        REVOKE USAGE ON SCHEMA {{quote .}} FROM {{ownerRole}};
    END IF;
{{- end}}
    FOREACH name IN ARRAY ARRAY[{{literal runtime}}, {{literal owner}}] LOOP
        BEGIN
            EXECUTE format('DROP ROLE IF EXISTS %I', name);
        EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege OR object_in_use THEN
            RAISE NOTICE 'role % stays: %', name, SQLERRM;
        END;
    END LOOP;
END
$$;
