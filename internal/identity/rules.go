package identity

import (
	"encoding/json"
	"unicode"
	"unicode/utf8"

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
}

// PasswordRules say which passwords may be chosen. Lengths are in characters.
type PasswordRules struct {
	MinLength        int  `json:"minLength"`
	MaxLength        int  `json:"maxLength"`
	RequireMixedCase bool `json:"requireMixedCase"`
	RequireNonAlpha  bool `json:"requireNonAlpha"`
	RequireNumber    bool `json:"requireNumber"`
}

// Lengths of passwords in a tenant that says nothing about them, and the longest that any tenant can allow. Values are FusionAuth's.
const (
	defaultMinLength = 8
	defaultMaxLength = 256
)

// RulesOf reads the rules from a tenant's settings. flows are the same settings as far as they are read there. Tenants keep passwordValidationRules
// as they were sent; what cannot be read counts as absent.
func RulesOf(t wire.Tenant, flows *tenant.Flows) Rules {
	password := PasswordRules{MinLength: defaultMinLength, MaxLength: defaultMaxLength}
	if given := password; json.Unmarshal(t.Extra["passwordValidationRules"], &given) == nil {
		password = given
	}
	if password.MaxLength <= 0 || password.MaxLength > defaultMaxLength {
		password.MaxLength = defaultMaxLength
	}
	return Rules{
		Password: password, VerifyEmail: flows.Email.Verify, VerifyEmailWhenChanged: flows.Email.VerifyWhenChanged, VerifyPhoneNumber: flows.Phone.Verify,
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
