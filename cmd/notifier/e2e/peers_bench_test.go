package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/sql/pgtest"
)

// The figures of "Several daemons" in wsroom/socketio/README.md: a client that upgrades, a poll, and what either leaves in memory, at the daemon that opened
// the session and at another.

// bare is a Socket.IO client by hand, without a browser's or Node.js's share of the time.
type bare struct {
	b     *testing.B
	http  *http.Client
	addr  string
	query string
}

// openBare opens a session that polls, and connects.
func openBare(b *testing.B, client *http.Client, addr, token string) *bare {
	s := &bare{b: b, http: client, addr: addr, query: "EIO=4&transport=polling"}
	var open struct{ Sid string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(s.ask(http.MethodGet, ""), "0")), &open); err != nil {
		b.Error(err)
	}
	s.query += "&sid=" + open.Sid
	s.ask(http.MethodPost, fmt.Sprintf(`40{"token":%q}`, token))
	if got := s.ask(http.MethodGet, ""); !strings.HasPrefix(got, "40{") {
		b.Errorf("got %s", got)
	}
	return s
}

// at is the same session through another address.
func (s *bare) at(addr string) *bare { return &bare{s.b, s.http, addr, s.query} }

func (s *bare) ask(method, body string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.addr+"/socket.io/?"+s.query, strings.NewReader(body))
	if err != nil {
		s.b.Error(err)
		return ""
	}
	response, err := s.http.Do(request)
	if err != nil {
		s.b.Error(err)
		return ""
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.b.Errorf("%s: %d %s %v", method, response.StatusCode, raw, err)
	}
	return string(raw)
}

// upgrade goes over to a WebSocket, as the stock client does.
func (s *bare) upgrade() *websocket.Conn {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	query := strings.Replace(s.query, "polling", "websocket", 1)
	conn, _, err := websocket.Dial(ctx, "ws://"+s.addr+"/socket.io/?"+query, nil)
	if err != nil {
		s.b.Error(err)
		return nil
	}
	held := make(chan string, 1)
	go func() { held <- s.ask(http.MethodGet, "") }()
	say := func(packet string) {
		if err := conn.Write(ctx, websocket.MessageText, []byte(packet)); err != nil {
			s.b.Error(err)
		}
	}
	say("2probe")
	if _, raw, err := conn.Read(ctx); err != nil || string(raw) != "3probe" {
		s.b.Errorf("%s, %v", raw, err)
	}
	if got := <-held; got != "6" {
		s.b.Errorf("the held GET: %s", got)
	}
	say("5")
	say(`421["there"]`)
	if _, raw, err := conn.Read(ctx); err != nil || string(raw) != "431[]" {
		s.b.Errorf("%s, %v", raw, err)
	}
	return conn
}

// three are daemons that know each other.
func three(b *testing.B, db *pgtest.DB) []*process {
	daemons := make([]*process, 3)
	for i := range daemons {
		daemons[i] = serveReady(b, db, "--ping-interval", "10m", "--log-level", "info")
	}
	awaitPeers(b, daemons...)
	return daemons
}

