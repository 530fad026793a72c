package tenant

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// LoginPolicies are all there are; the first is the default.
var LoginPolicies = []LoginPolicy{ChallengeEnabled, ChallengeDisabled, ChallengeRequired, ChallengeOnMediumRisk, ChallengeOnHighRisk}

var (
	generatorTypes = []GeneratorType{RandomDigits, RandomAlpha, RandomAlphaNumeric, RandomBytes}
	algorithms     = []string{"HmacSHA1", "HmacSHA256", "HmacSHA512"} // the first is the default
)

// What authenticator apps can do: RFC 6238 wants at least six digits, and no app shows more than eight.
const (
	minAuthenticatorCode, maxAuthenticatorCode = 6, 8
	minTimeStep, maxTimeStep                   = 10, 300 // seconds
)

// checkFlows adds what is wrong with the members that [Flows] is made of. Whether messengers and templates exist is checked apart
// ([Service.checkReferences]), because that needs the store.
func checkFlows(v *problem.Validation, extra map[string]json.RawMessage) {
	checkMultiFactor(v, extra["multiFactorConfiguration"])
	checkLockout(v, extra["failedAuthenticationConfiguration"])

	const phonePath = "tenant.phoneConfiguration"
	phone, _ := loose.CheckObject(v, phonePath, extra["phoneConfiguration"])
	needsMessenger := false
	for _, name := range slices.Sorted(maps.Keys(phone)) {
		if strings.HasSuffix(name, templateSuffix) {
			needsMessenger = loose.CheckID(v, phonePath+"."+name, phone[name]) || needsMessenger
		}
	}
	checkMessengers(v, phonePath, phone, needsMessenger, "a template is set")
	checkVerification(v, phonePath, phone, "verifyPhoneNumber", "implicitPhoneVerificationAllowed")
	email := loose.Members(extra["emailConfiguration"]) // that it is an object is checked with its password
	for _, name := range slices.Sorted(maps.Keys(email)) {
		if strings.HasSuffix(name, templateSuffix) {
			loose.CheckID(v, mailPath+"."+name, email[name])
		}
	}
	checkMail(v, mailPath, email)
	checkVerification(v, mailPath, email, "verifyEmail", "verifyEmailWhenChanged", "implicitEmailVerificationAllowed")

	const idPath = "tenant.externalIdentifierConfiguration"
	ids, _ := loose.CheckObject(v, idPath, extra["externalIdentifierConfiguration"])
	for _, l := range lifetimes {
		loose.CheckInt(v, idPath+"."+l.name, ids[l.name], 1, maxLifetime)
	}
	for _, c := range codes {
		path := idPath + "." + c.name
		code, _ := loose.CheckObject(v, path, ids[c.name])
		loose.CheckInt(v, path+".length", code["length"], minCodeLength, maxCodeLength)
		loose.CheckOneOf(v, path+".type", code["type"], generatorTypes)
	}

	const limitPath = "tenant.rateLimitConfiguration"
	limits, _ := loose.CheckObject(v, limitPath, extra["rateLimitConfiguration"])
	for _, l := range rateLimits {
		path := limitPath + "." + l.name
		limit, _ := loose.CheckObject(v, path, limits[l.name])
		loose.CheckBool(v, path+".enabled", limit["enabled"])
		if loose.Bool(limit["enabled"], false) { // while it is off it may say anything
			loose.CheckInt(v, path+".limit", limit["limit"], 1, maxLimit)
			loose.CheckInt(v, path+".timePeriodInSeconds", limit["timePeriodInSeconds"], 1, maxLifetime)
		}
	}
	checkMessageLimits(v, extra["messageLimits"])
}

// checkVerification adds what is wrong with how an address or a number is verified.
func checkVerification(v *problem.Validation, path string, m map[string]json.RawMessage, switches ...string) {
	for _, name := range switches {
		loose.CheckBool(v, path+"."+name, m[name])
	}
	unverified, _ := loose.CheckObject(v, path+".unverified", m["unverified"])
	loose.CheckOneOf(v, path+".unverified.behavior", unverified["behavior"], UnverifiedBehaviors)
	loose.CheckBool(v, path+".unverified.allowEmailChangeWhenGated", unverified["allowEmailChangeWhenGated"])
	loose.CheckOneOf(v, path+".verificationStrategy", m["verificationStrategy"], VerificationStrategies)
	strategy, _ := loose.Text(m["verificationStrategy"])
	v.Check(VerificationStrategy(strategy) != FormField || gated(m), path+".verificationStrategy", "invalid",
		"FormField is for users who are Gated until then: unverified.behavior.")
}

