package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"notifier/auth"
	"notifier/cmd/notifier/demo"
	"notifier/sql"
	"notifier/sql/postgres"
)

// The demo's roles: the owner of the tables migrates, the application writes, and the daemon has its own.
const (
	demoDatabase = "clinic"
	demoOwner    = "clinic"
	demoApp      = "clinic_app"
	demoRuntime  = "notifier_runtime"
	demoAddr     = "127.0.0.1:8080"
)

func newDemoCommand() *cobra.Command {
	var (
		addr, react string
		logs        logSettings
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A private PostgreSQL, a demo clinic, the daemon and a page to look at",
		Long: `demo starts a PostgreSQL of its own from this machine's binaries, in a temporary folder,
fills it with a clinic of today, migrates, serves, and prints the address of a page: the
waiting list of a reception desk. Its buttons change a status with a plain SQL UPDATE, as
the clinic's own application would. Ctrl-C ends and removes everything.

A second page, at /react/, is the same list as frontends have it, with React and the stock
socket.io-client. Their packages are not part of this program: make demo fetches them, builds
the page and names its folder by --react.`,
		Example: `  notifier demo
  notifier demo --addr 0.0.0.0:8080     # to open the page on a phone, too`,
		Args: noArguments,
	}
	s := newSettings(cmd)
	s.text(&addr, "addr", demoAddr, "address of the page; another port is taken when the default one is in use", isListenAddress).withoutVariable()
	s.text(&react, "react", "", "folder of the built page for /react/ (npm run build in cmd/notifier/demo/react)", isReactPage).withoutVariable()
	logs.register(s)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.load(); err != nil {
			return err
		}
		if !cmd.Flags().Changed("log-level") && os.Getenv("NOTIFIER_LOG_LEVEL") == "" {
			logs.level = slog.LevelWarn // the page is what to look at
		}
		if !cmd.Flags().Changed("addr") {
			addr = freeAddr(cmd.Context(), addr)
		}
		var files fs.FS
		if react != "" {
			files = os.DirFS(react)
		}
		return runDemo(cmd.Context(), addr, files, newLogger(logs.level, logs.format, cmd.ErrOrStderr()), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// isReactPage demands a folder with a built page.
func isReactPage(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "index.html")); err != nil {
		return fmt.Errorf("%s has no built page: %w", shown(dir), err)
	}
	return nil
}

// freeAddr is addr, or any port of its host when somebody else listens there.
func freeAddr(ctx context.Context, addr string) string {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close() // it was only to try
	return addr
}

// runDemo shows the page, and react's if there is one, until ctx ends, which is the normal end.
func runDemo(ctx context.Context, addr string, react fs.FS, log *slog.Logger, stdout, stderr io.Writer) (err error) {
	fmt.Fprintln(stderr, "Starting a private PostgreSQL in a temporary folder…")
	server, err := postgres.Start(ctx, postgres.Options{})
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := demoClinic(ctx, server, log); err != nil {
		return interrupted(ctx, err)
	}
	app, err := pgxpool.New(ctx, server.URL(demoApp, demoDatabase))
	if err != nil {
		return fmt.Errorf("open the clinic's database: %w", err)
	}
	defer app.Close()

	secret := []byte(rand.Text() + rand.Text())
	site := demo.New(demo.Config{DB: app, React: react, Logger: log, Token: func(account string) (string, error) {
		return auth.Sign(secret, auth.Claims{Account: account, Subject: "recepcao", TTL: time.Hour})
	}})
	d, err := newDaemon(ctx, demoSettings(server, addr, secret), site.Handler(), log)
	if err != nil {
		return err
	}
	greet(stdout, stderr, d, react != nil, server)
	group, working := errgroup.WithContext(ctx)
	group.Go(func() error { return d.run(working) })
	group.Go(func() error { return site.Run(working) })
	err = group.Wait()
	fmt.Fprintln(stderr, "\nStopping, and removing the database…")
	return interrupted(ctx, err)
}

// interrupted makes Ctrl-C the demo's normal end, also where initdb was hit by it: a child belongs to our group
// until it has one of its own, and may die of the signal before we hear of it.
func interrupted(ctx context.Context, err error) error {
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return nil
	}
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGINT {
			return nil
		}
	}
	return err
}

// demoSettings are the daemon's defaults with the demo's database, and a Ctrl-C that does not take its time.
func demoSettings(server *postgres.Server, addr string, secret []byte) serveSettings {
	var settings serveSettings
	settings.register(&cobra.Command{})
	settings.databaseURL = server.URL(demoRuntime, demoDatabase)
	settings.jwtSecret = string(secret)
	settings.addr, settings.adminAddr = addr, "127.0.0.1:0"
	settings.peerAddr = peersOff
	settings.maxConnections, settings.maxHandshakes = 1000, 200 // no shell's limit of open files is too low for that
	settings.drain = 0
	return settings
}

// demoClinic makes the database as a clinic has it: its tables and data, then notifier beside them.
func demoClinic(ctx context.Context, server *postgres.Server, log *slog.Logger) error {
	statements := []struct{ role, database, text string }{
		{postgres.Superuser, "postgres", "CREATE ROLE " + demoOwner + " LOGIN CREATEROLE; CREATE ROLE " + demoApp + " LOGIN"},
		{postgres.Superuser, "postgres", "CREATE DATABASE " + demoDatabase + " OWNER " + demoOwner},
		{demoOwner, demoDatabase, sql.Clinic},
		{demoOwner, demoDatabase, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + demoApp +
			"; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO " + demoApp},
	}
	for _, s := range statements {
		if err := execute(ctx, server.URL(s.role, s.database), s.text); err != nil {
			return fmt.Errorf("create the demo clinic: %w", err)
		}
	}
	owner, err := pgxpool.New(ctx, server.URL(demoOwner, demoDatabase))
	if err != nil {
		return fmt.Errorf("open the clinic's database: %w", err)
	}
	defer owner.Close()
	if err := demo.Seed(ctx, owner, time.Now()); err != nil {
		return err
	}
	migrator, err := sql.New(sql.Config{URL: server.URL(demoOwner, demoDatabase), Logger: log})
	if err != nil {
		return err
	}
	if _, err := migrator.Up(ctx); err != nil {
		return err
	}
	for status, event := range map[string]string{"CHECKIN": "appointments.checkin", "EM_ATENDIMENTO": "appointments.serving"} {
		if err := migrator.AddRoute(ctx, sql.Route{Status: status, Event: event}); err != nil {
			return err
		}
	}
	return migrator.RouteDoctors(ctx, sql.DoctorsEvent)
}

func execute(ctx context.Context, url, statements string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statements)
	return errors.Join(err, conn.Close(ctx))
}

// greet says where to look; the address alone is on stdout, for scripts.
func greet(stdout, stderr io.Writer, d *daemon, react bool, server *postgres.Server) {
	public := d.publicAddr.Addr()
	fmt.Fprintf(stderr, `
The clinic is open. Look at the waiting list, in as many windows as you like:

`)
	fmt.Fprintf(stdout, "  http://%s/\n", public)
	second := fmt.Sprintf("http://%s/react/", public)
	if !react {
		second = "not built: it needs Node.js with npm (apt-get install npm) and, once, npm's registry; then `make demo` again"
	}
	fmt.Fprintf(stderr, `
  the list in React    %s
  the status page      http://%s/   and /metrics, /readyz
  the database         psql --host %s --username %s %s

Ctrl-C ends and removes everything.
`, second, d.adminAddr.Addr(), server.SocketDir(), demoApp, demoDatabase)
}
