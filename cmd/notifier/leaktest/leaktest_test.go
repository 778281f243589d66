package leaktest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"notifier/auth"
	"notifier/cmd/notifier/leaktest"
	"notifier/sql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	signingKey = "planted-key-8c1f70aa93d2"
	password   = "planted-password-11"
	patient    = "Joana Plantada"
	phone      = "(81) 97777-1234"
)

// planted is a folder in which a test run has left what it should: one log with so many events, and the secrets.
func planted(t *testing.T, events int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv(leaktest.Variable, dir)
	log := leaktest.Log("daemon")
	for i := range events {
		fmt.Fprintf(log, `{"level":"INFO","msg":"event_published","id":"1-%d","account":"1"}`+"\n", i)
	}
	fmt.Fprintln(log, `{"msg":"serving","database":"postgres://notifier_runtime:xxxxx@db/clinic"}`)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for kind, value := range map[string]string{leaktest.Key: signingKey, leaktest.Password: password} {
		if err := leaktest.Secret(kind, value); err != nil {
			t.Fatal(err)
		}
	}
	db := pgtest.Clinic(t)
	db.Exec(pgtest.Owner, `INSERT INTO accounts (id, name) VALUES (1, 'Clínica')`)
	db.Exec(pgtest.Owner, `INSERT INTO patients (id, "accountId", name) VALUES (1, 1, $1)`, patient)
	db.Exec(pgtest.Owner, `INSERT INTO contacts ("patientId", phone) VALUES (1, $1)`, phone)
	if err := leaktest.Patients(t.Context(), db.URL(pgtest.Owner)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEverySecretInALogIsFound(t *testing.T) {
	token, err := auth.Sign([]byte(signingKey), auth.Claims{Account: "1"})
	if err != nil {
		t.Fatal(err)
	}
	dir := planted(t, 10)
	for _, test := range []struct{ kind, text string }{
		{"key", `{"error":"bad key ` + signingKey + `"}`},
		{"password", "msg=x dsn=" + password},
		{"password", "postgres://somebody:else@db/clinic"},
		{"patient", `{"name":"` + patient + `"}`},
		{"phone", "phone=" + phone},
		{"phone", "phone=81977771234"},
		{"token", "refused " + token},
		{"private key", "-----BEGIN EC PRIVATE KEY-----"},
	} {
		t.Run(test.kind, func(t *testing.T) {
			log := leaktest.Log("leaking")
			fmt.Fprintf(log, "first\n%s\n", test.text)
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
			found, err := leaktest.Search(dir, 10)
			if err != nil || len(found.Leaks) != 1 || found.Leaks[0].Kind != test.kind || found.Leaks[0].Line != 2 {
				t.Fatalf("got %+v, %v, want one %s in line 2", found, err, test.kind)
			}
			said := found.Leaks[0].String()
			if !strings.Contains(said, filepath.Base(found.Leaks[0].File)+":2:") || strings.Contains(said, test.text) {
				t.Errorf("it says %q", said)
			}
			if err := os.Remove(found.Leaks[0].File); err != nil {
				t.Fatal(err)
			}
		})
	}
	if found, err := leaktest.Search(dir, 10); err != nil || len(found.Leaks) != 0 || found.Events != 10 || found.Files != 1 {
		t.Errorf("without them: %+v, %v", found, err)
	}
}

func TestASearchThroughTooLittleFails(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"fewer events": func(*testing.T, string) {},
		"no secret":    func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "secrets")) },
		"a short one":  func(t *testing.T, _ string) { secret(t, leaktest.Phone, "81") },
		"no logs":      func(t *testing.T, dir string) { removeLogs(t, dir) },
		"only one kind": func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "secrets"))
			secret(t, leaktest.Key, signingKey)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := planted(t, 10)
			spoil(t, dir)
			least := 10
			if name == "fewer events" {
				least = 11
			}
			if found, err := leaktest.Search(dir, least); err == nil {
				t.Errorf("it is content with %+v", found)
			}
		})
	}
}

func TestWithoutAFolderNothingIsKept(t *testing.T) {
	t.Setenv(leaktest.Variable, "")
	log := leaktest.Log("daemon")
	if n, err := log.Write([]byte("x")); n != 1 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if err := leaktest.Secret(leaktest.Key, signingKey); err != nil {
		t.Error(err)
	}
	if err := leaktest.Patients(t.Context(), "postgres://nobody@127.0.0.1:1/none"); err != nil {
		t.Error(err)
	}
}

func secret(t *testing.T, kind, value string) {
	t.Helper()
	if err := leaktest.Secret(kind, value); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func removeLogs(t *testing.T, dir string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("%v, %v", logs, err)
	}
	for _, log := range logs {
		remove(t, log)
	}
}
