package webhook

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/wire"
)

// requester sends events as HTTP requests. It is a webhook compiled for that: its headers are built, its certificate is parsed, its keys are at hand, its connections
// are pooled. It is immutable.
type requester struct {
	id      wire.ID
	url     string // without credentials and query values
	connect time.Duration
	read    time.Duration
	at      *egress.Endpoint  // with the headers that every request has
	signer  *signer           // nil without signatures
	known   []string          // the webhook's secrets
	secrets *egress.Masker    // takes them out of what a receiver answers
	shown   map[string]string // the request headers as they may be recorded, signatures excepted
	fault   *fault            // why nothing can be sent at all; nil when something can
	clock   func() time.Time
}

// fault is why a request cannot be made.
type fault struct {
	outcome egress.Outcome
	text    string
}

// newTarget compiles w.
func (s *Service) newTarget(w wire.Webhook, keys *key.Set) *Target {
	r := s.newRequester(&w, keys)
	return &Target{
		ID: w.ID, kind: Webhook, url: r.url, wants: subscriptionOf(&w), sender: r, clock: s.Clock, traced: s.Traced,
		pace: Pace{
			Delays: DelaysOf(w.RetryConfiguration), Concurrency: w.Concurrency, RateLimit: w.RateLimit, Ordered: w.Ordering == wire.OrderedByLinkedObject,
			Patience: r.connect + r.read,
		},
	}
}

// newRequester compiles w. A webhook that cannot be sent to (its stored certificate no longer parses, say) yields one whose every
// attempt fails with the reason, so that the failure is counted and recorded like any other.
func (s *Service) newRequester(w *wire.Webhook, keys *key.Set) *requester {
	t := &requester{
		id: w.ID, url: egress.RedactURL(w.URL), connect: time.Duration(w.ConnectTimeout) * time.Millisecond, read: time.Duration(w.ReadTimeout) * time.Millisecond,
		shown: map[string]string{}, clock: s.Clock,
	}
	header := http.Header{}
	header.Set("Accept", "*/*")
	for name, value := range w.Headers {
		if isSignature(name) { // stored before it was one of ours
			continue
		}
		header.Set(name, value)
		t.shown[http.CanonicalHeaderKey(name)] = egress.Hidden
	}
	basic := ""
	if w.HTTPAuthenticationUsername != "" || w.HTTPAuthenticationPassword != "" {
		basic = base64.StdEncoding.EncodeToString([]byte(w.HTTPAuthenticationUsername + ":" + w.HTTPAuthenticationPassword))
		header.Set("Authorization", "Basic "+basic)
		t.shown["Authorization"] = "Basic " + egress.Hidden
	}
	header.Set("Content-Type", "application/json")
	t.shown["Content-Type"] = "application/json"
	t.known = append(egress.Secrets(w.URL, w.Headers), w.HTTPAuthenticationPassword, basic)
	t.secrets = egress.NewMasker(t.known)

	trust, err := trustOf(w, keys)
	if err != nil {
		t.fault = &fault{egress.TLS, fmt.Sprintf("the certificate of the webhook cannot be used: %v", err)}
		return t
	}
	if t.signer, err = s.newSigner(w.SignatureConfiguration, keys); err != nil {
		t.fault = unsigned(err)
		return t
	}
	t.at = s.Egress.Client(trust).Endpoint(w.URL, header)
	return t
}

// unsigned is why a request that is to be signed is not sent: without its signature nobody could trust it.
func unsigned(err error) *fault {
	return &fault{egress.Invalid, fmt.Sprintf("the request cannot be signed: %v", err)}
}

// trustOf is what a webhook's certificate makes of its connections, nil for one that has none.
func trustOf(w *wire.Webhook, keys *key.Set) (*egress.Trust, error) {
	pem := w.SSLCertificate
	if w.SSLCertificateKeyID != "" {
		k := keys.Key(w.SSLCertificateKeyID)
		if k == nil {
			return nil, fmt.Errorf("there is no key with the id %s", w.SSLCertificateKeyID)
		}
		var err error
		if pem, err = k.PEM(); err != nil {
			return nil, err
		}
	}
	if pem == "" {
		return nil, nil
	}
	return egress.ParsePEM(pem)
}

