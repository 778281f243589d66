package socketio_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"notifier/wsroom/socketio"
)

// The grammar of packets, as the protocol's document has it.
var (
	textPacket   = regexp.MustCompile(`(?s)^([0-4])(?:(/[^,]*)(?:,|$))?([0-9]{0,16})([^0-9].*)?$`)
	binaryPacket = regexp.MustCompile(`(?s)^([56])([0-9]+)-(?:(/[^,]*)(?:,|$))?([0-9]{0,16})([^0-9].*)?$`)
)

// FuzzParsePacket reads packets as the document's grammar and encoding/json would, and what was read, written and read again is the same.
func FuzzParsePacket(f *testing.F) {
	for _, seed := range []string{
		`0`, `0{"token":"x"}`, `0/admin,{"a":1}`, `1`, `1/admin,`, `2["hello",1]`, `2/admin,456["hello",{"a":[]}]`, `312[]`, `4{"message":"x"}`, `4"x"`,
		`51-["a",{"_placeholder":true,"num":0}]`, `61-/x,7[1]`, `2[`, `2{}`, `2abc[]`, `5-["x"]`, `599999999999-[]`, `2/`, `2/,`, `299999999999999999999["x"]`,
		`2[1e999]`, `2["connect"]`, `2[]`, `0null`, `29007199254740993["x"]`, `510-["x"]`, `511-["x"]`, `5010-["x"]`, `0/a?b=c,{}`, `3 []`, `4null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := socketio.ParsePacket(bytes.Clone(text))
		want, ok := byGrammar(string(text))
		if ok != (err == nil) || ok && !samePacket(p, want) {
			t.Fatalf("%q: want %v %+v, got %+v (%v)", text, ok, want, p, err)
		}
		if !ok {
			return
		}
		again, err := socketio.ParsePacket(socketio.AppendPacket(nil, p)[1:])
		if err != nil || !samePacket(again, p) {
			t.Fatalf("%q became %+v, then %+v (%v)", text, p, again, err)
		}
	})
}

func samePacket(a, b socketio.Packet) bool {
	return a.Kind == b.Kind && a.Namespace == b.Namespace && a.ID == b.ID && a.Attachments == b.Attachments && bytes.Equal(a.Data, b.Data)
}

// byGrammar is the other way to read a packet.
func byGrammar(text string) (p socketio.Packet, ok bool) {
	attachments := "0"
	part := textPacket.FindStringSubmatch(text)
	if binary := binaryPacket.FindStringSubmatch(text); binary != nil {
		part, attachments = append(binary[:2:2], binary[3:]...), binary[2]
	}
	if part == nil {
		return p, false
	}
	n, err := strconv.Atoi(attachments)
	if err != nil || n > 10 {
		return p, false
	}
	p = socketio.Packet{Kind: socketio.Kind(part[1][0]), Namespace: part[2], ID: part[3], Data: []byte(part[4]), Attachments: n}
	if p.Namespace == "" {
		p.Namespace = "/"
	}
	return p, shaped(p.Kind, part[4])
}

// shaped says what data a kind of packet may have.
func shaped(kind socketio.Kind, data string) bool {
	if data == "" {
		return kind == socketio.Connect || kind == socketio.Disconnect
	}
	decoder := json.NewDecoder(strings.NewReader(data))
	decoder.UseNumber()
	var value any
	if !json.Valid([]byte(data)) || decoder.Decode(&value) != nil {
		return false
	}
	switch value := value.(type) {
	case map[string]any:
		return kind == socketio.Connect || kind == socketio.ConnectError
	case string:
		return kind == socketio.ConnectError
	case []any:
		event := kind == socketio.Event || kind == socketio.BinaryEvent
		return kind == socketio.Ack || kind == socketio.BinaryAck || event && len(value) > 0 && names(value[0])
	}
	return false
}

func names(event any) bool {
	switch event := event.(type) {
	case json.Number:
		return true
	case string:
		return !slices.Contains(strings.Fields("connect connect_error disconnect disconnecting newListener removeListener"), event)
	}
	return false
}
