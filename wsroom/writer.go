package wsroom

import "sync"

// A writer lives as long as its member has something queued. It takes what is there, up to a batch, and writes it in one write: one message is
// written as it is, the bytes that all members share; several are copied together first (writev was slower at this size and keeps a vector of
// 16 KiB per connection that it was ever used on).
const (
	batchMessages = 128
	batchBytes    = 64 << 10
)

type batch struct {
	messages []*Message
	bytes    []byte
}

var batches = sync.Pool{New: func() any {
	return &batch{messages: make([]*Message, 0, batchMessages), bytes: make([]byte, 0, batchBytes)}
}}

// join returns the frames of the messages one after the other.
func (b *batch) join(messages []*Message) []byte {
	if len(messages) == 1 {
		return messages[0].frame
	}
	b.bytes = b.bytes[:0]
	for _, m := range messages {
		b.bytes = append(b.bytes, m.frame...)
	}
	return b.bytes
}

// Wake implements Receiver: something is queued and no writer runs.
func (s *session) Wake() {
	s.work.Add(1)
	go s.write()
}

// GiveUp implements Receiver.
func (s *session) GiveUp() { s.conn.GiveUp() }

// write writes until nothing is left, or carries out the ending.
func (s *session) write() {
	defer s.work.Done()
	b := batches.Get().(*batch)
	defer batches.Put(b)
	for {
		messages, ending := s.member.Take(b.messages, batchBytes)
		switch {
		case len(messages) > 0:
			err := s.conn.Write(b.join(messages))
			s.delivered(messages, err)
			clear(messages)
			if err != nil {
				s.conn.Cut() // a frame may be cut in two: nothing can follow. The reader sees it and leaves.
				return
			}
		case ending == lost:
			s.conn.Cut()
			return
		case ending != nil:
			s.conn.Finish(ending.Close, ending.frames)
			return
		default:
			return
		}
	}
}

// delivered counts the events among what was written.
func (s *session) delivered(messages []*Message, err error) {
	if err != nil {
		return
	}
	events := 0
	for _, m := range messages {
		if m.seq != 0 {
			events++
		}
	}
	if events > 0 {
		s.handler.Metrics.Delivered(Plain.name, events)
	}
}
