package ui

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

var sinkRoutes = []route{
	{"GET /admin/sink", signedIn, admin.Webhooks, admin.View, (*server).sinks},
	{"GET /admin/sink/add", signedIn, admin.Webhooks, admin.Change, (*server).addSink},
	{"POST /admin/sink/add", signedIn, admin.Webhooks, admin.Change, (*server).createSink},
	{"GET /admin/sink/{id}", signedIn, admin.Webhooks, admin.View, (*server).sink},
	{"GET /admin/sink/{id}/edit", signedIn, admin.Webhooks, admin.Change, (*server).editSink},
	{"POST /admin/sink/{id}/edit", signedIn, admin.Webhooks, admin.Change, (*server).updateSink},
	{"POST /admin/sink/{id}/test", signedIn, admin.Webhooks, admin.Change, (*server).testSink},
	{"POST /admin/sink/{id}/pause", signedIn, admin.Webhooks, admin.Change, (*server).pauseSink},
	{"POST /admin/sink/{id}/resume", signedIn, admin.Webhooks, admin.Change, (*server).resumeSink},
	{"GET /admin/sink/{id}/delete", signedIn, admin.Webhooks, admin.Delete, (*server).askDeleteSink},
	{"POST /admin/sink/{id}/delete", signedIn, admin.Webhooks, admin.Delete, (*server).deleteSink},
}

type sinksPage struct {
	listing[wire.Sink]
	Sinks []sinkRow
	Types []wire.SinkType
}

type sinkRow struct {
	wire.Sink
	Address string
	State   string // the id of a text
	Backlog wire.WebhookBacklog
}

func (s *server) sinks(v *visit) error {
	all, err := s.Sinks.List(v.Context())
	if err != nil {
		return err
	}
	page := sinksPage{Types: sink.Types()}
	page.listing = listingOf(v, all, wordsOfSink)
	for _, w := range page.Rows {
		row, err := s.sinkRow(v, w)
		if err != nil {
			return err
		}
		page.Sinks = append(page.Sinks, row)
	}
	return v.show("sinks", "Sinks", page)
}

// wordsOfSink are what a sink is found by.
func wordsOfSink(w wire.Sink) string {
	return w.Name + "\x00" + string(w.Type) + "\x00" + sink.Address(&w) + "\x00" + string(w.ID)
}

func (s *server) sinkRow(v *visit, w wire.Sink) (row sinkRow, err error) {
	row = sinkRow{Sink: w, Address: sink.Address(&w), State: stateOf(w.Enabled, s.Outbox.Flow(w.ID))}
	row.Backlog, err = s.Replay.Backlog(v.Context(), w.ID)
	return row, err
}

type sinkPage struct {
	sinkRow
	Attempts []webhooklog.TriedAttempt
	// Settings are those of its type, as JSON, without secrets.
	Settings string
}

func (s *server) sink(v *visit) error {
	w, err := s.Sinks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := sinkPage{}
	if page.sinkRow, err = s.sinkRow(v, w); err != nil {
		return err
	}
	if page.Attempts, _, err = s.WebhookLog.PageAttempts(v.Context(), webhooklog.AttemptFilter{WebhookID: w.ID}, newestAttempts, search.Cursor("")); err != nil {
		return err
	}
	if page.Settings, err = settingsOfSink(w); err != nil {
		return err
	}
	v.under("Sinks", "/admin/sink")
	v.of = w.Name
	return v.show("sink", "Sink", page)
}

// settingsOfSink are those of its type, as JSON, "" when it has none.
func settingsOfSink(w wire.Sink) (string, error) {
	var settings any
	switch w.Type {
	case wire.SinkKafka:
		settings = w.Kafka
	case wire.SinkNATS:
		settings = w.NATS
	case wire.SinkRabbitMQ:
		settings = w.RabbitMQ
	case wire.SinkRedis:
		settings = w.Redis
	case wire.SinkFile:
		settings = w.File
	default:
		return "", nil
	}
	text, err := json.MarshalIndent(settings, "", "  ")
	return string(text), err
}

// sketches are the settings that a new sink of a type begins with: what is required, to be filled in.
var sketches = map[wire.SinkType]wire.Sink{
	wire.SinkKafka: {Kafka: &wire.KafkaSink{Topic: "identity", Producer: wire.Map[string]{"bootstrap.servers": "localhost:9092", "security.protocol": "PLAINTEXT"}}},
	wire.SinkNATS:  {NATS: &wire.NATSSink{Servers: []string{"localhost:4222"}, Subject: "identity.{type}", Username: "herald", Password: new(""), TLS: &wire.SinkTLS{}}},
	wire.SinkRabbitMQ: {RabbitMQ: &wire.RabbitMQSink{
		Address: "localhost:5672", Exchange: "identity", RoutingKey: "{type}", Username: "herald", Password: new(""), TLS: &wire.SinkTLS{},
	}},
	wire.SinkRedis: {Redis: &wire.RedisSink{Address: "localhost:6379", Stream: "identity", Password: new(""), TLS: &wire.SinkTLS{}}},
	wire.SinkFile:  {File: &wire.FileSink{Path: "events.jsonl", MaxSize: 100 << 20, Keep: 5}},
}

type sinkForm struct {
	wire.Sink
	// New tells that the sink does not exist yet.
	New      bool
	Settings string
	Groups   []eventGroup
	Tenants  []wire.Tenant
}

