package deploytest

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"notifier/auth"
	"notifier/cmd/notifier/leaktest"
	"notifier/sql/pgtest"
)

const (
	signingKey = "deploytest-key-2a61b97fd0c44ab8"
	patience   = 30 * time.Second
	waiting    = 2000 // appointments
)

// daemon is a `notifier serve` with everything on that has a metric of its own.
type daemon struct{ addr, admin string }

func serve(t *testing.T, db *pgtest.DB) daemon {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "notifier")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", binary, "notifier/cmd/notifier").CombinedOutput(); err != nil {
		t.Fatalf("build notifier: %v: %s", err, out)
	}
	cmd := exec.Command(binary, "serve", "--database-url", db.URL(pgtest.Runtime), "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0",
		"--peer-addr", "127.0.0.1:0", "--jwks-url", keySet(t), "--drain", "0s", "--log-format", "json")
	cmd.Env = append(os.Environ(), "NOTIFIER_JWT_SECRET="+signingKey)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kept := leaktest.Log("deploytest")
	lines := bufio.NewReader(io.TeeReader(pipe, kept))
	drained := make(chan struct{})
	var line struct {
		Msg, Addr string
		Admin     string `json:"admin_addr"`
	}
	var addr, admin string
	for line.Msg != "feed_open" {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatalf("the daemon ended: %v", cmd.Wait())
		}
		_ = json.Unmarshal(text, &line) // a line that is not JSON is none that is waited for
		if line.Msg == "serving" {
			addr, admin = line.Addr, line.Admin
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines); close(drained) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait() // killed
		_ = kept.Close()
		noteSecrets(t, db)
	})
	return daemon{addr, admin}
}

func noteSecrets(t *testing.T, db *pgtest.DB) {
	if err := leaktest.Secret(leaktest.Key, signingKey); err != nil {
		t.Error(err)
	}
	if err := leaktest.Patients(context.Background(), db.URL(pgtest.Superuser)); err != nil {
		t.Error(err)
	}
}

// keySet is where an identity provider publishes a key.
func keySet(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"keys":[{"kty":"RSA","kid":"1","alg":"RS256","use":"sig","e":"AQAB","n":%q}]}`,
		base64.RawURLEncoding.EncodeToString(key.N.Bytes()))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	t.Cleanup(server.Close)
	return server.URL
}

// clinic is a database with appointments that wait.
func clinic(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.Migrated(t)
	db.Exec(pgtest.Owner, `
		INSERT INTO accounts (id, name) VALUES (1, 'Clínica');
		INSERT INTO doctors (id, "accountId", name, "isBusy") VALUES (1, 1, 'Dr. Victor', true);
		INSERT INTO patients (id, "accountId", name) VALUES (1, 1, 'Joaquina Medida');
		INSERT INTO contacts ("patientId", phone) VALUES (1, '(81) 96666-4321')`)
	db.Exec(pgtest.App, `
		INSERT INTO appointments (id, date, "startTime", "endTime", "accountId", "doctorId", "patientId", "statusId")
		SELECT n, '2025-01-23', '09:00', '09:15', 1, 1, 1, 2 FROM generate_series(1, $1::int) AS n`, waiting)
	return db
}

// join connects a screen of each protocol, which reads until the test ends, and tells of the first event of both.
func (d daemon) join(t *testing.T) (both <-chan struct{}) {
	t.Helper()
	token, err := auth.Sign([]byte(signingKey), auth.Claims{Account: "1", Subject: "7"})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{}, 2)
	d.screen(t, "/ws", heard, `{"type":"auth","token":"`+token+`"}`)
	d.screen(t, "/socket.io/?EIO=4&transport=websocket", heard, `40{"token":"`+token+`"}`)
	all := make(chan struct{})
	go func() {
		<-heard
		<-heard
		close(all)
	}()
	return all
}

func (d daemon) screen(t *testing.T, path string, heard chan<- struct{}, hello string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, _, err := websocket.Dial(ctx, "ws://"+d.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(ctx, websocket.MessageText, []byte(hello)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for told := false; ; {
			_, frame, err := conn.Read(ctx)
			if err != nil {
				return
			}
			if string(frame) == "2" {
				_ = conn.Write(ctx, websocket.MessageText, []byte("3")) // a pong
			}
			if !told && strings.Contains(string(frame), "appointmnents.finished") {
				told = true
				heard <- struct{}{}
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.CloseNow() // it may be closed
		<-ended
	})
}

// work ends an appointment every 20 ms until the test ends.
func work(t *testing.T, db *pgtest.DB) {
	pool := db.Pool(pgtest.App)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			const end = `UPDATE appointments SET "statusId" = CASE "statusId" WHEN 5 THEN 6 ELSE 5 END WHERE id = $1`
			if _, err := pool.Exec(ctx, end, 1+n%waiting); err != nil && ctx.Err() == nil {
				t.Errorf("finish an appointment: %v", err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
}
