package ui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/wire"
)

// A tenant has more than a hundred settings that Herald acts on. They are a table: the form, the page that shows them, and what is left out of a
// change because it says nothing new are all made from it.

// setting is one member of a tenant.
type setting struct {
	// Path is below "tenant".
	Path string
	// Label and Note are ids of texts; Note may be empty.
	Label, Note string
	// Kind is text, number, switch, choice, lines, secret, code, json, headers, or what a choice is made from: sms, voice, smsTemplate, voiceTemplate,
	// emailTemplate, key, action; sms+ and voice+ for several messengers in order.
	Kind string
	// Default is what counts while the member is absent.
	Default string
	// Values are those of a choice, each with the id of its text.
	Values []option
	Must   bool
}

// settingGroup are settings that belong together. Title and About are ids of texts, "" for none.
type settingGroup struct {
	Title, About string
	Settings     []setting
	// Try has the button that sends a test e-mail.
	Try bool
}

// settingTab is a tab of the tenant; ID is its anchor.
type settingTab struct {
	ID, Title string
	Groups    []settingGroup
}

var (
	factorEnabled   = setting{Path: "enabled", Label: "Enabled", Kind: "switch", Default: "false"}
	behaviors       = []option{{Value: "Allow", Text: "UnverifiedAllow"}, {Value: "Gated", Text: "UnverifiedGated"}}
	strategies      = []option{{Value: "ClickableLink", Text: "StrategyLink"}, {Value: "FormField", Text: "StrategyCode"}}
	generatorValues = []option{
		{Value: "randomDigits", Text: "CodeDigits"},
		{Value: "randomAlpha", Text: "CodeLetters"},
		{Value: "randomAlphaNumeric", Text: "CodeLettersDigits"},
		{Value: "randomBytes", Text: "CodeHex"},
	}
)

// below puts a path before those of settings.
func below(path string, all ...setting) []setting {
	for i := range all {
		all[i].Path = path + "." + all[i].Path
	}
	return all
}

func switched(path, label, fallback string) setting {
	return setting{Path: path, Label: label, Kind: "switch", Default: fallback}
}

func number(path, label, fallback string) setting {
	return setting{Path: path, Label: label, Kind: "number", Default: fallback}
}

func chosen(path, label, fallback string, values ...option) setting {
	return setting{Path: path, Label: label, Kind: "choice", Default: fallback, Values: values}
}

func (s setting) note(id string) setting {
	s.Note = id
	return s
}

func rateLimit(member, title string) settingGroup {
	return settingGroup{Title: title, Settings: below("rateLimitConfiguration."+member,
		switched("enabled", "LimitEnabled", "false"), number("limit", "LimitCount", "5"), number("timePeriodInSeconds", "LimitPeriod", "60"))}
}

func lifetime(member, label, fallback string) setting {
	return number("externalIdentifierConfiguration."+member+"TimeToLiveInSeconds", label, fallback)
}

func generator(member, title, fallback string) settingGroup {
	return settingGroup{Title: title, Settings: below("externalIdentifierConfiguration."+member,
		number("length", "CodeLength", "6"), chosen("type", "CodeMadeOf", fallback, generatorValues...))}
}

