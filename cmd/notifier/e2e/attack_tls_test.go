package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// selfSigned writes a certificate for 127.0.0.1, and its key.
func selfSigned(t *testing.T) (certificate, key string, trusted *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	certificate, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted = x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certificate, key, trusted
}

func TestHalfOpenTLSKeepsNobodyOutAndEnds(t *testing.T) {
	t.Parallel()
	const half = 600
	certificate, key, trusted := selfSigned(t)
	db := clinic(t)
	book(db, 1, 1, 2)
	p := serveReady(t, db, "--tls-cert", certificate, "--tls-key", key)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	enter := func() *screen {
		ctx, cancel := context.WithTimeout(t.Context(), e2ePatience)
		defer cancel()
		conn, _, err := websocket.Dial(ctx, "wss://"+p.addr+"/ws", &websocket.DialOptions{
			HTTPClient: client, HTTPHeader: http.Header{"Authorization": {"Bearer " + token(t, "1")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.CloseNow() })
		s := &screen{t: t, conn: conn}
		if welcome := s.next(); welcome.Type != "welcome" {
			t.Fatalf("got %+v, want a welcome", welcome)
		}
		return s
	}
	early := enter()
	before := p.usage()
	attackers := make([]*attacker, half)
	for i := range attackers {
		a := &attacker{t: t, name: "half of a TLS handshake", addr: p.addr, n: i}
		attackers[i] = a
		a.send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("r", i%500)) // a ClientHello of 512 bytes
	}
	late := enter()
	for id := 1; id <= 2; id++ {
		finish(db, id)
		for name, s := range map[string]*screen{"before": early, "meanwhile": late} {
			if got := appointmentID(t, s.event()); got != id {
				t.Errorf("who came %s got appointment %d, want %d", name, got, id)
			}
		}
	}
	for _, a := range attackers {
		a.wantEnd("")
		a.leave()
	}
	p.awaitUsage(before)
	if strings.Contains(p.logs.text(), "panic") {
		t.Error("a panic is in the log")
	}
}
