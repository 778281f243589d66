package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// areas are the four that never meet except here: any of them can be read, tested and replaced without the others.
var areas = []string{"notifier", "wsroom", "auth", "sql"}

// goPackage is what `go list` says of one package of this module.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// area is the top-level folder of a package of this module; "" for every other package.
func area(importPath string) string {
	parts := strings.Split(importPath, "/")
	if len(parts) < 2 || parts[0] != "notifier" {
		return ""
	}
	return parts[1]
}

func TestAreasNeverImportOneAnother(t *testing.T) {
	seen := make(map[string]bool)
	for _, pkg := range listPackages(t) {
		own := area(pkg.ImportPath)
		seen[own] = true
		if own == "cmd" {
			continue
		}
		for _, imported := range pkg.Imports {
			if other := area(imported); other != "" && other != own {
				t.Errorf("%s imports %s: only cmd/notifier knows more than one area", pkg.ImportPath, imported)
			}
		}
		for _, imported := range slices.Concat(pkg.TestImports, pkg.XTestImports) {
			// A test may stand on a real PostgreSQL, which package sql and its folders start and migrate.
			if other := area(imported); other != "" && other != own && other != "sql" {
				t.Errorf("a test of %s imports %s", pkg.ImportPath, imported)
			}
		}
	}
	for _, name := range append([]string{"cmd"}, areas...) {
		if !seen[name] {
			t.Errorf("area %s has no package", name)
		}
	}
	if len(seen) != len(areas)+1 {
		t.Errorf("the top level has other Go folders than cmd and %s: %v", strings.Join(areas, ", "), seen)
	}
}

// listPackages asks the go command, so that build constraints count as they do in a build.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "notifier/...")
	output, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	var packages []goPackage
	for {
		var pkg goPackage
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, pkg)
	}
}

// A test that skips looks like one that passed: what a test needs is installed by `make test`, and missing it is a failure.
func TestNoTestSkips(t *testing.T) {
	files := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, method.Sel.Name) {
				t.Errorf("%s: a test that can skip", set.Position(call.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d test files, %v", files, err)
	}
}
