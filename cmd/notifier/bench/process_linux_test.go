package bench

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// busy spends processor time.
func busy(d time.Duration) {
	for began := time.Now(); time.Since(began) < d; {
	}
}

func TestProcessorTimeGrowsWithWorkAndHoldsWhatChildrenTook(t *testing.T) {
	own, parent := process{pid: os.Getpid()}, process{pid: os.Getpid(), children: true}
	before, err := own.cpu()
	if err != nil {
		t.Fatal(err)
	}
	withChildren, err := parent.cpu()
	if err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(20 * time.Second); ; { // on a busy machine work takes longer
		busy(50 * time.Millisecond)
		if now, err := own.cpu(); err != nil {
			t.Fatal(err)
		} else if now >= before+50*time.Millisecond {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("20 s of work took no processor time")
		}
	}
	if err := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done").Run(); err != nil {
		t.Fatal(err)
	}
	after, err := own.cpu()
	if err != nil {
		t.Fatal(err)
	}
	afterWithChildren, err := parent.cpu()
	if err != nil {
		t.Fatal(err)
	}
	if child := (afterWithChildren - withChildren) - (after - before); child < 20*time.Millisecond {
		t.Errorf("the child took %v, want some", child)
	}
}

func TestMemoryIsAtMostItsPeak(t *testing.T) {
	rss, peak, err := process{pid: os.Getpid()}.memory()
	if err != nil || rss < 1<<20 || peak < rss {
		t.Errorf("%d bytes now, %d at most, %v", rss, peak, err)
	}
	if _, _, err := (process{pid: 1 << 30}).memory(); err == nil {
		t.Error("a process that there is not has memory")
	}
}

func TestWhatAGroupTakesIsAddedUp(t *testing.T) {
	one := process{pid: os.Getpid()}
	two := Target{PID: one.pid, Peers: []Peer{{PID: one.pid}}}.servers()
	busy(20 * time.Millisecond)
	alone, err := one.cpu()
	if err != nil {
		t.Fatal(err)
	}
	if both, err := two.cpu(); err != nil || both < 2*alone {
		t.Errorf("%v, %v: want at least twice %v", both, err, alone)
	}
	if rss, peak, err := two.memory(); err != nil || rss < 2<<20 || peak < rss {
		t.Errorf("%d bytes now, %d at most, %v", rss, peak, err)
	}
	if _, err := (group{one, {pid: 1 << 30}}).cpu(); err == nil {
		t.Error("a process that there is not has taken something")
	}
}
