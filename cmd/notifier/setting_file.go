package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	// maxSettingFile bounds what is read from a file: all settings there are fit many times.
	maxSettingFile = 64 << 10
	// fileTimeout is for what is no plain file, and may never end.
	fileTimeout = 10 * time.Second
)

// readSettingFile reads a file that a setting names. It does not wait for somebody to write to a named pipe: what SIGHUP does must end, or else
// the daemon would not. Its errors do not repeat the path, which could be a secret in the wrong variable.
func readSettingFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer func() { _ = file.Close() }()                   // only read from: nothing can be lost
	_ = file.SetReadDeadline(time.Now().Add(fileTimeout)) // plain files take none, and need none
	content, err := io.ReadAll(io.LimitReader(file, maxSettingFile+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if len(content) > maxSettingFile {
		return nil, fmt.Errorf("it is longer than %d bytes", maxSettingFile)
	}
	return content, nil
}

func withoutPath(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return errors.New("it cannot be read")
}

// envFile are variables from a file, for a process that can read them again: its own environment never changes.
type envFile map[string]string

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parseEnvFile reads lines of NAME=value: what systemd's EnvironmentFile= and docker's --env-file have in common. Spaces around
// name and value, a leading "export ", and one pair of quotes around the value are taken away; lines that are empty or begin
// with # or ; are comments. Nothing else means anything: no $, no backslash, no comment behind a value.
func parseEnvFile(content []byte) (envFile, error) {
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil, errors.New("is not a text in UTF-8")
	}
	variables := envFile{}
	number := 0
	for line := range strings.SplitSeq(string(content), "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, found := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name = strings.TrimSpace(name)
		if !found || !variableName.MatchString(name) {
			return nil, fmt.Errorf("has no NAME=value in line %d", number) // without the name: it may be half a secret
		}
		if _, twice := variables[name]; twice {
			return nil, fmt.Errorf("has %s twice, the second time in line %d", name, number)
		}
		value, ok := unquote(strings.TrimSpace(value))
		if !ok {
			return nil, fmt.Errorf("has a quote that does not end, at %s in line %d", name, number)
		}
		variables[name] = value
	}
	return variables, nil
}

// unquote takes a pair of quotes away. A quote that begins a value has to end it.
func unquote(value string) (string, bool) {
	if value == "" || value[0] != '"' && value[0] != '\'' {
		return value, true
	}
	if len(value) < 2 || value[len(value)-1] != value[0] {
		return "", false
	}
	return value[1 : len(value)-1], true
}

// fromEnvFile makes --env-file a setting of the command.
func (s *settings) fromEnvFile() {
	s.envSetting = s.text(&s.envPath, "env-file", "",
		"file of NAME=value lines, for what is neither a flag nor in the environment; serve reads it again at SIGHUP")
}

// readVariables reads the file that the settings name, if they do.
func (s *settings) readVariables() error {
	s.variables = nil
	if s.envSetting == nil {
		return nil
	}
	path, err := s.said(s.envSetting)
	if err != nil || path == "" {
		return err
	}
	content, err := readSettingFile(path)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	variables, err := parseEnvFile(content)
	if err != nil {
		return err
	}
	if own := s.envSetting.variable(); variables[own] != "" {
		return fmt.Errorf("has %s in it: the file cannot name another", own)
	}
	s.variables = variables
	return nil
}

// oddities are what is odd about the file, and no value of it.
func (s *settings) oddities() (list []string) {
	if names := unknownVariables(s.cmd.Root(), slices.Collect(maps.Keys(s.variables))); len(names) > 0 {
		list = append(list, "not a setting, so without effect in the env file: "+strings.Join(names, ", "))
	}
	if s.secretsForAll() {
		list = append(list, "the env file has a secret in it, and everybody on this machine can read it: chmod o-r")
	}
	return list
}

// secretsForAll reports whether everybody on this machine can read the file, and it holds a secret.
func (s *settings) secretsForAll() bool {
	info, err := os.Stat(s.envPath)
	if s.variables == nil || err != nil || info.Mode().Perm()&0o004 == 0 {
		return false
	}
	return slices.ContainsFunc(s.list, func(v *setting) bool { return v.secret && s.variables[v.variable()] != "" })
}
