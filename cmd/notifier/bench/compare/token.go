package main

import (
	"strconv"
	"time"

	"notifier/auth"
)

// secret signs the tokens of the load. It protects nothing: all that it opens is made for a run and removed after it.
const secret = "compare-0b7f2e61c94d4a3f8e5d9a17" //nolint:gosec // as above

func token(account int64) (string, error) {
	return auth.Sign([]byte(secret), auth.Claims{Account: strconv.FormatInt(account, 10), Subject: "7", TTL: 6 * time.Hour})
}
