package main

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// writeTypes writes one exported type for each schema, in the document's order. It knows the keywords that the document uses; a test compiles the
// result, and an unknown shape is an error rather than an any.
func writeTypes(w io.Writer, schemas *yaml.Node) error {
	_, _ = fmt.Fprint(w, "// Generated from wsroom/spec/asyncapi.yaml by `go generate ./wsroom/spec`. Not to be edited.\n")
	for i := 0; i+1 < len(schemas.Content); i += 2 {
		name, schema := schemas.Content[i].Value, schemas.Content[i+1]
		text, err := typeOf(schema, "")
		if err != nil {
			return fmt.Errorf("schema %s: %w", name, err)
		}
		if _, err := fmt.Fprintf(w, "\n%sexport type %s = %s;\n", comment(schema, ""), name, text); err != nil {
			return fmt.Errorf("write types: %w", err)
		}
	}
	return nil
}

// typeOf is the TypeScript type of a schema.
func typeOf(schema *yaml.Node, indent string) (string, error) {
	if ref := member(schema, "$ref"); ref != nil {
		return path.Base(ref.Value), nil
	}
	if options := member(schema, "oneOf"); options != nil {
		return union(options.Content, indent)
	}
	if constant := member(schema, "const"); constant != nil {
		return literal(constant), nil
	}
	if values := member(schema, "enum"); values != nil {
		var all []string
		for _, value := range values.Content {
			all = append(all, literal(value))
		}
		return strings.Join(all, " | "), nil
	}
	kind := member(schema, "type")
	switch {
	case kind == nil:
		return "", fmt.Errorf("line %d: a schema of no known shape", schema.Line)
	case kind.Kind == yaml.SequenceNode:
		return names(kind.Content)
	case kind.Value == "object":
		return object(schema, indent)
	case kind.Value == "array":
		return array(schema, indent)
	}
	return names([]*yaml.Node{kind})
}

func union(options []*yaml.Node, indent string) (string, error) {
	var all []string
	for _, option := range options {
		text, err := typeOf(option, indent)
		if err != nil {
			return "", err
		}
		all = append(all, text)
	}
	return strings.Join(all, " | "), nil
}

// names are JSON's simple types.
func names(types []*yaml.Node) (string, error) {
	var all []string
	for _, kind := range types {
		switch kind.Value {
		case "integer", "number":
			all = append(all, "number")
		case "string", "boolean", "null":
			all = append(all, kind.Value)
		default:
			return "", fmt.Errorf("line %d: unknown type %q", kind.Line, kind.Value)
		}
	}
	return strings.Join(all, " | "), nil
}

func object(schema *yaml.Node, indent string) (string, error) {
	var required []string
	if list := member(schema, "required"); list != nil {
		for _, name := range list.Content {
			required = append(required, name.Value)
		}
	}
	inner := indent + "  "
	var b strings.Builder
	b.WriteString("{\n")
	properties := member(schema, "properties").Content
	for i := 0; i+1 < len(properties); i += 2 {
		text, err := typeOf(properties[i+1], inner)
		if err != nil {
			return "", err
		}
		optional := "?"
		if slices.Contains(required, properties[i].Value) {
			optional = ""
		}
		fmt.Fprintf(&b, "%s%s%s%s: %s;\n", comment(properties[i+1], inner), inner, properties[i].Value, optional, text)
	}
	if closed := member(schema, "additionalProperties"); closed == nil {
		b.WriteString(inner + "[key: string]: unknown;\n")
	}
	return b.String() + indent + "}", nil
}

// array is a list; a tuple where each place has a schema, of which those after minItems may be missing.
func array(schema *yaml.Node, indent string) (string, error) {
	items := member(schema, "items")
	switch {
	case items == nil && member(schema, "maxItems") != nil:
		return "[]", nil
	case items == nil:
		return "unknown[]", nil
	case items.Kind != yaml.SequenceNode:
		text, err := typeOf(items, indent)
		return "(" + text + ")[]", err
	}
	least := 0
	if node := member(schema, "minItems"); node != nil {
		var err error
		if least, err = strconv.Atoi(node.Value); err != nil {
			return "", fmt.Errorf("line %d: %w", node.Line, err)
		}
	}
	var all []string
	for i, item := range items.Content {
		text, err := typeOf(item, indent)
		if err != nil {
			return "", err
		}
		if i >= least {
			text = "(" + text + ")?"
		}
		all = append(all, text)
	}
	return "[" + strings.Join(all, ", ") + "]", nil
}

func literal(value *yaml.Node) string {
	if value.Tag == "!!str" {
		return strconv.Quote(value.Value)
	}
	return value.Value
}

// comment is a schema's description as a comment of JSDoc, empty if it has none.
func comment(schema *yaml.Node, indent string) string {
	description := member(schema, "description")
	if description == nil {
		return ""
	}
	return indent + "/** " + strings.Join(strings.Fields(description.Value), " ") + " */\n"
}
