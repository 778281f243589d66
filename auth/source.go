package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	fetchTimeout = 10 * time.Second
	maxRedirects = 3
	// maxJWKS is some hundred keys with their certificates.
	maxJWKS = 512 << 10
	// maxKeys bounds what is looked through for each token.
	maxKeys = 100
)

var errFetchTimeout = fmt.Errorf("no whole answer within %s", fetchTimeout)

// jwksSource is the place where keys come from. Its errors never repeat the URL, which may hold credentials.
type jwksSource struct {
	url    string
	client *http.Client
}

func newJWKSSource(url string, client *http.Client) *jwksSource {
	if client == nil {
		client = &http.Client{Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			DisableKeepAlives: true, // one request in minutes: no connection and no goroutine is kept for it
			ForceAttemptHTTP2: true,
		}}
	}
	own := *client
	if own.CheckRedirect == nil {
		own.CheckRedirect = checkRedirect
	}
	return &jwksSource{url: url, client: &own}
}

// checkRedirect keeps keys that are asked for over TLS from coming without it.
func checkRedirect(next *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if via[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("redirect from https to http")
	}
	return nil
}

// fetch gives the usable keys (at least one) and the number of those that were left alone.
func (s *jwksSource) fetch(ctx context.Context) (keys []publicKey, ignored int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, errFetchTimeout)
	defer cancel()
	body, err := s.get(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, 0, fmt.Errorf("get jwks: %w", err)
	}
	keys, ignored, err = parseJWKS(body)
	if err != nil {
		return nil, 0, fmt.Errorf("read jwks: %w", err)
	}
	return keys, ignored, nil
}

func (s *jwksSource) get(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, errors.New("URL cannot be requested")
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			return nil, inner.Err // without the URL
		}
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // only read from: nothing can be lost
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d instead of 200", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxJWKS+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxJWKS {
		return nil, fmt.Errorf("answer is longer than %d bytes", maxJWKS)
	}
	return body, nil
}

// parseJWKS reads a JWK set (RFC 7517, 5). A member that is of no use here does not spoil the others. An empty set is an error:
// an issuer without any key cannot have issued anything, so it is more likely an accident than a message.
func parseJWKS(body []byte) (keys []publicKey, ignored int, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil {
		return nil, 0, errors.New("answer is not a JSON object with keys")
	}
	if len(set.Keys) > maxKeys {
		return nil, 0, fmt.Errorf("answer has more than %d keys", maxKeys)
	}
	for _, raw := range set.Keys {
		key, err := parseKey(raw)
		if err != nil {
			ignored++
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, 0, fmt.Errorf("answer has no usable key, and %d others", ignored)
	}
	return keys, ignored, nil
}
