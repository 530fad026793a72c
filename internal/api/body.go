package api

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/problem"
)

const (
	typeJSON       = "application/json"
	typeJSONPatch  = "application/json-patch+json"
	typeMergePatch = "application/merge-patch+json"
)

// drainLimit is how much of a body that is too large we still take in, in bytes. A client that is cut off while sending sees a
// broken connection instead of the 413; up to here it learns why.
const drainLimit = 64 << 20

// bodyLimit is how large the body of a request may be.
func (s *server) bodyLimit(r route) int64 {
	if r.pattern == importPattern {
		return importFactor * s.BodyLimit
	}
	return s.BodyLimit
}

// read takes the body in, empty when the request has none. It happens before the handler runs, so that nothing a handler asks
// for waits for the network: handlers decode inside transactions.
func (c *call) read() error {
	if c.body != nil || c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return nil
	}
	limit := c.s.bodyLimit(c.route)
	var body []byte
	tooLarge := c.r.ContentLength > limit
	if !tooLarge {
		var err error
		b := bytes.NewBuffer(make([]byte, 0, min(max(c.r.ContentLength, 0), 64<<10)+bytes.MinRead)) // no more than that before it has come
		_, err = b.ReadFrom(io.LimitReader(c.r.Body, limit+1))
		body = b.Bytes()
		if err != nil {
			return problem.New(problem.Invalid, "[invalidJSON]", "The body ended early.")
		}
		tooLarge = int64(len(body)) > limit
	}
	if tooLarge {
		_, _ = io.CopyN(io.Discard, c.r.Body, drainLimit)
		return problem.New(problem.TooLarge, "[bodyTooLarge]", "The body is larger than the limit of %d bytes.", limit)
	}
	c.body = body
	return nil
}

// contentType returns the type of the body, which must be one of the allowed ones.
func (c *call) contentType(allowed ...string) (string, error) {
	const code = "[invalidContentType]"
	given := c.r.Header.Get("Content-Type")
	if given == "" {
		return "", problem.New(problem.Invalid, code, "A request with a body needs the header Content-Type: %s.", allowed[0])
	}
	kind, params, err := mime.ParseMediaType(given)
	if err != nil || !slices.Contains(allowed, kind) {
		return "", problem.New(problem.Invalid, code, "The Content-Type of this request must be %s.", strings.Join(allowed, " or "))
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return "", problem.New(problem.Invalid, code, "JSON is encoded in UTF-8; the header Content-Type says otherwise.")
	}
	return kind, nil
}

// decode reads the body into dst, a pointer to a request struct of package wire. See [body.Decode] for what it accepts. It may
// be called again, with the same or another dst.
func (c *call) decode(dst any) error {
	if err := c.needsBody(); err != nil {
		return err
	}
	if _, err := c.contentType(typeJSON); err != nil {
		return err
	}
	return body.Decode(c.body, dst)
}

// decodeOptional is decode for requests that may come without a body, which leaves dst as it is.
func (c *call) decodeOptional(dst any) error {
	if len(c.body) == 0 {
		return nil
	}
	return c.decode(dst)
}

func (c *call) needsBody() error {
	if len(c.body) > 0 {
		return nil
	}
	return problem.New(problem.Invalid, "[invalidJSON]", "The request needs a body in JSON.")
}
