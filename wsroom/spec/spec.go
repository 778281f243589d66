// Package spec describes both wire protocols for machines: asyncapi.yaml, an AsyncAPI 3 document with a JSON Schema of every frame and of the data of
// every event. It is written by hand. What is made from it is kept beside its readers, and a test of generate fails when it is stale: schemas.json,
// the schemas alone, for JSON Schema libraries; and wsroom/client/frames.d.ts, for TypeScript.
//
// The document binds: tests hold every frame that the handlers send against it (frames_test.go, and cmd/notifier/e2e with a real clinic), every
// close code and error code of wsroom in both directions, and its own examples.
package spec

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"
)

//go:generate go run ./generate

// Document is the AsyncAPI document, in YAML. It refers to nothing outside of itself.
//
//go:embed asyncapi.yaml
var Document []byte

// Schemas are the document's schemas as JSON Schema (draft 7), under "definitions"; its table of close codes is under "x-close-codes".
//
//go:embed schemas.json
var Schemas []byte

// Handler serves the document, to pages of any origin: it is the same for everybody and holds nothing of an installation.
func Handler() http.Handler {
	sum := sha256.Sum256(Document)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, "asyncapi.yaml", time.Time{}, bytes.NewReader(Document))
	})
}
