package docstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"notifier/cmd/notifier/leaktest"
	"notifier/sql/postgres"
)

// notPasted are blocks that the test does not run, and why. The by-hand run in an empty Debian does.
var notPasted = map[string]string{
	"make demo":     "cmd/notifier/demo_test.go runs the demo",
	"make test":     "this is a part of it",
	"make build":    "the test has built the program",
	"pg_virtualenv": "the test has a server of its own, and says where in the same variables",
	"exit":          "leaves the shell of pg_virtualenv",
}

// step is a block to paste, and what it shows.
type step struct{ paste, shown string }

// steps are a page's blocks of sh, each with the block of text that follows it, if one does.
func steps(p page) (all []step) {
	for i, b := range p.blocks {
		switch {
		case b.language == "sh":
			all = append(all, step{paste: b.text})
		case b.language == "text" && i > 0 && p.blocks[i-1].language == "sh":
			all[len(all)-1].shown = b.text
		}
	}
	return all
}

// A newcomer's first quarter of an hour: each block of README.md is pasted into one shell, in an empty folder with an empty HOME.
func TestWhatTheREADMEPastesPrintsWhatItShows(t *testing.T) {
	t.Parallel()
	var pasted []step
	skipped := map[string]bool{}
	for _, s := range steps(pageAt(readPages(t), english)) {
		if name := strings.TrimSpace(comment.ReplaceAllString(s.paste, "")); notPasted[name] != "" {
			skipped[name] = true
			continue
		}
		pasted = append(pasted, s)
	}
	if len(skipped) != len(notPasted) || len(pasted) < 5 {
		t.Fatalf("of %v the page has only %v, and %d blocks to paste", notPasted, skipped, len(pasted))
	}
	for i, printed := range paste(t, pasted) {
		if fault := unlike(pasted[i].shown, printed.text); fault != "" || printed.status != "0" {
			t.Errorf("%s\n\nends with status %s and prints\n\n%s\n\n%s", pasted[i].paste, printed.status, printed.text, fault)
		}
	}
}

// printed is what one block did.
type printed struct{ text, status string }

// paste feeds the blocks to one shell, as somebody would who pastes them one after the other, until one of them fails.
func paste(t *testing.T, all []step) []printed {
	t.Helper()
	const mark = "<<<docstest "
	var script strings.Builder
	for _, s := range all { // what follows a failed block would only wait for what does not come
		fmt.Fprintf(&script, "%s\nstatus=$?; printf '\\n%s%%s\\n' $status; [ $status = 0 ] || exit\n", s.paste, mark)
	}
	folder := newcomer(t)
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("a minute is not enough"))
	defer cancel()
	shell := exec.CommandContext(ctx, "sh")
	shell.Dir, shell.Env = folder, environment(t, folder)
	shell.Stdin = strings.NewReader(script.String())
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it leaves running can be ended
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	var out bytes.Buffer
	shell.Stdout, shell.Stderr, shell.WaitDelay = &out, &out, time.Second
	err := shell.Run()
	_ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) // usually there is nobody left
	keepLogs(t, folder)
	parts := regexp.MustCompile(`\n`+mark+`(\d+)\n`).FindAllStringSubmatchIndex(out.String(), -1)
	if len(parts) != len(all) {
		t.Errorf("%d of %d blocks were run (%v, %v); the last words were\n%s", len(parts), len(all), err, context.Cause(ctx), out.String())
	}
	results, from := make([]printed, len(parts)), 0
	for i, part := range parts {
		results[i] = printed{out.String()[from:part[0]], out.String()[part[2]:part[3]]}
		from = part[1]
	}
	return results
}

// newcomer is a folder with what a clone has and `make build` makes.
func newcomer(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	project, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"sql": filepath.Join(project, "sql"), "bin": filepath.Dir(binary(t))} {
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "home"), 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// environment is a newcomer's: nothing but PATH, HOME, and, as pg_virtualenv leaves it, where PostgreSQL is. The ports that
// the page takes for granted are free ones here.
func environment(t *testing.T, folder string) []string {
	t.Helper()
	server, err := postgres.Start(t.Context(), postgres.Options{Settings: []string{"full_page_writes = on", "max_prepared_transactions = 0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	programs, err := postgres.BinDir()
	if err != nil {
		t.Fatal(err)
	}
	public, admin := freeAddress(t), freeAddress(t)
	return []string{
		"PATH=" + os.Getenv("PATH") + ":" + programs, "HOME=" + filepath.Join(folder, "home"),
		"PGHOST=" + server.SocketDir(), "PGUSER=" + postgres.Superuser,
		"NOTIFIER_ADDR=" + public, "NOTIFIER_URL=ws://" + public + "/ws", "NOTIFIER_ADMIN_ADDR=" + admin, "NOTIFIER_ADMIN_URL=http://" + admin,
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// keepLogs hands what the daemon wrote to the search for secrets, and to whoever reads a failure.
func keepLogs(t *testing.T, folder string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(folder, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range logs {
		kept := leaktest.Log("docstest")
		_, _ = kept.Write([]byte(readFile(t, path))) // it never fails
		_ = kept.Close()
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("%s:\n%s", filepath.Base(path), readFile(t, path))
			}
		})
	}
}
