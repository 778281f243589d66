// Package spectest holds frames against the AsyncAPI document, for tests.
package spectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"notifier/wsroom/spec"
)

// Document is asyncapi.yaml with its schemas compiled.
type Document struct {
	Channels   map[string]Channel
	Operations map[string]Operation
	Components struct {
		Messages map[string]Message
		Schemas  map[string]any
	}

	compiled map[string]*jsonschema.Schema
}

// Channel is one protocol.
type Channel struct {
	Address    string
	Messages   map[string]Ref
	CloseCodes []CloseCode `yaml:"x-close-codes"`
}

// CloseCode is a line of the table of close codes.
type CloseCode struct {
	Close    int
	Codes    []string
	ComeBack string `yaml:"comeBack"`
}

// Operation is what the server sends or receives.
type Operation struct {
	Action   string
	Channel  Ref
	Messages []Ref
	Reply    struct {
		Channel  Ref
		Messages []Ref
	}
}

// Message is one kind of frame. Without a payload it is its packet alone.
type Message struct {
	Packet   string `yaml:"x-packet"`
	Payload  Ref
	Examples []struct {
		Name    string
		Payload any
	}
}

// Ref names something else in the document.
type Ref struct {
	Ref string `yaml:"$ref"`
}

// Name is the last element of a reference.
func (r Ref) Name() string {
	if r.Ref == "" {
		return ""
	}
	return path.Base(r.Ref)
}

// Load reads the document.
func Load(t testing.TB) *Document {
	t.Helper()
	d := &Document{compiled: make(map[string]*jsonschema.Schema)}
	if err := yaml.Unmarshal(spec.Document, d); err != nil {
		t.Fatalf("read the document: %v", err)
	}
	bundle, err := jsonschema.UnmarshalJSON(bytes.NewReader(spec.Schemas))
	if err != nil {
		t.Fatalf("read the schemas: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schemas.json", bundle); err != nil {
		t.Fatalf("read the schemas: %v", err)
	}
	for name := range d.Components.Schemas {
		if d.compiled[name], err = compiler.Compile("schemas.json#/definitions/" + name); err != nil {
			t.Fatalf("compile schema %s: %v", name, err)
		}
	}
	return d
}

// Valid says whether a JSON text is what a schema describes.
func (d *Document) Valid(schema string, text []byte) error {
	compiled, known := d.compiled[schema]
	if !known {
		return fmt.Errorf("there is no schema %q", schema)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

// Sent are the messages that the server may send on a channel, by their names.
func (d *Document) Sent(channel string) map[string]Message {
	sent := make(map[string]Message)
	for _, operation := range d.Operations {
		if operation.Channel.Name() != channel {
			continue
		}
		messages := operation.Messages
		if operation.Action == "receive" {
			messages = operation.Reply.Messages
		}
		for _, message := range messages {
			sent[message.Name()] = d.Components.Messages[message.Name()]
		}
	}
	return sent
}

// Frame names the one message that a frame of /ws is.
func (d *Document) Frame(text []byte) (string, error) {
	return d.only("plain", "", text)
}

// Packet names the one message that a packet of Socket.IO is.
func (d *Document) Packet(text string) (string, error) {
	payload := ""
	if at := strings.IndexAny(text, "{["); at >= 0 {
		text, payload = text[:at], text[at:]
	}
	return d.only("socketio", text, []byte(payload))
}

// only is the only message that fits.
func (d *Document) only(channel, packet string, payload []byte) (string, error) {
	var found []string
	var faults []error
	for name, message := range d.Sent(channel) {
		if err := d.fits(message, packet, payload); err != nil {
			faults = append(faults, fmt.Errorf("not %s: %w", name, err))
		} else {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", errors.Join(faults...)
	}
	return "", fmt.Errorf("several messages: %v", found)
}

var errPacket = errors.New("another packet")

func (d *Document) fits(message Message, packet string, payload []byte) error {
	if matched, err := regexp.MatchString("^(?:"+message.Packet+")$", packet); err != nil || !matched {
		return errPacket
	}
	if message.Payload.Name() == "" {
		if len(payload) > 0 {
			return errPacket
		}
		return nil
	}
	return d.Valid(message.Payload.Name(), payload)
}

// JSON is an example as it would be on the wire.
func JSON(t testing.TB, example any) []byte {
	t.Helper()
	text, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
