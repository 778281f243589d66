// Package leaktest finds secrets in logs. Whoever starts daemons in tests hands their output to Log and names what must not be in it
// by Secret and Patients; Search goes through all of it when the tests are over. It does so where the folder is given by the
// environment, as `make test` does (see the program in search); elsewhere nothing is written.
package leaktest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Variable names the folder. It does not begin with NOTIFIER_, of which the daemon warns when it does not know them.
const Variable = "TEST_LOGS"

// The kinds of what must not be in a log, and the file in which they are noted.
const (
	Key      = "key" // that signs tokens
	Password = "password"
	Patient  = "patient"
	Phone    = "phone"

	noted = "secrets"
)

// Log is a new file for what one process writes; name tells people whose it is. What is written after Close is not kept.
func Log(name string) io.WriteCloser {
	dir := os.Getenv(Variable)
	if dir == "" {
		return &file{}
	}
	f, err := os.CreateTemp(dir, filepath.Base(name)+"-*.log")
	if err != nil {
		panic(fmt.Sprintf("leaktest: %v", err)) // the folder was promised
	}
	return &file{file: f}
}

// file never fails its writer, which is a process under test.
type file struct {
	mu   sync.Mutex
	file *os.File
}

func (f *file) Write(data []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		_, _ = f.file.Write(data) // what is missing shows in the number of lines
	}
	return len(data), nil
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// Secret notes what no log may hold.
func Secret(kind, value string) error { return note([]string{kind + "\t" + value}) }

// note appends lines. One write each time, so that those of several processes do not mix.
func note(lines []string) error {
	dir := os.Getenv(Variable)
	if dir == "" || len(lines) == 0 {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, noted), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		_ = f.Close() // the first error counts
		return err
	}
	return f.Close()
}

// Patients notes the names and telephone numbers of everybody in a clinic's database: what is searched for is then what was there.
func Patients(ctx context.Context, url string) error {
	if os.Getenv(Variable) == "" {
		return nil
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("look for patients: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing was changed
	query := `SELECT 'patient', name::text FROM patients UNION SELECT 'phone', phone::text FROM contacts WHERE phone IS NOT NULL`
	var isAgenda bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('agenda.person') IS NOT NULL`).Scan(&isAgenda); err != nil {
		return fmt.Errorf("look for patients: %w", err)
	}
	if isAgenda {
		query = `SELECT 'patient', full_name::text FROM agenda.person UNION SELECT 'phone', mobile::text FROM agenda.person WHERE mobile IS NOT NULL`
	}
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("look for patients: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var kind, value string
		err := row.Scan(&kind, &value)
		return kind + "\t" + value, err
	})
	if err != nil {
		return fmt.Errorf("look for patients: %w", err)
	}
	return note(withDigits(found))
}

var notDigit = regexp.MustCompile(`\D`)

// withDigits adds telephone numbers without their punctuation, where they are long enough to be told from other numbers.
func withDigits(found []string) []string {
	for _, line := range found {
		if kind, value, _ := strings.Cut(line, "\t"); kind == Phone {
			if digits := notDigit.ReplaceAllString(value, ""); len(digits) >= 10 {
				found = append(found, Phone+"\t"+digits)
			}
		}
	}
	return found
}
