-- The daemons that run.
SELECT d.id, d.address, d.certificate, d.version, d.started_at FROM notifier.daemon AS d ORDER BY d.started_at, d.id
