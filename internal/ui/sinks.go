package ui

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

var sinkRoutes = slices.Concat(sinkFormRoutes, []route{
	{"GET /admin/sink", signedIn, admin.Webhooks, admin.View, (*server).sinks},
	{"GET /admin/sink/{id}", signedIn, admin.Webhooks, admin.View, (*server).sink},
	{"POST /admin/sink/{id}/test", signedIn, admin.Webhooks, admin.Change, (*server).testSink},
	{"POST /admin/sink/{id}/pause", signedIn, admin.Webhooks, admin.Change, (*server).pauseSink},
	{"POST /admin/sink/{id}/resume", signedIn, admin.Webhooks, admin.Change, (*server).resumeSink},
	{"POST /admin/sink/{id}/enable", signedIn, admin.Webhooks, admin.Change, (*server).enableSink},
	{"POST /admin/sink/{id}/disable", signedIn, admin.Webhooks, admin.Change, (*server).disableSink},
	{"POST /admin/sink/{id}/open", signedIn, admin.Webhooks, admin.Change, (*server).openSinkGate},
	{"GET /admin/sink/{id}/delete", signedIn, admin.Webhooks, admin.Delete, (*server).askDeleteSink},
	{"POST /admin/sink/{id}/delete", signedIn, admin.Webhooks, admin.Delete, (*server).deleteSink},
})

type sinksPage struct {
	listing[wire.Sink]
	Sinks []sinkRow
}

type sinkRow struct {
	wire.Sink
	health
	Address string
}

