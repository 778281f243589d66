-- The daemons that cannot read doctors' events.
SELECT u FROM notifier.unable('doctor') AS u ORDER BY 1
