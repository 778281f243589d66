package sql

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/jackc/pgx/v5"
)

// Clinic is the platform's own schema that the defaults fit, for the demo and for tests.
//
//go:embed clinic.sql
var Clinic string

//go:embed migrations/*.sql
var sources embed.FS

// rendering is one set of settings, applied to the migration templates.
type rendering struct {
	names       Names
	bell        bool
	lockTimeout time.Duration
	event       string // of the doctors' trigger
}

// file renders one of the sources.
func (r rendering) file(path string) (string, error) {
	source, err := sources.ReadFile(path)
	if err != nil {
		return "", err
	}
	tmpl, err := template.New(path).Funcs(r.functions()).Parse(string(source))
	if err != nil {
		return "", fmt.Errorf("parse %s: %w", path, err)
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, nil); err != nil {
		return "", fmt.Errorf("render %s: %w", path, err)
	}
	return b.String(), nil
}

// functions are what the templates may say. Every name comes out quoted, every text as a literal; name, owner,
// runtime and schemas are bare, for literal and quote.
func (r rendering) functions() template.FuncMap {
	n := r.names
	return template.FuncMap{
		"table":   func(key string) (string, error) { return quoteTable(n.Tables, key) },
		"column":  func(key string) (string, error) { return quoteColumn(n.Columns, key) },
		"name":    func(key string) string { return n.Columns[key] },
		"status":  func(key string) (string, error) { return literalOf(n.Statuses, key) },
		"has":     func(key string) bool { return n.Tables[key] != "" || n.Columns[key] != "" },
		"tables":  func() []string { return r.tables() },
		"schemas": func() []string { return r.schemas() },
		"optional": func(alias, key, sqlType string) (string, error) {
			if n.Columns[key] == "" {
				return "NULL::" + sqlType, nil
			}
			column, err := quoteColumn(n.Columns, key)
			return alias + "." + column, err
		},
		"owner":       func() string { return n.OwnerRole },
		"runtime":     func() string { return n.RuntimeRole },
		"ownerRole":   func() string { return quote(n.OwnerRole) },
		"runtimeRole": func() string { return quote(n.RuntimeRole) },
		"original":    r.original,
		"replace":     replaceOnce,
		"literal":     literal,
		"quote":       quote,
		"lockTimeout": func() string { return fmt.Sprintf("%dms", r.lockTimeout.Milliseconds()) },
		"bell":        func() bool { return r.bell },
		"event":       func() string { return r.event },
		"names": func() (string, error) {
			text, err := json.Marshal(n)
			return literal(string(text)), err
		},
	}
}

// original is a function as an earlier migration made it, to be put back, or to be changed in few places.
func (r rendering) original(file, function string) (string, error) {
	text, err := r.file("migrations/" + file)
	if err != nil {
		return "", err
	}
	_, after, found := strings.Cut(text, "CREATE FUNCTION notifier."+function+"(")
	body, _, ends := strings.Cut(after, "\n$$;")
	if !found || !ends {
		return "", fmt.Errorf("no function %s in %s", function, file)
	}
	return "CREATE OR REPLACE FUNCTION notifier." + function + "(" + body + "\n$$;", nil
}

// replaceOnce refuses to change what is not there, or is there twice.
func replaceOnce(old, changed, text string) (string, error) {
	if n := strings.Count(text, old); n != 1 {
		return "", fmt.Errorf("%q is there %d times", old, n)
	}
	return strings.Replace(text, old, changed, 1), nil
}

// tables are the clinic's tables that the owner role reads, quoted, each once, in a stable order.
func (r rendering) tables() []string {
	var all []string
	for key := range r.names.Tables {
		if table, err := quoteTable(r.names.Tables, key); err == nil {
			all = append(all, table)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// schemas are the schemas of these tables, unquoted.
func (r rendering) schemas() []string {
	var all []string
	for _, name := range r.names.Tables {
		if name != "" {
			all = append(all, splitTable(name)[0])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func quoteTable(tables map[string]string, key string) (string, error) {
	name, ok := tables[key]
	if !ok || name == "" {
		return "", fmt.Errorf("table %q has no name", key)
	}
	return splitTable(name).Sanitize(), nil
}

func splitTable(name string) pgx.Identifier {
	if schema, table, ok := strings.Cut(name, "."); ok {
		return pgx.Identifier{schema, table}
	}
	return pgx.Identifier{"public", name}
}

func quoteColumn(columns map[string]string, key string) (string, error) {
	name, ok := columns[key]
	if !ok || name == "" {
		return "", fmt.Errorf("column %q has no name", key)
	}
	return quote(name), nil
}

func literalOf(texts map[string]string, key string) (string, error) {
	text, ok := texts[key]
	if !ok || text == "" {
		return "", fmt.Errorf("status %q has no name", key)
	}
	return literal(text), nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// literal quotes a text for SQL, whatever standard_conforming_strings says.
func literal(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
