package deploytest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"notifier/sql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const deploy = "../../../deploy"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// promtool runs it beside the files that it is to look at.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Dir = filepath.Join(deploy, "prometheus")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s (`make test` installs it): %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPromtoolFindsRulesAndConfigurationGood(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", "alerts.yml")
	promtool(t, "check", "config", "prometheus.yml")
}

func TestAlertsFireOnWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	promtool(t, "test", "rules", "alerts_test.yml", "alerts_week_test.yml")
}

// The tests of the alerts are complete, and whoever is called at night finds what to do.
func TestEachAlertIsTestedAndHasAParagraphInTheRunbook(t *testing.T) {
	t.Parallel()
	alerts := read(t, "prometheus/alerts.yml")
	tests := read(t, "prometheus/alerts_test.yml") + read(t, "prometheus/alerts_week_test.yml")
	runbook := read(t, "RUNBOOK.md")
	names := found(alerts, `(?m)^ +- alert: (\w+)$`)
	if len(names) < 15 {
		t.Fatalf("only %d alerts are found: the search is wrong", len(names))
	}
	if paragraphs := found(runbook, `(?m)^### (\w+)$`); !slices.Equal(paragraphs, names) {
		t.Errorf("the runbook has %q, and the alerts are %q", paragraphs, names)
	}
	for i, name := range names {
		rule := alerts[strings.Index(alerts, "alert: "+name+"\n"):]
		if i+1 < len(names) {
			rule = rule[:strings.Index(rule, "alert: "+names[i+1]+"\n")]
		}
		for _, want := range []string{"severity: ", "summary: ", "description: ", `runbook_url: "RUNBOOK.md#` + strings.ToLower(name) + `"`} {
			if !strings.Contains(rule, want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
		for _, want := range []string{"alertname: " + name + "\n        exp_alerts:\n          - ", "alertname: " + name + ", exp_alerts: []"} {
			if !strings.Contains(tests, want) {
				t.Errorf("no test with %q", want)
			}
		}
	}
}

// found are the first groups of all matches.
func found(text, pattern string) (all []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

// panel is what a dashboard asks for.
type panel struct {
	ID      int    `json:"id"`
	Type    string `json:"type"`
	Title   string `json:"title"`
	Targets []struct {
		Expr         string `json:"expr"`
		LegendFormat string `json:"legendFormat"`
		Datasource   struct {
			UID string `json:"uid"`
		} `json:"datasource"`
	} `json:"targets"`
	GridPos     struct{ H, W, X, Y int } `json:"gridPos"`
	FieldConfig struct {
		Defaults struct{ Unit string }
	} `json:"fieldConfig"`
}

func dashboard(t *testing.T) (panels []panel) {
	t.Helper()
	var board struct {
		UID, Title    string
		SchemaVersion int
		Panels        []panel
		Templating    struct{ List []struct{ Name, Type string } }
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/notifier.json")), &board); err != nil {
		t.Fatal(err)
	}
	var variables []string
	for _, variable := range board.Templating.List {
		variables = append(variables, variable.Name+" "+variable.Type)
	}
	if want := []string{"datasource datasource", "job query", "instance query"}; !slices.Equal(variables, want) || board.UID == "" || board.SchemaVersion < 36 {
		t.Errorf("the dashboard has the variables %q, want %q; uid %q, schema %d, which Grafana 10 wants to be 36 or more",
			variables, want, board.UID, board.SchemaVersion)
	}
	return board.Panels
}

func TestTheDashboardIsWellFormed(t *testing.T) {
	t.Parallel()
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range dashboard(t) {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q lies on %q, or beside the page", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.FieldConfig.Defaults.Unit == "" || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q lacks a unit, a title or a query", p.ID, p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || target.LegendFormat == "" ||
				strings.Count(target.Expr, `job="$job", instance=~"$instance"`) == 0 {
				t.Errorf("%q: not of the chosen datasource, job and daemon, or without a legend: %s", p.Title, target.Expr)
			}
		}
	}
}
