package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/filter"
	"github.com/herald-events/herald/wire"
)

type eventsCommands struct {
	List    eventsList     `cmd:"" help:"What happened, the newest first."`
	Show    eventsShow     `cmd:"" help:"One event: what became of it, each attempt, and who did not get it and why."`
	Tail    eventsTail     `cmd:"" help:"Events as they happen."`
	Types   typesCommand   `cmd:"" help:"List the event types."`
	Example exampleCommand `cmd:"" help:"Print a complete example of an event."`
}

type eventsList struct {
	remote
	period
	limited
	watched
	Type    string  `placeholder:"TYPE" help:"Only events of this type."`
	Result  string  `placeholder:"RESULT" enum:",running,succeeded,failed" default:"" help:"Only those that are running, have succeeded or have failed."`
	Tenant  string  `placeholder:"TENANT" help:"Only those of this tenant."`
	Webhook string  `placeholder:"WEBHOOK" help:"Only those that have to do with this webhook or sink."`
	Status  string  `placeholder:"STATUS" help:"Only those with an attempt that was answered so: 503, 5xx."`
	About   wire.ID `placeholder:"ID" help:"Only those about the user, group or other object with this id."`
	Text    string  `placeholder:"TEXT" help:"Only those with this in their body."`
}

func (eventsList) Help() string {
	return `Without --since it lists the last hour.

Examples:

  herald events list
  herald events list --watch
  herald events list --since 24h --type user.login.success --result failed
  herald events list --since 7d --limit 0 -o jsonl > events.jsonl`
}

func (c eventsList) Run(ctx context.Context, s *session) error {
	if c.Type != "" {
		if err := knownType(c.Type); err != nil {
			return err
		}
	}
	search := wire.WebhookEventLogSearch{
		Period: c.wire(), EventType: c.Type, Event: c.Text, LinkedObjectID: c.About, StatusCode: c.Status,
		EventResult: map[string]wire.WebhookEventResult{"running": wire.EventRunning, "succeeded": wire.EventSucceeded, "failed": wire.EventFailed}[c.Result],
	}
	if c.Tenant != "" {
		t, err := s.tenant(ctx, c.Tenant)
		if err != nil {
			return err
		}
		search.TenantID = t.ID
	}
	if c.Webhook != "" {
		r, err := s.receiver(ctx, c.Webhook)
		if err != nil {
			return err
		}
		search.WebhookID = r.id
	}
	span := c.span()
	if span == "" {
		span = "1 h, --since 24h shows more"
	}
	return c.watch(ctx, s, func() error {
		return list(s, results[wire.WebhookEventLog]{name: "webhookEventLogs", all: s.Events.List(ctx, search), span: span, total: func() (int, error) {
			counted := search
			counted.Page = justCount
			page, err := s.Events.Page(ctx, counted)
			return page.Total, err
		}}, c.Limit, eventColumns()...)
	})
}

func eventColumns() []column[wire.WebhookEventLog] {
	return []column[wire.WebhookEventLog]{
		col("WHEN", func(e wire.WebhookEventLog) string { return ago(e.InsertInstant) }),
		col("EVENT", func(e wire.WebhookEventLog) string { return e.EventType }),
		{"RESULT", func(e wire.WebhookEventLog) string { return became(e).text }, func(e wire.WebhookEventLog) tone { return became(e).tone }},
		col("RECEIVERS", receivers),
		col("ABOUT", about),
		col("ID", func(e wire.WebhookEventLog) string { return short(e.ID) }),
	}
}

type outcome struct {
	text string
	tone tone
}

// became says what became of an event, in the words of the admin UI.
func became(e wire.WebhookEventLog) outcome {
	switch {
	case e.Test:
		return outcome{"test", faint}
	case e.EventResult == wire.EventRunning:
		return outcome{"running", warn}
	case e.EventResult == wire.EventFailed:
		return outcome{"rolled back", bad}
	case e.TransactionType != "" && e.TransactionType != wire.None:
		return outcome{"committed", good}
	case len(e.Attempts) == 0 && len(e.Deliveries) == 0:
		return outcome{"no subscriber", faint}
	default:
		return outcome{"sent", good}
	}
}

