package notifier

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"notifier/sql/pgtest"
)

// link is a path to the test server through which nothing more passes once it is frozen. New connections are
// taken and swallowed too.
type link struct {
	dir    string
	target string
	mu     sync.Mutex
	thawed chan struct{} // closed while the link works
	conns  []net.Conn
}

func newLink(t *testing.T) *link {
	t.Helper()
	const socket = ".s.PGSQL.5432"
	dir, err := os.MkdirTemp("", "link") //nolint:usetesting // t.TempDir is too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	l := &link{
		dir: dir, target: filepath.Join(pgtest.Server(t).SocketDir(), socket),
		thawed: make(chan struct{}),
	}
	close(l.thawed)
	listener, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() { l.accept(listener, &group) })
	t.Cleanup(func() {
		_ = listener.Close()
		l.mu.Lock()
		for _, conn := range l.conns {
			_ = conn.Close()
		}
		l.mu.Unlock()
		l.thaw()
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
		server, err := net.Dial("unix", l.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		l.mu.Lock()
		l.conns = append(l.conns, client, server)
		l.mu.Unlock()
		group.Go(func() { l.copy(client, server) })
		group.Go(func() { l.copy(server, client) })
	}
}

func (l *link) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		l.mu.Lock()
		thawed := l.thawed
		l.mu.Unlock()
		<-thawed
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
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
