package sql

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"testing/fstest"
)

// migration is one numbered file, rendered.
type migration struct {
	name     string
	version  int64
	up, down string
}

// migrations renders the numbered files, in their order.
func (r rendering) migrations() ([]migration, error) {
	paths, err := fs.Glob(sources, "migrations/0*.sql") // sorted, as a directory is read
	if err != nil {
		return nil, err
	}
	all := make([]migration, 0, len(paths))
	for _, file := range paths {
		text, err := r.file(file)
		if err != nil {
			return nil, err
		}
		m := migration{name: path.Base(file)}
		if m.version, err = strconv.ParseInt(strings.SplitN(m.name, "_", 2)[0], 10, 64); err != nil {
			return nil, fmt.Errorf("read version of %s: %w", m.name, err)
		}
		m.up, m.down = splitMigration(text)
		all = append(all, m)
	}
	return all, nil
}

// splitMigration takes a file apart at goose's annotations, which mean nothing to psql.
func splitMigration(text string) (up, down string) {
	parts := map[string]*strings.Builder{"": {}, "Up": {}, "Down": {}}
	section := ""
	for line := range strings.Lines(text) {
		if next, ok := strings.CutPrefix(strings.TrimSpace(line), "-- +goose "); ok && parts[next] != nil {
			section = next
			continue
		}
		parts[section].WriteString(line)
	}
	return strings.TrimSpace(parts["Up"].String()), strings.TrimSpace(parts["Down"].String())
}

// gooseFiles are the migrations as goose takes them: each direction as one statement, because goose would
// otherwise look for the ends of statements itself, and take a name like "a; --" for one.
func gooseFiles(all []migration) fs.FS {
	const statement = "-- +goose %s\n-- +goose StatementBegin\n%s\n-- +goose StatementEnd\n"
	files := fstest.MapFS{}
	for _, m := range all {
		text := fmt.Sprintf(statement, "Up", m.up) + fmt.Sprintf(statement, "Down", m.down)
		files[m.name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}