// receivers says how many webhooks and sinks have it of those that are to.
func receivers(e wire.WebhookEventLog) string {
	have, all := map[wire.ID]bool{}, map[wire.ID]bool{}
	for _, a := range e.Attempts {
		all[a.WebhookID] = true
		have[a.WebhookID] = have[a.WebhookID] || a.AttemptResult == wire.AttemptSuccess
	}
	for _, d := range e.Deliveries {
		all[d.WebhookID] = true
	}
	n := 0
	for _, has := range have {
		if has {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(all))
}

// about names for people whom or what an event is about.
func about(e wire.WebhookEventLog) string { return aboutBody(e.Event, e.LinkedObjectID) }

// aboutBody is about, by the body that receivers get and the id of the object.
func aboutBody(text []byte, linked wire.ID) string {
	var body struct {
		Event map[string]json.RawMessage `json:"event"`
	}
	_ = json.Unmarshal(text, &body) // what cannot be read has no name
	for _, at := range []struct {
		member string
		names  []string
	}{
		{"user", []string{"email", "username", "phoneNumber", "id"}},
		{"group", []string{"name", "id"}},
		{"entity", []string{"name", "id"}},
		{"existing", []string{"email", "username", "id"}},
		{"auditLog", []string{"message"}},
		{"eventLog", []string{"message"}},
	} {
		var members map[string]any
		if json.Unmarshal(body.Event[at.member], &members) != nil {
			continue
		}
		for _, name := range at.names {
			if text, ok := members[name].(string); ok && text != "" {
				return cut(printable(text), 48)
			}
		}
	}
	return short(linked)
}

// knownType makes sure that there is such an event type.
func knownType(given string) error {
	if event.IsCustom(event.Type(given)) {
		return nil
	}
	names := make([]string, 0, len(event.All()))
	for _, d := range event.All() {
		if string(d.Type) == given {
			return nil
		}
		names = append(names, string(d.Type))
	}
	return usageError{fmt.Sprintf("there is no event type %q%s (herald events types lists them)", given, didYouMean(given, names))}
}

type eventsShow struct {
	remote
	Event string `arg:"" help:"The event's id, or a part of it as tables show it."`
	Body  bool   `negatable:"" default:"true" help:"Show the body (default: yes)."`
}

func (eventsShow) Help() string {
	return `Examples:

  herald events show 019ac3f2..7d1e
  herald events show 019ac3f2..7d1e -o json | jq .webhookEventLog.event > body.json`
}

func (c eventsShow) Run(ctx context.Context, s *session) error {
	id, err := s.eventID(ctx, c.Event)
	if err != nil {
		return err
	}
	e, err := s.Events.Load(ctx, id)
	if err != nil {
		return err
	}
	names, err := s.receiverNames(ctx)
	if err != nil {
		return err
	}
	return s.one("webhookEventLog", e, func() { s.showEvent(*e, names, c.Body) })
}

func (s *session) showEvent(e wire.WebhookEventLog, names receiverNames, body bool) {
	s.fields(
		"Event", e.EventType,
		"Id", string(e.ID),
		"When", exactly(e.InsertInstant),
		"About", about(e),
		"Result", became(e).text,
		"Transaction", string(e.TransactionType),
		"Tenant", string(e.TenantID),
	)
	if len(e.Deliveries) > 0 {
		s.heading("Receivers")
		writeTable(s.output, e.Deliveries, []column[wire.WebhookEventDelivery]{
			col("RECEIVER", func(d wire.WebhookEventDelivery) string { return names.of(d.WebhookID) }),
			{"STATE", func(d wire.WebhookEventDelivery) string { return stateName(wire.DeliveryState(d.State)).text }, func(d wire.WebhookEventDelivery) tone {
				return stateName(wire.DeliveryState(d.State)).tone
			}},
			col("ATTEMPTS", func(d wire.WebhookEventDelivery) string { return strconv.Itoa(d.Attempts) }),
			col("NEXT", func(d wire.WebhookEventDelivery) string { return in(d.NextAttemptInstant) }),
		})
	}
	if len(e.Attempts) > 0 {
		s.heading("Attempts")
		writeTable(s.output, e.Attempts, []column[wire.WebhookAttemptLog]{
			col("AT", func(a wire.WebhookAttemptLog) string { return clock(a.StartInstant) }),
			col("RECEIVER", names.ofAttempt),
			col("FOR", func(a wire.WebhookAttemptLog) string { return string(a.Kind) }),
			{
				"ANSWER", func(a wire.WebhookAttemptLog) string {
					return answered(a.WebhookCallResponse.StatusCode, a.Outcome)
				}, func(a wire.WebhookAttemptLog) tone {
					if a.AttemptResult == wire.AttemptSuccess {
						return good
					}
					return bad
				},
			},
			col("TOOK", func(a wire.WebhookAttemptLog) string { return took(a.DurationMicros) }),
			col("BECAUSE", func(a wire.WebhookAttemptLog) string { return a.WebhookCallResponse.Exception }),
		})
	}
	if len(e.NotSentTo) > 0 {
		s.heading("Not sent to")
		writeTable(s.output, e.NotSentTo, []column[wire.WithheldWebhook]{
			col("RECEIVER", func(w wire.WithheldWebhook) string {
				return cmp.Or(names[w.WebhookID], host(w.URL))
			}),
			col("BECAUSE", func(w wire.WithheldWebhook) string { return cmp.Or(w.Detail, w.Reason) }),
		})
	}
	if body && len(e.Event) > 0 {
		s.heading("Body")
		var pretty bytes.Buffer
		if json.Indent(&pretty, e.Event, "", "  ") == nil {
			fmt.Fprintln(s, printableLines(pretty.String()))
		}
	}
}

// answered is what came back: a status, or what happened instead.
func answered(status int, outcome string) string {
	if status != 0 {
		return strconv.Itoa(status)
	}
	return outcome
}

func took(micros int64) string {
	if micros == 0 {
		return ""
	}
	return fmt.Sprintf("%d ms", (micros+500)/1000)
}

func clock(i wire.Instant) string { return time.UnixMilli(int64(i)).Format("15:04:05.000") }

// lookBack is how many events are looked through for the one with a shortened id.
const lookBack = 1000

// eventID completes the id of an event, which may be shortened when it is one of the newest.
func (s *session) eventID(ctx context.Context, given string) (wire.ID, error) {
	if isID(given) {
		return wire.ID(strings.ToLower(given)), nil
	}
	search := wire.WebhookEventLogSearch{Page: wire.Page{NumberOfResults: 500}, Period: wire.Period{Start: 1}}
	e, err := pick(eventKind, given, first(s.Events.List(ctx, search), lookBack))
	if errors.Is(err, client.ErrNotFound) {
		err = notFoundError{fmt.Sprintf("none of the newest %d events has an id like %q; for older ones write all of it", lookBack, given)}
	}
	return e.ID, err
}

var eventKind = kind[wire.WebhookEventLog]{
	what: "event", id: func(e wire.WebhookEventLog) wire.ID { return e.ID },
	names: func(e wire.WebhookEventLog) []string { return []string{e.EventType + " " + exactly(e.InsertInstant)} },
}

// first yields n of all at most.
func first[T any](all iter.Seq2[T, error], n int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		left := n
		for item, err := range all {
			if left--; left < 0 || !yield(item, err) {
				return
			}
		}
	}
}