// tenantTabs are the tabs besides Webhooks, which has a file of its own.
var tenantTabs = []settingTab{
	{"general", "TabGeneral", []settingGroup{{Settings: []setting{
		{Path: "name", Label: "TenantName", Kind: "text", Must: true},
		{Path: "issuer", Label: "TenantIssuer", Note: "TenantIssuerNote", Kind: "text", Default: "acme.com"},
		{Path: "data", Label: "DataLabel", Kind: "json"},
	}}}},
	{"multi-factor", "TabMultiFactor", []settingGroup{
		{Settings: []setting{chosen("multiFactorConfiguration.loginPolicy", "LoginPolicy", "Enabled",
			option{Value: "Enabled", Text: "PolicyEnabled"}, option{Value: "Disabled", Text: "PolicyDisabled"}, option{Value: "Required", Text: "PolicyRequired"}).note("LoginPolicyNote")}},
		{Title: "FactorAuthenticator", Settings: below("multiFactorConfiguration.authenticator",
			switched("enabled", "Enabled", "true"),
			chosen("algorithm", "Algorithm", "HmacSHA1", option{Value: "HmacSHA1"}, option{Value: "HmacSHA256"}, option{Value: "HmacSHA512"}).note("AuthenticatorAlgorithmNote"),
			number("codeLength", "CodeLength", "6"), number("timeStep", "TimeStep", "30"))},
		{Title: "FactorEmail", Settings: below("multiFactorConfiguration.email", factorEnabled, setting{Path: "templateId", Label: "Template", Kind: "emailTemplate"})},
		{Title: "FactorSMS", About: "FactorPhoneAbout", Settings: below("multiFactorConfiguration.sms", factorEnabled,
			setting{Path: "messengerId", Label: "Messenger", Kind: "sms"}, setting{Path: "templateId", Label: "Template", Kind: "smsTemplate"},
			setting{Path: "fallbackMessengerIds", Label: "Fallback", Kind: "sms+"})},
		{Title: "FactorVoice", About: "FactorPhoneAbout", Settings: below("multiFactorConfiguration.voice", factorEnabled,
			setting{Path: "messengerId", Label: "Messenger", Kind: "voice"}, setting{Path: "templateId", Label: "Template", Kind: "voiceTemplate"},
			setting{Path: "fallbackMessengerIds", Label: "Fallback", Kind: "voice+"})},
	}},
	{"email", "TabEmail", []settingGroup{
		{Title: "MailServer", Try: true, Settings: below("emailConfiguration",
			setting{Path: "host", Label: "MailHost", Kind: "text", Default: "localhost"}, number("port", "MailPort", "25"),
			chosen("security", "MailSecurity", "NONE", option{Value: "NONE", Text: "MailNoTLS"}, option{Value: "SSL", Text: "MailSSL"}, option{Value: "TLS", Text: "MailStartTLS"}),
			setting{Path: "username", Label: "MailUsername", Kind: "text"}, setting{Path: "password", Label: "Password", Kind: "secret"},
			setting{Path: "defaultFromEmail", Label: "DefaultFromEmail", Kind: "text", Default: "change-me@example.com"},
			setting{Path: "defaultFromName", Label: "DefaultFromName", Kind: "text"},
			number("connectTimeout", "ConnectTimeout", "3000").note("InMilliseconds"), number("readTimeout", "ReadTimeout", "10000").note("InMilliseconds"),
			switched("debug", "DebugMail", "false").note("DebugMailNote"),
			setting{Path: "additionalHeaders", Label: "AdditionalHeaders", Kind: "headers"},
			setting{Path: "sslCertificate", Label: "CertificateKey", Note: "MailCertificateNote", Kind: "secretCode"})},
		{Title: "EmailVerification", Settings: below("emailConfiguration",
			switched("verifyEmail", "VerifyEmail", "false"), switched("verifyEmailWhenChanged", "VerifyEmailWhenChanged", "false"),
			switched("implicitEmailVerificationAllowed", "ImplicitVerification", "true").note("ImplicitVerificationNote"),
			chosen("verificationStrategy", "VerificationStrategy", "ClickableLink", strategies...), chosen("unverified.behavior", "UnverifiedBehavior", "Allow", behaviors...))},
		{Title: "MailTemplates", Settings: below("emailConfiguration",
			setting{Path: "verificationEmailTemplateId", Label: "TemplateVerification", Kind: "emailTemplate"},
			setting{Path: "forgotPasswordEmailTemplateId", Label: "TemplateForgotPassword", Kind: "emailTemplate"},
			setting{Path: "setPasswordEmailTemplateId", Label: "TemplateSetPassword", Kind: "emailTemplate"},
			setting{Path: "passwordlessEmailTemplateId", Label: "TemplatePasswordless", Kind: "emailTemplate"})},
	}},
	{"phone", "TabPhone", []settingGroup{
		{About: "PhoneAbout", Settings: below("phoneConfiguration",
			setting{Path: "messengerId", Label: "Messenger", Kind: "sms"}, setting{Path: "fallbackMessengerIds", Label: "Fallback", Kind: "sms+"})},
		{Title: "PhoneVerification", Settings: below("phoneConfiguration",
			switched("verifyPhoneNumber", "VerifyPhone", "false"), switched("implicitPhoneVerificationAllowed", "ImplicitVerification", "true").note("ImplicitVerificationNote"),
			chosen("verificationStrategy", "VerificationStrategy", "ClickableLink", strategies...), chosen("unverified.behavior", "UnverifiedBehavior", "Allow", behaviors...))},
		{Title: "PhoneTemplates", Settings: below("phoneConfiguration",
			setting{Path: "verificationTemplateId", Label: "TemplateVerification", Kind: "smsTemplate"},
			setting{Path: "forgotPasswordTemplateId", Label: "TemplateForgotPassword", Kind: "smsTemplate"},
			setting{Path: "setPasswordTemplateId", Label: "TemplateSetPassword", Kind: "smsTemplate"},
			setting{Path: "passwordlessTemplateId", Label: "TemplatePasswordless", Kind: "smsTemplate"})},
	}},
	{"password", "TabPassword", []settingGroup{
		{Title: "PasswordRules", Settings: slices.Concat(
			below("passwordValidationRules", number("minLength", "MinLength", "8"), number("maxLength", "MaxLength", "256"),
				switched("requireMixedCase", "RequireMixedCase", "false"), switched("requireNonAlpha", "RequireNonAlpha", "false"), switched("requireNumber", "RequireNumber", "false"),
				switched("disallowUserLoginId", "DisallowLoginID", "false"), switched("validateOnLogin", "ValidateOnLogin", "false").note("ValidateOnLoginNote"),
				switched("rememberPreviousPasswords.enabled", "RememberPasswords", "false"), number("rememberPreviousPasswords.count", "RememberCount", "1")),
			[]setting{
				switched("minimumPasswordAge.enabled", "MinimumAge", "false"), number("minimumPasswordAge.seconds", "MinimumAgeSeconds", "30"),
				switched("maximumPasswordAge.enabled", "MaximumAge", "false"), number("maximumPasswordAge.days", "MaximumAgeDays", "180"),
			})},
		{Title: "BreachDetection", Settings: below("passwordValidationRules.breachDetection", switched("enabled", "BreachEnabled", "false").note("BreachEnabledNote"),
			chosen("matchMode", "BreachMatch", "High", option{Value: "High", Text: "BreachMatchHigh"}, option{Value: "Medium", Text: "BreachMatchMedium"}, option{Value: "Low", Text: "BreachMatchLow"}),
			chosen("onLogin", "BreachOnLogin", "Off", option{Value: "Off", Text: "BreachOff"}, option{Value: "RecordOnly", Text: "BreachRecordOnly"},
				option{Value: "NotifyUser", Text: "BreachNotifyUser"}, option{Value: "RequireChange", Text: "BreachRequireChange"}),
			setting{Path: "notifyUserEmailTemplateId", Label: "BreachTemplate", Kind: "emailTemplate"})},
		{Title: "Lockout", About: "LockoutAbout", Settings: below("failedAuthenticationConfiguration", setting{Path: "userActionId", Label: "LockoutAction", Kind: "action"},
			number("tooManyAttempts", "LockoutAttempts", "5"), number("resetCountInSeconds", "LockoutWindow", "60"), number("actionDuration", "LockoutDuration", "3"),
			chosen("actionDurationUnit", "LockoutUnit", "MINUTES", option{Value: "MINUTES", Text: "UnitMinutes"}, option{Value: "HOURS", Text: "UnitHours"},
				option{Value: "DAYS", Text: "UnitDays"}, option{Value: "WEEKS", Text: "UnitWeeks"}, option{Value: "MONTHS", Text: "UnitMonths"}, option{Value: "YEARS", Text: "UnitYears"}),
			switched("emailUser", "LockoutEmail", "false"), switched("actionCancelPolicy.onPasswordReset", "LockoutEnds", "false"))},
	}},
	{"jwt", "TabJWT", []settingGroup{
		{Title: "AccessTokens", Settings: below("jwtConfiguration", setting{Path: "accessTokenKeyId", Label: "AccessTokenKey", Kind: "key"},
			setting{Path: "idTokenKeyId", Label: "IDTokenKey", Kind: "key"}, number("timeToLiveInSeconds", "AccessTokenLife", "3600"))},
		{Title: "RefreshTokens", Settings: below("jwtConfiguration", number("refreshTokenTimeToLiveInMinutes", "RefreshTokenLife", "43200"),
			chosen("refreshTokenExpirationPolicy", "RefreshTokenExpiration", "Fixed", option{Value: "Fixed", Text: "ExpirationFixed"}, option{Value: "SlidingWindow", Text: "ExpirationSliding"},
				option{Value: "SlidingWindowWithMaximumLifetime", Text: "ExpirationSlidingMax"}),
			number("refreshTokenSlidingWindowConfiguration.maximumTimeToLiveInMinutes", "RefreshTokenMaximum", "43200"),
			chosen("refreshTokenUsagePolicy", "RefreshTokenUsage", "Reusable", option{Value: "Reusable", Text: "UsageReusable"}, option{Value: "OneTimeUse", Text: "UsageOneTime"}),
			number("refreshTokenOneTimeUseConfiguration.gracePeriodInSeconds", "RefreshTokenGrace", "0"))},
		{Title: "RefreshTokenRevocation", Settings: below("jwtConfiguration.refreshTokenRevocationPolicy", switched("onLoginPrevented", "RevokeOnLoginPrevented", "true"),
			switched("onPasswordChanged", "RevokeOnPasswordChanged", "true"), switched("onMultiFactorEnable", "RevokeOnMultiFactor", "false"),
			switched("onOneTimeTokenReuse", "RevokeOnReuse", "false"))},
	}},
	{"security", "TabSecurity", []settingGroup{
		{Title: "LoginAccess", Settings: []setting{switched("loginConfiguration.requireAuthentication", "TenantAuthentication", "true").note("TenantAuthenticationNote")}},
		rateLimit("sendTwoFactor", "LimitTwoFactor"), rateLimit("forgotPassword", "LimitForgotPassword"), rateLimit("sendEmailVerification", "LimitEmailVerification"),
		rateLimit("sendPhoneVerification", "LimitPhoneVerification"), rateLimit("sendRegistrationVerification", "LimitRegistrationVerification"),
		{Title: "LimitRecipient", About: "LimitRecipientAbout", Settings: below("messageLimits.perRecipient", number("limit", "LimitCount", ""), number("timePeriodInSeconds", "LimitPeriod", ""))},
		{Title: "LimitTenant", About: "LimitTenantAbout", Settings: below("messageLimits.perTenant", number("limit", "LimitCount", "1000"), number("timePeriodInSeconds", "LimitPeriod", "60"))},
		{Title: "Threats", About: "ThreatsAbout", Settings: below("clientRiskConfiguration", switched("enabled", "Enabled", "false"),
			switched("blocklistedIp", "ThreatBlocklistedIp", "true"), switched("botDetected", "ThreatBotDetected", "true"), switched("dormantAccount", "ThreatDormantAccount", "true"),
			switched("dormantPassword", "ThreatDormantPassword", "true"), switched("impossibleTravel", "ThreatImpossibleTravel", "true"),
			switched("recentIdentityChange", "ThreatRecentIdentityChange", "true"), switched("recentPasswordChange", "ThreatRecentPasswordChange", "true"),
			switched("suspiciousUserAgent", "ThreatSuspiciousUserAgent", "true"), switched("unrecognizedDevice", "ThreatUnrecognizedDevice", "true"),
			setting{Path: "blocklistedIps", Label: "BlocklistedIPs", Note: "BlocklistedIPsNote", Kind: "lines"},
			setting{Path: "suspiciousUserAgents", Label: "SuspiciousAgents", Note: "SuspiciousAgentsNote", Kind: "lines"})},
	}},
	{"advanced", "TabAdvanced", []settingGroup{
		{Title: "Lifetimes", About: "LifetimesAbout", Settings: []setting{
			lifetime("changePasswordId", "LifeChangePassword", "600"), lifetime("setupPasswordId", "LifeSetupPassword", "86400"),
			lifetime("emailVerificationId", "LifeEmailVerification", "86400"), lifetime("phoneVerificationId", "LifePhoneVerification", "86400"),
			lifetime("registrationVerificationId", "LifeRegistrationVerification", "86400"), lifetime("oneTimePassword", "LifeOneTimePassword", "60"),
			lifetime("passwordlessLogin", "LifePasswordless", "180"), lifetime("trustToken", "LifeTrustToken", "180"),
			lifetime("twoFactorId", "LifeTwoFactor", "300"), lifetime("twoFactorOneTimeCodeId", "LifeTwoFactorCode", "60"), lifetime("twoFactorTrustId", "LifeTwoFactorTrust", "2592000"),
		}},
		generator("twoFactorOneTimeCodeIdGenerator", "CodeTwoFactor", "randomDigits"),
		generator("emailVerificationOneTimeCodeGenerator", "CodeEmailVerification", "randomAlphaNumeric"),
		generator("phoneVerificationOneTimeCodeGenerator", "CodePhoneVerification", "randomAlphaNumeric"),
		generator("registrationVerificationOneTimeCodeGenerator", "CodeRegistrationVerification", "randomAlphaNumeric"),
		generator("passwordlessLoginOneTimeCodeGenerator", "CodePasswordless", "randomAlphaNumeric"),
	}},
}

