package kickstart

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
)

// Target is the server a file is run against. All functions but DefaultTenant are required. They are called one after the other.
type Target struct {
	// Untouched tells whether nobody has used the server yet: it has no API keys and no users. A default tenant and the built-in
	// application do not count.
	Untouched func(ctx context.Context) (bool, error)
	// DefaultTenant gives the default tenant this id. It is called before the first key is created, and only when the file asks for it.
	DefaultTenant func(ctx context.Context, id string) error
	// CreateKey creates one API key. The tenant of a key may be created by a request that comes later.
	CreateKey func(ctx context.Context, k APIKey) error
	// Handler answers the API requests; a request's context ends at its time limit.
	Handler http.Handler
	// Success announces that everything was applied; it is where the event kickstart.success comes from.
	Success func(ctx context.Context) error
}

// Report says what a run did. It holds no secrets.
type Report struct {
	// Skipped is true when the server was not untouched, so nothing was done.
	Skipped bool
	// Keys and Requests count what was applied and remains, also when Run returned an error.
	Keys, Requests int
	// Done names each step that was applied, in order.
	Done []string
	// Warnings are those of the file.
	Warnings []Problem
}

// String says what was done: "2 keys and 4 requests were applied".
func (r Report) String() string {
	if r.Skipped {
		return "nothing was done, because the server is already in use"
	}
	return fmt.Sprintf("%s and %s were applied", count(r.Keys, "key"), count(r.Requests, "request"))
}

// StepError says which step failed, what came back and what remains applied. Nothing is rolled back: requests may have been put
// to webhooks, which cannot be asked again to forget.
type StepError struct {
	// Step names the step: "request 5 of 9 (POST /api/user)".
	Step string
	// Status is the HTTP status of a request that was answered, otherwise zero.
	Status int
	// Codes are the codes of the errors document that came back, such as "[duplicate]user.email".
	Codes []string
	// Message is what came back, in words.
	Message string
	// Applied is what was done before and remains, and what follows from that: "2 keys and 4 of 9 requests were applied and remain; …".
	Applied string
	// Err is the cause, if there is one.
	Err error
}

func (e *StepError) Error() string {
	return fmt.Sprintf("kickstart stopped at %s: %s\n%s", e.Step, e.Message, e.Applied)
}

func (e *StepError) Unwrap() error { return e.Err }

// Run applies f to an untouched server and skips any other. It creates the keys, then makes the requests one after the other, and
// stops at the first step that fails, with a *StepError. The report is right in either case. A nil log logs nothing.
func Run(ctx context.Context, f *File, t Target, log *slog.Logger) (Report, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &run{file: f, target: t, log: log, report: Report{Warnings: f.Warnings}}
	untouched, err := t.Untouched(ctx)
	if err != nil {
		return r.report, fmt.Errorf("kickstart: cannot tell whether the server is in use: %w", err)
	}
	if !untouched {
		r.report.Skipped = true
		log.InfoContext(ctx, "kickstart skipped: the server already has users or API keys", "file", f.Path)
		return r.report, nil
	}
	for _, w := range f.Warnings {
		log.WarnContext(ctx, "kickstart: "+w.String())
	}
	if err := r.apply(ctx); err != nil {
		return r.report, err
	}
	log.InfoContext(ctx, "kickstart done", "file", f.Path, "keys", r.report.Keys, "requests", r.report.Requests)
	return r.report, nil
}

type run struct {
	file   *File
	target Target
	log    *slog.Logger
	report Report
}

func (r *run) apply(ctx context.Context) error {
	if id := r.file.DefaultTenantID(); id != "" {
		step := "the id of the default tenant (variable defaultTenantId)"
		if r.target.DefaultTenant == nil {
			return r.failed(&StepError{Step: step, Message: "this server cannot change it"})
		}
		if err := r.target.DefaultTenant(ctx, id); err != nil {
			return r.failed(&StepError{Step: step, Message: err.Error(), Err: err})
		}
		r.report.Done = append(r.report.Done, "default tenant "+id)
	}
	for i, k := range r.file.APIKeys {
		if err := r.target.CreateKey(ctx, k); err != nil {
			step := fmt.Sprintf("%s (%d of %d)", k, i+1, len(r.file.APIKeys))
			return r.failed(&StepError{Step: step, Message: err.Error(), Err: err})
		}
		r.report.Keys++
		r.report.Done = append(r.report.Done, fmt.Sprintf("%s (%d of %d)", k, i+1, len(r.file.APIKeys)))
	}
	for i, q := range r.file.Requests {
		step := fmt.Sprintf("request %d of %d (%s)", i+1, len(r.file.Requests), q)
		if err := r.request(ctx, q, step); err != nil {
			return r.failed(err)
		}
		r.report.Requests++
		r.report.Done = append(r.report.Done, step)
		r.log.DebugContext(ctx, "kickstart: "+step)
	}
	if err := r.target.Success(ctx); err != nil {
		return r.failed(&StepError{Step: "the event kickstart.success", Message: err.Error(), Err: err})
	}
	return nil
}

// failed completes a StepError with what remains, and removes secrets that came back with it.
func (r *run) failed(e *StepError) error {
	e.Applied = fmt.Sprintf("%s and %d of %s were applied and remain", count(r.report.Keys, "key"), r.report.Requests, count(len(r.file.Requests), "request"))
	switch {
	case len(r.report.Done) == 0:
		e.Applied = "nothing was applied"
	case r.report.Keys > 0: // from now on the server counts as used
		e.Applied += "; to run the file again, begin with an empty store"
	}
	e.Message = r.redact(e.Message)
	for i, code := range e.Codes {
		e.Codes[i] = r.redact(code)
	}
	if e.Err != nil {
		e.Err = &hiddenError{text: r.redact(e.Err.Error()), err: e.Err}
	}
	return e
}

