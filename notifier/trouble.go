package notifier

import "time"

// The codes of what can be wrong, as /readyz and the log name it. The first four are those of Feed.Err, the others
// those of Watch.
const (
	// NotMigrated: the database lacks our schema, or the role, or the role its rights.
	NotMigrated = "not_migrated"
	// DatabaseAway: no connection, or no answer.
	DatabaseAway = "database_away"
	// ReadOnly: the server that answers takes no writes: a standby.
	ReadOnly = "read_only"
	// LogFailing: the database answers, and one of the log's statements raises: somebody's trigger or constraint on
	// its tables, a full disk.
	LogFailing = "log_failing"
	// PumpStuck: rows wait in staging and the log does not move, so somebody holds the lock of notifier.head or one
	// of the log's tables.
	PumpStuck = "pump_stuck"
	// StagingGrowing: the log moves, and what waits is not worked off.
	StagingGrowing = "staging_growing"
	// ReleaseFailing: an effect cannot be applied; its doctor stays busy.
	ReleaseFailing = "release_failing"
	// ListenerDown: no listening connection for longer than a restart of the server takes.
	ListenerDown = "listener_down"
	// ListenerDeaf: LISTEN works and nothing is heard, which is what a pooler in transaction mode does.
	ListenerDeaf = "listener_deaf"
	// NotifyQueueFull: the server's NOTIFY queue is so full that nobody rings the bell any more.
	NotifyQueueFull = "notify_queue_full"
)

// Trouble is something that is wrong now.
type Trouble struct {
	Code  string
	Since time.Time // by this machine's clock
}

// feedError is what keeps the feed from working, with one of the first four codes.
type feedError struct {
	code string
	err  error
}

func newFeedError(err error) error {
	code := DatabaseAway
	switch {
	case IsNotMigrated(err):
		code = NotMigrated
	case sqlState(err) == "25006": // read_only_sql_transaction
		code = ReadOnly
	case isStatementFault(err):
		code = LogFailing
	}
	return feedError{code, conceal(err)}
}

func (e feedError) Error() string { return e.err.Error() }
func (e feedError) Unwrap() error { return e.err }

// Code is stable and may be shown to anybody, unlike the text.
func (e feedError) Code() string { return e.code }