// settingDefaults has the default of every setting by its path.
var settingDefaults = func() map[string]string {
	all := map[string]string{}
	for _, tab := range tenantTabs {
		for _, group := range tab.Groups {
			for _, s := range group.Settings {
				all[s.Path] = s.Default
			}
		}
	}
	return all
}()

// members is an object of the API, to be looked into.
type members map[string]any

func openObject(o any) (m members, err error) {
	text, err := body.Encode(o)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	return m, d.Decode(&m)
}

// find is the value at a path of names with dots between them, nil for none.
func (m members) find(path string) any {
	var at any = map[string]any(m)
	for step := range strings.SplitSeq(path, ".") {
		object, _ := at.(map[string]any)
		at = object[step]
	}
	return at
}

// text is the value at a path if it is a text, a number or a boolean.
func (m members) text(path string) string {
	switch value := m.find(path).(type) {
	case string, json.Number, bool:
		return fmt.Sprint(value)
	}
	return ""
}

// prune takes out of a change what says nothing new: what is absent and stays so, and what is absent and is to be what it is without. So an object is not
// filled with defaults because somebody has looked at its form, which others would see as a difference.
func prune(change, current map[string]any, path string, standard func(path string) (value string, known bool)) {
	for name, value := range change {
		at := strings.TrimPrefix(path+"."+name, ".")
		was, exists := current[name]
		switch value := value.(type) {
		case map[string]any:
			object, _ := was.(map[string]any)
			prune(value, object, at, standard)
			if len(value) == 0 {
				delete(change, name)
			}
		case []any:
			if !exists && len(value) == 0 {
				delete(change, name)
			}
		case nil:
			if !exists {
				delete(change, name)
			}
		default:
			fallback, known := standard(at)
			if raw, ok := value.(json.RawMessage); ok {
				value = string(raw)
			}
			if !exists && known && fmt.Sprint(value) == fallback {
				delete(change, name)
			}
		}
	}
}

