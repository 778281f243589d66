package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// fakeNode is a daemon that answers with its name, and says that it is ready or not.
type fakeNode struct {
	*node
	web     *httptest.Server
	unready atomic.Bool
}

func newFakeNode(t *testing.T, name string) *fakeNode {
	f := &fakeNode{}
	f.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/readyz":
			_, _ = io.WriteString(w, name)
		case f.unready.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(f.web.Close)
	addr := f.web.Listener.Addr().String()
	f.node = &node{daemon: &daemon{name: name, journal: &journal{addr: addr, admin: addr}}}
	return f
}

// visits are the daemons that so many requests, one after the other, came to.
func visits(t *testing.T, url string, n int) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for range n {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close() // read to the end
		if response.StatusCode != http.StatusOK {
			body = []byte(response.Status)
		}
		seen[string(body)]++
	}
	return seen
}

func TestABalancerSpreadsRequestsOverWhoeverIsReady(t *testing.T) {
	nodes := []*fakeNode{newFakeNode(t, "a"), newFakeNode(t, "b"), newFakeNode(t, "c")}
	b, err := newBalancer(t.Context(), []*node{nodes[0].node, nodes[1].node, nodes[2].node})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 4)
	go func() { ended <- b.run(ctx) }()
	for i := range nodes {
		go func() { ended <- b.check(ctx, i) }()
	}
	url := "http://" + b.doors()[0].addr + "/"

	if seen := visits(t, url, 9); seen["a"] != 3 || seen["b"] != 3 || seen["c"] != 3 {
		t.Errorf("all ready: %v", seen)
	}
	nodes[0].web.Close()
	if seen := visits(t, url, 8); seen["a"] != 0 || seen["b"] < 2 || seen["c"] < 2 {
		t.Errorf("one refuses connections: %v", seen)
	}
	nodes[1].unready.Store(true)
	for !b.out[1].Load() {
		if err := pause(ctx, checkInterval/10); err != nil {
			t.Fatalf("wait for the check: %v", err)
		}
	}
	if seen := visits(t, url, 3); seen["c"] != 3 {
		t.Errorf("one more is not ready: %v", seen)
	}
	nodes[2].web.Close()
	if seen := visits(t, url, 1); seen["502 Bad Gateway"] != 1 {
		t.Errorf("nobody is there: %v", seen)
	}

	cancel()
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
