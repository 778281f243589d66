package socketio_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// held begins a GET and returns when the server holds it. Inside a bubble.
func (p *poller) held() <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		a, err := p.request(p.t.Context(), "GET", p.query, "")
		if err != nil {
			a.body = err.Error()
		}
		answers <- a
	}()
	synctest.Wait()
	return answers
}

func TestWhoPollsIsToldOfTheEndBeforeTheAddressCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		holding, _ := s.joinPoll("1")
		between, _ := s.joinPoll("2")
		behind, _ := s.joinPoll("3")
		s.joinPoll("4") // and never comes back
		socket, _ := s.join("5")
		seq := s.Publish("3", `{"id":1}`)
		held := holding.held()

		s.Hub.Refuse()
		began := time.Now()
		var drained time.Duration
		go func() {
			s.handler.Drain(t.Context())
			drained = time.Since(began)
		}()
		synctest.Wait()
		if a := <-held; a.status != 200 || a.body != "1" {
			t.Errorf("the held GET: %+v", a)
		}
		time.Sleep(time.Second)
		between.post(200, "3")
		between.get(200, "1")
		behind.get(200, eventFrame(seq, `{"id":1}`))
		behind.get(200, "1")
		behind.get(400, "")
		if a := s.must("GET", "?EIO=4&transport=polling", ""); a.status != 503 {
			t.Errorf("somebody new: %+v", a)
		}
		if _, status, err := s.dialWire(""); err == nil || status != 503 {
			t.Errorf("somebody new: %d %v", status, err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if drained != 2*time.Second {
			t.Errorf("drained after %v, want the time that is waited for a GET", drained)
		}
		live := s.Publish("5", `{"id":2}`)
		socket.want(eventFrame(live, `{"id":2}`)) // its turn has not come
	})
}

func TestNobodyIsWaitedForWhereNobodyPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := listenPipes(t)
		s.join("1")
		p, _ := s.joinPoll("1")
		w := p.dialProbe()
		w.send("2probe")
		w.want("3probe")
		w.send("5")
		synctest.Wait()
		began := time.Now()
		s.Hub.Refuse()
		s.handler.Drain(t.Context())
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
		if got := s.Hub.Stats().Members; got != 2 {
			t.Errorf("%d members, want the two on WebSockets", got)
		}
	})
}
