package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestWhatIsGeneratedIsUpToDate(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", documentFile))
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(document)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 {
		t.Errorf("%d files are generated, want two", len(files))
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join("..", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale (%v): go generate ./wsroom/spec", name, err)
		}
	}
}

func TestTypesOfSchemas(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ schema, want string }{
		"ids are numbers or texts":        {`{type: [integer, string]}`, `number | string`},
		"a constant":                      {`{type: string, const: welcome}`, `"welcome"`},
		"a boolean constant":              {`{type: boolean, const: true}`, `true`},
		"an enumeration":                  {`{type: string, enum: [a, b]}`, `"a" | "b"`},
		"one of several":                  {`{oneOf: [{$ref: '#/components/schemas/A'}, {type: 'null'}]}`, `A | null`},
		"a list":                          {`{type: array, items: {type: string}}`, `(string)[]`},
		"a tuple whose end may be missed": {`{type: array, minItems: 1, items: [{type: string}, {type: number}]}`, `[string, (number)?]`},
		"nothing":                         {`{type: array, maxItems: 0}`, `[]`},
		"anything in a list":              {`{type: array}`, `unknown[]`},
		"a closed object": {
			`{type: object, additionalProperties: false, required: [a], properties: {a: {type: string}, b: {type: 'null'}}}`,
			"{\n  a: string;\n  b?: null;\n}",
		},
		"an open object": {
			`{type: object, properties: {a: {type: string, description: "One\ntwo."}}}`,
			"{\n  /** One two. */\n  a?: string;\n  [key: string]: unknown;\n}",
		},
	}
	for name, test := range cases {
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(test.schema), &node); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := typeOf(node.Content[0], ""); err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, test.want)
		}
	}
}

func TestAShapeThatTheGeneratorDoesNotKnowIsAnError(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{`{format: date}`, `{type: file}`, `{type: object, properties: {a: {type: file}}}`, `{oneOf: [{}]}`} {
		document := `{channels: {plain: {x-close-codes: []}}, components: {schemas: {Odd: ` + schema + `}}}`
		if _, err := generate([]byte(document)); err == nil || !strings.Contains(err.Error(), "schema Odd") {
			t.Errorf("%s: %v", schema, err)
		}
	}
	if _, err := generate([]byte(`{channels: {}}`)); err == nil {
		t.Error("a document without schemas is no error")
	}
}