type eventsTail struct {
	remote
	Type   []string `placeholder:"TYPE" help:"Only events of this type; * stands for anything, as in 'user.*'. Several times, or separated by commas."`
	Where  string   `placeholder:"EXPRESSION" help:"Only events of which this is true, in the language of webhooks' filters: event.info.ipAddress == \"203.0.113.9\"."`
	Tenant string   `placeholder:"TENANT" help:"Only those of this tenant."`
	Since  moment   `placeholder:"WHEN" help:"Begin with what happened since then. Default: now."`
	Count  int      `short:"n" placeholder:"N" help:"End after so many events. Default: at Ctrl-C."`
}

func (eventsTail) Help() string {
	return `On a terminal a line for each event, elsewhere JSON lines.

Examples:

  herald events tail
  herald events tail --type 'user.login.*' --where 'event.info.ipAddress == "203.0.113.9"'
  herald events tail --type 'user.login.*' -o jsonl | jq -r .event.event.user.email`
}

// Validate is called by kong.
func (c eventsTail) Validate() error {
	switch {
	case c.Output == yamlF:
		return errors.New("-o yaml is not for streams; there are table and jsonl")
	case c.Count < 0:
		return errors.New("-n is not below zero")
	}
	return nil
}

// The tail looks once a second at the events of the last while. Events become visible out of order, so it remembers which it has shown.
const (
	tailEvery  = time.Second
	tailWindow = time.Minute
)

