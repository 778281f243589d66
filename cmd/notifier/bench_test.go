package main

import (
	"errors"
	"testing"

	"notifier/cmd/notifier/bench"
)

func TestABenchInWhichSomethingWentWrongFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		report bench.Report
		want   error
	}{
		{"all is well", bench.Report{Events: 2, Deliveries: 4}, nil},
		{"idle", bench.Report{}, nil},
		{"one is lost", bench.Report{Events: 2, Deliveries: 3, Lost: 1}, errNotGood},
		{"one came twice", bench.Report{Events: 2, Deliveries: 5, Doubled: 1}, errNotGood},
		{"one was another account's", bench.Report{Events: 2, Deliveries: 5, Misrouted: 1}, errNotGood},
		{"another database's daemon", bench.Report{Events: 2, Lost: 4}, errNothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := verdict(test.report); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}
