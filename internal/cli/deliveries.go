package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/wire"
)

type deliveriesCommands struct {
	List    deliveriesList    `cmd:"" help:"Events owed to webhooks and sinks, and what became of them."`
	Show    deliveriesShow    `cmd:"" help:"What is owed of one event."`
	Replay  deliveriesReplay  `cmd:"" help:"Send again: one, or all that match."`
	Recover deliveriesRecover `cmd:"" help:"Bring a webhook or sink what it has missed since an instant."`
	Cancel  deliveriesCancel  `cmd:"" help:"End what waits: one, or all that match."`
	Wait    deliveriesWait    `cmd:"" help:"Wait until nothing that matches waits any more, or until a task ends."`
}

// deliveryFilter are the flags that say which deliveries are meant.
type deliveryFilter struct {
	period
	Status  []string `placeholder:"STATUS" help:"pending, retrying, delivered, dead, cancelled; waiting for the first two; failed for retrying and dead."`
	Webhook string   `placeholder:"WEBHOOK" help:"Only those to this webhook or sink."`
	Type    []string `placeholder:"TYPE" help:"Only events of this type; * stands for anything, as in 'user.*'. Several times, or separated by commas."`
	Tenant  string   `placeholder:"TENANT" help:"Only events of this tenant."`
	About   wire.ID  `placeholder:"ID" help:"Only events about the user, group or other object with this id."`
}

var statuses = map[string][]wire.DeliveryState{
	"pending":   {wire.DeliveryPending},
	"retrying":  {wire.DeliveryRetrying},
	"delivered": {wire.DeliveryDelivered},
	"dead":      {wire.DeliveryDead},
	"cancelled": {wire.DeliveryCancelled},
	"waiting":   {wire.DeliveryPending, wire.DeliveryRetrying},
	"failed":    {wire.DeliveryRetrying, wire.DeliveryDead},
}

func (f deliveryFilter) isZero() bool {
	return f.Since.IsZero() && f.Until.IsZero() && len(f.Status) == 0 && f.Webhook == "" && len(f.Type) == 0 && f.Tenant == "" && f.About == ""
}

// wire finds what the flags name. Of what was asked for by status it keeps the states that make sense for what is done.
func (f deliveryFilter) wire(ctx context.Context, s *session, sensible ...wire.DeliveryState) (wire.DeliveryFilter, error) {
	filter := wire.DeliveryFilter{Period: f.period.wire(), LinkedObjectID: f.About}
	for _, name := range f.Status {
		states, ok := statuses[name]
		if !ok {
			known := make([]string, 0, len(statuses))
			for status := range statuses {
				known = append(known, status)
			}
			slices.Sort(known)
			return filter, usageError{fmt.Sprintf("--status must be one of %s but got %q%s", strings.Join(known, ", "), name, didYouMean(name, known))}
		}
		for _, state := range states {
			if len(sensible) == 0 || slices.Contains(sensible, state) {
				filter.States = append(filter.States, state)
			}
		}
	}
	if len(f.Status) > 0 && len(filter.States) == 0 {
		return filter, usageError{fmt.Sprintf("--status %s: there is nothing to do with those", strings.Join(f.Status, ","))}
	}
	types, err := typesLike(f.Type)
	if err != nil {
		return filter, err
	}
	filter.EventTypes = types
	if f.Webhook != "" {
		r, err := s.receiver(ctx, f.Webhook)
		if err != nil {
			return filter, err
		}
		filter.WebhookID = r.id
	}
	if f.Tenant != "" {
		t, err := s.tenant(ctx, f.Tenant)
		if err != nil {
			return filter, err
		}
		filter.TenantID = t.ID
	}
	return filter, nil
}

type deliveriesList struct {
	remote
	deliveryFilter
	limited
	watched
}

func (deliveriesList) Help() string {
	return `Examples:

  herald deliveries list --status failed --since 24h
  herald deliveries list --webhook crm --status waiting --watch`
}

