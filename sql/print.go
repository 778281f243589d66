package sql

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Print writes the SQL that Up (or Down to nothing) executes, bookkeeping included, for a DBA who applies it by
// hand with psql. It needs no database: what is printed is the whole way from an empty or to an empty one.
func (m *Migrator) Print(w io.Writer, down bool) error {
	bell := m.cfg.Bell == nil || *m.cfg.Bell
	r := rendering{names: DefaultNames().Override(m.cfg.Names), bell: bell, lockTimeout: m.cfg.LockTimeout}
	all, err := r.migrations()
	if err != nil {
		return err
	}
	before, after := "migrations/prepare.sql", "migrations/advise.sql"
	if down {
		slices.Reverse(all)
		before, after = "", "migrations/remove.sql"
	}
	out := &printer{w: bufio.NewWriter(w)}
	out.line("-- Apply with: psql --set ON_ERROR_STOP=1 --file THIS_FILE, as the owner of the clinic's tables.")
	out.line("-- Each transaction may be run again by itself when it meets a lock timeout.")
	if err := out.script(r, before); err != nil {
		return err
	}
	for _, migration := range all {
		out.migration(migration, down)
	}
	if err := out.script(r, after); err != nil {
		return err
	}
	return out.w.Flush()
}

type printer struct {
	w *bufio.Writer // keeps the first error for Flush
}

func (p *printer) line(text string) { _, _ = p.w.WriteString(text + "\n") }

// script prints one of the unnumbered files, if there is one.
func (p *printer) script(r rendering, file string) error {
	if file == "" {
		return nil
	}
	text, err := r.file(file)
	if err != nil {
		return err
	}
	p.transaction(strings.TrimPrefix(file, "migrations/"), strings.TrimSpace(text))
	return nil
}

func (p *printer) migration(m migration, down bool) {
	body, note := m.up, "INSERT INTO %s (version_id, is_applied) VALUES (%d, true);"
	if down {
		body, note = m.down, "DELETE FROM %s WHERE version_id = %d;"
	}
	p.transaction(m.name, body+"\n\n"+fmt.Sprintf(note, versionTable, m.version))
}

func (p *printer) transaction(name, body string) {
	p.line("\n-- " + name + "\nBEGIN;\n" + body + "\nCOMMIT;")
}
