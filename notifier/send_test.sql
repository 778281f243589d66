SELECT notifier.send_test($1, $2)
