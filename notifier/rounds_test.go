package notifier

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// desk is a database that answers when it is told to.
type desk struct {
	rounds[int]
	asked   chan []int // what it is asked
	answers chan error
	mu      sync.Mutex
	ended   []int // items of rounds that are over, sorted
}

func newDesk(turns, most int) *desk {
	d := &desk{asked: make(chan []int), answers: make(chan error)}
	d.rounds = rounds[int]{turns: make(chan struct{}, turns), most: most, ask: d.ask, over: d.over}
	return d
}

func (d *desk) ask(ctx context.Context, items []int) error {
	select {
	case d.asked <- items:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-d.answers:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *desk) over(items []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = append(d.ended, items...)
	slices.Sort(d.ended)
}

// client brings an item and waits, until its context ends.
func (d *desk) client(item int) (outcome chan error, leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	outcome = make(chan error, 1)
	go func() {
		v := visit[int]{rounds: &d.rounds}
		v.add(ctx, item)
		outcome <- v.wait(ctx)
	}()
	synctest.Wait()
	return outcome, cancel
}

// answered tells whether a client has gone, and how.
func answered(outcome chan error) (bool, error) {
	synctest.Wait()
	select {
	case err := <-outcome:
		return true, err
	default:
		return false, nil
	}
}

func checkAsked(t *testing.T, d *desk, want ...int) {
	t.Helper()
	if got := <-d.asked; !slices.Equal(got, want) {
		t.Errorf("asked for %v, want %v", got, want)
	}
}

func checkAnswered(t *testing.T, outcome chan error, want error) {
	t.Helper()
	if gone, err := answered(outcome); !gone || !errors.Is(err, want) {
		t.Errorf("answered %v, %v; want %v", gone, err, want)
	}
}

func TestWhatComesMeanwhileIsAskedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1, 3)
		first, _ := d.client(1)
		checkAsked(t, d, 1) // at once, and alone
		second, _ := d.client(2)
		third, _ := d.client(3)
		fourth, _ := d.client(4)
		fifth, _ := d.client(5) // the round before is full
		d.answers <- nil
		checkAnswered(t, first, nil)
		checkAsked(t, d, 2, 3, 4)
		d.answers <- errLogCut
		for _, outcome := range []chan error{second, third, fourth} {
			checkAnswered(t, outcome, errLogCut)
		}
		checkAsked(t, d, 5)
		d.answers <- nil
		checkAnswered(t, fifth, nil)
		if want := []int{1, 2, 3, 4, 5}; !slices.Equal(d.ended, want) {
			t.Errorf("over are %v, want %v", d.ended, want)
		}
	})
}

func TestAsManyRoundsAtOnceAsThereAreTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(2, 3)
		first, _ := d.client(1)
		checkAsked(t, d, 1)
		second, _ := d.client(2)
		checkAsked(t, d, 2)
		third, _ := d.client(3)
		if gone, _ := answered(third); gone || len(d.turns) != 2 {
			t.Errorf("a third round: over %v, %d turns taken", gone, len(d.turns))
		}
		d.answers <- nil
		checkAsked(t, d, 3)
		d.answers <- nil
		d.answers <- nil
		for _, outcome := range []chan error{first, second, third} {
			checkAnswered(t, outcome, nil)
		}
	})
}

func TestWhoLeavesDisturbsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1, 10)
		busy, _ := d.client(1)
		checkAsked(t, d, 1)
		leader, leaderLeaves := d.client(2)
		_, _ = d.client(3)
		guest, guestLeaves := d.client(4)
		last, _ := d.client(5)
		guestLeaves()
		checkAnswered(t, guest, context.Canceled)
		leaderLeaves()
		if gone, _ := answered(leader); gone {
			t.Error("the leader left while others needed it")
		}
		d.answers <- nil
		checkAnswered(t, busy, nil)
		checkAsked(t, d, 2, 3, 4, 5)
		d.answers <- nil
		checkAnswered(t, last, nil)
		if gone, _ := answered(leader); !gone {
			t.Error("the leader did not go after its round")
		}
	})
}

func TestARoundThatAllHaveLeftIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1, 10)
		// While it is asked for, and while another waits for its turn.
		asking, asksNoMore := d.client(1)
		checkAsked(t, d, 1)
		leader, leaderLeaves := d.client(2)
		guest, guestLeaves := d.client(3)
		waiting := d.open
		leaderLeaves()
		guestLeaves()
		checkAnswered(t, leader, context.Canceled)
		checkAnswered(t, guest, context.Canceled)
		v := visit[int]{rounds: &d.rounds}
		if v.join(waiting) {
			t.Error("a newcomer joined a round that nobody waits for")
		}
		asksNoMore()
		checkAnswered(t, asking, context.Canceled)
		next, _ := d.client(4)
		checkAsked(t, d, 4)
		d.answers <- nil
		checkAnswered(t, next, nil)
		if want := []int{1, 2, 3, 4}; !slices.Equal(d.ended, want) {
			t.Errorf("over are %v, want %v", d.ended, want)
		}
	})
}

// A visit may lead one round and be a guest in others.
func TestAVisitWaitsForAllItsRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(2, 2)
		first, _ := d.client(1)
		checkAsked(t, d, 1)
		second, _ := d.client(2)
		checkAsked(t, d, 2)
		ctx := t.Context()
		outcome := make(chan error, 1)
		go func() {
			v := visit[int]{rounds: &d.rounds}
			for item := 3; item <= 5; item++ { // two rounds
				v.add(ctx, item)
			}
			outcome <- v.wait(ctx)
		}()
		d.answers <- nil
		checkAsked(t, d, 3, 4)
		d.answers <- nil
		if gone, _ := answered(outcome); gone {
			t.Error("it did not wait for its second round")
		}
		d.answers <- nil
		checkAsked(t, d, 5)
		d.answers <- nil
		checkAnswered(t, outcome, nil)
		checkAnswered(t, first, nil)
		checkAnswered(t, second, nil)
	})
}
