-- Let the clinic's writers ring for the lease, unless the queue of NOTIFY is half full.
SELECT notifier.lend_bell(make_interval(secs => $1))
