SELECT notifier.prune(make_interval(secs => $1), $2)
