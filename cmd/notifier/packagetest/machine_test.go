//go:build packages

package packagetest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// machine is a Debian with nothing but systemd, which runs in namespaces of its own as process 1, and shares this machine's network and
// kernel.
type machine struct {
	t    *testing.T
	root string
	init string // systemd's number out here
}

// boot makes the file system the first one of a mount namespace: by pivot_root, because out of a chroot systemd could give its services no
// user namespaces.
const boot = `
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/run"
mount -t tmpfs tmpfs "$1/tmp"
mount -t sysfs -o ro sysfs "$1/sys"
mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
mount --rbind /dev "$1/dev"
cd "$1"
pivot_root . mnt
exec chroot . sh -c 'umount -l /mnt; exec env -i container=other PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system --log-target=journal --show-status=no'`

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, root: filepath.Join(t.TempDir(), "debian")}
	output(t, nil, "debootstrap", "--variant=minbase", "--include=systemd,init-system-helpers", "bookworm", m.root)
	parent := exec.Command("unshare", "--pid", "--fork", "--mount", "--uts", "--ipc", "--cgroup", "--propagation=private", "--kill-child",
		"sh", "-euc", boot, "sh", m.root)
	parent.Stderr = os.Stderr
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = parent.Process.Kill() // which --kill-child passes on, and with process 1 all others end
		_ = parent.Wait()
	})
	m.await("systemd", func() bool {
		children, _ := os.ReadFile(filepath.Join("/proc", itoa(parent.Process.Pid), "task", itoa(parent.Process.Pid), "children"))
		m.init = strings.TrimSpace(string(children))
		comm, _ := os.ReadFile(filepath.Join("/proc", m.init, "comm"))
		return string(comm) == "systemd\n"
	})
	m.await("the system", func() bool { return strings.TrimSpace(m.try("systemctl is-system-running --wait")) == "running" })
	return m
}

// await asks until it is so: there is nobody who would send a signal.
func (m *machine) await(what string, so func() bool) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	for tick := time.Tick(50 * time.Millisecond); !so(); {
		select {
		case <-tick:
		case <-ctx.Done():
			m.t.Fatalf("waited in vain for %s; the journal ends with\n%s", what, m.try("journalctl --no-pager --output=cat | tail -n 30"))
		}
	}
}

// run is a command line in there, which has to succeed.
func (m *machine) run(line string) {
	m.t.Helper()
	out, err := m.command(line).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s: %v\n%s%s", line, err, out, m.try("journalctl --no-pager --output=cat | tail -n 30"))
	}
}

// try is the same without, and gives what it wrote in any case.
func (m *machine) try(line string) string {
	out, _ := m.command(line).CombinedOutput() // what it says is the answer
	return string(out)
}

func (m *machine) command(line string) *exec.Cmd {
	return exec.CommandContext(m.t.Context(), "nsenter", "--target", m.init, "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"DEBIAN_FRONTEND=noninteractive", "sh", "-euc", line)
}

// is compares what a command line writes.
func (m *machine) is(line, want string) {
	m.t.Helper()
	if got := strings.TrimSpace(m.try(line)); got != want {
		m.t.Errorf("%s: got %q, want %q", line, got, want)
	}
}

// install puts a package there and installs it.
func (m *machine) install(deb string) {
	m.t.Helper()
	file, err := os.ReadFile(deb)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write("/root/notifier.deb", string(file))
	m.run("dpkg --install /root/notifier.deb")
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	cmd := m.command("cat > " + path)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("write %s: %v: %s", path, err, out)
	}
}

// state are properties of the service as systemd sees them, in their order.
func (m *machine) state(names string) string {
	var values []string
	for name := range strings.FieldsSeq(names) {
		values = append(values, string(bytes.TrimSpace([]byte(m.try("systemctl show notifier --value --property="+name)))))
	}
	return strings.Join(values, " ")
}

// journal is what the daemon that runs now, or ran last, has logged.
func (m *machine) journal() string {
	return m.try("journalctl --unit=notifier --no-pager --output=cat")
}
