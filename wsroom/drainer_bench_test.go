package wsroom_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// The other ends of the sockets that benchmarks write to are in other processes, so that what reading costs is not counted.

// drainerEnv makes the test binary such a process: "tcp|plain|socketio address account number".
const drainerEnv = "WSROOM_DRAINER"

// joins are what a client does after it has connected, by protocol.
var joins = map[string]func(conn net.Conn, account string) error{
	"tcp":      func(net.Conn, string) error { return nil },
	"plain":    joinPlain,
	"socketio": joinSocketIO,
}

// drainConnections is that process: it joins, and reads until its standard input ends.
func drainConnections(target string) {
	var protocol, addr, account string
	var n int
	if _, err := fmt.Sscan(target, &protocol, &addr, &account, &n); err != nil {
		panic(err)
	}
	for range n {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			err = joins[protocol](conn, account)
		}
		if err != nil {
			panic(err)
		}
		go func() { _, _ = io.Copy(io.Discard, conn) }() // until the process ends
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startDrainer has another process join so many times; await returns when it has. It ends with the benchmark.
func startDrainer(b *testing.B, protocol, addr, account string, n int) (await func()) {
	b.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s %d", drainerEnv, protocol, addr, account, n))
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = child.Wait()
	})
	return func() {
		b.Helper()
		if _, err := fmt.Fscanln(stdout, new(string)); err != nil {
			b.Fatal("the drainer is not ready: ", err)
		}
	}
}

// dialFar connects as from far away: small segments and a small window, so that the kernel takes little for somebody who does not read.
func dialFar(b *testing.B, addr string) net.Conn {
	b.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var segment, window error
		err := raw.Control(func(fd uintptr) {
			segment = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000)
			window = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		})
		return errors.Join(err, segment, window)
	}}
	conn, err := dialer.DialContext(b.Context(), "tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}

const upgradeLines = "Host: x.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"

// joinPlain reads its welcome, and answers a ping that nobody sent.
func joinPlain(conn net.Conn, account string) error {
	if _, err := fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\n%sAuthorization: Bearer %s\r\n\r\n", upgradeLines, account); err != nil {
		return err
	}
	if err := skipTo(conn, `Z"}`); err != nil { // of welcome's expiresAt
		return err
	}
	_, err := conn.Write([]byte{0x8a, 0x80, 0, 0, 0, 0})
	return err
}

func joinSocketIO(conn net.Conn, account string) error {
	if _, err := fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n%s\r\n", upgradeLines); err != nil {
		return err
	}
	if err := skipTo(conn, `"maxPayload":`); err != nil {
		return err
	}
	connect := fmt.Sprintf(`40{"token":%q}`, account)
	if _, err := conn.Write(append([]byte{0x81, 0x80 | byte(len(connect)), 0, 0, 0, 0}, connect...)); err != nil {
		return err
	}
	return skipTo(conn, `"pid":"`)
}

// skipTo reads until something has come, and perhaps more.
func skipTo(conn net.Conn, what string) error {
	var seen []byte
	for buf := make([]byte, 512); !bytes.Contains(seen, []byte(what)); {
		n, err := conn.Read(buf)
		if err != nil {
			return fmt.Errorf("read up to %s: %w after %q", what, err, seen)
		}
		seen = append(seen, buf[:n]...)
	}
	return nil
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
