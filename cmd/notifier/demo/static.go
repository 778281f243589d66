package demo

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"notifier/wsroom/client"
)

//go:embed web
var webFiles embed.FS

// page is the embedded files of the first page.
func page() fs.FS {
	files, err := fs.Sub(webFiles, "web")
	if err != nil {
		panic(err) // only for a path that is none
	}
	return withClient{files}
}

// withClient adds the browser client, as it is in its npm package: from its one
// source.
type withClient struct{ fs.FS }

// ReadFile implements [fs.ReadFileFS].
func (w withClient) ReadFile(name string) ([]byte, error) {
	if name == "notifier-client.js" {
		return client.Source, nil
	}
	return fs.ReadFile(w.FS, name)
}

// staticFiles serves files, revalidated by their digest: embedded files have
// no time of change, and a page of yesterday's binary beside today's script is
// a confusing demo. They are few and small enough to be read for each answer.
func staticFiles(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			name = "index.html"
		}
		content, err := fs.ReadFile(files, name)
		if err != nil || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			http.NotFound(w, r)
			return
		}
		sum := sha256.Sum256(content)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
