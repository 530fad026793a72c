package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/herald-events/herald/wire"
)

// door is what events and messages have in common: who may come in, and what becomes of what a handler says.
type door struct {
	options Options
	maxBody int64
	log     *slog.Logger
}

func newDoor(o Options) door {
	if len(o.Checks) == 0 {
		panic("receiver: Options.Checks is empty: say how requests are recognized, or receiver.Anyone() to take what anybody sends")
	}
	o.Checks = slices.Clone(o.Checks) // they cannot be changed behind our back
	d := door{options: o, maxBody: o.MaxBody, log: o.Log}
	if d.maxBody <= 0 {
		d.maxBody = usualBody
	}
	if d.log == nil {
		d.log = slog.Default()
	}
	return d
}

// admit returns the body of a request that may come in. Otherwise it has answered.
func (d *door) admit(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answer(w, http.StatusMethodNotAllowed, "methodNotAllowed", "Only POST is taken here.")
		return nil, false
	}
	// What needs no body comes first, so that a stranger cannot make us keep one.
	for _, c := range d.options.Checks {
		if c.late == nil {
			if err := c.Verify(r, nil); err != nil {
				d.unauthorized(w, r, err)
				return nil, false
			}
		}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" || len(r.Header.Values("Content-Type")) > 1 {
		answer(w, http.StatusUnsupportedMediaType, "unsupportedMediaType", "The Content-Type must be application/json.")
		return nil, false
	}
	if r.Header.Get("Content-Encoding") != "" {
		answer(w, http.StatusUnsupportedMediaType, "unsupportedMediaType", "A body with a Content-Encoding is not taken.")
		return nil, false
	}
	body, err := d.read(w, r)
	if err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			d.log.WarnContext(r.Context(), "a request was turned away", "reason", fmt.Sprintf("its body is longer than %d bytes (MaxBody)", d.maxBody), "remote", r.RemoteAddr)
			answer(w, http.StatusRequestEntityTooLarge, "tooLarge", fmt.Sprintf("The body is longer than %d bytes.", d.maxBody))
			return nil, false
		}
		answer(w, http.StatusBadRequest, "incompleteBody", "The body did not arrive as a whole.")
		return nil, false
	}
	for _, c := range d.options.Checks {
		if c.late != nil {
			if err := c.Verify(r, body); err != nil {
				d.unauthorized(w, r, err)
				return nil, false
			}
		}
	}
	return body, true
}

func (d *door) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > d.maxBody {
		return nil, &http.MaxBytesError{Limit: d.maxBody}
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, d.maxBody))
}

// ahead is how far the clock of a sender may be ahead of ours.
const ahead = 5 * time.Minute

// timely returns an error for an instant that is not within MaxAge.
func (d *door) timely(created wire.Instant) error {
	if d.options.MaxAge <= 0 {
		return nil
	}
	age := time.Since(time.UnixMilli(int64(created)))
	switch {
	case created == 0:
		return errors.New("the event does not say when it was created")
	case age > d.options.MaxAge:
		return fmt.Errorf("the event was created %v ago, %v at most are taken (MaxAge)", age.Round(time.Second), d.options.MaxAge)
	case age < -ahead:
		return fmt.Errorf("the event will be created in %v", -age.Round(time.Second))
	}
	return nil
}

// handle calls fn, for one id once, and answers what comes of it.
func (d *door) handle(w http.ResponseWriter, r *http.Request, id string, about slog.Attr, fn func(context.Context) error) {
	ctx := r.Context()
	once := d.options.Once
	if id == "" {
		once = nil // nothing to recognize it by
	}
	if once != nil {
		state, err := once.Claim(ctx, id)
		if err != nil {
			d.log.ErrorContext(ctx, "not handled, as it cannot be told whether it has been before", about, "error", err)
			later(w, time.Second, "notHandled", "")
			return
		}
		switch state {
		case Fresh:
		case Busy:
			later(w, time.Second, "inProgress", "This is being handled at this moment.")
			return
		default:
			answerJSON(w, http.StatusOK, []byte(`{"duplicate":true}`))
			return
		}
	}
	returned := false
	defer func() {
		if once != nil && !returned { // the handler has ended its goroutine, as t.Fatal does: its claim must not outlive it
			d.settle(ctx, once, id, about, false)
		}
	}()
	err := calmly(ctx, fn)
	if returned = true; once != nil {
		d.settle(ctx, once, id, about, err == nil)
	}
	d.conclude(w, r, about, err)
}

// settleTime is how long a store may take to note what became of an event, after the sender may have hung up.
const settleTime = 5 * time.Second

func (d *door) settle(ctx context.Context, once Once, id string, about slog.Attr, handled bool) {
	// What was handled was handled, also when the sender no longer waits for the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	note := once.Release
	if handled {
		note = once.Commit
	}
	if err := note(ctx, id); err != nil {
		d.log.ErrorContext(ctx, "what became of it could not be noted; should it come again, it may be handled again", about, "handled", handled, "error", err)
	}
}

// conclude turns what a handler has returned into an answer.
func (d *door) conclude(w http.ResponseWriter, r *http.Request, about slog.Attr, err error) {
	if err == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	if e, ok := errors.AsType[*malformed](err); ok {
		d.malformed(w, r, e.err)
		return
	}
	if e, ok := errors.AsType[*Refusal](err); ok {
		d.log.InfoContext(r.Context(), "refused", about, "reason", e.Reason)
		answer(w, http.StatusUnprocessableEntity, "refused", e.Reason)
		return
	}
	if e, ok := errors.AsType[*postponed](err); ok {
		d.log.InfoContext(r.Context(), "put off", about, "reason", e.reason, "pause", e.pause)
		later(w, e.pause, "later", e.reason)
		return
	}
	status := http.StatusInternalServerError
	if _, ok := errors.AsType[*unsure](err); ok {
		status = http.StatusGatewayTimeout
	}
	attributes := []any{about, "error", err}
	if p, ok := errors.AsType[*panicked](err); ok {
		attributes = append(attributes, "stack", string(p.stack))
	}
	d.log.ErrorContext(r.Context(), "not handled", attributes...)
	answer(w, status, "notHandled", "") // the error may hold what the sender's record should not have
}

// calmly calls fn and makes a panic an error.
func calmly(ctx context.Context, fn func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return fn(ctx)
}

// unauthorized turns a request away, for good or, when nobody can say, for now: the fault is not the sender's, who should come again.
func (d *door) unauthorized(w http.ResponseWriter, r *http.Request, why error) {
	if _, ok := errors.AsType[*unavailable](why); ok {
		d.log.ErrorContext(r.Context(), "it cannot be told whether to let a request in", "reason", why.Error(), "remote", r.RemoteAddr)
		later(w, time.Second, "notVerified", "")
		return
	}
	d.log.WarnContext(r.Context(), "a request was turned away", "reason", why.Error(), "remote", r.RemoteAddr)
	answerJSON(w, http.StatusUnauthorized, []byte(`{"errors":[{"code":"[notAuthorized]"}]}`))
}

func (d *door) malformed(w http.ResponseWriter, r *http.Request, why error) {
	d.log.WarnContext(r.Context(), "a request was turned away", "reason", why.Error(), "remote", r.RemoteAddr)
	answer(w, http.StatusBadRequest, "invalidBody", why.Error())
}
