package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestNoDoorOfThePlainProtocolLeadsToAnotherAccount(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine, theirs := token(t, "1"), token(t, "2")
	auth := func(token, more string) string { return `{"type":"auth","token":"` + token + `"` + more + `}` }
	says := func(frames ...string) func(*visitor) {
		return func(v *visitor) {
			v.enter("")
			for _, frame := range frames {
				v.say(frame)
			}
			if len(frames) > 0 {
				v.until(`{"type":"renewed"`)
			}
		}
	}
	opens := func(path string, header ...string) func(*visitor) {
		return func(v *visitor) {
			v.at(path, header...)
			v.until(`{"type":"welcome"`)
		}
	}
	begins := func(path, frame string) func(*visitor) {
		return func(v *visitor) {
			v.at(path)
			v.say(frame)
			v.until(`{"type":"welcome"`)
		}
	}
	bearer := "Bearer " + mine
	foreign := h.eventOf("2")
	h.try([]door{
		{"the front door", "events", says()},

		// The token of a connection that is open.
		{"renewal with another account's token", "4403 account_forbidden|events, 4403 account_forbidden", says(auth(theirs, ""))},
		// On a slow machine both wait for the opener's last steps, and of several that wait the last counts: theirs is not looked at.
		{"renewal with another account's token and one's own behind it", "4403 account_forbidden|events, 4403 account_forbidden|events",
			says(auth(theirs, ""), auth(mine, ""))},
		{"renewal with two tokens in one frame", "4403 account_forbidden|events, 4403 account_forbidden", says(auth(mine, `,"token":"`+theirs+`"`))},
		{"renewal with two tokens in one frame, the other way round", "events", says(auth(theirs, `,"token":"`+mine+`"`))},
		{"renewal that names an account", "events", says(auth(mine, `,"accountId":"2","account":2,"room":"orders.account.2","sub":"2"`))},
		{"renewal with a cursor of another account", "events", says(auth(mine, `,"cursor":"`+foreign+`"`))},

		// Cursors.
		{"cursor of another account", "recovered, events", func(v *visitor) { v.enter("?cursor=" + h.eventOf("2")) }},
		{"cursor of another account in the message", "recovered, events", begins("/ws", auth(mine, `,"cursor":"`+foreign+`"`))},
		{"cursor from before everything", "recovered, events", func(v *visitor) { v.enter("?cursor=1-0") }},
		{"cursor of the future", "events", func(v *visitor) { v.enter("?cursor=1-999999999") }},
		{"cursor that names an account", "events", func(v *visitor) { v.enter("?cursor=2:" + foreign) }},
		{"cursor with SQL in it", "events", func(v *visitor) { v.enter("?cursor=" + url.QueryEscape(foreign+"' OR account_id='2")) }},
		{"two cursors", "recovered, events", func(v *visitor) { v.enter("?cursor=" + foreign + "&cursor=1-0") }},

		// Names of rooms and accounts, wherever one might look for them.
		{"a frame that joins a room", "1008 protocol_violated|events, 1008 protocol_violated", says(`{"type":"join","room":"orders.account.2"}`)},
		{"a frame that subscribes an account", "1008 protocol_violated|events, 1008 protocol_violated", says(`{"type":"subscribe","accountId":"2"}`)},
		{"a frame of Socket.IO", "1008 protocol_violated|events, 1008 protocol_violated", says(`42["join","orders.account.2"]`)},
		{"a first message that joins a room", "1008 protocol_violated", begins("/ws", `{"type":"join","room":"orders.account.2"}`)},
		{"a first message that is a welcome", "1008 protocol_violated", begins("/ws", `{"type":"welcome","accountId":"2","cursor":"1-0"}`)},
		{"a first message that names an account", "events", begins("/ws?accountId=2", auth(mine, `,"accountId":"2","room":"orders.account.2"`))},
		{"a query that names an account", "events", opens("/ws?accountId=2&account=2&room=orders.account.2&sub=2", "Authorization", bearer)},
		{"headers that name an account", "events", opens("/ws", "Authorization", bearer, "X-Account-Id", "2", "X-Forwarded-User", "2",
			"Cookie", "accountId=2")},
		{"a subprotocol that names a room", "events", opens("/ws", "Authorization", bearer, "Sec-WebSocket-Protocol", "orders.account.2")},
		{"a path that names a room", "HTTP 404", opens("/ws/orders.account.2", "Authorization", bearer)},
		{"a path that names an account", "HTTP 404", opens("/ws/2", "Authorization", bearer)},

		// A second token: header, subprotocol, query, message.
		{"header, and another in the subprotocol", "events", opens("/ws", "Authorization", bearer, "Sec-WebSocket-Protocol", "notifier.v1",
			"Sec-WebSocket-Protocol", "bearer."+theirs)},
		{"header, and another in the query", "events", opens("/ws?access_token="+theirs+"&token="+theirs, "Authorization", bearer)},
		{"header, and another header", "events", opens("/ws", "Authorization", bearer, "Authorization", "Bearer "+theirs)},
		{"header, and another in a proxy's header", "events", opens("/ws", "Authorization", bearer, "Proxy-Authorization", "Bearer "+theirs)},
		{"subprotocol, and another in the query", "events", opens("/ws?access_token="+theirs, "Sec-WebSocket-Protocol", "notifier.v1",
			"Sec-WebSocket-Protocol", "bearer."+mine)},
		{"subprotocol, and another one", "events", opens("/ws", "Sec-WebSocket-Protocol", "bearer."+mine, "Sec-WebSocket-Protocol", "bearer."+theirs,
			"Sec-WebSocket-Protocol", "notifier.v1")},
		{"query, and another in it", "events", opens("/ws?access_token=" + mine + "&access_token=" + theirs + "&token=" + theirs)},
		{"header, and another in the message", "4403 account_forbidden|events, 4403 account_forbidden", says(auth(theirs, ""))},
		{"two messages at once", "events|4403 account_forbidden|events, 4403 account_forbidden", func(v *visitor) {
			v.at("/ws")
			v.say(auth(mine, ""))
			v.say(auth(theirs, ""))
			v.until(`{"type":"welcome"`)
		}},
		{"a bad header, and a token of one's own in the message", "4401 token_invalid", func(v *visitor) {
			v.at("/ws", "Authorization", "Bearer x"+theirs)
			v.say(auth(mine, ""))
			v.until(`{"type":"welcome"`)
		}},
	})
	if log := h.p.logs.text(); strings.Contains(log, mine[:60]) || strings.Contains(log, theirs[:60]) {
		t.Error("a token is in the log")
	}
}

