// Generate writes what is made from asyncapi.yaml: schemas.json beside it, and the client's TypeScript types. `go generate ./wsroom/spec` runs it.
package main

import (
	"bytes"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// Paths are relative to wsroom/spec, where go generate runs its commands.
const (
	documentFile = "asyncapi.yaml"
	schemasFile  = "schemas.json"
	typesFile    = "../client/frames.d.ts"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	document, err := os.ReadFile(documentFile)
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	files, err := generate(document)
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(name, content, 0o644); err != nil { //nolint:gosec // sources are for everybody to read
			return fmt.Errorf("write what was generated: %w", err)
		}
	}
	return nil
}

// generate returns the generated files by their names.
func generate(document []byte) (map[string][]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(document, &root); err != nil {
		return nil, fmt.Errorf("parse the document: %w", err)
	}
	top := root.Content[0]
	schemas := member(member(top, "components"), "schemas")
	closes := member(member(member(top, "channels"), "plain"), "x-close-codes")
	if schemas == nil || closes == nil {
		return nil, fmt.Errorf("the document has no schemas or no close codes")
	}
	bundle, err := bundleSchemas(schemas, closes)
	if err != nil {
		return nil, err
	}
	var types bytes.Buffer
	if err := writeTypes(&types, schemas); err != nil {
		return nil, err
	}
	return map[string][]byte{schemasFile: bundle, typesFile: types.Bytes()}, nil
}

// member is a mapping's value by its key, nil if it has none; aliases are followed.
func member(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			value := mapping.Content[i+1]
			if value.Kind == yaml.AliasNode {
				value = value.Alias
			}
			return value
		}
	}
	return nil
}
