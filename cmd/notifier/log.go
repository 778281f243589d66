package main

import (
	"io"
	"log/slog"
	"os"
	"strings"
)

// The formats of --log-format; with neither, a terminal gets text and everything else JSON.
const (
	logJSON = "json"
	logText = "text"
)

// logSettings are the same for every command that runs for long.
type logSettings struct {
	level  slog.Level
	format string // logJSON, logText or "" for "as w wants it"
}

func (l *logSettings) register(s *settings) {
	levels := []string{"debug", "info", "warn", "error"}
	v := &setting{name: "log-level", kind: "level", fallback: "info", choices: levels, help: "least level that is logged: " + strings.Join(levels, ", ")}
	add(s, &l.level, v, func(text string) (level slog.Level, err error) {
		if err := oneOf(levels)(text); err != nil {
			return 0, err
		}
		return level, level.UnmarshalText([]byte(text))
	})
	s.choice(&l.format, "log-format", "", []string{logJSON, logText}, "format of the log: json or text (default json, text on a terminal)")
}

// newLogger writes one line for each record to w. A *slog.LevelVar as level can be turned at run time.
func newLogger(level slog.Leveler, format string, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == logText || format == "" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// isTerminal takes every character device for one: being wrong about /dev/null costs nothing, and the
// question needs no system call of its own for each platform.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
