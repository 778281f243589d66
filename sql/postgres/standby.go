package postgres

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Standby copies this server into a streaming, asynchronous replica, and returns when the replica
// accepts (reading) connections. It has this server's settings, then those of opts. It follows through
// restarts of either; where it is to be away for long, this server needs a wal_keep_size.
// The caller owns the replica and must Stop it.
func (s *Server) Standby(ctx context.Context, opts Options) (*Server, error) {
	replica, err := newServer()
	if err != nil {
		return nil, err
	}
	if err := replica.follow(ctx, s, opts); err != nil {
		return nil, errors.Join(err, replica.Stop())
	}
	return replica, nil
}

func (s *Server) follow(ctx context.Context, primary *Server, opts Options) error {
	backup := exec.CommandContext(ctx, filepath.Join(s.binDir, "pg_basebackup"), "--host="+primary.dir,
		"--username="+Superuser, "--pgdata="+s.dataDir(), "--checkpoint=fast", "--wal-method=stream",
		"--write-recovery-conf", "--no-sync")
	backup.Dir, backup.SysProcAttr = s.dir, s.user.ProcAttr()
	if out, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("run pg_basebackup: %w: %s", err, strings.TrimSpace(string(out)))
	}
	lines := []string{
		s.socketSetting(),
		// How often it tries a primary that is away; 5 s without us.
		"wal_retrieve_retry_interval = 200ms",
	}
	return s.run(ctx, append(lines, opts.settings()...))
}

// Detach ends the replica's receiving: what it has it keeps and replays, and what is committed from now
// on exists on the primary only. It returns when nothing more is received.
func (s *Server) Detach(ctx context.Context) error {
	err := s.asSuperuser(ctx, func(conn *pgx.Conn) error {
		for _, statement := range []string{"ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return err
			}
		}
		for receiving := true; receiving; {
			const query = "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver) OR current_setting('primary_conninfo') <> ''"
			if err := conn.QueryRow(ctx, query).Scan(&receiving); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("detach standby: %w", err)
	}
	return nil
}

// Promote makes a primary of a replica, on a new timeline, and returns when it takes writes. The old
// primary, if it lives, does not know: it goes on by itself, as one that a network has cut off does.
func (s *Server) Promote(ctx context.Context) error {
	err := s.asSuperuser(ctx, func(conn *pgx.Conn) error {
		var promoted bool
		if err := conn.QueryRow(ctx, "SELECT pg_promote(true, 60)").Scan(&promoted); err != nil {
			return err
		}
		if !promoted {
			return errors.New("it did not become a primary within 60 s")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("promote standby: %w", err)
	}
	return nil
}

func (s *Server) asSuperuser(ctx context.Context, work func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.URL(Superuser, "postgres"))
	if err != nil {
		return err
	}
	return errors.Join(work(conn), conn.Close(ctx))
}
