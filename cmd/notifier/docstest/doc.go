// Package docstest holds what the project's Markdown says to what there is, and the other way round.
//
// Names: every command, flag, variable, metric, code, SQL object, file, anchor, make target, test and benchmark that a page names exists, and
// whoever adds one has to write it down. Three tables of deploy/README.md are held to the code elsewhere (log events and problems in
// cmd/notifier, metrics in cmd/notifier/deploytest); here they are what the other pages are compared with. What belongs to somebody else
// (PostgreSQL, nginx, npm) stands in exceptions_test.go with its owner.
//
// Commands: the fenced blocks of README.md that say sh are pasted into a shell, in their order, and must print what the block
// that says text behind them shows; see quarter_test.go for what may differ. Both languages' pages have the same blocks.
package docstest
