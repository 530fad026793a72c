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

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// Registry is all webhooks at one moment, ready to be sent to. It is immutable.
type Registry struct {
	targets []*Target
	byID    map[wire.ID]*Target
}

// Subscribers are the webhooks that get an event of type t of the tenant, provided that the tenant has the event switched on.
func (r *Registry) Subscribers(t event.Type, scope event.Scope, tenant wire.ID) []*Target {
	var found []*Target
	for _, target := range r.targets {
		if Match(&target.webhook, t, scope, tenant) == Open {
			found = append(found, target)
		}
	}
	return found
}

// Target is the webhook with the given id, nil if there is none.
func (r *Registry) Target(id wire.ID) *Target { return r.byID[id] }

// IDs are the ids of all webhooks.
func (r *Registry) IDs() []wire.ID { return slices.Collect(maps.Keys(r.byID)) }

// Target is a webhook compiled for sending: its headers are built, its certificate is parsed, its connections are pooled.
type Target struct {
	ID      wire.ID
	webhook wire.Webhook
	client  *egress.Client
	header  http.Header
	secrets *masker           // takes the webhook's secrets out of what a receiver answers
	shown   map[string]string // the request headers as they may be recorded
	fault   string            // why nothing can be sent at all; empty when something can
	clock   func() time.Time
}

// newTarget compiles w. A webhook that cannot be sent to (its stored certificate no longer parses, say) yields a target whose every
// attempt fails with the reason, so that the failure is counted and recorded like any other.
func (s *Service) newTarget(w wire.Webhook) *Target {
	t := &Target{ID: w.ID, webhook: w, header: http.Header{}, shown: map[string]string{}, clock: s.Clock}
	t.header.Set("Accept", "*/*")
	for name, value := range w.Headers {
		t.header.Set(name, value)
		t.shown[http.CanonicalHeaderKey(name)] = hidden
	}
	basic := ""
	if w.HTTPAuthenticationUsername != "" || w.HTTPAuthenticationPassword != "" {
		basic = base64.StdEncoding.EncodeToString([]byte(w.HTTPAuthenticationUsername + ":" + w.HTTPAuthenticationPassword))
		t.header.Set("Authorization", "Basic "+basic)
		t.shown["Authorization"] = "Basic " + hidden
	}
	t.header.Set("Content-Type", "application/json")
	t.shown["Content-Type"] = "application/json"
	t.secrets = newMasker(secretsOf(&w, basic))

	var trust *egress.Trust
	if w.SSLCertificate != "" {
		var err error
		if trust, err = egress.ParsePEM(w.SSLCertificate); err != nil {
			t.fault = fmt.Sprintf("the certificate of the webhook cannot be used: %v", err)
			return t
		}
	}
	t.client = s.Egress.Client(trust)
	return t
}

// Enabled tells whether the webhook may be sent to at all.
func (t *Target) Enabled() bool { return t.webhook.Enabled == nil || *t.webhook.Enabled }

// Patience is the longest time that one attempt can take.
func (t *Target) Patience() time.Duration { return t.connectTimeout() + t.readTimeout() }

func (t *Target) connectTimeout() time.Duration {
	return time.Duration(t.webhook.ConnectTimeout) * time.Millisecond
}

func (t *Target) readTimeout() time.Duration {
	return time.Duration(t.webhook.ReadTimeout) * time.Millisecond
}

// Send makes one attempt to deliver body. It never fails: what went wrong is in the attempt. The outcome is Cancelled only if ctx ended.
func (t *Target) Send(ctx context.Context, body []byte) *Attempt {
	a := &Attempt{Webhook: t.ID, URL: egress.RedactURL(t.webhook.URL)}
	if t.fault != "" {
		a.Outcome, a.Exception, a.Start = egress.TLS, t.fault, t.clock()
		a.End = a.Start
		return a
	}
	r := t.client.Do(ctx, egress.Request{
		Method: http.MethodPost, URL: t.webhook.URL, Header: t.header, Body: body,
		ConnectTimeout: t.connectTimeout(), ReadTimeout: t.readTimeout(),
	})
	a.Outcome, a.StatusCode, a.Exception, a.Start, a.End = r.Outcome, r.StatusCode, t.secrets.text(r.Err), r.Start, r.End
	a.ResponseHeader = r.Header
	a.Detail = Detail{
		RequestHeaders: t.shown, RequestSize: len(body),
		ResponseHeaders: t.showable(r.Header), ResponseBody: t.showableBody(r),
		ResponseSize: r.BodySize, ResponseTruncated: r.BodyTruncated, RemoteAddress: r.RemoteAddr,
		Phases: Phases{
			DNS: r.Phases.DNS.Microseconds(), Connect: r.Phases.Connect.Microseconds(), TLS: r.Phases.TLS.Microseconds(),
			FirstByte: r.Phases.FirstByte.Microseconds(), Total: r.Phases.Total.Microseconds(),
		},
	}
	return a
}

// NotSent is the attempt of a request that was not made. Its outcome is Cancelled.
func (t *Target) NotSent(why string) *Attempt {
	now := t.clock()
	return &Attempt{Webhook: t.ID, URL: egress.RedactURL(t.webhook.URL), Outcome: egress.Cancelled, Exception: why, Start: now, End: now}
}

// showableBody is what was kept of a receiver's answer as it may be recorded.
func (t *Target) showableBody(r egress.Result) string {
	if r.BodyTruncated {
		return t.secrets.beginning(string(r.Body))
	}
	return t.secrets.text(string(r.Body))
}

// showable is a receiver's headers as they may be recorded: without cookies, and without our secrets, should it echo them.
func (t *Target) showable(h http.Header) map[string]string {
	if len(h) == 0 {
		return nil
	}
	shown := make(map[string]string, len(h))
	for name, values := range h {
		if name == "Set-Cookie" {
			shown[name] = hidden
			continue
		}
		shown[name] = t.secrets.value(strings.Join(values, ", "))
	}
	return shown
}
