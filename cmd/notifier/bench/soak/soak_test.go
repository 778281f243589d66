package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"notifier/cmd/notifier/bench/rig"
	"notifier/sql/postgres"
)

// small is a soak of seconds, with real daemons and a real PostgreSQL.
func small(t *testing.T, args string) options {
	o, err := parse(strings.Fields("-conns 40 -accounts 4 -rate 50 -sample-every 200ms -stay 1s -away 100ms "+args), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o.rest = time.Second
	return o
}

// open opens a site.
func open(t *testing.T) *site {
	s, err := openSite(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestASmallSoakFindsNothingWrong(t *testing.T) {
	r, err := soak(t.Context(), open(t), small(t, "-for 5s -fault-every 900ms"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	r.print(&table)
	if err := r.verdict(); err != nil {
		t.Errorf("%v\n%s", err, &table)
	}
	if len(r.Marks) < 4 || r.Findings.Finalised == 0 || r.Findings.Expected == 0 || r.Count.Deliveries < int64(r.Findings.Expected) {
		t.Errorf("%d faults:\n%s", len(r.Marks), &table)
	}
	if len(r.Samples) == 0 || r.Latency.Max == 0 {
		t.Error("nothing was measured")
	}
}

func TestWhatASmallSoakIsRobbedOfIsFound(t *testing.T) {
	s := open(t)
	if err := rig.Execute(t.Context(), s.server.URL(postgres.Superuser, database), robberySQL); err != nil {
		t.Fatal(err)
	}
	r, err := soak(t.Context(), s, small(t, "-for 2s -fault-every 1m"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Findings; f.Unlogged == 0 || f.Misrouted == 0 || r.verdict() == nil {
		t.Errorf("of ten changes one was kept from the log and one has another account: %+v", f)
	}
}

const robberySQL = `
	CREATE FUNCTION public.rob() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		IF NEW.appointment_id % 10 = 0 THEN RETURN NULL; END IF;
		IF NEW.appointment_id % 10 = 5 THEN NEW.account_id := (SELECT min(id) + max(id) - NEW.account_id FROM public.accounts); END IF;
		RETURN NEW;
	END $$;
	CREATE TRIGGER rob BEFORE INSERT ON notifier.staging FOR EACH ROW EXECUTE FUNCTION public.rob()`

func TestASoakThatIsInterruptedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)); err != nil { // PostgreSQL's user must get in
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	progress := writerFunc(func([]byte) { cancel() }) // at the first fault
	err := run(ctx, strings.Fields("-for 1m -conns 40 -accounts 4 -fault-every 1s"), io.Discard, progress)
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("got %v, want it to say that it was interrupted", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func TestFlagsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"-for 0s", "-fault-every 0s", "-sample-every -1s", "-rate 0", "-rate NaN", "now", "-from nowhere.json"} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%s is taken", args)
		}
	}
}

func TestThereAreAppointmentsEnoughForAllFaults(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"", "-for 2m -fault-every 10s", "-for 1s -rate 1", "-for 40s -fault-every 1s"} {
		o, err := parse(strings.Fields(args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		needed := int(o.rate * o.during.Seconds())
		for n := range int(o.during / o.faultEvery) {
			switch n % len(faults) {
			case 5:
				needed += burst
			case 9:
				needed++
			}
		}
		if got := o.appointments(); got < needed {
			t.Errorf("%q: %d, want at least %d", args, got, needed)
		}
	}
}
