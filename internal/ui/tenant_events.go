package ui

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// The event settings of a tenant: which events it sends, how many webhooks must agree, and what that means with the webhooks as they are, or as they
// would be once the form is saved.

// tenantEvents are the event types that begin alike.
type tenantEvents struct {
	Name string
	// On is how many of them are switched on.
	On   int
	Rows []tenantEvent
}

// tenantEvent is what a tenant does with one type of event.
type tenantEvent struct {
	event.Descriptor
	Tenant  wire.ID
	Enabled bool
	Rule    wire.TransactionType
	// Webhooks would get it; Failing of them cannot be reached at present.
	Webhooks, Failing int
	Meaning           meaning
}

// meaning is what a transaction setting comes to, in words.
type meaning struct {
	// Urgency is bad when everything is refused now, wait when one failing webhook is enough for that, and else "".
	Urgency   string
	Sentences []string
}

// Path is that of the setting.
func (e tenantEvent) Path() string { return eventPath(e.Type) }

func eventPath(t event.Type) string { return "tenant.eventConfiguration.events[" + string(t) + "]" }

// ruleTexts are the transaction settings with the ids of their texts, from the most lenient to the strictest.
var ruleTexts = []option{
	{Value: string(wire.None), Text: "TransactionNone"},
	{Value: string(wire.Any), Text: "TransactionAny"},
	{Value: string(wire.SimpleMajority), Text: "TransactionSimpleMajority"},
	{Value: string(wire.SuperMajority), Text: "TransactionSuperMajority"},
	{Value: string(wire.AbsoluteMajority), Text: "TransactionAbsoluteMajority"},
}

func isRule(rule wire.TransactionType) bool {
	return slices.ContainsFunc(ruleTexts, func(o option) bool { return o.Value == string(rule) })
}

// Rules are the choices of a transaction setting.
func (e tenantEvent) Rules(at frame) (all []option) {
	for _, o := range ruleTexts {
		all = append(all, option{o.Value, at.Say(o.Text), o.Value == string(e.Rule)})
	}
	return all
}

// RuleText is the transaction setting in words.
func (e tenantEvent) RuleText(at frame) string {
	if i := slices.IndexFunc(ruleTexts, func(o option) bool { return o.Value == string(e.Rule) }); i >= 0 && e.Transactional {
		return at.Say(ruleTexts[i].Text)
	}
	return at.Say("NotTransactional")
}

// tenantEvents are all types that a tenant can send, in groups, as stored or as the form says that was posted. webhooks are those that there are, bound as
// they would be.
func (s *server) tenantEvents(v *visit, t wire.Tenant, webhooks []wire.Webhook) (groups []tenantEvents, err error) {
	judge, err := s.judge(v, t.ID, webhooks)
	if err != nil {
		return nil, err
	}
	types := event.All()
	for name := range t.EventConfiguration.Events {
		if d, ok := event.Lookup(event.Type(name)); ok && event.IsCustom(d.Type) {
			types = append(types, d)
		}
	}
	slices.SortStableFunc(types, func(a, b event.Descriptor) int { // custom ones last, and in order: they come out of a map
		if event.IsCustom(a.Type) && event.IsCustom(b.Type) {
			return cmp.Compare(a.Type, b.Type)
		}
		return 0
	})
	for _, d := range types {
		setting := t.EventConfiguration.Events[string(d.Type)]
		if d.Scope == event.ScopeSystem || d.Type == event.Test && !setting.Enabled {
			continue
		}
		e := tenantEvent{Descriptor: d, Tenant: t.ID, Enabled: setting.Enabled, Rule: cmp.Or(setting.TransactionType, wire.None)}
		if v.problem != nil {
			if posted := v.PostForm[e.Path()+".enabled:bool"]; len(posted) > 0 {
				e.Enabled = posted[len(posted)-1] == "true"
			}
			if posted := v.PostForm[e.Path()+".transactionType"]; len(posted) > 0 {
				if rule := wire.TransactionType(posted[len(posted)-1]); isRule(rule) {
					e.Rule = rule
				}
			}
		}
		judge(&e)
		name := groupOf(d.Type)
		at := slices.IndexFunc(groups, func(g tenantEvents) bool { return g.Name == name })
		if at < 0 {
			groups, at = append(groups, tenantEvents{Name: name}), len(groups)
		}
		groups[at].Rows = append(groups[at].Rows, e)
		if e.Enabled {
			groups[at].On++
		}
	}
	return groups, nil
}

// judge returns a function that says what the setting of an event means.
func (s *server) judge(v *visit, tenant wire.ID, webhooks []wire.Webhook) (func(e *tenantEvent), error) {
	registry, err := s.Webhooks.Registry(v.Context())
	if err != nil {
		return nil, err
	}
	judge, err := s.Doctor.Judge(v.Context())
	if err != nil {
		return nil, err
	}
	return func(e *tenantEvent) {
		var targets []*webhook.Target
		for i := range webhooks {
			if target := registry.Target(webhooks[i].ID); target != nil && webhook.Match(&webhooks[i], e.Type, e.Scope, tenant) == webhook.Open {
				targets = append(targets, target)
			}
		}
		m := judge.Mean(e.Descriptor, e.Rule, targets)
		e.Webhooks = len(m.Voters)
		for _, voter := range m.Voters {
			if voter.Unreachable {
				e.Failing++
			}
		}
		if e.Enabled {
			e.Meaning = v.mean(e, m)
		}
	}, nil
}

