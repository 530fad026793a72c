package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

type listenCommand struct {
	remote
	ForwardTo     string   `placeholder:"URL" help:"Hand each request to this address, as a webhook would get it, and report its answer. Default: show them."`
	Events        []string `placeholder:"TYPE,…" help:"Only these types; a * stands for anything: 'user.*,group.create'. Default: all."`
	Tenant        string   `placeholder:"TENANT" help:"Only this tenant, by id or name. Default: all that the key may see."`
	Transactional bool     `help:"Have a say: the answer of --forward-to counts as a webhook's does. Without it nothing depends on it."`
	Print         string   `enum:"auto,line,body" default:"auto" placeholder:"line|body" help:"Print a line for each event, or its body too. Default: a line, and on a terminal the first body."`
	Headers       bool     `help:"Print the headers of each request."`
	Count         int      `placeholder:"N" help:"End after so many events."`
}

func (listenCommand) Help() string {
	return `This command is a temporary webhook: it needs no address, no setting and no key on the machine of the server. It gets the requests that webhooks get, signed with a key that stays
the same, and its answers are in the webhook log. It also sees events that are off at their tenant. Certificates of a target on this machine are not checked.

With --transactional its answer counts under the transaction setting of the tenant. When it ends, however it ends, it counts for nothing and blocks nobody.

On a terminal: arrows select, Enter or d details, r send again, o open in the admin UI, c copy as curl, space pause, / filter, q quit.
Elsewhere there is one line per event, or with -o jsonl one JSON object.

Examples:

  herald listen
  herald listen --forward-to http://localhost:3000/hooks --events 'user.*'
  herald listen --forward-to http://localhost:3000/hooks --transactional
  herald listen --count 1 -o jsonl | jq -r .exchange.body`
}

// Validate is called by kong.
func (c *listenCommand) Validate() error {
	if c.ForwardTo != "" {
		u, err := url.Parse(c.ForwardTo)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return errors.New("--forward-to must be a URL such as http://localhost:3000/hooks")
		}
	}
	if c.Transactional && c.ForwardTo == "" {
		return errors.New("--transactional needs --forward-to: a terminal has no opinion")
	}
	if c.Count < 0 {
		return errors.New("--count is not below zero")
	}
	if c.Output == yamlF {
		return errors.New("-o yaml is not for streams; there are table and jsonl")
	}
	return nil
}

// heard is one event that came, and what became of it.
type heard struct {
	exchange wire.ListenerExchange
	answer   wire.ListenerAnswer
	at       time.Time
	note     string // what else people should know
	again    int    // times it was sent again
}

func (h *heard) failed() bool { return h.answer.StatusCode < 200 || h.answer.StatusCode > 299 }

// ear is the command at work.
type ear struct {
	*session
	c       *listenCommand
	forward *forwarder // nil when events are only shown
	show    shower

	mu     sync.Mutex // over what follows, and over show
	events int
	failed int
	lost   int
	warned bool // that nobody answers
}

// shower is where events are shown: lines, JSON, or a screen with keys. Its methods are called one at a time.
type shower interface {
	event(h *heard)
	say(text string)
}

// errEnough ends a command that has what it wanted.
var errEnough = errors.New("enough")

func (c *listenCommand) Run(ctx context.Context, s *session) error {
	if c.Tenant != "" {
		t, err := s.tenant(ctx, c.Tenant)
		if err != nil {
			return err
		}
		s.Client = s.In(t.ID)
	}
	e := &ear{session: s, c: c}
	if c.ForwardTo != "" {
		e.forward = newForwarder(c.ForwardTo)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	interactive := s.terminal && c.Output.or(s.output) == table && c.Output == "" && canReadKeys(s.in)
	switch {
	case c.Output == jsonF || c.Output == jsonl:
		e.show = &jsonShower{s}
	case interactive:
		screen, restore, err := newScreen(e, func() { cancel(errEnough) })
		if err != nil {
			return err
		}
		defer restore()
		e.show = screen
		go screen.keys()
	default:
		e.show = &lineShower{e: e, bodies: c.Print == "body"}
	}
	err := e.listen(ctx, cancel)
	if cause := context.Cause(ctx); errors.Is(cause, errEnough) {
		err = nil
	}
	e.sayOnce("%s.", e.summary())
	return err
}

// summary is what came of all events.
func (e *ear) summary() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := counts(e.events, "event")
	if e.forward != nil {
		text += fmt.Sprintf(", %d failed", e.failed)
	}
	if e.lost > 0 {
		text += fmt.Sprintf(", %d missed", e.lost)
	}
	return text
}

func (e *ear) sayOnce(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.show.say(fmt.Sprintf(format, args...))
}

