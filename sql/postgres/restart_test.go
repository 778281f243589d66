package postgres_test

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"notifier/sql/internal/processtest"
	"notifier/sql/postgres"
)

func TestARestartKeepsWhatWasCommittedAndLosesConnections(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]postgres.Mode{"fast": postgres.Fast, "immediate": postgres.Immediate} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, "work_mem = 7MB")
			conn := processtest.Connect(t, server.URL(postgres.Superuser, "postgres"))
			processtest.Exec(t, conn, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
			processtest.Exec(t, conn, "BEGIN")
			processtest.Exec(t, conn, "DELETE FROM kept")
			before := server.PID()

			if err := server.Restart(t.Context(), mode); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
				t.Error("a connection outlived the restart")
			}
			if server.PID() == before || !errors.Is(syscall.Kill(before, 0), syscall.ESRCH) {
				t.Errorf("the server's process is %d and was %d, want another and the old one gone", server.PID(), before)
			}
			again := processtest.Connect(t, server.URL(postgres.Superuser, "postgres"))
			if got := processtest.Query[int](t, again, "SELECT count(*) FROM kept"); got != 1000 {
				t.Errorf("%d rows, want 1000", got)
			}
			if got := processtest.Query[string](t, again, "SELECT current_setting('work_mem')"); got != "7MB" {
				t.Errorf("work_mem is %s, want the setting kept", got)
			}
		})
	}
}

func TestAHaltedServerIsAwayUntilItResumes(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	for range 2 { // the second time there is nothing to halt
		if err := server.Halt(t.Context(), postgres.Fast); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pgx.Connect(t.Context(), server.URL(postgres.Superuser, "postgres")); err == nil {
		t.Error("a halted server accepts a connection")
	}
	if err := server.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	resumed := server.PID()
	if err := server.Resume(t.Context()); err != nil || server.PID() != resumed {
		t.Errorf("resumed while it runs: %v, process %d, want it left alone, %d", err, server.PID(), resumed)
	}
	processtest.Connect(t, server.URL(postgres.Superuser, "postgres"))
	stop(t, server)
	if err := server.Resume(t.Context()); err == nil {
		t.Error("a stopped server resumes")
	}
}

func TestAHaltThatABackendHoldsUpEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	backend := processtest.Query[int](t, processtest.Connect(t, server.URL(postgres.Superuser, "postgres")), "SELECT pg_backend_pid()")
	if err := syscall.Kill(backend, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := server.Halt(ctx, postgres.Fast); !errors.Is(err, enough) {
		t.Errorf("halt: %v, want it to say why it gave up", err)
	}
	if err := server.Halt(t.Context(), postgres.Immediate); err != nil { // kills even those after 5 s
		t.Errorf("halt: %v", err)
	}
	if err := syscall.Kill(backend, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the stopped backend: %v, want it gone", err)
	}
}
