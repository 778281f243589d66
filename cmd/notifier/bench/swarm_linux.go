package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
)

// newNetwork waits for all sockets with one epoll: a read per delivery and nothing else, so that the generator takes less of the machine than what it
// measures. TLS goes the usual way.
func newNetwork(s *swarm, doors []*url.URL) (network, error) {
	if doors[0].Scheme == "wss" {
		return newDialed(s, doors), nil
	}
	to, err := resolve(doors)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	p := &poll{swarm: s, to: to, fd: fd, wires: make(map[int32]*wire)}
	if err := syscall.Pipe2(p.bell[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, err
	}
	if err := p.watch(syscall.EPOLL_CTL_ADD, p.bell[0], syscall.EPOLLIN); err != nil {
		return nil, err
	}
	p.done.Go(p.run)
	return p, nil
}

func resolve(doors []*url.URL) (to []netip.AddrPort, err error) {
	for _, door := range doors {
		resolved, err := net.ResolveTCPAddr("tcp", hostPort(door))
		if err != nil {
			return nil, err
		}
		port := resolved.AddrPort()
		to = append(to, netip.AddrPortFrom(port.Addr().Unmap(), port.Port()))
	}
	return to, nil
}

// poll is the network on epoll.
type poll struct {
	swarm *swarm
	to    []netip.AddrPort
	fd    int
	bell  [2]int // a pipe, to end run
	done  sync.WaitGroup
	dials int
	wires map[int32]*wire
}

// wire is one socket.
type wire struct {
	poll   *poll
	fd     int
	client *client
	open   bool // connected
}

// IP_BIND_ADDRESS_NO_PORT, of linux/in.h: the port is chosen by connect, so that each source address has all of them to each destination.
const bindAddressNoPort = 24

func (p *poll) dial(c *client) (link, error) {
	to := p.to[c.door]
	family := syscall.AF_INET
	if to.Addr().Is6() {
		family = syscall.AF_INET6
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	w := &wire{poll: p, fd: fd, client: c}
	if err := w.connect(to); err != nil {
		return nil, errors.Join(fmt.Errorf("connect: %w", err), syscall.Close(fd))
	}
	p.wires[int32(fd)] = w //nolint:gosec // a file descriptor
	return w, nil
}

func (w *wire) connect(door netip.AddrPort) error {
	p := w.poll
	if err := syscall.SetsockoptInt(w.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return err
	}
	if n := p.swarm.target.Sources; n > 0 {
		if err := syscall.SetsockoptInt(w.fd, syscall.SOL_IP, bindAddressNoPort, 1); err != nil {
			return err
		}
		from := &syscall.SockaddrInet4{Addr: source(p.dials, n).As4()}
		if err := syscall.Bind(w.fd, from); err != nil {
			return err
		}
	}
	p.dials++
	var to syscall.Sockaddr
	if a := door.Addr(); a.Is6() {
		to = &syscall.SockaddrInet6{Addr: a.As16(), Port: int(door.Port())}
	} else {
		to = &syscall.SockaddrInet4{Addr: a.As4(), Port: int(door.Port())}
	}
	if err := syscall.Connect(w.fd, to); err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		return err
	}
	return p.watch(syscall.EPOLL_CTL_ADD, w.fd, syscall.EPOLLOUT)
}

func (p *poll) watch(op, fd int, events uint32) error {
	return syscall.EpollCtl(p.fd, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)}) //nolint:gosec // a file descriptor
}

// run hands what comes to the clients, until close.
func (p *poll) run() {
	events := make([]syscall.EpollEvent, 512)
	buffer := make([]byte, 256<<10)
	for {
		n, err := syscall.EpollWait(p.fd, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			panic(fmt.Errorf("epoll_wait: %w", err)) // only a bug of ours can be the cause
		}
		p.swarm.mu.Lock()
		for _, ev := range events[:max(n, 0)] {
			if int(ev.Fd) == p.bell[0] {
				p.swarm.mu.Unlock()
				return
			}
			if w := p.wires[ev.Fd]; w != nil { // else it was cut in this very round
				w.ready(buffer)
			}
		}
		p.swarm.mu.Unlock()
	}
}

// ready goes on with a socket that something happened to.
func (w *wire) ready(buffer []byte) {
	if !w.open {
		w.opened()
		return
	}
	n, err := syscall.Read(w.fd, buffer)
	switch {
	case n > 0:
		w.poll.swarm.heard(w.client, buffer[:n], now())
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
	default:
		if err == nil {
			err = io.EOF
		}
		w.lost(err)
	}
}

// opened sends the handshake, if the connection has come about.
func (w *wire) opened() {
	code, err := syscall.GetsockoptInt(w.fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	if err == nil {
		w.open = true
		err = w.poll.watch(syscall.EPOLL_CTL_MOD, w.fd, syscall.EPOLLIN)
	}
	if err == nil {
		err = w.write(w.client.opening())
	}
	if err != nil {
		w.lost(fmt.Errorf("connect: %w", err))
	}
}

func (w *wire) lost(err error) {
	w.cut()
	w.poll.swarm.lost(w.client, err)
}

func (w *wire) write(p []byte) error {
	if n, err := syscall.Write(w.fd, p); err != nil || n < len(p) {
		return fmt.Errorf("write: the socket took %d of %d bytes: %w", max(n, 0), len(p), errors.Join(err, io.ErrShortWrite))
	}
	return nil
}

// cut ends the connection by a reset, which also leaves no port behind in TIME_WAIT.
func (w *wire) cut() {
	if w.poll.wires[int32(w.fd)] != w { //nolint:gosec // a file descriptor
		return
	}
	delete(w.poll.wires, int32(w.fd)) //nolint:gosec // a file descriptor
	_ = syscall.SetsockoptLinger(w.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	_ = syscall.Close(w.fd) // nothing is left to be lost
}

func (p *poll) close() {
	_, _ = syscall.Write(p.bell[1], []byte{0})
	p.done.Wait()
	for _, fd := range []int{p.bell[0], p.bell[1], p.fd} {
		_ = syscall.Close(fd)
	}
}