// Send makes one attempt to deliver m. It never fails: what went wrong is in the attempt. The outcome is Cancelled only if ctx ended.
func (t *requester) Send(ctx context.Context, m Message) *Attempt {
	if t.fault != nil {
		return t.notSent(t.fault.outcome, t.fault.text)
	}
	var header http.Header
	shown := t.shown
	if t.signer != nil {
		signatures, err := t.signer.sign(m)
		if err != nil {
			f := unsigned(err)
			return t.notSent(f.outcome, f.text)
		}
		header, shown = make(http.Header, len(signatures)), maps.Clone(shown)
		for name, value := range signatures {
			header[name], shown[name] = []string{value}, value
		}
	}
	if m.traceparent != "" {
		if header == nil {
			header, shown = http.Header{}, maps.Clone(shown)
		}
		header[trace.Header], shown[trace.Header] = []string{string(m.traceparent)}, string(m.traceparent)
	}
	r := t.at.Do(ctx, egress.Request{Header: header, Body: m.Body, ConnectTimeout: t.connect, ReadTimeout: t.read})
	secrets := t.masker(m)
	answered, cut := showable(r.Header, secrets)
	return &Attempt{
		Webhook: t.id, URL: t.url, Outcome: r.Outcome, StatusCode: r.StatusCode, Exception: secrets.Text(r.Err), Start: r.Start, End: r.End,
		ResponseHeader: r.Header,
		Detail: Detail{
			RequestHeaders: shown, RequestSize: len(m.Body),
			ResponseHeaders: answered, ResponseHeadersCut: cut, ResponseBody: secrets.Body(r),
			ResponseSize: r.BodySize, ResponseTruncated: r.BodyTruncated, RemoteAddress: r.RemoteAddr,
			Phases: Phases{
				DNS: r.Phases.DNS.Microseconds(), Connect: r.Phases.Connect.Microseconds(), TLS: r.Phases.TLS.Microseconds(),
				FirstByte: r.Phases.FirstByte.Microseconds(), Total: r.Phases.Total.Microseconds(),
			},
		},
	}
}

// Probe looks whether the receiver is there: it sends a HEAD request without body, signature or event, under the timeouts of the webhook. Any answer shows that it is.
// Nothing is recorded.
func (t *requester) Probe(ctx context.Context) *Attempt {
	if t.fault != nil {
		return t.notSent(t.fault.outcome, t.fault.text)
	}
	r := t.at.Do(ctx, egress.Request{Method: http.MethodHead, ConnectTimeout: t.connect, ReadTimeout: t.read})
	return &Attempt{Webhook: t.id, URL: t.url, Outcome: r.Outcome, StatusCode: r.StatusCode, Exception: t.secrets.Text(r.Err), Start: r.Start, End: r.End}
}

func (t *requester) notSent(outcome egress.Outcome, why string) *Attempt {
	return notSent(t.id, t.url, outcome, why, t.clock())
}

// keptHeaders is how many bytes of a receiver's headers are recorded: as much as of its body. Each counts as it would stand in an answer.
const keptHeaders = egress.DefaultKeepResponse

// showable is a receiver's headers as they may be recorded, and how many bytes of them that leaves out: without cookies, and without our secrets, should it echo them; in the
// order of their names as many as are kept, the last of them perhaps in part.
func showable(h http.Header, secrets *egress.Masker) (shown map[string]string, cut int) {
	if len(h) == 0 {
		return nil, 0
	}
	const around = len(": \r\n")
	shown = make(map[string]string, min(len(h), 32))
	left := keptHeaders
	for _, name := range slices.Sorted(maps.Keys(h)) {
		value := egress.Hidden
		if name != "Set-Cookie" {
			value = secrets.Value(strings.Join(h[name], ", "))
		}
		if left -= len(name) + around; left < 0 {
			left = 0 // and nothing that follows is kept
			cut += len(name) + around + len(value)
			continue
		}
		kept := firstBytes(value, left)
		if left -= len(kept); len(kept) < len(value) {
			left = 0
			cut += len(value) - len(kept)
		}
		shown[name] = kept
	}
	return shown, cut
}

// firstBytes is the beginning of a text, up to so many bytes of it and to the end of a character.
func firstBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
