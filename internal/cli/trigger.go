package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

type triggerCommand struct {
	remote
	rehearsed
	Event  string            `arg:"" help:"The event type, such as user.create; see: herald events types."`
	User   map[string]string `placeholder:"NAME=VALUE" mapsep:"none" help:"A member of the user that the event is about: email=ana@example.com. Can be repeated."`
	Tenant string            `placeholder:"TENANT" help:"The tenant, by id or name. Default: the only one."`
	Inject bool              `help:"Publish the example of the event instead, as another system would: nothing else happens."`
	Count  int               `placeholder:"N" default:"1" help:"So many times (default: ${default})."`
}

func (triggerCommand) Help() string {
	return `Causes a real event through the API, with what it depends on: user.login.failed makes a user, who then gives a wrong password. What it makes on the way stays, and is
named. Where webhooks refuse, the status is 6.

Examples:

  herald trigger user.create
  herald trigger user.create --user email=ana@example.com --user firstName=Ana
  herald trigger user.login.success --count 10
  herald trigger user.delete --inject
  herald trigger user.two-factor.challenge --dry-run`
}

// Validate is called by kong.
func (c *triggerCommand) Validate() error {
	if _, known := event.Lookup(event.Type(c.Event)); !known {
		if near := event.Suggest(c.Event); near != "" {
			return fmt.Errorf("there is no event type %q, did you mean %q?", c.Event, near)
		}
		return fmt.Errorf("there is no event type %q; see: herald events types", c.Event)
	}
	if event.IsCustom(event.Type(c.Event)) && !c.Inject {
		return errors.New("events of your own are published, not caused: add --inject")
	}
	if c.Count < 1 {
		return errors.New("--count is 1 or more")
	}
	return nil
}

func (c *triggerCommand) Run(ctx context.Context, s *session) error {
	t, err := s.tenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	var refused error
	for range c.Count {
		one := &cause{Client: s.In(t.ID), s: s, ctx: ctx, tenant: t.ID, user: c.User, emails: map[string]string{}}
		err := one.trigger(event.Type(c.Event), c.Inject)
		switch {
		case errors.Is(err, client.ErrRefused): // it has been said
			refused = err
		case err != nil:
			return err
		}
	}
	return refused
}

// cause causes one event. After an error of a call on the way the further ones do nothing.
type cause struct {
	*client.Client

	s      *session
	ctx    context.Context
	tenant wire.ID
	user   map[string]string
	made   []string          // what it made on the way, for people
	emails map[string]string // of the users among it, by their ids
	undo   []step            // which take away what is not to stay
	err    error
}

// step is the call that causes the event.
type step struct {
	method, path string
	body         any
	// expect is the status when it is no success: a login that fails is not found.
	expect int
}

func (c *cause) trigger(t event.Type, inject bool) error {
	var last step
	if inject {
		last = c.injected(t)
	} else {
		prepare, ok := causes[t]
		if !ok {
			return fmt.Errorf("%s cannot be caused through the API: %s", t, impossible[t])
		}
		last = prepare(c)
	}
	defer c.takeAway()
	if c.s.dryRun { // which has told of the calls on the way
		_, err := c.Send(c.ctx, last.method, last.path, last.body)
		return cmp.Or(c.err, err)
	}
	if c.err != nil {
		return fmt.Errorf("what %s depends on could not be made: %w", t, c.err)
	}
	if len(c.made) > 0 {
		c.s.say("On the way: %s", strings.Join(c.made, ", "))
	}
	before, err := c.newest()
	if err != nil {
		return err
	}
	began := time.Now()
	answer, err := c.Send(c.ctx, last.method, last.path, last.body)
	if err != nil {
		return err
	}
	path, _, _ := strings.Cut(last.path, "?")
	call := fmt.Sprintf("%s %s → %d in %d ms", last.method, path, answer.Status, time.Since(began).Milliseconds())
	failed := answer.Err(last.method, last.path)
	if answer.Status == last.expect {
		failed = nil
	}
	if failed != nil && !errors.Is(failed, client.ErrRefused) {
		c.s.say("%s", call)
		return failed
	}
	events, err := c.events(t, before)
	if err != nil {
		return err
	}
	if err := c.print(call, events); err != nil {
		return err
	}
	return failed
}

// takeAway removes what was only for a moment, also when somebody has interrupted it.
func (c *cause) takeAway() {
	for _, undo := range slices.Backward(c.undo) {
		answer, err := c.In("").Send(context.WithoutCancel(c.ctx), undo.method, undo.path, nil)
		if err == nil {
			err = answer.Err(undo.method, undo.path)
		}
		if err != nil && !errors.Is(err, errDryRun) && !errors.Is(err, client.ErrNotFound) {
			c.s.say("This was to be removed and could not be: %s. The next herald trigger that needs such a thing removes it.", undo.path)
		}
	}
}

// temporary marks what is only for a moment, in its free data.
const temporary = "heraldTrigger"

// leftAfter is how old such a thing is when whoever made it is certain to be gone.
const leftAfter = 10 * time.Minute

// sweep removes what others who were killed have left behind. What cannot be removed stays.
func (c *cause) sweep(path string, all iter.Seq2[momentary, error]) {
	if c.s.dryRun {
		return
	}
	for thing, err := range all {
		if err != nil {
			return
		}
		if marked, _ := thing.data[temporary].(bool); marked && time.Since(time.UnixMilli(int64(thing.made))) > leftAfter {
			_, _ = c.In("").Send(c.ctx, "DELETE", path+"/"+string(thing.id), nil)
		}
	}
}

