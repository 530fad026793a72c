package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// route is a sink compiled for sending. It is immutable.
type route struct {
	sink     wire.Sink // with its secrets
	driver   driver
	url      string
	known    []string // the secrets
	secrets  *egress.Masker
	version  string // changes with everything that a connection depends on
	connect  time.Duration
	patience time.Duration // of one confirmation
	fault    error         // why nothing can be sent at all
	service  *Service
}

var _ webhook.Sender = (*route)(nil)

// Send makes one attempt. It ends with its deadline, whatever the broker's library does.
func (r *route) Send(ctx context.Context, m webhook.Message) *webhook.Attempt {
	return r.attempt(ctx, len(m.Body), func(ctx context.Context, c connection) (string, error) { return c.send(ctx, recordOf(m)) })
}

// Probe connects, and asks whether anybody is there.
func (r *route) Probe(ctx context.Context) *webhook.Attempt {
	return r.attempt(ctx, 0, func(ctx context.Context, c connection) (string, error) { return "", c.ping(ctx) })
}

func (r *route) attempt(ctx context.Context, size int, do func(context.Context, connection) (string, error)) *webhook.Attempt {
	a := &webhook.Attempt{Webhook: r.sink.ID, URL: r.url, Outcome: egress.Accepted, Start: r.service.Clock(), Detail: webhook.Detail{RequestSize: size}}
	began := time.Now()
	receipt, err := r.use(ctx, do)
	took := time.Since(began)
	a.End = a.Start.Add(took)
	a.Detail.Phases.Total = took.Microseconds()
	if err != nil {
		var text string
		a.Outcome, text = r.explain(ctx, err)
		a.Exception = r.secrets.Text(text)
		if f, known := errors.AsType[*failure](err); known && a.Outcome == egress.Refused {
			a.Hopeless, a.LockedOut = f.hopeless, f.lockedOut
		}
		return a
	}
	a.Detail.ResponseBody, a.Detail.ResponseSize = receipt, int64(len(receipt))
	return a
}

// use does something with the connection, which is opened if need be.
func (r *route) use(ctx context.Context, do func(context.Context, connection) (string, error)) (string, error) {
	if r.fault != nil {
		return "", r.fault
	}
	c, release, err := r.service.lines.borrow(ctx, r)
	if err != nil {
		return "", err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	receipt, err := do(ctx, c)
	if err != nil && ctx.Err() != nil {
		if _, known := errors.AsType[*failure](err); !known {
			return "", ctx.Err()
		}
	}
	return receipt, err
}

// explain is the class of an error and its text for people, which may still hold secrets. ctx is that of the attempt.
func (r *route) explain(ctx context.Context, err error) (egress.Outcome, string) {
	switch f, known := errors.AsType[*failure](err); {
	case ctx.Err() != nil:
		return egress.Cancelled, "ended by the caller"
	case known:
		return f.outcome, f.text
	case errors.Is(err, context.DeadlineExceeded):
		return egress.Timeout, fmt.Sprintf("no confirmation within the send timeout of %d ms; the event may have arrived", r.patience.Milliseconds())
	}
	if text, ok := egress.ExplainTLS(err); ok {
		return egress.TLS, text
	}
	return egress.Reset, "the connection was lost before the confirmation came; the event may have arrived"
}
