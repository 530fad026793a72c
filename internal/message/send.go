package message

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Longest texts of a record, in bytes.
const (
	longestAnswer    = 4 << 10
	longestException = 1 << 10
	longestDebug     = 16 << 10
)

// sending is one message on its way.
type sending struct {
	Request
	record

	content  Content
	scrub    *scrubber
	start    time.Time
	breach   *breach
	verdicts []verdict
	debug    []exchange // the attempts of messengers that want to be debugged
	unasked  bool       // nothing was tried, because something of ours is wrong
}

// exchange is an attempt with what a person may see of it.
type exchange struct {
	wire.MessageAttempt

	text string
}

// Send sends one message and returns what is on record about it. It returns when somebody has taken it, or nobody will; see policy.go for how long
// that can take. The transaction that made the message necessary must have committed, or is the request's Within. A caller that hangs up does not stop it.
//
// Errors: ErrNotSent together with a problem of kind Invalid that has the request's ErrorCode, ErrLimited together with one of kind TooMany,
// a problem of kind Invalid for a recipient that cannot be one, those of Within; everything else is internal, and nothing was sent. With the first two the
// message is valid. It has no id when there are so many above the limit that they are no longer recorded.
func (s *Sender) Send(ctx context.Context, r Request) (wire.Message, error) {
	if err := r.check(); err != nil {
		return wire.Message{}, err
	}
	ctx = context.WithoutCancel(ctx) // half a message is of no use to anybody
	m := s.begin(r)
	s.prepare(ctx, m)
	if err := s.open(ctx, m); err != nil {
		return wire.Message{}, err
	}
	if m.State == wire.MessageSending {
		s.attempt(ctx, m)
		s.close(ctx, m)
	}
	if s.o.Metrics != nil {
		s.o.Metrics.Message(string(m.Message.Kind), string(m.State), s.o.DB.Now().Sub(m.start))
	}
	return m.Message, m.err()
}

func (r *Request) check() error {
	if !slices.Contains(kinds, r.Kind) || r.Purpose == "" || r.Tenant == "" || r.Template == "" {
		return fmt.Errorf("message: a request of kind %q for %q in tenant %q is not complete", r.Kind, r.Purpose, r.Tenant)
	}
	var v problem.Validation
	switch {
	case Valid(r.Kind, r.To):
	case r.Kind == wire.KindEmail:
		v.Field("email", "invalid", "This is not an e-mail address.")
	default:
		v.Field("phoneNumber", "invalid", "This is not a phone number.")
	}
	return v.Err()
}

// begin is a message of which nothing is known but the request.
func (s *Sender) begin(r Request) *sending {
	m := &sending{Request: r, start: s.o.DB.Now(), scrub: newScrubber(r.To, append([]string{r.Code}, r.Secrets...))}
	m.record = record{
		Message: wire.Message{
			ID: wire.ID(db.NewID()), TenantID: r.Tenant, ApplicationID: r.Application, Kind: r.Kind, Purpose: r.Purpose, Recipient: messenger.Mask(normal(r.To)), TemplateID: r.Template,
		},
		hash: hash(s.o.RecipientKey, r.To), node: s.o.Node,
	}
	if r.User != nil {
		m.UserID = r.User.ID
	}
	return m
}

// prepare renders the message. What is wrong with its template is in the record.
func (s *Sender) prepare(ctx context.Context, m *sending) {
	m.content = Content{Kind: m.Request.Kind, To: m.To, Code: m.Code, UserID: m.UserID, Key: string(m.ID)}
	if !m.Until.IsZero() && !m.start.Before(m.Until) {
		m.fail("it was worth nothing any more when it was to be sent")
		return
	}
	render := s.o.Templates.Text
	if m.Request.Kind == wire.KindEmail {
		render = s.o.Templates.Mail
	}
	text, err := render(ctx, m.Template, m.Languages, m.Model)
	m.TemplateName, m.Locale = m.scrub.text(text.Name, longestException), m.scrub.text(text.Locale, longestException)
	m.LocaleReason = m.scrub.text(text.Reason, longestException) // names languages, which are what a user has said
	m.content.Text, m.content.Locale, m.content.Mail = text.Text, text.Locale, text.Mail
	m.content.Mail.To = []wire.EmailAddress{{Address: m.To}}
	switch {
	case errors.Is(err, problem.ErrNotFound):
		m.fail("there is no template with the id %s", m.Template)
	case err != nil:
		m.fail("its template cannot be rendered: %s", m.scrub.text(err.Error(), longestException))
	}
}

