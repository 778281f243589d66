package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// module is a part of the binary that others wrote.
type module struct {
	path    string
	version string
	licence string
	notices []notice
}

// standardLibrary stands for Go's own part, the only one that is not a module.
const standardLibrary = "std"

// platforms are those that `make dist` builds for; what is linked can differ between them.
var platforms = []string{"amd64", "arm64"}

// listed is what the go command says of a package.
type listed struct {
	Module *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// linked are the modules of which something is in the binary, of any platform, in the order of their paths; Go's own part first.
func linked(ctx context.Context) ([]module, error) {
	found := map[string]module{}
	folders := map[string]string{}
	for _, platform := range platforms {
		packages, err := dependencies(ctx, platform)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			if m := p.Module; m != nil && !m.Main {
				found[m.Path] = module{path: m.Path, version: m.Version}
				folders[m.Path] = m.Dir
			}
		}
	}
	goRoot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("ask for GOROOT: %w", err)
	}
	all := []module{{path: standardLibrary, version: strings.TrimPrefix(runtime.Version(), "go")}}
	folders[standardLibrary] = strings.TrimSpace(string(goRoot))
	for _, path := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[path])
	}
	for i := range all {
		m := &all[i]
		if m.licence, m.notices, err = notices(folders[m.path]); err != nil {
			return nil, fmt.Errorf("%s: %w", m.path, err)
		}
	}
	return all, nil
}

// dependencies asks the go command what the command is made of.
func dependencies(ctx context.Context, arch string) (packages []listed, err error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Module", "notifier/cmd/notifier")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list dependencies: %w", err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var one listed
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("read dependencies: %w", err)
		}
		packages = append(packages, one)
	}
}

// table is deploy/LICENCES.md. It has no versions, which go.mod has: so it changes only when a licence or a module does.
func table(modules []module) []byte {
	var page bytes.Buffer
	page.WriteString(`# Licences of what is in the binary

notifier is under the [Apache License 2.0](../LICENSE). This is what others wrote of it; ` + "`make licences`" + ` writes this page, and a test
holds it to the binary. The texts come with each package and image, as THIRD_PARTY_LICENSES.

| module | licence |
|---|---|
`)
	for _, m := range modules {
		fmt.Fprintf(&page, "| %s | %s |\n", m.name(), m.licence)
	}
	return page.Bytes()
}

func (m module) name() string {
	if m.path == standardLibrary {
		return "Go's standard library and runtime"
	}
	return m.path
}

// texts is THIRD_PARTY_LICENSES.
func texts(modules []module) []byte {
	var page bytes.Buffer
	page.WriteString("What others wrote of notifier, and the terms under which it is passed on.\n")
	for _, m := range modules {
		fmt.Fprintf(&page, "\n%s\n%s %s (%s)\n", strings.Repeat("=", 78), m.name(), m.version, m.licence)
		for _, file := range m.notices {
			fmt.Fprintf(&page, "%s\n%s:\n\n%s\n", strings.Repeat("-", 78), file.name, bytes.TrimSpace(file.text))
		}
	}
	return page.Bytes()
}
