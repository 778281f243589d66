package spec_test

import (
	"encoding/json"
	"testing"

	"notifier/wsroom/spec/spectest"
)

// Every example of what the server sends, changed in one place, must not pass any more: else a real frame that passes would mean little.
func TestAFrameThatDiffersInOnePlaceIsNoFrame(t *testing.T) {
	t.Parallel()
	d := spectest.Load(t)
	for _, channel := range []string{"plain", "socketio"} {
		for name, message := range d.Sent(channel) {
			for _, example := range message.Examples {
				text := spectest.JSON(t, example.Payload)
				broken := breakages(t, text)
				if len(broken) == 0 && string(text) != "[]" {
					t.Errorf("%s, %s: nothing to break", name, example.Name)
				}
				for _, variant := range broken {
					if err := d.Valid(message.Payload.Name(), variant); err == nil {
						t.Errorf("%s passes as %s", variant, name)
					}
				}
			}
		}
	}
}

// breakages are a JSON text's variants: at every object, at any depth, a key more, and each key less or with a value of a type that is nowhere; of
// an array, an item of such a type and one too many.
func breakages(t *testing.T, text []byte) (broken [][]byte) {
	t.Helper()
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	keep := func() { broken = append(broken, spectest.JSON(t, root)) }
	var walk func(node any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			node["unheardOf"] = 1
			keep()
			delete(node, "unheardOf")
			for key, value := range node {
				node[key] = 1.5
				keep()
				if key != "pid" { // which is not there without recovery
					delete(node, key)
					keep()
				}
				node[key] = value
				walk(value)
			}
		case []any:
			for i, value := range node {
				node[i] = 1.5
				keep()
				node[i] = value
				walk(value)
			}
		}
	}
	walk(root)
	return broken
}
