package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bellbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	runs := flag.Int("runs", 9, "how often each variant is measured under each load")
	seconds := flag.Int("seconds", 1, "how long a measurement takes")
	fill := flag.Bool("fill-queue", false, "fill the NOTIFY queue instead and see whether the clinic still commits")
	flag.Parse()

	b, err := start(ctx)
	if b != nil {
		defer func() { err = errors.Join(err, b.server.Stop()) }()
	}
	if err != nil {
		return err
	}
	if *fill {
		return b.fillQueue(ctx, os.Stdout)
	}
	began := time.Now()
	results, err := b.throughput(ctx, os.Stderr, *runs, *seconds)
	if err != nil {
		return err
	}
	beside, among, err := b.latency(ctx)
	if err != nil {
		return err
	}
	printThroughput(os.Stdout, results)
	printLatency(os.Stdout, beside, among)
	line(os.Stdout, "\n%d runs of %d s each, %v in all", *runs, *seconds, time.Since(began).Round(time.Second))
	return nil
}
