package postgres

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoBinaries means that no PostgreSQL server was found on this machine.
var ErrNoBinaries = errors.New("find PostgreSQL server binaries: none here; " +
	"install them (Debian: apt-get install postgresql) or put initdb and postgres on the PATH")

// BinDir finds the folder with initdb and postgres: what pg_config says, the PATH, Debian's and
// Homebrew's folders, the newest version first.
func BinDir() (string, error) {
	var dirs []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	dirs = append(dirs, versioned("/usr/lib/postgresql/*/bin")...)
	dirs = append(dirs, versioned("/opt/homebrew/opt/postgresql@*/bin")...)
	dirs = append(dirs, versioned("/usr/local/opt/postgresql@*/bin")...)
	for _, dir := range dirs {
		if isExecutable(filepath.Join(dir, "initdb")) && isExecutable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", ErrNoBinaries
}

// versioned expands a pattern whose star is (or ends in) a version number, the highest first.
func versioned(pattern string) []string {
	dirs, _ := filepath.Glob(pattern) // the only error is a bad pattern, and ours are constant
	slices.SortFunc(dirs, func(a, b string) int { return versionOf(b) - versionOf(a) })
	return dirs
}

func versionOf(binDir string) int {
	name := filepath.Base(filepath.Dir(binDir))
	version, _ := strconv.Atoi(name[strings.LastIndex(name, "@")+1:])
	return version
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
