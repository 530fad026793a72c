package webhook

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// Listener is a temporary webhook that has a say: a program that listens over the API (package listen). It is asked about transactional events like any webhook, and is owed
// nothing. It is immutable.
type Listener struct {
	ID wire.ID
	// Tenant is the only one whose events it is asked about, empty for all.
	Tenant wire.ID
	// Wants tells whether it is asked about events of a type.
	Wants func(event.Type) bool
	// URL is what attempts say that it is.
	URL string
}

// Listeners are the temporary webhooks that are asked about an event of type t of the tenant, provided that the tenant has it switched on. There are few of
// them, and mostly none.
func (r *Registry) Listeners(t event.Type, tenant wire.ID) (asked []*Listener) {
	for _, l := range r.listeners {
		if (l.Tenant == "" || l.Tenant == tenant) && l.Wants(t) {
			asked = append(asked, l)
		}
	}
	return asked
}

// ListenersChanged says that the transaction changes who the temporary webhooks with a say are.
func (s *Service) ListenersChanged(tx *db.Tx) error { return tx.Bump(topic) }

// NotAsked is the attempt of a question that nobody has answered. Its outcome is Cancelled: it counts for nothing, and is not recorded.
func (l *Listener) NotAsked(at time.Time, why string) *Attempt {
	return &Attempt{Webhook: l.ID, URL: l.URL, Outcome: egress.Cancelled, Exception: why, Start: at, End: at}
}

// Reported is an attempt that a listener has made and tells about. As with any receiver, cookies and what is too long are left out of it.
func Reported(id wire.ID, url string, header map[string]string, size int, start, end time.Time, a wire.ListenerAnswer) *Attempt {
	outcome := egress.Outcome(a.Outcome)
	switch {
	case a.StatusCode != 0:
		outcome = egress.OutcomeOf(a.StatusCode)
	case outcome == "", outcome == egress.Accepted, outcome == egress.Refused, outcome == egress.Redirect, outcome == egress.Cancelled,
		!slices.Contains(egress.Outcomes(), outcome):
		outcome = egress.Connect
	}
	secrets := egress.NewMasker(nil)
	answered := make(http.Header, len(a.Headers))
	for name, value := range a.Headers {
		answered.Set(name, value)
	}
	headers, cut := showable(answered, secrets)
	body := firstBytes(strings.ToValidUTF8(a.Body, "\uFFFD"), egress.DefaultKeepResponse)
	length := max(a.BodySize, int64(len(a.Body)))
	took := end.Sub(start)
	if own := time.Duration(a.DurationMicros) * time.Microsecond; own > 0 && own < took {
		took = own
	}
	return &Attempt{
		Webhook: id, URL: url, Outcome: outcome, StatusCode: a.StatusCode, Start: start, End: start.Add(took),
		Exception: firstBytes(strings.ReplaceAll(strings.ToValidUTF8(a.Exception, "\uFFFD"), "\x00", "\uFFFD"), longestReport),
		Detail: Detail{
			RequestHeaders: header, RequestSize: size, ResponseHeaders: headers, ResponseHeadersCut: cut,
			ResponseBody: body, ResponseSize: length, ResponseTruncated: length > int64(len(body)), Phases: Phases{Total: took.Microseconds()},
		},
	}
}

// longestReport is how many bytes of a listener's words about what went wrong are kept.
const longestReport = 1 << 10

// Header is the header of the request for m to a webhook that has none of its own, signed with a key as [HeaderJWT] says.
func (s *Service) Header(ctx context.Context, key wire.ID, m Message) (map[string]string, error) {
	keys, err := s.Keys.Set(ctx)
	if err != nil {
		return nil, err
	}
	n, err := s.newSigner(wire.SignatureConfiguration{Enabled: true, SigningKeyID: key}, keys)
	if err != nil {
		return nil, err
	}
	header, err := n.sign(m)
	if err != nil {
		return nil, err
	}
	for name := range plainHeader {
		header[name] = plainHeader.Get(name)
	}
	header["User-Agent"] = s.Egress.UserAgent()
	return header, nil
}

// plainHeader is in every request to a webhook.
var plainHeader = http.Header{"Accept": {"*/*"}, "Content-Type": {"application/json"}}
