-- What the doctors' triggers raise: their argument, '' without one, which means doctors.busy.
SELECT convert_from(substring(t.tgargs FOR greatest(octet_length(t.tgargs) - 1, 0)), getdatabaseencoding())
FROM pg_trigger AS t
WHERE t.tgparentid = 0
  AND t.tgfoid = (SELECT p.oid FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
                  WHERE n.nspname = 'notifier' AND p.proname = 'capture_doctor')
ORDER BY 1
