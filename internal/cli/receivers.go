package cli

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/url"
	"strings"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/wire"
)

// eventReceiver is who gets events: a webhook or a sink.
type eventReceiver struct {
	id    wire.ID
	short string // what tables call it
	names []string
	sink  bool
}

var receiverKind = kind[eventReceiver]{
	what: "webhook or sink", id: func(r eventReceiver) wire.ID { return r.id }, names: func(r eventReceiver) []string { return r.names },
}

// receivers are all webhooks, then all sinks as far as the key may see them.
func (s *session) receivers(ctx context.Context) iter.Seq2[eventReceiver, error] {
	return func(yield func(eventReceiver, error) bool) {
		for w, err := range s.Webhooks.List(ctx, wire.WebhookSearch{}) {
			if !yield(eventReceiver{w.ID, host(w.URL), webhookKind.names(w), false}, err) || err != nil {
				return
			}
		}
		for w, err := range s.Sinks.List(ctx, wire.SinkSearch{}) {
			if errors.Is(err, client.ErrForbidden) {
				return
			}
			if !yield(eventReceiver{w.ID, sinkName(w.Name), sinkKind.names(w), true}, err) || err != nil {
				return
			}
		}
	}
}

// sinkName is what a table calls a sink among webhooks.
func sinkName(name string) string { return "sink " + name }

// receiver finds a webhook or a sink by what it can be called.
func (s *session) receiver(ctx context.Context, given string) (eventReceiver, error) {
	return pick(receiverKind, given, s.receivers(ctx))
}

// receiverNames are what tables call those who get events, by their ids.
type receiverNames map[wire.ID]string

// receiverNames are hosts, with the path where several webhooks are at one, and the names of sinks.
func (s *session) receiverNames(ctx context.Context) (receiverNames, error) {
	var all []eventReceiver
	at := map[string]int{}
	for r, err := range s.receivers(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, r)
		at[r.short]++
	}
	names := receiverNames{}
	for _, r := range all {
		names[r.id] = r.short
		if at[r.short] > 1 && !r.sink {
			names[r.id] = withPath(r.names[0])
		}
	}
	return names, nil
}

// of is the name of a receiver, which may be gone.
func (n receiverNames) of(id wire.ID) string { return cmp.Or(n[id], short(id)+" (deleted)") }

// ofAttempt is the receiver of an attempt. That of a listener is no webhook that could be looked up, and called what it is on record.
func (n receiverNames) ofAttempt(a wire.WebhookAttemptLog) string {
	if at := a.WebhookCallResponse.URL; strings.HasPrefix(at, "herald listen") {
		return at
	}
	return n.of(a.WebhookID)
}

// withPath is host and path of a URL.
func withPath(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host + u.Path
}
