package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The kinds of settings. Each takes its default as a user would write it and further demands on a
// value as functions, whose errors continue the sentence "--flag (VARIABLE) …".

// text is any single value.
func (s *settings) text(target *string, name, fallback, help string, demands ...func(string) error) *setting {
	return add(s, target, &setting{name: name, kind: "string", fallback: fallback, help: help}, parseText(demands))
}

// secret is a text that is never shown and can be read from a file.
func (s *settings) secret(target *string, name, help string, demands ...func(string) error) *setting {
	return add(s, target, &setting{name: name, kind: "secret", help: help, secret: true}, parseText(demands))
}

// choice is one of a few words.
func (s *settings) choice(target *string, name, fallback string, choices []string, help string) {
	add(s, target, &setting{name: name, kind: strings.Join(choices, "|"), fallback: fallback, help: help, choices: choices},
		parseText([]func(string) error{oneOf(choices)}))
}

// duration is written as Go does: 50ms, 25s, 24h.
func (s *settings) duration(target *time.Duration, name, fallback, help string, demands ...func(time.Duration) error) *setting {
	return add(s, target, &setting{name: name, kind: "duration", fallback: fallback, help: help}, func(text string) (time.Duration, error) {
		value, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%s is not a duration like 50ms, 25s or 24h", shown(text))
		}
		return value, meets(value, demands)
	})
}

// number is a whole number.
func (s *settings) number(target *int, name, fallback, help string, demands ...func(int) error) *setting {
	return add(s, target, &setting{name: name, kind: "int", fallback: fallback, help: help}, func(text string) (int, error) {
		value, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("%s is not a whole number", shown(text))
		}
		return value, meets(value, demands)
	})
}

// toggle is true or false; the flag alone means true.
func (s *settings) toggle(target *bool, name, fallback, help string) *setting {
	v := &setting{name: name, kind: "bool", fallback: fallback, help: help, choices: []string{"true", "false"}}
	return add(s, target, v, func(text string) (bool, error) {
		value, err := strconv.ParseBool(text)
		if err != nil {
			return false, fmt.Errorf("%s is neither true nor false", shown(text))
		}
		return value, nil
	})
}

// items is a list: commas, and flags that repeat. parse may bring each item into its canonical form.
func (s *settings) items(target *[]string, name, help string, parse func(string) (string, error)) {
	add(s, target, &setting{name: name, kind: "list", help: help, repeats: true}, func(text string) ([]string, error) {
		var values []string
		var faults []error
		for _, item := range splitList(text) {
			value, err := parse(item)
			values, faults = append(values, value), append(faults, err)
		}
		return values, oneLine(faults)
	})
}

// pairs is a list of key=value that says only what differs from the defaults of whoever uses it; a
// value may be empty. The known keys are listed in the help and in the error of an unknown one.
func (s *settings) pairs(target *map[string]string, name string, known []string, help string) {
	v := &setting{name: name, kind: "key=value", help: help + "; keys: " + strings.Join(known, ", "), repeats: true}
	add(s, target, v, func(text string) (map[string]string, error) {
		values := make(map[string]string)
		var faults []error
		for _, item := range splitList(text) {
			key, value, ok := strings.Cut(item, "=")
			key, value = strings.TrimSpace(key), strings.TrimSpace(value)
			switch {
			case !ok:
				faults = append(faults, fmt.Errorf("%s is not key=value", shown(item)))
			case !slices.Contains(known, key):
				faults = append(faults, fmt.Errorf("has no key %s, only %s", shown(key), strings.Join(known, ", ")))
			case given(values, key):
				faults = append(faults, fmt.Errorf("names %s twice", key))
			}
			values[key] = value
		}
		return values, oneLine(faults)
	})
}

func given(values map[string]string, key string) bool {
	_, ok := values[key]
	return ok
}

func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func parseText(demands []func(string) error) func(string) (string, error) {
	return func(text string) (string, error) { return text, meets(text, demands) }
}

func meets[T any](value T, demands []func(T) error) error {
	for _, demand := range demands {
		if err := demand(value); err != nil {
			return err
		}
	}
	return nil
}

// oneLine keeps a fault a line: the faults of one setting stand beside each other.
func oneLine(faults []error) error {
	err := errors.Join(faults...)
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

func oneOf(choices []string) func(string) error {
	return func(text string) error {
		if slices.Contains(choices, text) {
			return nil
		}
		return fmt.Errorf("%s is not one of %s", shown(text), strings.Join(choices, ", "))
	}
}

func atLeast[T cmp.Ordered](least T) func(T) error {
	return func(value T) error {
		if value < least {
			return fmt.Errorf("%v is too little, at least %v", value, least)
		}
		return nil
	}
}

// shown quotes a value for an error unless it could hold a password: people put a URL into the wrong variable.
func shown(text string) string {
	if len(text) > 40 || strings.ContainsAny(text, "@") {
		return "the value"
	}
	return strconv.Quote(text)
}
