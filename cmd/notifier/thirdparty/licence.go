package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// allowed are the licences under which something may become part of the binary: all of them let it be used and passed on under
// another licence, if their text comes with it. A text is the first of them that it has all sentences of; white space does not matter.
var allowed = []struct {
	id        string // of SPDX
	sentences []string
}{
	{"Apache-2.0", []string{"Apache License", "Version 2.0, January 2004"}},
	{"BSD-3-Clause", []string{"Redistribution and use in source and binary forms", "Neither the name"}},
	{"BSD-2-Clause", []string{"Redistribution and use in source and binary forms", "1. Redistributions of source code"}},
	{"ISC", []string{"Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"}},
	{"ISC", []string{"Permission to use, copy, modify, and distribute this software for any purpose with or without fee"}},
	{"MIT", []string{"Permission is hereby granted, free of charge", "The above copyright notice and this permission notice shall be included"}},
	{"MIT-0", []string{"MIT No Attribution", "Permission is hereby granted, free of charge"}},
}

// identify finds the licence that a text is, or says that it is none of those that are allowed.
func identify(text []byte) (id string, err error) {
	words := string(bytes.Join(bytes.Fields(text), []byte(" ")))
	for _, licence := range allowed {
		if !slices.ContainsFunc(licence.sentences, func(s string) bool { return !strings.Contains(words, s) }) {
			return licence.id, nil
		}
	}
	return "", fmt.Errorf("none of the licences that are allowed (cmd/notifier/thirdparty/licence.go): %.60q…", words)
}

// notice is one file that has to come with the binary.
type notice struct {
	name string
	text []byte
}

// notices reads the licence of what lies in a folder, and what its authors want to be said beside it.
func notices(dir string) (id string, files []notice, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, fmt.Errorf("read folder: %w", err)
	}
	for _, entry := range entries {
		name := strings.ToUpper(strings.TrimSuffix(entry.Name(), filepath.Ext(entry.Name())))
		if name != "LICENSE" && name != "LICENCE" && name != "COPYING" && name != "NOTICE" && name != "PATENTS" || entry.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return "", nil, fmt.Errorf("read licence: %w", err)
		}
		files = append(files, notice{entry.Name(), text})
		if name == "NOTICE" || name == "PATENTS" {
			continue
		}
		if id, err = identify(text); err != nil {
			return "", nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
	}
	if id == "" {
		return "", nil, fmt.Errorf("no licence in %s", dir)
	}
	return id, files, nil
}
