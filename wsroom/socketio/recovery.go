package socketio

import (
	"encoding/base64"
	"encoding/json"

	"notifier/wsroom"
)

// maxRecovery is how long a pid or an offset of ours can be, with room to spare.
const maxRecovery = 1 << 10

// state is what a pid holds: whose connection it was, where its stream began, and its id. No server keeps any of it, so any server can recover any client.
// It is not signed, because there is nothing to gain by forging it: account and room come from the token, and an account's log is its own.
type state struct {
	account, cursor, sid string
}

// pid encodes the state, opaquely.
func (s state) pid() string {
	raw, err := json.Marshal([]string{s.account, s.cursor, s.sid})
	if err != nil {
		panic("socketio: encode pid: " + err.Error()) // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func parsePID(pid string) (state, bool) {
	if len(pid) > maxRecovery {
		return state{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(pid)
	if err != nil {
		return state{}, false
	}
	var fields []string
	if json.Unmarshal(raw, &fields) != nil || len(fields) != 3 || fields[1] == "" || !plausibleID(fields[2]) {
		return state{}, false
	}
	return state{fields[0], fields[1], fields[2]}, true
}

// plausibleID keeps what a client made up from becoming its id.
func plausibleID(sid string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(sid)
	return err == nil && len(raw) == 15
}

// resume is the state that a client of this account may resume, with the later of the two cursors that it brings: its offset is older than its pid if a
// recovery was refused and no event came since. ok is false if there is nothing to resume.
func resume(log wsroom.Log, account string, auth handshake) (from state, ok bool) {
	from, ok = parsePID(auth.pid)
	switch {
	case !ok || from.account != account || len(auth.offset) > maxRecovery:
		return state{}, false
	case auth.offset == "":
		return from, true
	}
	began, known := wsroom.SeqOf(log, from.cursor)
	if last, good := wsroom.SeqOf(log, auth.offset); !known || !good || last >= began {
		from.cursor = auth.offset // if it is not good, the log will say so
	}
	return from, true
}
