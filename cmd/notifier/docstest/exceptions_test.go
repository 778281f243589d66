package docstest

// What pages name and is not ours: by whose it is, or why it may stand there.

var wordsOfOthers = map[string]string{
	"key_ops":                   "RFC 7517",
	"default_query_exec_mode":   "pgx",
	"cache_statement":           "pgx",
	"ignore_startup_parameters": "PgBouncer",
	"query_wait_timeout":        "PgBouncer",
	"tcp_user_timeout":          "libpq",
	"pg_dump":                   "PostgreSQL",
	"pg_dumpall":                "PostgreSQL",
}

var variablesOfOthers = map[string]string{"NOTIFIER_FLAG": "stands for any, in CONTRIBUTING.md"}

var flagsOfOthers = map[string]string{}

var codesOfOthers = map[string]string{"1002": "coder/websocket closes so, and RFC 6455 says when"}

var routesOfOthers = map[string]string{}

// filesOfReaders are files that a page tells its reader to make, or a release has.
var filesOfReaders = map[string]string{
	"notifier_amd64.deb": "make makes it",
	"notifier_arm64.deb": "make makes it",
}

// sharedFlags are explained once, with serve, for all commands that have them.
var sharedFlags = map[string]bool{"env-file": true, "log-level": true, "log-format": true, "database-url": true, "direct-url": true}

// goFlags are those of the go command itself.
var goFlags = map[string]bool{
	"race": true, "run": true, "bench": true, "benchtime": true, "benchmem": true, "fuzz": true, "list": true,
	"count": true, "timeout": true, "v": true, "o": true,
}
