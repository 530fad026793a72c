// Package message owns the act of telling a person something: it renders a template in the person's language, hands the text to a messenger or
// a mail server, goes on to the next one when that fails, and keeps a record of it.
//
// It does not own messengers and what they speak (package messenger), nor templates (package template), nor what is sent and why: whoever wants
// to tell something makes a [Request], after its own transaction has committed, or with it.
//
// Somebody waits in front of a screen for what is sent here, and it is worth nothing a few minutes later. So nothing is queued: a message is
// tried at once, again within seconds, through the next messenger, or not at all. And nobody gets the same message twice because we were
// unsure: an attempt whose outcome nobody knows ends it, unless the messenger says otherwise.
//
//	send.go         Send: render, open the record, attempt, close the record
//	post.go         Post: Send in the background
//	policy.go       what to do after an attempt (pure)
//	limit.go        how many messages one recipient and one tenant get
//	recipient.go    addresses and numbers: how they are compared and shown
//	scrub.go        takes codes and addresses out of what receivers answer
//	explain.go      what the event log says
//	way.go          messengers and templates as this package sees them
//	through.go      the messengers and mail servers that are set up
//	rendering.go    the templates that are set up
//	log.go          the message log: search, what a crash left, retention
//	lately.go       what messengers did the last day
//	message_sql.go  its queries
package message

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Options are what a Sender is made of. All but Metrics and Logger are required.
type Options struct {
	DB        *db.DB
	Journal   *journal.Journal
	Tenants   *tenant.Service
	Ways      Ways
	Templates Templates
	// RecipientKey keys the hash that equal recipients are found by. It must stay the same for the life of the store.
	RecipientKey []byte
	// Node names this process, as it does in the table of living processes.
	Node string
	// Metrics count messages. Nil counts nothing.
	Metrics Metrics
	// Logger hears of what cannot be written into the record. Defaults to silence.
	Logger *slog.Logger
}

// Metrics count messages and attempts.
type Metrics interface {
	// Message counts a message that has ended, and how long it took. kind is a [wire.MessageKind], state a [wire.MessageState].
	Message(kind, state string, d time.Duration)
	// MessageAttempt counts one attempt to hand a message over. outcome is an egress.Outcome.
	MessageAttempt(kind, outcome string, d time.Duration)
}

// Sender sends messages and reads their log. It is safe for concurrent use.
type Sender struct {
	o         Options
	positions search.Positions
	stopping  chan struct{} // closed by Stop
	// pause waits between two tries. It returns early when stopping is closed. A test replaces it.
	pause func(ctx context.Context, d time.Duration)

	posting sync.Mutex // guards drained, and that nothing is posted after it
	drained bool
	posted  sync.WaitGroup
	postmen chan struct{}
}

// New returns a Sender. Start is to be called before the first message.
func New(o Options) *Sender {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Sender{o: o, stopping: make(chan struct{}), postmen: make(chan struct{}, postedAtOnce)}
	s.pause = s.wait
	return s
}

// Start closes the record of messages that were being sent when a process ended. They are not sent again.
func (s *Sender) Start(ctx context.Context) error { return s.closeLost(ctx) }

// Stop ends pauses between attempts and lets no further attempt begin; those under way end by themselves. It does not wait, as messages are
// sent by those who ask for it. To be called once.
func (s *Sender) Stop() { close(s.stopping) }

func (s *Sender) stopped() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

func (s *Sender) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopping:
	case <-ctx.Done():
	}
}

// Request is one message to one person.
type Request struct {
	// Tenant is whose limits and mail server count. Required.
	Tenant wire.ID
	// Application is set where an application chose the template. Optional; it is only recorded.
	Application wire.ID
	// User is the recipient, nil when it is nobody known.
	User *wire.User
	// Languages are the recipient's locales, the best first.
	Languages []string
	// Kind is required.
	Kind wire.MessageKind
	// To is a phone number or an e-mail address. Required; see [Valid].
	To string
	// Purpose is a word for the record, such as two-factor. Required.
	Purpose string
	// Template is rendered with Model. It is a message template for a phone, an e-mail template for an e-mail. Required.
	Template wire.ID
	Model    map[string]any
	// Messengers are tried in order, for SMS and Voice. An e-mail goes through the mail server of the tenant.
	Messengers []wire.ID
	// Code is the one-time code in the text, empty without one. Messengers that ask for it get it, and no record has it.
	Code string
	// Secrets are other parts of the text that must be in no record, such as the id in a link.
	Secrets []string
	// Until is when the message is worth nothing any more. Zero means that it does not matter.
	Until time.Time
	// ErrorCode is that of the error when nobody took the message, with its brackets. Defaults to [MessengerError].
	ErrorCode string
	// Within runs in the transaction that puts the message on record, once it is certain that the message may be sent, so that what makes it necessary costs no
	// commit of its own. It may run more than once. Its error is that of Send, and nothing is sent then. Optional.
	Within func(tx *db.Tx) error
	// Test makes one attempt only, does not count towards the limits, and a failure is left out of the event log: whoever tests sees it.
	Test bool
}

// ErrNotSent is in the error of a message that nobody took, or of which nobody knows; the message's State tells which.
var ErrNotSent = errors.New("the message was not sent")

// ErrLimited is in the error of a message that was one too many.
var ErrLimited = errors.New("too many messages")
