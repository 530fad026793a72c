package ui

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"rsc.io/qr"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/twofactor"
	"github.com/herald-events/herald/wire"
)

// The account is the administrator's own: no role is needed. Whatever changes how the administrator gets in takes the password again.
var accountRoutes = []route{
	{"GET /admin/account", signedIn, "", 0, (*server).account},
	{"POST /admin/account/password", signedIn, "", 0, (*server).changeOwnPassword},
	{"POST /admin/account/session/end", signedIn, "", 0, (*server).endSession},
	{"GET /admin/account/factor/add", signedIn, "", 0, (*server).addFactor},
	{"POST /admin/account/factor/add", signedIn, "", 0, (*server).enableFactor},
	{"GET /admin/account/factor/{method}/remove", signedIn, "", 0, (*server).askRemoveFactor},
	{"POST /admin/account/factor/{method}/remove", signedIn, "", 0, (*server).removeFactor},
	{"POST /admin/account/recovery", signedIn, "", 0, (*server).newRecoveryCodes},
}

type accountPage struct {
	User     wire.User
	Sessions []admin.Opened
	// Factors are the ways to a second factor that the tenant has.
	Factors []string
}

// Themes and the others are what can be preferred.
func (p accountPage) Themes(at frame) []option {
	return []option{{Value: "auto", Text: at.Say("ThemeAuto")}, {Value: "light", Text: at.Say("ThemeLight")}, {Value: "dark", Text: at.Say("ThemeDark")}}
}

func (p accountPage) Clocks(at frame) []option {
	return []option{{Value: "local", Text: at.Say("TimeLocal")}, {Value: "relative", Text: at.Say("TimeRelative")}, {Value: "utc", Text: at.Say("TimeUTC")}}
}

func (p accountPage) Densities(at frame) []option {
	return []option{{Value: "comfortable", Text: at.Say("DensityComfortable")}, {Value: "compact", Text: at.Say("DensityCompact")}}
}

func (p accountPage) Switches(at frame) []option {
	return []option{{Value: "on", Text: at.Say("KeysOn")}, {Value: "off", Text: at.Say("KeysOff")}}
}

func (p accountPage) Languages(at frame) []option {
	return []option{{Text: at.Say("LanguageOfBrowser")}, {Value: "en", Text: "English"}, {Value: "de", Text: "Deutsch"}}
}

func (s *server) account(v *visit) error {
	page := accountPage{User: v.session.User.User}
	flows, err := s.ownFlows(v)
	if err != nil {
		return err
	}
	for method, on := range map[string]bool{
		wire.TwoFactorByAuthenticator: flows.MultiFactor.Authenticator.Enabled, wire.TwoFactorByEmail: flows.MultiFactor.Email.Enabled, wire.TwoFactorBySMS: flows.MultiFactor.SMS.Enabled,
	} {
		if on {
			page.Factors = append(page.Factors, method)
		}
	}
	slices.Sort(page.Factors)
	if page.Sessions, err = s.Admins.Sessions(v.Context(), v.session); err != nil {
		return err
	}
	v.of = v.session.Name()
	return v.show("account", "Account", page)
}

func (s *server) ownFlows(v *visit) (*tenant.Flows, error) {
	settings, err := s.Tenants.Settings(v.Context())
	if err != nil {
		return nil, err
	}
	flows, ok := settings.Flows(v.session.TenantID)
	if !ok {
		return nil, problem.ErrNotFound
	}
	return flows, nil
}

// changeOwnPassword always takes the present password. All sessions end with it; this browser goes on in a new one.
func (s *server) changeOwnPassword(v *visit) error {
	err := s.Admins.Confirm(v.Context(), v.session, v.PostFormValue("currentPassword"))
	if errors.Is(err, admin.ErrWrong) {
		var wrong problem.Validation
		wrong.Field("currentPassword", "wrong", "%s", v.text.say("PasswordAgainWrong"))
		err = wrong.Err()
	}
	if err == nil {
		c := v.changing("Changed their own password: the user %s", v.session.ID).of("user", v.session.ID)
		c.tenant = v.session.TenantID
		err = s.Resets.ChangeOf(c.context(), v.session.User, wire.ChangePasswordRequest{Password: v.PostFormValue("password")}, v.info())
	}
	if err != nil {
		return v.again(err, func() error { return s.account(v) })
	}
	value, err := s.Admins.Renew(v.Context(), v.session)
	if err != nil {
		return err
	}
	v.keep(value)
	return v.done("PasswordChanged", "/admin/account")
}