func (c eventsTail) Run(ctx context.Context, s *session) error {
	search := wire.WebhookEventLogSearch{Page: wire.Page{NumberOfResults: 500}}
	if c.Tenant != "" {
		t, err := s.tenant(ctx, c.Tenant)
		if err != nil {
			return err
		}
		search.TenantID = t.ID
	}
	if _, err := typesLike(c.Type); err != nil {
		return err
	}
	where, err := whereOf(c.Where)
	if err != nil {
		return err
	}
	from := c.Since.instant()
	if from == 0 {
		from = wire.Instant(time.Now().UnixMilli())
	}
	s.say("Waiting for events. Ctrl-C ends it.")
	seen := map[wire.ID]wire.Instant{}
	shown := 0
	for {
		now := wire.Instant(time.Now().UnixMilli())
		search.Start, search.End = from, now+wire.Instant(tailWindow.Milliseconds())
		var fresh []wire.WebhookEventLog
		for e, err := range s.Events.List(ctx, search) {
			if err != nil {
				return err
			}
			if _, known := seen[e.ID]; known || e.InsertInstant < from || !wanted(c.Type, e.EventType) {
				continue
			}
			seen[e.ID] = e.InsertInstant
			if !where(e) {
				continue
			}
			fresh = append(fresh, e)
		}
		for i := len(fresh) - 1; i >= 0; i-- {
			if err := s.tailed(fresh[i]); err != nil {
				return err
			}
			if shown++; c.Count > 0 && shown == c.Count {
				return nil
			}
		}
		from = max(from, now-wire.Instant(tailWindow.Milliseconds()))
		for id, at := range seen {
			if at < from {
				delete(seen, id)
			}
		}
		if err := sleep(ctx, tailEvery); err != nil {
			return err
		}
	}
}

// tailed writes one event.
func (s *session) tailed(e wire.WebhookEventLog) error {
	if s.format != table {
		return s.line(e)
	}
	result := became(e)
	_, err := fmt.Fprintf(s, "%s  %-36s  %s  %-5s  %s  %s\n",
		clock(e.InsertInstant), e.EventType, s.paint(result.tone, fmt.Sprintf("%-13s", result.text)), receivers(e), s.paint(faint, short(e.ID)), printable(about(e)))
	return err
}

// wanted tells whether the type is named by one of the patterns. No patterns name all.
func wanted(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool { return event.Matches(pattern, event.Type(name)) })
}

// whereOf is the expression of --where, as webhooks have them for filters. An event of which it cannot be told whether it is true is not shown: one that compares texts
// fails on events that have none there.
func whereOf(text string) (func(wire.WebhookEventLog) bool, error) {
	if text == "" {
		return func(wire.WebhookEventLog) bool { return true }, nil
	}
	f, err := filter.Compile(text)
	if err != nil {
		return nil, usageError{fmt.Sprintf("--where: %v", err)}
	}
	return func(e wire.WebhookEventLog) bool {
		is, err := f.Match(filter.NewEvent(e.Event))
		return is && err == nil
	}, nil
}

type typesCommand struct{ printed }

func (typesCommand) Help() string {
	return `Examples:

  herald events types
  herald events types -o table | grep login`
}

func (c typesCommand) Run(out *output) error {
	s := c.session(out)
	return list(s, whole("eventTypes", those(event.All())), 0,
		col("TYPE", func(d event.Descriptor) string { return string(d.Type) }),
		col("SCOPE", func(d event.Descriptor) string { return string(d.Scope) }),
		col("ASKED", func(d event.Descriptor) string {
			if d.Transactional {
				return "yes"
			}
			return "-"
		}),
		col("DESCRIPTION", func(d event.Descriptor) string { return d.Description }),
	)
}

type exampleCommand struct {
	printed
	Type string `arg:"" help:"The event type, such as user.create."`
}

func (exampleCommand) Help() string {
	return `Examples:

  herald events example user.create
  herald events example user.create | curl -d @- -H 'Content-Type: application/json' http://localhost:3000/hook`
}

func (c exampleCommand) Run(out *output) error {
	example, err := event.Example(event.Type(c.Type))
	if err != nil {
		return err
	}
	if c.Output == jsonl || c.Output == yamlF {
		return c.session(out).object(json.RawMessage(example))
	}
	_, err = fmt.Fprintf(out, "%s\n", example) // as it is in the documentation
	return err
}
