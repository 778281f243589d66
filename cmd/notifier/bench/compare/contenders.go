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
	"notifier/cmd/notifier/bench/rig"
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
		{ourPlain, "notifier, plain", bench.Plain, rig.Runtime, rig.Migrate, serve},
		{ourSocketIO, "notifier, Socket.IO", bench.SocketIO, rig.Runtime, rig.Migrate, serve},
		{nestGateway, "NestJS gateway", bench.SocketIO, rig.Owner, plainTrigger, nest},
		{bareFloor, "floor", bench.Plain, rig.Owner, plainTrigger, floor},
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

func plainTrigger(ctx context.Context, url string) error {
	return rig.Execute(ctx, url, plainTriggerSQL)
}

func serve(b builds, url string) *exec.Cmd {
	return rig.Command(b.notifier, url, rig.AnyAddress, rig.AnyAddress)
}

func nest(b builds, url string) *exec.Cmd {
	cmd := exec.Command("node", filepath.Join(b.nest, "main.mjs")) //nolint:noctx // child ends it
	cmd.Env = append(cmd.Environ(), "NODE_ENV=production", "NEST_DATABASE_URL="+url, "NEST_JWT_SECRET="+rig.Secret)
	return cmd
}

func floor(b builds, url string) *exec.Cmd {
	cmd := exec.Command(b.floor) //nolint:noctx // child ends it
	cmd.Env = append(cmd.Environ(), "FLOOR_DATABASE_URL="+url, "FLOOR_JWT_SECRET="+rig.Secret)
	return cmd
}
