package notifier

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"notifier/sql/pgbouncer"
	"notifier/sql/pgtest"
	"notifier/sql/postgres"
)

// link is a path to a server's socket through which nothing more passes once it is frozen. New connections are
// taken and swallowed too.
type link struct {
	dir    string
	mu     sync.Mutex
	target string        // the folder of the socket that it leads to
	thawed chan struct{} // closed while the link works
	ended  chan struct{} // closed when the test has ended
	pairs  []*pair
	severs string // a connection on which a client says this is severed, once
}

// pair is one connection through the link.
type pair struct {
	client, server net.Conn
	severed        bool // nothing passes on it any more, while others work: a firewall has forgotten it
}

const serverSocket = ".s.PGSQL.5432"

func newLink(t *testing.T) *link {
	t.Helper()
	dir, err := os.MkdirTemp("", "link") //nolint:usetesting // t.TempDir is too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // PgBouncer, who is another user, goes through it too
		t.Fatal(err)
	}
	l := &link{dir: dir, target: pgtest.Server(t).SocketDir(), thawed: make(chan struct{}), ended: make(chan struct{})}
	close(l.thawed)
	listener, err := net.Listen("unix", filepath.Join(dir, serverSocket))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, serverSocket), 0o777); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() { l.accept(listener, &group) })
	t.Cleanup(func() {
		_ = listener.Close()
		l.mu.Lock()
		close(l.ended)
		for _, pair := range l.pairs {
			_, _ = pair.client.Close(), pair.server.Close()
		}
		l.mu.Unlock()
		group.Wait()
		_ = os.RemoveAll(dir)
	})
	return l
}

// url leads a URL through the link.
func (l *link) url(direct string) string {
	u, _ := url.Parse(direct) // the caller's has been parsed before
	query := u.Query()
	query.Set("host", l.dir)
	u.RawQuery = query.Encode()
	return u.String()
}

func (l *link) accept(listener net.Listener, group *sync.WaitGroup) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		target := l.target
		l.mu.Unlock()
		server, err := net.Dial("unix", filepath.Join(target, serverSocket))
		if err != nil {
			_ = client.Close()
			continue
		}
		if pair := l.pair(client, server); pair != nil {
			group.Go(func() { l.copy(pair, server, client) })
			group.Go(func() { l.copy(pair, client, server) })
		}
	}
}

// pair is nil when the test has ended.
func (l *link) pair(client, server net.Conn) *pair {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.ended:
		_, _ = client.Close(), server.Close()
		return nil
	default:
		l.pairs = append(l.pairs, &pair{client: client, server: server})
		return l.pairs[len(l.pairs)-1]
	}
}

func (l *link) copy(pair *pair, to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-l.passes(pair, buf[:n]):
		case <-l.ended:
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// passes is closed when a piece may go on.
func (l *link) passes(pair *pair, piece []byte) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.severs != "" && bytes.Contains(piece, []byte(l.severs)) {
		pair.severed, l.severs = true, ""
	}
	if pair.severed {
		return nil
	}
	return l.thawed
}

func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.thawed = make(chan struct{})
}

// thaw lets connections through again; what was held back is not lost, as with a real network.
func (l *link) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.thawed:
	default:
		close(l.thawed)
	}
}

// sever swallows the connections that there are; new ones work.
func (l *link) sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, pair := range l.pairs {
		pair.severed = true
	}
}

// severAt severs the next connection on which a text is said, and before it is heard.
func (l *link) severAt(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.severs = text
}

// lead makes new connections lead to the socket in a folder.
func (l *link) lead(dir string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = dir
}

// A connection that swallows everything occupies its place in the pool until it is closed, which pgx waits 15 s for.
func TestConnectionsThatSwallowEverythingAreReplaced(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		sever func(*link, *clinic)
	}{
		{"idle ones", func(l *link, _ *clinic) { l.sever() }},
		{"one that is numbering", func(l *link, c *clinic) { l.severAt("notifier.advance("); c.finish(1) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t)
			link := newLink(t)
			d := c.serve(serve{
				url: link.url(runtimeURL(t, c.db.URL(pgtest.Runtime))) + "&pool_max_conns=1&default_query_exec_mode=exec", accounts: []string{"1"},
			})
			c.finish(1)
			d.rooms.awaitEvents(t, 1)
			severed := time.Now()
			test.sever(link, c)
			c.finish(1)
			checkOrder(t, d.rooms.awaitEvents(t, 2), 1)
			took := time.Since(severed)
			t.Logf("took %v", took)
			if took > 4*queryTimeout {
				t.Errorf("the next event came after %v, want it after %v", took, queryTimeout)
			}
		})
	}
}

// The pool goes on connecting when nobody waits any more; so the first statement has its own time limit.
func TestAConnectionThatSwallowsItsFirstStatementIsReplaced(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	link := newLink(t)
	pool, err := OpenPool(t.Context(), link.url(c.db.URL(pgtest.Runtime))+"&pool_max_conns=1")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	link.severAt("pg_backend_pid")
	if _, err := probe(t.Context(), pool); err == nil {
		t.Error("no error though the connection swallowed everything")
	}
	eventually(t, "the only place in the pool to be free again", func() bool {
		_, err := probe(t.Context(), pool)
		return err == nil
	})
}

// PgBouncer keeps its clients waiting while its own connections to the server are dead.
func TestAPoolerWhoseConnectionsSwallowEverything(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	link := newLink(t)
	bouncer, err := pgbouncer.Start(t.Context(), pgbouncer.Options{ServerDir: link.dir, PoolSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bouncer.Stop() })
	d := c.serve(serve{url: bouncer.URL(pgtest.Runtime, c.db.Name), deaf: true, accounts: []string{"1"}})
	c.finish(1)
	d.rooms.awaitEvents(t, 1)
	severed := time.Now()
	link.sever()
	c.finish(1)
	checkOrder(t, d.rooms.awaitEvents(t, 2), 1)
	t.Logf("took %v", time.Since(severed))
}

// Of several hosts the first may be gone without a word.
func TestAFirstHostThatSwallowsEverything(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	link := newLink(t)
	link.freeze()
	d := c.serve(serve{url: postgres.SocketURL(pgtest.Runtime, c.db.Name, link.dir, pgtest.Server(t).SocketDir()), accounts: []string{"1"}})
	c.finish(1)
	d.rooms.awaitEvents(t, 1)
}
