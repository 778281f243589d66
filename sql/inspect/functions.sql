-- Our functions: whose they are, with whose rights they run, whether their search_path is fixed, whether everybody may call them.
-- $1 the owner role.
SELECT p.oid::regprocedure::text, quote_ident(o.rolname), o.rolname = $1::text,
       f.definer AND NOT p.prosecdef,
       EXISTS (SELECT FROM unnest(p.proconfig) AS c WHERE c LIKE 'search\_path=pg\_catalog%' OR c IN ('search_path=', 'search_path=""')),
       p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE'),
       f.volatile AND p.provolatile <> 'v'
FROM (VALUES ('capture', true, false), ('pump', true, false), ('advance', true, false), ('release', true, false), ('prune', true, false), ('lend_bell', true, false),
             ('enlist', true, false), ('discharge', true, false), ('statuses', true, false), ('send_test', true, false),
             ('capture_doctor', true, false), ('capture_test', true, false), ('unable', false, false), ('ring', false, false), ('server', false, false),
             ('may_release', false, true), ('postpone', false, false), ('unreported', false, false), ('stage', false, false),
             ('reconcile', false, false)) AS f (name, definer, volatile)
JOIN pg_proc AS p ON p.proname = f.name AND p.pronamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = 'notifier')
JOIN pg_roles AS o ON o.oid = p.proowner
ORDER BY 1
