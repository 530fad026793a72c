package application

import (
	"context"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Settings are what the settings of an application mean, read once per snapshot. A member that is absent or cannot be read has its default, which may be
// what the tenant says.
type Settings struct {
	// JWT says how long tokens live and who signs them: the application's own jwtConfiguration when it is switched on, else the tenant's.
	JWT tenant.JWT
	// RequireAuthentication says that logging in takes an API key. Defaults to true.
	RequireAuthentication bool
	// RefreshTokens says that a login makes one, TokenRefresh that it can be used with /api/jwt/refresh. Both default to false.
	RefreshTokens, TokenRefresh bool
	// LoginPolicy and the templates of second factors; empty where the tenant's count.
	LoginPolicy                                             tenant.LoginPolicy
	TrustPolicy                                             TrustPolicy
	TwoFactorEmailTemplateID                                wire.ID
	TwoFactorSMSTemplateID, TwoFactorVoiceTemplateID        wire.ID
	VerifyRegistration                                      bool
	VerificationEmailTemplateID                             wire.ID
	VerificationStrategy                                    tenant.VerificationStrategy
	GateUnverified                                          bool // whoever has not verified the registration cannot log in
	AuthenticationTokens                                    bool // registrations have a token that can stand for the password
	Passwordless                                            bool
	PasswordlessEmailTemplateID, ForgotPasswordTemplateID   wire.ID
	EmailVerificationTemplateID, SetPasswordEmailTemplateID wire.ID
	PhonePasswordlessTemplateID, PhoneForgotTemplateID      wire.ID
	PhoneVerificationTemplateID, PhoneSetPasswordTemplateID wire.ID
	OAuth                                                   OAuth
}

// TrustPolicy says which trusted computers spare the users of an application the second factor.
type TrustPolicy string

// The policies. The first is the default.
const (
	TrustAny  TrustPolicy = "Any"
	TrustThis TrustPolicy = "This"
	TrustNone TrustPolicy = "None"
)

var trustPolicies = []TrustPolicy{TrustAny, TrustThis, TrustNone}

// OAuth is what oauthConfiguration says.
type OAuth struct {
	ClientID, ClientSecret string
	Authentication         ClientAuthentication
	// Grants that are allowed: password, refresh_token and others. Nil means those of FusionAuth's default.
	Grants        []string
	RefreshTokens bool // with the scope offline_access
}

// ClientAuthentication says whether a client has to prove that it is one.
type ClientAuthentication string

// The policies.
const (
	ClientRequired       ClientAuthentication = "Required"
	ClientNotRequired    ClientAuthentication = "NotRequired"
	ClientUnlessWithPKCE ClientAuthentication = "NotRequiredWhenUsingPKCE"
)

var clientAuthentications = []ClientAuthentication{ClientRequired, ClientNotRequired, ClientUnlessWithPKCE}

// Allows tells whether a grant may be used.
func (o OAuth) Allows(grant string) bool {
	if o.Grants == nil {
		return grant == "authorization_code" || grant == "refresh_token"
	}
	return slices.Contains(o.Grants, grant)
}

// settingsOf reads the settings of an application whose tenant says flows.
func settingsOf(a *wire.Application, flows *tenant.Flows) Settings {
	login := loose.Members(a.Extra["loginConfiguration"])
	factors := loose.Members(a.Extra["multiFactorConfiguration"])
	email, phone := loose.Members(a.Extra["emailConfiguration"]), loose.Members(a.Extra["phoneConfiguration"])
	oauth := loose.Members(a.Extra[oauthMember])
	template := func(factor string) wire.ID { return loose.ID(loose.Members(factors[factor])["templateId"]) }
	behavior := loose.OneOf(loose.Members(a.Extra["unverified"])["behavior"], tenant.AllowUnverified, tenant.UnverifiedBehaviors)
	s := Settings{
		JWT:                   flows.JWT,
		RequireAuthentication: loose.Bool(login["requireAuthentication"], true),
		RefreshTokens:         loose.Bool(login["generateRefreshTokens"], false),
		TokenRefresh:          loose.Bool(login["allowTokenRefresh"], false),

		LoginPolicy:              loose.OneOf(factors["loginPolicy"], "", tenant.LoginPolicies),
		TrustPolicy:              loose.OneOf(factors["trustPolicy"], TrustAny, trustPolicies),
		TwoFactorEmailTemplateID: template("email"), TwoFactorSMSTemplateID: template("sms"), TwoFactorVoiceTemplateID: template("voice"),

		VerifyRegistration:          loose.Bool(a.Extra["verifyRegistration"], false),
		VerificationEmailTemplateID: loose.ID(a.Extra["verificationEmailTemplateId"]),
		VerificationStrategy:        loose.OneOf(a.Extra["verificationStrategy"], tenant.ClickableLink, tenant.VerificationStrategies),
		GateUnverified:              behavior == tenant.GateUnverified,

		AuthenticationTokens:        loose.Bool(loose.Members(a.Extra["authenticationTokenConfiguration"])["enabled"], false),
		Passwordless:                loose.Bool(loose.Members(a.Extra["passwordlessConfiguration"])["enabled"], false),
		PasswordlessEmailTemplateID: loose.ID(email["passwordlessEmailTemplateId"]), ForgotPasswordTemplateID: loose.ID(email["forgotPasswordEmailTemplateId"]),
		EmailVerificationTemplateID: loose.ID(email["emailVerificationEmailTemplateId"]), SetPasswordEmailTemplateID: loose.ID(email["setPasswordEmailTemplateId"]),
		PhonePasswordlessTemplateID: loose.ID(phone["passwordlessTemplateId"]), PhoneForgotTemplateID: loose.ID(phone["forgotPasswordTemplateId"]),
		PhoneVerificationTemplateID: loose.ID(phone["verificationTemplateId"]), PhoneSetPasswordTemplateID: loose.ID(phone["setPasswordTemplateId"]),
	}
	if own := a.Extra["jwtConfiguration"]; loose.Bool(loose.Members(own)["enabled"], false) {
		revoke := flows.JWT.Revoke // which is a matter of the tenant
		s.JWT = tenant.JWTOf(own, flows.JWT)
		s.JWT.Revoke = revoke
	}
	s.OAuth.ClientID, _ = loose.Text(oauth["clientId"])
	s.OAuth.ClientSecret, _ = loose.Text(oauth["clientSecret"])
	required := ClientRequired
	if !loose.Bool(oauth["requireClientAuthentication"], true) { // how it was said before 1.28
		required = ClientNotRequired
	}
	s.OAuth.Authentication = loose.OneOf(oauth["clientAuthenticationPolicy"], required, clientAuthentications)
	s.OAuth.Grants = loose.Texts(oauth["enabledGrants"])
	s.OAuth.RefreshTokens = loose.Bool(oauth["generateRefreshTokens"], true)
	return s
}

// Application is an application and what its settings mean.
type Application struct {
	wire.Application
	Settings
}

// DefaultRoles are the names of the roles that a registration has which names none.
func (a *Application) DefaultRoles() (names []string) {
	for _, r := range a.Roles {
		if r.IsDefault {
			names = append(names, r.Name)
		}
	}
	return names
}

// HasRole tells whether the application has a role of that name.
func (a *Application) HasRole(name string) bool {
	return slices.ContainsFunc(a.Roles, func(r wire.ApplicationRole) bool { return r.Name == name })
}

// Role is a role with the application it belongs to.
type Role struct {
	wire.ApplicationRole
	Application *Application
}

// Registry is all applications at one moment. It is immutable and safe for concurrent use.
type Registry struct {
	byID     map[wire.ID]*Application
	byClient map[string]*Application
	roles    map[wire.ID]Role
}

// Find returns the application, nil if there is none.
func (r *Registry) Find(id wire.ID) *Application { return r.byID[id] }

// In returns the application if it belongs to a tenant, else nil.
func (r *Registry) In(of, id wire.ID) *Application {
	if a := r.byID[id]; a != nil && a.TenantID == of {
		return a
	}
	return nil
}

// ByClient returns the application that OAuth clients call clientID, nil if there is none.
func (r *Registry) ByClient(clientID string) *Application { return r.byClient[clientID] }

// Role returns a role of any application.
func (r *Registry) Role(id wire.ID) (Role, bool) {
	role, ok := r.roles[id]
	return role, ok
}

// Registry returns all applications. It follows this process's changes at once, other processes' within a second.
func (s *Service) Registry(ctx context.Context) (*Registry, error) { return s.registry.Load(ctx) }

// RegistryIn returns all applications exactly as tx sees them.
func (s *Service) RegistryIn(tx *db.Tx) (*Registry, error) { return s.registry.LoadIn(tx) }

func (s *Service) loadRegistry(tx *db.Tx) (*Registry, error) {
	rows, err := allRows(tx)
	if err != nil {
		return nil, err
	}
	settings, err := s.Tenants.SettingsIn(tx)
	if err != nil {
		return nil, err
	}
	r := &Registry{byID: make(map[wire.ID]*Application, len(rows)), byClient: make(map[string]*Application, len(rows)), roles: map[wire.ID]Role{}}
	shown, err := s.openAll(rows)
	if err != nil {
		return nil, err
	}
	for _, a := range shown {
		flows, ok := settings.Flows(a.TenantID)
		if !ok { // on its way out
			continue
		}
		one := &Application{Application: a, Settings: settingsOf(&a, flows)}
		r.byID[a.ID], r.byClient[one.OAuth.ClientID] = one, one
		for _, role := range a.Roles {
			r.roles[role.ID] = Role{role, one}
		}
	}
	return r, nil
}