// momentary is something that was made for a moment, or something else of the same kind.
type momentary struct {
	id   wire.ID
	made wire.Instant
	data map[string]any
}

// injected is the call that publishes the example of the event.
func (c *cause) injected(t event.Type) step {
	sample := object{"event": object{"type": t}}
	if example, err := event.Example(t); err == nil {
		c.fail(json.Unmarshal(example, &sample))
	}
	e, _ := sample["event"].(object)
	e["id"], e["tenantId"], e["createInstant"] = uuid.NewString(), c.tenant, time.Now().UnixMilli()
	if u, ok := e["user"].(object); ok {
		c.describe(u)
	}
	return step{method: "POST", path: "/api/event", body: sample}
}

// newest is the sequence of the latest event.
func (c *cause) newest() (int64, error) {
	page, err := c.Events.Page(c.ctx, wire.WebhookEventLogSearch{Page: wire.Page{NumberOfResults: 1}})
	if err != nil || len(page.WebhookEventLogs) == 0 {
		return 0, err
	}
	return page.WebhookEventLogs[0].Sequence, nil
}

const (
	// appearsWithin is how long an event is waited for, and settlesWithin how long for what its webhooks answer.
	appearsWithin = 10 * time.Second
	settlesWithin = 2 * time.Second
)

// events are those of the call, once the one that was asked for is among them and its webhooks have answered, or have had some time to.
func (c *cause) events(t event.Type, before int64) ([]wire.WebhookEventLog, error) {
	began, listening := time.Now(), false
	for _, err := range c.In("").Listeners.List(c.ctx) { // what they answer is on record a little later
		listening = err == nil
	}
	for {
		page, err := c.Events.Page(c.ctx, wire.WebhookEventLogSearch{Page: wire.Page{NumberOfResults: 50}})
		if err != nil {
			return nil, err
		}
		var operation string
		for _, e := range page.WebhookEventLogs {
			if e.Sequence > before && e.EventType == string(t) {
				operation = e.OperationID
			}
		}
		var events []wire.WebhookEventLog
		settled := true
		for _, e := range slices.Backward(page.WebhookEventLogs) {
			if operation != "" && e.Sequence > before && e.OperationID == operation {
				events = append(events, e)
				settled = settled && (!listening || len(e.Attempts) > 0)
				for _, d := range e.Deliveries {
					settled = settled && d.State != "pending"
				}
			}
		}
		switch waited := time.Since(began); {
		case len(events) > 0 && (settled || waited > settlesWithin):
			return events, nil
		case waited > appearsWithin:
			return nil, fmt.Errorf("%w: %s is not in the webhook log", errTimeout, t)
		}
		if err := sleep(c.ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// print tells what happened.
func (c *cause) print(call string, events []wire.WebhookEventLog) error {
	if c.s.format != table {
		return c.s.object(map[string]any{"call": call, "webhookEventLogs": events})
	}
	sinks := map[wire.ID]bool{}
	for sink, err := range c.In("").Sinks.List(c.ctx, wire.SinkSearch{}) {
		sinks[sink.ID] = err == nil // who may not see them counts them as webhooks
	}
	fmt.Fprintln(c.s, call)
	width := 0
	for _, e := range events {
		width = max(width, len(e.EventType))
	}
	for _, e := range events {
		tx := "  "
		if d, _ := event.Lookup(event.Type(e.EventType)); d.Transactional {
			tx = "TX"
		}
		result := became(e)
		fmt.Fprintf(c.s, "  %-*s   %s   %s  %s   %s\n", width, e.EventType, short(e.ID), tx, c.s.paint(result.tone, fmt.Sprintf("%-13s", result.text)), receiversOf(&e, sinks))
	}
	return nil
}

// receiversOf says how many of those who got the event have taken it.
func receiversOf(e *wire.WebhookEventLog, sinks map[wire.ID]bool) string {
	took := map[wire.ID]bool{}
	for _, a := range e.Attempts {
		took[a.WebhookID] = took[a.WebhookID] || a.AttemptResult == wire.AttemptSuccess
	}
	for _, d := range e.Deliveries {
		took[d.WebhookID] = took[d.WebhookID] || d.State == "delivered"
	}
	if len(took) == 0 {
		text := "no webhooks"
		if slices.ContainsFunc(e.NotSentTo, func(w wire.WithheldWebhook) bool { return w.Reason == "tenant disabled" }) {
			text += " (off at the tenant)"
		}
		return text
	}
	var parts []string
	for _, kind := range []struct {
		sink bool
		name string
	}{{false, "webhooks"}, {true, "sinks"}} {
		yes, all := 0, 0
		for id, ok := range took {
			if sinks[id] == kind.sink {
				all++
				if ok {
					yes++
				}
			}
		}
		if all > 0 {
			parts = append(parts, fmt.Sprintf("%d/%d %s", yes, all, kind.name))
		}
	}
	return strings.Join(parts, ", ")
}

// fail notes the first error.
func (c *cause) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// do makes a call on the way. out may be nil.
func (c *cause) do(method, path string, body, out any) {
	if c.err != nil {
		return
	}
	if c.s.dryRun && method == "GET" {
		return // nothing of it is there
	}
	answer, err := c.Send(c.ctx, method, path, body)
	if errors.Is(err, errDryRun) {
		return
	}
	if err == nil {
		err = answer.Err(method, path)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(answer.Body, out)
	}
	c.fail(err)
}