func TestNoTokenMeansAnotherAccountThanItSays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const hs256 = `{"alg":"HS256","typ":"JWT"}`
	exp := time.Now().Add(time.Hour).Unix()
	claims := func(text string) string { return fmt.Sprintf(`{%s,"exp":%d}`, text, exp) }
	says := func(text string) func(*visitor) { return bring(forge(hs256, claims(text), e2eSecret)) }
	under := func(header, secret string) func(*visitor) {
		return bring(forge(header, claims(`"accountId":2`), secret))
	}
	const invalid = "4401 token_invalid"
	mine, theirs := strings.Split(token(t, "1"), "."), strings.Split(token(t, "2"), ".")
	doors := []door{
		{`a number`, "events", says(`"accountId":1`)},
		{`a string`, "events", says(`"accountId":"1"`)},
		{`an escaped string`, "events", says(`"accountId":"\u0031"`)},
		{`the same name in another spelling`, "events", says(`"accountId":1,"AccountId":2,"accountid":2,"ACCOUNTID":2,"accountId ":2`)},
		{`other claims`, "events", says(`"accountId":1,"account":2,"sub":"2","room":"orders.account.2","data":{"accountId":2}`)},

		// Accounts of their own, in which nothing happens.
		{`a leading zero`, "silence", says(`"accountId":"02"`)},
		{`spaces around`, "silence", says(`"accountId":" 2 "`)},
		{`a line's end`, "silence", says(`"accountId":"2\n"`)},
		{`another script's digit`, "silence", says(`"accountId":"２"`)},
		{`an invisible character`, "silence", says(`"accountId":"2\u200b"`)},
		{`a fraction as text`, "silence", says(`"accountId":"2.0"`)},
		{`a sign`, "silence", says(`"accountId":"+2"`)},
		{`the name of a room`, "silence", says(`"accountId":"orders.account.2"`)},
		{`a wildcard`, "silence", says(`"accountId":"*"`)},
		{`SQL`, "silence", says(`"accountId":"2' OR '1'='1"`)},
		{`an array as text`, "silence", says(`"accountId":"{1,2}"`)},
		{`an empty account of another kind`, "silence", says(`"accountId":"null"`)},
	}
	for _, text := range []string{
		`2.0`, `2e0`, `0.2e1`, `-2`, `-0`, `02`, `9007199254740994`, `184467440737095516172`, `true`, `null`, `""`, `[2]`, `["2"]`, `[1,2]`, `{}`, `{"id":2}`,
		`"2\u0000"`, `"\u00002"`, `"2\ud800"`, `"2`, `2,"accountId":1`, `1,"accountId":2`, `1,"\u0061ccountId":2`, `1,"data":{"a":1,"a":2}`,
		`0x2`, `'2'`, `NaN`,
	} {
		doors = append(doors, door{`account ` + text, invalid, says(`"accountId":` + text)})
	}
	doors = append(doors, []door{
		{`no account`, invalid, says(`"account":2`)},
		{`a name with a byte order mark`, invalid, bring(forge(hs256, "\ufeff"+claims(`"accountId":2`), e2eSecret))},
		{`something behind the payload`, invalid, bring(forge(hs256, claims(`"accountId":1`)+`{"accountId":2}`, e2eSecret))},
		{`broken UTF-8`, invalid, says("\"accountId\":\"2\xff\"")},

		// Signatures.
		{`alg none`, invalid, under(`{"alg":"none"}`, e2eSecret)},
		{`alg None`, invalid, under(`{"alg":"None"}`, e2eSecret)},
		{`no alg`, invalid, under(`{"typ":"JWT"}`, e2eSecret)},
		{`two algs`, invalid, under(`{"alg":"HS256","alg":"none"}`, "")},
		{`an alg that is no text`, invalid, under(`{"alg":["HS256"]}`, e2eSecret)},
		{`another secret`, invalid, under(hs256, "another-secret-that-is-long-enough-to-be-one")},
		{`an empty secret`, invalid, under(hs256, "")},
		{`a key of its own`, invalid, under(`{"alg":"HS256","jwk":{"kty":"oct","k":"YQ"}}`, "a")},
		{`a key from elsewhere`, invalid, under(`{"alg":"HS256","jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/","kid":"../../../dev/null"}`, "")},
		{`RS256 with the secret`, invalid, under(`{"alg":"RS256"}`, e2eSecret)},
		{`no signature`, invalid, bring(theirs[0] + "." + theirs[1] + ".")},
		{`two parts`, invalid, bring(theirs[0] + "." + theirs[1])},
		{`another token's signature`, invalid, bring(theirs[0] + "." + theirs[1] + "." + mine[2])},
		{`a payload before the payload`, invalid, bring(mine[0] + "." + theirs[1] + "." + mine[1] + "." + mine[2])},
		{`two tokens`, invalid, bring(token(t, "1") + "," + token(t, "2"))},
		{`JSON serialisation`, invalid, bring(fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, theirs[1], theirs[0], theirs[2]))},
	}...)
	h.try(doors)
}
