package ui

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

var webhookTryRoutes = []route{
	{"GET /admin/webhook/{id}/test", signedIn, admin.Webhooks, admin.Change, (*server).webhookTrial},
	{"POST /admin/webhook/{id}/test", signedIn, admin.Webhooks, admin.Change, (*server).tryWebhook},
}

// Where the event of a test comes from.
const (
	fromEdits   = "" // what was written in this browser, or else the example
	fromExample = "example"
	fromReal    = "last"
)

type tryPage struct {
	wire.Webhook
	Types   []typeGroup
	Tenants []wire.Tenant
	Type    string
	Tenant  wire.ID
	From    string
	// Text is the event that is sent, byte for byte.
	Text   string
	Record bool
	// Note is the id of a text about where the event is from, "" for none.
	Note string
	// Result is what came of the test, nil before one.
	Result *tried
}

// typeGroup are event types of a choice.
type typeGroup struct {
	Name  string
	Types []event.Type
}

// webhookTrial shows the event that a test would send.
func (s *server) webhookTrial(v *visit) error {
	w, err := s.Webhooks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := tryPage{Webhook: w, Type: v.FormValue("type"), Tenant: wire.ID(v.FormValue("tenant")), From: v.FormValue("from")}
	if !v.Form.Has("tenant") {
		if page.Tenant, err = s.tenantOf(v, wantedBy(w)); err != nil {
			return err
		}
	}
	if page.Type == "" {
		page.Type = string(firstType(w.EventsEnabled))
	}
	if page.From == fromReal && v.session.May(admin.WebhookLog, admin.View) {
		if page.Text, err = s.lastReal(v, page.Type, page.Tenant); err != nil {
			return err
		}
		page.Note = map[bool]string{true: "TryNoReal", false: "TryReal"}[page.Text == ""]
	}
	if page.Text == "" {
		sample, err := s.Events.SampleNow(event.Type(page.Type), page.Tenant)
		if err != nil {
			return err
		}
		page.Text = indented(sample)
	}
	return s.showTrial(v, page)
}

// tenantOf is the tenant that a test of a receiver is most likely about: the one that was chosen above all pages, or the first it is bound to.
func (s *server) tenantOf(v *visit, w wanted) (wire.ID, error) {
	switch {
	case v.preferences.Tenant != "":
		return v.preferences.Tenant, nil
	case len(w.tenants) > 0 && !w.global:
		return w.tenants[0], nil
	}
	return s.Tenants.DefaultID(v.Context())
}

// firstType is a type that is on: the one that everybody knows, or else the first of the catalogue.
func firstType(on wire.Map[bool]) event.Type {
	if on[string(event.UserCreate)] {
		return event.UserCreate
	}
	for _, d := range event.All() {
		if on[string(d.Type)] {
			return d.Type
		}
	}
	for _, name := range slices.Sorted(maps.Keys(on)) {
		if on[name] {
			return event.Type(name)
		}
	}
	return event.UserCreate
}

// lastReal is the newest event of a type that was no test, "" without one. It is without what the webhook log hides.
func (s *server) lastReal(v *visit, t string, tenant wire.ID) (string, error) {
	real := false
	criteria := wire.WebhookEventLogSearch{Period: wire.Period{Start: 1}, EventType: t, TenantID: tenant, Test: &real}
	if d, _ := event.Lookup(event.Type(t)); d.Scope == event.ScopeSystem {
		criteria.TenantID = ""
	}
	criteria.NumberOfResults = 1
	found, _, err := s.WebhookLog.Page(v.Context(), criteria, search.Cursor(""))
	if err != nil || len(found) == 0 {
		return "", err
	}
	e, err := s.WebhookLog.Event(v.Context(), found[0].ID)
	if err != nil {
		return "", err
	}
	return indented(e.Event), nil
}