// templateSuffix is how every setting ends that names a template.
const templateSuffix = "TemplateId"

func checkMultiFactor(v *problem.Validation, raw json.RawMessage) {
	const path = "tenant.multiFactorConfiguration"
	configuration, _ := loose.CheckObject(v, path, raw)
	loose.CheckOneOf(v, path+".loginPolicy", configuration["loginPolicy"], LoginPolicies)
	app, _ := loose.CheckObject(v, path+".authenticator", configuration["authenticator"])
	loose.CheckBool(v, path+".authenticator.enabled", app["enabled"])
	loose.CheckOneOf(v, path+".authenticator.algorithm", app["algorithm"], algorithms)
	loose.CheckInt(v, path+".authenticator.codeLength", app["codeLength"], minAuthenticatorCode, maxAuthenticatorCode)
	loose.CheckInt(v, path+".authenticator.timeStep", app["timeStep"], minTimeStep, maxTimeStep)
	for _, name := range []string{"email", "sms", "voice"} {
		path := path + "." + name
		settings, _ := loose.CheckObject(v, path, configuration[name])
		loose.CheckBool(v, path+".enabled", settings["enabled"])
		enabled := loose.Bool(settings["enabled"], false)
		if name != "email" {
			checkMessengers(v, path, settings, enabled, name+" is enabled")
		}
		if !loose.CheckID(v, path+".templateId", settings["templateId"]) && !v.Has(path+".templateId") {
			v.Check(!enabled, path+".templateId", "missing", "templateId is required when %s is enabled.", name)
		}
	}
}

// checkMessengers checks messengerId and fallbackMessengerIds of an object. because completes "required when …".
func checkMessengers(v *problem.Validation, path string, m map[string]json.RawMessage, required bool, because string) {
	one := path + ".messengerId"
	if !loose.CheckID(v, one, m["messengerId"]) && !v.Has(one) {
		v.Check(!required, one, "missing", "messengerId is required when %s.", because)
	}
	more := path + ".fallbackMessengerIds"
	elements := loose.CheckList(v, more, m["fallbackMessengerIds"])
	for i, element := range elements {
		path := fmt.Sprintf("%s[%d]", more, i)
		v.Check(loose.CheckID(v, path, element) || v.Has(path), path, "blank", "An id is missing here.")
	}
	v.Check(len(elements) <= maxFallbacks, more, "tooMany", "There are at most %d fallbacks.", maxFallbacks)
}

// maxFallbacks is more than can be tried while somebody waits.
const maxFallbacks = 5

// reference is a setting that names an object of a package above.
type reference struct {
	path string // below tenant
	kind referenceKind
	// message is what the object must be able to carry, or be a text of. Empty for e-mail.
	message wire.MessageType
	id      wire.ID
}

type referenceKind string

const (
	toMessenger       referenceKind = "messenger"
	toMessageTemplate referenceKind = "message template"
	toEmailTemplate   referenceKind = "e-mail template"
	toUserAction      referenceKind = "active user action that lasts for a time and prevents login"
)

