-- Tell the other daemons how far the log goes. Whose commit NOTIFY rides on holds a lock that the clinic's bells need,
-- until it is flushed: so this is a transaction of its own, and one that does not wait for the disk.
SELECT set_config('synchronous_commit', 'off', true), pg_notify('notifier_event', $1)
WHERE pg_notification_queue_usage() < 0.5