// Fields are the inputs of a setting: one, or one per messenger of a list.
func (f *tenantPage) Fields(at frame, s setting) (all []field) {
	path := s.Path
	if _, isObject := f.raw.find(path).(map[string]any); isObject && s.Kind == "switch" { // a signal is a boolean, or an object that has one
		path += ".enabled"
	}
	value := f.raw.text(path)
	in := at.Field("tenant."+path, s.Label, value)
	if s.Note != "" {
		in = in.Note(s.Note)
	}
	if s.Must {
		in = in.Must()
	}
	switch s.Kind {
	case "switch":
		if value == "" {
			in.Value = s.Default
		}
		return append(all, in.Switch())
	case "number":
		in.Value = value
		return append(all, in.Number().Suggest(s.Default))
	case "text":
		return append(all, in.Suggest(s.Default))
	case "json":
		in.Value = f.json(s.Path)
		return append(all, in.JSON().Lines(4))
	case "lines":
		var lines []string
		elements, _ := f.raw.find(s.Path).([]any)
		for _, line := range elements {
			lines = append(lines, fmt.Sprint(line))
		}
		return append(all, in.TextLines(lines).Lines(4))
	case "secret":
		return append(all, in.Secret(f.secrets[s.Path]))
	case "secretCode":
		in.Has = f.secrets[s.Path]
		return append(all, in.Secret(in.Has).Of("secret-area").Lines(4))
	case "sms+", "voice+":
		kind := strings.TrimSuffix(s.Kind, "+")
		elements, _ := f.raw.find(s.Path).([]any)
		for i := range min(len(elements)+1, mostFallbacks) {
			id := ""
			if i < len(elements) {
				id = fmt.Sprint(elements[i])
			}
			one := at.Field(fmt.Sprintf("tenant.%s[%d]", s.Path, i), s.Label, id)
			one.Label = at.Say(s.Label, "Number", i+1)
			all = append(all, one.Choice(f.options(at, kind, one.Value)))
		}
		return all
	case "choice":
		if value == "" && !in.posted() {
			in.Value = s.Default
		}
		return append(all, in.Choice(f.values(at, s, in.Value)))
	default:
		return append(all, in.Choice(f.options(at, s.Kind, in.Value)))
	}
}

