// Package statuspage is the page that the admin address shows to people, in Portuguese and English. It asks GET api/status every two seconds, and needs
// nothing from anywhere else.
package statuspage

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// page is one document, so that it comes whole or not at all, also through a proxy that knows one path only.
var page = strings.NewReplacer("/*style*/", pageCSS, "/*script*/", pageJS).Replace(pageHTML)

// Policy lets the page run what is its own, by its hashes, and ask the daemon that it comes from.
var Policy = "default-src 'none'; style-src '" + hash(pageCSS) + "'; script-src '" + hash(pageJS) + "'; connect-src 'self'; img-src data:; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// ServeHTTP answers with the page. Its language is the reader's own choice, or else what his browser prefers.
func ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", Policy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", language(r))
	w.Header().Set("Vary", "Accept-Language")
	_, _ = strings.NewReplacer("{{lang}}", language(r)).WriteString(w, page) // the browser has gone: nobody to tell
}

// language is "pt-BR" or "en": that of ?lang=, or else the first of Accept-Language that the page has. Its weights are ignored: browsers send them in
// order.
func language(r *http.Request) string {
	wanted := r.URL.Query().Get("lang") + "," + r.Header.Get("Accept-Language")
	for tag := range strings.SplitSeq(wanted, ",") {
		tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), ";")
		switch primary, _, _ := strings.Cut(tag, "-"); primary {
		case "pt":
			return "pt-BR"
		case "en":
			return "en"
		}
	}
	return "en"
}
