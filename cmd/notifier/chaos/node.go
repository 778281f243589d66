package main

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"notifier/cmd/notifier/chaos/link"
	"notifier/sql/postgres"
)

// daemonCount is three: one may die, another one be slow, and the third goes through PgBouncer.
const daemonCount = 3

// node is a daemon and the links around it.
type node struct {
	*daemon
	base []*link.Link // to the database servers: its listener's, and its pool's unless that goes to the pooler
	pool *link.Link   // to the pooler, or nil
	door *link.Link   // screens to it
}

// links to whatever is behind the daemon.
func (n *node) links() []*link.Link {
	if n.pool == nil {
		return n.base
	}
	return append(slices.Clone(n.base), n.pool)
}

// newNode prepares a daemon. The last one's pool goes through the pooler.
func (w *world) newNode(ctx context.Context, i int) (*node, error) {
	n := &node{daemon: &daemon{name: "daemon " + strconv.Itoa(i+1), binary: w.binary, env: w.plan.env[i]}}
	if other := w.plan.binary[i]; other != "" {
		n.binary = other
	}
	n.logPath = filepath.Join(w.dir, "daemon-"+strconv.Itoa(i+1)+".log")
	for _, server := range []*postgres.Server{w.server, w.standby} {
		if server != nil {
			l, err := w.link(ctx, link.To("unix", server.SocketDir()+"/.s.PGSQL.5432"))
			if err != nil {
				return nil, err
			}
			n.base = append(n.base, l)
		}
	}
	direct, err := linkURL(n.base)
	if err != nil {
		return nil, err
	}
	pool := direct
	if w.pooler != nil && i == daemonCount-1 {
		l, err := w.link(ctx, link.To("unix", w.pooler.SocketDir()+"/.s.PGSQL.5432"))
		if err != nil {
			return nil, err
		}
		n.pool = l
		if pool, err = linkURL([]*link.Link{l}); err != nil {
			return nil, err
		}
	}
	n.door, err = w.link(ctx, func(ctx context.Context) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", n.addr())
	})
	n.args = append([]string{
		"--database-url", pool, "--direct-url", direct, "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--peer-addr", "127.0.0.1:0", "--drain", "2s",
		"--log-level", "debug", "--log-format", "json", "--ping-interval", screenPing.String(), "--ping-timeout", w.pingTimeout.String(),
	}, w.identity()...)
	n.args = append(n.args, w.plan.flags...)
	return n, err
}

func (w *world) identity() []string {
	if w.keys != nil {
		return []string{"--jwks-url", w.keys.url}
	}
	return []string{"--jwt-secret", secret}
}

// link runs a link until the world closes.
func (w *world) link(ctx context.Context, dial link.Dial) (*link.Link, error) {
	l, err := link.Listen(ctx, "127.0.0.1:0", dial)
	if err == nil {
		w.group.Go(func() error { return l.Run(ctx) })
	}
	return l, err
}

// linkURL leads the runtime role to the servers behind the links, whichever takes writes.
func linkURL(links []*link.Link) (string, error) {
	addresses := make([]string, len(links))
	for i, l := range links {
		addresses[i] = l.Addr()
	}
	return postgres.TCPURL(runtimeRole, database, addresses...)
}

func (w *world) startDaemons(ctx context.Context) error {
	for _, n := range w.nodes {
		if err := n.start(ctx); err != nil {
			return err
		}
	}
	for _, n := range w.nodes {
		if err := n.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}
