package notifier

import (
	"errors"
	"math"
	"testing"
)

func TestCursor(t *testing.T) {
	good := map[string]Cursor{
		"1-0":                 {1, 0},
		"1-42":                {1, 42},
		"1763815000-12345678": {1763815000, 12345678},
		"9223372036854775807-9223372036854775807": {math.MaxInt64, math.MaxInt64},
	}
	for text, want := range good {
		if got, err := ParseCursor(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
		if got := want.String(); got != text {
			t.Errorf("%v is written %q, want %q", want, got, text)
		}
	}
	bad := []string{
		"", "-", "1", "1-", "-1", "0-1", "1--1", "-1-1", "01-1", "1-01", "+1-1", "1-+1", " 1-1", "1-1 ", "1-1-1", "1_000-1",
		"9223372036854775808-1", "1-9223372036854775808", "1-1\n", "１-1", "1-0x1", "a-b", "null",
	}
	for _, text := range bad {
		if got, err := ParseCursor(text); !errors.Is(err, ErrCursor) {
			t.Errorf("%q: %v, %v, want ErrCursor", text, got, err)
		}
	}
}

func TestSeqOfAnEventID(t *testing.T) {
	if seq, ok := new(Log).Seq("3-42"); seq != 42 || !ok {
		t.Errorf("got %d, %v", seq, ok)
	}
	if seq, ok := new(Log).Seq("42"); seq != 0 || ok {
		t.Errorf("of no id of ours: got %d, %v", seq, ok)
	}
}

// FuzzParseCursor: a text is read only if it is what String writes.
func FuzzParseCursor(f *testing.F) {
	for _, seed := range []string{"1-0", "1-42", "-1-1", "1-01", "9223372036854775807-1", "", "1-", "\xff-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text)
		if err == nil && (c.String() != text || c.Epoch < 1 || c.Seq < 0) {
			t.Errorf("%q is read as %v", text, c)
		}
		if err != nil && c != (Cursor{}) {
			t.Errorf("%q: %v beside an error", text, c)
		}
	})
}
