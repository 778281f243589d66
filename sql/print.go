package sql

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Print writes the SQL that Up (or Down to nothing) executes, bookkeeping included, for a DBA who applies it by
// hand with psql. It needs no database: what is printed is the whole way from an empty or to an empty one.
func (m *Migrator) Print(w io.Writer, down bool) error {
	bell := m.cfg.Bell == nil || *m.cfg.Bell
	r := rendering{names: DefaultNames().Override(m.cfg.Names), bell: bell, lockTimeout: m.cfg.LockTimeout}
	files, err := r.migrations()
	if err != nil {
		return err
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	out := &printer{w: bufio.NewWriter(w)}
	out.line("-- Apply with: psql --set ON_ERROR_STOP=1 --file THIS_FILE, as the owner of the clinic's tables.")
	out.line("-- Each transaction may be run again by itself when it meets a lock timeout.")
	if !down {
		if err := out.script(r, "migrations/prepare.sql"); err != nil {
			return err
		}
	}
	for i := range names {
		name := names[i]
		if down {
			name = names[len(names)-1-i]
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if err := out.migration(name, string(text), down); err != nil {
			return err
		}
	}
	last := "migrations/advise.sql"
	if down {
		last = "migrations/remove.sql"
	}
	if err := out.script(r, last); err != nil {
		return err
	}
	return out.w.Flush()
}

type printer struct {
	w *bufio.Writer // keeps the first error for Flush
}

func (p *printer) line(text string) { _, _ = p.w.WriteString(text + "\n") }

func (p *printer) script(r rendering, file string) error {
	text, err := r.file(file)
	if err != nil {
		return err
	}
	p.transaction(file, strings.TrimSpace(text))
	return nil
}

func (p *printer) migration(name, text string, down bool) error {
	version, err := strconv.ParseInt(strings.SplitN(name, "_", 2)[0], 10, 64)
	if err != nil {
		return fmt.Errorf("read version of %s: %w", name, err)
	}
	up, back := splitMigration(text)
	body, note := up, fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES (%d, true);", versionTable, version)
	if down {
		body, note = back, fmt.Sprintf("DELETE FROM %s WHERE version_id = %d;", versionTable, version)
	}
	p.transaction(name, body+"\n\n"+note)
	return nil
}

func (p *printer) transaction(name, body string) {
	p.line("\n-- " + path.Base(name) + "\nBEGIN;\n" + body + "\nCOMMIT;")
}

// splitMigration takes goose's annotations out of a migration: they mean nothing to psql.
func splitMigration(text string) (up, down string) {
	parts := map[string]*strings.Builder{"": {}, "Up": {}, "Down": {}}
	section := ""
	for line := range strings.Lines(text) {
		annotation, isAnnotation := strings.CutPrefix(strings.TrimSpace(line), "-- +goose ")
		switch {
		case !isAnnotation:
			parts[section].WriteString(line)
		case annotation == "Up" || annotation == "Down":
			section = annotation
		}
	}
	return strings.TrimSpace(parts["Up"].String()), strings.TrimSpace(parts["Down"].String())
}
