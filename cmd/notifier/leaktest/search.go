package leaktest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Found is what a search has gone through, and met.
type Found struct {
	Files, Lines, Events int // Events: published, as the daemons' logs say
	Secrets              int // that were searched for
	Leaks                []Leak
}

// Leak is one secret in one line.
type Leak struct {
	File string
	Line int
	Kind string
	Hint string // its beginning
}

func (l Leak) String() string {
	return fmt.Sprintf("%s:%d: a %s that begins with %q", l.File, l.Line, l.Kind, l.Hint)
}

// Shapes of what is secret whoever has made it.
var shapes = []struct {
	kind  string
	sign  []byte // without which the pattern need not be tried
	shape *regexp.Regexp
}{
	{"token", []byte("eyJ"), regexp.MustCompile(`eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`)},
	{"private key", []byte("PRIVATE KEY"), regexp.MustCompile(`BEGIN [A-Z ]*PRIVATE KEY`)},
	{"password", []byte("://"), regexp.MustCompile(`postgres(ql)?://[^\s:@/"]*:[^\s@/"]+@`)},
}

// redacted stands for a password in what may be shown.
const redacted = ":xxxxx@"

// Search goes through every file of a folder. It fails if there is less than the tests must have left: events published, and secrets of
// every kind noted; a search through nothing proves nothing.
func Search(dir string, events int) (Found, error) {
	secrets, err := readSecrets(filepath.Join(dir, noted))
	if err != nil {
		return Found{}, err
	}
	index := newIndex(secrets)
	found := Found{Secrets: len(secrets)}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return found, err
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return found, fmt.Errorf("search the logs: %w", err)
		}
		found.Files++
		found.searchFile(name, data, index)
	}
	var missing []error
	for _, kind := range []string{Key, Password, Patient, Phone} {
		if !slices.ContainsFunc(secrets, func(s secret) bool { return s.kind == kind }) {
			missing = append(missing, fmt.Errorf("search the logs: no %s was noted to be searched for", kind))
		}
	}
	if found.Events < events {
		missing = append(missing, fmt.Errorf("search the logs: they tell of %d events, and the tests publish %d at least", found.Events, events))
	}
	return found, errors.Join(missing...)
}

var published = []byte("event_published")

func (f *Found) searchFile(name string, data []byte, secrets index) {
	for number := 1; len(data) > 0; number++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		f.Lines++
		if bytes.Contains(line, published) {
			f.Events++
		}
		for _, s := range append(secrets.in(line), shapesIn(line)...) {
			f.Leaks = append(f.Leaks, Leak{name, number, s.kind, s.value[:min(3, len(s.value))] + "…"})
		}
	}
}

func shapesIn(line []byte) (found []secret) {
	for _, s := range shapes {
		if !bytes.Contains(line, s.sign) {
			continue
		}
		for _, match := range s.shape.FindAll(line, -1) {
			if !bytes.HasSuffix(match, []byte(redacted)) {
				found = append(found, secret{s.kind, string(match)})
			}
		}
	}
	return found
}

type secret struct{ kind, value string }

// readSecrets reads what was noted, each once. What is shorter than four bytes would be found everywhere, and is an error.
func readSecrets(path string) ([]secret, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("search the logs: no test has noted a secret: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	slices.Sort(lines)
	var secrets []secret
	for _, line := range slices.Compact(lines) {
		kind, value, ok := strings.Cut(line, "\t")
		if !ok || len(value) < prefix {
			return nil, fmt.Errorf("search the logs: a %s of %d bytes cannot be searched for", kind, len(value))
		}
		secrets = append(secrets, secret{kind, value})
	}
	return secrets, nil
}

const prefix = 4

// index finds thousands of secrets in one pass.
type index struct {
	begins *[1 << 16]bool // the first two bytes of some secret
	all    map[[prefix]byte][]secret
}

func newIndex(secrets []secret) index {
	x := index{new([1 << 16]bool), map[[prefix]byte][]secret{}}
	for _, s := range secrets {
		x.begins[int(s.value[0])<<8|int(s.value[1])] = true
		first := [prefix]byte([]byte(s.value))
		x.all[first] = append(x.all[first], s)
	}
	return x
}

func (x index) in(line []byte) (found []secret) {
	for i := 0; i+prefix <= len(line); i++ {
		if !x.begins[int(line[i])<<8|int(line[i+1])] {
			continue
		}
		for _, s := range x.all[[prefix]byte(line[i:])] {
			if bytes.HasPrefix(line[i:], []byte(s.value)) {
				found = append(found, s)
			}
		}
	}
	return found
}
