package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logging is where the daemon and its commands log. The demo, the chaos runs and the benchmarks tell what is theirs to nobody but their user.
var logging = []string{"../../notifier", "../../wsroom", "../../auth", "../../sql", "."}

var notLogging = []string{
	"demo", "chaos", "e2e", "deploytest", "leaktest", "bellbench", "internal",
	"stocktest", "conformance", "nesttest", "browsertest", "testdata",
}

var levelNames = map[string]string{"LevelDebug": "debug", "LevelInfo": "info", "LevelWarn": "warn", "LevelError": "error"}

// Operators search for these names and alert on these levels.
func TestEveryLogEventIsDocumented(t *testing.T) {
	written := map[string][]string{}
	for _, root := range logging {
		for dir, files := range parsed(t, root) {
			(&eventFinder{t: t, dir: dir, found: written}).find(files)
		}
	}
	if len(written) < 40 {
		t.Errorf("only %d events are found: the search is wrong", len(written))
	}
	documented := documentedEvents(t)
	for event, levels := range written {
		slices.Sort(levels)
		levels = slices.Compact(levels)
		if got := documented[event]; !slices.Equal(got, levels) {
			t.Errorf("%s is written at %q, and deploy/README.md has %q", event, levels, got)
		}
	}
	for event := range maps.Keys(documented) {
		if written[event] == nil {
			t.Errorf("deploy/README.md has %s, which nobody writes", event)
		}
	}
}

// documentedEvents reads the table under "## Log": names, and one level for all of them or one for each; or one name and its levels.
func documentedEvents(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Log\n")
	section, _, _ = strings.Cut(section, "\n## ")
	events := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| ([a-z, ]+) \\|").FindAllStringSubmatch(section, -1) {
		names, levels := strings.Split(row[1], ", "), strings.Split(row[2], ", ")
		for i, name := range names {
			name = strings.Trim(name, "`")
			switch {
			case len(names) == len(levels):
				events[name] = []string{levels[i]}
			case len(levels) == 1, len(names) == 1:
				events[name] = slices.Sorted(slices.Values(levels))
			default:
				t.Errorf("which level is of which name: %s", row[0])
			}
		}
	}
	return events
}

// parsed are the packages under a folder, without their tests.
func parsed(t *testing.T, root string) map[string][]*ast.File {
	t.Helper()
	packages := map[string][]*ast.File{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || slices.Contains(notLogging, entry.Name())):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

// eventFinder finds what one package logs. Where a name or a level is a variable, all that its function assigns to it counts.
type eventFinder struct {
	t      testing.TB
	dir    string
	found  map[string][]string
	values map[string][]ast.Expr // what constants of the package and variables of the function may be
}

func (f *eventFinder) find(files []*ast.File) {
	constants := map[string][]ast.Expr{}
	for _, file := range files {
		for _, declaration := range file.Decls {
			if d, ok := declaration.(*ast.GenDecl); ok && d.Tok == token.CONST {
				ast.Inspect(d, func(n ast.Node) bool { collectValues(constants, n); return true })
			}
		}
	}
	for _, file := range files {
		for _, declaration := range file.Decls {
			if d, ok := declaration.(*ast.FuncDecl); ok && d.Body != nil {
				f.values = maps.Clone(constants)
				ast.Inspect(d, func(n ast.Node) bool { collectValues(f.values, n); return true })
				ast.Inspect(d, func(n ast.Node) bool { f.call(n, d.Name.Name); return true })
			}
		}
	}
}

func collectValues(values map[string][]ast.Expr, n ast.Node) {
	var names, exprs []ast.Expr
	switch n := n.(type) {
	case *ast.AssignStmt:
		names, exprs = n.Lhs, n.Rhs
	case *ast.ValueSpec:
		for _, name := range n.Names {
			names = append(names, name)
		}
		exprs = n.Values
	}
	for i, expr := range exprs {
		if name, ok := names[i].(*ast.Ident); ok && len(names) == len(exprs) {
			values[name.Name] = append(values[name.Name], expr)
		}
	}
}

func (f *eventFinder) call(n ast.Node, function string) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	receiver := lastName(method.X)
	isLogger := strings.EqualFold(receiver, "log") || strings.EqualFold(receiver, "logger")
	switch {
	case method.Sel.Name == "warn" && receiver == "quiet":
		f.note(call.Args[1], []string{"warn"})
	case isLogger && method.Sel.Name == "LogAttrs" && (function != "warn" || f.dir != "../../notifier"): // quietLog.warn writes what it is given
		f.note(call.Args[2], f.strings(call.Args[1]))
	case isLogger && slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, method.Sel.Name):
		f.note(call.Args[0], []string{strings.ToLower(method.Sel.Name)})
	}
}

func (f *eventFinder) note(event ast.Expr, levels []string) {
	names := f.strings(event)
	if len(names) == 0 || len(levels) == 0 {
		f.t.Errorf("%s: a log line whose name or level cannot be found: %v", f.dir, event)
	}
	for _, name := range names {
		f.found[name] = append(f.found[name], levels...)
	}
}

// strings are all that an expression may stand for.
func (f *eventFinder) strings(expr ast.Expr) (all []string) {
	switch e := expr.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			all = append(all, text)
		}
	case *ast.SelectorExpr:
		if level, ok := levelNames[e.Sel.Name]; ok {
			all = append(all, level)
		}
	case *ast.Ident:
		for _, value := range f.values[e.Name] {
			if value != expr {
				all = append(all, f.strings(value)...)
			}
		}
	}
	return all
}

// lastName is the b of a.b.
func lastName(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
