-- Our tables, views and sequences that another role owns: our functions may then not use them. $1 the owner role.
SELECT c.oid::regclass::text, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, quote_ident(o.rolname)
FROM pg_class AS c JOIN pg_roles AS o ON o.oid = c.relowner
WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = 'notifier') AND c.relkind IN ('r', 'v') AND o.rolname <> $1::text
  AND c.relname IN ('staging', 'event', 'head', 'epoch', 'effect', 'route', 'setting', 'cut', 'daemon', 'test', 'migration', 'appointment_dto', 'doctor_dto')
ORDER BY 1
