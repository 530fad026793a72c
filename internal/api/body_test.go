package api

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestBody_ContentType(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	for kind, status := range map[string]int{
		"application/json":                    200,
		"application/json;charset=UTF-8":      200,
		"Application/JSON; charset=\"utf-8\"": 200,
		"":                                    400,
		"text/plain":                          400,
		"application/x-www-form-urlencoded":   400,
		"application/json;charset=latin1":     400,
		"application/json-patch+json":         400,
		"nonsense;;":                          400,
	} {
		a := h.do("POST", "/probe/echo", `{}`, with("Content-Type", kind))
		if a.status != status {
			t.Errorf("%q: status %d, want %d: %s", kind, a.status, status, a.body)
		}
		if status == 400 {
			a.expectCodes(t, 400, "[invalidContentType]")
		}
	}
}

func TestBody_Missing(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	h.do("POST", "/probe/echo", "").expectCodes(t, 400, "[invalidJSON]")
	h.do("DELETE", "/probe/echo", "").expect(t, 200, `{}`)
	h.do("DELETE", "/probe/echo", `{"hardDelete":"true"}`).expect(t, 200, `{"hardDelete":true}`)
	h.do("DELETE", "/probe/echo", `{"hardDelete":1}`).expectCodes(t, 400, "[couldNotConvert]hardDelete")
}

// TestBody_TooLarge: whoever sends ten megabytes gets an answer, whether the length was announced or not.
func TestBody_TooLarge(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	large := `{"webhook":{"description":"` + strings.Repeat("x", 10<<20) + `"}}`
	h.do("POST", "/probe/echo", large).expectCodes(t, 413, "[bodyTooLarge]")
	chunked := func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(large))), -1
	}
	h.do("POST", "/probe/echo", large, chunked).expectCodes(t, 413, "[bodyTooLarge]")

	h = once(t, Services{BodyLimit: 16})
	h.do("POST", "/probe/echo", `{"abcdefghi": 1}`).expect(t, 200, `{"webhook":{"global":false,"eventsEnabled":{},"signatureConfiguration":{"enabled":false},"data":{}}}`)
	h.do("POST", "/probe/echo", `{"abcdefghij": 1}`).expectCodes(t, 413, "[bodyTooLarge]")
}
