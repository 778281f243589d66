package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// window is how many bytes a lane has under way before its sender must wait.
const window = 256 << 10

// lane is one direction of a connection: a reader that always reads, and a writer that delivers when the
// faults allow it. Two goroutines, so that a delayed byte does not hold up those behind it.
type lane struct {
	from, to net.Conn
	held     func(*faults) bool

	mu    sync.Mutex
	queue []piece
	size  int           // bytes in queue
	added chan struct{} // holds a token if the queue may have grown
	taken chan struct{} // and if it may have shrunk
}

// piece is what one read gave: bytes, or how the stream ended.
type piece struct {
	data []byte
	read time.Time
	end  error // io.EOF for a close, anything else for a reset
}

func newLane(from, to net.Conn, held func(*faults) bool) *lane {
	return &lane{from: from, to: to, held: held, added: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

// read queues what comes, until the stream or ctx ends.
func (l *lane) read(ctx context.Context) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := l.from.Read(buffer)
		now := time.Now()
		if n > 0 && !l.push(ctx, piece{data: bytes.Clone(buffer[:n]), read: now}) {
			return
		}
		if err != nil {
			l.push(ctx, piece{end: err, read: now})
			return
		}
	}
}

// push waits for room in the window; false means that ctx has ended.
func (l *lane) push(ctx context.Context, p piece) bool {
	for {
		l.mu.Lock()
		if l.size < window {
			l.queue = append(l.queue, p)
			l.size += len(p.data)
			l.mu.Unlock()
			signal(l.added)
			return true
		}
		l.mu.Unlock()
		select {
		case <-l.taken:
		case <-ctx.Done():
			return false
		}
	}
}

// write delivers until the stream has ended or ctx ends. A stream that failed, or cannot be delivered,
// cuts the connection.
func (l *lane) write(ctx context.Context, current *atomic.Pointer[faults], cut context.CancelFunc) {
	for {
		p, ok := l.next(ctx, current)
		if !ok {
			return
		}
		switch {
		case p.end == nil:
			if _, err := l.to.Write(p.data); err != nil {
				cut()
				return
			}
		case errors.Is(p.end, io.EOF):
			closeWrite(l.to)
			return
		default:
			cut()
			return
		}
	}
}

// next waits for the piece that is to be delivered now, and takes it. False means that ctx has ended.
func (l *lane) next(ctx context.Context, current *atomic.Pointer[faults]) (piece, bool) {
	for {
		f := current.Load()
		p, ok := l.first()
		var due <-chan time.Time
		if ok && !l.held(f) {
			wait := time.Until(p.read.Add(f.delay))
			if f.delay == 0 || wait <= 0 {
				l.pop()
				return p, true
			}
			due = time.After(wait)
		}
		added := l.added
		if ok {
			added = nil // what is behind the first changes nothing
		}
		select {
		case <-added:
		case <-due:
		case <-f.changed:
		case <-ctx.Done():
			return piece{}, false
		}
	}
}

func (l *lane) first() (piece, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return piece{}, false
	}
	return l.queue[0], true
}

func (l *lane) pop() {
	l.mu.Lock()
	l.size -= len(l.queue[0].data)
	l.queue[0] = piece{} // its bytes are free to go
	l.queue = l.queue[1:]
	l.mu.Unlock()
	signal(l.taken)
}

// signal leaves a token, if there is none.
func signal(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

// closeWrite ends one direction; a connection that has only both is closed.
func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // it may be reset by now; then there is nobody to tell
		return
	}
	_ = conn.Close()
}
