package main

import (
	"fmt"
	"os"
	"strings"
)

// secretSaid is a secret: its flag was looked at before. The environment comes first, whether it has the secret or the file's
// path; which one is meant where it has both cannot be guessed.
func (s *settings) secretSaid(v *setting) (string, error) {
	for _, place := range []struct {
		name string
		has  func(variable string) string
	}{
		{"environment", os.Getenv},
		{"env file", func(variable string) string { return s.variables[variable] }},
	} {
		plain, path := place.has(v.variable()), place.has(v.fileVariable())
		switch {
		case plain != "" && path != "":
			return "", fmt.Errorf("is in the %s twice: unset one of the two", place.name)
		case plain != "":
			return plain, nil
		case path != "":
			return readSecretFile(v.fileVariable(), path)
		}
	}
	return v.fallback, nil
}

// readSecretFile reads the file that variable names, without the line ends at its end (every editor and every `echo >` leaves
// one).
func readSecretFile(variable, path string) (string, error) {
	content, err := readSettingFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read from the file that %s names: %w", variable, err)
	}
	secret := strings.TrimRight(string(content), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("is empty in the file that %s names", variable)
	}
	return secret, nil
}