func (c deliveriesList) Run(ctx context.Context, s *session) error {
	filter, err := c.deliveryFilter.wire(ctx, s)
	if err != nil {
		return err
	}
	names, err := s.receiverNames(ctx)
	if err != nil {
		return err
	}
	return c.watch(ctx, s, func() error {
		all := results[wire.Delivery]{name: "deliveries", all: s.Deliveries.List(ctx, wire.DeliverySearch{DeliveryFilter: filter}), span: c.span(), total: func() (int, error) {
			page, err := s.Deliveries.Page(ctx, wire.DeliverySearch{Page: justCount, DeliveryFilter: filter})
			return page.Total, err
		}}
		return list(s, all, c.Limit,
			col("WHEN", func(d wire.Delivery) string { return ago(d.InsertInstant) }),
			col("EVENT", func(d wire.Delivery) string { return d.EventType }),
			col("RECEIVER", func(d wire.Delivery) string { return names.of(d.WebhookID) }),
			column[wire.Delivery]{"STATE", func(d wire.Delivery) string { return stateName(d.State).text }, func(d wire.Delivery) tone { return stateName(d.State).tone }},
			col("ANSWER", lastAnswer),
			col("ATTEMPTS", attemptsMade),
			col("NEXT", func(d wire.Delivery) string { return in(d.NextAttemptInstant) }),
			col("EVENT ID", func(d wire.Delivery) string { return short(d.EventID) }),
		)
	})
}

// attemptsMade is how many attempts were made, and of how many while that is of interest.
func attemptsMade(d wire.Delivery) string {
	if d.State == wire.DeliveryDelivered || d.MaxAttempts == 0 {
		return strconv.Itoa(d.Attempts)
	}
	return fmt.Sprintf("%d of %d", d.Attempts, d.MaxAttempts)
}

func lastAnswer(d wire.Delivery) string {
	if d.LastAttempt == nil {
		return ""
	}
	return answered(d.LastAttempt.StatusCode, d.LastAttempt.Outcome)
}

// stateName is the state of a delivery in words.
func stateName(state wire.DeliveryState) outcome {
	switch state {
	case wire.DeliveryDelivered:
		return outcome{"delivered", good}
	case wire.DeliveryRetrying:
		return outcome{"retrying", warn}
	case wire.DeliveryDead:
		return outcome{"given up", bad}
	case wire.DeliveryCancelled:
		return outcome{"cancelled", faint}
	default:
		return outcome{string(state), plain}
	}
}

// oneDelivery are the arguments of commands about one.
type oneDelivery struct {
	Event string `arg:"" help:"The event's id, or a part of it as tables show it."`
	To    string `arg:"" optional:"" name:"webhook" help:"The webhook or sink. Default: all that were to have it."`
}

// find returns the deliveries that are meant: all of the event, or the one to the webhook.
func (o oneDelivery) find(ctx context.Context, s *session) ([]wire.Delivery, error) {
	event, err := s.eventID(ctx, o.Event)
	if err != nil {
		return nil, err
	}
	filter := wire.DeliveryFilter{EventID: event}
	if o.To != "" {
		r, err := s.receiver(ctx, o.To)
		if err != nil {
			return nil, err
		}
		filter.WebhookID = r.id
	}
	var found []wire.Delivery
	for d, err := range s.Deliveries.List(ctx, wire.DeliverySearch{DeliveryFilter: filter}) {
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	if len(found) == 0 {
		return nil, notFoundError{"the event is owed to no such receiver; herald events show says to whom it went"}
	}
	return found, nil
}

type deliveriesShow struct {
	remote
	oneDelivery
}

func (deliveriesShow) Help() string {
	return `Examples:

  herald deliveries show 019ac3f2..7d1e
  herald deliveries show 019ac3f2..7d1e crm`
}

func (c deliveriesShow) Run(ctx context.Context, s *session) error {
	found, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	names, err := s.receiverNames(ctx)
	if err != nil {
		return err
	}
	if s.format != table && len(found) > 1 {
		return s.object(map[string]any{"deliveries": found})
	}
	for i, d := range found {
		if i > 0 {
			fmt.Fprintln(s)
		}
		if err := s.one("delivery", d, func() {
			last := cmp.Or(d.LastAttempt, &wire.DeliveryAttempt{})
			s.fields(
				"Event", d.EventType,
				"Id", string(d.EventID),
				"Receiver", names.of(d.WebhookID),
				"State", stateName(d.State).text,
				"Attempts", attemptsMade(d),
				"Sent again", times(d.Replays),
				"Last attempt", exactly(last.StartInstant),
				"Answer", lastAnswer(d),
				"Because", last.Exception,
				"Next attempt", in(d.NextAttemptInstant),
				"Happened", exactly(d.InsertInstant),
			)
		}); err != nil {
			return err
		}
	}
	return nil
}

func times(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "once"
	default:
		return fmt.Sprintf("%d times", n)
	}
}

// pace is the flag that keeps a task from flooding receivers, and the one that does not wait for it.
type pace struct {
	Rate   float64 `placeholder:"N" help:"Send so many per second at most. Default: as many as the webhooks take."`
	NoWait bool    `help:"Do not wait for the end: the server goes on by itself."`
}

