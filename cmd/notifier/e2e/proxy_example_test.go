package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// proxyExample is a file of deploy/proxies, and how a test runs it: as it is, but for what a reader replaces, and for what needs root.
type proxyExample struct {
	name, file string
	patience   []string                 // the changes that shorten its timeouts by the factor by which a test shortens --ping-interval, 25
	changes    func(s *street) []string // pairs of what stands there and what stands there in the test
	command    func(s *street, file string) *exec.Cmd
}

// street is where a proxy stands: the addresses and files that its example leaves to the reader.
type street struct {
	authority
	dir         string
	public      string    // the proxy's address
	houses      [2]string // the daemons' IP addresses
	port, admin string    // their ports, the same on both
	logs        *logTail  // what the proxy says
}

var proxyExamples = []proxyExample{
	{
		name: "nginx", file: "nginx.conf", patience: []string{" 75s", " 3s"},
		changes: func(s *street) []string {
			return []string{
				"listen 443 ssl", "listen " + s.public + " ssl", "/etc/nginx/tls.crt", s.cert, "/etc/nginx/tls.key", s.key, "/var/log/nginx", s.dir,
				"10.0.0.11:8080", s.house(0), "10.0.0.12:8080", s.house(1),
			}
		},
		// The file is for the folder that nginx.conf includes, so here is a nginx.conf.
		command: func(s *street, file string) *exec.Cmd {
			root := "daemon off;\npid " + s.dir + "/nginx.pid;\nerror_log stderr crit;\nworker_processes 2;\nevents { worker_connections 512; }\nhttp {\n"
			if os.Getuid() == 0 {
				root = "user root;\n" + root // who can read a test's folder
			}
			for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
				root += kind + "_temp_path " + s.dir + "/" + kind + ";\n"
			}
			main := filepath.Join(s.dir, "main.conf")
			if err := os.WriteFile(main, []byte(root+"access_log off;\ninclude "+file+";\n}\n"), 0o600); err != nil {
				panic(err) // a folder of the test's own
			}
			return exec.Command(sbin("nginx"), "-p", s.dir, "-e", "stderr", "-c", main)
		},
	},
	{
		name: "Caddy", file: "Caddyfile", // it has no patience to lose: nothing in it ends what is idle
		changes: func(s *street) []string {
			return []string{
				"\nnotifier.clinic.example {", "\nhttps://" + s.public + " {", "\n{\n", "\n{\n\tadmin off\n",
				"/etc/caddy/tls.crt", s.cert, "/etc/caddy/tls.key", s.key,
				"/var/log/caddy", s.dir, "10.0.0.11:8080", s.house(0), "10.0.0.12:8080", s.house(1), "health_port 9090", "health_port " + s.admin,
				"health_interval 2s", "health_interval 200ms", "fail_duration 5s", "fail_duration 1s", "lb_try_duration 5s", "lb_try_duration 1s",
			}
		},
		command: func(s *street, file string) *exec.Cmd {
			cmd := exec.Command(sbin("caddy"), "run", "--adapter", "caddyfile", "--config", file)
			cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
			return cmd
		},
	},
	{
		name: "HAProxy", file: "haproxy.cfg", patience: []string{" 75s", " 3s"},
		changes: func(s *street) []string {
			return []string{
				"    user haproxy\n    group haproxy\n", "", "maxconn 20000 ", "maxconn 500", // root's
				"bind :443 ssl crt /etc/haproxy/notifier.pem", "bind " + s.public + " ssl crt " + s.pem(),
				"10.0.0.11:8080", s.house(0), "10.0.0.12:8080", s.house(1), "check port 9090 inter 2s", "check port " + s.admin + " inter 200ms",
			}
		},
		command: func(_ *street, file string) *exec.Cmd { return exec.Command(sbin("haproxy"), "-db", "-f", file) },
	},
}

// sbin finds what Debian keeps where only root looks.
func sbin(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return "/usr/sbin/" + name
}

// newStreet finds addresses that nobody has: two machines of the loopback network with the same ports free, and a port for the proxy.
func newStreet(t *testing.T) *street {
	t.Helper()
	s := &street{authority: newAuthority(t), dir: t.TempDir(), logs: newLogTail()}
	network := fmt.Sprintf("127.%d.%d.", 64+rand.IntN(128), rand.IntN(256))
	s.houses = [2]string{network + "11", network + "12"}
	s.port = freePort(t, s.houses[:]...)
	for s.admin = s.port; s.admin == s.port; {
		s.admin = freePort(t, s.houses[:]...)
	}
	s.public = "127.0.0.1:" + freePort(t, "127.0.0.1")
	return s
}

// house is a daemon's public address.
func (s *street) house(i int) string { return net.JoinHostPort(s.houses[i], s.port) }

// visitor is an address of the same network that only clients have.
func (s *street) visitor(last string) string { return strings.TrimSuffix(s.houses[0], "11") + last }

// pem is certificate and key in one file.
func (s *street) pem() string {
	path := filepath.Join(s.dir, "both.pem")
	var both []byte
	for _, part := range []string{s.cert, s.key} {
		text, err := os.ReadFile(part)
		if err != nil {
			panic(err) // newAuthority has written them
		}
		both = append(both, text...)
	}
	if err := os.WriteFile(path, both, 0o600); err != nil {
		panic(err) // a folder of the test's own
	}
	return path
}

// freePort is a port that is free on all of these addresses, and that the kernel gives to nobody by itself.
func freePort(t *testing.T, hosts ...string) string {
	t.Helper()
	for range 50 {
		port := fmt.Sprint(10000 + rand.IntN(20000))
		free := true
		for _, host := range hosts {
			listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
			if err != nil {
				free = false
				break
			}
			_ = listener.Close() // it was only to try
		}
		if free {
			return port
		}
	}
	t.Fatalf("no port is free on all of %v", hosts)
	return ""
}

// open starts the example in a street; it ends with the test.
func (e proxyExample) open(t *testing.T, s *street, more ...string) {
	t.Helper()
	cmd := e.command(s, e.write(t, s, more))
	cmd.Stdout, cmd.Stderr = s.logs, s.logs
	if err := cmd.Start(); err != nil {
		t.Fatalf("start what `make test` installs: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it has said says more
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // quick for all three
		select {
		case <-ended:
		case <-time.After(e2ePatience):
			_ = cmd.Process.Kill()
			t.Errorf("%s does not end", e.name)
		}
	})
	for deadline := time.Now().Add(e2ePatience); ; {
		conn, err := net.DialTimeout("tcp", s.public, time.Second)
		if err == nil {
			_ = conn.Close() // it was only to try
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", e.name, s.logs.text())
		case <-time.After(20 * time.Millisecond): // another process: there is no signal to wait for
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not open %s: %s", e.name, s.public, s.logs.text())
		}
	}
}

// write puts the example into the street's folder, with the reader's changes and these. Each must find something to change.
func (e proxyExample) write(t *testing.T, s *street, more []string) (path string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../../deploy/proxies", e.file))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	changes := append(e.changes(s), more...)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s has no %q", e.file, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	path = filepath.Join(s.dir, e.file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// said is all that the proxy has written, to its files too.
func (s *street) said(t *testing.T) string {
	t.Helper()
	text := s.logs.text()
	files, err := filepath.Glob(filepath.Join(s.dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += string(raw)
	}
	return text
}