func (m *sending) fail(format string, args ...any) {
	m.Failure, m.unasked = fmt.Sprintf(format, args...), true
}

// open writes the record, after which a crash leaves a trace of the message. Within the same transaction it counts what was sent before.
func (s *Sender) open(ctx context.Context, m *sending) error {
	limits := s.limits(ctx, m.Tenant)
	id := m.ID
	return s.o.DB.Update(ctx, func(tx *db.Tx) error { // may run more than once
		m.ID, m.breach, m.State, m.counted = id, nil, wire.MessageSending, !m.Test
		m.InsertInstant, m.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
		if m.unasked {
			m.State, m.counted = wire.MessageFailed, false
			if err := insertMessage(tx, &m.record); err != nil || m.Test {
				return err
			}
			return s.o.Journal.Error(tx, m.explain())
		}
		m.Failure = ""
		if m.Test {
			return m.admitted(tx)
		}
		b, tell, err := s.admit(tx, m.Tenant, m.hash, limits)
		switch {
		case err != nil:
			return err
		case b == nil:
			return m.admitted(tx)
		}
		m.breach, m.State, m.counted, m.Failure = b, wire.MessageLimited, false, b.String()
		if tell {
			if err := s.o.Journal.Error(tx, m.explain()); err != nil {
				return err
			}
		}
		// An attack must not fill the store: of what is not sent no more is recorded than could have been.
		many, err := manyLimited(tx, m.Tenant, tx.Now().Add(-limits.Tenant.Period).UnixMilli(), min(limits.Tenant.Count, mostLimited))
		if err != nil || many {
			m.ID = ""
			return err
		}
		return insertMessage(tx, &m.record)
	})
}

// admitted puts a message on record that may be sent.
func (m *sending) admitted(tx *db.Tx) error {
	if m.Within != nil {
		if err := m.Within(tx); err != nil {
			return err
		}
	}
	return insertMessage(tx, &m.record)
}

// limits are those of a tenant. Should they be out of reach, the usual ones are used: that must neither stop codes nor let everything pass.
func (s *Sender) limits(ctx context.Context, id wire.ID) tenant.MessageLimits {
	settings, err := s.o.Tenants.Settings(ctx)
	if err != nil {
		s.o.Logger.Error("the limits of messages could not be read; the usual ones are used", "tenant", id, "error", err)
		return tenant.DefaultMessageLimits()
	}
	if flows, found := settings.Flows(id); found {
		return flows.Messages
	}
	return tenant.DefaultMessageLimits()
}

// attempt hands the message over, to one messenger after the other.
func (s *Sender) attempt(ctx context.Context, m *sending) {
	deadline := m.start.Add(patience)
	if !m.Until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.Until.Sub(s.o.DB.Now()))
		defer cancel()
		if m.Until.Before(deadline) {
			deadline = m.Until
		}
	}
	ways, tries := s.ways(ctx, m), 0
	for i := 0; i < len(ways); {
		a := ways[i].Send(ctx, m.content)
		tries++
		v := m.note(ways[i], a)
		if s.o.Metrics != nil {
			s.o.Metrics.MessageAttempt(string(m.Message.Kind), a.Outcome, time.Duration(a.DurationMicros)*time.Microsecond)
		}
		next, pause := decide(situation{
			verdict: v, tries: tries, retryUnknown: ways[i].RetryUnknown, others: i+1 < len(ways), left: deadline.Sub(s.o.DB.Now()),
		})
		if next == retry && !m.Test {
			s.pause(ctx, pause)
		}
		switch {
		case next == end, m.Test, s.stopped(), ctx.Err() != nil:
			i = len(ways)
		case next == nextInRow:
			i, tries = i+1, 0
		}
	}
	m.State = stateOf(m.verdicts)
	m.Failure = m.failure()
}

// ways are what the message is tried with, in order. What does not exist or cannot carry it refuses it at once, and the record tells.
func (s *Sender) ways(ctx context.Context, m *sending) []*Way {
	if m.Request.Kind == wire.KindEmail {
		way, err := s.o.Ways.Mail(ctx, m.Tenant)
		if err != nil {
			return []*Way{s.closed("", "the mail server of the tenant cannot be used", err)}
		}
		return []*Way{way}
	}
	var ways []*Way
	for _, id := range m.Messengers {
		way, err := s.o.Ways.Phone(ctx, id)
		switch {
		case errors.Is(err, problem.ErrNotFound):
			way = s.closed(id, "there is no messenger with this id", nil)
		case err != nil:
			way = s.closed(id, "the messenger cannot be used", err)
		case !way.Can(m.Request.Kind):
			name := way.Name
			way = s.closed(id, fmt.Sprintf("the messenger carries no messages of type %s", m.Request.Kind), nil)
			way.Name = name
		}
		ways = append(ways, way)
	}
	return ways
}

