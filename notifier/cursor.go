package notifier

import (
	"errors"
	"strconv"
	"strings"
)

// Cursor is a place in the log, and the id of the event at that place: "<epoch>-<seq>". Clients hold it as
// an opaque text. An epoch is a stretch of the log that one server wrote without losing its end.
type Cursor struct {
	Epoch, Seq int64
}

// ErrCursor means that a text is not a cursor of ours.
var ErrCursor = errors.New("cursor is not <epoch>-<seq>")

// String is the cursor as clients see it.
func (c Cursor) String() string {
	return strconv.FormatInt(c.Epoch, 10) + "-" + strconv.FormatInt(c.Seq, 10)
}

// ParseCursor reads what String has written, and nothing else.
func ParseCursor(text string) (Cursor, error) {
	epoch, seq, ok := strings.Cut(text, "-")
	if !ok {
		return Cursor{}, ErrCursor
	}
	var (
		c          Cursor
		err1, err2 error
	)
	c.Epoch, err1 = strconv.ParseInt(epoch, 10, 64)
	c.Seq, err2 = strconv.ParseInt(seq, 10, 64)
	if err1 != nil || err2 != nil || c.Epoch < 1 || c.Seq < 0 || c.String() != text {
		return Cursor{}, ErrCursor
	}
	return c, nil
}
