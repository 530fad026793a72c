package receiver

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/herald-events/herald/event"
)

// Options say whom a receiver lets in and how it handles what comes.
type Options struct {
	// Checks must all hold; a request that fails one is answered 401. At least one is required: [Anyone] is the one that lets everybody in.
	Checks []Check

	// Once remembers what was handled, so that each event, and each message, is handled once however often it comes. Nil handles all that comes.
	Once Once

	// MaxAge is how long after its creation an event is still taken; older ones, and those created more than five minutes from now, are answered 401. Retries are
	// as old as the event: Herald's go on for 28 hours, and an event that waited for a paused webhook or was sent again by hand may be older still. Zero takes
	// events of any age. Messages have none.
	MaxAge time.Duration

	// MaxBody is how many bytes a body may have; a longer one is answered 413. Zero means 1 MiB, or 32 MiB once there is a handler for
	// user.bulk.create, which carries all users of an import.
	MaxBody int64

	// Log hears why requests were turned away and why events were not handled. Never any secret, body or presented value. Nil means slog.Default().
	Log *slog.Logger
}

const (
	usualBody = 1 << 20
	bulkBody  = 32 << 20
)

// Receiver is the http.Handler of a webhook. It is set up with [On] and [Receiver.Default] before it serves, and may then be used concurrently.
type Receiver struct {
	door
	handlers  map[event.Type]handler
	otherwise func(context.Context, *Event) error
}

// handler handles the content of an event, once its header is known.
type handler func(context.Context, *Event) error

// New returns a receiver that answers every event with 200 and does nothing. It panics when o has no checks, as a receiver that lets everybody in should be one on
// purpose.
func New(o Options) *Receiver {
	return &Receiver{door: newDoor(o), handlers: map[event.Type]handler{}, otherwise: ignore}
}

// On has handle called for each event of type t. P is the payload that goes with t, such as *[event.UserEvent] for user.create, or a pointer to a struct of
// your own that embeds [event.Header] and has the members you need.
//
// What handle returns is the answer: nil is 200; [Refuse] says no, which stops a transaction; any other error, and a panic, is 500 and asks to be sent the event again.
// Its context ends when the sender hangs up.
//
// On panics, as the routes of an http.ServeMux do, when t is no event type, has another payload than P or has a handler already.
func On[T any, P interface {
	*T
	event.Payload
}](r *Receiver, t event.Type, handle func(context.Context, P) error) {
	d, known := event.Lookup(t)
	if !known {
		hint := ""
		if s := event.Suggest(string(t)); s != "" {
			hint = fmt.Sprintf(", did you mean %q?", s)
		}
		panic(fmt.Sprintf("receiver: %q is no event type%s", t, hint))
	}
	if wants := reflect.TypeOf(d.New()); reflect.TypeFor[T]().PkgPath() == wants.Elem().PkgPath() && reflect.TypeFor[P]() != wants {
		panic(fmt.Sprintf("receiver: the payload of %s is a %v, not a %v", t, wants, reflect.TypeFor[P]()))
	}
	if handle == nil {
		panic(fmt.Sprintf("receiver: there is no handler for %s", t))
	}
	if r.handlers[t] != nil {
		panic(fmt.Sprintf("receiver: there are two handlers for %s", t))
	}
	r.handlers[t] = func(ctx context.Context, e *Event) error {
		p := P(new(T))
		if err := e.Decode(p); err != nil {
			return &malformed{err}
		}
		return handle(ctx, p)
	}
	if t == event.UserBulkCreate && r.options.MaxBody == 0 {
		r.maxBody = bulkBody
	}
}

// Default has handle called for each event that has no handler of its own, types that nobody knew when the receiver was built included. Without it such an
// event is answered with 200 and forgotten, so that a new type does not fail anything. [RefuseOthers] is a handler that does the opposite.
func (r *Receiver) Default(handle func(context.Context, *Event) error) {
	if handle == nil {
		panic("receiver: Default: there is no handler")
	}
	r.otherwise = handle
}

func ignore(context.Context, *Event) error { return nil }

// RefuseOthers, given to [Receiver.Default], refuses every event without a handler. Where a webhook takes part in a transaction this lets nothing happen that the
// receiver knows nothing about. A type that is sent after the commit would be tried again for hours.
func RefuseOthers(_ context.Context, e *Event) error {
	return Refuse(fmt.Sprintf("this receiver does not handle %.100s", e.Type))
}

// ServeHTTP takes one event.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, ok := r.admit(w, q)
	if !ok {
		return
	}
	e, err := parse(body)
	if err != nil {
		r.malformed(w, q, err)
		return
	}
	if err := r.timely(e.CreateInstant); err != nil {
		r.unauthorized(w, q, err)
		return
	}
	handle := r.handlers[e.Type]
	if handle == nil {
		handle = r.otherwise
	}
	about := slog.Group("event", "id", string(e.ID), "type", string(e.Type))
	r.handle(w, q, string(e.ID), about, func(ctx context.Context) error { return handle(ctx, e) })
}