// listen listens, and again when the connection was lost.
func (e *ear) listen(ctx context.Context, cancel context.CancelCauseFunc) error {
	given := wire.Listener{Events: e.c.Events, Transactional: e.c.Transactional, Target: egress.RedactURL(e.c.ForwardTo)}
	if e.c.ForwardTo == "" {
		given.Target = ""
	}
	pause := 500 * time.Millisecond
	for first := true; ; first = false {
		l, err := e.Listeners.Listen(ctx, given)
		if err == nil {
			if first {
				e.ready(&l.ListenerReady)
			} else {
				e.sayOnce("Connected again. What happened in between was not heard.")
			}
			pause = 500 * time.Millisecond
			err = e.take(ctx, l, cancel)
			l.Close()
		} else if first {
			return err
		}
		ended, isEnd := errors.AsType[*client.EndError](err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isEnd && ended.Reason == "denied":
			return err
		case isEnd || errors.Is(err, client.ErrUnreachable):
			e.sayOnce("%s Trying again …", strings.TrimRight(upperFirst(err.Error()), ".")+".")
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
}

func upperFirst(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// ready says what is connected to what.
func (e *ear) ready(r *wire.ListenerReady) {
	to := "this terminal"
	if e.forward != nil {
		to = egress.RedactURL(e.c.ForwardTo)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Ready. %s → %s\n", counts(len(r.EventTypes), "event type"), to)
	fmt.Fprintf(&b, "Signing key  %s (kept between runs)   JWKS %s%s\n", r.SigningKey.Name, e.URL(), r.SigningKey.JWKSPath)
	switch {
	case !r.Listener.Transactional:
		fmt.Fprint(&b, "Transactions not taking part")
		if e.forward != nil {
			fmt.Fprint(&b, " (add --transactional to be able to refuse)")
		}
	case len(r.Voting) == 0:
		fmt.Fprint(&b, "Transactions taking part, but at present nobody is asked about any of these events: they are off at the tenant, or their transaction setting is None")
	default:
		fmt.Fprintf(&b, "Transactions taking part: the answer counts for %s", someOf(r.Voting, 6))
	}
	fmt.Fprintln(&b)
	e.sayOnce("%s", b.String())
}

func someOf(all []string, most int) string {
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}

// take deals with what comes: votes at once, as somebody waits for them, everything else in its order.
func (e *ear) take(ctx context.Context, l *client.Listening, cancel context.CancelCauseFunc) error {
	var working sync.WaitGroup
	defer working.Wait()
	inOrder := make(chan *wire.ListenerExchange, 64)
	defer close(inOrder)
	working.Go(func() {
		for x := range inOrder {
			e.deal(ctx, l, x, cancel)
		}
	})
	stop := context.AfterFunc(ctx, l.Close)
	defer stop()
	for {
		m, err := l.Next()
		if err != nil {
			return err
		}
		switch {
		case m.Lost > 0:
			e.mu.Lock()
			e.lost += m.Lost
			e.show.say(fmt.Sprintf("          … %s missed: more came than could be taken", counts(m.Lost, "event")))
			e.mu.Unlock()
		case m.Exchange.Vote:
			working.Go(func() { e.deal(ctx, l, m.Exchange, cancel) })
		default:
			select {
			case inOrder <- m.Exchange:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// deal hands an event on, reports the answer and shows it.
func (e *ear) deal(ctx context.Context, l *client.Listening, x *wire.ListenerExchange, cancel context.CancelCauseFunc) {
	if e.enough() {
		return
	}
	h := &heard{exchange: *x, at: time.Now(), answer: wire.ListenerAnswer{StatusCode: 200}}
	if e.forward != nil {
		h.answer = e.forward.send(ctx, x)
	}
	if ctx.Err() != nil {
		return // the server finds out that nobody answers any more
	}
	if err := l.Answer(ctx, x.ID, h.answer); err != nil && x.Vote && errors.Is(err, client.ErrNotFound) {
		h.note = "the answer came too late to count"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.c.Count > 0 && e.events >= e.c.Count {
		return
	}
	e.events++
	if h.failed() {
		e.failed++
	}
	h.note = cmp.Or(h.note, e.noteOn(h))
	e.show.event(h)
	if e.c.Count > 0 && e.events == e.c.Count {
		cancel(errEnough)
	}
}

func (e *ear) enough() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.c.Count > 0 && e.events >= e.c.Count
}

// noteOn is what people should know about an event beyond its line. The lock is held.
func (e *ear) noteOn(h *heard) string {
	x, a := &h.exchange, &h.answer
	switch {
	case e.forward != nil && a.StatusCode == 0 && !e.warned && slices.Contains([]string{"connect", "dns", "tls"}, a.Outcome):
		e.warned = true
		return fmt.Sprintf("nobody answers at %s: %s. Start your receiver; until then events are shown here and nothing else happens.", egress.RedactURL(e.c.ForwardTo), a.Exception)
	case e.forward != nil && h.failed() && x.Vote:
		return "receiver said no, and that counts"
	case e.forward != nil && h.failed() && isTransactional(x) && x.TransactionType != wire.None && !x.OffAtTenant:
		return fmt.Sprintf("receiver said no. With --transactional this %s could have been refused (504).", nounOf(x.EventType))
	}
	return ""
}
