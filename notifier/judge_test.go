package notifier

import (
	"testing"
	"time"
)

func TestWhatIsNotWorkedOff(t *testing.T) {
	const s = time.Second
	type step struct {
		after       time.Duration
		seq, staged int64
		want        string
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"nothing waits", []step{{0, 5, 0, ""}, {9 * s, 5, 0, ""}, {9 * s, 5, 0, ""}}},
		{"something waits at each look, and always something else", []step{
			{0, 5, 3, ""}, {2 * s, 8, 3, ""}, {2 * s, 11, 3, ""}, {2 * s, 14, 3, ""}, {2 * s, 17, 3, ""}, {2 * s, 20, 3, ""}}},
		{"the pump is held, and let go", []step{
			{0, 5, 1, ""}, {2 * s, 5, 2, ""}, {2 * s, 5, 3, ""}, {2 * s, 5, 4, PumpStuck}, {2 * s, 5, 5, PumpStuck}, {2 * s, 10, 0, ""}}},
		{"let go with much to do", []step{
			{0, 5, 100, ""}, {3 * s, 5, 100, ""}, {2 * s, 5, 200, PumpStuck}, {3 * s, 80, 130, PumpStuck}, {2 * s, 100, 120, StagingGrowing},
			{3 * s, 230, 10, ""}, {2 * s, 240, 0, ""}}},
		{"it is slow", []step{
			{0, 0, 100, ""}, {3 * s, 50, 150, ""}, {2 * s, 80, 200, StagingGrowing}, {3 * s, 90, 300, StagingGrowing},
			{2 * s, 100, 300, StagingGrowing}, {4 * s, 400, 300, ""}}},
		{"slow, then held", []step{
			{0, 0, 100, ""}, {3 * s, 50, 150, ""}, {2 * s, 80, 200, StagingGrowing}, {3 * s, 80, 300, StagingGrowing}, {2 * s, 80, 300, PumpStuck}}},
		{"we were stopped for a minute, as the pump was", []step{{0, 5, 1, ""}, {60 * s, 5, 1, ""}, {2 * s, 6, 0, ""}}},
		{"the log went back", []step{{0, 50, 10, ""}, {3 * s, 40, 10, ""}, {3 * s, 40, 10, ""}, {2 * s, 40, 10, PumpStuck}}},
	}
	for _, test := range tests {
		b, now := pumping{patience: 5 * s}, time.Now()
		for i, step := range test.steps {
			now = now.Add(step.after)
			b.see(now, look{seq: step.seq, epoch: 1, staged: int(step.staged), oldest: time.Hour})
			if b.verdict != step.want {
				t.Errorf("%s: at look %d %q, want %q", test.name, i, b.verdict, step.want)
			}
		}
	}
}

// A table lock hides the log; what is seen once it is gone is judged afresh.
func TestWhatCannotBeLookedAt(t *testing.T) {
	b, now := pumping{patience: 5 * time.Second}, time.Now()
	for i, want := range []string{"", "", "", PumpStuck, PumpStuck} {
		now = now.Add(2 * time.Second)
		b.keptOut(now)
		if b.verdict != want {
			t.Errorf("at look %d %q, want %q", i, b.verdict, want)
		}
	}
	now = now.Add(2 * time.Second)
	b.see(now, look{seq: 5, epoch: 1, staged: 3})
	if b.verdict != PumpStuck || b.target != 8 {
		t.Errorf("with rows left: %q, and %d is expected, want 8", b.verdict, b.target)
	}
	b.see(now.Add(time.Second), look{seq: 8, epoch: 1, staged: 1})
	if b.verdict != "" {
		t.Errorf("worked off: %q", b.verdict)
	}
}

func TestAnEffectThatFailsOnAndOn(t *testing.T) {
	steps := []struct {
		failing     int
		first       int64
		after       time.Duration
		want, where string
	}{
		{1, 7, 0, "", "it fails"},
		{2, 7, 6 * time.Second, "", "it still does"},
		{1, 9, 2 * time.Second, "", "it is settled, another one fails"},
		{1, 9, 9 * time.Second, "", "that one for 9 s"},
		{1, 9, time.Second, ReleaseFailing, "and for 10 s"},
		{1, 12, time.Second, ReleaseFailing, "a third one"},
		{0, 0, time.Second, "", "none"},
		{1, 12, 20 * time.Second, "", "the third one again"},
	}
	s, now := stall{patience: 10 * time.Second}, time.Now()
	for _, step := range steps {
		now = now.Add(step.after)
		s.see(now, look{failing: step.failing, firstFailing: step.first})
		if s.verdict != step.want {
			t.Errorf("%s: %q, want %q", step.where, s.verdict, step.want)
		}
	}
}

func TestTheQueueDoesNotSway(t *testing.T) {
	last := ""
	for i, step := range []struct {
		usage float64
		want  string
	}{{0, ""}, {0.49, ""}, {0.5, NotifyQueueFull}, {0.46, NotifyQueueFull}, {0.44, ""}, {0.46, ""}} {
		if last = queueVerdict(last, step.usage); last != step.want {
			t.Errorf("step %d: %q, want %q", i, last, step.want)
		}
	}
}
