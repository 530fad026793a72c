package messenger

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// Registry is all messengers at one moment, ready to be sent through. It is immutable.
type Registry struct {
	byID map[wire.ID]*Target
}

// Target is the messenger with the given id, nil if there is none.
func (r *Registry) Target(id wire.ID) *Target { return r.byID[id] }

// Message is one message to a phone.
type Message struct {
	Kind        wire.MessageKind // SMS or Voice
	PhoneNumber string
	// Text is what is read, or said.
	Text string
	// Locale is that of the text, empty for a default text. Only voices are told.
	Locale string
	// Code is the secret in the text, if there is one: it is in no record, and sent apart only to those that ask for it.
	Code string
	// UserID is whom the message is for, empty for somebody who is no user yet.
	UserID wire.ID
	// Key is equal in all attempts to send this message, so that a receiver can tell that it has it already. Header Idempotency-Key.
	Key string
}

// Target is a messenger compiled for sending. It is immutable and safe for concurrent use.
type Target struct {
	ID   wire.ID
	Name string
	Type wire.MessengerType
	// Debug says that each message is to be written into the event log.
	Debug bool
	// RetryUnknown says that a message that may have arrived may be sent again.
	RetryUnknown bool

	kinds   []wire.MessageType
	way     way
	headers []string      // what may be shown of the headers that every request has, as lines
	secrets []string      // what must be in no record
	connect time.Duration // timeouts
	read    time.Duration
	fault   *fault // why nothing can be sent at all; nil when something can
	url     string // to be shown; the way may know a better one
	clock   func() time.Time
}

// way is what differs between the types.
type way interface {
	// request is where a message goes, the same place as it may be shown, and what is sent there.
	request(m Message) (at *egress.Endpoint, url string, body []byte)
	// readable is a body that request made, for people.
	readable(body []byte) string
	// judge may learn more from an answer than its status says: why it is a refusal, or that it is one.
	judge(r egress.Result) (refused bool, why string)
}

// fault is why a request cannot be made.
type fault struct {
	outcome egress.Outcome
	text    string
}

// newTarget compiles m, which was checked when it was stored. One that cannot be sent through (its certificate no longer parses, say) yields a
// target whose every attempt fails with the reason.
func (s *Service) newTarget(m wire.Messenger) *Target {
	t := &Target{
		ID: m.ID, Name: m.Name, Type: m.Type, Debug: m.Debug, RetryUnknown: m.RetryUnknown,
		kinds: m.MessageTypes, url: egress.RedactURL(m.URL), clock: s.Clock,
	}
	switch m.Type {
	case wire.Generic:
		s.generic(t, m)
	case wire.Twilio:
		s.twilio(t, m)
	default: // never: check stores no other
		t.fault = &fault{egress.Invalid, fmt.Sprintf("messengers of the type %s are not supported", m.Type)}
	}
	return t
}

// Can tells whether the messenger carries messages of this kind.
func (t *Target) Can(k wire.MessageKind) bool {
	return slices.Contains(t.kinds, wire.MessageType(k))
}

// Patience is the longest time that one attempt can take.
func (t *Target) Patience() time.Duration { return t.connect + t.read }

// Send makes one attempt to hand m over. It never fails: what went wrong is in the attempt. No connection is tried twice, so that nobody gets
// a message twice.
func (t *Target) Send(ctx context.Context, m Message) Attempt {
	switch {
	case t.fault != nil:
		return t.notSent(t.fault.outcome, t.fault.text)
	case !t.Can(m.Kind):
		return t.notSent(egress.Invalid, fmt.Sprintf("the messenger does not carry messages of the type %s", m.Kind))
	case !IsPhoneNumber(m.PhoneNumber):
		return t.notSent(egress.Invalid, "the recipient is not a phone number")
	}
	at, url, body := t.way.request(m)
	var header http.Header
	if m.Key != "" {
		header = http.Header{"Idempotency-Key": {m.Key}}
	}
	r := at.Do(ctx, egress.Request{Header: header, Body: body, ConnectTimeout: t.connect, ReadTimeout: t.read, Once: true})
	return t.attempt(m, url, r)
}

func (t *Target) notSent(outcome egress.Outcome, why string) Attempt {
	a := Attempt{MessageAttempt: wire.MessageAttempt{
		MessengerID: t.ID, MessengerName: t.Name, Outcome: string(outcome), URL: t.url, Exception: why, StartInstant: wire.Instant(t.clock().UnixMilli()),
	}}
	if t.Debug {
		a.Debug = fmt.Sprintf("%s\nNothing was sent: %s\n", t.title(), why)
	}
	return a
}

// attempt is what r means, without anything that must not be shown.
func (t *Target) attempt(m Message, url string, r egress.Result) Attempt {
	a := Attempt{MessageAttempt: wire.MessageAttempt{
		MessengerID: t.ID, MessengerName: t.Name, URL: url, StatusCode: r.StatusCode,
		StartInstant: wire.Instant(r.Start.UnixMilli()), DurationMicros: r.End.Sub(r.Start).Microseconds(),
	}}
	outcome, unknown, again := classify(r)
	why := r.Err
	if r.StatusCode != 0 {
		refused, words := t.way.judge(r)
		if refused && outcome == egress.Accepted {
			outcome = egress.Refused
		}
		if why == "" {
			why = words
		}
	}
	a.Outcome, a.Unknown, a.Again = string(outcome), unknown, again
	if len(r.Body) > 0 || why != "" { // an empty answer has nothing to hide
		mask := masker(m, t.secrets)
		a.Exception = mask.Text(why)
		body := mask.Body(r)
		a.ResponseBody = beginning(body)
		if t.Debug {
			a.Debug = t.debug(m, r, a, body)
		}
	} else if t.Debug {
		a.Debug = t.debug(m, r, a, "")
	}
	return a
}

func (t *Target) title() string { return fmt.Sprintf("Messenger: %s (%s, %s)", t.Name, t.Type, t.ID) }

// debug is request and answer for a person who looks for a mistake: complete, but for secrets, the code and the number.
func (t *Target) debug(m Message, r egress.Result, a Attempt, body string) string {
	var b strings.Builder
	b.WriteString(t.title() + "\n\n")
	shown := masked(m)
	_, _, sent := t.way.request(shown)
	fmt.Fprintf(&b, "Request: POST %s\n", a.URL)
	for _, line := range t.headers {
		b.WriteString("  " + line + "\n")
	}
	if m.Key != "" {
		b.WriteString("  Idempotency-Key: " + m.Key + "\n")
	}
	// What is sent is made of the message alone; should its text repeat a secret of the messenger, that is taken out as well.
	b.WriteString(egress.NewMasker(t.secrets, codeForms(m.Code)...).Text(t.way.readable(sent)) + "\n\n")
	if r.StatusCode != 0 {
		fmt.Fprintf(&b, "Answer: status %d after %v\n%s\n\n", r.StatusCode, r.End.Sub(r.Start).Round(time.Microsecond), body)
	} else {
		fmt.Fprintf(&b, "No answer after %v\n\n", r.End.Sub(r.Start).Round(time.Microsecond))
	}
	b.WriteString("Outcome: " + a.Outcome)
	if a.Exception != "" {
		b.WriteString(", " + a.Exception)
	}
	b.WriteString("\n")
	return b.String()
}
