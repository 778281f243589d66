package deploytest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// prometheus is Debian's, which scrapes a daemon four times a second.
type prometheus struct {
	t   *testing.T
	url string
}

func scrape(t *testing.T, d daemon) prometheus {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs(filepath.Join(deploy, "prometheus", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`{global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 500ms}, rule_files: [%q],
		scrape_configs: [{job_name: notifier, static_configs: [{targets: [%q]}]}]}`, rules, d.admin)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	// Prometheus wants a port that it is told.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	_ = free.Close() // it was only to find one
	cmd := exec.Command("prometheus", "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+addr)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start Prometheus (`make test` installs it): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // SIGTERM is its normal end
		_ = log.Close()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("Prometheus' log:\n%s", text)
		}
	})
	return prometheus{t, "http://" + addr}
}

// get asks its API; false while it is not there yet.
func (p prometheus) get(path string, into any) bool {
	p.t.Helper()
	response, err := http.Get(p.url + path)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode == http.StatusServiceUnavailable {
		return false
	}
	if response.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d: %s", path, response.StatusCode, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		p.t.Fatalf("%s: %v: %s", path, err, text)
	}
	return true
}

// series is one line of an answer.
type series struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// values are a query's, without those that are no numbers.
func (p prometheus) values(query string) []series {
	p.t.Helper()
	var answer struct{ Data struct{ Result []series } }
	p.get("/api/v1/query?query="+url.QueryEscape(query), &answer)
	return slices.DeleteFunc(answer.Data.Result, func(s series) bool { return s.Value[1] == "NaN" })
}

// await asks until there is an answer.
func (p prometheus) await(query string, deadline time.Time) []series {
	p.t.Helper()
	for {
		if found := p.values(query); len(found) > 0 {
			return found
		}
		if time.Now().After(deadline) {
			p.t.Errorf("no data for %s", query)
			return nil
		}
		time.Sleep(100 * time.Millisecond) // another process: there is no signal to wait for
	}
}

// chosen is an expression of the dashboard as Grafana sends it.
func chosen(expr string) string {
	return strings.NewReplacer("$job", "notifier", "$instance", ".*", "$__rate_interval", "5s").Replace(expr)
}

// metricsIn are the metrics in the expressions of a text, each with the labels that are asked of it somewhere.
func metricsIn(text string) map[string][]string {
	found := map[string][]string{}
	for _, match := range regexp.MustCompile(`\b((?:notifier|process|go)_\w+|up)\b(?:\{([^}]*)\})?`).FindAllStringSubmatch(text, -1) {
		found[match[1]] = append(found[match[1]], allLabels(match[2])...)
	}
	return found
}

func allLabels(matchers string) []string {
	var labels []string
	for _, label := range regexp.MustCompile(`(\w+)\s*(?:=|!|=~|!~)`).FindAllStringSubmatch(matchers, -1) {
		labels = append(labels, label[1])
	}
	return labels
}

// The whole chain: a change in PostgreSQL, the daemon's metrics, Prometheus, and what dashboard, alerts and documents say of them.
func TestDashboardAlertsAndDocumentsMeetARealDaemon(t *testing.T) {
	t.Parallel()
	db := clinic(t)
	d := serve(t, db)
	p := scrape(t, d)
	heard := d.join(t)
	work(t, db)
	select {
	case <-heard:
	case <-time.After(patience):
		t.Fatal("the screens heard no event")
	}
	deadline := time.Now().Add(patience)
	p.await(`up == 1`, deadline)

	var table strings.Builder
	for _, panel := range dashboard(t) {
		for _, target := range panel.Targets {
			for _, one := range p.await(chosen(target.Expr), deadline) {
				fmt.Fprintf(&table, "%s\t%s\t%v\t%s\n", panel.Title, legend(target.LegendFormat, one.Metric), one.Value[1], panel.FieldConfig.Defaults.Unit)
			}
		}
	}
	t.Logf("the dashboard's queries:\n%s", &table)
	alerts := found(read(t, "prometheus/alerts.yml"), `(?m)^ +expr: (.*)$`)
	if len(alerts) < 15 {
		t.Fatalf("only %d expressions of alerts are found: the search is wrong", len(alerts))
	}
	for name, labels := range metricsIn(strings.Join(alerts, "\n")) {
		if name == "notifier_tls_expires_seconds" {
			continue // without --tls-cert there is none; cmd/notifier/edge has tests of its own
		}
		matchers := make([]string, len(labels))
		for i, label := range labels {
			matchers[i] = label + `!=""`
		}
		p.await(name+"{"+strings.Join(matchers, ", ")+"}", deadline)
	}
	p.assertCalm(deadline)
	assertDocumented(t, d)
}

