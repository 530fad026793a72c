package tenant

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/risk"
	"github.com/herald-events/herald/wire"
)

// Flows are a tenant's settings about second factors, passwords and the messages they send: multiFactorConfiguration, the templates of
// emailConfiguration and phoneConfiguration, externalIdentifierConfiguration and rateLimitConfiguration. Tenants keep these
// members as they were sent; Flows is what they mean, parsed once per snapshot. A member that is absent or cannot be read has its default.
type Flows struct {
	JWT    JWT
	Issuer string // the iss of tokens
	// RequireAuthentication says that a login to no application takes an API key. Defaults to true.
	RequireAuthentication bool
	// Risk says which signals make a login suspicious.
	Risk risk.Settings
	// PasswordlessCode is the form of the short code of a login without a password.
	PasswordlessCode Generator
	MultiFactor      MultiFactor
	Email            EmailFlows
	Phone            PhoneFlows
	// Code is the form of one-time codes (twoFactorOneTimeCodeIdGenerator).
	Code Generator
	// EmailCode, PhoneCode and RegistrationCode are the form of the codes of verifications.
	EmailCode, PhoneCode, RegistrationCode Generator
	Lifetimes                              Lifetimes
	// SendTwoFactor, ForgotPassword and the others bound what one user can have sent.
	SendTwoFactor, ForgotPassword                                              RateLimit
	SendEmailVerification, SendPhoneVerification, SendRegistrationVerification RateLimit
	// Messages bound what all users, and what one recipient, can have sent.
	Messages MessageLimits
	Lockout  Lockout
}

// MultiFactor says which second factors there are, and when one is asked for.
type MultiFactor struct {
	LoginPolicy   LoginPolicy
	Authenticator Authenticator
	// SMS and Voice reach a phone. Email has neither messenger nor fallbacks: it goes through the tenant's mail server.
	SMS, Voice, Email Factor
}

// Factor is a second factor that sends a code.
type Factor struct {
	Enabled bool
	// TemplateID is a message template for phones, an e-mail template for e-mail.
	TemplateID wire.ID
	// Messengers are those to try, in order: messengerId, then fallbackMessengerIds, which are ours.
	Messengers []wire.ID
}

// Authenticator says how apps make their codes.
type Authenticator struct {
	Enabled bool
	wire.TwoFactorAuthenticator
}

// LoginPolicy says when a login needs a second factor.
type LoginPolicy string

// The policies. Those about risk are FusionAuth's; without a measure of risk they are taken as [ChallengeEnabled], which asks more often.
const (
	ChallengeDisabled     LoginPolicy = "Disabled" // never
	ChallengeEnabled      LoginPolicy = "Enabled"  // when the user has a method
	ChallengeRequired     LoginPolicy = "Required" // always, so a user without a method has to add one
	ChallengeOnMediumRisk LoginPolicy = "ChallengeOnMediumRisk"
	ChallengeOnHighRisk   LoginPolicy = "ChallengeOnHighRisk"
)

// EmailFlows are the parts of emailConfiguration that flows read.
type EmailFlows struct {
	// Verify makes a user's first address wait for its verification, VerifyWhenChanged every later one.
	Verify, VerifyWhenChanged                        bool
	ForgotPasswordTemplateID, PasswordlessTemplateID wire.ID
	VerificationTemplateID, SetPasswordTemplateID    wire.ID
	// Strategy says how an address is verified.
	Strategy VerificationStrategy
	// ImplicitVerification counts an address as verified when something that was sent to it came back. Defaults to true.
	ImplicitVerification bool
	// Gated keeps a user from logging in whose address waits for its verification.
	Gated bool
}

// UnverifiedBehavior says what an unverified address, number or registration means for a login.
type UnverifiedBehavior string

// The behaviors.
const (
	AllowUnverified UnverifiedBehavior = "Allow"
	GateUnverified  UnverifiedBehavior = "Gated"
)

// UnverifiedBehaviors are all there are.
var UnverifiedBehaviors = []UnverifiedBehavior{AllowUnverified, GateUnverified}

// VerificationStrategy says how somebody proves to have got a message.
type VerificationStrategy string

// The strategies.
const (
	ClickableLink VerificationStrategy = "ClickableLink" // by following a link with a long id
	FormField     VerificationStrategy = "FormField"     // by typing a short code in
)

// VerificationStrategies are all there are.
var VerificationStrategies = []VerificationStrategy{ClickableLink, FormField}

// PhoneFlows are the parts of phoneConfiguration that flows read.
type PhoneFlows struct {
	// Verify makes a phone number wait for its verification.
	Verify                                           bool
	Messengers                                       []wire.ID
	ForgotPasswordTemplateID, PasswordlessTemplateID wire.ID
	VerificationTemplateID, SetPasswordTemplateID    wire.ID
	Strategy                                         VerificationStrategy
	ImplicitVerification                             bool
	Gated                                            bool
}

