package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"notifier/cmd/notifier/chaos/link"
	"notifier/sql/pgtest"
	"notifier/wsroom/socketio/stocktest"
)

const (
	outageLength = 30 * time.Second
	outageEvents = 500 // that happen meanwhile
)

// outage is something that goes wrong for a while between screens and what happens in their clinic.
type outage struct {
	db      *pgtest.DB
	begin   func()
	end     func()
	recover bool // what the screens are to do afterwards; if not, they start anew

	screens map[string]*stocktest.Client
}

// TestStockClientsAfterThirtySeconds has all outages at the same time, so that they take thirty seconds together.
func TestStockClientsAfterThirtySeconds(t *testing.T) {
	t.Parallel()
	outages := map[string]*outage{
		"the link": lostLink(t), "the daemon": lostDaemon(t), "all daemons": lostDaemons(t), "beyond the retention": lostForTooLong(t),
	}
	for _, o := range outages {
		for _, screen := range o.screens {
			screen.Next("connect")
		}
		for id := 1; id <= 10; id++ {
			finish(o.db, id)
		}
	}
	for _, o := range outages {
		for _, screen := range o.screens {
			screen.WantEvents(1, 10)
		}
		o.begin()
	}
	over := time.After(outageLength)
	for name, o := range outages {
		for transports, screen := range o.screens {
			if got := screen.Next("disconnect", "event"); got.Kind != "disconnect" {
				t.Fatalf("%s, %s: got %+v", name, transports, got)
			}
		}
		o.finishMany(11)
	}
	<-over
	for name, o := range outages {
		o.end()
		for transports, screen := range o.screens {
			if got := screen.Next("connect"); got.Recovered != o.recover {
				t.Fatalf("%s, %s: recovered %v", name, transports, got.Recovered)
			}
			if o.recover {
				screen.WantEvents(11, 10+outageEvents)
			}
		}
		finish(o.db, 11+outageEvents)
		for _, screen := range o.screens {
			screen.WantEvents(11+outageEvents, 11+outageEvents) // and no event of the gap before, if it is lost
		}
	}
}

// finishMany finishes the appointments of the gap, in order, each in a transaction of its own.
func (o *outage) finishMany(first int) {
	o.db.Exec(pgtest.App, fmt.Sprintf(`
		DO $$ BEGIN FOR n IN %d..%d LOOP UPDATE appointments SET "statusId" = 5 WHERE id = n; COMMIT; END LOOP; END $$`,
		first, first+outageEvents-1))
}

func newOutage(t *testing.T) *outage {
	t.Helper()
	o := &outage{db: clinic(t), recover: true, screens: make(map[string]*stocktest.Client)}
	book(o.db, 1, 1, 11+outageEvents)
	return o
}

// join adds a screen of each kind that knows this address.
func (o *outage) join(t *testing.T, name, addr string) {
	t.Helper()
	for _, transports := range []string{`["polling","websocket"]`, `["websocket"]`, `["polling"]`} {
		// Patience: who tries a hundred times a second for half a minute only keeps the machine busy.
		o.screens[name+transports] = joinStock(t, addr, transports, `"reconnectionDelay":300,"reconnectionDelayMax":600`)
	}
}

// lostLink resets the clients' connections and refuses new ones.
func lostLink(t *testing.T) *outage {
	t.Helper()
	o := newOutage(t)
	way := openLink(t, serveReady(t, o.db).addr)
	o.join(t, "", way.Addr())
	o.begin = way.cut
	o.end = way.Heal
	return o
}

// lostDaemon kills one of two daemons.
func lostDaemon(t *testing.T) *outage {
	t.Helper()
	o := newOutage(t)
	serveReady(t, o.db)
	p := serveReady(t, o.db)
	way := openLink(t, p.addr)
	o.join(t, "", way.Addr())
	o.begin = func() { way.kill(p) }
	o.end = func() { way.lead(serveReady(t, o.db)) }
	return o
}

// lostDaemons kills all.
func lostDaemons(t *testing.T) *outage {
	t.Helper()
	o := newOutage(t)
	one, two := serveReady(t, o.db), serveReady(t, o.db)
	toOne, toTwo := openLink(t, one.addr), openLink(t, two.addr)
	o.join(t, "one ", toOne.Addr())
	o.join(t, "two ", toTwo.Addr())
	o.begin = func() {
		toOne.kill(one)
		toTwo.kill(two)
	}
	o.end = func() {
		toOne.lead(serveReady(t, o.db))
		toTwo.lead(serveReady(t, o.db))
	}
	return o
}

// lostForTooLong is a lostLink that ends when the log no longer has what happened meanwhile.
func lostForTooLong(t *testing.T) *outage {
	t.Helper()
	const retention = "3s"
	o := newOutage(t)
	o.recover = false
	way := openLink(t, serveReady(t, o.db, "--retention", retention).addr)
	o.join(t, "", way.Addr())
	o.begin = way.cut
	o.end = func() {
		serveReady(t, o.db, "--retention", retention) // a daemon looks for what is too old once a minute, and when it starts
		for deadline := time.Now().Add(e2ePatience); pgtest.Get[int](o.db, `SELECT count(*) FROM notifier.event`) > 0; {
			if time.Now().After(deadline) {
				t.Fatal("the log is not pruned")
			}
			time.Sleep(20 * time.Millisecond) // another process: there is no signal to wait for
		}
		way.Heal()
	}
	return o
}

// way is an address that clients know, whatever becomes of the daemon behind it: a port that a daemon had may be anybody's when it has ended.
type way struct{ *link.Link }

// cut resets the connections and refuses new ones.
func (w way) cut() {
	w.Refuse(true)
	w.Cut()
}

// kill ends the daemon at the other end.
func (w way) kill(p *process) {
	w.Refuse(true)
	p.kill()
}

// lead makes it lead to this daemon.
func (w way) lead(p *process) {
	w.Retarget(link.To("tcp", p.addr))
	w.Heal()
}

// openLink opens a way to a daemon.
func openLink(t *testing.T, addr string) way {
	t.Helper()
	to, err := link.Listen(t.Context(), "127.0.0.1:0", link.To("tcp", addr))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- to.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return way{to}
}
