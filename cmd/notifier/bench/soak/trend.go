package main

import (
	"fmt"
	"math"
	"slices"
)

// slack is how much more of something a daemon may have when the crowd has left: connections to the database, and their timers.
const slack = 16

// back reports whether no sockets, and no more goroutines and descriptors are left than there were.
func (v vitals) back(before vitals) bool {
	return v.Up && before.Up && v.Sockets == 0 && v.Goroutines <= before.Goroutines+slack && v.Files <= before.Files+slack
}

// quantity is something of a daemon that is to stay as it is, however its sockets come and go.
type quantity struct {
	name string
	unit string
	of   func(v vitals) float64
	room float64 // so much more is noise, beside a tenth
}

var quantities = []quantity{
	{"memory (RSS)", "MB", func(v vitals) float64 { return float64(v.RSS) / 1e6 }, 5},
	{"heap in use", "MB", func(v vitals) float64 { return float64(v.Heap) / 1e6 }, 5},
	{"goroutines beside one a socket", "", func(v vitals) float64 { return float64(v.Goroutines - v.Sockets) }, 20},
	{"descriptors beside one a socket", "", func(v vitals) float64 { return float64(v.Files - v.Sockets) }, 20},
}

// trend is a quantity of one daemon in the three thirds of the load: medians. What is kept of the last 20,000 events fills up in the first.
type trend struct {
	quantity quantity
	thirds   [3]float64
}

// trendOf takes the samples of a daemon up to the end of the load.
func trendOf(q quantity, samples []sample, daemon int, seconds float64) (t trend) {
	t.quantity = q
	var values [3][]float64
	for _, s := range samples {
		if v := s.Daemons[daemon]; v.Up && s.At < seconds {
			third := min(int(3*s.At/seconds), 2)
			values[third] = append(values[third], q.of(v))
		}
	}
	for i := range values {
		t.thirds[i] = median(values[i])
	}
	return t
}

// flat compares the last third with the one before it.
func (t trend) flat() bool { return t.thirds[2] <= 1.1*t.thirds[1]+t.quantity.room }

func (t trend) String() string {
	return fmt.Sprintf("%.0f, %.0f, %.0f %s", t.thirds[0], t.thirds[1], t.thirds[2], t.quantity.unit)
}

// enough is how long a load has to be, in seconds, for its thirds to be compared: in a shorter one the first ramp is not over in the second third.
const enough = 15 * 60

// verdict says whether it is flat, after a load of so many seconds.
func (t trend) verdict(seconds float64) string {
	switch {
	case seconds < enough:
		return "too short to say"
	case t.flat():
		return "flat"
	}
	return "NOT FLAT"
}

// median is the middle, or between the two in the middle; NaN of nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
