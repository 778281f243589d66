package link

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that answers every byte with prefix and the byte, until its client closes; then it
// says "end" and closes.
func echo(t testing.TB, network, address, prefix string) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				one := make([]byte, 1)
				for {
					if _, err := conn.Read(one); err != nil {
						if errors.Is(err, io.EOF) {
							_, _ = conn.Write([]byte("end"))
						}
						return
					}
					if _, err := conn.Write(append([]byte(prefix), one...)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// run runs a link to an address until the end of the test.
func run(t testing.TB, dial Dial) *Link {
	t.Helper()
	link, err := Listen(t.Context(), "127.0.0.1:0", dial)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return link
}

func connect(t testing.TB, link *Link) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", link.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// ask sends a byte and reads the two that answer it.
func ask(conn net.Conn) (string, error) {
	if _, err := conn.Write([]byte("?")); err != nil {
		return "", err
	}
	answer := make([]byte, 2)
	_, err := io.ReadFull(conn, answer)
	return string(answer), err
}

func wantAnswer(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	if got, err := ask(conn); err != nil || got != want {
		t.Errorf("the answer is %q, %v; want %q", got, err, want)
	}
}

func wantReset(t *testing.T, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %d bytes and %v, want a reset", n, err)
	}
}

// wantRefused opens a connection that is reset at once: while it is dialled, or when it is used.
func wantRefused(t *testing.T, link *Link) {
	t.Helper()
	conn, err := net.Dial("tcp", link.Addr())
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	wantReset(t, conn)
}

func TestALinkLeadsToTCPAndToAUnixSocketAndWhereItIsTurned(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	link := run(t, To("tcp", echo(t, "tcp", "127.0.0.1:0", "T")))
	first := connect(t, link)
	wantAnswer(t, first, "T?")
	link.Retarget(To("unix", echo(t, "unix", socket, "U")))
	wantAnswer(t, connect(t, link), "U?")
	wantAnswer(t, first, "T?")
}

func TestAnEndThatClosesOneDirectionHearsTheOther(t *testing.T) {
	link := run(t, To("tcp", echo(t, "tcp", "127.0.0.1:0", "T")))
	conn := connect(t, link)
	wantAnswer(t, conn, "T?")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(conn); err != nil || string(rest) != "end" {
		t.Errorf("then came %q, %v; want the server's last words and its end", rest, err)
	}
	awaitConnections(t, link, 0)
}

// awaitConnections waits for ends that the link has yet to hear of.
func awaitConnections(t *testing.T, link *Link, want int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); link.Connections() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections, want %d", link.Connections(), want)
		}
	}
}

func TestACutResetsWhatThereIsAndNothingLater(t *testing.T) {
	link := run(t, To("tcp", echo(t, "tcp", "127.0.0.1:0", "T")))
	conns := []net.Conn{connect(t, link), connect(t, link)}
	for _, conn := range conns {
		wantAnswer(t, conn, "T?")
	}
	if n := link.Cut(); n != len(conns) {
		t.Errorf("%d connections were cut, want %d", n, len(conns))
	}
	for _, conn := range conns {
		wantReset(t, conn)
	}
	wantAnswer(t, connect(t, link), "T?")
}

func TestASeedChoosesWhichOneIsCut(t *testing.T) {
	const seed, conns = 7, 5
	var cut [2]int
	for i := range cut {
		link := run(t, To("tcp", echo(t, "tcp", "127.0.0.1:0", "T")))
		if random := rand.New(rand.NewPCG(seed, 0)); link.CutOne(random) {
			t.Error("there was one to cut")
		}
		var open []net.Conn
		for range conns {
			conn := connect(t, link)
			wantAnswer(t, conn, "T?") // one after the other: the link knows them in this order
			open = append(open, conn)
		}
		if random := rand.New(rand.NewPCG(seed, 0)); !link.CutOne(random) {
			t.Error("there was none to cut")
		}
		awaitConnections(t, link, conns-1)
		cut[i] = -1
		for n, conn := range open {
			if _, err := ask(conn); err != nil {
				if cut[i] != -1 {
					t.Errorf("both %d and %d were cut", cut[i], n)
				}
				cut[i] = n
			}
		}
	}
	if cut[0] == -1 || cut[0] != cut[1] {
		t.Errorf("one seed has cut connections %v, want the same one twice", cut)
	}
}

func TestALinkThatRefusesResetsNewConnectionsOnly(t *testing.T) {
	link := run(t, To("tcp", echo(t, "tcp", "127.0.0.1:0", "T")))
	before := connect(t, link)
	wantAnswer(t, before, "T?")
	link.Refuse(true)
	wantRefused(t, link)
	wantAnswer(t, before, "T?")
	link.Refuse(false)
	wantAnswer(t, connect(t, link), "T?")
}

func TestAServerThatIsAwayResetsItsClients(t *testing.T) {
	link := run(t, To("unix", filepath.Join(t.TempDir(), "nobody")))
	wantRefused(t, link)
	awaitConnections(t, link, 0)
}

func TestAClientsResetReachesTheServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	link := run(t, To("tcp", listener.Addr().String()))
	client := connect(t, link)
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	reset(client)
	wantReset(t, server)
}

func TestALinkThatIsNotRunAnyMoreIsClosed(t *testing.T) {
	link, err := Listen(t.Context(), "127.0.0.1:0", To("tcp", "127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	waiting := connect(t, link) // in the backlog: nobody has accepted it
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := link.Run(ctx); err != nil {
		t.Errorf("run: %v", err)
	}
	wantReset(t, waiting)
	if conn, err := net.Dial("tcp", link.Addr()); err == nil {
		_ = conn.Close()
		t.Error("its address still accepts")
	}
}

// BenchmarkRoundTrip is what a healthy link costs: a byte there and two back, directly and through it.
func BenchmarkRoundTrip(b *testing.B) {
	address := echo(b, "tcp", "127.0.0.1:0", "T")
	through := run(b, To("tcp", address)).Addr()
	for name, address := range map[string]string{"direct": address, "link": through} {
		b.Run(name, func(b *testing.B) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ask(conn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
