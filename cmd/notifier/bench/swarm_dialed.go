package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// dialTimeout is how long a connection may take to come about.
const dialTimeout = 20 * time.Second

// dialed is the network by package net, a goroutine for each connection: for TLS, and where there is no epoll.
type dialed struct {
	swarm  *swarm
	doors  []*url.URL
	ctx    context.Context //nolint:containedctx // ends with close, for connections that are being opened
	cancel context.CancelFunc
	done   sync.WaitGroup
	dials  int
}

func newDialed(s *swarm, doors []*url.URL) *dialed {
	d := &dialed{swarm: s, doors: doors}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// socket is one connection; conn is nil until it is open.
type socket struct {
	conn net.Conn
	gone bool
}

func (d *dialed) dial(c *client) (link, error) {
	var dialer net.Dialer
	if n := d.swarm.target.Sources; n > 0 {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source(d.dials, n), 0))
	}
	d.dials++
	s := &socket{}
	address := d.doors[c.door]
	d.done.Go(func() { d.follow(c, s, dialer, address) })
	return s, nil
}

// follow reads one connection to its end.
func (d *dialed) follow(c *client, s *socket, dialer net.Dialer, address *url.URL) {
	err := d.open(s, dialer, address)
	if err == nil {
		d.swarm.mu.Lock()
		err = s.write(c.opening())
		d.swarm.mu.Unlock()
	}
	buffer := make([]byte, 4<<10)
	for err == nil {
		var n int
		n, err = s.conn.Read(buffer)
		d.swarm.mu.Lock()
		if n > 0 && !s.gone {
			d.swarm.heard(c, buffer[:n], now())
		}
		d.swarm.mu.Unlock()
	}
	d.swarm.mu.Lock()
	defer d.swarm.mu.Unlock()
	if !s.gone {
		s.cut()
		d.swarm.lost(c, err)
	}
}

func (d *dialed) open(s *socket, dialer net.Dialer, address *url.URL) error {
	ctx, cancel := context.WithTimeoutCause(d.ctx, dialTimeout, errors.New("connect: no answer"))
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", hostPort(address))
	if err == nil && address.Scheme == "wss" {
		secured := tls.Client(conn, &tls.Config{ServerName: address.Hostname(), MinVersion: tls.VersionTLS12})
		if err = secured.HandshakeContext(ctx); err != nil {
			err = errors.Join(err, conn.Close())
		}
		conn = secured
	}
	if err != nil {
		return err
	}
	d.swarm.mu.Lock()
	defer d.swarm.mu.Unlock()
	s.conn = conn
	if s.gone {
		return errors.Join(net.ErrClosed, conn.Close())
	}
	return nil
}

func (s *socket) write(p []byte) error {
	_, err := s.conn.Write(p)
	return err
}

func (s *socket) cut() {
	if s.gone {
		return
	}
	s.gone = true
	if s.conn == nil {
		return
	}
	if tcp, ok := s.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close() // nothing is left to be lost
		return
	}
	_ = s.conn.SetDeadline(time.Unix(1, 0)) // else TLS says goodbye first
	_ = s.conn.Close()
}

func (d *dialed) close() {
	d.cancel()
	d.done.Wait()
}

// hostPort adds the scheme's port where none is named.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	port := "80"
	if strings.HasSuffix(u.Scheme, "ss") {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
