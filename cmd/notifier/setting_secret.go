package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// readSecretFile reads the file that variable names, if it is set, without the line ends at its end
// (every editor and every `echo >` leaves one). alsoPlain says that the secret itself is in the
// environment too: which one is meant cannot be guessed.
//
// No error repeats the path: a secret in the wrong variable is exactly what would be printed.
func readSecretFile(variable string, alsoPlain bool) (string, error) {
	path := os.Getenv(variable)
	if path == "" {
		return "", nil
	}
	if alsoPlain {
		return "", errors.New("is in the environment twice: unset one of the two")
	}
	content, err := os.ReadFile(path)
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("cannot be read from the file that %s names: %w", variable, failed.Err)
	}
	if err != nil {
		return "", fmt.Errorf("cannot be read from the file that %s names", variable)
	}
	secret := strings.TrimRight(string(content), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("is empty in the file that %s names", variable)
	}
	return secret, nil
}