// closed is a way that takes nothing. A problem is for people to see, any other error for the log.
func (s *Sender) closed(id wire.ID, why string, err error) *Way {
	if p, ok := problem.As(err); ok {
		why += ": " + p.Error()
	} else if err != nil {
		s.o.Logger.Error("a message could not be handed over", "messenger", id, "error", err)
	}
	return &Way{ID: id, Send: func(context.Context, Content) messenger.Attempt {
		return messenger.Attempt{MessageAttempt: wire.MessageAttempt{
			MessengerID: id, Outcome: string(egress.Invalid), Exception: why, StartInstant: wire.Instant(s.o.DB.Now().UnixMilli()),
		}}
	}}
}

// note adds an attempt to the record, without what must not be there.
func (m *sending) note(way *Way, a messenger.Attempt) verdict {
	shown := a.MessageAttempt
	shown.MessengerID, shown.MessengerName = cmp.Or(shown.MessengerID, way.ID), cmp.Or(shown.MessengerName, way.Name)
	shown.URL = m.scrub.text(shown.URL, longestException)
	shown.Exception = m.scrub.text(shown.Exception, longestException)
	shown.ResponseBody = m.scrub.text(shown.ResponseBody, longestAnswer)
	m.Attempts = append(m.Attempts, shown)
	if way.Debug {
		m.debug = append(m.debug, exchange{shown, m.scrub.text(a.Debug, longestDebug)})
	}
	v := verdictOf(a)
	m.verdicts = append(m.verdicts, v)
	return v
}

// close writes how the message has ended, and tells those who look after Herald.
func (s *Sender) close(ctx context.Context, m *sending) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		m.LastUpdateInstant = wire.Instant(tx.NowMillis())
		// What reached nobody does not count: a messenger that is down must not lock people out for longer than it is down.
		if m.counted = !m.Test && m.State != wire.MessageFailed; !m.counted && !m.Test {
			if err := countOneLess(tx, m.Tenant, int64(m.InsertInstant)); err != nil {
				return err
			}
		}
		if err := closeMessage(tx, &m.record); err != nil {
			return err
		}
		if len(m.debug) > 0 {
			if err := s.o.Journal.Debug(tx, m.transcript()); err != nil {
				return err
			}
		}
		if m.State == wire.MessageSent || m.Test {
			return nil
		}
		return s.o.Journal.Error(tx, m.explain())
	})
	if err != nil { // what happened has happened: the caller learns it all the same
		s.o.Logger.Error("the record of a message could not be closed", "message", m.ID, "state", m.State, "error", err)
	}
}

// RecordTest puts a message on record that was sent to try a messenger or a mail server out. tenant is empty for a messenger. It counts towards no limit,
// and a failure is not told to the event log: whoever tests sees it.
func (s *Sender) RecordTest(ctx context.Context, tenant wire.ID, kind wire.MessageKind, recipient string, a messenger.Attempt) error {
	m := s.begin(Request{Tenant: tenant, Kind: kind, To: recipient, Purpose: "test", Test: true})
	m.note(&Way{Debug: a.Debug != ""}, a)
	m.State = stateOf(m.verdicts)
	m.Failure = m.failure()
	return s.o.DB.Update(ctx, func(tx *db.Tx) error {
		m.InsertInstant, m.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
		if err := insertMessage(tx, &m.record); err != nil || len(m.debug) == 0 {
			return err
		}
		return s.o.Journal.Debug(tx, m.transcript())
	})
}

// err is what the caller gets. It says nothing about messengers, because strangers may see it.
func (m *sending) err() error {
	switch m.State {
	case wire.MessageSent:
		return nil
	case wire.MessageLimited:
		return fmt.Errorf("%w: %w", ErrLimited, problem.New(problem.TooMany, "[TooManyMessages]", "Too many messages were sent. Try again in %v.", m.breach.until))
	}
	text := "The message could not be sent. The event log says why."
	if m.State == wire.MessageUnknown {
		text = "It is not known whether the message was sent. The event log says why."
	}
	return fmt.Errorf("%w: %w", ErrNotSent, problem.New(problem.Invalid, cmp.Or(m.ErrorCode, "[MessengerError]"), "%s", text))
}
