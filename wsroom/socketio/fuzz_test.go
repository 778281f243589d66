package socketio_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"notifier/wsroom/socketio"
)

func FuzzParsePacket(f *testing.F) {
	for _, seed := range []string{
		`0`, `0{"token":"x"}`, `0/admin,{"a":1}`, `1`, `1/admin,`, `2["hello",1]`, `2/admin,456["hello",{"a":[]}]`, `312[]`, `4{"message":"x"}`, `4"x"`,
		`51-["a",{"_placeholder":true,"num":0}]`, `61-/x,7[1]`, `2[`, `2{}`, `2abc[]`, `5-["x"]`, `599999999999-[]`, `2/`, `2/,`, `299999999999999999999["x"]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := socketio.ParsePacket(bytes.Clone(text))
		if err != nil {
			return
		}
		if len(p.Data) > 0 && !json.Valid(p.Data) || p.Attachments < 0 || p.Attachments > 10 || p.Namespace == "" || p.Namespace[0] != '/' {
			t.Fatalf("%q became %+v", text, p)
		}
		// What was read, written and read again is the same.
		again, err := socketio.ParsePacket(socketio.AppendPacket(nil, p)[1:])
		if err != nil || !bytes.Equal(socketio.AppendPacket(nil, again), socketio.AppendPacket(nil, p)) {
			t.Fatalf("%q became %+v, then %+v (%v)", text, p, again, err)
		}
	})
}
