package main

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"notifier/cmd/notifier/bench"
	"notifier/sql"
)

//go:embed plain_trigger.sql
var plainTriggerSQL string

// contender is what is measured.
type contender struct {
	name     string
	title    string // for people
	protocol string
	role     string                                      // of its own connections
	install  func(ctx context.Context, url string) error // what its database has beside the clinic's tables
	command  func(b builds, url string) *exec.Cmd
}

// The names by which figures and flags know them.
const (
	ourPlain    = "notifier-ws"
	ourSocketIO = "notifier-socketio"
	nestGateway = "nest"
	bareFloor   = "floor"
)

// contenders are all, in the order in which they take turns.
func contenders() []contender {
	return []contender{
		{ourPlain, "notifier, plain", bench.Plain, "notifier_runtime", migrate, serve},
		{ourSocketIO, "notifier, Socket.IO", bench.SocketIO, "notifier_runtime", migrate, serve},
		{nestGateway, "NestJS gateway", bench.SocketIO, owner, plainTrigger, nest},
		{bareFloor, "floor", bench.Plain, owner, plainTrigger, floor},
	}
}

// chooseContenders are those that a comma-separated list names; all of them if it is empty.
func chooseContenders(list string) ([]contender, error) {
	all := contenders()
	if list == "" {
		return all, nil
	}
	var chosen []contender
	for _, name := range strings.Split(list, ",") {
		i := slices.IndexFunc(all, func(c contender) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no contender is called %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func migrate(ctx context.Context, url string) error {
	migrator, err := sql.New(sql.Config{URL: url})
	if err != nil {
		return err
	}
	_, err = migrator.Up(ctx)
	return err
}

func plainTrigger(ctx context.Context, url string) error { return execute(ctx, url, plainTriggerSQL) }

// serve is the daemon as it comes: its limits, pings, metrics and log are on.
func serve(b builds, url string) *exec.Cmd {
	cmd := exec.Command(b.notifier, "serve", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--log-format", "json") //nolint:noctx // child ends it
	cmd.Env = append(cmd.Environ(), "NOTIFIER_DATABASE_URL="+url, "NOTIFIER_JWT_SECRET="+secret)
	return cmd
}

func nest(b builds, url string) *exec.Cmd {
	cmd := exec.Command("node", filepath.Join(b.nest, "main.mjs")) //nolint:noctx // child ends it
	cmd.Env = append(cmd.Environ(), "NODE_ENV=production", "NEST_DATABASE_URL="+url, "NEST_JWT_SECRET="+secret)
	return cmd
}

func floor(b builds, url string) *exec.Cmd {
	cmd := exec.Command(b.floor) //nolint:noctx // child ends it
	cmd.Env = append(cmd.Environ(), "FLOOR_DATABASE_URL="+url, "FLOOR_JWT_SECRET="+secret)
	return cmd
}
