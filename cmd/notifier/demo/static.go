package demo

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
)

//go:embed web
var webFiles embed.FS

// staticFiles serves the embedded files, revalidated by their digest: embedded
// files have no time of change, and a page of yesterday's binary beside
// today's script is a confusing demo.
func staticFiles() http.Handler {
	files, tags := mustIndex()
	serve := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tag, ok := tags[r.URL.Path]
		if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		serve.ServeHTTP(w, r)
	})
}

// mustIndex returns the embedded files and the entity tag of each by its path
// in a URL. It panics when the binary was built without them, which no
// configuration can cause.
func mustIndex() (fs.FS, map[string]string) {
	files, err := fs.Sub(webFiles, "web")
	if err != nil {
		panic(err)
	}
	tags := make(map[string]string)
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		sum := sha256.Sum256(content)
		tag := `"` + hex.EncodeToString(sum[:8]) + `"`
		tags["/"+name] = tag
		if name == "index.html" {
			tags["/"] = tag
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return files, tags
}
