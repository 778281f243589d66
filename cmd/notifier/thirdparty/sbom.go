package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// document is as much of CycloneDX 1.6 as there is to say: https://cyclonedx.org/docs/1.6/json/
type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licences   []licensed `json:"licenses"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licensed struct {
	Licence struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// sbom describes a binary by what the linker wrote into it: the same file is always described by the same bytes.
// SOURCE_DATE_EPOCH is the time to be named, and VERSION that of `make build`, because -trimpath leaves no linker flags in a binary.
func sbom(ctx context.Context, path string, out io.Writer) error {
	program, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read binary: %w", err)
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("read what is in the binary: %w", err)
	}
	if version := os.Getenv("VERSION"); version != "" {
		info.Main.Version = version
	}
	licences, err := byPath(ctx)
	if err != nil {
		return err
	}
	bill, err := bill(info, sha256.Sum256(program), licences)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(bill)
}

// bill lists the parts of a program; licences are those of all modules by their paths.
func bill(info *buildinfo.BuildInfo, sum [sha256.Size]byte, licences map[string]string) (document, error) {
	whole := describe("application", "notifier", info.Main.Version, "Apache-2.0")
	whole.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum[:])}}
	for _, setting := range info.Settings {
		if setting.Key == "GOOS" || setting.Key == "GOARCH" {
			whole.Properties = append(whole.Properties, property{setting.Key, setting.Value})
		}
	}
	parts := []component{describe("library", standardLibrary, strings.TrimPrefix(info.GoVersion, "go"), licences[standardLibrary])}
	for _, m := range info.Deps {
		if licences[m.Path] == "" {
			return document{}, fmt.Errorf("%s is in the binary and not among what it is built from: was it built from this source?", m.Path)
		}
		parts = append(parts, describe("library", m.Path, m.Version, licences[m.Path]))
	}
	return document{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{timestamp(), whole}, Components: parts, Dependencies: connect(whole, parts),
	}, nil
}

func byPath(ctx context.Context) (licences map[string]string, err error) {
	modules, err := linked(ctx)
	licences = make(map[string]string, len(modules))
	for _, m := range modules {
		licences[m.path] = m.licence
	}
	return licences, err
}

func describe(kind, name, version, licence string) component {
	id := "pkg:golang/" + name + "@" + version
	c := component{Ref: id, Type: kind, Name: name, Version: version, PURL: id, Licences: make([]licensed, 1)}
	c.Licences[0].Licence.ID = licence
	return c
}

// connect says that the program is made of its parts; which of them needs which is not in a binary.
func connect(whole component, parts []component) []dependency {
	top := dependency{Ref: whole.Ref}
	all := make([]dependency, 1, 1+len(parts))
	for _, part := range parts {
		top.DependsOn = append(top.DependsOn, part.Ref)
		all = append(all, dependency{Ref: part.Ref})
	}
	all[0] = top
	return all
}

func timestamp() string {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return ""
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}