func (s *server) endSession(v *visit) error {
	if err := v.confirm(); err != nil {
		return v.again(err, func() error { return s.account(v) })
	}
	id := v.PostFormValue("session")
	c := v.changing("Ended one of their own sessions: the user %s", v.session.ID).of("user", v.session.ID)
	c.tenant = v.session.TenantID
	if err := s.Admins.EndSession(c.context(), v.session, id); err != nil {
		return err
	}
	return v.done("SessionEnded", "/admin/account#sessions")
}

type factorPage struct {
	// Method is how the codes come, MethodID the factor that shall go.
	Method, MethodID string
	// Address is where they go.
	Address string
	// Secret is that of a new authenticator, in base32, and URI the same for an app.
	Secret string
	URI    string
	Code   template.HTML
	Sent   bool
}

// Sends tells whether codes are sent.
func (p factorPage) Sends() bool { return p.Method != wire.TwoFactorByAuthenticator }

func (s *server) addFactor(v *visit) error {
	return s.showFactor(v, factorPage{Method: v.FormValue("method"), Secret: s.Factors.Secret().SecretBase32Encoded})
}

func (s *server) showFactor(v *visit, page factorPage) error {
	if !slices.Contains([]string{wire.TwoFactorByAuthenticator, wire.TwoFactorByEmail, wire.TwoFactorBySMS}, page.Method) {
		return problem.ErrNotFound
	}
	if page.Method == wire.TwoFactorByAuthenticator {
		flows, err := s.ownFlows(v)
		if err != nil {
			return err
		}
		page.Secret = strings.TrimRight(page.Secret, "=")
		page.URI = otpauth(v.session.Name(), page.Secret, flows.MultiFactor.Authenticator.TwoFactorAuthenticator)
		page.Code = qrCode(page.URI)
	}
	v.under("Account", "/admin/account")
	return v.show("factor-form", "FactorAdd", page)
}

// otpauth is a secret as authenticator apps read it.
func otpauth(name, secret string, how wire.TwoFactorAuthenticator) string {
	query := url.Values{
		"secret": {secret}, "issuer": {"Herald"}, "algorithm": {strings.ToUpper(strings.TrimPrefix(how.Algorithm, "Hmac"))},
		"digits": {fmt.Sprint(how.CodeLength)}, "period": {fmt.Sprint(how.TimeStep)},
	}
	return "otpauth://totp/" + url.PathEscape("Herald:"+name) + "?" + query.Encode()
}

// qrCode draws a text, dark on light in either theme, as cameras want it. It is empty for a text that is too long.
func qrCode(text string) template.HTML {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return ""
	}
	const quiet = 4 // modules around it, as the standard has it
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	size := code.Size + 2*quiet
	return template.HTML(fmt.Sprintf( //nolint:gosec // numbers
		`<svg class="qr" viewBox="0 0 %d %d" width="220" height="220" aria-hidden="true"><rect width="%d" height="%d" fill="#fff"/><path d="%s" fill="#000"/></svg>`,
		size, size, size, size, path.String()))
}

