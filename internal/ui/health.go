package ui

import (
	"context"
	"slices"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/wire"
)

var healthRoutes = []route{
	{"GET /admin/health", signedIn, admin.System, admin.View, (*server).health},
	{"POST /admin/health", signedIn, admin.System, admin.Change, (*server).probe},
	{"GET /admin/attention", signedIn, "", 0, (*server).needsAttention},
	{"POST /admin/tenant/{id}/lenient", signedIn, admin.Tenants, admin.Change, (*server).makeLenient},
}

type healthPage struct {
	Groups []findingGroup
	// Probes are what receivers answered; Probed tells that they were asked, Left how many were not.
	Probes []finding
	Probed bool
	Left   int
	// Receivers is how many there are to be asked.
	Receivers int
	At        wire.Instant
}

// findingGroup are the findings of a severity. Text is the id of its heading, Class how it looks.
type findingGroup struct {
	Text, Class string
	Findings    []finding
}

// health examines the installation, as herald doctor does.
func (s *server) health(v *visit) error { return s.showHealth(v, healthPage{}) }

func (s *server) showHealth(v *visit, page healthPage) error {
	page.At = wire.Instant(v.began.UnixMilli())
	f := frame{v: v}
	groups := []findingGroup{{Text: "HealthFailures", Class: "bad"}, {Text: "HealthWarnings", Class: "wait"}, {Text: "HealthWell", Class: "good"}}
	for _, one := range f.findings(s.Doctor.Examine(v.Context())) {
		i := slices.Index([]doctor.Severity{doctor.Failure, doctor.Warning, doctor.OK}, one.Severity)
		groups[i].Findings = append(groups[i].Findings, one)
	}
	page.Groups = slices.DeleteFunc(groups, func(g findingGroup) bool { return len(g.Findings) == 0 })
	if v.session.May(admin.Webhooks, admin.View) {
		all, err := s.switchedOn(v.Context())
		if err != nil {
			return err
		}
		page.Receivers = len(all)
	}
	return v.show("health", "Health", page)
}

// switchedOn are the receivers that are.
func (s *server) switchedOn(ctx context.Context) (ids []wire.ID, err error) {
	all, err := s.allCalled(ctx)
	for _, one := range all {
		if one.State != "StateDisabled" {
			ids = append(ids, one.ID)
		}
	}
	return ids, err
}

// A page of probes asks so many receivers, and does not wait for longer.
const (
	mostProbed = 50
	probeTime  = 15 * time.Second
)

// probe asks the receivers whether they are there.
func (s *server) probe(v *visit) error {
	if !v.session.May(admin.Webhooks, admin.View) {
		return errForbidden
	}
	all, err := s.switchedOn(v.Context())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.Context(), probeTime)
	defer cancel()
	asked := all[:min(len(all), mostProbed)]
	found, err := s.Doctor.Probe(ctx, asked)
	if err != nil {
		return err
	}
	slices.SortStableFunc(found, func(a, b doctor.Finding) int {
		order := []doctor.Severity{doctor.Failure, doctor.Warning, doctor.OK}
		return slices.Index(order, a.Severity) - slices.Index(order, b.Severity)
	})
	return s.showHealth(v, healthPage{Probed: true, Probes: frame{v: v}.findings(found), Left: len(all) - len(asked)})
}

// attentionFresh is how old what the overview says of the installation may be.
const attentionFresh = 30 * time.Second

// attentionPart is what needs attention. Known is false as long as nobody has looked.
type attentionPart struct {
	Known    bool
	Findings []finding
	At       wire.Instant
}

// First are the worst of them, as many as the overview shows, and More is how many there are besides.
func (p attentionPart) First() []finding { return p.Findings[:min(len(p.Findings), mostAttention)] }
func (p attentionPart) More() int        { return len(p.Findings) - len(p.First()) }

const mostAttention = 8

