package wsroom

import "notifier/wsroom/socket"

// Event is what a room's members are told. ID is opaque here; Seq orders the events of this server's stream.
type Event struct {
	ID   string
	Seq  int64
	Name string
	Data []byte // JSON, compact

	trace Trace // of a replay; nil: nobody follows it
}

// Protocol is a wire protocol: how an event, and the cursor for idle clients, become the payload of a text frame. Its identity is its address,
// so make one and share it.
type Protocol struct {
	name         string
	appendEvent  func(dst []byte, ev Event) []byte
	appendCursor func(dst []byte, cursor string) []byte
}

// NewProtocol makes a protocol from the functions that append its payloads. The name is a label of metrics.
func NewProtocol(name string, appendEvent func(dst []byte, ev Event) []byte, appendCursor func(dst []byte, cursor string) []byte) *Protocol {
	return &Protocol{name: name, appendEvent: appendEvent, appendCursor: appendCursor}
}

// Name is the label of metrics.
func (p *Protocol) Name() string { return p.name }

// AppendFrame appends an event as a whole WebSocket frame: for replays, which are read for one member and shared with nobody.
func (p *Protocol) AppendFrame(dst []byte, ev Event) []byte {
	return socket.AppendTextFunc(dst, func(dst []byte) []byte { return p.appendEvent(dst, ev) })
}

// Message encodes an event, to be shared by all members of this protocol.
func (p *Protocol) Message(ev Event) *Message {
	size := len(ev.Data) + len(ev.ID) + len(ev.Name) + 64
	m := newMessage(size, func(dst []byte) []byte { return p.appendEvent(dst, ev) })
	m.seq, m.cursor, m.trace = ev.Seq, ev.ID, ev.trace
	return m
}

// cursor encodes the refreshed cursor of idle members.
func (p *Protocol) cursor(cursor string) *Message {
	m := newMessage(len(cursor)+64, func(dst []byte) []byte { return p.appendCursor(dst, cursor) })
	m.cursor = cursor
	return m
}

// Message is one encoded message, a whole WebSocket frame, shared by all members that it is queued for. Nobody may change its bytes.
type Message struct {
	seq    int64  // 0: not an event
	cursor string // see Cursor
	frame  []byte
	trace  Trace // nil: nobody follows it
}

// NewMessage is a message that is not an event: it is never skipped and moves nobody's position.
func NewMessage(payload []byte) *Message {
	return newMessage(len(payload), func(dst []byte) []byte { return append(dst, payload...) })
}

// NewMessageAt is NewMessage for a message that begins a stream: who has it has been told everything up to this cursor.
func NewMessageAt(payload []byte, cursor string) *Message {
	m := NewMessage(payload)
	m.cursor = cursor
	return m
}

// NewBinaryMessage is NewMessage in a binary frame.
func NewBinaryMessage(payload []byte) *Message {
	return &Message{frame: socket.AppendBinary(make([]byte, 0, socket.MaxHeader+len(payload)), payload)}
}

// Pong answers a WebSocket ping in line with everything else.
func Pong(payload []byte) *Message { return &Message{frame: socket.Pong(payload)} }

func newMessage(size int, build func(dst []byte) []byte) *Message {
	return &Message{frame: socket.AppendTextFunc(make([]byte, 0, socket.MaxHeader+size), build)}
}

// Seq is the event's, or 0.
func (m *Message) Seq() int64 { return m.seq }

// Cursor is how far whoever has this message has been told the stream: an event's id, a refreshed cursor; "" for what says nothing about that.
func (m *Message) Cursor() string { return m.cursor }

// Frame is the whole WebSocket frame.
func (m *Message) Frame() []byte { return m.frame }

// Payload is what the frame carries: for transports that are not a WebSocket.
func (m *Message) Payload() []byte { return socket.Payload(m.frame) }

// Binary reports whether the frame is a binary one.
func (m *Message) Binary() bool { return socket.IsBinary(m.frame) }

// encodings holds what one thing became in each protocol that has a member asking for it. There are two protocols: a scan beats a map.
type encodings struct {
	made [4]encoding
	n    int
}

type encoding struct {
	protocol *Protocol
	message  *Message
}

func (e *encodings) find(p *Protocol) *Message {
	for _, made := range e.made[:e.n] {
		if made.protocol == p {
			return made.message
		}
	}
	return nil
}

// keep remembers a message. Past four protocols nothing is remembered: the others encode for each member.
func (e *encodings) keep(p *Protocol, m *Message) *Message {
	if e.n < len(e.made) {
		e.made[e.n] = encoding{p, m}
		e.n++
	}
	return m
}

// publication is an event on its way to a room's members.
type publication struct {
	Event
	encodings
	tracer Tracer // may be nil
}

func (b *publication) message(p *Protocol) *Message {
	if m := b.find(p); m != nil {
		return m
	}
	m := p.Message(b.Event)
	if b.tracer != nil {
		m.trace = b.tracer.Trace(b.ID, p.name)
	}
	return b.keep(p, m)
}

// settlement is the place that idle members may be told.
type settlement struct {
	place
	encodings
}

func (s *settlement) message(p *Protocol) *Message {
	if m := s.find(p); m != nil {
		return m
	}
	return s.keep(p, p.cursor(s.cursor))
}
