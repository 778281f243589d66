package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"notifier/auth"
	"notifier/notifier"
	"notifier/wsroom"
)

// patient is a daemon of which only what /livez and /readyz ask for is there; feed and rooms are what the test makes them.
type patient struct {
	daemon *daemon
	step   atomic.Int64
	lock   chan struct{} // held: the rooms' lock
	log    bytes.Buffer
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{lock: make(chan struct{}, 1)}
	log := slog.New(slog.NewTextHandler(&p.log, nil))
	pool, err := notifier.OpenPool(t.Context(), "postgres://nobody@127.0.0.1:1/none")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	verifier, err := auth.New(auth.Config{Secrets: [][]byte{[]byte(strings.Repeat("s", 32))}, AccountClaim: "accountId", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	p.daemon = &daemon{log: log, verifier: verifier, metrics: newMetrics()}
	p.daemon.feed = notifier.NewFeed(pool, nil, nil, nil, time.Second, p.daemon.metrics, log)
	if p.daemon.listener, err = notifier.NewListener("postgres://nobody@127.0.0.1:1/none", p.daemon.feed, p.daemon.metrics, log); err != nil {
		t.Fatal(err)
	}
	p.daemon.watch = notifier.NewWatch(pool, p.daemon.feed, p.daemon.listener, p.daemon.metrics, log)
	p.daemon.life = newLife(
		func() (int64, bool) { step := p.step.Load(); return step, step%2 == 1 },
		func() { p.lock <- struct{}{}; <-p.lock }, log)
	return p
}

// ask returns the status and the codes of the problems.
func (p *patient) ask(t *testing.T, path string) (status int, codes []string) {
	t.Helper()
	w := httptest.NewRecorder()
	p.daemon.adminHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	var body struct{ Problems []problem }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Problems == nil {
		t.Fatalf("%s: %v in %s", path, err, w.Body)
	}
	for _, one := range body.Problems {
		codes = append(codes, one.Code)
	}
	return w.Code, codes
}

func (p *patient) wants(t *testing.T, path string, status int, code string) {
	t.Helper()
	got, codes := p.ask(t, path)
	found := strings.Contains(strings.Join(codes, " "), code)
	if got != status || code != "" && !found || code == "" && strings.Contains(strings.Join(codes, " "), "_hung") {
		t.Errorf("after %s: %d and %q, want %d and %q", path, got, codes, status, code)
	}
}

func TestLivezFailsSlowlyWhenAPartHangs(t *testing.T) {
	for _, test := range []struct {
		code      string
		hang, end func(p *patient)
	}{
		{feedHung, func(p *patient) { p.step.Add(1) }, func(p *patient) { p.step.Add(1) }},
		{roomsHung, func(p *patient) { p.lock <- struct{}{} }, func(p *patient) { <-p.lock }},
	} {
		t.Run(test.code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(t)
				go func() { _ = p.daemon.life.run(t.Context()) }()
				// The database is away all that time: /readyz says so, and a restart mends nothing. The half second is between two looks.
				time.Sleep(time.Hour + lifeInterval/2)
				p.wants(t, "/livez", http.StatusOK, "")
				p.wants(t, "/readyz", http.StatusServiceUnavailable, notifier.DatabaseAway)

				test.hang(p)
				time.Sleep((hangsForReady + 2) * time.Second)
				p.wants(t, "/livez", http.StatusOK, "")
				p.wants(t, "/readyz", http.StatusServiceUnavailable, test.code)
				time.Sleep(hangsForLive * time.Second)
				p.wants(t, "/livez", http.StatusServiceUnavailable, test.code)

				test.end(p)
				time.Sleep(2 * time.Second)
				p.wants(t, "/livez", http.StatusOK, "")
				p.wants(t, "/readyz", http.StatusServiceUnavailable, notifier.DatabaseAway)
				synctest.Wait()
				for _, event := range []string{"level=ERROR msg=part_hung code=" + test.code, "msg=part_recovered code=" + test.code} {
					if strings.Count(p.log.String(), event) != 1 {
						t.Errorf("%q is not once in the log: %s", event, &p.log)
					}
				}
			})
		})
	}
}

// The alert that names the part needs a scrape that does not wait for it.
func TestMetricsTellOfRoomsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(t)
		p.daemon.metrics.watchHealth(p.daemon.health)
		p.daemon.metrics.watchRooms(func() wsroom.Stats {
			p.daemon.life.touch()
			return wsroom.Stats{Rooms: 7}
		})
		go func() { _ = p.daemon.life.run(t.Context()) }()
		time.Sleep(lifeInterval / 2)
		scrape := func() string {
			w := httptest.NewRecorder()
			p.daemon.adminHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
			return w.Body.String()
		}
		for _, hangs := range []bool{false, true, false} {
			if hangs {
				p.lock <- struct{}{}
				time.Sleep((hangsForReady + 2) * time.Second)
				scrape() // a second one while the first still asks
			}
			began, text := time.Now(), scrape()
			if time.Since(began) > hubPatience || strings.Contains(text, "notifier_rooms 7\n") == hangs ||
				strings.Contains(text, `notifier_problem{code="rooms_hung"} 1`) != hangs {
				t.Errorf("hangs %t: after %v the metrics are\n%s", hangs, time.Since(began), text)
			}
			if hangs {
				<-p.lock
				time.Sleep(2 * time.Second)
			}
		}
	})
}

// A step that goes on is none that hangs, however long all of them take; nor is a process that was stopped.
func TestWorkThatTakesLongIsNoHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(t)
		p.step.Store(1)
		go func() { _ = p.daemon.life.run(t.Context()) }()
		for range 100 {
			time.Sleep(10 * time.Second)
			p.step.Add(2)
		}
		p.wants(t, "/livez", http.StatusOK, "")
		synctest.Wait()
		if strings.Contains(p.log.String(), "part_hung") {
			t.Errorf("log: %s", &p.log)
		}
	})
	p := newPatient(t)
	p.step.Store(1)
	p.daemon.life.look(t.Context(), p.daemon.life.vitals[0])
	p.daemon.life.look(t.Context(), p.daemon.life.vitals[0]) // an hour later, by the clock
	p.wants(t, "/livez", http.StatusOK, "")
}
