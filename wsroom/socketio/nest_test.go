package socketio_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"notifier/wsroom/socketio"
	"notifier/wsroom/socketio/stocktest"
)

// side is one of two servers that the same script is shown: it tells appointments of account 1.
type side struct {
	url  string
	tell func(data string)
}

func ourSide(t *testing.T, opts ...option) side {
	s := listen(t, opts...)
	return side{strings.TrimSuffix(s.url, "/socket.io/"), func(data string) { s.Publish("account-1", data) }}
}

// nestSide is a NestJS gateway in a process of its own.
func nestSide(t *testing.T) side {
	_, stdin, stdout := stocktest.Run(t, exec.Command("node", "nesttest/gateway.mjs"))
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return side{strings.TrimSpace(url), func(data string) { fmt.Fprintln(stdin, data) }}
}

// show runs a screen until it ends, and returns its lines; when it has connected the appointments are told.
func (s side) show(t *testing.T, token, transports string, appointments []string) string {
	t.Helper()
	screen := exec.Command("node", "nesttest/screen.mjs", s.url, token, transports, fmt.Sprint(len(appointments)))
	screen.Stderr = os.Stderr
	stdout, err := screen.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := screen.Start(); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if lines.Text() == "connect" {
			for _, appointment := range appointments {
				s.tell(appointment)
			}
		}
		fmt.Fprintln(&seen, lines.Text())
	}
	if err := screen.Wait(); err != nil {
		t.Errorf("screen: %v", err)
	}
	return seen.String()
}

func TestAScreenSeesTheSameOnNestJSAndHere(t *testing.T) {
	var appointments []string
	for id := range 20 {
		appointments = append(appointments, fmt.Sprintf(`{"id":%d,"status":"FINALIZADO","notes":"Observações \"\\ <&>   😀","startTime":"09:00",`+
			`"contact":{"phone":null},"appointmentProcedures":{"procedure":{"price":"99.9"}},"deletedAt":null,"flags":[],"n":-0.5}`, id))
	}
	for i, appointment := range appointments {
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(appointment)); err != nil || compact.String() != appointment {
			t.Fatalf("appointment %d is not compact JSON: %v", i, err)
		}
	}
	nest := nestSide(t)
	for name, transports := range map[string]string{"default": `["polling","websocket"]`, "websocket": `["websocket"]`, "polling": `["polling"]`} {
		t.Run(name, func(t *testing.T) {
			want := nest.show(t, "Bearer account-1", transports, appointments)
			if strings.Count(want, "\n") != 22 || !strings.HasPrefix(want, "connect\nappointmnents.finished {") {
				t.Fatalf("NestJS: %s", want)
			}
			for recovery, opts := range map[string][]option{"on": nil, "off": {configured(func(c *socketio.Config) { c.NoRecovery = true })}} {
				if got := ourSide(t, opts...).show(t, "Bearer account-1", transports, appointments); got != want {
					t.Errorf("recovery %s: got\n%swant\n%s", recovery, got, want)
				}
			}
		})
	}
}

func TestAScreenIsThrownOutTheSameOnNestJSAndHere(t *testing.T) {
	want := nestSide(t).show(t, "token_invalid", `["websocket"]`, nil)
	if want != "connect\ndisconnect io server disconnect\n" {
		t.Fatalf("NestJS: %s", want)
	}
	leaving := configured(func(c *socketio.Config) { c.RefuseByLeaving = true })
	if got := ourSide(t, leaving).show(t, "token_invalid", `["websocket"]`, nil); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
