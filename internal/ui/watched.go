package ui

import (
	"html/template"
	"math"
	"net/url"
	"strconv"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/chart"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// What the pages of webhooks and of sinks share: how a receiver is, what was sent to it lately, and why it does or does not get an event.

// health is how a receiver is.
type health struct {
	State string // the id of a text
	// Failing is since when no delivery was accepted, 0 while they are.
	Failing wire.Instant
	Backlog wire.WebhookBacklog
	// Day is what was sent to it in the last 24 hours; nil when nothing was.
	Day *traffic.Series
}

func (s *server) healthOf(id wire.ID, enabled *bool) health {
	h := health{State: s.stateOf(id, enabled)}
	if since := s.Outbox.FailingSince(id); !since.IsZero() {
		h.Failing = wire.Instant(since.UnixMilli())
	}
	return h
}

// stateOf is how a receiver is, the id of a text.
func (s *server) stateOf(id wire.ID, enabled *bool) string {
	flow := s.Outbox.Flow(id)
	switch {
	case enabled != nil && !*enabled:
		return "StateDisabled"
	case flow.Paused:
		return "StatePaused"
	case flow.Open:
		return "StateUnreachable"
	case !s.Outbox.FailingSince(id).IsZero():
		return "StateFailing"
	}
	return "StateHealthy"
}

// Since is when a receiver that is switched on came into its state, 0 for a healthy one.
func (h health) Since() wire.Instant {
	switch {
	case h.Backlog.Paused != nil:
		return h.Backlog.Paused.Instant
	case h.State == "StateFailing":
		return h.Failing
	}
	return h.Backlog.Breaker.OpenedInstant
}

// Off tells whether the receiver is switched off.
func (h health) Off() bool { return h.State == "StateDisabled" }

// Waiting is how much waits for it.
func (h health) Waiting() int { return h.Backlog.Pending + h.Backlog.Retrying }

// Rate is the share of the last 24 hours' attempts that went well, "" without any.
func (h health) Rate() string {
	if h.Day == nil {
		return ""
	}
	total := h.Day.Total()
	rate, known := total.SuccessRate()
	if !known {
		return ""
	}
	return strconv.FormatFloat(math.Floor(rate*1000)/10, 'f', -1, 64) + " %"
}

// P95 is how long 95 of 100 attempts of the last 24 hours took at most, "" without any.
func (h health) P95() string {
	if h.Day == nil {
		return ""
	}
	total := h.Day.Total()
	if took := total.P95(); took > 0 {
		return milliseconds(float64(took.Microseconds()) / 1000)
	}
	return ""
}

// Spark draws the share by the hour.
func (h health) Spark() template.HTML {
	if h.Day == nil {
		return ""
	}
	line := chart.Spark{Class: "good", Max: 1}
	for i := range h.Day.Buckets {
		b := &h.Day.Buckets[i]
		rate, known := b.SuccessRate()
		if !known {
			rate = math.NaN()
		}
		line.Values, line.Unfinished = append(line.Values, rate), b.Unfinished
	}
	return chart.Sparkline(line)
}

// watched is a receiver as its page shows it.
type watched struct {
	health
	Receiver called
	Attempts []webhooklog.TriedAttempt
	// Traffic is its last day by the hour, nil when nothing was sent.
	Traffic *hourly
}

// newestAttempts is how many the page of a receiver shows.
const newestAttempts = 10

func (s *server) watch(v *visit, to called) (w watched, err error) {
	backlog, err := s.Replay.Backlog(v.Context(), to.ID)
	if err != nil {
		return w, err
	}
	w.Receiver, w.health = to, s.healthOf(to.ID, &backlog.Enabled)
	w.Backlog = backlog
	if w.Attempts, _, err = s.WebhookLog.PageAttempts(v.Context(), webhooklog.AttemptFilter{WebhookID: to.ID}, newestAttempts, search.Cursor("")); err != nil {
		return w, err
	}
	days, err := s.Traffic.Last24h(v.Context())
	if err != nil {
		return w, err
	}
	if w.Day = days[to.ID]; w.Day != nil {
		w.Traffic = &hourly{Title: "ChartSentHourly", Webhook: to.ID}
		frame{v: v}.draw(w.Traffic, w.Day)
	}
	return w, nil
}

// Newest is the newest attempt, nil without one.
func (w watched) Newest() *webhooklog.TriedAttempt {
	if len(w.Attempts) == 0 {
		return nil
	}
	return &w.Attempts[0]
}

// deliveryCheck tells whether a receiver would get an event, switch by switch.
type deliveryCheck struct {
	// To is the address of the page of the receiver.
	To string
	// Types and Tenants are what it can be made for, Type and Tenant what it was.
	Types   []typeGroup
	Tenants []wire.Tenant
	Type    string
	Tenant  wire.ID
	// Check is what came out, Problem why nothing did.
	Check   *wire.Explanation
	Problem string
	// fixed tells that the receiver itself is not changed here.
	fixed bool
}

// wanted is what a receiver says about the events it gets.
type wanted struct {
	on      wire.Map[bool]
	global  bool
	tenants []wire.ID
}

// check makes the delivery check for what the query asks, or else for what is most likely of interest.
func (s *server) check(v *visit, to called, wants wanted, explain func(q webhook.Question) (wire.Explanation, error)) (c deliveryCheck, err error) {
	c = deliveryCheck{To: to.To(), Type: v.FormValue("type"), Tenant: wire.ID(v.FormValue("tenant"))}
	if c.Tenants, err = s.Tenants.List(v.Context()); err != nil {
		return c, err
	}
	if c.Type == "" {
		c.Type = string(firstType(wants.on))
		if c.Tenant, err = s.tenantOf(v, wants); err != nil {
			return c, err
		}
	}
	c.Types = s.typesFor(v, wants.on, c.Type)
	q, err := s.ask(v, event.Type(c.Type), c.Tenant)
	if err == nil {
		var explanation wire.Explanation
		if explanation, err = explain(q); err == nil {
			c.Check = &explanation
		}
	}
	if p, ok := problem.As(err); ok && p.Kind == problem.Invalid {
		c.Problem, err = messageOf(p), nil
	}
	return c, err
}

// ask is the question whether somebody gets events of a type of a tenant, if there are such.
func (s *server) ask(v *visit, t event.Type, tenant wire.ID) (webhook.Question, error) {
	settings, err := s.Tenants.Settings(v.Context())
	if err != nil {
		return webhook.Question{}, err
	}
	var wrong problem.Validation
	q := webhook.Ask(&wrong, settings, t, tenant)
	return q, wrong.Err()
}

// The gates that package webhook explains.
const (
	gateType    = "eventType"
	gateTenant  = "tenantEvent"
	gateEnabled = "webhookEnabled"
	gateEvent   = "webhookEvent"
	gateBinding = "tenantBinding"
	gatePaused  = "paused"
)

// gateSwitches are the gates that are opened here, with the text of the button.
var gateSwitches = map[string]string{
	gateType: "SwitchTenant", gateTenant: "SwitchTenant", gateEnabled: "SwitchWebhook", gateEvent: "SwitchEvent", gateBinding: "SwitchBinding", gatePaused: "ResumeDeliveries",
}

// Switch is what the button beside a closed gate says, the id of a text; "" when there is none, or somebody else has to press it.
func (c deliveryCheck) Switch(at frame, gate string) string {
	text, ok := gateSwitches[gate]
	ofTenant := gate == gateType || gate == gateTenant
	switch {
	case !ok || !at.May(admin.Webhooks, "change"), ofTenant && !at.May(admin.Tenants, "change"):
		return ""
	case c.fixed && !ofTenant && gate != gatePaused:
		return ""
	case gate == gateBinding && c.Tenant == "": // what it would be bound to
		return ""
	}
	return text
}

// opener changes a receiver so that a gate of the delivery check opens.
type opener struct {
	enable func() error
	// want switches on a type of events, bind adds a tenant.
	want func(t event.Type) error
	bind func(tenant wire.ID) error
}

// openGateOf opens one of the gates of the delivery check, and leads back to it.
func (s *server) openGateOf(v *visit, to string, with opener) error {
	t, tenant := event.Type(v.PostFormValue("type")), wire.ID(v.PostFormValue("tenant"))
	_, err := s.ask(v, t, tenant) // so that nothing is switched on that does not exist
	if err != nil {
		return err
	}
	switch v.PostFormValue("gate") {
	case gateType, gateTenant:
		err = s.switchOnAtTenant(v, tenant, t)
	case gateEnabled:
		err = with.enable()
	case gateEvent:
		err = with.want(t)
	case gateBinding:
		err = with.bind(tenant)
	case gatePaused:
		err = s.resume(v)
	default:
		return problem.ErrNotFound
	}
	if err != nil {
		return err
	}
	query := url.Values{"type": {string(t)}, "tenant": {string(tenant)}}
	return v.done("GateSwitched", to+"?"+query.Encode()+"#check")
}

// alsoOn is a choice of types with one more.
func alsoOn(events wire.Map[bool], t event.Type) wire.Map[bool] {
	all := wire.Map[bool]{string(t): true}
	for name, on := range events {
		if name != string(t) {
			all[name] = on
		}
	}
	return all
}

// pause keeps what is owed to a receiver waiting, show is its page when that cannot be.
func (s *server) pause(v *visit, said string, show func() error) error {
	to, err := s.receiver(v.Context(), v.id())
	if err != nil {
		return err
	}
	reason := v.PostFormValue("reason")
	c := v.changing("Paused the %s %s", to.kind(), to.ID).of(to.kind(), to.ID)
	c.after = wire.WebhookPauseRequest{Reason: reason}
	if _, err := s.Replay.Pause(c.context(), to.ID, reason); err != nil {
		return v.again(err, show)
	}
	return v.done(said, to.To())
}

func (s *server) resume(v *visit) error {
	to, err := s.receiver(v.Context(), v.id())
	if err != nil {
		return err
	}
	_, err = s.Replay.Resume(v.changing("Resumed the %s %s", to.kind(), to.ID).of(to.kind(), to.ID).context(), to.ID)
	return err
}
