package main

import (
	"net"
	"sync"
)

// socket is a connection that has joined.
type socket struct {
	conn    net.Conn
	account int64
	place   int // in its room
}

// rooms are the sockets of each account.
type rooms struct {
	mu  sync.Mutex
	all map[int64][]*socket
}

func newRooms() *rooms { return &rooms{all: make(map[int64][]*socket)} }

func (r *rooms) join(s *socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.place = len(r.all[s.account])
	r.all[s.account] = append(r.all[s.account], s)
}

// leave puts the last one into the place.
func (r *rooms) leave(s *socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.all[s.account]
	last := room[len(room)-1]
	room[s.place], last.place = last, s.place
	room[len(room)-1] = nil
	if room = room[:len(room)-1]; len(room) == 0 {
		delete(r.all, s.account)
	} else {
		r.all[s.account] = room
	}
}

// members appends those of an account, so that nobody has to wait while they are written to.
func (r *rooms) members(account int64, list []net.Conn) []net.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.all[account] {
		list = append(list, s.conn)
	}
	return list
}