// Lifetimes say how long ids and codes are worth something.
type Lifetimes struct {
	ChangePassword, OneTimePassword, TrustToken, Passwordless time.Duration
	// TwoFactorID is that of a login waiting for its second factor, with the code that was sent for it. TwoFactorCode is that of a code to
	// switch a method on or off. TwoFactorTrust is that of a trusted computer.
	TwoFactorID, TwoFactorCode, TwoFactorTrust time.Duration
	// SetupPassword is that of an id with which a user chooses the first password.
	SetupPassword time.Duration
	// EmailVerification, PhoneVerification and RegistrationVerification are those of ids with the codes that belong to them.
	EmailVerification, PhoneVerification, RegistrationVerification time.Duration
}

// RateLimit bounds how often something happens. The zero value bounds nothing.
type RateLimit struct {
	Enabled bool
	Limit   int
	Period  time.Duration
}

// Flows returns what a tenant's settings say, or false when there is no such tenant. It is shared: nobody may change it.
func (s *Settings) Flows(tenant wire.ID) (*Flows, bool) {
	f, ok := s.flows[tenant]
	return f, ok
}

// Bounds. With five tries, a code of fewer than four digits would be guessed too often.
const (
	minCodeLength, maxCodeLength = 4, 64
	maxLifetime                  = 10 * 365 * 24 * 60 * 60 // seconds
	maxLimit                     = 1_000_000
)

// lifetimes are the members of externalIdentifierConfiguration that count, with FusionAuth's defaults in seconds.
var lifetimes = []struct {
	name     string
	fallback int
	of       func(*Lifetimes) *time.Duration
}{
	{"changePasswordIdTimeToLiveInSeconds", 600, func(l *Lifetimes) *time.Duration { return &l.ChangePassword }},
	{"emailVerificationIdTimeToLiveInSeconds", 86_400, func(l *Lifetimes) *time.Duration { return &l.EmailVerification }},
	{"oneTimePasswordTimeToLiveInSeconds", 60, func(l *Lifetimes) *time.Duration { return &l.OneTimePassword }},
	{"passwordlessLoginTimeToLiveInSeconds", 180, func(l *Lifetimes) *time.Duration { return &l.Passwordless }},
	{"phoneVerificationIdTimeToLiveInSeconds", 86_400, func(l *Lifetimes) *time.Duration { return &l.PhoneVerification }},
	{"registrationVerificationIdTimeToLiveInSeconds", 86_400, func(l *Lifetimes) *time.Duration { return &l.RegistrationVerification }},
	{"setupPasswordIdTimeToLiveInSeconds", 86_400, func(l *Lifetimes) *time.Duration { return &l.SetupPassword }},
	{"trustTokenTimeToLiveInSeconds", 180, func(l *Lifetimes) *time.Duration { return &l.TrustToken }},
	{"twoFactorIdTimeToLiveInSeconds", 300, func(l *Lifetimes) *time.Duration { return &l.TwoFactorID }},
	{"twoFactorOneTimeCodeIdTimeToLiveInSeconds", 60, func(l *Lifetimes) *time.Duration { return &l.TwoFactorCode }},
	{"twoFactorTrustIdTimeToLiveInSeconds", 2_592_000, func(l *Lifetimes) *time.Duration { return &l.TwoFactorTrust }},
}

// codes are the generators of externalIdentifierConfiguration that count, with FusionAuth's defaults.
var codes = []struct {
	name     string
	fallback GeneratorType
	of       func(*Flows) *Generator
}{
	{"emailVerificationOneTimeCodeGenerator", RandomAlphaNumeric, func(f *Flows) *Generator { return &f.EmailCode }},
	{"passwordlessLoginOneTimeCodeGenerator", RandomAlphaNumeric, func(f *Flows) *Generator { return &f.PasswordlessCode }},
	{"phoneVerificationOneTimeCodeGenerator", RandomAlphaNumeric, func(f *Flows) *Generator { return &f.PhoneCode }},
	{"registrationVerificationOneTimeCodeGenerator", RandomAlphaNumeric, func(f *Flows) *Generator { return &f.RegistrationCode }},
	{"twoFactorOneTimeCodeIdGenerator", RandomDigits, func(f *Flows) *Generator { return &f.Code }},
}

// rateLimits are the members of rateLimitConfiguration that count.
var rateLimits = []struct {
	name string
	of   func(*Flows) *RateLimit
}{
	{"forgotPassword", func(f *Flows) *RateLimit { return &f.ForgotPassword }},
	{"sendEmailVerification", func(f *Flows) *RateLimit { return &f.SendEmailVerification }},
	{"sendPhoneVerification", func(f *Flows) *RateLimit { return &f.SendPhoneVerification }},
	{"sendRegistrationVerification", func(f *Flows) *RateLimit { return &f.SendRegistrationVerification }},
	{"sendTwoFactor", func(f *Flows) *RateLimit { return &f.SendTwoFactor }},
}

