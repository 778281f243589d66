package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"
)

// FuzzTailFrame: whatever a server says, tail prints whole lines of JSON and nothing else, and comes back with what it printed last.
func FuzzTailFrame(f *testing.F) {
	f.Add([]byte(`{"type":"welcome","accountId":"1","cursor":"1-42","recovered":false,"expiresAt":"2025-01-23T10:00:00Z"}`))
	f.Add([]byte("{\"type\":\"event\",\n\"id\":\"1-43\",\"event\":\"appointmnents.finished\",\"data\":{}}"))
	f.Add([]byte(`{"type":"cursor","cursor":"1-99"}`))
	f.Add([]byte(`{"type":"error","code":"token_expired"}`))
	f.Add([]byte(`{"type":"event","id":"1-43","data":"\u2028\n"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		var out, notes bytes.Buffer
		tail := &tail{address: &url.URL{Host: "notifier"}, out: &out, notes: &notes, cursor: "1-1"}
		err := tail.handle(frame)
		var read tailFrame
		if decodes := json.Unmarshal(frame, &read) == nil; decodes != (err == nil) {
			t.Fatalf("%q: %v", frame, err)
		}
		switch printed := out.Bytes(); {
		case err == nil && read.Type == "event":
			if !json.Valid(printed) || bytes.Count(printed, []byte("\n")) != 1 || printed[len(printed)-1] != '\n' || tail.cursor != read.ID {
				t.Errorf("%q is printed %q, cursor %q", frame, printed, tail.cursor)
			}
		case len(printed) > 0:
			t.Errorf("%q is printed %q", frame, printed)
		}
	})
}

// FuzzPeerCertificate: what another daemon has listed is a certificate that is trusted alone, or refused. Who can write as the runtime role can list anything.
func FuzzPeerCertificate(f *testing.F) {
	identity, err := newPeerIdentity(newDaemonID())
	if err != nil {
		f.Fatal(err)
	}
	other, err := newPeerIdentity(newDaemonID())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(other.id, other.certificate.Certificate[0])
	f.Add("", []byte{})
	f.Add("a", other.certificate.Certificate[0][:100])
	f.Add("a", append(bytes.Clone(other.certificate.Certificate[0]), 0))
	f.Fuzz(func(t *testing.T, id string, certificate []byte) {
		config, err := identity.clientTLS(id, certificate)
		if err != nil {
			if config != nil {
				t.Error("an error, and a configuration")
			}
			return
		}
		if config.InsecureSkipVerify || config.ServerName != id || config.RootCAs == nil {
			t.Errorf("%q is trusted by %+v", certificate, config)
		}
	})
}
