// Package demo is the clinic that `notifier demo` shows: invented data, and the
// waiting list of a reception desk that a visitor opens in as many windows as
// he likes.
//
// The package plays the clinic's own application and nothing more. It reads
// and writes the clinic's tables with plain SQL, under the clinic's own
// database role, and knows nothing of notifier's schema. What a window learns
// about an appointment that arrives, begins or ends, and about a doctor who
// becomes busy or free, it learns from the daemon, over the WebSocket, or not
// at all; its page has the browser client of wsroom/client for that, as any
// frontend would. That is what makes the page a proof rather than a picture: a
// button commits an UPDATE and leaves the row where it is; the row moves when
// the event comes back.
//
// The same list as frontends have it, with React and the stock socket.io-client,
// lies in react/. It is built from npm packages by `make demo` and by the tests,
// is never part of the binary, and is served at /react/ where it was built.
//
// The command owns everything around it: the private PostgreSQL, the
// migrations, the daemon and the listener that [Site.Handler] is mounted on,
// which must be the one that serves the WebSocket too (the page connects to
// its own origin).
//
// Nothing here is meant for patients who exist: the API hands a token to
// whoever asks for one.
package demo