func (s *server) enableFactor(v *visit) error {
	page := factorPage{Method: v.PostFormValue("method"), Address: strings.TrimSpace(v.PostFormValue("address")), Secret: v.PostFormValue("secret")}
	address := wire.TwoFactorSendRequest{Method: page.Method}
	switch page.Method {
	case wire.TwoFactorByEmail:
		address.Email = page.Address
	case wire.TwoFactorBySMS:
		address.MobilePhone = page.Address
	}
	err := v.confirm()
	if err == nil && v.PostFormValue("send") != "" {
		if err = s.Factors.Send(v.Context(), v.session.User, address); err == nil {
			page.Sent = true
			return s.showFactor(v, page)
		}
	}
	var made wire.TwoFactorResponse
	if err == nil {
		c := v.changing("Added a second factor of their own (%s): the user %s", page.Method, v.session.ID).of("user", v.session.ID)
		c.tenant = v.session.TenantID
		made, err = s.Factors.Enable(c.context(), v.session.User, wire.TwoFactorRequest{
			Method: page.Method, Code: v.PostFormValue("code"), Email: address.Email, MobilePhone: address.MobilePhone, Name: v.PostFormValue("name"),
			SecretBase32Encoded: page.Secret,
		}, v.info())
	}
	if err != nil {
		return v.again(v.wrongCode(err), func() error { return s.showFactor(v, page) })
	}
	if len(made.RecoveryCodes) > 0 {
		return v.showRecoveryCodes(made.RecoveryCodes)
	}
	return v.done("FactorAdded", "/admin/account#factors")
}

// wrongCode says of a code that is wrong so at its input. Addresses have one input, whatever they are of.
func (v *visit) wrongCode(err error) error {
	if errors.Is(err, twofactor.ErrWrongCode) {
		var wrong problem.Validation
		wrong.Field("code", "wrong", "%s", v.text.say("CodeWrong"))
		return wrong.Err()
	}
	if p, ok := problem.As(err); ok {
		c := *p
		c.Fields = slices.Clone(p.Fields)
		for i, f := range c.Fields {
			if f.Field == "email" || f.Field == "mobilePhone" {
				c.Fields[i].Field = "address"
			}
		}
		return &c
	}
	return err
}

// showRecoveryCodes shows them this once.
func (v *visit) showRecoveryCodes(codes []string) error {
	v.under("Account", "/admin/account")
	return v.show("recovery", "RecoveryCodes", codes)
}

// ownFactor is the second factor that the path names.
func (v *visit) ownFactor() (page factorPage, err error) {
	for _, m := range v.session.TwoFactor.Methods {
		if m.ID == v.PathValue("method") {
			return factorPage{Method: m.Method, MethodID: m.ID, Address: m.Email + m.MobilePhone}, nil
		}
	}
	return page, problem.ErrNotFound
}

func (s *server) askRemoveFactor(v *visit) error {
	page, err := v.ownFactor()
	if err != nil {
		return err
	}
	v.under("Account", "/admin/account")
	return v.show("factor-remove", "FactorRemove", page)
}

func (s *server) removeFactor(v *visit) error {
	page, err := v.ownFactor()
	if err != nil {
		return err
	}
	show := func() error {
		v.under("Account", "/admin/account")
		return v.show("factor-remove", "FactorRemove", page)
	}
	err = v.confirm()
	if err == nil && v.PostFormValue("send") != "" {
		if err = s.Factors.Send(v.Context(), v.session.User, wire.TwoFactorSendRequest{MethodID: page.MethodID}); err == nil {
			page.Sent = true
			return show()
		}
	}
	if err == nil {
		c := v.changing("Removed a second factor of their own (%s): the user %s", page.Method, v.session.ID).of("user", v.session.ID)
		c.tenant = v.session.TenantID
		err = s.disable(v, c.context(), page)
	}
	if err != nil {
		return v.again(v.wrongCode(err), show)
	}
	return v.done("FactorRemoved", "/admin/account#factors")
}

func (s *server) disable(v *visit, ctx context.Context, page factorPage) error {
	return s.Factors.Disable(ctx, v.session.User, wire.TwoFactorDisableRequest{MethodID: page.MethodID, Code: v.PostFormValue("code")}, v.info())
}

func (s *server) newRecoveryCodes(v *visit) error {
	err := v.confirm()
	var codes []string
	if err == nil {
		c := v.changing("Made recovery codes of their own: the user %s", v.session.ID).of("user", v.session.ID)
		c.tenant = v.session.TenantID
		codes, err = s.Factors.NewRecoveryCodes(c.context(), v.session.ID)
	}
	if err != nil {
		return v.again(err, func() error { return s.account(v) })
	}
	return v.showRecoveryCodes(codes)
}
