package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/jackc/pgx/v5"

	"notifier/cmd/notifier/bench"
	"notifier/cmd/notifier/bench/rig"
	"notifier/cmd/notifier/leaktest"
)

//go:embed testdata/seed.sql
var seedSQL string

// The appointments of seed.sql, in the order in which they are finalised, and what all contenders send of them. updatedAt is as it was seeded.
var appointments = []struct{ name, want string }{
	{"plain", `{"id":1,"date":"2025-01-23T00:00:00.000Z","startTime":"09:00","endTime":"09:15","notes":"Observações \"sobre\" o\nagendamento",` +
		`"accountId":1,"createdAt":"2025-01-22T10:00:00.000Z","updatedAt":"2025-01-23T09:15:00.000Z","deletedAt":null,"doctor":{"id":1,"name":"Dr. Victor"},` +
		`"patient":{"id":1,"name":"João Silva","contact":{"phone":"(81) 99999-9999"}},"status":{"id":5,"name":"Finalizado","color":"#28a745"},` +
		`"appointmentProcedures":{"procedure":{"id":1,"name":"Ultrassom: Tireoide","price":"100"}},` +
		`"procedures":[{"id":1,"name":"Ultrassom: Tireoide","price":"100"},{"id":2,"name":"Consulta","price":"99.9"}]}`},
	{"with little in it", `{"id":2,"date":"2025-01-23T00:00:00.000Z","startTime":"09:15","endTime":"09:30","notes":null,` +
		`"accountId":1,"createdAt":"2025-01-22T10:00:00.000Z","updatedAt":"2025-01-23T09:15:00.000Z","deletedAt":null,"doctor":{"id":1,"name":"Dr. Victor"},` +
		`"patient":{"id":2,"name":"Ana Pereira","contact":null},"status":{"id":5,"name":"Finalizado","color":"#28a745"},` +
		`"appointmentProcedures":null,"procedures":[]}`},
	{"contact without a phone", `{"id":3,"date":"2025-01-23T00:00:00.000Z","startTime":"09:30","endTime":"09:45","notes":"",` +
		`"accountId":1,"createdAt":"2025-01-22T10:00:00.000Z","updatedAt":"2025-01-23T09:15:00.000Z","deletedAt":null,"doctor":{"id":1,"name":"Dr. Victor"},` +
		`"patient":{"id":3,"name":"Rui Tavares","contact":{"phone":null}},"status":{"id":5,"name":"Finalizado","color":"#28a745"},` +
		`"appointmentProcedures":{"procedure":{"id":2,"name":"Consulta","price":"99.9"}},"procedures":[{"id":2,"name":"Consulta","price":"99.9"}]}`},
}

func TestEveryContenderDoesTheJob(t *testing.T) {
	t.Parallel()
	lab := openTestLab(t)
	b, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contenders() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := lab.open(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			url := lab.url(rig.Owner, c)
			if err := errors.Join(rig.Execute(t.Context(), url, seedSQL), leaktest.Patients(t.Context(), url)); err != nil {
				t.Fatal(err)
			}
			child, err := rig.Start(t.Context(), c.name, c.command(b, lab.url(c.role, c)))
			if err != nil {
				t.Fatal(err)
			}
			defer child.End()
			sendsTheAppointments(t, c, child, url)
			for _, w := range []bench.Workload{
				{Name: "burst", Conns: 20, Accounts: 2, Burst: 50},
				{Name: "storm", Conns: 50, Accounts: 5, Storm: true},
			} {
				losesNothing(t, lab, c, child, w)
			}
		})
	}
}

func openTestLab(t *testing.T) *lab {
	t.Helper()
	lab, err := openLab(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.close(); err != nil {
			t.Error(err)
		}
	})
	if err := leaktest.Secret(leaktest.Key, rig.Secret); err != nil {
		t.Fatal(err)
	}
	return lab
}

// sendsTheAppointments finalises one after the other; the doctor is busy each time.
func sendsTheAppointments(t *testing.T, c contender, child *rig.Child, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	screen := dialScreen(t, c, child)
	for i, appointment := range appointments {
		if _, err := conn.Exec(t.Context(), `UPDATE doctors SET "isBusy" = true`); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `UPDATE appointments SET "statusId" = 5 WHERE id = $1`, i+1); err != nil {
			t.Fatal(err)
		}
		if got := screen.next(t); got != appointment.want {
			t.Errorf("%s: got\n%s, want\n%s", appointment.name, got, appointment.want)
		}
		awaitFree(t, conn)
	}
}

// awaitFree asks until the doctor is free, which may be just after the event.
func awaitFree(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("the doctor stays busy"))
	defer cancel()
	for busy := true; busy; {
		if err := conn.QueryRow(ctx, `SELECT "isBusy" FROM doctors WHERE id = 1`).Scan(&busy); err != nil {
			t.Fatalf("%v: %v", err, context.Cause(ctx))
		}
	}
}

func losesNothing(t *testing.T, lab *lab, c contender, child *rig.Child, w bench.Workload) {
	t.Helper()
	report, err := bench.Run(t.Context(), lab.url(rig.Owner, c), bench.Target{
		URL: child.URL(), Protocol: c.protocol, Token: rig.Token, PID: child.PID(), Postgres: lab.server.PID(),
	}, w)
	if err != nil {
		t.Fatalf("%s: %v: %s", w.Name, err, child.Last())
	}
	want := report.Events * int64(w.Conns/w.Accounts)
	if report.Lost+report.Doubled+report.Misrouted > 0 || report.Deliveries != want || (want == 0) != w.Storm {
		t.Errorf("%s: %+v", w.Name, report)
	}
	if report.Server == nil || report.Server.RSS == 0 { // its processor time is counted in hundredths of a second, which this may not take
		t.Errorf("%s: what the server took is not known", w.Name)
	}
}

// screen is one socket of account 1.
type screen struct{ conn *websocket.Conn }

// dialScreen connects, and returns when the account's events will come.
func dialScreen(t *testing.T, c contender, child *rig.Child) screen {
	t.Helper()
	signed, err := rig.Token(1)
	if err != nil {
		t.Fatal(err)
	}
	path, header, joined := "/ws", http.Header{"Authorization": {"Bearer " + signed}}, `{"type":"welcome"`
	if c.protocol == bench.SocketIO {
		path, header, joined = "/socket.io/?EIO=4&transport=websocket", nil, `40{"sid"`
	}
	conn, _, err := websocket.Dial(t.Context(), child.URL()+path, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	s := screen{conn}
	if c.protocol == bench.SocketIO {
		s.await(t, "0{")
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(`40{"token":"`+signed+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	s.await(t, joined)
	return s
}

// await reads until a frame begins so.
func (s screen) await(t *testing.T, prefix string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, frame, err := s.conn.Read(ctx)
		if err != nil {
			t.Fatalf("wait for %s: %v", prefix, err)
		}
		if strings.HasPrefix(string(frame), prefix) {
			return
		}
	}
}

// next is the data of the next event, byte for byte.
func (s screen) next(t *testing.T) string {
	t.Helper()
	const socketIOEvent = `42["appointmnents.finished",`
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, frame, err := s.conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var data json.RawMessage
		if packet, found := bytes.CutPrefix(frame, []byte(socketIOEvent)); found {
			err = json.NewDecoder(bytes.NewReader(packet)).Decode(&data)
		} else if frame[0] == '{' {
			var event struct{ Data json.RawMessage }
			err = json.Unmarshal(frame, &event)
			data = event.Data
		}
		if err != nil {
			t.Fatal(err)
		}
		if data != nil {
			return string(data)
		}
	}
}
