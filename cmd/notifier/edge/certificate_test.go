package edge

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// files are a certificate and its key as Kubernetes mounts them: links to a link to a folder.
type files struct {
	dir, cert, key string
	log            bytes.Buffer
	n              int
}

// long ago also by the clock of a bubble, which begins in 2000.
var long = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)

func newFiles(t *testing.T) *files {
	t.Helper()
	dir := t.TempDir()
	f := &files{dir: dir, cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key")}
	must(t, os.Symlink("..data/tls.crt", f.cert))
	must(t, os.Symlink("..data/tls.key", f.key))
	certPEM, keyPEM := pair(t, "first.example", long, long.AddDate(200, 0, 0))
	f.swap(t, certPEM, keyPEM)
	return f
}

// swap puts a new folder in the place of the old one.
func (f *files) swap(t *testing.T, certPEM, keyPEM []byte) {
	t.Helper()
	f.n++
	version := string(rune('a' + f.n))
	folder := filepath.Join(f.dir, version)
	must(t, os.Mkdir(folder, 0o700))
	must(t, os.WriteFile(filepath.Join(folder, "tls.crt"), certPEM, 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "tls.key"), keyPEM, 0o600))
	link := filepath.Join(f.dir, "..data")
	must(t, os.Symlink(version, link+"_tmp"))
	must(t, os.Rename(link+"_tmp", link))
}

func (f *files) load(t *testing.T) *Certificate {
	t.Helper()
	c, err := LoadCertificate(f.cert, f.key, slog.New(slog.NewTextHandler(&f.log, nil)))
	must(t, err)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair is a certificate for a name and its key.
func pair(t *testing.T, name string, from, to time.Time) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func (c *Certificate) name(t *testing.T) string {
	t.Helper()
	now, err := c.Config().GetCertificate(&tls.ClientHelloInfo{})
	must(t, err)
	return now.Leaf.DNSNames[0]
}

func TestANewPairIsTakenWithinTenSeconds(t *testing.T) {
	f := newFiles(t)
	second, secondKey := pair(t, "second.example", long, long.AddDate(200, 0, 0))
	synctest.Test(t, func(t *testing.T) {
		c := f.load(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if got := c.name(t); got != "first.example" || f.log.Len() > 0 {
			t.Errorf("nothing changed, and it has %s and says %s", got, &f.log)
		}
		f.swap(t, second, secondKey)
		time.Sleep(lookInterval)
		synctest.Wait()
		if got := c.name(t); got != "second.example" {
			t.Errorf("want the new one, got %s", got)
		}
		cancel()
		must(t, <-done)
		if got := f.log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "level=INFO msg=tls_reloaded not_after=") {
			t.Errorf("want one line, got %s", got)
		}
	})
}

// The two files are replaced one after the other: what does not fit together gets a second look before it is trouble, and then is said once.
func TestAPairThatDoesNotFitKeepsTheOldOne(t *testing.T) {
	f := newFiles(t)
	second, secondKey := pair(t, "second.example", long, long.AddDate(200, 0, 0))
	third, _ := pair(t, "third.example", long, long.AddDate(200, 0, 0))
	firstKey := mustRead(t, f.key)
	c := f.load(t)
	look := func(want string, lines int) {
		t.Helper()
		c.look(t.Context(), false)
		if got := c.name(t); got != want || strings.Count(f.log.String(), "\n") != lines {
			t.Errorf("want %s and %d lines, got %s and %s", want, lines, got, &f.log)
		}
	}
	f.swap(t, second, firstKey)
	look("first.example", 0)
	f.swap(t, second, secondKey)
	look("second.example", 1)
	f.swap(t, third, secondKey)
	look("second.example", 1)
	look("second.example", 2)
	look("second.example", 2)
	if got := f.log.String(); !strings.Contains(got, "level=WARN msg=tls_reload_failed") || strings.Contains(got, "PRIVATE") {
		t.Errorf("want a warning, got %s", got)
	}
	must(t, os.Remove(f.key))
	c.Reload(t.Context())
	c.Reload(t.Context())
	look("second.example", 3)
	f.swap(t, second, secondKey)
	must(t, os.Symlink("..data/tls.key", f.key))
	look("second.example", 3)
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}

func TestWhatIsWrongWithTheFilesIsSaid(t *testing.T) {
	now := time.Now()
	good, goodKey := pair(t, "good.example", now.Add(-time.Hour), now.Add(time.Hour))
	_, otherKey := pair(t, "other.example", now.Add(-time.Hour), now.Add(time.Hour))
	for _, test := range []struct {
		name, want string
		cert, key  []byte
	}{
		{"no certificate", "read the certificate (--tls-cert): open", nil, goodKey},
		{"no key", "read its key (--tls-key): open", good, nil},
		{"another's key", "does not match", good, otherKey},
		{"the two swapped", "are the two files swapped?", goodKey, good},
		{"an empty key", "join the certificate (--tls-cert) and its key (--tls-key): ", good, []byte{}},
		{"garbage", "join the certificate", []byte("garbage"), goodKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range map[string][]byte{"cert": test.cert, "key": test.key} {
				if content != nil {
					must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
				}
			}
			_, err := LoadCertificate(filepath.Join(dir, "cert"), filepath.Join(dir, "key"), slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("want %q, got %v", test.want, err)
			}
		})
	}
}

func TestACertificateThatIsNotValidNowIsServedWithAWarning(t *testing.T) {
	now := time.Now()
	for name, from := range map[string]time.Time{"expired": now.Add(-48 * time.Hour), "not yet": now.Add(time.Hour)} {
		f := newFiles(t)
		certPEM, keyPEM := pair(t, "late.example", from, from.Add(24*time.Hour))
		f.swap(t, certPEM, keyPEM)
		c := f.load(t)
		if got := f.log.String(); !strings.Contains(got, "level=WARN msg=tls_not_valid not_before=") {
			t.Errorf("%s: want a warning, got %s", name, got)
		}
		if got := c.NotAfter(); !got.Equal(from.Add(24 * time.Hour).Truncate(time.Second).UTC()) {
			t.Errorf("%s: ends %v", name, got)
		}
	}
}
