package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"notifier/wsroom/socketio/stocktest"
)

// The comparison of deploy/RECIPES.md, between the gateway that NestJS users have and a daemon.
func TestTheComparisonOfTheRecipesFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	const nest = "../../../wsroom/socketio/nesttest"
	db := clinic(t)
	book(db, 1, 1, 3)
	p := serveReady(t, db)
	screen, _ := join(t, p.addr, "1", "")
	_, gateway, said := stocktest.Run(t, exec.Command("node", filepath.Join(nest, "gateway.mjs")))
	url, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	compare, lines := startComparison(t, nest, strings.TrimSpace(url), "account-1", "http://"+p.addr, token(t, "1"))
	if got := lines.next(2); !strings.Contains(got, "connected to gateway") || !strings.Contains(got, "connected to notifier") {
		t.Fatalf("the comparison begins with %q", got)
	}
	for id := 1; id <= 3; id++ {
		finish(db, id)
	}
	for id := 1; id <= 3; id++ {
		var data map[string]any
		if err := json.Unmarshal(screen.event().Data, &data); err != nil {
			t.Fatal(err)
		}
		delete(data, "procedures") // which the gateway does not know
		switch id {
		case 1:
			continue // the gateway loses it
		case 3:
			data["startTime"] = "10:00"
		}
		line, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(gateway, "%s\n", line)
	}
	if got, want := lines.next(1), `3, gateway | notifier: .startTime "10:00" | "09:00"`+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := compare.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got, want := lines.next(1), "1 the same; only from the gateway: none; only from notifier: 1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// lineReader reads what a process says.
type lineReader struct {
	t testing.TB
	*bufio.Reader
}

func (r lineReader) next(lines int) (text string) {
	r.t.Helper()
	for range lines {
		line, err := r.ReadString('\n')
		if err != nil {
			r.t.Fatalf("the process ended: %v, after %q", err, text+line)
		}
		text += line
	}
	return text
}

// startComparison runs deploy/compare.mjs where it finds socket.io-client, as a reader does; it ends by SIGINT, at the latest with the test's patience.
func startComparison(t *testing.T, packages string, arguments ...string) (*os.Process, lineReader) {
	t.Helper()
	dir := t.TempDir()
	installed, err := filepath.Abs(filepath.Join(packages, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("../../../deploy/compare.mjs")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "compare.mjs")
	if err := os.WriteFile(path, script, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(installed, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", append([]string{path}, arguments...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inVain := time.AfterFunc(3*e2ePatience, func() { _ = cmd.Process.Kill() }) // the test hears that it ended
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // if the test has not ended it
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		inVain.Stop()
	})
	return cmd.Process, lineReader{t, bufio.NewReader(out)}
}
