package docstest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"notifier/sql/pgtest"
)

func TestMain(m *testing.M) {
	status := pgtest.Tests{M: m}.Run()
	removeBinary()
	os.Exit(status)
}

// check finds untruths in pages.
type check func(p *project, pages []page) (faults []string)

var checks = map[string]check{
	"commands":       unknownCommands,
	"flags":          unknownFlags,
	"variables":      unknownVariables,
	"words":          unknownWords,
	"metrics":        unknownMetrics,
	"objects":        unknownObjects,
	"endings":        unknownEndings,
	"links":          brokenLinks,
	"files":          missingFiles,
	"routes":         missingRoutes,
	"targets":        unknownTargets,
	"programs":       unknownPrograms,
	"silent command": silentCommands,
	"unruly":         unruly,
	"silent object":  silentObjects,
	"silent ending":  silentEndings,
	"silent target":  silentTargets,
	"languages":      differences,
}

func TestWhatThePagesNameExistsAndWhatThereIsTheyTell(t *testing.T) {
	p, pages := readProject(t), readPages(t)
	for name, find := range checks {
		t.Run(name, func(t *testing.T) {
			faults := find(p, pages)
			slices.Sort(faults)
			for _, fault := range slices.Compact(faults) {
				t.Error(strings.TrimSpace(fault))
			}
		})
	}
}
