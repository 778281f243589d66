package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// bundleSchemas is the JSON Schema of all definitions, with references into itself.
func bundleSchemas(schemas, closes *yaml.Node) ([]byte, error) {
	var definitions, codes any
	if err := schemas.Decode(&definitions); err != nil {
		return nil, fmt.Errorf("read the schemas: %w", err)
	}
	if err := closes.Decode(&codes); err != nil {
		return nil, fmt.Errorf("read the close codes: %w", err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(map[string]any{
		"$schema":       "http://json-schema.org/draft-07/schema#",
		"$comment":      "Generated from asyncapi.yaml: go generate ./wsroom/spec",
		"definitions":   definitions,
		"x-close-codes": codes,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the schemas: %w", err)
	}
	return bytes.ReplaceAll(out.Bytes(), []byte(`"#/components/schemas/`), []byte(`"#/definitions/`)), nil
}
