-- Our objects, those that serve uses with the right that it needs: whether each is there, and whether this role has the right.
WITH ours (kind, name, arguments, serves) AS (VALUES
    ('table', 'staging', '', true), ('table', 'event', '', true), ('table', 'head', '', true), ('table', 'epoch', '', true),
    ('table', 'effect', '', true), ('table', 'route', '', true), ('table', 'setting', '', true), ('table', 'cut', '', true),
    ('table', 'daemon', '', true), ('table', 'migration', '', true), ('view', 'appointment_dto', '', true), ('view', 'doctor_dto', '', true),
    ('function', 'pump', 'integer', true), ('function', 'advance', 'integer, bigint, integer, integer', true), ('function', 'release', 'integer, bigint', true),
    ('function', 'prune', 'interval, integer', true), ('function', 'lend_bell', 'interval', true),
    ('function', 'enlist', 'text, text, bytea, text', true), ('function', 'enlist', 'text, text, bytea, text, text[]', true),
    ('function', 'discharge', 'text', true), ('function', 'statuses', '', true), ('function', 'unable', 'text', true),
    ('function', 'send_test', 'text, text', true),
    -- those that these and the triggers call
    ('function', 'server', '', false), ('function', 'ring', 'json', false), ('function', 'capture', '', false),
    ('function', 'may_release', NULL, false), ('function', 'postpone', 'bigint[], text', false), ('table', 'test', '', false),
    ('function', 'capture_test', '', false)
)
SELECT o.kind, 'notifier.' || o.name || CASE WHEN o.kind = 'function' THEN '(' || coalesce(o.arguments, '…') || ')' ELSE '' END,
       x.oid IS NOT NULL,
       NOT o.serves OR coalesce(CASE WHEN o.kind = 'function' THEN has_function_privilege(x.oid, 'EXECUTE')
                                     ELSE has_table_privilege(x.oid, 'SELECT') END, false)
FROM ours AS o
LEFT JOIN LATERAL (
    SELECT c.oid FROM pg_class AS c
    WHERE o.kind <> 'function' AND c.relname = o.name AND c.relnamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = 'notifier')
    UNION ALL
    (SELECT p.oid FROM pg_proc AS p
     WHERE o.kind = 'function' AND p.proname = o.name AND p.pronamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = 'notifier')
       AND oidvectortypes(p.proargtypes) = coalesce(o.arguments, oidvectortypes(p.proargtypes))
     LIMIT 1)
) AS x ON true
UNION ALL
SELECT 'schema', 'notifier', n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE'), false)
FROM (VALUES (1)) AS one LEFT JOIN pg_namespace AS n ON n.nspname = 'notifier'
