package main

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"notifier/auth"
	"notifier/cmd/notifier/bench"
)

// What a bench ends with in which something went wrong; its report says what.
var (
	errNotGood = errors.New("not everything arrived once, and where it should")
	errNothing = errors.New("nothing arrived: is --database-url the database that the daemon at --url reads, and are its triggers enabled (notifier check)?")
)

// verdict is nil if everything arrived once, and where it should.
func verdict(r bench.Report) error {
	switch {
	case r.Good():
		return nil
	case r.Deliveries == 0:
		return errNothing
	}
	return errNotGood
}

// benchTokenTTL outlasts any run.
const benchTokenTTL = 24 * time.Hour

// benchSettings say what is driven, and against what.
type benchSettings struct {
	identitySettings
	source      *settings
	url         string
	databaseURL string
	protocol    string
	conns       int
	accounts    int
	sources     int
	rate        int
	writers     int
	burst       int
	storm       bool
	idle        bool
	during      time.Duration
	pid         int
	postgresPID int
	json        bool
}

func (b *benchSettings) register(cmd *cobra.Command) {
	s := newSettings(cmd)
	b.source = s
	s.text(&b.url, "url", "ws://127.0.0.1:8080", "the daemon: ws:// or wss://, without a path", isTailURL)
	s.secret(&b.databaseURL, "database-url", "the clinic's database, as a role that may write its tables", isDatabaseURL).
		example = "NOTIFIER_DATABASE_URL=postgres://owner@127.0.0.1:5432/clinic"
	s.choice(&b.protocol, "protocol", bench.Plain, []string{bench.Plain, bench.SocketIO}, "what the sockets speak")
	s.number(&b.conns, "conns", "1000", "sockets", atLeast(1)).withoutVariable()
	s.number(&b.accounts, "accounts", "100", "accounts that they are dealt out to", atLeast(1)).withoutVariable()
	s.number(&b.sources, "sources", "0", "loopback addresses that the sockets come from, 127.0.0.2 and on; 0: the kernel chooses", atLeast(0)).withoutVariable()
	s.number(&b.rate, "rate", "0", "appointments finalised a second; 50 when no other kind of load is named").withoutVariable()
	s.number(&b.writers, "writers", "0", "connections that finalise as fast as they can").withoutVariable()
	s.number(&b.burst, "burst", "0", "appointments finalised by one transaction").withoutVariable()
	s.toggle(&b.storm, "storm", "false", "cut all sockets and have them come back at once").withoutVariable()
	s.toggle(&b.idle, "idle", "false", "only connect: for memory").withoutVariable()
	s.duration(&b.during, "for", "10s", "how long, of a rate, of writers and of idleness", atLeast(time.Millisecond)).withoutVariable()
	s.number(&b.pid, "pid", "0", "process of the daemon, if it runs on this machine: its CPU and memory are reported").withoutVariable()
	s.number(&b.postgresPID, "postgres-pid", "0", "process of PostgreSQL's postmaster, likewise").withoutVariable()
	s.toggle(&b.json, "json", "false", "print the report as JSON").withoutVariable()
	b.registerSigning(s)
	s.fromEnvFile()
}

func newBenchCommand() *cobra.Command {
	var b benchSettings
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Puts load on a daemon with real sockets and real UPDATEs, and measures",
		Long: `bench opens sockets as screens do and finalises appointments with plain UPDATEs, as the clinic's
application does, until everything has arrived. It reports how fast sockets were let in,
deliveries a second, the time from COMMIT to socket, whatever was lost, doubled or sent to the
wrong account, and what it cost the daemon and PostgreSQL.

It adds accounts, doctors and appointments of its own to the clinic's tables, and removes them
at the end; their events stay in the log until the retention. The schema is the one that migrate
expects by default. Use a database that is made for it: load is load.

Exit status 1 if anything was lost, doubled or misrouted.`,
		Example: `  export NOTIFIER_JWT_SECRET=the-daemons-own NOTIFIER_DATABASE_URL=postgres://owner@127.0.0.1:5432/clinic
  notifier bench --rate 50                                           # latency
  notifier bench --conns 10000 --accounts 1000 --writers 4 --for 6s  # throughput
  notifier bench --burst 5000 --accounts 50                          # one transaction
  notifier bench --conns 5000 --storm --protocol socketio            # everybody comes back at once
  notifier bench --conns 10000 --idle --pid "$(pidof notifier)"      # memory`,
		Args: noArguments,
	}
	b.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := b.source.load(); err != nil {
			return err
		}
		report, err := bench.Run(cmd.Context(), b.databaseURL, b.target(), b.workload())
		if err != nil {
			return err
		}
		if b.json {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
		} else {
			err = report.Print(cmd.OutOrStdout())
		}
		return errors.Join(err, verdict(report))
	}
	return cmd
}

func (b *benchSettings) target() bench.Target {
	return bench.Target{
		URL: b.url, Protocol: b.protocol, Sources: b.sources, PID: b.pid, Postgres: b.postgresPID,
		Token: func(account int64) (string, error) {
			return auth.Sign([]byte(b.jwtSecret), auth.Claims{
				Account: strconv.FormatInt(account, 10), Subject: "bench", TTL: benchTokenTTL,
				Issuer: b.jwtIssuer, Audience: b.jwtAudience, AccountClaim: b.jwtAccountClaim,
			})
		},
	}
}

func (b *benchSettings) workload() bench.Workload {
	w := bench.Workload{
		Name: "bench", Conns: b.conns, Accounts: min(b.accounts, b.conns), For: b.during,
		Rate: float64(b.rate), Writers: b.writers, Burst: b.burst, Storm: b.storm, Idle: b.idle,
	}
	if w.Rate == 0 && w.Writers == 0 && w.Burst == 0 && !w.Storm && !w.Idle {
		w.Rate = 50
	}
	return w
}
