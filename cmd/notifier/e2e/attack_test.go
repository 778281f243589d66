package e2e

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"notifier/auth"
)

// What the daemon may keep of an attack that is over. Tables that were large stay large, and the pool to the database may have grown.
const (
	keptHeap       = 8 << 20
	keptGoroutines = 20
	keptFiles      = 20
)

// assault is one kind of attack: so many, so many at the same time.
type assault struct {
	name      string
	count, at int
	strike    func(*attacker)
}

// The good clients are of 20 accounts and come from another address than the attackers.
func TestFiveHundredClientsNoticeNothingOfAnAttackAndNothingIsLeftOfIt(t *testing.T) {
	t.Parallel()
	const clients, accounts = 500, 20
	needFiles(t, 2*clients+4000)
	db := clinics(t, accounts)
	p := serveReady(t, db, "--log-level", "info", "--socketio-connect-timeout", "4s")
	crowd := gather(t, p.addr, clients, accounts)
	clinic := work(t, db, accounts, 25*time.Millisecond)
	crowd.await("for an event", func(l *light) bool { return l.received() > 0 })
	before, logged := p.usage(), len(p.logs.text())

	began := time.Now()
	waves := [][]assault{handshakes(t, p.logs.await(t, "serving")["peer_addr"].(string)), sieges(t)}
	strikes := 0
	for _, wave := range waves {
		var all sync.WaitGroup
		for _, a := range wave {
			strikes += a.count
			all.Go(func() { a.run(t, p.addr) })
		}
		all.Wait()
		t.Logf("after %.1f s: %d attacks; %s", time.Since(began).Seconds(), strikes, p.usage())
	}

	after := p.awaitUsage(before)
	events := clinic.closeAndCount(db)
	deliveries := crowd.wantEverything(db)
	for _, l := range crowd.clients {
		if len(l.ends) > 0 || len(l.joins) != 1 {
			t.Errorf("%s of account %s was cut: %v", l.protocol(), l.account, l.ends)
		}
	}
	crowd.disperse()
	log := p.logs.text()
	if err := p.stop(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	if strings.Contains(log, "panic") || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("an error in the log: %.3000s", log)
	}
	assertPrivate(t, log)
	told, strangers := log[logged:], 0
	for line := range strings.Lines(told) {
		if !strings.Contains(line, `"account":`) { // a member's end is a line each
			strangers++
		}
	}
	if strangers > 300 {
		t.Errorf("%d lines about %d attacks by strangers: %.3000s", strangers, strikes, told)
	}
	t.Logf("%.1f s, %d attacks, %d events, %d deliveries; before %s, after %s; logged: %d bytes, %d lines, of which %d about strangers",
		time.Since(began).Seconds(), strikes, events, deliveries, before, after, len(told), strings.Count(told, "\n"), strangers)
}

// run strikes count times, from at goroutines.
func (a assault) run(t *testing.T, addr string) {
	var workers sync.WaitGroup
	next := make(chan int, a.count)
	for i := range a.count {
		next <- i
	}
	close(next)
	for range a.at {
		workers.Go(func() {
			for i := range next {
				attacker := &attacker{t: t, name: a.name, addr: addr, n: i}
				a.strike(attacker)
				attacker.leave()
			}
		})
	}
	workers.Wait()
}

// handshakes are 10,000 bad ones at the clients' address, and some at that of the other daemons, where TLS is spoken.
func handshakes(t *testing.T, tls string) []assault {
	t.Helper()
	expired, err := auth.Sign([]byte(e2eSecret), auth.Claims{Account: "3", TTL: -time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := auth.Sign([]byte("another-secret-that-is-long-enough"), auth.Claims{Account: "3"})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(header, code string) func(*attacker) {
		return func(a *attacker) { a.upgrade("/ws", header); a.wantEnd(code) }
	}
	answered := func(request func(n int) string, want string) func(*attacker) {
		return func(a *attacker) { a.send(request(a.n)); a.wantEnd(want) }
	}
	return []assault{
		{"half of a TLS handshake", 200, 200, func(a *attacker) {
			a.addr = tls
			a.send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("r", a.n))
			a.wantEnd("")
		}},
		{"slowloris", 500, 500, func(a *attacker) {
			a.trickle("GET /ws HTTP/1.1\r\nHost: notifier\r\nX-Slow: " + strings.Repeat("a", 4000))
		}},
		{"no token, and silence", 500, 500, func(a *attacker) { a.upgrade("/ws", ""); a.wantEnd("token_missing") }},
		{"no token, and gone", 2500, 8, func(a *attacker) { a.upgrade("/ws", "") }},
		{"bad token", 2000, 8, refused("Authorization: Bearer "+foreign+"\r\n", "token_invalid")},
		{"expired token", 1000, 4, refused("Authorization: Bearer "+expired+"\r\n", "token_expired")},
		{"bad origin", 1000, 4, refused("Origin: https://evil.example\r\n", "origin_forbidden")},
		{"bad origin of Socket.IO", 500, 4, answered(func(int) string {
			return "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: notifier\r\nOrigin: https://evil.example\r\nConnection: close\r\n\r\n"
		}, "403 Forbidden")},
		{"huge headers", 1000, 4, answered(func(int) string {
			return "GET /ws HTTP/1.1\r\nHost: notifier\r\nX-Huge: " + strings.Repeat("a", 32<<10) + "\r\n\r\n"
		}, "431")},
		{"no HTTP", 1000, 4, answered(func(n int) string {
			return [...]string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "SSH-2.0-Go\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
				strings.Repeat("\x00\xff", 400) + "\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"}[n%5]
		}, "")},
	}
}

// usage is what the daemon holds, after a collection.
type usage struct{ heap, goroutines, files float64 }

func (p *process) usage() usage {
	p.t.Helper()
	for range 2 { // what finalizers let go of is collected the second time
		p.get("/debug/pprof/heap?gc=1")
	}
	http.DefaultClient.CloseIdleConnections() // the daemon counts those to its admin address
	_, body := p.get("/metrics")
	metric := func(name string) float64 {
		found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(body)
		if found == nil {
			p.t.Fatalf("no metric %s", name)
		}
		value, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			p.t.Fatal(err)
		}
		return value
	}
	return usage{metric("go_memstats_heap_alloc_bytes"), metric("go_goroutines"), metric("process_open_fds")}
}

// awaitUsage waits until the daemon holds what it held before.
func (p *process) awaitUsage(before usage) (now usage) {
	p.t.Helper()
	for deadline := time.Now().Add(e2ePatience); ; time.Sleep(250 * time.Millisecond) { // another process: there is no signal to wait for
		now = p.usage()
		if now.heap <= before.heap+keptHeap && now.goroutines <= before.goroutines+keptGoroutines && now.files <= before.files+keptFiles {
			return now
		}
		if time.Now().After(deadline) {
			_, stacks := p.get("/debug/pprof/goroutine?debug=1")
			p.t.Fatalf("before %s, and still %s\n%.6000s", before, now, stacks)
		}
	}
}

func (u usage) String() string {
	return fmt.Sprintf("%.1f MB in %.0f goroutines with %.0f files", math.Round(u.heap/1e5)/10, u.goroutines, u.files)
}
