package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func TestEveryModuleOfTheBinaryIsListedWithAnAllowedLicence(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := run(t.Context(), []string{"table"}, &page); err != nil {
		t.Fatal(err)
	}
	if listed, err := os.ReadFile("../../../deploy/LICENCES.md"); err != nil || !bytes.Equal(listed, page.Bytes()) {
		t.Errorf("deploy/LICENCES.md is not what is in the binary (%v): `make licences` writes it; now it would be\n%s", err, &page)
	}
	if lines := strings.Count(page.String(), "\n| "); lines < 30 {
		t.Errorf("only %d modules are found: the search is wrong", lines)
	}
}

func TestTheTextsNameEachModuleAndItsAuthors(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := run(t.Context(), []string{"texts"}, &page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nGo's standard library and runtime 1.", "Copyright 2009 The Go Authors", // Go's
		"\ngithub.com/jackc/pgx/v5 v5", "Copyright (c) 2013-2021 Jack Christensen", // MIT's notice is the text itself
		"\nNOTICE:\n", // Apache's is beside it
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the texts lack %q", want)
		}
	}
}

func TestLicencesAreKnownByWhatTheySay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"MIT, broken elsewhere": {"Permission is hereby granted,\n free of charge … The above copyright\n\tnotice and " +
			"this permission notice shall be included", "MIT"},
		"three clauses":         {"Redistribution and use in source and binary forms … Neither the name of", "BSD-3-Clause"},
		"two clauses":           {"Redistribution and use in source and binary forms … 1. Redistributions of source code … THIS SOFTWARE", "BSD-2-Clause"},
		"one that binds others": {"GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007", ""},
		"one of each file":      {"Mozilla Public License Version 2.0", ""},
		"nothing":               {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := identify([]byte(test.text))
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("it is taken for %q (%v), want %q", got, err, test.want)
			}
		})
	}
}

func TestAModuleWithoutAnAllowedLicenceIsRefused(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"none":                    {"README.md": "MIT, of course"},
		"a notice alone":          {"NOTICE": "This product includes"},
		"a second one, forbidden": {"LICENSE": "Apache License Version 2.0, January 2004", "LICENSE.GPL": "GNU GENERAL PUBLIC LICENSE"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if id, _, err := notices(dir); err == nil {
				t.Errorf("it is %q", id)
			}
		})
	}
}

func TestTheBillOfMaterialsHasEachPartOnce(t *testing.T) {
	t.Parallel()
	info := &buildinfo.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{{Key: "GOARCH", Value: "arm64"}},
		Deps:     []*debug.Module{{Path: "github.com/jackc/pgx/v5", Version: "v5.12.0"}}}
	licences := map[string]string{standardLibrary: "BSD-3-Clause", "github.com/jackc/pgx/v5": "MIT"}
	made, err := bill(info, sha256.Sum256([]byte("a program")), licences)
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, c := range append(made.Components, made.Metadata.Component) {
		refs = append(refs, c.PURL+" "+c.Licences[0].Licence.ID)
	}
	want := []string{"pkg:golang/std@1.26.8 BSD-3-Clause", "pkg:golang/github.com/jackc/pgx/v5@v5.12.0 MIT", "pkg:golang/notifier@v1.2.3 Apache-2.0"}
	if !slices.Equal(refs, want) {
		t.Errorf("the parts are %q, want %q", refs, want)
	}
	if top := made.Dependencies[0]; top.Ref != made.Metadata.Component.Ref || len(top.DependsOn) != 2 || len(made.Dependencies) != 3 {
		t.Errorf("the dependencies are %v", made.Dependencies)
	}
	info.Deps = append(info.Deps, &debug.Module{Path: "example.org/unknown", Version: "v1.0.0"})
	if _, err := bill(info, sha256.Sum256(nil), licences); err == nil || !strings.Contains(err.Error(), "example.org/unknown") {
		t.Errorf("a module of no known licence is in a bill: %v", err)
	}
}

// The binary is this test's own, which is as good as any to be read.
func TestTheSameBinaryIsDescribedByTheSameBytes(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1763856000")
	t.Setenv("VERSION", "v1.2.3")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := run(t.Context(), []string{"sbom", self}, out); err != nil {
			t.Fatal(err)
		}
	}
	var made document
	if err := json.Unmarshal(first.Bytes(), &made); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("the same file is described twice (%v):\n%s\n%s", err, &first, &second)
	}
	whole := made.Metadata.Component
	if made.Metadata.Timestamp != "2025-11-23T00:00:00Z" || whole.Version != "v1.2.3" || len(whole.Hashes[0].Content) != 64 {
		t.Errorf("it is described as %+v", made.Metadata)
	}
}

func TestOtherWordsAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"sbom"}, {"table", "x"}, {"all"}} {
		if err := run(t.Context(), args, nil); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
