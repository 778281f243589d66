package main

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

const (
	// memoryInterval is how often is looked whether there is memory to give back.
	memoryInterval = 5 * time.Second
	// A rush has allocated so much, and is over when so little is allocated in an interval.
	rushBytes  = 16 << 20
	quietBytes = 1 << 20
)

// giveBack returns to the system what a rush has taken: ten thousand handshakes leave as much garbage as the sockets need, and a
// daemon that is quiet afterwards has no reason to collect it, or to give it back, for minutes. While there is work it does
// nothing. It returns nil when ctx ends.
func giveBack(ctx context.Context) error {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	var given, before uint64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if allocated := allocatedBytes(); allocated-before < quietBytes && allocated-given > rushBytes {
			debug.FreeOSMemory()
			given, before = allocated, allocated
		} else {
			before = allocated
		}
	}
}

// allocatedBytes is how much was ever allocated on the heap.
func allocatedBytes() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}
