package main

import (
	"fmt"
	"testing"
	"time"
)

func TestReplacedSecretsStayGoodForTheOverlap(t *testing.T) {
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	r := rotation{configured: []string{"a"}}
	expect := func(good string, next time.Time) {
		t.Helper()
		end, _ := r.next()
		if got := fmt.Sprintf("%s", r.good()); got != good || !end.Equal(next) {
			t.Errorf("good are %s until %v, want %s until %v", got, end, good, next)
		}
	}
	expect("[a]", time.Time{})
	r.turn([]string{"b"}, time.Hour, at(0))
	expect("[b a]", at(60))
	r.turn([]string{"b"}, time.Hour, at(10)) // nothing new: the overlap runs on
	expect("[b a]", at(60))
	r.turn([]string{"c"}, 5*time.Minute, at(20))
	expect("[c a b]", at(25))
	if ended := r.expire(at(25)); ended != 1 {
		t.Errorf("%d ended, want 1", ended)
	}
	expect("[c a]", at(60))
	r.turn([]string{"a", "c"}, time.Hour, at(30)) // the first one again
	expect("[a c]", time.Time{})
	r.turn([]string{"d"}, time.Hour, at(30))
	r.turn([]string{"d"}, 0, at(31)) // leaked
	expect("[d]", time.Time{})
	for n := range 20 {
		r.turn([]string{fmt.Sprint(n)}, time.Hour, at(40))
	}
	if n := len(r.good()); n != 1+maxRetired {
		t.Errorf("%d secrets are good, want %d", n, 1+maxRetired)
	}
	r.turn(nil, time.Hour, at(50)) // to a JWKS alone
	if n := len(r.good()); n != maxRetired {
		t.Errorf("%d secrets are good, want %d", n, maxRetired)
	}
}
