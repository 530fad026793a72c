package tenant

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/risk"
	"github.com/herald-events/herald/wire"
)

// defaultIssuer is FusionAuth's: the `iss` of tokens until somebody sets another.
const defaultIssuer = "acme.com"

// checkNew adds what stands against a new tenant with this name and id.
func checkNew(tx *db.Tx, v *problem.Validation, t wire.Tenant) error {
	exists, err := tenantExists(tx, t.ID)
	if err != nil {
		return err
	}
	v.Check(!exists, "tenantId", "duplicate", "There is a tenant with the id %s already.", t.ID)
	return checkName(tx, v, t.Name, "")
}

// checkName adds what is wrong with the name of the tenant self, or of a new one if that is empty.
func checkName(tx *db.Tx, v *problem.Validation, name string, self wire.ID) error {
	if !v.Name("tenant.name", "A tenant", &name) {
		return nil
	}
	taken, err := nameTaken(tx, name, self)
	if err != nil {
		return err
	}
	if taken {
		duplicateName(v, name)
	}
	return nil
}

func duplicateName(v *problem.Validation, name string) {
	v.Field("tenant.name", "duplicate", "There is a tenant with the name %q already; case does not count.", name)
}

// check adds everything else that is wrong with t, and brings it into the form in which it is stored.
func check(v *problem.Validation, t *wire.Tenant) {
	t.Name = strings.TrimSpace(t.Name)
	t.State = wire.Active
	t.EventConfiguration.Events = checkEvents(v, t.EventConfiguration.Events)
	t.Extra = checkExtra(v, t.Extra)
}

// checkEvents returns the event settings as FusionAuth keeps them: types of the whole installation are dropped, because a tenant has no say
// in them, and those that are not transactional have no transaction. No type is added that the caller did not list. Listing a custom type
// registers it.
func checkEvents(v *problem.Validation, events wire.Map[wire.EventSetting]) wire.Map[wire.EventSetting] {
	const path = "tenant.eventConfiguration.events"
	kept := make(wire.Map[wire.EventSetting], len(events))
	for _, name := range slices.Sorted(maps.Keys(events)) {
		setting := events[name]
		d, known := event.Lookup(event.Type(name))
		switch setting.TransactionType {
		case "":
			setting.TransactionType = wire.None
		case wire.None, wire.Any, wire.SimpleMajority, wire.SuperMajority, wire.AbsoluteMajority:
		default:
			v.Field(path, "invalid", "The transaction type of %s is None, Any, SimpleMajority, SuperMajority or AbsoluteMajority, not %q.",
				name, setting.TransactionType)
		}
		switch near := event.Suggest(name); {
		case !known && strings.HasPrefix(name, event.CustomPrefix):
			v.Field(path, "invalid", "%.128q is no name for a custom event type: %s.", name, event.CustomNaming)
		case !known && near != "":
			v.Field(path, "invalid", "There is no event type %q. Did you mean %q?", name, near)
		case !known:
			v.Field(path, "invalid", "There is no event type %q.", name)
		case d.Scope == event.ScopeSystem:
			continue
		case !d.Transactional:
			setting.TransactionType = wire.None
		}
		kept[name] = setting
	}
	return kept
}

// checkExtra returns a copy of the members that Herald keeps without acting on them, with the few rules there are for them.
func checkExtra(v *problem.Validation, given map[string]json.RawMessage) map[string]json.RawMessage {
	extra := make(map[string]json.RawMessage, len(given)+1)
	for name, value := range given {
		if !loose.IsNull(value) { // null is how clients say that a member is absent
			extra[name] = value
		}
	}
	if text, isText := loose.Text(extra["issuer"]); extra["issuer"] == nil || isText && strings.TrimSpace(text) == "" {
		extra["issuer"] = json.RawMessage(`"` + defaultIssuer + `"`)
	}
	if extra["themeId"] == nil {
		extra["themeId"] = json.RawMessage(`"` + DefaultThemeID + `"`)
	}
	if data, ok := loose.CheckObject(v, "tenant.data", extra["data"]); ok {
		maps.DeleteFunc(data, func(_ string, value json.RawMessage) bool { return loose.IsNull(value) })
		extra["data"] = loose.Encode(data)
	}
	checkPasswords(v, extra)
	risk.Check(v, "tenant.clientRiskConfiguration", extra["clientRiskConfiguration"])
	CheckJWT(v, "tenant.jwtConfiguration", extra["jwtConfiguration"])
	checkFlows(v, extra)
	secrets.Check(v, "tenant", extra)
	return extra
}

// Bounds of the rules for passwords. Zero is how the Go client says that nothing was set.
const (
	maxPasswordLength = 256
	maxRemembered     = 24
	maxAgeSeconds     = 1 << 30
	maxAgeDays        = 36_500
)

// checkPasswords adds what is wrong with the rules for passwords: what cannot be read would have its default, and so protect less than somebody believes.
func checkPasswords(v *problem.Validation, extra map[string]json.RawMessage) {
	const path = "tenant.passwordValidationRules"
	rules, _ := loose.CheckObject(v, path, extra["passwordValidationRules"])
	for _, name := range []string{"minLength", "maxLength"} {
		loose.CheckInt(v, path+"."+name, rules[name], 0, maxPasswordLength)
	}
	for _, name := range []string{"requireMixedCase", "requireNonAlpha", "requireNumber", "disallowUserLoginId", "validateOnLogin"} {
		loose.CheckBool(v, path+"."+name, rules[name])
	}
	least, hasLeast := loose.ParseInt(rules["minLength"])
	most, hasMost := loose.ParseInt(rules["maxLength"])
	v.Check(!hasLeast || !hasMost || most == 0 || least <= most, path+".maxLength", "invalid", "The maximum length is not below the minimum length.")
	for _, of := range []struct {
		path, number string
		most         int
		raw          json.RawMessage
	}{
		{path + ".rememberPreviousPasswords", "count", maxRemembered, rules["rememberPreviousPasswords"]},
		{"tenant.minimumPasswordAge", "seconds", maxAgeSeconds, extra["minimumPasswordAge"]},
		{"tenant.maximumPasswordAge", "days", maxAgeDays, extra["maximumPasswordAge"]},
	} {
		m, _ := loose.CheckObject(v, of.path, of.raw)
		loose.CheckBool(v, of.path+".enabled", m["enabled"])
		if loose.Bool(m["enabled"], false) { // while it is off it may say anything
			loose.CheckInt(v, of.path+"."+of.number, m[of.number], 0, of.most)
		}
	}
	breach, _ := loose.CheckObject(v, path+".breachDetection", rules["breachDetection"])
	loose.CheckBool(v, path+".breachDetection.enabled", breach["enabled"])
	loose.CheckID(v, path+".breachDetection.notifyUserEmailTemplateId", breach["notifyUserEmailTemplateId"])
}
