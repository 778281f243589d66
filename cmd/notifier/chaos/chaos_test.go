package main

import (
	"testing"
	"time"
)

// A selection for every run of the tests; all of them, longer, are `make chaos`.
func TestNothingIsLostAndNothingDoubled(t *testing.T) {
	binary, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := options{
		binary: binary, dir: t.TempDir(), seed: uint64(time.Now().UnixNano()), changes: 1500, protocols: []string{"ws", "socketio"},
		patience: time.Second, pingTimeout: 10 * time.Second, // the machine tests other packages at the same time
		log: t.Logf,
	}
	played := 0
	for _, s := range scenarios() {
		if !s.short {
			continue
		}
		played++
		t.Run(s.name, func(t *testing.T) {
			v, err := s.run(t.Context(), o)
			if err != nil {
				t.Fatalf("seed %d: %v", o.seed, err)
			}
			if len(v.faults) > 0 {
				t.Errorf("seed %d:\n%s", o.seed, v.report())
			}
			t.Logf("%d changes, %d delivered, back after %s, took %s", v.changes, v.delivered, v.resume, v.took)
		})
	}
	if played < 5 {
		t.Errorf("%d scenarios", played)
	}
}