// hiddenError keeps the identity of an error for errors.Is and errors.As, but not its text.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.err }

func (r *run) request(ctx context.Context, q Request, step string) *StepError {
	limit := r.file.Settings.ReadTimeout
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := r.newRequest(ctx, q)
	if err != nil {
		return &StepError{Step: step, Message: err.Error(), Err: err}
	}
	a, err := serve(ctx, r.target.Handler, req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &StepError{Step: step, Err: err, Message: fmt.Sprintf("no answer within %v (settings.readTimeout); it may still have been applied", limit)}
	case errors.Is(err, context.Canceled):
		return &StepError{Step: step, Err: err, Message: "it was interrupted because the server stops; it may still have been applied"}
	case err != nil:
		if p, ok := errors.AsType[*panicError](err); ok {
			r.log.ErrorContext(ctx, "kickstart: panic in "+step, "panic", r.redact(fmt.Sprint(p.value)), "stack", string(p.stack))
		}
		return &StepError{Step: step, Err: err, Message: err.Error()}
	case !a.ok():
		codes, messages := a.errors()
		return &StepError{Step: step, Status: a.status, Codes: codes, Message: fmt.Sprintf("it was answered with %d%s", a.status, explain(a.status, messages))}
	}
	return nil
}

func (r *run) newRequest(ctx context.Context, q Request) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, q.Method, "http://localhost"+q.URL, bytes.NewReader(q.Body))
	if err != nil {
		return nil, errors.New("its URL cannot be used") // the cause would repeat the query
	}
	req.RequestURI = q.URL
	req.RemoteAddr = "127.0.0.1:0"
	req.Header.Set("Authorization", r.file.APIKeys[0].Key)
	req.Header.Set("User-Agent", "herald-kickstart")
	if len(q.Body) > 0 {
		req.Header.Set("Content-Type", q.ContentType)
	}
	if q.TenantID != "" {
		req.Header.Set("X-FusionAuth-TenantId", q.TenantID)
	}
	return req, nil
}

// explain puts the messages of an errors document into words; the answers that come with an empty body get ours.
func explain(status int, messages []string) string {
	if len(messages) > 0 {
		return ": " + strings.Join(messages, "; ")
	}
	switch status {
	case http.StatusUnauthorized:
		return ": the first API key may not do this"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return ": there is no such object or endpoint"
	}
	return ""
}

// redact removes the values of keys and passwords from a text. Answers that quote the request would otherwise carry them into the log.
func (r *run) redact(s string) string {
	var hidden []string
	for _, k := range r.file.APIKeys {
		hidden = append(hidden, k.Key)
	}
	for _, q := range r.file.Requests {
		hidden = append(hidden, q.secrets...)
	}
	// The longest first, because one secret may be part of another.
	slices.SortFunc(hidden, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, h := range hidden {
		if len(h) >= 4 { // shorter ones protect nothing and would punch holes into ordinary words
			s = strings.ReplaceAll(s, h, "•••")
		}
	}
	return s
}

// serve lets h answer req in this process. It returns when the context ends even if the handler does not; what the handler does after
// that goes nowhere.
func serve(ctx context.Context, h http.Handler, req *http.Request) (*answer, error) {
	type result struct {
		answer *answer
		err    error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- result{err: &panicError{p, debug.Stack()}}
			}
		}()
		a := &answer{header: http.Header{}}
		h.ServeHTTP(a, req)
		done <- result{answer: a}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		select {
		case r = <-done:
		default:
			return nil, ctx.Err()
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	// After the limit only a plain yes counts: silence and errors are then consequences of the limit.
	if ctx.Err() != nil && !r.answer.ok() {
		return nil, ctx.Err()
	}
	r.answer.WriteHeader(http.StatusOK) // what an http.Server does for a handler that wrote nothing
	return r.answer, nil
}

// panicError is a handler that panicked.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string {
	return "the server failed while answering; the log has the details"
}

// answer is the http.ResponseWriter of a request that never leaves the process. It keeps the beginning of the body, enough for an
// errors document.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

const maxAnswer = 64 << 10 // bytes

func (a *answer) ok() bool { return a.status >= 200 && a.status <= 299 }

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body.Write(b[:min(len(b), maxAnswer-a.body.Len())])
	return len(b), nil
}

// errors reads the codes and messages of an errors document: field errors by field, then general ones, at most five. Any other
// body says nothing fit for a log.
func (a *answer) errors() (codes, messages []string) {
	type detail struct{ Code, Message string }
	var document struct {
		FieldErrors   map[string][]detail
		GeneralErrors []detail
	}
	if json.Unmarshal(a.body.Bytes(), &document) != nil {
		return nil, nil
	}
	var details []detail
	for _, field := range slices.Sorted(maps.Keys(document.FieldErrors)) {
		details = append(details, document.FieldErrors[field]...)
	}
	details = append(details, document.GeneralErrors...)
	for i, d := range details {
		if i == 5 {
			messages = append(messages, fmt.Sprintf("and %d more", len(details)-i))
			break
		}
		codes = append(codes, shorten(d.Code, 100))
		messages = append(messages, strings.TrimSpace(shorten(d.Code, 100)+" "+shorten(d.Message, 300)))
	}
	return codes, messages
}

// shorten makes a text one line of at most n characters.
func shorten(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
