package demo_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"notifier/cmd/notifier/demo"
)

// get returns the answer to a GET and its body.
func get(t *testing.T, handler http.Handler, target string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	return send(handler, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
}

func send(handler http.Handler, request *http.Request) (*httptest.ResponseRecorder, string) {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder, recorder.Body.String()
}

// press is what a button of the page sends.
func press(t *testing.T, handler http.Handler, id, body string) (*httptest.ResponseRecorder, string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/appointments/"+id+"/status", strings.NewReader(body))
	return send(handler, request)
}

// sentence returns what a refusal tells the person.
func sentence(t *testing.T, body string) string {
	t.Helper()
	var refusal struct{ Error string }
	if err := json.Unmarshal([]byte(body), &refusal); err != nil {
		t.Fatalf("%q is not a refusal: %v", body, err)
	}
	return refusal.Error
}

func TestThePageAndItsFilesAreServed(t *testing.T) {
	site, _ := newSite(t)
	handler := site.Handler()
	answer, page := get(t, handler, "/?account=1")
	if answer.Code != http.StatusOK || !strings.Contains(page, `lang="pt-BR"`) {
		t.Fatalf("GET / = %d, %.60q", answer.Code, page)
	}
	// Every file that the page or another script names is there.
	pending := append(references(page), "/app.js")
	for seen := map[string]bool{}; len(pending) > 0; pending = pending[1:] {
		path := pending[0]
		if seen[path] {
			continue
		}
		seen[path] = true
		answer, body := get(t, handler, path)
		if answer.Code != http.StatusOK {
			t.Errorf("GET %s = %d", path, answer.Code)
		}
		if strings.HasSuffix(path, ".js") {
			pending = append(pending, references(body)...)
			if got := answer.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/javascript") {
				t.Errorf("%s is %s", path, got)
			}
		}
	}
}

// references lists the files of its own origin that a page or script names.
func references(text string) []string {
	var paths []string
	for _, match := range regexp.MustCompile(`(?:src|href|from)(?:=| )"\.?(/[a-z-]+\.[a-z]+)"`).FindAllStringSubmatch(text, -1) {
		paths = append(paths, match[1])
	}
	return paths
}

func TestThePageObeysItsOwnContentPolicy(t *testing.T) {
	site, _ := newSite(t)
	answer, page := get(t, site.Handler(), "/")
	policy := answer.Header().Get("Content-Security-Policy")
	for _, rule := range []string{
		"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
	} {
		if !strings.Contains(policy, rule) {
			t.Errorf("policy %q lacks %q", policy, rule)
		}
	}
	for _, inline := range []string{`<style`, ` style="`, `<script>`, ` onclick=`, `javascript:`, `http://`, `https://`} {
		if strings.Contains(page, inline) {
			t.Errorf("the page contains %q", inline)
		}
	}
}

func TestFilesAreRevalidatedByTheirDigest(t *testing.T) {
	site, _ := newSite(t)
	handler := site.Handler()
	answer, _ := get(t, handler, "/app.js")
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/app.js", nil)
	request.Header.Set("If-None-Match", answer.Header().Get("ETag"))
	if again, _ := send(handler, request); again.Code != http.StatusNotModified {
		t.Errorf("got %d, want 304", again.Code)
	}
	for _, path := range []string{"/nothing.js", "/../site.go", "/web/index.html"} {
		if answer, _ := get(t, handler, path); answer.Code == http.StatusOK {
			t.Errorf("GET %s = 200", path)
		}
	}
}

func TestThePageInReactIsServedWhereItWasBuilt(t *testing.T) {
	_, pool := seeded(t, midMorning)
	built := fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html>")},
		"main.js":    {Data: []byte("export {}")},
	}
	for _, test := range []struct {
		name   string
		config demo.Config
		want   int
		told   string
	}{
		{"built", demo.Config{DB: pool, React: built}, http.StatusOK, `"react":true`},
		{"not built", demo.Config{DB: pool}, http.StatusNotFound, `"react":false`},
	} {
		t.Run(test.name, func(t *testing.T) {
			handler := demo.New(test.config).Handler()
			for _, path := range []string{"/react/?account=1", "/react/main.js"} {
				answer, _ := get(t, handler, path)
				if answer.Code != test.want || !strings.Contains(answer.Header().Get("Content-Security-Policy"), "script-src 'self';") {
					t.Errorf("GET %s = %d under %q, want %d", path, answer.Code, answer.Header().Get("Content-Security-Policy"), test.want)
				}
			}
			if _, body := get(t, handler, "/api/clinic"); !strings.Contains(body, test.told) {
				t.Errorf("the first page is told %s, want %s", body, test.told)
			}
		})
	}
	answer, _ := get(t, demo.New(demo.Config{DB: pool, React: built}).Handler(), "/react?account=2")
	if got := answer.Header().Get("Location"); got != "/react/?account=2" {
		t.Errorf("without its slash it leads to %q", got)
	}
}