func (p pace) rate() *float64 {
	if p.Rate == 0 {
		return nil
	}
	return &p.Rate
}

// long says how long so many take at least.
func (p pace) long(count int) string {
	if p.Rate == 0 {
		return ""
	}
	d := time.Duration(float64(count) / p.Rate * float64(time.Second))
	about := roughly(d)
	if d < 2*time.Minute {
		about = fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf(", at %g/s about %s", p.Rate, about)
}

type deliveriesReplay struct {
	remote
	writes
	deliveryFilter
	pace
	Failed bool   `help:"Short for --status dead: what was given up."`
	Event  string `arg:"" optional:"" help:"Send this event again; an id, or a part of it as tables show it. Default: all that the flags describe."`
	To     string `arg:"" optional:"" name:"to" help:"Only to this webhook or sink. Default: to all that were to have it."`
}

func (deliveriesReplay) Help() string {
	return `The same event with the same id and body, as a new attempt. What waits for its next attempt is left alone: it is sent anyway.

Examples:

  herald deliveries replay 019ac3f2..7d1e
  herald deliveries replay --since 2m --failed
  herald deliveries replay --webhook crm --type user.update --since 2026-11-20 --rate 20 --dry-run`
}

func (c deliveriesReplay) Run(ctx context.Context, s *session) error {
	if c.Event != "" {
		if !c.isZero() || c.Failed {
			return usageError{"name one event, or describe several with flags, not both"}
		}
		return each(ctx, s, oneDelivery{c.Event, c.To}, "sent again", s.Deliveries.Replay)
	}
	if c.Failed {
		c.Status = append(c.Status, "dead")
	}
	if c.isZero() {
		return usageError{"say which: an event, or flags such as --failed --since 2h"}
	}
	filter, err := c.deliveryFilter.wire(ctx, s, wire.DeliveryDelivered, wire.DeliveryDead, wire.DeliveryCancelled)
	if err != nil {
		return err
	}
	return bulk{
		do: "send", noun: "request", to: "all that match", noWait: c.NoWait, detail: func(n *wire.DeliveryDryRunResponse) string { return c.long(n.Count) },
		ask: func(dry bool) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
			return s.Deliveries.ReplayAll(ctx, wire.DeliveryReplayRequest{Search: filter, Rate: c.rate(), DryRun: dry})
		},
	}.run(ctx, s)
}

type deliveriesRecover struct {
	remote
	writes
	pace
	Webhook string `required:"" placeholder:"WEBHOOK" help:"The webhook or sink that has missed something."`
	Since   moment `required:"" placeholder:"WHEN" help:"What happened since then: 2h, 2026-11-20T09:00Z."`
	Until   moment `placeholder:"WHEN" help:"What happened before then. Default: until now."`
	Which   string `enum:",failed,neverSent" default:"" placeholder:"failed|neverSent" help:"Only what has failed, or only what was never sent and would be today. Default: both."`
}

func (deliveriesRecover) Help() string {
	return `What failed is sent again, what waits is tried at once, and what was never sent to it, and would be today, is sent.

Examples:

  herald deliveries recover --webhook crm --since 2026-11-20T09:00Z --rate 20 --dry-run
  herald deliveries recover --webhook crm --since 6h -y`
}

func (c deliveriesRecover) Run(ctx context.Context, s *session) error {
	r, err := s.receiver(ctx, c.Webhook)
	if err != nil {
		return err
	}
	which := wire.DeliveryRecovery{WebhookID: r.id, Since: c.Since.instant(), Until: c.Until.instant(), Which: wire.RecoveryPart(c.Which)}
	return bulk{
		do: "send", noun: "request", to: r.short, noWait: c.NoWait, detail: func(n *wire.DeliveryDryRunResponse) string { return missed(n) + " to " + r.short + c.long(n.Count) },
		ask: func(dry bool) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
			return s.Deliveries.Recover(ctx, wire.DeliveryRecoverRequest{DeliveryRecovery: which, Rate: c.rate(), DryRun: dry})
		},
	}.run(ctx, s)
}

