package docstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// command is one of ours, as its --help shows it.
type command struct {
	children  []string
	flags     []string // without dashes
	variables []string
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

// binary is the program, built once for all tests; removeBinary takes it away.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		//nolint:usetesting // it outlives the test that needs it first
		if built.dir, built.err = os.MkdirTemp("", "notifier-docs-"); built.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-o", built.dir+"/notifier", "notifier/cmd/notifier").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build notifier: %w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "notifier")
}

func removeBinary() { _ = os.RemoveAll(built.dir) }

var (
	lower        = regexp.MustCompile(`^[a-z]`)
	flagWord     = regexp.MustCompile(`^\[?--([a-z][a-z0-9-]*)`) // [--all] where a usage is shown
	childLine    = regexp.MustCompile(`(?m)^  ([a-z-]+) +\S`)
	flagLine     = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z][a-z0-9-]*)`)
	variableName = regexp.MustCompile(`\bNOTIFIER_[A-Z0-9_]*[A-Z0-9]`)
)

// readCommands reads the help of every command. What cobra brings (help, completion) is not ours to document.
func readCommands(t testing.TB, program string) map[string]command {
	t.Helper()
	commands := map[string]command{}
	var read func(words []string)
	read = func(words []string) {
		out, err := exec.CommandContext(t.Context(), program, append(slices.Clone(words), "--help")...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s --help: %v: %s", words, err, out)
		}
		help := string(out)
		var c command
		if _, list, ok := strings.Cut(help, "Available Commands:\n"); ok {
			list, _, _ = strings.Cut(list, "\n\n")
			for _, match := range childLine.FindAllStringSubmatch(list, -1) {
				if match[1] != "help" && match[1] != "completion" {
					c.children = append(c.children, match[1])
				}
			}
		}
		_, flags, _ := strings.Cut(help, "\nFlags:\n")
		for _, match := range flagLine.FindAllStringSubmatch(flags, -1) {
			c.flags = append(c.flags, match[1])
		}
		c.variables = variableName.FindAllString(flags, -1)
		commands[strings.Join(words, " ")] = c
		for _, child := range c.children {
			read(append(slices.Clone(words), child))
		}
	}
	read(nil)
	if len(commands) < 12 {
		t.Fatalf("only %d commands are found: the search is wrong", len(commands))
	}
	return commands
}

// ours are the flags of all commands.
func (p *project) ours() map[string]bool {
	flags := map[string]bool{}
	for _, c := range p.commands {
		for _, flag := range c.flags {
			flags[flag] = true
		}
	}
	return flags
}

// invocation is where a line calls notifier: at its beginning, behind a path, or inside of $(…).
var invocation = regexp.MustCompile(`(?:^|[\s(]|\$ |[\w.)"]/)notifier((?: [^\s|<>#;&()]+)*)`)

// unknownCommands are calls of notifier, in code, that would end in "unknown command" or "unknown flag".
func unknownCommands(p *project, pages []page) (faults []string) {
	for _, page := range pages {
		for _, code := range page.code() {
			for _, at := range invocation.FindAllStringSubmatchIndex(code, -1) {
				words := strings.Fields(code[at[2]:at[3]])
				if fault := p.callFault(words, at[0] == 0); fault != "" {
					faults = append(faults, fmt.Sprintf("%s: %s: %s", page.path, strings.TrimSpace(code), fault))
				}
			}
		}
	}
	return faults
}

// callFault judges the words behind notifier. In the middle of a line the word may be no call (`systemctl status notifier`): there only a
// command that we have counts as one.
func (p *project) callFault(words []string, first bool) string {
	at := ""
	for len(words) > 0 && slices.Contains(p.commands[at].children, words[0]) {
		at, words = strings.TrimSpace(at+" "+words[0]), words[1:]
	}
	if at == "" && !first {
		return ""
	}
	if len(words) > 0 && len(p.commands[at].children) > 0 && lower.MatchString(words[0]) && words[0] != "help" && words[0] != "completion" {
		return fmt.Sprintf("there is no command %q", strings.TrimSpace(at+" "+words[0]))
	}
	for _, word := range words {
		match := flagWord.FindStringSubmatch(word)
		if match != nil && !p.hasFlag(at, match[1]) {
			return fmt.Sprintf("%q has no flag --%s", at, match[1])
		}
	}
	return ""
}

// hasFlag tells whether a command, or one under it, has a flag: pages say "flags of `notifier migrate`".
func (p *project) hasFlag(at, flag string) bool {
	for words, c := range p.commands {
		if (words == at || strings.HasPrefix(words, at+" ")) && slices.Contains(c.flags, flag) {
			return true
		}
	}
	return false
}

// unknownFlags are flags in the prose that no command of ours has.
func unknownFlags(p *project, pages []page) (faults []string) {
	ours := p.ours()
	for _, page := range pages {
		for _, code := range page.spans {
			match := flagWord.FindStringSubmatch(code)
			if match != nil && !ours[match[1]] && flagsOfOthers[match[1]] == "" {
				faults = append(faults, fmt.Sprintf("%s: there is no flag `--%s`", page.path, match[1]))
			}
		}
	}
	return faults
}

// unknownVariables are variables that no command reads.
func unknownVariables(p *project, pages []page) (faults []string) {
	known := map[string]bool{}
	for _, c := range p.commands {
		for _, name := range c.variables {
			known[name] = true
		}
	}
	for _, page := range pages {
		for _, name := range variableName.FindAllString(page.text, -1) {
			if !known[name] && variablesOfOthers[name] == "" {
				faults = append(faults, fmt.Sprintf("%s: no command reads %s", page.path, name))
			}
		}
	}
	return faults
}

// documentedAt are the pages that have a table of all flags of a command; flags of the others may stand anywhere.
var documentedAt = map[string]string{"serve": "deploy/README.md", "migrate up": "sql/README.md", "migrate print": "sql/README.md"}

// silentCommands are commands and flags that no page tells of. A variable needs no line of its own: its name follows from the
// flag's, which unruly holds.
func silentCommands(p *project, pages []page) (faults []string) {
	everywhere := strings.Builder{}
	by := map[string]string{}
	for _, page := range pages {
		everywhere.WriteString(page.text)
		by[page.path] = page.text
	}
	for words, c := range p.commands {
		if words != "" && !strings.Contains(everywhere.String(), "notifier "+words) {
			faults = append(faults, fmt.Sprintf("no page tells of `notifier %s`", words))
		}
		for _, flag := range c.flags {
			text, where := everywhere.String(), "no page tells"
			if path := documentedAt[words]; path != "" && !sharedFlags[flag] {
				text, where = by[path], path+" does not tell"
			}
			if flag != "help" && !regexp.MustCompile("--"+flag+`\b[^-]`).MatchString(text) {
				faults = append(faults, fmt.Sprintf("%s of --%s of `notifier %s`", where, flag, words))
			}
		}
	}
	return faults
}

// unruly are variables whose names do not follow from a flag, as deploy/README.md says that they do.
func unruly(p *project, _ []page) (faults []string) {
	for words, c := range p.commands {
		for _, name := range c.variables {
			flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "NOTIFIER_")), "_", "-")
			if !slices.Contains(c.flags, flag) && !slices.Contains(c.flags, strings.TrimSuffix(flag, "-file")) {
				faults = append(faults, fmt.Sprintf("%s of `notifier %s` is not named after a flag", name, words))
			}
		}
	}
	return faults
}
