package docstest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"notifier/sql/pgtest"
)

// project is what there is: the truth that pages are compared with.
type project struct {
	commands  map[string]command  // by the words behind notifier: "", "serve", "migrate up"
	metrics   map[string]string   // without prefix, and their labels: deploy/README.md's table, which cmd/notifier/deploytest holds to a live daemon
	objects   map[string]bool     // in schema notifier, without indexes and what belongs to a table
	indexes   map[string]bool     // and sequences
	endings   map[string][]string // close codes, and the error codes that come with each
	targets   map[string]bool     // of the Makefile; true if `make help` shows it
	words     map[string]bool     // names_with_underscores in the code and files that people use
	source    string              // all of that
	functions map[string][]string // names of tests and benchmarks by folder
	flags     map[string]bool     // of tests and of programs beside notifier
	files     map[string]bool     // and folders, from the project's
}

var (
	goFlagCall   = regexp.MustCompile(`\b\w*\.(?:String|Int|Int64|Uint64|Bool|Duration|Float64|\w+Var)\([^"\n]*"(\w[\w-]*)",`)
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz|Example)\w+)\(`)
)

// theProject is read by the first test that needs it; nobody changes it.
var theProject struct {
	once sync.Once
	*project
}

func readProject(t testing.TB) *project {
	t.Helper()
	theProject.once.Do(func() { theProject.project = newProject(t) })
	if theProject.project == nil {
		t.Fatal("the project could not be read")
	}
	return theProject.project
}

func newProject(t testing.TB) *project {
	t.Helper()
	p := &project{
		commands: readCommands(t, binary(t)), metrics: map[string]string{}, endings: map[string][]string{}, targets: map[string]bool{},
		words: map[string]bool{}, functions: map[string][]string{}, flags: map[string]bool{},
		files: map[string]bool{".": true},
	}
	p.objects, p.indexes = readObjects(t)
	var source strings.Builder
	walk(t, func(path, text string) {
		for at := path; at != "."; at = filepath.Dir(at) {
			p.files[at] = true
		}
		switch path {
		case "Makefile":
			p.readTargets(text)
		case "wsroom/codes.go":
			p.readEndings(text)
		case "deploy/README.md":
			p.readMetrics(parsePage(path, text).section("## Metrics"))
		}
		for _, match := range goFlagCall.FindAllStringSubmatch(text, -1) {
			p.flags[match[1]] = true
		}
		if strings.HasSuffix(path, "_test.go") {
			for _, match := range testFunction.FindAllStringSubmatch(text, -1) {
				p.functions[filepath.Dir(path)] = append(p.functions[filepath.Dir(path)], match[1])
			}
		} else if !strings.HasSuffix(path, ".md") {
			source.WriteString(text)
		}
	})
	p.source = source.String()
	for _, word := range regexp.MustCompile(`[a-zA-Z0-9]+(?:_[a-zA-Z0-9]+)+`).FindAllString(p.source, -1) {
		p.words[word] = true
	}
	return p
}

func (p *project) readTargets(makefile string) {
	for _, match := range regexp.MustCompile(`(?m)^([a-z][a-z-]*):(?:.* (##) )?`).FindAllStringSubmatch(makefile, -1) {
		p.targets[match[1]] = match[2] != ""
	}
}

func (p *project) readEndings(source string) {
	for _, match := range regexp.MustCompile(`= (?:ending|silent)\((\d+), "(\w+)"`).FindAllStringSubmatch(source, -1) {
		p.endings[match[1]] = append(p.endings[match[1]], match[2])
	}
}

func (p *project) readMetrics(section string) {
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| [a-z, ]+ \\|").FindAllStringSubmatch(section, -1) {
		for _, name := range span.FindAllStringSubmatch(row[1], -1) {
			name, labels, _ := strings.Cut(strings.TrimSuffix(name[1], "}"), "{")
			p.metrics[name] = labels
		}
	}
}

// readObjects asks a database that was migrated.
func readObjects(t testing.TB) (objects, indexes map[string]bool) {
	t.Helper()
	db := pgtest.Migrated(t)
	rows, err := db.Pool(pgtest.Superuser).Query(t.Context(), readFile(t, "testdata/objects.sql"))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	objects, indexes = map[string]bool{}, map[string]bool{}
	for rows.Next() {
		var name string
		var isObject bool
		if err := rows.Scan(&name, &isObject); err != nil {
			t.Fatal(err)
		}
		objects[name], indexes[name] = isObject, !isObject
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return objects, indexes
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
