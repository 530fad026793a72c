package webhook

import (
	"fmt"
	"net/http"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// Kind tells what an attempt was made for, as stored and as sent.
type Kind string

const (
	Vote     Kind = "vote"     // asked before a commit
	Delivery Kind = "delivery" // the first attempt after one
	Retry    Kind = "retry"
	Test     Kind = "test"
	Replay   Kind = "replay" // the first attempt after a person asked to send it again
)

// Attempt is one HTTP call to one webhook and what came of it. Everything but ResponseHeader may be recorded and shown: secrets are masked.
type Attempt struct {
	Webhook        wire.ID
	URL            string // without credentials and query values
	Outcome        egress.Outcome
	StatusCode     int    // zero when there was no answer
	Exception      string // why there was no good answer, for people
	Start, End     time.Time
	ResponseHeader http.Header // as received; for decisions only
	// Hopeless says that the receiver will not take this event, however often it is sent: it is too large for a broker. Others it may take.
	Hopeless bool
	// LockedOut says that the receiver lets nobody in before somebody changes a setting, so that no event at all has a chance: a broker that refuses the login.
	LockedOut bool
	Detail    Detail
}

// Detail is what is kept of request and response.
type Detail struct {
	RequestHeaders     map[string]string `json:"requestHeaders,omitempty"`
	RequestSize        int               `json:"requestSize"` // bytes; the body is the event's
	ResponseHeaders    map[string]string `json:"responseHeaders,omitempty"`
	ResponseHeadersCut int               `json:"responseHeadersCut,omitzero"` // bytes that were not kept
	ResponseBody       string            `json:"responseBody,omitempty"`
	ResponseSize       int64             `json:"responseSize"` // bytes read, of which ResponseBody holds the first
	ResponseTruncated  bool              `json:"responseTruncated,omitzero"`
	RemoteAddress      string            `json:"remoteAddress,omitempty"`
	TraceID            string            `json:"traceId,omitempty"` // of the trace that the attempt is a span of
	Phases             Phases            `json:"phases"`
}

// Phases is how long the parts of a call took, in microseconds: DNS, Connect and TLS each for itself, FirstByte from having the connection to the first
// byte of the answer, Total all of it.
type Phases struct {
	DNS       int64 `json:"dns,omitzero"`
	Connect   int64 `json:"connect,omitzero"`
	TLS       int64 `json:"tls,omitzero"`
	FirstByte int64 `json:"firstByte,omitzero"`
	Total     int64 `json:"total"`
}

// Summary says in half a sentence what came of the attempt.
func (a *Attempt) Summary() string {
	switch {
	case a.StatusCode != 0 && a.Exception != "":
		return fmt.Sprintf("status %d, %s", a.StatusCode, a.Exception)
	case a.StatusCode != 0:
		return fmt.Sprintf("status %d", a.StatusCode)
	default:
		return a.Exception
	}
}

// Wire is the attempt as the API shows it.
func (a *Attempt) Wire() wire.WebhookAttempt {
	return wire.WebhookAttempt{
		WebhookID: a.Webhook, URL: a.URL, Outcome: string(a.Outcome), StatusCode: a.StatusCode, Exception: a.Exception,
		StartInstant: wire.Instant(a.Start.UnixMilli()), EndInstant: wire.Instant(a.End.UnixMilli()),
		DurationMicros: a.End.Sub(a.Start).Microseconds(),
		RequestHeaders: a.Detail.RequestHeaders, ResponseHeaders: a.Detail.ResponseHeaders, ResponseHeadersTruncated: int64(a.Detail.ResponseHeadersCut),
		ResponseBody: a.Detail.ResponseBody, ResponseTruncated: a.Detail.ResponseTruncated, ResponseSize: a.Detail.ResponseSize,
	}
}
