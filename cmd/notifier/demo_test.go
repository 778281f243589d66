package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
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

// runningDemo is `notifier demo` as a process of its own, with a temporary folder and a process group of its own.
type runningDemo struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr io.Reader
	folder string
}

func startDemo(t *testing.T, args ...string) *runningDemo {
	t.Helper()
	folder, err := os.MkdirTemp("", "demo-test-") //nolint:usetesting // as root, PostgreSQL's user must be able to pass through
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	d := &runningDemo{cmd: program(t, append([]string{"demo", "--addr", "127.0.0.1:0"}, args...)...), folder: folder}
	d.cmd.Env = append(d.cmd.Env, "TMPDIR="+folder)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Should the test end early: what the demo would do on Ctrl-C, and not a kill that leaves PostgreSQL behind.
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(os.Interrupt) }
	d.cmd.WaitDelay = 20 * time.Second
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	kept := leaktest.Log("demo")
	t.Cleanup(func() { _ = kept.Close() })
	d.stderr = io.TeeReader(stderr, kept)
	d.stdout = bufio.NewReader(stdout)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// address waits for the page's address.
func (d *runningDemo) address(t *testing.T) string {
	t.Helper()
	line, err := d.stdout.ReadString('\n')
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(line)
	if err != nil || url == "" {
		rest, _ := io.ReadAll(d.stderr)
		t.Fatalf("the first line is %q, %v; stderr:\n%s", line, err, rest)
	}
	d.notePatients(t)
	return url
}

// notePatients says what must not be in the demo's log. The database is in the temporary folder.
func (d *runningDemo) notePatients(t *testing.T) {
	t.Helper()
	sockets, err := filepath.Glob(filepath.Join(d.folder, "*", ".s.PGSQL.*[0-9]"))
	if err != nil || len(sockets) != 1 {
		t.Fatalf("the sockets of the demo's server: %q, %v", sockets, err)
	}
	if err := leaktest.Patients(t.Context(), postgres.SocketURL(demoApp, demoDatabase, filepath.Dir(sockets[0]))); err != nil {
		t.Error(err)
	}
}

// press Ctrl-C as a terminal does: the signal goes to the whole process group.
func (d *runningDemo) pressCtrlC(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(-d.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

// leavesNothing waits for the end and looks for what must be gone by then.
func (d *runningDemo) leavesNothing(t *testing.T) {
	t.Helper()
	rest, err := io.ReadAll(d.stderr)
	if err != nil {
		t.Error(err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C ends it with %v, want status 0; stderr:\n%s", err, rest)
	}
	entries, err := os.ReadDir(d.folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Errorf("%s is left in the temporary folder", entry.Name())
	}
	if left := processesIn(t, d.folder); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// processesIn lists the processes that work in a folder, as those of a PostgreSQL server do, or name it in their arguments.
func processesIn(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		// What cannot be read has ended meanwhile, or is somebody else's.
		cwd, _ := os.Readlink(filepath.Join(process, "cwd"))
		arguments, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		if strings.HasPrefix(cwd, folder+"/") || bytes.Contains(arguments, []byte(folder)) {
			found = append(found, filepath.Base(process)+" "+string(bytes.ReplaceAll(arguments, []byte{0}, []byte{' '})))
		}
	}
	if len(processes) > 0 {
		return found
	}
	// No /proc on this system: at least the postmaster names its folder.
	listing, err := exec.CommandContext(t.Context(), "ps", "-axww", "-o", "pid=,args=").Output()
	if err != nil {
		t.Fatalf("list processes: %v", err)
	}
	for line := range strings.Lines(string(listing)) {
		if strings.Contains(line, folder) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// runScript runs one of the browser's scripts against a page.
func runScript(t *testing.T, name, url string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", name, url)
	cmd.Dir = filepath.Join("demo", "browsertest")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var report struct {
		OK     bool
		Checks []string
		Error  string
		Faults []string
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v; stdout %q; stderr:\n%s", runErr, &stdout, &stderr)
	}
	for _, check := range report.Checks {
		t.Log("held: ", check)
	}
	if runErr != nil || !report.OK || len(report.Checks) == 0 {
		t.Errorf("%v: %s\nthe browser's console: %q", runErr, report.Error, report.Faults)
	}
}

// needBrowser fails with what to do when something that the scripts run on is missing.
func needBrowser(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("the page is tested with Node, which `make test` installs: %v", err)
	}
	module := filepath.Join("demo", "browsertest", "node_modules", "playwright-core")
	if _, err := os.Stat(module); err != nil {
		t.Fatalf("the page is tested with playwright-core, which `make test` installs: %v", err)
	}
	if path := os.Getenv("CHROMIUM"); path != "" {
		if _, err := exec.LookPath(path); err != nil {
			t.Fatalf("CHROMIUM names no program; unset, `make test` installs one: %v", err)
		}
	} // else the scripts look for one, and say the same
}

func TestDemoPageInABrowserAndNothingLeftBehind(t *testing.T) {
	needBrowser(t)
	d := startDemo(t)
	url := d.address(t)
	if len(processesIn(t, d.folder)) == 0 {
		t.Error("no PostgreSQL is seen in the temporary folder: the check at the end would mean nothing")
	}
	t.Run("modules", func(t *testing.T) { runScript(t, "modules.mjs", url) })
	t.Run("waiting list", func(t *testing.T) { runScript(t, "waitinglist.mjs", url) })
	d.pressCtrlC(t)
	if rest, err := io.ReadAll(d.stdout); err != nil || len(rest) > 0 {
		t.Errorf("after the address stdout has %q, %v", rest, err)
	}
	d.leavesNothing(t)
}

func TestDemoInterruptedWhileItStartsLeavesNothingBehind(t *testing.T) {
	d := startDemo(t)
	// The folder exists from the moment that PostgreSQL is being prepared, long before it runs.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		entries, err := os.ReadDir(d.folder)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the demo has not begun within 20 s")
		}
	}
	d.pressCtrlC(t)
	if _, err := io.Copy(io.Discard, d.stdout); err != nil {
		t.Error(err)
	}
	d.leavesNothing(t)
}