func (s *server) addSink(v *visit) error {
	kind := wire.SinkType(v.FormValue("type"))
	if !slices.Contains(sink.Types(), kind) {
		kind = wire.SinkKafka
	}
	w := sketches[kind]
	w.Type, w.AllEvents, w.Global = kind, true, true
	return s.showSinkForm(v, w, true)
}

func (s *server) createSink(v *visit) error {
	w, err := v.sinkOf(wire.Sink{})
	id := w.ID
	if err == nil {
		// The audit log gets it without its secrets, which are named like nothing that it knows.
		id, err = create(v, "sink", id, sink.Shown(w), func(ctx context.Context, id wire.ID, _ wire.Sink) (wire.Sink, error) {
			return s.Sinks.Create(ctx, id, w)
		})
	}
	if err != nil {
		return v.again(err, func() error { return s.showSinkForm(v, w, true) })
	}
	return v.done("SinkCreated", "/admin/sink/"+string(id))
}

func (s *server) editSink(v *visit) error {
	w, err := s.Sinks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	return s.showSinkForm(v, w, false)
}

func (s *server) updateSink(v *visit) error {
	c := v.changing("Changed the sink %s", v.id()).of("sink", v.id())
	_, err := s.Sinks.Update(c.context(), v.id(), func(current wire.Sink) (wire.Sink, error) {
		next, err := v.sinkOf(current)
		c.before, c.after = current, sink.Shown(next)
		return next, err
	})
	if err != nil {
		return v.again(err, func() error { return s.editSink(v) })
	}
	return v.done("SinkSaved", "/admin/sink/"+string(v.id()))
}

// sinkOf is what the form makes of a sink.
func (v *visit) sinkOf(current wire.Sink) (wire.Sink, error) {
	var request wire.SinkRequest
	err := v.fill(wire.SinkRequest{Sink: current}, &request)
	return request.Sink, err
}

func (s *server) showSinkForm(v *visit, w wire.Sink, isNew bool) (err error) {
	form := sinkForm{Sink: w, New: isNew, Groups: eventGroups()}
	if form.Settings, err = settingsOfSink(w); err != nil {
		return err
	}
	if form.Tenants, err = s.Tenants.List(v.Context()); err != nil {
		return err
	}
	v.under("Sinks", "/admin/sink")
	if isNew {
		return v.show("sink-form", "SinkAdd", form)
	}
	v.of = w.Name
	return v.show("sink-form", "SinkEdit", form)
}

// On tells whether the sink is switched on.
func (f sinkForm) On() bool { return f.Enabled == nil || *f.Enabled }

// Sends tells whether the sink has events of a type, as the form says when it is shown again.
func (f sinkForm) Sends(at frame, t event.Type) bool {
	return at.Field("sink.eventsEnabled["+string(t)+"]", "Enabled", f.EventsEnabled[string(t)]).Switch().On
}

// Bound tells whether the sink has the events of a tenant, as the form says when it is shown again.
func (f sinkForm) Bound(at frame, id wire.ID) bool {
	if posted, ok := at.v.PostForm["sink.tenantIds[]"]; ok && at.v.problem != nil {
		return slices.Contains(posted, string(id))
	}
	return slices.Contains(f.TenantIDs, id)
}

// Orderings are the choices of an order.
func (f sinkForm) Orderings(at frame) []option {
	return []option{{Text: at.Say("OrderedByObject")}, {Value: string(wire.SinkUnordered), Text: at.Say("OrderedNot")}}
}

// testSink sends an example now, which is on record as a test, and shows what was tried.
func (s *server) testSink(v *visit) error {
	if _, err := s.Sinks.Load(v.Context(), v.id()); err != nil {
		return err
	}
	sample, err := s.Events.SampleNow(event.UserCreate, v.preferences.Tenant)
	if err != nil {
		return err
	}
	tried, err := s.Events.Try(v.Context(), v.id(), sample, true)
	if err != nil {
		return err
	}
	if tried.Outcome.Success() {
		return v.done("SinkTested", "/admin/sink/"+string(v.id()))
	}
	return v.done("SinkTestFailed", "/admin/sink/"+string(v.id()))
}

func (s *server) pauseSink(v *visit) error {
	if _, err := s.Sinks.Load(v.Context(), v.id()); err != nil {
		return err
	}
	if _, err := s.Replay.Pause(v.changing("Paused the sink %s", v.id()).of("sink", v.id()).context(), v.id(), ""); err != nil {
		return err
	}
	return v.done("SinkPaused", "/admin/sink/"+string(v.id()))
}

func (s *server) resumeSink(v *visit) error {
	if _, err := s.Sinks.Load(v.Context(), v.id()); err != nil {
		return err
	}
	if _, err := s.Replay.Resume(v.changing("Resumed the sink %s", v.id()).of("sink", v.id()).context(), v.id()); err != nil {
		return err
	}
	return v.done("SinkResumed", "/admin/sink/"+string(v.id()))
}

func (s *server) askDeleteSink(v *visit) error {
	w, err := s.Sinks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	v.under("Sinks", "/admin/sink")
	v.of = w.Name
	return v.show("confirm", "SinkDelete", question{Text: v.text.say("SinkDeleteAbout"), Do: v.text.say("SinkDelete"), Back: "/admin/sink/" + string(w.ID)})
}

func (s *server) deleteSink(v *visit) error {
	w, err := s.Sinks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	if err := remove(v, "sink", w.ID, w, s.Sinks.Delete); err != nil {
		return v.again(err, func() error { return s.askDeleteSink(v) })
	}
	return v.done("SinkDeleted", "/admin/sink")
}
