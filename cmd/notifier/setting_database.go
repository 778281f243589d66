package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// databaseSettings say where PostgreSQL is: serve and migrate.
type databaseSettings struct {
	databaseURL string
	directURL   string // "" means databaseURL: use direct
}

func (d *databaseSettings) register(s *settings, who string) {
	s.secret(&d.databaseURL, "database-url", "PostgreSQL, as "+who, isDatabaseURL).
		example = "postgres://notifier_runtime@127.0.0.1:5432/clinic"
	s.secret(&d.directURL, "direct-url", "PostgreSQL without a pooler in between, where the database URL goes through one", isDatabaseURL)
}

// direct is the URL for what a pooler in transaction mode breaks: LISTEN, and the session lock of a migration.
func (d *databaseSettings) direct() string {
	if d.directURL != "" {
		return d.directURL
	}
	return d.databaseURL
}

// isDatabaseURL refuses what pgx cannot read. pgx's error carries the whole string and hides the
// password in it only as well as it can guess; so this one repeats nothing but the kind of the fault.
func isDatabaseURL(dsn string) error {
	const hint = "(postgres://user:password@host:5432/database; " +
		"in a password, @ : / ? # % are written %40 %3A %2F %3F %23 %25)"
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("is not a PostgreSQL URL: %s %s", faultOfDSN(err), hint)
	}
	// What is left of a password with a slash ends up in the name of the database, and from there in logs.
	if strings.Contains(config.Database, "@") {
		return errors.New("is not a PostgreSQL URL: the name of its database has an @ in it " + hint)
	}
	return nil
}

// faultOfDSN picks one of pgx's fixed phrases out of its error, and nothing else.
func faultOfDSN(err error) string {
	for _, phrase := range []string{
		"invalid port", "invalid connect_timeout", "unknown target_session_attrs value", "failed to read service",
		"failed to configure TLS", "could not match", "invalid sslcertmode", "unknown channel_binding value", "invalid require_auth",
	} {
		if strings.Contains(err.Error(), "`: "+phrase) {
			return phrase
		}
	}
	return "it cannot be parsed"
}

// redactDSN says which database a valid DSN means, for people: user@host:port/database, never the password.
func redactDSN(dsn string) string {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return "(not a PostgreSQL URL)"
	}
	return fmt.Sprintf("%s@%s/%s", config.User, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), config.Database)
}
