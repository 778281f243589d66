package edge

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestEveryAnswerSaysWhatBrowsersMayDo(t *testing.T) {
	for _, test := range []struct {
		name, policy, want string
		secure             bool
		handler            http.HandlerFunc
	}{
		{"an answer", PublicPolicy, PublicPolicy, false, func(http.ResponseWriter, *http.Request) {}},
		{"a refusal over TLS", PublicPolicy, PublicPolicy, true, http.NotFound},
		{"an error", AdminPolicy, AdminPolicy, false, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadRequest) }},
		{"a page with a policy of its own", PublicPolicy, "default-src 'self'", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Headers(test.handler, test.policy, test.secure).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			for name, want := range map[string]string{
				"Content-Security-Policy": test.want, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
				"Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			} {
				if got := w.Result().Header.Get(name); got != want {
					t.Errorf("%s: want %q, got %q", name, want, got)
				}
			}
			if got := w.Result().Header.Get("Strict-Transport-Security") != ""; got != test.secure {
				t.Errorf("Strict-Transport-Security: %v, want %v", got, test.secure)
			}
		})
	}
}