// FlowsOf reads a tenant's settings.
func FlowsOf(t *wire.Tenant) *Flows {
	issuer, _ := loose.Text(t.Extra["issuer"])
	f := &Flows{JWT: JWTOf(t.Extra["jwtConfiguration"], defaultJWT), Issuer: cmp.Or(issuer, defaultIssuer)}
	factors := loose.Members(t.Extra["multiFactorConfiguration"])
	app := loose.Members(factors["authenticator"])
	f.MultiFactor = MultiFactor{
		LoginPolicy: loose.OneOf(factors["loginPolicy"], ChallengeEnabled, LoginPolicies),
		Authenticator: Authenticator{
			Enabled: loose.Bool(app["enabled"], true),
			TwoFactorAuthenticator: wire.TwoFactorAuthenticator{
				Algorithm:  loose.OneOf(app["algorithm"], algorithms[0], algorithms),
				CodeLength: loose.Int(app["codeLength"], 6, minAuthenticatorCode, maxAuthenticatorCode),
				TimeStep:   loose.Int(app["timeStep"], 30, minTimeStep, maxTimeStep),
			},
		},
		SMS: factorOf(factors["sms"]), Voice: factorOf(factors["voice"]), Email: factorOf(factors["email"]),
	}
	email := loose.Members(t.Extra["emailConfiguration"])
	f.Email = EmailFlows{
		Verify: loose.Bool(email["verifyEmail"], false), VerifyWhenChanged: loose.Bool(email["verifyEmailWhenChanged"], false),
		ForgotPasswordTemplateID: loose.ID(email["forgotPasswordEmailTemplateId"]), PasswordlessTemplateID: loose.ID(email["passwordlessEmailTemplateId"]),
		VerificationTemplateID: loose.ID(email["verificationEmailTemplateId"]), SetPasswordTemplateID: loose.ID(email["setPasswordEmailTemplateId"]),
		Strategy:             loose.OneOf(email["verificationStrategy"], ClickableLink, VerificationStrategies),
		ImplicitVerification: loose.Bool(email["implicitEmailVerificationAllowed"], true), Gated: gated(email),
	}
	phone := loose.Members(t.Extra["phoneConfiguration"])
	f.Phone = PhoneFlows{
		Verify: loose.Bool(phone["verifyPhoneNumber"], false), Messengers: messengersOf(phone),
		ForgotPasswordTemplateID: loose.ID(phone["forgotPasswordTemplateId"]), PasswordlessTemplateID: loose.ID(phone["passwordlessTemplateId"]),
		VerificationTemplateID: loose.ID(phone["verificationTemplateId"]), SetPasswordTemplateID: loose.ID(phone["setPasswordTemplateId"]),
		Strategy:             loose.OneOf(phone["verificationStrategy"], ClickableLink, VerificationStrategies),
		ImplicitVerification: loose.Bool(phone["implicitPhoneVerificationAllowed"], true), Gated: gated(phone),
	}
	ids := loose.Members(t.Extra["externalIdentifierConfiguration"])
	for _, c := range codes {
		*c.of(f) = generatorOf(ids[c.name], c.fallback)
	}
	f.RequireAuthentication = loose.Bool(loose.Members(t.Extra["loginConfiguration"])["requireAuthentication"], true)
	f.Risk = risk.SettingsOf(t.Extra["clientRiskConfiguration"])
	for _, l := range lifetimes {
		*l.of(&f.Lifetimes) = time.Duration(loose.Int(ids[l.name], l.fallback, 1, maxLifetime)) * time.Second
	}
	limits := loose.Members(t.Extra["rateLimitConfiguration"])
	for _, l := range rateLimits {
		*l.of(f) = rateLimitOf(limits[l.name])
	}
	f.Messages = messageLimitsOf(t.Extra["messageLimits"])
	f.Lockout = lockoutOf(t.Extra["failedAuthenticationConfiguration"])
	return f
}

func factorOf(raw json.RawMessage) Factor {
	m := loose.Members(raw)
	return Factor{Enabled: loose.Bool(m["enabled"], false), TemplateID: loose.ID(m["templateId"]), Messengers: messengersOf(m)}
}

func messengersOf(m map[string]json.RawMessage) (ids []wire.ID) {
	if id := loose.ID(m["messengerId"]); id != "" {
		ids = append(ids, id)
	}
	for _, raw := range loose.Elements(m["fallbackMessengerIds"]) {
		if id := loose.ID(raw); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

func gated(m map[string]json.RawMessage) bool {
	behavior, _ := loose.Text(loose.Members(m["unverified"])["behavior"])
	return UnverifiedBehavior(behavior) == GateUnverified
}

// FusionAuth's limit is 5 in 60 s once it is switched on.
func rateLimitOf(raw json.RawMessage) RateLimit {
	m := loose.Members(raw)
	return RateLimit{
		Enabled: loose.Bool(m["enabled"], false), Limit: loose.Int(m["limit"], 5, 1, maxLimit),
		Period: time.Duration(loose.Int(m["timePeriodInSeconds"], 60, 1, maxLifetime)) * time.Second,
	}
}