// causes are what people know the commonest events by: the id of a text about what waits.
var causes = map[event.Type]string{
	event.UserLoginSuccess: "CauseLogin", event.UserLoginFailed: "CauseLogin", event.UserLoginNewDevice: "CauseLogin", event.UserLoginSuspicious: "CauseLogin",
	event.UserCreate: "CauseUserCreate", event.UserUpdate: "CauseUserUpdate", event.UserDelete: "CauseUserDelete", event.UserRegistrationCreate: "CauseRegistration",
	event.JWTRefresh: "CauseRefresh",
}

// mean puts what a setting means into words.
func (v *visit) mean(e *tenantEvent, m publish.Meaning) (is meaning) {
	say := func(id string, args ...any) { is.Sentences = append(is.Sentences, v.text.say(id, args...)) }
	switch {
	case len(m.Voters) == 0:
		say("MeansNobody")
		return is
	case m.Needed == 0 && e.Transactional && m.Rule == wire.None:
		say("MeansNone", "Count", len(m.Voters))
		return is
	case m.Needed == 0 && !e.Transactional:
		return is
	}
	rule := strings.TrimPrefix(ruleTexts[slices.IndexFunc(ruleTexts, func(o option) bool { return o.Value == string(m.Rule) })].Text, "Transaction")
	say("Means"+rule, "Count", m.Asked)
	if m.Paused > 0 {
		say("MeansPaused", "Count", m.Paused)
	}
	if m.Needed == 0 {
		return is
	}
	what := v.text.say(cmp.Or(causes[e.Type], "CauseAny"))
	if m.WorstWait > 0 {
		say("MeansWait", "Seconds", secondsOf(slowest(m.Voters)), "What", what, "Most", secondsOf(m.WorstWait))
	}
	worst := worstOf(m.Voters)
	switch {
	case m.RefusesNow:
		is.Urgency = "bad"
		say("MeansRefusesNow", "Webhook", hostOf(worst.URL), "Count", m.Unreachable)
	case m.OneRefuses && worst.Failures > 0:
		is.Urgency = "wait"
		say("MeansOneFails", "Webhook", hostOf(worst.URL), "Count", worst.Failures)
	case m.OneRefuses:
		is.Urgency = "wait"
		say("MeansOneWouldFail")
	default:
		say("MeansSpare", "Count", m.Spare)
	}
	return is
}

// worstOf is the voter that is likeliest to fail: one that cannot be reached, or has failed most often.
func worstOf(all []publish.Voter) publish.Voter {
	return slices.MaxFunc(all, func(a, b publish.Voter) int {
		weigh := func(v publish.Voter) int64 {
			switch {
			case v.Paused:
				return -1 // it is not asked
			case v.Unreachable:
				return 1 << 62
			}
			return v.Failures
		}
		return cmp.Compare(weigh(a), weigh(b))
	})
}

// slowest is the longest time that one of those who are asked may take.
func slowest(all []publish.Voter) (longest time.Duration) {
	for _, v := range all {
		if !v.Paused && !v.Unreachable {
			longest = max(longest, v.Patience)
		}
	}
	return longest
}

// secondsOf is a time in seconds, with as many digits as it needs.
func secondsOf(d time.Duration) string { return fmt.Sprintf("%.3g", d.Seconds()) }

// hostOf is what people call a receiver by in a sentence.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Host
}

// bulkSwitch is a button that switches many events. Group is empty for all of them.
type bulkSwitch struct{ Text, To, Group string }

// Bulk are the buttons of a group, or of all events.
func (f *tenantPage) Bulk(group string) (all []bulkSwitch) {
	for _, what := range []bulkSwitch{{Text: "AllOn", To: "on"}, {Text: "AllOff", To: "off"}} {
		to := what.To
		if group != "" {
			to += "." + group
		}
		all = append(all, bulkSwitch{what.Text, f.Action() + "?bulk=" + url.QueryEscape(to), group})
	}
	return all
}

// SwitchedOn are the events that the tenant sends.
func (f *tenantPage) SwitchedOn() (all []tenantEvent) {
	for _, g := range f.Groups {
		for _, e := range g.Rows {
			if e.Enabled {
				all = append(all, e)
			}
		}
	}
	return all
}

// Gets are the webhooks that get its events.
func (f *tenantPage) Gets() (all []boundWebhook) {
	for _, w := range f.Webhooks {
		if w.Bound {
			all = append(all, w)
		}
	}
	return all
}

// bulk changes what a form says about many events at once: "on", "off", or either of a group as in "on.user".
func (v *visit) bulk(what string) {
	on, group, _ := strings.Cut(what, ".")
	for name := range v.PostForm {
		rest, ok := strings.CutPrefix(name, "tenant.eventConfiguration.events["+group)
		if ok && strings.HasSuffix(name, "].enabled:bool") && (group == "" || rest[0] == '.' || rest[0] == ']') {
			v.PostForm.Set(name, fmt.Sprint(on == "on"))
		}
	}
}