func (s *server) sinks(v *visit) error {
	all, err := s.Sinks.List(v.Context())
	if err != nil {
		return err
	}
	var page sinksPage
	days, err := s.Traffic.Last24h(v.Context())
	if err != nil {
		return err
	}
	if of := v.preferences.Tenant; of != "" {
		all = slices.DeleteFunc(all, func(w wire.Sink) bool { return !w.Global && !slices.Contains(w.TenantIDs, of) })
	}
	page.listing = listingOf(v, all, wordsOfSink)
	for _, w := range page.Rows {
		row := sinkRow{Sink: w, health: s.healthOf(w.ID, w.Enabled), Address: sink.Address(&w)}
		row.Day = days[w.ID]
		if row.Backlog, err = s.Replay.Backlog(v.Context(), w.ID); err != nil {
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

type sinkPage struct {
	wire.Sink
	Address string
	Watched watched
	Gates   deliveryCheck
	// Named are the tenants that it is bound to, Facts its settings.
	Named []wire.Tenant
	Facts []settingFact
	// Warnings are what keeps it from getting events, or what others may read.
	Warnings []warning
	// Edit is where it is changed.
	Edit string
}

// settingFact is a setting that says something.
type settingFact struct {
	Label, Value string
	// Secret tells that the value is there and is not shown.
	Secret bool
}

func (s *server) sink(v *visit) error {
	w, err := s.Sinks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	to, err := s.receiver(v.Context(), w.ID)
	if err != nil {
		return err
	}
	secrets, err := s.Sinks.Secrets(v.Context(), w.ID)
	if err != nil {
		return err
	}
	page := sinkPage{Sink: w, Address: to.Address, Warnings: warningsOfSink(w, secrets), Edit: to.To() + "/edit"}
	if w.BuiltIn {
		page.Edit, page.Warnings = integrationOf(w), nil
	}
	if page.Watched, err = s.watch(v, to); err != nil {
		return err
	}
	page.Gates, err = s.check(v, to, wantedBySink(w), func(q webhook.Question) (wire.Explanation, error) { return s.Sinks.Explain(v.Context(), w.ID, q) })
	if err != nil {
		return err
	}
	page.Gates.fixed = w.BuiltIn
	for _, t := range page.Gates.Tenants {
		if slices.Contains(w.TenantIDs, t.ID) {
			page.Named = append(page.Named, t)
		}
	}
	page.Facts = factsOf(frame{v: v}, w, secrets)
	v.under("Sinks", "/admin/sink")
	v.of = w.Name
	return v.show("sink", "Sink", page)
}

// wantedBySink is what a sink says about the events it gets.
func wantedBySink(w wire.Sink) wanted {
	on := w.EventsEnabled
	if w.AllEvents {
		on = wire.Map[bool]{}
		for _, d := range event.All() {
			on[string(d.Type)] = true
		}
	}
	return wanted{on, w.Global, w.TenantIDs}
}

// factsOf are the settings of a sink that say something, in the order of the form.
func factsOf(at frame, w wire.Sink, secrets []string) (all []settingFact) {
	for _, setting := range sink.Settings(w.Type) {
		f := settingFact{Label: at.Say(textOfSetting(setting)), Value: sink.Value(&w, setting), Secret: slices.Contains(secrets, setting.Name)}
		switch {
		case setting.Kind == sink.KindSwitch && f.Value == "true":
			f.Value = at.Say("Yes")
		case setting.Kind == sink.KindSwitch:
			continue
		case setting.Kind == sink.KindPEM && f.Value != "":
			f.Value = shortened(f.Value, len("-----BEGIN CERTIFICATE-----"))
		}
		if f.Value != "" || f.Secret {
			all = append(all, f)
		}
	}
	return all
}

// Types are the event types that are named, with AllEvents besides those.
func (p sinkPage) Types() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(p.EventsEnabled)) {
		if p.EventsEnabled[name] {
			all = append(all, name)
		}
	}
	return all
}

// Schedule says when a delivery is tried.
func (p sinkPage) Schedule() schedule { return schedule{p.RetryConfiguration} }

// testSink sends an example of the chosen type now, which is on record as a test, and shows what was tried. The sink of an integration gets what FusionAuth's button sends.
func (s *server) testSink(v *visit) error {
	w, err := s.Sinks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	to := "/admin/sink/" + string(w.ID)
	if err := s.trySink(v, w, event.Type(v.PostFormValue("type")), wire.ID(v.PostFormValue("tenant"))); err != nil {
		if errors.Is(err, errTestFailed) {
			return v.done("SinkTestFailed", to+"#recent")
		}
		return v.again(err, func() error { return s.sink(v) })
	}
	return v.done("SinkTested", to+"#recent")
}

var errTestFailed = errors.New("ui: the sink did not take the test event")

func (s *server) trySink(v *visit, w wire.Sink, t event.Type, tenant wire.ID) (err error) {
	var sample []byte
	if w.BuiltIn && t == "" {
		sample, err = s.Events.BareTest()
	} else {
		sample, err = s.Events.SampleNow(cmp.Or(t, event.UserCreate), tenant)
	}
	if err != nil {
		return err
	}
	tried, err := s.Events.Try(v.Context(), w.ID, sample, true)
	if err == nil && !tried.Outcome.Success() {
		err = errTestFailed
	}
	return err
}

func (s *server) pauseSink(v *visit) error {
	return s.pause(v, "SinkPaused", func() error { return s.sink(v) })
}

func (s *server) resumeSink(v *visit) error {
	if err := s.resume(v); err != nil {
		return err
	}
	return v.done("SinkResumed", "/admin/sink/"+string(v.id()))
}

// changeSink changes a sink that exists, without its form.
func (s *server) changeSink(v *visit, edit func(w *wire.Sink)) error {
	return update(v, "sink", v.id(), s.Sinks.Update, func(w wire.Sink) (wire.Sink, error) {
		edit(&w)
		return w, nil
	})
}

func (s *server) enableSink(v *visit) error  { return s.switchSink(v, true, "SinkEnabledNow") }
func (s *server) disableSink(v *visit) error { return s.switchSink(v, false, "SinkDisabledNow") }

func (s *server) switchSink(v *visit, on bool, said string) error {
	if err := s.changeSink(v, func(w *wire.Sink) { w.Enabled = &on }); err != nil {
		return err
	}
	return v.done(said, "/admin/sink/"+string(v.id()))
}

// openSinkGate opens one of the gates of the delivery check.
func (s *server) openSinkGate(v *visit) error {
	return s.openGateOf(v, "/admin/sink/"+string(v.id()), opener{
		enable: func() error { return s.changeSink(v, func(w *wire.Sink) { w.Enabled = nil }) },
		want: func(t event.Type) error {
			return s.changeSink(v, func(w *wire.Sink) { w.EventsEnabled = alsoOn(w.EventsEnabled, t) })
		},
		bind: func(tenant wire.ID) error {
			return s.changeSink(v, func(w *wire.Sink) { w.TenantIDs = append(slices.Clone(w.TenantIDs), tenant) })
		},
	})
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