// mostFallbacks is how many messengers a setting names besides its first.
const mostFallbacks = 5

// values are the options of a choice with fixed values. One that is set and not among them is there as well.
func (f *tenantPage) values(at frame, s setting, value string) (all []option) {
	for _, o := range s.Values {
		text := o.Value
		if o.Text != "" {
			text = at.Say(o.Text)
		}
		all = append(all, option{Value: o.Value, Text: text})
	}
	return withValue(all, value)
}

// options are the objects that a setting can name.
func (f *tenantPage) options(at frame, kind, value string) []option {
	none := "None"
	if kind == "key" {
		none = "TenantStandardKey"
	}
	return withValue(append([]option{{Text: at.Say(none)}}, f.choices[kind]...), value)
}

func withValue(all []option, value string) []option {
	if !slices.ContainsFunc(all, func(o option) bool { return o.Value == value }) {
		all = append(all, option{Value: value, Text: value})
	}
	return all
}

// Shown is what a setting is, for people who only look. It is never a secret.
func (f *tenantPage) Shown(at frame, s setting) (shown struct {
	Text string
	// Standard tells that nothing is set, so that Text is the default.
	Standard bool
},
) {
	value := f.raw.text(s.Path)
	if _, isObject := f.raw.find(s.Path).(map[string]any); isObject && s.Kind == "switch" {
		value = f.raw.text(s.Path + ".enabled")
	}
	if value == "" {
		shown.Standard, value = true, s.Default
	}
	named := func(all []option) string {
		if i := slices.IndexFunc(all, func(o option) bool { return o.Value == value }); i >= 0 {
			return all[i].Text
		}
		return value
	}
	switch s.Kind {
	case "switch":
		shown.Text = at.Say(map[bool]string{true: "GateOpen", false: "GateClosed"}[value == "true"])
	case "secret", "secretCode":
		shown.Standard = !f.secrets[s.Path]
		shown.Text = at.Say(map[bool]string{true: "SecretIsSet", false: "SecretIsNotSet"}[f.secrets[s.Path]])
	case "headers":
		var lines []string
		for _, h := range f.mailHeaders() {
			if isSecretHeader(h.Name) {
				h.Value = at.Say("SecretIsSet")
			}
			lines = append(lines, h.Name+": "+h.Value)
		}
		shown.Text, shown.Standard = strings.Join(lines, "\n"), len(lines) == 0
	case "json", "lines", "sms+", "voice+":
		shown.Text = f.json(s.Path)
		shown.Standard = shown.Text == ""
	case "text", "number":
		shown.Text = value
	case "choice":
		shown.Text = named(f.values(at, s, value))
	default:
		shown.Text = named(f.options(at, s.Kind, value))
	}
	return shown
}

