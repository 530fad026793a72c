package identity

import (
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Rules are a tenant's settings that decide about its users.
type Rules struct {
	Password PasswordRules
	// VerifyEmail makes a user's first address Pending until it is verified, VerifyEmailWhenChanged every later one.
	VerifyEmail, VerifyEmailWhenChanged bool
	// VerifyPhoneNumber makes a phone number Pending until it is verified.
	VerifyPhoneNumber bool

	flows *tenant.Flows // that they were read with
}

// PasswordRules say which passwords may be chosen, and which may still be used. Lengths are in characters.
type PasswordRules struct {
	MinLength, MaxLength                             int
	RequireMixedCase, RequireNonAlpha, RequireNumber bool
	// DisallowLoginID refuses a password that is what the user logs in with.
	DisallowLoginID bool
	// Remember is how many earlier passwords cannot be chosen again. Zero remembers none.
	Remember int
	// MinimumAge is how long a password has to be kept, MaximumAge how long it can be. Zero bounds nothing.
	MinimumAge, MaximumAge time.Duration
	// ValidateOnLogin has a password changed that does not obey the rules (any more).
	ValidateOnLogin bool
	Breach          BreachRules
}

// BreachRules say what is done about stolen passwords.
type BreachRules struct {
	// Enabled refuses to have one chosen.
	Enabled bool
	// Match is how much of a login must be known.
	Match BreachMatch
	// OnLogin is what happens when one is used to log in.
	OnLogin BreachReaction
	// NotifyTemplateID is the e-mail that tells the user.
	NotifyTemplateID wire.ID
}

// BreachMatch is how much of a login must be known for it to count. FusionAuth's sources disagree about the last two; see docs/compatibility.md.
type BreachMatch string

// The modes. The first is the default.
const (
	BreachHigh   BreachMatch = "High"   // the password alone is enough
	BreachMedium BreachMatch = "Medium" // with one of the login ids, or one that everybody has
	BreachLow    BreachMatch = "Low"    // with one of the login ids
)

// BreachReaction is what happens at a login.
type BreachReaction string

// The reactions. The first is the default.
const (
	BreachIgnored        BreachReaction = "Off"
	BreachRecorded       BreachReaction = "RecordOnly"
	BreachNotifies       BreachReaction = "NotifyUser"
	BreachRequiresChange BreachReaction = "RequireChange"
)

var (
	breachMatches   = []BreachMatch{BreachHigh, BreachMedium, BreachLow}
	breachReactions = []BreachReaction{BreachIgnored, BreachRecorded, BreachNotifies, BreachRequiresChange}
)

// counts tells whether the rules take notice of what was found.
func (b BreachRules) counts(found wire.BreachedPasswordStatus) bool {
	switch found {
	case wire.BreachedExactMatch, wire.BreachedSubAddressMatch:
		return true
	case wire.BreachedCommonPassword:
		return b.Match != BreachLow
	case wire.BreachedPasswordOnly:
		return b.Match == BreachHigh
	}
	return false
}

// Lengths of passwords in a tenant that says nothing about them, and the longest that any tenant can allow. Values are FusionAuth's.
const (
	defaultMinLength = 8
	defaultMaxLength = 256
)

// maxRemembered bounds how many hashes a new password is compared with.
const maxRemembered = 24

// RulesOf reads the rules from a tenant's settings. flows are the same settings as far as they are read there. Tenants keep passwordValidationRules
// as they were sent; what cannot be read counts as absent.
func RulesOf(t wire.Tenant, flows *tenant.Flows) Rules {
	m := loose.Members(t.Extra["passwordValidationRules"])
	remember, breach := loose.Members(m["rememberPreviousPasswords"]), loose.Members(m["breachDetection"])
	r := PasswordRules{
		MinLength: loose.Int(m["minLength"], defaultMinLength, 1, defaultMaxLength), MaxLength: loose.Int(m["maxLength"], defaultMaxLength, 1, defaultMaxLength),
		RequireMixedCase: loose.Bool(m["requireMixedCase"], false), RequireNonAlpha: loose.Bool(m["requireNonAlpha"], false),
		RequireNumber:   loose.Bool(m["requireNumber"], false),
		DisallowLoginID: loose.Bool(m["disallowUserLoginId"], false), ValidateOnLogin: loose.Bool(m["validateOnLogin"], false),
		Breach: BreachRules{
			Enabled: loose.Bool(breach["enabled"], false), Match: loose.OneOf(breach["matchMode"], BreachHigh, breachMatches),
			OnLogin: loose.OneOf(breach["onLogin"], BreachIgnored, breachReactions), NotifyTemplateID: loose.ID(breach["notifyUserEmailTemplateId"]),
		},
	}
	if loose.Bool(remember["enabled"], false) {
		r.Remember = loose.Int(remember["count"], 1, 1, maxRemembered)
	}
	if age := loose.Members(t.Extra["minimumPasswordAge"]); loose.Bool(age["enabled"], false) {
		r.MinimumAge = time.Duration(loose.Int(age["seconds"], 30, 1, 1<<30)) * time.Second
	}
	if age := loose.Members(t.Extra["maximumPasswordAge"]); loose.Bool(age["enabled"], false) {
		r.MaximumAge = time.Duration(loose.Int(age["days"], 180, 1, 36_500)) * 24 * time.Hour
	}
	return Rules{
		Password: r, VerifyEmail: flows.Email.Verify, VerifyEmailWhenChanged: flows.Email.VerifyWhenChanged, VerifyPhoneNumber: flows.Phone.Verify, flows: flows,
	}
}

// check adds what is wrong with a new password. The messages never contain it.
func (r PasswordRules) check(v *problem.Validation, path, password string) {
	length := utf8.RuneCountInString(password)
	var upper, lower, digit, other bool
	for _, c := range password {
		switch {
		case unicode.IsUpper(c):
			upper = true
		case unicode.IsLower(c):
			lower = true
		case unicode.IsDigit(c):
			digit, other = true, true
		case !unicode.IsLetter(c):
			other = true
		}
	}
	v.Check(length >= r.MinLength, path, "tooShort", "A password has at least %d characters.", r.MinLength)
	v.Check(length <= r.MaxLength, path, "tooLong", "A password has at most %d characters.", r.MaxLength)
	v.Check(!r.RequireMixedCase || upper && lower, path, "singleCase", "A password contains upper and lower case letters.")
	v.Check(!r.RequireNonAlpha || other, path, "onlyAlpha", "A password contains a character that is no letter.")
	v.Check(!r.RequireNumber || digit, path, "requireNumber", "A password contains a digit.")
}
