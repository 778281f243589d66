package statuspage

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestThePageSpeaksTheReadersLanguage(t *testing.T) {
	for _, test := range []struct{ query, header, want string }{
		{"", "", "en"},
		{"", "pt-BR,pt;q=0.9,en;q=0.8", "pt-BR"},
		{"", "pt-PT", "pt-BR"},
		{"", "de-DE, EN-gb;q=0.8", "en"},
		{"", "fr", "en"},
		{"pt", "en", "pt-BR"},
		{"en", "pt-BR", "en"},
		{"\"><script>", "pt", "pt-BR"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		query := r.URL.Query()
		query.Set("lang", test.query)
		r.URL.RawQuery = query.Encode()
		r.Header.Set("Accept-Language", test.header)
		w := httptest.NewRecorder()
		ServeHTTP(w, r)
		if got := w.Result().Header.Get("Content-Language"); got != test.want || !strings.Contains(w.Body.String(), `<html lang="`+test.want+`">`) {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

// A browser runs what the policy's hashes are of, and nothing else; so what the tags hold must be exactly that.
func TestThePolicyLetsThePageRunItsOwn(t *testing.T) {
	w := httptest.NewRecorder()
	ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	between := func(begin, end string) string {
		_, rest, _ := strings.Cut(w.Body.String(), begin)
		text, _, _ := strings.Cut(rest, end)
		return text
	}
	policy := w.Result().Header.Get("Content-Security-Policy")
	for _, part := range []string{
		"default-src 'none'", "style-src '" + hash(between("<style>", "</style>")) + "'", "script-src '" + hash(between("<script>", "</script>")) + "'",
		"connect-src 'self'", "frame-ancestors 'none'",
	} {
		if !strings.Contains(policy, part) {
			t.Errorf("no %s in %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(w.Body.String(), "http://") || strings.Contains(w.Body.String(), "https://") {
		t.Error("the page takes something from elsewhere")
	}
}