// missed says why a receiver has missed so many: " (312 given up, 972 waiting)".
func missed(n *wire.DeliveryDryRunResponse) string {
	if n.DeliveryRecoveryCount == nil {
		return ""
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{n.Failed, "given up"}, {n.Waiting, "waiting"}, {n.NeverSent, "never sent"}} {
		if part.n > 0 {
			parts = append(parts, grouped(part.n)+" "+part.what)
		}
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

type deliveriesCancel struct {
	remote
	writes
	deliveryFilter
	NoWait bool   `help:"Do not wait for the end: the server goes on by itself."`
	Event  string `arg:"" optional:"" help:"End what is owed of this event; an id, or a part of it as tables show it. Default: all that the flags describe."`
	To     string `arg:"" optional:"" name:"to" help:"Only to this webhook or sink. Default: to all that were to have it."`
}

func (deliveriesCancel) Help() string {
	return `Examples:

  herald deliveries cancel 019ac3f2..7d1e crm
  herald deliveries cancel --webhook old.example.com --dry-run`
}

func (c deliveriesCancel) Run(ctx context.Context, s *session) error {
	if c.Event != "" {
		if !c.isZero() {
			return usageError{"name one event, or describe several with flags, not both"}
		}
		return each(ctx, s, oneDelivery{c.Event, c.To}, "cancelled", s.Deliveries.Cancel)
	}
	if c.isZero() {
		return usageError{"say which: an event, or flags such as --webhook"}
	}
	filter, err := c.deliveryFilter.wire(ctx, s, wire.DeliveryPending, wire.DeliveryRetrying)
	if err != nil {
		return err
	}
	return bulk{
		do: "cancel", noun: "delivery", to: "all that match", noWait: c.NoWait, detail: func(*wire.DeliveryDryRunResponse) string { return "" },
		ask: func(dry bool) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
			return s.Deliveries.CancelAll(ctx, wire.DeliveryCancelRequest{Search: filter, DryRun: dry})
		},
	}.run(ctx, s)
}

// each does something with the deliveries of one event. Those with which it cannot be done are told; the others are done all the same.
func each(ctx context.Context, s *session, which oneDelivery, done string, do func(ctx context.Context, event, webhook wire.ID) (*wire.Delivery, error)) error {
	found, err := which.find(ctx, s)
	if err != nil {
		return err
	}
	names, err := s.receiverNames(ctx)
	if err != nil {
		return err
	}
	var changed []wire.Delivery
	var failed error
	for _, d := range found {
		after, err := do(ctx, d.EventID, d.WebhookID)
		if err != nil {
			if !errors.Is(err, errDryRun) {
				err = fmt.Errorf("%s to %s: %w", d.EventType, names.of(d.WebhookID), err)
			}
			failed = errors.Join(failed, err)
			continue
		}
		s.say("%s to %s: %s.", d.EventType, names.of(d.WebhookID), done)
		changed = append(changed, *after)
	}
	if s.format != table && len(changed) > 0 {
		if err := s.object(map[string]any{"deliveries": changed}); err != nil {
			return err
		}
	}
	return failed
}

type deliveriesWait struct {
	remote
	deliveryFilter
	Task    wire.ID       `placeholder:"ID" help:"Wait for this task instead."`
	Timeout time.Duration `default:"60s" placeholder:"DURATION" help:"Wait so long at most, 0 for ever (default: ${default})."`
}

func (deliveriesWait) Help() string {
	return `For scripts and tests: cause something, then wait until its events have arrived. Status 0: all have ended and none was given up. Status 1: some were given up. Status 7:
some still wait.

Examples:

  herald deliveries wait --webhook crm --since 1m
  herald deliveries wait --task 019ac3f2-5d37-7a51-8f6c-3a9d2b1c7d1e --timeout 0`
}

func (c deliveriesWait) Run(ctx context.Context, s *session) error {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, errTimeout)
		defer cancel()
	}
	err := c.wait(ctx, s)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("after %s some still wait: %w", c.Timeout, errTimeout)
	}
	return err
}

func (c deliveriesWait) wait(ctx context.Context, s *session) error {
	if c.Task != "" {
		task, err := s.Deliveries.Task(ctx, c.Task)
		return s.began(ctx, task, err, "", false)
	}
	filter, err := c.deliveryFilter.wire(ctx, s)
	if err != nil {
		return err
	}
	count := func(states ...wire.DeliveryState) (int, error) {
		filter.States = states
		page, err := s.Deliveries.Page(ctx, wire.DeliverySearch{Page: wire.Page{NumberOfResults: 1}, DeliveryFilter: filter})
		return page.Total, err
	}
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		waiting, err := count(wire.DeliveryPending, wire.DeliveryRetrying)
		if err != nil {
			return err
		}
		if waiting == 0 {
			break
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	delivered, err := count(wire.DeliveryDelivered)
	if err != nil {
		return err
	}
	dead, err := count(wire.DeliveryDead)
	if err != nil {
		return err
	}
	s.say("%d delivered, %d given up.", delivered, dead)
	if dead > 0 {
		return errFound
	}
	return nil
}

// sleep ends early with ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
