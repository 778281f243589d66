package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// keyServer is an identity provider: it publishes one key, unless it is away.
type keyServer struct {
	url    string
	away   atomic.Bool
	asked  atomic.Int64
	key    jwk.Key
	public []byte
	server http.Server
	done   chan error
}

func newKeyServer(ctx context.Context) (*keyServer, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := jwk.FromRaw(private)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(key.Set(jwk.KeyIDKey, "chaos"), key.Set(jwk.AlgorithmKey, jwa.ES256)); err != nil {
		return nil, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, err
	}
	k := &keyServer{key: key, done: make(chan error, 1)}
	if k.public, err = json.Marshal(map[string]any{"keys": []jwk.Key{public}}); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k.url = "http://" + listener.Addr().String() + "/keys"
	k.server.Handler, k.server.ReadHeaderTimeout = http.HandlerFunc(k.serve), time.Second
	go func() { k.done <- k.server.Serve(listener) }()
	return k, nil
}

func (k *keyServer) serve(response http.ResponseWriter, _ *http.Request) {
	k.asked.Add(1)
	if k.away.Load() {
		http.Error(response, "away", http.StatusServiceUnavailable)
		return
	}
	_, _ = response.Write(k.public) // a client that has gone asks again
}

// sign makes a token of an account.
func (k *keyServer) sign(account string) (string, error) {
	token, err := jwt.NewBuilder().Claim("accountId", account).Subject("chaos").Expiration(time.Now().Add(24 * time.Hour)).Build()
	if err != nil {
		return "", err
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.ES256, k.key))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return string(signed), nil
}

func (k *keyServer) close() error {
	err := k.server.Close()
	if served := <-k.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
