package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"notifier/sql/inspect"
)

// judgeConnection says why there is no connection. It is made of fixed sentences and of what a valid URL names except
// the password: errors of the driver and of the server are not repeated.
func judgeConnection(err error, flag, dsn string) inspect.Finding {
	where := redactDSN(dsn)
	wrong := func(why string, advice ...string) inspect.Finding {
		return inspect.Wrong(fmt.Sprintf("%s (%s): %s", flag, where, why), advice...)
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return judgeRefusal(refused, wrong)
	}
	if f, ok := judgeTLS(err, wrong); ok {
		return f
	}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case strings.Contains(err.Error(), "read only connection"):
		return wrong("none of the hosts takes writes: all of them are standbys", "promote one, or name the primary in "+flag)
	case errors.As(err, &dns):
		return wrong("the name of the host is not known here", "getent hosts …   # look for a typing error, or a resolver that is not reached from here")
	case errors.Is(err, syscall.ECONNREFUSED):
		return wrong("nobody listens there", "start PostgreSQL, or mend host and port",
			"SHOW listen_addresses;  -- at the server: 'localhost' is not reached from other machines")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOENT):
		return wrong("there is no such socket", "start PostgreSQL, or mend the folder: SHOW unix_socket_directories;")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return wrong("this user may not reach the socket, or a firewall of this machine forbids the way", "run it as the user of serve")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return wrong("no answer: packets are swallowed on the way", "look at the firewalls between here and there, and at host and port",
			"nc -vz host port   # from this machine")
	}
	return wrong("the connection broke off before it was ready", "look at the server's log: it may be no PostgreSQL, or a proxy with nobody behind it")
}

// judgeRefusal is about what PostgreSQL, or a pooler, answers to a login.
func judgeRefusal(refused *pgconn.PgError, wrong func(string, ...string) inspect.Finding) inspect.Finding {
	switch refused.Code {
	case "28P01":
		return wrong("the server does not accept the password", `\password notifier_runtime   -- in psql, as a superuser; then the same in the URL, `+
			"where @ : / ? # % are written %40 %3A %2F %3F %23 %25")
	case "28000":
		return wrong("the server lets this role in neither from here nor with these means: no such role, or no line of pg_hba.conf",
			"SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = 'notifier_runtime';  -- is it there?",
			"a line in pg_hba.conf: host clinic notifier_runtime 192.0.2.0/24 scram-sha-256   # then SELECT pg_reload_conf();")
	case "3D000":
		return wrong("there is no database of this name", `\l   -- in psql: which are there? Mend the end of the URL`)
	case "42501":
		return wrong("the role may not connect to this database", "GRANT CONNECT ON DATABASE … TO notifier_runtime;")
	case "53300":
		return wrong("the server, the database or the role has no connection left",
			"SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC;  -- who has them",
			"ALTER ROLE notifier_runtime CONNECTION LIMIT -1;  -- if the limit is the role's")
	case "57P03":
		return wrong("the server is starting up, shutting down or recovering", "wait a moment; if it stays so, look at the server's log")
	}
	return wrong("the server refused with SQLSTATE "+refused.Code, "look at the server's log, or the pooler's")
}

// judgeTLS tells apart who does not trust whom.
func judgeTLS(err error, wrong func(string, ...string) inspect.Finding) (inspect.Finding, bool) {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	text := err.Error()
	switch {
	case strings.Contains(text, "server refused TLS connection"):
		return wrong("the URL demands TLS and the server has none", "ALTER SYSTEM SET ssl = on;  -- with ssl_cert_file and ssl_key_file",
			"or, on a way that nobody can listen to: sslmode=disable in the URL"), true
	case errors.As(err, &authority):
		return wrong("TLS: the server's certificate is not signed by anybody who is trusted here", "sslrootcert=/path/to/ca.crt   # in the URL"), true
	case errors.As(err, &host):
		return wrong("TLS: the server's certificate is for another host name",
			"name the host in the URL as the certificate does, or give the server another"), true
	case errors.As(err, &invalid):
		return wrong("TLS: the server's certificate is not valid now, or not for this use",
			"openssl s_client -starttls postgres -connect host:5432   # shows its dates"), true
	case strings.Contains(text, "tls error"), strings.Contains(text, "tls: "):
		return wrong("TLS could not be agreed on", "openssl s_client -starttls postgres -connect host:5432   # shows why"), true
	}
	return inspect.Finding{}, false
}
