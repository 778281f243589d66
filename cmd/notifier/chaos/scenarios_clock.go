package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// What daemons that do not know the time do.
var clockScenarios = []*scenario{{
	name: "clock-wrong", about: "one daemon's clock is an hour ahead, another's an hour behind, while screens go from one to the other",
	plan: plan{clock: map[int]time.Duration{0: time.Hour, 1: -time.Hour}},
	fault: func(ctx context.Context, w *world) error {
		for i, offset := range w.plan.clock {
			if err := w.nodes[i].wantClock(offset); err != nil {
				return err
			}
		}
		return w.every(ctx, time.Second, 10*time.Second, func() error {
			for _, n := range w.nodes {
				n.door.Cut()
			}
			return nil
		})
	},
	allows: allowance{linksCut: true},
	resume: time.Second,
}}

// wantClock is an error if the daemon does not log times that are so far off. It logs all the time.
func (n *node) wantClock(offset time.Duration) error {
	lines := strings.Split(n.current().tail(), "\n")
	var last struct {
		Time time.Time `json:"time"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		return fmt.Errorf("read the clock of %s: %w", n.name, err)
	}
	if off := time.Until(last.Time); off < offset-time.Minute || off > offset+time.Minute {
		return fmt.Errorf("the clock of %s is off by %s, want %s", n.name, off, offset)
	}
	return nil
}
