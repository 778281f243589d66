package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"notifier/cmd/notifier/chaos/link"
	"notifier/notifier"
)

// stock is all the screens of a world that are the stock Socket.IO client: one process of Node.js hosts them.
type stock struct {
	dir     string        // of the program
	doors   func() []door // where daemons can be reached
	kinds   [][]string    // the transports of the first, the second, and so on, over again
	rand    *rand.Rand
	visits  []*visit
	partial []byte       // a line that has not ended yet
	stderr  bytes.Buffer // what Node.js complains of
	wrong   error        // what the program said and should not have
	stop    context.CancelFunc
}

// visit is one of them, and its way to a daemon. A stock client knows one address, and its way from there to a daemon
// is a balancer's that keeps to it until it is not answered; or it leads to the world's balancer, which does not.
type visit struct {
	*screen
	order order
	way   *link.Link
	at    door
}

// order is what the program is told of a screen.
type order struct {
	Screen     int      `json:"screen"`
	URL        string   `json:"url"`
	Token      string   `json:"token"`
	Transports []string `json:"transports"`
}

// news is what the program tells of a screen.
type news struct {
	Kind        string `json:"kind"`
	Screen      int    `json:"screen"`
	Recovered   bool   `json:"recovered"`
	ID          string `json:"id"`
	Appointment int32  `json:"appointment"`
	Account     string `json:"account"`
	At          int64  `json:"at"`
	Reason      string `json:"reason"`
	Refused     bool   `json:"refused"`
}

// The transports of stock screens. Those that a client begins with by itself are the default.
var (
	webSocketOnly = []string{"websocket"}
	pollingOnly   = []string{"polling"}
	byDefault     = []string{"polling", "websocket"}
)

// newStock prepares the program, for no screens yet.
func newStock(ctx context.Context, doors func() []door, random *rand.Rand, kinds ...[]string) (*stock, error) {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module: %w", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(module)), "cmd", "notifier", "chaos", "stock")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		return nil, fmt.Errorf("find the stock client, which `.ci/install test` installs: %w", err)
	}
	return &stock{dir: dir, doors: doors, kinds: kinds, rand: random}, nil
}

// invite adds a screen, whose way leads to the door of that number.
func (s *stock) invite(screen *screen, token string, way *link.Link, home int) {
	v := &visit{screen: screen, way: way, order: order{
		Screen: len(s.visits), URL: "http://" + way.Addr(), Token: token, Transports: s.kinds[len(s.visits)%len(s.kinds)],
	}}
	doors := s.doors()
	v.lead(doors[home%len(doors)])
	s.visits = append(s.visits, v)
}

func (v *visit) lead(to door) {
	v.at = to
	v.way.Retarget(link.To("tcp", to.addr))
}

// run runs the program until ctx ends.
func (s *stock) run(ctx context.Context) error {
	orders := make([]order, len(s.visits))
	for i, v := range s.visits {
		orders[i] = v.order
	}
	text, err := json.Marshal(orders)
	if err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	s.stop = stop
	runtime.LockOSThread() // see endWithParent
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(working, "node", "screens.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.dir, bytes.NewReader(text), s, &s.stderr
	endWithParent(cmd)
	err = cmd.Run()
	switch {
	case s.wrong != nil:
		return fmt.Errorf("run the stock screens: %w", s.wrong)
	case ctx.Err() != nil:
		return nil
	default:
		return fmt.Errorf("run the stock screens: they ended: %w: %s", err, s.stderr.String())
	}
}

// Write implements io.Writer for what the program says. It ends the program when that should not have been said.
func (s *stock) Write(data []byte) (int, error) {
	s.partial = append(s.partial, data...)
	for {
		line, rest, ok := bytes.Cut(s.partial, []byte("\n"))
		if !ok {
			return len(data), nil
		}
		if err := s.take(line); err != nil && s.wrong == nil {
			s.wrong = fmt.Errorf("%w: %s", err, line)
			s.stop()
		}
		s.partial = rest
	}
}

// take notes one line.
func (s *stock) take(line []byte) error {
	var n news
	if err := json.Unmarshal(line, &n); err != nil {
		return err
	}
	if n.Screen < 0 || n.Screen >= len(s.visits) {
		return errors.New("there is no such screen")
	}
	v := s.visits[n.Screen]
	switch n.Kind {
	case "connect":
		v.opened(v.at.daemon, n.Recovered, notifier.Cursor{})
	case "event":
		id, err := notifier.ParseCursor(n.ID)
		if err != nil {
			return err
		}
		v.received(receipt{id: id, appointment: n.Appointment, account: n.Account, at: time.UnixMilli(n.At)})
	case "disconnect", "error":
		v.ended(n.Reason)
		if n.Refused {
			return fmt.Errorf("%s is told never to come back", v.name)
		}
		s.leave(v, n)
	default:
		return errors.New("there is no such kind of line")
	}
	return nil
}

// leave perhaps leads a screen elsewhere that has lost its connection, or could make none.
func (s *stock) leave(v *visit, n news) {
	doors := s.doors()
	switch {
	case n.Kind == "error" || n.Reason == "ping timeout": // a balancer takes out what does not answer
		doors = slices.DeleteFunc(doors, func(d door) bool { return d == v.at })
	case s.rand.IntN(3) > 0:
		return
	}
	if len(doors) > 0 {
		v.lead(doors[s.rand.IntN(len(doors))])
	}
}