// attentionKnown is what was found a moment ago. A page does not wait for an examination, which may take some seconds.
func (s *server) attentionKnown(v *visit) attentionPart {
	all, at, ok := s.attention.known(attentionFresh)
	return attentionPart{Known: ok, Findings: frame{v: v}.findings(all), At: wire.Instant(at.UnixMilli())}
}

// needsAttention is the part of the overview that a script asks for when it was not known.
func (s *server) needsAttention(v *visit) error {
	if !v.isPart() {
		v.redirect("/admin/")
		return nil
	}
	all, at, err := s.attention.get(attentionFresh, func() ([]doctor.Finding, error) { return s.Doctor.Attention(v.Context()), nil })
	if err != nil {
		return err
	}
	return v.part("overview", "attention", attentionPart{true, frame{v: v}.findings(all), wire.Instant(at.UnixMilli())})
}

// alarm is what blocks users, as the bar on every page says it.
type alarm struct {
	doctor.Blocked
	// Tenant and Webhook are the names of where changes are refused and of the first that cannot be reached, or what stands for them for who may not see these.
	Tenant, Webhook string
	// More is how many other types of changes are refused.
	More int
	// Lenient are the settings that would let the change pass.
	Lenient []wire.TransactionType
}

// Alarm tells what blocks users now; nil for nothing, as nearly always. It reads memory only. Without an answer there is no bar: the page itself will say why.
func (f frame) Alarm() *alarm {
	if f.v.session == nil {
		return nil
	}
	all, err := f.v.s.Doctor.Blocking(f.v.Context())
	if err != nil || len(all) == 0 {
		return nil
	}
	a := &alarm{
		Blocked: all[0], More: len(all) - 1, Lenient: []wire.TransactionType{wire.None}, Tenant: f.Say("AlarmSomeTenant"), Webhook: f.Say("AlarmSomeWebhook"),
	}
	if f.v.session.May(admin.Tenants, admin.View) {
		a.Tenant = shortened(a.Blocked.Tenant, 60)
	}
	if f.v.session.May(admin.Webhooks, admin.View) || f.v.session.May(admin.WebhookLog, admin.View) { // the log names them as well
		a.Webhook = shortened(a.Failing[0].URL, 80)
	}
	if !publish.Refuses(wire.Any, a.Asked, len(a.Failing)) {
		a.Lenient = append(a.Lenient, wire.Any)
	}
	return a
}

// Others are the webhooks that cannot be reached beside the first.
func (a *alarm) Others() int { return len(a.Failing) - 1 }

// Since is when the first of the webhooks that cannot be reached was seen to be.
func (a *alarm) Since() wire.Instant {
	first := a.Failing[0].Since
	for _, w := range a.Failing {
		first = min(first, w.Since)
	}
	return first
}

// makeLenient sets the transaction setting of a type of event to one that lets more pass. It never makes it stricter, however old the page is.
func (s *server) makeLenient(v *visit) error {
	rule, name := wire.TransactionType(v.FormValue("rule")), v.FormValue("type")
	if _, known := event.Lookup(event.Type(name)); !known || rule != wire.None && rule != wire.Any {
		return s.missing(v)
	}
	c := v.changing("Set the transaction setting of %s of the tenant %s to %s", name, v.id(), rule).of("tenant", v.id())
	c.tenant = v.id()
	_, err := s.Tenants.Update(c.context(), v.id(), func(current wire.Tenant) (wire.Tenant, []wire.ID, error) {
		c.before = current
		next := current
		next.EventConfiguration.Events = make(map[string]wire.EventSetting, len(current.EventConfiguration.Events))
		for t, setting := range current.EventConfiguration.Events {
			if t == name && setting.TransactionType != "" && setting.TransactionType != wire.None {
				setting.TransactionType = rule
			}
			next.EventConfiguration.Events[t] = setting
		}
		c.after = next
		return next, nil, nil
	})
	if err != nil {
		return err
	}
	s.attention.forget()
	return v.done("MadeLenient", v.next())
}
