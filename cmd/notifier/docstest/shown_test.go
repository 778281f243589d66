package docstest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// What differs from one machine, run or day to the next, and what both the page and the shell's words become before they are compared. A line
// of … stands for any lines, and … within a line for any words. Nothing else may differ.
var masks = []struct {
	what  *regexp.Regexp
	stand string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:\d\d)?)?`), "<time>"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d(\.\d+)?\b`), "<time>"},
	{regexp.MustCompile(`\b\d{13,}-(\d+)\b`), "<epoch>-$1"},
	{regexp.MustCompile(`\b[a-z0-9]{6,}\.(\d+)\b`), "<daemon>.$1"},
	{regexp.MustCompile(`\b(daemon|by) [a-z0-9]{8}\b`), "$1 <daemon>"},
	{regexp.MustCompile(`[+-]?(\d+h)?(\d+m)?\d+(\.\d+)? ?(ns|µs|ms|s|m|h)\b`), "<duration>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "<address>"},
	{regexp.MustCompile(`\btest-[A-Z0-9]{26}\b`), "test-<marker>"},
	{regexp.MustCompile(`[ \t]+`), " "}, // columns are as wide as what is in them
	{regexp.MustCompile(`\b\d+ (a second|bytes)\b`), "<number> $1"},
	{regexp.MustCompile(`-{4,}`), "----"},
	{regexp.MustCompile(`(?m) $`), ""},
}

func masked(text string) string {
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.stand)
	}
	return strings.Trim(text, "\n")
}

// unlike says in what a text is not what the page shows; "" if it is.
func unlike(shown, printed string) string {
	pattern := regexp.QuoteMeta(masked(shown))
	pattern = strings.ReplaceAll("\n"+pattern+"\n", "\n…\n", "\n(?:.*\n)*?")
	pattern = strings.ReplaceAll(pattern, "\n…\n", "\n(?:.*\n)*?")
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	got := "\n" + masked(printed) + "\n"
	if shown == "" && got == "\n\n" || regexp.MustCompile(`^`+pattern+`$`).MatchString(got) {
		return ""
	}
	return fmt.Sprintf("where the page shows\n\n%s\n\nboth masked:\n%s\n%s", shown, got, masked(shown))
}

func TestOnlyWhatIsMaskedMayDiffer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		shown, printed string
		same           bool
	}{
		{"UPDATE 1", "UPDATE 1\n", true},
		{"UPDATE 1", "UPDATE 2\n", false},
		{"", "", true},
		{"", "notifier: warning\n", false},
		{"UPDATE 1", "", false},
		{"one\n…\nlast", "one\ntwo\nthree\nlast\n", true},
		{"one\n…\nlast", "one\nlast\n", true},
		{"one\n…\nlast", "two\nlast\n", false},
		{"…\nlast", "last, but one\n", false},
		{"one … three", "one two three\n", true},
		{`{"id":"1795407974215888-1"}`, `{"id":"1800000000000000-1"}`, true},
		{`{"id":"1795407974215888-1"}`, `{"id":"1795407974215888-2"}`, false},
		{"took 1.5 ms", "took 12", false},
		{"by lgneqq3s, and 5 s", "by abcdefgh, and 7 s", true}, // a daemon's name may end like a time
		{"took 1.5 ms", "took 12 ms", true},
	} {
		if fault := unlike(tt.shown, tt.printed); (fault == "") != tt.same {
			t.Errorf("%q and %q: %s", tt.shown, tt.printed, fault)
		}
	}
}
