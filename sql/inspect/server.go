package inspect

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// The versions that notifier was tried on: older ones lack what the migrations use, of newer ones nothing is known.
const (
	oldestServer = 14
	newestServer = 18
)

type server struct {
	Version  int
	Name     string
	Standby  bool
	ReadOnly string
}

func (d *Database) checkVersion(ctx context.Context) (Finding, error) {
	s, err := askOne[server](ctx, d, "server.sql")
	if err != nil {
		return Finding{}, err
	}
	return judgeVersion(s), nil
}

func judgeVersion(s server) Finding {
	switch major := s.Version / 10000; {
	case major < oldestServer:
		return Wrong(fmt.Sprintf("PostgreSQL %s is too old: notifier needs %d or newer", s.Name, oldestServer),
			"upgrade the server (pg_upgrade), then: notifier migrate up")
	case major > newestServer:
		return Warned(fmt.Sprintf("PostgreSQL %s is newer than what this version of notifier was tried on (%d to %d)", s.Name, oldestServer, newestServer),
			"look for a newer notifier")
	}
	return Fine("PostgreSQL " + s.Name)
}

func (d *Database) checkRecovery(ctx context.Context) (Finding, error) {
	s, err := askOne[server](ctx, d, "server.sql")
	switch {
	case err != nil:
		return Finding{}, err
	case s.Standby:
		return Wrong("the server is a standby and takes no writes: serve would neither number nor deliver anything",
			"name the primary in --database-url, or all hosts, of which the one that takes writes is chosen: "+
				"postgres://…@h1,h2/clinic?target_session_attrs=read-write",
			"or, if the primary is gone for good: SELECT pg_promote();  -- on the standby, as a superuser"), nil
	case s.ReadOnly == "on":
		return Wrong("default_transaction_read_only is on for this role, database or server: serve could number nothing",
			"ALTER ROLE … RESET default_transaction_read_only;  -- or ALTER DATABASE, ALTER SYSTEM: wherever it was set"), nil
	}
	return Fine("the server is a primary and takes writes"), nil
}

type parameter struct{ Name, Value string }

func (d *Database) checkDurability(ctx context.Context) (Finding, error) {
	parameters, err := ask[parameter](ctx, d, "durability.sql")
	if err != nil {
		return Finding{}, err
	}
	var n notes
	for _, p := range parameters {
		switch {
		case p.Value != "off":
		case p.Name == "synchronous_commit":
			n.warning("synchronous_commit is off: a crash of the server takes back the clinic's last commits, and their events with them "+
				"(of what was numbered nothing is lost)", "ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf();")
		default:
			n.warning(p.Name+" is off: after a crash of the machine the database may be damaged, the log of events too",
				"ALTER SYSTEM SET "+p.Name+" = on; SELECT pg_reload_conf();")
		}
	}
	return n.finding("what is committed survives a crash"), nil
}

type connections struct {
	Limit, Used                 int
	RoleLimit, RoleUsed         int
	DatabaseLimit, DatabaseUsed int
	Role, Database              string
}

func (d *Database) checkConnections(ctx context.Context) (Finding, error) {
	c, err := askOne[connections](ctx, d, "connections.sql")
	if err != nil {
		return Finding{}, err
	}
	return c.judge(d.Connections, d.Pooled), nil
}

// judge compares what is free with what one daemon opens. Behind a pooler the pool is the pooler's.
func (c connections) judge(wants int, pooled bool) Finding {
	if pooled {
		wants = 2
	}
	const text = "%s has %d of %d connections left, and one serve opens up to %d"
	var n notes
	for _, limit := range []struct {
		what        string
		most, taken int
		advice      string
	}{
		{"the server", c.Limit, c.Used, "ALTER SYSTEM SET max_connections = …;  -- and a restart; or a pool_max_conns in --database-url"},
		{"role " + c.Role, c.RoleLimit, c.RoleUsed, "ALTER ROLE " + quote(c.Role) + " CONNECTION LIMIT -1;"},
		{"database " + c.Database, c.DatabaseLimit, c.DatabaseUsed, "ALTER DATABASE " + quote(c.Database) + " CONNECTION LIMIT -1;"},
	} {
		if left := limit.most - limit.taken; limit.most >= 0 && left < wants {
			n.warning(fmt.Sprintf(text, limit.what, max(0, left), limit.most, wants), limit.advice)
		}
	}
	return n.finding("%d of %d connections are taken, and one serve opens up to %d", c.Used, c.Limit, wants)
}

type setting struct{ Name, Value, Unit string }

func (d *Database) checkRoleSettings(ctx context.Context) (Finding, error) {
	settings, err := ask[setting](ctx, d, "role_settings.sql")
	if err != nil {
		return Finding{}, err
	}
	var n notes
	for _, s := range settings {
		s.judge(&n, d.Pooled)
	}
	if d.Pooled {
		return n.finding("the role brings the settings that sessions behind a pooler need, and no time limit that would cut them"), nil
	}
	return n.finding("no time limit would cut the sessions; what else they need they set themselves"), nil
}

// judge: a direct session sets the first three itself; one behind a pooler has what the role brings.
func (s setting) judge(n *notes, pooled bool) {
	wanted := map[string]string{"default_transaction_isolation": "read committed", "enable_seqscan": "off", "jit": "off"}
	least := map[string]time.Duration{ // below these, work of ours is cut that would have ended
		"statement_timeout": 10 * time.Second, "transaction_timeout": 10 * time.Second, "lock_timeout": 100 * time.Millisecond,
		"idle_session_timeout": 10 * time.Second, "idle_in_transaction_session_timeout": time.Second,
	}
	if value, ok := wanted[s.Name]; ok {
		if pooled && s.Value != value {
			n.warning(fmt.Sprintf("%s is %s for sessions behind the pooler", s.Name, s.Value),
				fmt.Sprintf("ALTER ROLE … SET %s = '%s';  -- the role of --database-url; then RECONNECT in the pooler", s.Name, value))
		}
		return
	}
	ms, err := strconv.Atoi(s.Value)
	if limit := time.Duration(ms) * time.Millisecond; err == nil && ms > 0 && limit < least[s.Name] {
		n.warning(fmt.Sprintf("%s is %s for this role: less than %s cuts what serve does in a busy moment", s.Name, limit, least[s.Name]),
			fmt.Sprintf("ALTER ROLE … SET %s = 0;  -- the role of --database-url", s.Name))
	}
}
