package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
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

// TestBody_TooLargeForAClientThatOnlyReadsAfterwards: most clients send all of it before they look at the answer. Were the
// connection closed while they do, they would see a broken connection and not the 413.
func TestBody_TooLargeForAClientThatOnlyReadsAfterwards(t *testing.T) {
	t.Parallel()
	h := once(t, Services{})
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	const size = 32 << 20
	_, err = fmt.Fprintf(connection, "POST /probe/echo HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n", superKey, size)
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	for range size / len(chunk) {
		if _, err := connection.Write(chunk); err != nil {
			t.Fatalf("the connection broke while sending: %v", err)
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}
