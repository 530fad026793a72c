package ui

import (
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/wire"
)

// finding is what the doctor has found, for people: in their language, with a link to where it is mended.
type finding struct {
	doctor.Finding
	Text template.HTML
	// To is where it is mended, "" when there is no such page or the administrator's roles do not open it.
	To string
}

// Class is how it looks, Mark its shape, and Severe the id of the text of how bad it is.
func (f finding) Class() string {
	return map[doctor.Severity]string{doctor.Failure: "bad", doctor.Warning: "wait", doctor.OK: "good"}[f.Severity]
}

func (f finding) Mark() string {
	return map[doctor.Severity]string{doctor.Failure: "✕", doctor.Warning: "!", doctor.OK: "✓"}[f.Severity]
}

func (f finding) Severe() string {
	return map[doctor.Severity]string{doctor.Failure: "HealthFailures", doctor.Warning: "HealthWarnings", doctor.OK: "HealthWell"}[f.Severity]
}

// findings are those that the administrator's roles let them see.
func (f frame) findings(all []doctor.Finding) (shown []finding) {
	for _, one := range all {
		if area, path := placeOf(one); f.v.session.May(area, admin.View) {
			shown = append(shown, finding{one, f.words(one), f.open(area, path, one.Subject.ID)})
		}
	}
	return shown
}

// placeOf is the area that a finding belongs to, and the route of the page where it is mended, "" without one.
func placeOf(f doctor.Finding) (area admin.Area, path string) {
	switch f.Code {
	case doctor.NoTemplate, doctor.MissingTemplate, doctor.Refusing:
		return admin.Tenants, "/admin/tenant/{id}"
	case doctor.LogBehind, doctor.LogForEver, doctor.LogSize:
		return admin.System, "/admin/system"
	}
	switch f.Subject.Kind {
	case doctor.Webhook:
		return admin.Webhooks, "/admin/webhook/{id}"
	case doctor.Sink:
		return admin.Webhooks, "/admin/sink/{id}"
	case doctor.Messenger:
		return admin.Messengers, "/admin/messenger/{id}"
	case doctor.Key:
		return admin.Keys, "/admin/key/{id}"
	case doctor.Tenant:
		return admin.Tenants, "/admin/tenant/{id}"
	}
	return admin.System, ""
}

// open is the address of a page, "" when there is none or it is not open.
func (f frame) open(area admin.Area, path string, id wire.ID) string {
	if _, exists := f.v.s.byPath[path]; !exists || !f.v.session.May(area, admin.View) {
		return ""
	}
	return strings.Replace(path, "{id}", string(id), 1)
}

// textOfCode is the id of the text of a code: FindWebhookNeverFires of webhook.neverFires.
func textOfCode(code doctor.Code) string {
	id := "Find"
	for part := range strings.SplitSeq(string(code), ".") {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

// counted is the parameter that chooses the plural form.
var counted = map[doctor.Code]string{
	doctor.KeyExpiring: "days", doctor.CertificateExpiring: "days", doctor.WebhookDead: "dead", doctor.WebhookBacklog: "waiting", doctor.SinkDead: "dead", doctor.SinkBacklog: "waiting",
	doctor.MessengerFailing: "failed", doctor.MailFailing: "failed",
}

// Around what stands for an instant in a text, until it is markup; nothing that comes from outside keeps them.
const instantBegins, instantEnds = "\ue000", "\ue001"

var (
	marks     = strings.NewReplacer(instantBegins, "", instantEnds, "")
	inMarks   = regexp.MustCompile(instantBegins + `(\d+)` + instantEnds)
	manyOther = regexp.MustCompile(`^(\d+) more$`)
)

// words are a finding in the language of the page.
func (f frame) words(one doctor.Finding) template.HTML {
	args := []any{"subject", marks.Replace(shortened(one.Subject.Name, 200))}
	for name, value := range one.Params {
		args = append(args, name, f.parameter(one, name, value))
	}
	if name, ok := counted[one.Code]; ok {
		if n, ok := one.Params[name].(int64); ok {
			args = append(args, "Count", n)
		}
	}
	text := template.HTMLEscapeString(f.Say(textOfCode(one.Code), args...))
	return template.HTML(inMarks.ReplaceAllStringFunc(text, func(mark string) string { //nolint:gosec // escaped above
		millis, _ := strconv.ParseInt(strings.Trim(mark, instantBegins+instantEnds), 10, 64)
		return string(f.Time(wire.Instant(millis)))
	}))
}

// chosenWords are what the doctor chooses from, with the ids of their texts.
var chosenWords = map[string]string{
	"none": "NoProxy", "no reason was given": "NoReason",
	"integrity ok": "IntegrityWell", "checked by its server": "IntegrityElsewhere", "not checked for damage": "IntegrityUnknown", "damaged": "IntegrityDamaged",
}

// parameter is a part of a finding's text. The doctor speaks English; what it chooses from a few words is translated here.
func (f frame) parameter(one doctor.Finding, name string, value any) any {
	switch value := value.(type) {
	case wire.Instant:
		return instantBegins + strconv.FormatInt(int64(value), 10) + instantEnds
	case []string:
		all := slices.Clone(value)
		for i, text := range all {
			all[i] = shortened(text, 200)
			if m := manyOther.FindStringSubmatch(text); m != nil {
				all[i] = f.Say("AndMore", "N", m[1])
			}
		}
		return marks.Replace(strings.Join(all, ", "))
	case string:
		id := ""
		switch {
		case name == "rule":
			id = "Rule" + value
		case name == "check":
			id = "CheckOf" + strings.ReplaceAll(value, " ", "")
		case name == "kind" && one.Subject.Kind == doctor.Tenant:
			id = "Factor" + strings.ToLower(value)
		case name == "proxy" || name == "reason" || name == "integrity":
			id = chosenWords[value]
		}
		if text := f.Say(id); id != "" && text != id {
			return text
		}
		return marks.Replace(shortened(value, 500))
	}
	return value
}
