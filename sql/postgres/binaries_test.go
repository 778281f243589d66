package postgres

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTheNewestVersionIsTriedFirst(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for _, version := range []string{"17", "15", "9.6"} {
		path := filepath.Join(dir, version, "bin")
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		want = append(want, path)
	}
	if got := versioned(filepath.Join(dir, "*", "bin")); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBinariesAreFoundOnThisMachine(t *testing.T) {
	dir, err := BinDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if !isExecutable(filepath.Join(dir, name)) {
			t.Errorf("%s has no %s", dir, name)
		}
	}
}
