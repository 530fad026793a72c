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

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/wire"
)

// Registry is all webhooks at one moment, ready to be sent to. It is immutable.
type Registry struct {
	targets   []*Target
	byID      map[wire.ID]*Target
	audiences audiences
}

// Target is the webhook with the given id, nil if there is none.
func (r *Registry) Target(id wire.ID) *Target { return r.byID[id] }

// IDs are the ids of all webhooks.
func (r *Registry) IDs() []wire.ID { return slices.Collect(maps.Keys(r.byID)) }

// Message is one event on its way to webhooks.
type Message struct {
	// ID is that of the event. Standard Webhooks sends it, and receivers drop what they have seen of it.
	ID wire.ID
	// Body is sent, and signed, byte for byte.
	Body []byte
}

// Target is a webhook compiled for sending: its headers are built, its certificate is parsed, its keys are at hand, its connections are
// pooled. It is immutable.
type Target struct {
	ID      wire.ID
	webhook wire.Webhook
	url     string // without credentials and query values
	delays  []time.Duration
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

// newTarget compiles w. A webhook that cannot be sent to (its stored certificate no longer parses, say) yields a target whose every
// attempt fails with the reason, so that the failure is counted and recorded like any other.
func (s *Service) newTarget(w wire.Webhook, keys *key.Set) *Target {
	t := &Target{
		ID: w.ID, webhook: w, url: egress.RedactURL(w.URL), delays: delaysOf(w.RetryConfiguration),
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
func trustOf(w wire.Webhook, keys *key.Set) (*egress.Trust, error) {
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

// Enabled tells whether the webhook may be sent to at all.
func (t *Target) Enabled() bool { return enabled(&t.webhook) }

// URL is where it is, without credentials and query values.
func (t *Target) URL() string { return t.url }

// Want tells which gate, if any, keeps an event of type t of the given tenant away.
func (t *Target) Want(typ event.Type, scope event.Scope, tenant wire.ID) Gate {
	return Match(&t.webhook, typ, scope, tenant)
}

// Delays are the pauses after the first, second and so on failed attempt. Nil means those of the server, an empty list no retries.
func (t *Target) Delays() []time.Duration { return t.delays }

// Concurrency is how many deliveries may be under way at once; zero means as many as the server has by default.
func (t *Target) Concurrency() int { return t.webhook.Concurrency }

// RateLimit is how many deliveries may leave per second; zero means that there is no limit.
func (t *Target) RateLimit() float64 { return t.webhook.RateLimit }

// Ordered tells whether the events about one object are to be delivered strictly one after the other.
func (t *Target) Ordered() bool { return t.webhook.Ordering == wire.OrderedByLinkedObject }

// Patience is the longest time that one attempt can take.
func (t *Target) Patience() time.Duration { return t.connectTimeout() + t.readTimeout() }

func (t *Target) connectTimeout() time.Duration {
	return time.Duration(t.webhook.ConnectTimeout) * time.Millisecond
}

func (t *Target) readTimeout() time.Duration {
	return time.Duration(t.webhook.ReadTimeout) * time.Millisecond
}

// Send makes one attempt to deliver m. It never fails: what went wrong is in the attempt. The outcome is Cancelled only if ctx ended.
func (t *Target) Send(ctx context.Context, m Message) *Attempt {
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
	r := t.at.Do(ctx, egress.Request{Header: header, Body: m.Body, ConnectTimeout: t.connectTimeout(), ReadTimeout: t.readTimeout()})
	secrets := t.masker(m)
	answered, cut := showable(r.Header, secrets)
	return &Attempt{
		Webhook: t.ID, URL: t.url, Outcome: r.Outcome, StatusCode: r.StatusCode, Exception: secrets.Text(r.Err), Start: r.Start, End: r.End,
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
func (t *Target) Probe(ctx context.Context) *Attempt {
	if t.fault != nil {
		return t.notSent(t.fault.outcome, t.fault.text)
	}
	r := t.at.Do(ctx, egress.Request{Method: http.MethodHead, ConnectTimeout: t.connectTimeout(), ReadTimeout: t.readTimeout()})
	return &Attempt{Webhook: t.ID, URL: t.url, Outcome: r.Outcome, StatusCode: r.StatusCode, Exception: t.secrets.Text(r.Err), Start: r.Start, End: r.End}
}

// NotSent is the attempt of a request that was not made. Its outcome is Cancelled.
func (t *Target) NotSent(why string) *Attempt { return t.notSent(egress.Cancelled, why) }

func (t *Target) notSent(outcome egress.Outcome, why string) *Attempt {
	now := t.clock()
	return &Attempt{Webhook: t.ID, URL: t.url, Outcome: outcome, Exception: why, Start: now, End: now}
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
