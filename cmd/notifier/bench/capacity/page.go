package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// The marks in a page, each on a line of its own. A page keeps them.
const (
	firstMark = "<!-- capacity: from here on written by make capacity -->\n"
	lastMark  = "<!-- capacity: until here -->\n"
)

var errMarks = errors.New("the two marks of capacity are not there, once and in order")

// renewed is the page with another text between its marks.
func renewed(page, text string) (string, error) {
	before, rest, found := strings.Cut(page, firstMark)
	old, after, ended := strings.Cut(rest, lastMark)
	if !found || !ended || strings.Contains(old, firstMark) || strings.Contains(after, firstMark) || strings.Contains(after, lastMark) {
		return "", errMarks
	}
	return before + firstMark + "\n" + strings.TrimSpace(text) + "\n\n" + lastMark + after, nil
}

// renewPage does it to a file.
func renewPage(path, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("renew page: %w", err)
	}
	changed, err := renewed(string(page), text)
	if err == nil {
		err = os.WriteFile(path, []byte(changed), 0o644) //nolint:gosec // for everybody
	}
	if err != nil {
		return fmt.Errorf("renew %s: %w", path, err)
	}
	return nil
}
