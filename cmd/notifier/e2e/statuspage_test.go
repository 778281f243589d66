package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"notifier/sql/pgtest"
)

// The script looks at the page as people do, and says on stderr when something has to happen.
func TestTheStatusPageInABrowser(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	book(db, 1, 1, 2)
	one, two := guardedDaemon(t, db), guardedDaemon(t, db)
	awaitPeers(t, one, two)
	screen, _ := join(t, one.addr, "1", "")
	joinStock(t, two.addr, `["websocket"]`).Next("connect")
	finish(db, 1)
	screen.event()
	one.awaitMetric(`notifier_effects_waiting 0`)

	script := exec.CommandContext(t.Context(), "node", "statuspage.mjs", "http://"+one.admin+"/", adminToken)
	script.Dir = filepath.Join("..", "demo", "browsertest")
	var stdout bytes.Buffer
	script.Stdout = &stdout
	stdin, err := script.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := script.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := script.Start(); err != nil {
		t.Fatalf("the page is tested with Node and playwright-core, which `make test` installs: %v", err)
	}
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		switch lines.Text() {
		case "event":
			db.Exec(pgtest.App, `UPDATE appointments SET "statusId" = 6 WHERE id = 2`)
		case "one left":
			two.kill()
			_, _ = io.WriteString(stdin, "done\n") // should it have failed meanwhile, its report says why
		default:
			t.Log(lines.Text())
		}
	}
	runErr := script.Wait()
	var report struct {
		OK     bool
		Checks []string
		Error  string
		Faults []string
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v; stdout %q", runErr, &stdout)
	}
	for _, check := range report.Checks {
		t.Log("held: ", check)
	}
	if runErr != nil || !report.OK || len(report.Checks) == 0 {
		t.Errorf("%v: %s\nthe browser's console: %q", runErr, report.Error, report.Faults)
	}
}
