package main

import (
	"context"
	"runtime"
	runtimemetrics "runtime/metrics"
	"testing"
	"testing/synctest"
	"time"
)

// What the system was given back, as the runtime counts it.
func releasedBytes() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/memory/classes/heap/released:bytes"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestMemoryOfARushIsGivenBackWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- giveBack(ctx) }()
		time.Sleep(memoryInterval + time.Second) // whatever the test has allocated before it is no rush
		rush := make([]byte, 256<<20)
		for i := 0; i < len(rush); i += 4096 {
			rush[i] = 1
		}
		runtime.KeepAlive(rush) // and no longer
		before := releasedBytes()
		time.Sleep(memoryInterval) // a look that sees it allocated
		if released := releasedBytes(); released > before+128<<20 {
			t.Errorf("%d bytes were given back while the rush went on", released-before)
		}
		time.Sleep(memoryInterval) // and one that sees quiet
		if released := releasedBytes(); released < before+128<<20 {
			t.Errorf("%d bytes were given back, want most of a rush of 256 MB", int64(released)-int64(before))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
