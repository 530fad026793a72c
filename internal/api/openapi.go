package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// document is the OpenAPI document of everything in the table of routes. Package openapi makes it: make generate.
//
//go:embed openapi.json
var document []byte

// Document is the OpenAPI 3.1 document of the API. Callers must not change it.
func Document() []byte { return document }

// packed is the document as most clients take it, and what names this edition of it.
var packed = sync.OnceValues(func() (text []byte, tag string) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(document) // to memory
	_ = z.Close()
	sum := sha256.Sum256(document)
	return b.Bytes(), hex.EncodeToString(sum[:8])
})

// openAPI as the result of a handler answers with the document. It holds nothing secret, and programs on other sites may read it.
type openAPI struct{ request *http.Request }

func (a openAPI) send(w http.ResponseWriter) error {
	text, tag := packed()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(a.request.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		tag += "z"
	} else {
		text = document
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, a.request, "", time.Time{}, bytes.NewReader(text))
	return nil
}