// json is the member at a path as JSON, "" for none.
func (f *tenantPage) json(path string) string {
	value := f.raw.find(path)
	if object, ok := value.(map[string]any); value == nil || ok && len(object) == 0 {
		return ""
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil { // never: it was JSON
		return ""
	}
	return string(text)
}

// mailHeader is a row of additionalHeaders. Of a Hidden one the value is likely to be a secret: it is not shown, and kept when nothing is entered.
type mailHeader struct {
	At          int
	Name, Value string
	Hidden      bool
}

// mailHeaders are those that are stored.
func (f *tenantPage) mailHeaders() (all []mailHeader) {
	elements, _ := f.raw.find("emailConfiguration.additionalHeaders").([]any)
	for i, element := range elements {
		object, _ := element.(map[string]any)
		all = append(all, mailHeader{At: i, Name: members(object).text("name"), Value: members(object).text("value")})
	}
	return all
}

// MailHeaders are those that are added to each e-mail, with room for more, or what was entered.
func (f *tenantPage) MailHeaders(at frame) (all []mailHeader) {
	stored := f.mailHeaders()
	for i := range len(stored) + emptyRows {
		row := mailHeader{At: i}
		if i < len(stored) {
			row = stored[i]
			row.Hidden = isSecretHeader(row.Name) && !f.New
		}
		path := fmt.Sprintf("tenant.emailConfiguration.additionalHeaders[%d].", i)
		row.Name, row.Value = at.Field(path+"name", "HeaderName", row.Name).Value, at.Field(path+"value", "HeaderValue", row.Value).Value
		if isSecretHeader(row.Name) {
			row.Value = ""
		}
		all = append(all, row)
	}
	return all
}

// choicesOf are the objects that settings can name, by the kind of setting.
func (s *server) choicesOf(v *visit) (choices map[string][]option, err error) {
	choices = map[string][]option{}
	messengers, err := s.Messengers.List(v.Context())
	if err != nil {
		return nil, err
	}
	for _, m := range messengers {
		for kind, carries := range map[string]wire.MessageType{"sms": wire.SMS, "voice": wire.Voice} {
			if slices.Contains(m.MessageTypes, carries) {
				choices[kind] = append(choices[kind], option{Value: string(m.ID), Text: m.Name})
			}
		}
	}
	messages, err := s.Templates.Messages().List(v.Context())
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		kind := map[wire.MessageType]string{wire.SMS: "smsTemplate", wire.Voice: "voiceTemplate"}[m.Type]
		choices[kind] = append(choices[kind], option{Value: string(m.ID), Text: m.Name})
	}
	emails, err := s.Templates.Emails().List(v.Context())
	if err != nil {
		return nil, err
	}
	for _, e := range emails {
		choices["emailTemplate"] = append(choices["emailTemplate"], option{Value: string(e.ID), Text: e.Name})
	}
	keys, err := s.Keys.List(v.Context())
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if signs(k) {
			choices["key"] = append(choices["key"], option{Value: string(k.ID), Text: k.Name + " (" + string(k.Algorithm) + ")"})
		}
	}
	actions, err := s.UserActions.Definitions().List(v.Context(), true)
	if err != nil {
		return nil, err
	}
	for _, a := range actions {
		if a.Temporal && a.PreventLogin {
			choices["action"] = append(choices["action"], option{Value: string(a.ID), Text: a.Name})
		}
	}
	return choices, nil
}
