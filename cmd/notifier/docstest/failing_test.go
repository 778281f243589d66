package docstest

import (
	"slices"
	"strings"
	"testing"
)

// A check that finds nothing may be one that looks nowhere: each untruth here, alone on a page, is found by its check.
var untruths = []struct{ check, text, fault string }{
	{"commands", "`notifier server`", `no command "server"`},
	{"commands", "    notifier migrate sideways", `no command "migrate sideways"`},
	{"commands", "```sh\nTOKEN=$(notifier token --acount 1)\n```", "no flag --acount"},
	{"commands", "    docker run image/notifier serve --drian 1s", "no flag --drian"},
	{"commands", "```sh\nbin/notifier serve \\\n  --drian 1s\n```", "no flag --drian"},
	{"flags", "Set `--drian` to 20s.", "no flag `--drian`"},
	{"variables", "    export NOTIFIER_DATABSE_URL=x", "NOTIFIER_DATABSE_URL"},
	{"words", "The log says `feed_opened`.", "feed_opened"},
	{"words", "See `peer_requests_total{outcome=\"not_there\"}`.", "not_there"},
	{"metrics", "    rate(notifier_event_total[5m])", "notifier_event_total"},
	{"metrics", "`notifier_events_total{protocol=\"ws\"}`", "no label protocol"},
	{"metrics", "`notifier_events_total_bucket`", "notifier_events_total_bucket"},
	{"objects", "    SELECT * FROM notifier.events", "notifier.events"},
	{"objects", "Ask `notifier.may_relase(7)`.", "notifier.may_relase"},
	{"endings", "It closes with 4402.", "4402"},
	{"endings", "It closes 1015.", "1015"},
	{"endings", "| 4401 | token_missing (after 10 s), token_lost | no |", "token_lost"},
	{"links", "[here](deploy/README.md#nowhere)", "#nowhere"},
	{"links", "[here](deploy/NOWHERE.md)", "leads nowhere"},
	{"links", "# A heading\n\n[here](#a-heading-1)", "#a-heading-1"},
	{"files", "It lies in `deploy/nowhere.yml`.", "deploy/nowhere.yml"},
	{"files", "It lies in `nowhere.go`.", "nowhere.go"},
	{"routes", "Ask `/alivez`.", "/alivez"},
	{"targets", "    make demos", "make demos"},
	{"targets", "`make chaso` proves it.", "make chaso"},
	{"programs", "    go run ./cmd/notifier/chaoss", "./cmd/notifier/chaoss"},
	{"programs", "    go test -run xxx -bench Publich ./wsroom", "nothing matches Publich"},
	{"programs", "    go run ./sql/bellbench -rnus 6", "no flag -rnus"},
}

// Who adds something, or takes a line of a page away, is told what is missing: without a text each of these checks fails.
var omissions = []struct{ check, text, fault string }{
	{"silent command", "notifier reconcile", "`notifier reconcile`"},
	{"silent command", "--poll-interval", "deploy/README.md does not tell of --poll-interval"},
	{"silent command", "--lock-wait", "--lock-wait"},
	{"silent object", "notifier.cut", "notifier.cut"},
	{"silent object", "notifier.may_release", "notifier.may_release"},
	{"silent ending", "keys_unavailable", "keys_unavailable"},
	{"silent ending", "4408", "4408"},
	{"silent target", "fuzz", "make fuzz"},
	{"languages", "make chaos", "code"},
}

func TestEachCheckFindsAnUntruth(t *testing.T) {
	p := readProject(t)
	found := map[string]bool{}
	for _, u := range untruths {
		deploy := page{path: "deploy/README.md"}
		faults := checks[u.check](p, []page{parsePage("README.md", u.text), deploy})
		if len(faults) != 1 || !strings.Contains(faults[0], u.fault) {
			t.Errorf("%s finds in %q: %q", u.check, u.text, faults)
		}
		found[u.check] = true
	}
	for _, o := range omissions {
		var pages []page
		for _, whole := range readPages(t) {
			if o.check != "languages" || whole.path == english {
				whole = parsePage(whole.path, strings.ReplaceAll(whole.text, o.text, ""))
			}
			pages = append(pages, whole)
		}
		faults := checks[o.check](p, pages)
		if !slices.ContainsFunc(faults, func(fault string) bool { return strings.Contains(fault, o.fault) }) {
			t.Errorf("%s does not miss %s: %q", o.check, o.text, faults)
		}
		found[o.check] = true
	}
	odd := &project{commands: map[string]command{"serve": {flags: []string{"addr"}, variables: []string{"NOTIFIER_ADDR", "NOTIFIER_ADDRESS"}}}}
	if faults := unruly(odd, nil); len(faults) != 1 || !strings.Contains(faults[0], "NOTIFIER_ADDRESS") {
		t.Errorf("unruly finds %q", faults)
	}
	found["unruly"] = true
	for name := range checks {
		if !found[name] {
			t.Errorf("nothing shows that the check of %s can fail", name)
		}
	}
}

// An exception that nothing needs any more hides the next fault of that name.
func TestEveryExceptionIsNeeded(t *testing.T) {
	var all strings.Builder
	for _, page := range readPages(t) {
		all.WriteString(page.text)
	}
	for _, exceptions := range []map[string]string{wordsOfOthers, variablesOfOthers, flagsOfOthers, codesOfOthers, routesOfOthers, filesOfReaders} {
		for name := range exceptions {
			if !strings.Contains(all.String(), name) {
				t.Errorf("no page names %s, which is an exception", name)
			}
		}
	}
}
