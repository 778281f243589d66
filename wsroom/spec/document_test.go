package spec_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"notifier/wsroom/spec"
	"notifier/wsroom/spec/spectest"
)

func TestTheDocumentIsAsyncAPI3(t *testing.T) {
	t.Parallel()
	official, err := os.ReadFile(filepath.Join("..", "client", "node_modules", "@asyncapi", "specs", "schemas", "3.0.0.json"))
	if err != nil {
		t.Fatalf("AsyncAPI's own schema, which make test installs: %v", err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(official))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("asyncapi.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(tree(t)); err != nil {
		t.Error(err)
	}
	broken := tree(t).(map[string]any)
	broken["operations"].(map[string]any)["sendToScreen"].(map[string]any)["action"] = "whisper"
	if err := compiled.Validate(broken); err == nil {
		t.Error("an action that AsyncAPI does not know is valid, too: the check means nothing")
	}
}

// tree is the document as JSON Schema sees it.
func tree(t *testing.T) any {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(spec.Document, &document); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(spectest.JSON(t, document)))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestEveryReferenceLeadsSomewhereAndNoneOutside(t *testing.T) {
	t.Parallel()
	root := tree(t)
	used := make(map[string]bool)
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, item := range node {
				walk(item)
			}
		case map[string]any:
			if ref, ok := node["$ref"].(string); ok {
				used[ref] = true
				if !leads(root, ref) {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, item := range node {
				walk(item)
			}
		}
	}
	walk(root)
	components := root.(map[string]any)["components"].(map[string]any)
	for kind, all := range components {
		for name := range all.(map[string]any) {
			if ref := "#/components/" + kind + "/" + name; !used[ref] {
				t.Errorf("nothing uses %s", ref)
			}
		}
	}
}

func leads(root any, ref string) bool {
	local, found := strings.CutPrefix(ref, "#/")
	node := root
	for _, key := range strings.Split(local, "/") {
		mapping, ok := node.(map[string]any)
		if !ok {
			return false
		}
		if node, ok = mapping[key]; !ok {
			return false
		}
	}
	return found
}

func TestEveryMessageOfAChannelIsSentOrReceivedThere(t *testing.T) {
	t.Parallel()
	d := spectest.Load(t)
	used := make(map[string]bool)
	for name, operation := range d.Operations {
		for _, message := range slices.Concat(operation.Messages, operation.Reply.Messages) {
			used[message.Ref] = true
			if !strings.HasPrefix(message.Ref, operation.Channel.Ref+"/messages/") {
				t.Errorf("operation %s has the message %s of another channel", name, message.Ref)
			}
		}
	}
	for name, channel := range d.Channels {
		for message, component := range channel.Messages {
			if !used["#/channels/"+name+"/messages/"+message] || component.Name() != message {
				t.Errorf("the message %s of channel %s is in no operation, or has another name there", message, name)
			}
		}
	}
}

func TestEveryExampleIsWhatItStandsFor(t *testing.T) {
	t.Parallel()
	d := spectest.Load(t)
	for name, message := range d.Components.Messages {
		if message.Payload.Name() != "" && len(message.Examples) == 0 {
			t.Errorf("the message %s has no example", name)
		}
		for _, example := range message.Examples {
			if err := d.Valid(message.Payload.Name(), spectest.JSON(t, example.Payload)); err != nil {
				t.Errorf("%s, example %q: %v", name, example.Name, err)
			}
		}
	}
}

// endings are the close codes of codes.go with their codes, and those that come in an error frame.
func endings(t *testing.T) (closes map[string][]string, framed []string) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "codes.go"))
	if err != nil {
		t.Fatal(err)
	}
	closes = make(map[string][]string)
	for _, m := range regexp.MustCompile(`= (ending|silent)\((\d+), "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		closes[m[2]] = append(closes[m[2]], m[3])
		if m[1] == "ending" && !slices.Contains(framed, m[3]) {
			framed = append(framed, m[3])
		}
	}
	return closes, framed
}

func TestTheDocumentHasTheCloseCodesOfTheCodeAndNoOthers(t *testing.T) {
	t.Parallel()
	d := spectest.Load(t)
	closes, framed := endings(t)
	if len(closes) < 5 || len(framed) < 10 {
		t.Fatalf("codes.go is not read any more: %v, %v", closes, framed)
	}
	// What no code of ours ends: the WebSocket library's, a lost link, and Engine.IO's unanswered ping.
	for _, code := range []string{"1001", "1002", "1006"} {
		closes[code] = nil
	}
	closes["1001"] = []string{"ping_timeout"}
	for name, channel := range d.Channels {
		got := make(map[string][]string)
		for _, line := range channel.CloseCodes {
			got[string(spectest.JSON(t, line.Close))] = line.Codes
			if !slices.Contains([]string{"newToken", "never", "cursor", "later"}, line.ComeBack) {
				t.Errorf("%s, %d: comeBack is %q", name, line.Close, line.ComeBack)
			}
		}
		if !maps.EqualFunc(got, closes, sameWords) {
			t.Errorf("%s: the document has %v, the code %v", name, got, closes)
		}
	}
	var codes struct{ Enum []string }
	if err := json.Unmarshal(spectest.JSON(t, d.Components.Schemas["Code"]), &codes); err != nil {
		t.Fatal(err)
	}
	if !sameWords(codes.Enum, framed) {
		t.Errorf("the document has the error codes %v, the code %v", codes.Enum, framed)
	}
}

func sameWords(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func TestTheDocumentIsServedToPagesOfAnyOrigin(t *testing.T) {
	t.Parallel()
	get := func(tag string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/asyncapi.yaml", nil)
		request.Header.Set("If-None-Match", tag)
		spec.Handler().ServeHTTP(answer, request)
		return answer
	}
	first := get("")
	if first.Code != http.StatusOK || !bytes.Equal(first.Body.Bytes(), spec.Document) ||
		first.Header().Get("Access-Control-Allow-Origin") != "*" || first.Header().Get("Content-Type") != "application/yaml" {
		t.Errorf("status %d, header %v, %d bytes", first.Code, first.Header(), first.Body.Len())
	}
	if again := get(first.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("with its ETag it is answered %d", again.Code)
	}
}
