package rig

import (
	"encoding/json"
	"fmt"
	"os"
)

// WriteResults keeps what was measured.
func WriteResults(path string, results any) error {
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil { //nolint:gosec // for everybody
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

// ReadResults reads what WriteResults has kept.
func ReadResults(path string, results any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	if err := json.Unmarshal(text, results); err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	return nil
}