// gauge adds a metric of the daemons, after a collection.
func gauge(b *testing.B, name string, daemons ...*process) (total float64) {
	line := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`)
	for _, p := range daemons {
		p.get("/debug/pprof/heap?gc=1")
		_, body := p.get("/metrics")
		value, err := strconv.ParseFloat(line.FindStringSubmatch(body)[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		total += value
	}
	return total
}

func cpu(b *testing.B, daemons ...*process) float64 {
	return gauge(b, "process_cpu_seconds_total", daemons...)
}

func memory(b *testing.B, daemons ...*process) float64 {
	return gauge(b, "go_memstats_heap_alloc_bytes", daemons...) + gauge(b, "go_memstats_stack_inuse_bytes", daemons...)
}

// BenchmarkUpgrade is a client that connects and upgrades, 16 at a time, and stays. At one daemon; with each client's requests at the same of three, as with
// affinity; and with each request at the next.
func BenchmarkUpgrade(b *testing.B) {
	for _, bench := range []string{"one_daemon", "affinity", "round_robin"} {
		b.Run(bench, func(b *testing.B) {
			db := clinic(b)
			daemons := three(b, db)
			through := daemons
			if bench == "one_daemon" {
				through = daemons[:1]
			}
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			defer client.CloseIdleConnections()
			token := token(b, "1")
			openBare(b, client, daemons[0].addr, token).at(daemons[1].addr).upgrade() // so that the daemons are connected
			before, cpuBefore := memory(b, daemons...), cpu(b, daemons...)
			conns := make([]*websocket.Conn, b.N)
			var group sync.WaitGroup
			turns := make(chan struct{}, 16)
			b.ResetTimer()
			for i := range b.N {
				turns <- struct{}{}
				group.Go(func() {
					defer func() { <-turns }()
					first := through[i%len(through)].addr
					session := openBare(b, client, first, token)
					if bench == "round_robin" {
						session = session.at(through[(i+1)%len(through)].addr)
					}
					conns[i] = session.upgrade()
				})
			}
			group.Wait()
			b.StopTimer()
			b.ReportMetric((cpu(b, daemons...)-cpuBefore)/float64(b.N)*1e6, "µs-cpu/client")
			b.ReportMetric((memory(b, daemons...)-before)/float64(b.N), "B/client")
			b.ReportMetric(float64(sum(b, `notifier_sessions_moved_total{outcome="moved"}`, daemons...)), "moved")
			for _, conn := range conns {
				_ = conn.CloseNow() // it was to stay until here
			}
		})
	}
}

// BenchmarkPoll is a POST, which costs as much as a GET that is answered at once; at the owner of the session, and at another daemon.
func BenchmarkPoll(b *testing.B) {
	const each = 90 // by one session: more would be a flood
	for _, at := range []string{"local", "passed_on"} {
		b.Run(at, func(b *testing.B) {
			db := clinic(b)
			daemons := three(b, db)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			defer client.CloseIdleConnections()
			sessions := make([]*bare, b.N/each+1)
			for i := range sessions {
				sessions[i] = openBare(b, client, daemons[0].addr, token(b, "1"))
				if at == "passed_on" {
					sessions[i] = sessions[i].at(daemons[1].addr)
				}
			}
			sessions[0].ask(http.MethodPost, "3")
			before := cpu(b, daemons...)
			b.ResetTimer()
			for i := range b.N {
				sessions[i/each].ask(http.MethodPost, "3")
			}
			b.StopTimer()
			b.ReportMetric((cpu(b, daemons...)-before)/float64(b.N)*1e6, "µs-cpu/op")
		})
	}
}

// BenchmarkHeldPoll is what a GET that is held takes, at its owner and at the daemon that passed it on.
func BenchmarkHeldPoll(b *testing.B) {
	for _, at := range []string{"local", "passed_on"} {
		b.Run(at, func(b *testing.B) {
			db := clinic(b)
			book(db, 1, 1, 1)
			daemons := three(b, db)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
			defer client.CloseIdleConnections()
			sessions := make([]*bare, b.N)
			for i := range sessions {
				sessions[i] = openBare(b, client, daemons[0].addr, token(b, "1"))
				if at == "passed_on" {
					sessions[i] = sessions[i].at(daemons[1].addr)
				}
			}
			owner, other := memory(b, daemons[0]), memory(b, daemons[1])
			var held sync.WaitGroup
			for _, s := range sessions {
				held.Go(func() { s.ask(http.MethodGet, "") })
			}
			time.Sleep(time.Second) // for the last to arrive: nobody says when a daemon holds a request
			b.ReportMetric((memory(b, daemons[0])-owner)/float64(b.N), "B-owner/poll")
			b.ReportMetric((memory(b, daemons[1])-other)/float64(b.N), "B-other/poll")
			finish(db, 1)
			held.Wait()
		})
	}
}
