package auth_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"notifier/auth"
)

func Example() {
	clock := func() time.Time { return time.Date(2025, time.January, 23, 9, 0, 0, 0, time.UTC) }
	secret := []byte("thirty-two bytes or more, at random")

	v, err := auth.New(auth.Config{Secrets: [][]byte{secret}, AccountClaim: "user.account", Now: clock})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := auth.Sign(secret, auth.Claims{Account: "1", Subject: "7", AccountClaim: "user.account", Now: clock})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := v.Verify(context.Background(), token)
	fmt.Println(id.Account, id.Subject, id.ExpiresAt.Format(time.RFC3339), err)
	// Output: 1 7 2025-01-23T10:00:00Z <nil>
}

func ExampleError() {
	secret := []byte("thirty-two bytes or more, at random")
	v, err := auth.New(auth.Config{Secrets: [][]byte{secret}})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := auth.Sign(secret, auth.Claims{Account: "1", TTL: -time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = v.Verify(context.Background(), token)
	if refusal, ok := errors.AsType[*auth.Error](err); ok {
		fmt.Println("to the client:", refusal.Code())
		fmt.Println("to the log:   ", refusal)
	}
	// Output:
	// to the client: token_expired
	// to the log:    token has expired
}
