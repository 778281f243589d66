package socketio

import (
	"testing"
)

func FuzzPID(f *testing.F) {
	f.Add(state{"1", "1-42", "AAAAAAAAAAAAAAAAAAAA"}.pid())
	f.Add("WyIxIl0")
	f.Add("")
	f.Fuzz(func(t *testing.T, pid string) {
		s, ok := parsePID(pid)
		if !ok {
			return
		}
		if again, ok := parsePID(s.pid()); !ok && len(s.pid()) <= maxRecovery || ok && again != s {
			t.Fatalf("%q became %+v, then %+v", pid, s, again)
		}
		if s.cursor == "" || len(s.sid) != 20 {
			t.Fatalf("%q became %+v", pid, s)
		}
	})
}