// legend is a legend as Grafana writes it.
func legend(format string, labels map[string]string) string {
	for name, value := range labels {
		format = strings.ReplaceAll(format, "{{"+name+"}}", value)
	}
	return format
}

// assertCalm waits until every alert was evaluated: without an error, and with nothing to tell.
func (p prometheus) assertCalm(deadline time.Time) {
	p.t.Helper()
	type rule struct{ Name, Health, State, LastError string }
	for {
		var answer struct {
			Data struct{ Groups []struct{ Rules []rule } }
		}
		var bad []rule
		if p.get("/api/v1/rules", &answer) && len(answer.Data.Groups) == 1 {
			bad = slices.DeleteFunc(answer.Data.Groups[0].Rules, func(r rule) bool { return r.Health == "ok" && r.State == "inactive" })
			if len(bad) == 0 {
				return
			}
		}
		if time.Now().After(deadline) {
			p.t.Errorf("alerts on a healthy daemon: %+v", bad)
			return
		}
		time.Sleep(100 * time.Millisecond) // another process: there is no signal to wait for
	}
}

// onlyWith are metrics that a setting brings, which the daemon of this test does not have.
var onlyWith = map[string]string{"tls_expires_seconds": "--tls-cert"}

// assertDocumented compares what /metrics has with the table of the documentation, both ways, labels included.
func assertDocumented(t *testing.T, d daemon) {
	t.Helper()
	_, section, _ := strings.Cut(read(t, "README.md"), "\n## Metrics\n")
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| [a-z, ]+ \\|(.*)$").FindAllStringSubmatch(section, -1) {
		for _, name := range found(row[1], "`([^`]+)`") {
			name, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
			if flag, ok := onlyWith[name]; ok {
				if !strings.Contains(row[2], flag) {
					t.Errorf("the documentation of %s does not say that it needs %s", name, flag)
				}
				continue
			}
			documented[name] = labels
		}
	}
	live := liveMetrics(t, d)
	if len(live) < 25 {
		t.Errorf("only %d metrics on /metrics: the search is wrong", len(live))
	}
	for name := range maps.Keys(live) {
		if _, ok := documented[name]; !ok {
			t.Errorf("deploy/README.md has no %s", name)
		}
	}
	for name, labels := range documented {
		if got, ok := live[name]; !ok || got != labels && name != "build_info" {
			t.Errorf("%s has on /metrics (%t) the label %q, and deploy/README.md says %q", name, ok, got, labels)
		}
	}
}

// liveMetrics are the names on /metrics without the prefix, and their labels.
func liveMetrics(t *testing.T, d daemon) map[string]string {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+d.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^notifier_(\w+)(?:\{([^}]*)\})? `).FindAllStringSubmatch(string(text), -1) {
		name := regexp.MustCompile(`_seconds_(bucket|sum|count)$`).ReplaceAllString(match[1], "_seconds")
		labels := slices.DeleteFunc(allLabels(match[2]), func(l string) bool { return l == "le" })
		live[name] = strings.Join(labels, ",")
		if strings.Contains(match[2], "account") && !strings.HasPrefix(match[1], "connections_refused") {
			t.Errorf("a label with an account: %s", match[0])
		}
	}
	return live
}