// references lists all messengers, templates and user actions that a tenant names, in a fixed order.
func references(t *wire.Tenant) (all []reference) {
	messengers := func(path string, m map[string]json.RawMessage, carries wire.MessageType) {
		if id := loose.ID(m["messengerId"]); id != "" {
			all = append(all, reference{path + ".messengerId", toMessenger, carries, id})
		}
		for i, raw := range loose.Elements(m["fallbackMessengerIds"]) {
			if id := loose.ID(raw); id != "" {
				all = append(all, reference{fmt.Sprintf("%s.fallbackMessengerIds[%d]", path, i), toMessenger, carries, id})
			}
		}
	}
	template := func(path string, raw json.RawMessage, kind referenceKind, of wire.MessageType) {
		if id := loose.ID(raw); id != "" {
			all = append(all, reference{path, kind, of, id})
		}
	}
	factors := loose.Members(t.Extra["multiFactorConfiguration"])
	template("multiFactorConfiguration.email.templateId", loose.Members(factors["email"])["templateId"], toEmailTemplate, "")
	for _, phone := range []struct {
		name string
		kind wire.MessageType
	}{{"sms", wire.SMS}, {"voice", wire.Voice}} {
		m, path := loose.Members(factors[phone.name]), "multiFactorConfiguration."+phone.name
		messengers(path, m, phone.kind)
		template(path+".templateId", m["templateId"], toMessageTemplate, phone.kind)
	}
	phone := loose.Members(t.Extra["phoneConfiguration"])
	messengers("phoneConfiguration", phone, wire.SMS)
	for _, name := range slices.Sorted(maps.Keys(phone)) {
		if strings.HasSuffix(name, templateSuffix) {
			template("phoneConfiguration."+name, phone[name], toMessageTemplate, wire.SMS)
		}
	}
	email := loose.Members(t.Extra["emailConfiguration"])
	for _, name := range slices.Sorted(maps.Keys(email)) {
		if strings.HasSuffix(name, templateSuffix) {
			template("emailConfiguration."+name, email[name], toEmailTemplate, "")
		}
	}
	if action := lockoutOf(t.Extra["failedAuthenticationConfiguration"]).UserActionID; action != "" {
		all = append(all, reference{"failedAuthenticationConfiguration.userActionId", toUserAction, "", action})
	}
	return all
}

// checkReferences adds the messengers, templates and user actions that do not exist or are of the wrong kind. What current, the tenant before the change,
// named already is not looked at again, so that a tenant with an old mistake can be changed elsewhere.
func (s *Service) checkReferences(tx *db.Tx, v *problem.Validation, t wire.Tenant, current *wire.Tenant) error {
	var known []reference
	if current != nil {
		known = references(current)
	}
	for _, r := range references(&t) {
		path := "tenant." + r.path
		if v.Has(path) || slices.Contains(known, r) {
			continue
		}
		exists, what := true, string(r.kind)
		var err error
		switch {
		case r.kind == toMessenger && s.HasMessenger != nil:
			exists, err = s.HasMessenger(tx, r.id, r.message)
			what = fmt.Sprintf("messenger that can carry %s messages", r.message)
		case r.kind == toMessageTemplate && s.HasMessageTemplate != nil:
			exists, err = s.HasMessageTemplate(tx, r.id, r.message)
			what = fmt.Sprintf("message template of the type %s", r.message)
		case r.kind == toEmailTemplate && s.HasEmailTemplate != nil:
			exists, err = s.HasEmailTemplate(tx, r.id)
		case r.kind == toUserAction && s.HasLockingAction != nil:
			exists, err = s.HasLockingAction(tx, r.id)
		}
		if err != nil {
			return err
		}
		v.Check(exists, path, "invalid", "There is no %s with the id %s.", what, r.id)
	}
	return nil
}

// UsesMessenger returns the settings that name a messenger, each as a phrase such as `tenant "Default": multiFactorConfiguration.sms.messengerId`.
// None means that it may be deleted.
func (s *Service) UsesMessenger(tx *db.Tx, id wire.ID) ([]string, error) {
	return s.uses(tx, toMessenger, id)
}

// UsesMessageTemplate is [Service.UsesMessenger] for a message template.
func (s *Service) UsesMessageTemplate(tx *db.Tx, id wire.ID) ([]string, error) {
	return s.uses(tx, toMessageTemplate, id)
}

// UsesEmailTemplate is [Service.UsesMessenger] for an e-mail template.
func (s *Service) UsesEmailTemplate(tx *db.Tx, id wire.ID) ([]string, error) {
	return s.uses(tx, toEmailTemplate, id)
}

// UsesUserAction is [Service.UsesMessenger] for a user action.
func (s *Service) UsesUserAction(tx *db.Tx, id wire.ID) ([]string, error) {
	return s.uses(tx, toUserAction, id)
}

func (s *Service) uses(tx *db.Tx, kind referenceKind, id wire.ID) (by []string, err error) {
	rows, err := allTenants(tx) // not the snapshot: the answer decides about a deletion in this transaction
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		var doc document
		if err := json.Unmarshal([]byte(row.document), &doc); err != nil {
			return nil, fmt.Errorf("decode tenant %s: %w", row.id, err)
		}
		for _, r := range references(&wire.Tenant{Extra: doc.Extra}) {
			if r.kind == kind && r.id == wire.ID(strings.ToLower(string(id))) {
				by = append(by, fmt.Sprintf("tenant %q: %s", row.name, r.path))
			}
		}
	}
	return by, nil
}
