package socketio

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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

// numbers is a log whose cursors are numbers.
type numbers struct{}

func (numbers) Replay(context.Context, string, string, int64, func(string, int64, string, []byte)) (bool, error) {
	return false, nil
}

func (numbers) Seq(cursor string) (int64, bool) {
	seq, err := strconv.ParseInt(cursor, 10, 64)
	return seq, err == nil
}

// FuzzResume: nobody resumes another account's connection, and from no cursor but one of the two that it brought, the later if both are known.
func FuzzResume(f *testing.F) {
	f.Add("1", "1", "42", "43", "")
	f.Add("1", "2", "42", "41", "")
	f.Add("1", "1", "x", "1", "")
	f.Add("1", "1", "1", "x", "")
	f.Add("", "", "0", "-1", "WyIxIl0")
	f.Fuzz(func(t *testing.T, account, owner, began, offset, other string) {
		pid := state{owner, began, "AAAAAAAAAAAAAAAAAAAA"}.pid()
		if other != "" {
			pid = other
		}
		stated, _ := parsePID(pid)
		from, ok := resume(numbers{}, account, handshake{pid: pid, offset: offset})
		if !ok {
			return
		}
		if from.account != account || from.sid != stated.sid || stated.account != account {
			t.Fatalf("account %q resumes %+v", account, from)
		}
		if from.cursor != stated.cursor && (from.cursor != offset || offset == "") || len(from.cursor) > maxRecovery {
			t.Fatalf("resumes from %q, brought %q and %q", from.cursor, stated.cursor, offset)
		}
		first, known := numbers{}.Seq(stated.cursor)
		last, good := numbers{}.Seq(offset)
		if resumed, _ := (numbers{}).Seq(from.cursor); known && good && resumed != max(first, last) {
			t.Fatalf("resumes from %q, brought %q and %q", from.cursor, stated.cursor, offset)
		}
	})
}

// FuzzHandshake reads a CONNECT's payload as encoding/json would.
func FuzzHandshake(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"token":"a"}`, `{"token":"Bearer a","pid":"p","offset":"1-2"}`, `{"token":1,"pid":null,"offset":{"token":"x"}}`, `{"Token":"a"}`,
		`{"token":"a","token":"b"}`, `{"token":"\ud800"}`, `[]`, `{"token":"a b"}`, `{"x":1e999,"token":"a"}`, `{"token":" bearer  x "}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := parseHandshake(payload)
		var fields map[string]any
		decoder := json.NewDecoder(strings.NewReader(string(payload)))
		decoder.UseNumber()
		if !json.Valid(payload) || decoder.Decode(&fields) != nil {
			fields = nil
		}
		token, _ := fields["token"].(string)
		pid, _ := fields["pid"].(string)
		offset, _ := fields["offset"].(string)
		if want := (handshake{bare(token), pid, offset}); got != want {
			t.Fatalf("%q: want %+v, got %+v", payload, want, got)
		}
		checkToken(t, got.token, token)
	})
}

// FuzzOpeningToken: a token comes from the header, else from the query where that is allowed, and is a part of what was sent.
func FuzzOpeningToken(f *testing.F) {
	f.Add("Bearer abc", "access_token=x&token=y")
	f.Add("bearer  abc ", "token=Bearer%20abc")
	f.Add("abc", "token=%zz")
	f.Add("Basic abc", "")
	f.Add("Bearer Bearer x", "token=Bearer")
	f.Fuzz(func(t *testing.T, authorization, query string) {
		r := &http.Request{Header: http.Header{"Authorization": {authorization}}, URL: &url.URL{RawQuery: query}}
		token := openingToken(r, false)
		checkToken(t, token, authorization)
		allowed := openingToken(r, true)
		if token != "" && allowed != token {
			t.Fatalf("%q goes before the header's %q", allowed, token)
		}
		if token == "" && allowed != "" {
			values := r.URL.Query()
			checkToken(t, allowed, values.Get("access_token")+"\n"+values.Get("token"))
		}
	})
}

// checkToken wants a token to be a part of where it came from, without blanks around it, and no scheme without a token.
func checkToken(t *testing.T, token, from string) {
	t.Helper()
	if !strings.Contains(from, token) || token != strings.TrimSpace(token) || strings.EqualFold(token, "bearer") && !strings.Contains(from, " ") {
		t.Fatalf("token %q of %q", token, from)
	}
}
