package engineio_test

import (
	"bytes"
	"testing"

	"notifier/wsroom/socketio/engineio"
)

func FuzzPayload(f *testing.F) {
	for _, seed := range []string{"", "4hello", "4a\x1e4b", "bAQID", "b", "b!", "\x1e", "2probe\x1e3\x1e", "7", "abc"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		rest, more, packets := bytes.Clone(payload), true, 0
		for more {
			var p engineio.Packet
			var err error
			before := len(rest)
			if p, rest, more, err = engineio.NextPacket(rest); err != nil {
				return
			}
			packets++
			if len(rest) >= before || p.Kind < engineio.Open || p.Kind > engineio.Noop || p.Binary && p.Kind != engineio.Message {
				t.Fatalf("%q: packet %d is %+v with %q behind it", payload, packets, p, rest)
			}
		}
		if want := bytes.Count(payload, []byte{engineio.Separator}) + 1; packets != want {
			t.Fatalf("%q has %d packets, found %d", payload, want, packets)
		}
	})
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte("4hello"), false)
	f.Add([]byte{1, 2}, true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, message []byte, binary bool) {
		p, err := engineio.ParsePacket(bytes.Clone(message), binary)
		switch {
		case err != nil && binary:
			t.Fatal("binary data is always a message")
		case err != nil:
			return
		case binary && !bytes.Equal(p.Data, message), !binary && !bytes.Equal(append([]byte{byte(p.Kind)}, p.Data...), message):
			t.Fatalf("%q became %+v", message, p)
		}
	})
}