// indented is JSON for reading; what is none stays as it is.
func indented(text []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, bytes.TrimSpace(text), "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

func (s *server) showTrial(v *visit, page tryPage) (err error) {
	if page.Tenants, err = s.Tenants.List(v.Context()); err != nil {
		return err
	}
	page.Types = s.typesFor(v, page.EventsEnabled, page.Type)
	v.under("Webhooks", "/admin/webhook")
	v.under("Webhook", "/admin/webhook/"+string(page.ID))
	v.of = nameOfWebhook(page.Webhook)
	return v.show("webhook-try", "WebhookTest", page)
}

// typesFor are the types to choose from: first those that are on. also is one that is chosen already.
func (s *server) typesFor(v *visit, on wire.Map[bool], also string) []typeGroup {
	chosen, others := typeGroup{Name: v.text.say("TypesOn")}, typeGroup{Name: v.text.say("TypesOff")}
	names := map[string]bool{also: true}
	for name := range on {
		names[name] = true
	}
	for _, d := range event.All() {
		delete(names, string(d.Type))
		if on[string(d.Type)] {
			chosen.Types = append(chosen.Types, d.Type)
		} else {
			others.Types = append(others.Types, d.Type)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !event.IsCustom(event.Type(name)) {
			continue
		}
		if on[name] {
			chosen.Types = append(chosen.Types, event.Type(name))
		} else {
			others.Types = append(others.Types, event.Type(name))
		}
	}
	return slices.DeleteFunc([]typeGroup{chosen, others}, func(g typeGroup) bool { return len(g.Types) == 0 })
}

// tryWebhook sends the event and shows what came back: in the page that is there, or with it.
func (s *server) tryWebhook(v *visit) error {
	w, err := s.Webhooks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := tryPage{
		Webhook: w, Type: v.PostFormValue("type"), Tenant: wire.ID(v.PostFormValue("tenant")), Record: v.PostFormValue("record") == "true",
		Text: strings.ReplaceAll(v.PostFormValue("event"), "\r\n", "\n"),
	}
	if v.PostFormValue("ping") != "" {
		page.Type = string(event.Test)
		sample, err := s.Events.SampleNow(event.Test, "")
		if err != nil {
			return err
		}
		page.Text = indented(sample)
	}
	var wrong problem.Validation
	if err := body.Check([]byte(page.Text)); err != nil {
		wrong.Field("event", "invalidJSON", "%s", v.text.say("TryNotJSON", "Why", reasonOf(err)))
	}
	if err = wrong.Err(); err == nil {
		var result publish.Tried
		if result, err = s.Events.Try(v.Context(), w.ID, []byte(page.Text), page.Record); err == nil {
			page.Result = &tried{result, page.Text}
		}
	}
	if p, ok := problem.As(err); ok && p.Kind == problem.Invalid {
		for i := range p.Fields {
			p.Fields[i].Field = "event" // all of them are in its text
		}
		if v.isPart() {
			v.problem = p
			return v.part("webhook-try", "tried", page)
		}
		return v.again(p, func() error { return s.showTrial(v, page) })
	}
	if err != nil {
		return err
	}
	if v.isPart() {
		return v.part("webhook-try", "tried", page)
	}
	return s.showTrial(v, page)
}

// Kept is the name under which the browser keeps what was written.
func (p tryPage) Kept() string { return "test " + string(p.ID) + " " + p.Type + " " + string(p.Tenant) }

// Address is where the webhook is, without what is secret in it.
func (p tryPage) Address() string { return egress.RedactURL(p.URL) }

// Reset is the address of the page with nothing but the example.
func (p tryPage) Reset() string {
	return "?" + url.Values{"type": {p.Type}, "tenant": {string(p.Tenant)}, "from": {fromExample}}.Encode()
}

// Sources are the choices of where the event comes from.
func (p tryPage) Sources(at frame) []option {
	all := []option{{Value: fromEdits, Text: at.Say("TryFromEdits")}, {Value: fromExample, Text: at.Say("TryFromExample")}}
	if at.May(admin.WebhookLog, "view") {
		all = append(all, option{Value: fromReal, Text: at.Say("TryFromReal")})
	}
	for i := range all {
		all[i].Chosen = all[i].Value == p.From
	}
	return all
}

// tried is what came of a test, for people. Everything in it may be shown: secrets are masked where the request was made.
type tried struct {
	publish.Tried
	sent string
}

// Took is how long the test took, in microseconds.
func (t tried) Took() int64 { return t.Detail.Phases.Total }

// Phases are the parts of that time.
func (t tried) Phases() []phase {
	p := t.Detail.Phases
	return phasesOf(&wire.WebhookAttemptPhases{DNS: p.DNS, Connect: p.Connect, TLS: p.TLS, FirstByte: p.FirstByte, Total: p.Total})
}

// Sent are the headers of the request that settings of the webhook add, Answered those that came back.
func (t tried) Sent() []pair     { return sortedPairs(t.Detail.RequestHeaders) }
func (t tried) Answered() []pair { return sortedPairs(t.Detail.ResponseHeaders) }

// Body is what came back, indented if it is JSON.
func (t tried) Body() string { return indented([]byte(t.Detail.ResponseBody)) }

// Curl is the same request for a shell. What is hidden here has to be filled in there.
func (t tried) Curl() string {
	var b strings.Builder
	b.WriteString("curl -i -X POST " + forShell(t.URL))
	for _, h := range t.Sent() {
		b.WriteString(" \\\n  -H " + forShell(h.Name+": "+h.Value))
	}
	b.WriteString(" \\\n  --data-binary " + forShell(t.sent))
	return b.String()
}

// forShell is a text as one word of a shell.
func forShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Next says what to look at, after an answer that was not a good one; the id of a text.
func (t tried) Next() string { return nextStep(t.Attempt) }

func nextStep(a *webhook.Attempt) string {
	switch a.Outcome {
	case egress.Refused:
		switch {
		case a.StatusCode == 401 || a.StatusCode == 403:
			return "TryNextAuth"
		case a.StatusCode == 404 || a.StatusCode == 405:
			return "TryNextAddress"
		case a.StatusCode >= 500:
			return "TryNextBroken"
		}
		return "TryNextRefused"
	case egress.Redirect:
		return "TryNextRedirect"
	case egress.Timeout:
		return "TryNextTimeout"
	case egress.Connect, egress.Reset:
		return "TryNextConnect"
	case egress.TLS:
		return "TryNextTLS"
	case egress.DNS:
		return "TryNextDNS"
	case egress.Blocked:
		return "TryNextBlocked"
	case egress.Invalid:
		return "TryNextInvalid"
	}
	return ""
}
