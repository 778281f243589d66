package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

var errBroken = errors.New("promises were broken")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// run plays the scenarios that the arguments name, one after the other.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	seed := flags.Uint64("seed", rand.Uint64N(1e6), //nolint:gosec // any
		"of the writers, the screens and the faults; default: any")
	pattern := flags.String("run", "", "play the scenarios whose name matches this regular expression")
	changes := flags.Int("changes", 10_000, "terminal changes to commit in each scenario")
	protocols := flags.String("protocols", "ws,socketio", "of the screens")
	list := flags.Bool("list", false, "list the scenarios")
	race := flags.Bool("race", false, "run the daemons under the race detector")
	keep := flags.Bool("keep", false, "keep the logs, also where nothing was broken")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*pattern)
	if err != nil {
		return err
	}
	if *list {
		for _, s := range chosen {
			fmt.Fprintf(stdout, "%-24s %s\n", s.name, s.about)
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "notifier-chaos-")
	if err != nil {
		return err
	}
	var buildFlags []string
	if *race {
		buildFlags = []string{"-race"}
	}
	o := options{
		dir: dir, build: buildFlags, seed: *seed, changes: *changes, protocols: strings.Split(*protocols, ","),
		patience: 100 * time.Millisecond, pingTimeout: screenPing, strict: true,
		log: func(format string, args ...any) {
			fmt.Fprintf(stderr, "%s  %s\n", clock(time.Now()), fmt.Sprintf(format, args...))
		},
	}
	if o.binary, err = build(ctx, dir, buildFlags...); err != nil {
		return err
	}
	err = playAll(ctx, chosen, o, stdout)
	if err == nil && !*keep {
		return os.RemoveAll(dir)
	}
	fmt.Fprintf(stderr, "logs: %s\nagain: go run ./cmd/notifier/chaos -seed %d -run '^name$'\n", dir, *seed)
	return err
}

func playAll(ctx context.Context, chosen []*scenario, o options, stdout io.Writer) error {
	fmt.Fprintf(stdout, "seed %d, %d changes in each of %d scenarios\n", o.seed, o.changes, len(chosen))
	var verdicts []*verdict
	broken := false
	for _, s := range chosen {
		v, err := s.run(ctx, o)
		if err != nil {
			return errors.Join(fmt.Errorf("play %s: %w", s.name, err), table(stdout, verdicts))
		}
		verdicts = append(verdicts, v)
		broken = broken || len(v.faults) > 0
		fmt.Fprintf(stdout, "%s\n%s", s.name, v.report())
	}
	if err := table(stdout, verdicts); err != nil || !broken {
		return err
	}
	return errBroken
}

// choose are the scenarios whose name matches.
func choose(pattern string) ([]*scenario, error) {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("read -run: %w", err)
	}
	var chosen []*scenario
	for _, s := range scenarios() {
		if match.MatchString(s.name) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no scenario matches -run %q: see -list", pattern)
	}
	return chosen, nil
}

// clock is a time of day, as all logs here have it.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
