package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// swallower takes requests and hangs up, as a daemon does that is killed between a request and its answer. It counts what came.
type swallower struct {
	mu    sync.Mutex
	count map[string]int // by method
}

func (s *swallower) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed
		}
		if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.Copy(io.Discard, request.Body)
			s.mu.Lock()
			s.count[request.Method]++
			s.mu.Unlock()
		}
		_ = conn.Close()
	}
}

func (s *swallower) came(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[method]
}

// listenAt opens an address, until the end of the test. A process that another test is just starting may still have the one that looked whether it is free.
func listenAt(t *testing.T, address string) net.Listener {
	t.Helper()
	for deadline := time.Now().Add(e2ePatience); ; {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			t.Cleanup(func() { _ = listener.Close() })
			return listener
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // another process: there is no signal to wait for
	}
}

// healthy answers the proxy's health checks in a house.
func (s *street) healthy(t *testing.T, i int) {
	server := &httptest.Server{
		Listener: listenAt(t, net.JoinHostPort(s.houses[i], s.admin)),
		Config:   &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})},
	}
	server.Start()
	t.Cleanup(server.Close)
}

// send sends a poll's request through the proxy, and returns the answer's status.
func (s *street) send(t *testing.T, method string) int {
	t.Helper()
	url := "https://" + s.public + "/socket.io/?EIO=4&transport=polling&sid=x"
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("2probe"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.authority.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestTheProxyExamplesSendNoPOSTTwice(t *testing.T) {
	for _, example := range proxyExamples {
		t.Run(example.name, func(t *testing.T) {
			t.Parallel()
			s := newStreet(t)
			both := &swallower{count: map[string]int{}}
			for i := range s.houses {
				s.healthy(t, i)
				go both.serve(listenAt(t, s.house(i)))
			}
			example.open(t, s)
			if status := s.send(t, http.MethodPost); status != http.StatusBadGateway {
				t.Errorf("a POST that nobody answers is answered %d", status)
			}
			if came := both.came(http.MethodPost); came != 1 {
				t.Errorf("one POST came %d times", came)
			}
		})
	}
}

// What was refused was never sent, so that it goes to the other daemon, whatever it is.
func TestTheProxyExamplesGoPastADaemonThatIsNotThere(t *testing.T) {
	for _, example := range proxyExamples {
		t.Run(example.name, func(t *testing.T) {
			t.Parallel()
			const requests = 6
			s := newStreet(t)
			s.healthy(t, 0) // the health check has not found out yet
			s.healthy(t, 1)
			came := make(chan string, 2*requests)
			server := &httptest.Server{
				Listener: listenAt(t, s.house(1)),
				Config:   &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came <- r.Method })},
			}
			server.Start()
			t.Cleanup(server.Close)
			example.open(t, s)
			for range requests {
				if status := s.send(t, http.MethodPost); status != http.StatusOK {
					t.Errorf("a POST is answered %d", status)
				}
			}
			if len(came) != requests {
				t.Errorf("%d POSTs came %d times", requests, len(came))
			}
		})
	}
}
