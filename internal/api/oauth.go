package api

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/login"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/wire"
)

// oauth are the handlers of the endpoints that OAuth clients use without a browser: RFC 6749 (password, refresh_token), RFC 7662 (introspection), OpenID
// Connect (user info, discovery). There are no pages to log in on.
type oauth struct {
	*server

	tokens *token.Service
	logins *login.Service
}

func (s *server) oauthRoutes(tokens *token.Service, of *login.Service) []route {
	h := oauth{s, tokens, of}
	return []route{
		{"POST", "/oauth2/token", "", open, h.token},
		{"POST", "/oauth2/introspect", "", open, h.introspect},
		{"GET", "/oauth2/userinfo", "", userOnly, h.userInfo},
		{"POST", "/oauth2/userinfo", "", userOnly, h.userInfo},
		{"GET", "/.well-known/openid-configuration", "", open, h.discovery},
		{"GET", "/.well-known/openid-configuration/{tenantId}", "", open, h.discovery},
	}
}

const noForm = "The body is a form of UTF-8 text without the character U+0000: application/x-www-form-urlencoded."

// clientCredentials is the grant of entities.
const clientCredentials = "client_credentials"

// oauthError is an error as OAuth clients expect it: RFC 6749, section 5.2.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitzero"`
	Reason      string `json:"error_reason,omitzero"`
	// TwoFactorID names the login that waits for a second factor, ChangePasswordID allows to choose a new password.
	TwoFactorID      string                 `json:"two_factor_id,omitzero"`
	TwoFactorMethods []wire.TwoFactorMethod `json:"two_factor_methods,omitzero"`
	ChangePasswordID string                 `json:"change_password_id,omitzero"`
}

func refusedGrant(code, reason, description string) coded {
	return coded{http.StatusBadRequest, oauthError{Error: code, Reason: reason, Description: description}}
}

func invalidClient(description string) coded {
	return coded{http.StatusUnauthorized, oauthError{Error: "invalid_client", Reason: "invalid_client_id", Description: description}}
}

// tokens of OAuth: RFC 6749, section 5.1, and what FusionAuth adds.
type oauthTokens struct {
	AccessToken    string  `json:"access_token"`
	ExpiresIn      int64   `json:"expires_in"`
	IDToken        string  `json:"id_token,omitzero"`
	RefreshToken   string  `json:"refresh_token,omitzero"`
	RefreshTokenID wire.ID `json:"refresh_token_id,omitzero"`
	Scope          string  `json:"scope,omitzero"`
	TokenType      string  `json:"token_type"`
	UserID         wire.ID `json:"userId,omitzero"`
}

// credentials are what a client calls itself, and what proves it: by HTTP Basic, where both are encoded as in forms (RFC 6749, section 2.3.1), or in the form.
func (c *call) credentials(form url.Values) (id, secret string) {
	id, secret, ok := c.r.BasicAuth()
	if !ok {
		return form.Get("client_id"), form.Get("client_secret")
	}
	for _, text := range []*string{&id, &secret} {
		if decoded, err := url.QueryUnescape(*text); err == nil {
			*text = decoded
		}
	}
	if !storable(id) { // then nobody is called so
		return "", ""
	}
	return id, secret
}

// client returns the application that a request is from, once it has proved that: by HTTP Basic or in the form. answer is set when it has not.
func (h oauth) client(c *call, form url.Values) (a *application.Application, answer any, err error) {
	id, secret := c.credentials(form)
	all, err := h.Applications.Registry(c.ctx())
	if err != nil {
		return nil, nil, err
	}
	a = all.ByClient(id)
	if a == nil || !a.Active {
		return nil, invalidClient("There is no such client."), nil
	}
	right := subtle.ConstantTimeCompare([]byte(secret), []byte(a.OAuth.ClientSecret)) == 1
	if !right && (secret != "" || a.OAuth.Authentication != application.ClientNotRequired) {
		return nil, invalidClient("The client has not proved to be what it says."), nil
	}
	c.scope = a.TenantID
	return a, nil, nil
}

func (h oauth) token(c *call) (any, error) {
	form, ok := c.form()
	if !ok {
		return refusedGrant("invalid_request", "invalid_content_type", noForm), nil
	}
	grant := form.Get("grant_type")
	if grant == clientCredentials {
		return h.byClientCredentials(c, form)
	}
	a, answer, err := h.client(c, form)
	if err != nil || answer != nil {
		return answer, err
	}
	switch grant {
	case "password", "refresh_token":
		if !a.OAuth.Allows(grant) {
			return refusedGrant("unauthorized_client", "grant_type_disabled", "The application does not allow this grant (oauthConfiguration.enabledGrants)."), nil
		}
	case "":
		return refusedGrant("invalid_request", "missing_grant_type", "grant_type is missing."), nil
	default:
		return refusedGrant("unsupported_grant_type", "invalid_grant_type", "The grants are password, refresh_token and client_credentials."), nil
	}
	if grant == "refresh_token" {
		return h.byRefreshToken(c, a, form)
	}
	return h.byPassword(c, a, form)
}

func (h oauth) byPassword(c *call, a *application.Application, form url.Values) (any, error) {
	request := wire.LoginRequest{LoginID: form.Get("username"), Password: form.Get("password")}
	for _, kind := range strings.Fields(form.Get("login_id_types")) {
		request.LoginIDTypes = append(request.LoginIDTypes, wire.IdentityType(kind))
	}
	request.ApplicationID = a.ID
	request.MetaData.Device = wire.Device{
		Name: form.Get("metaData.device.name"), Type: form.Get("metaData.device.type"), Description: form.Get("metaData.device.description"),
	}
	scope := form.Get("scope")
	out, grant, err := h.logins.ByOAuth(c.ctx(), a, request, cmp.Or(scope, "openid"), c.eventInfo(nil))
	if err != nil {
		return oauthFailure(err)
	}
	switch out.Status {
	case login.In, login.NotRegistered:
	case login.Challenged:
		e := oauthError{Error: "two_factor_required", Description: "A second factor is needed.", TwoFactorID: out.TwoFactorID, TwoFactorMethods: out.Methods}
		return coded{http.StatusBadRequest, e}, nil
	case login.ChangePassword:
		e := oauthError{Error: "change_password_required", Reason: string(out.ChangePasswordReason), Description: "A new password has to be chosen.", ChangePasswordID: out.ChangePasswordID}
		return coded{http.StatusBadRequest, e}, nil
	case login.Unverified:
		return refusedGrant("invalid_grant", "user_unverified", "The user has to verify an address first."), nil
	case login.RegistrationUnverified:
		return refusedGrant("invalid_grant", "registration_unverified", "The user has to verify the registration first."), nil
	}
	tokens := oauthTokens{
		AccessToken: out.Token, ExpiresIn: h.left(out.TokenExpirationInstant), TokenType: "Bearer", Scope: scope, UserID: out.User.ID,
		RefreshToken: out.RefreshToken, RefreshTokenID: out.RefreshTokenID,
	}
	if asks(scope, "openid") {
		id, err := h.tokens.SignID(c.ctx(), grant)
		if err != nil {
			return nil, err
		}
		tokens.IDToken = id.Token
	}
	return tokens, nil
}

func asks(scope, one string) bool { return login.Origin{Scope: scope}.Asks(one) }

// left is how long a token is still good, in seconds.
func (h oauth) left(expires wire.Instant) int64 {
	return max(0, int64(time.UnixMilli(int64(expires)).Sub(h.Clock()).Round(time.Second)/time.Second))
}

func (h oauth) byRefreshToken(c *call, a *application.Application, form url.Values) (any, error) {
	p, err := h.tokens.Present(c.ctx(), form.Get("refresh_token"))
	if errors.Is(err, problem.ErrNotFound) || err == nil && p.ApplicationID != a.ID {
		return refusedGrant("invalid_grant", "refresh_token_not_found", "The refresh token is unknown, has expired or was revoked."), nil
	}
	if err != nil {
		return nil, err
	}
	request := wire.RefreshRequest{RefreshToken: form.Get("refresh_token"), Token: form.Get("access_token")}
	out, err := h.logins.Refresh(c.ctx(), request, true, c.eventInfo(nil))
	if err != nil {
		return oauthFailure(err)
	}
	tokens := oauthTokens{
		AccessToken: out.Token, ExpiresIn: h.left(out.Expires), TokenType: "Bearer", UserID: out.Grant.User.ID, RefreshToken: out.RefreshToken, RefreshTokenID: out.RefreshTokenID,
		Scope: form.Get("scope"),
	}
	if asks(tokens.Scope, "openid") {
		id, err := h.tokens.SignID(c.ctx(), out.Grant)
		if err != nil {
			return nil, err
		}
		tokens.IDToken = id.Token
	}
	return tokens, nil
}

// oauthFailure translates what keeps a user out. What is nobody's mistake stays as it is.
func oauthFailure(err error) (any, error) {
	var prevented *login.PreventedError
	p, ok := problem.As(err)
	switch {
	case errors.Is(err, problem.ErrNotFound):
		return refusedGrant("invalid_grant", "invalid_user_credentials", "The user is unknown, or the password is wrong."), nil
	case errors.Is(err, login.ErrLocked):
		return refusedGrant("invalid_grant", "user_locked", "The user is deactivated."), nil
	case errors.Is(err, login.ErrExpired):
		return refusedGrant("invalid_grant", "user_expired", "The user has expired."), nil
	case errors.As(err, &prevented):
		return refusedGrant("invalid_grant", "login_prevented", "An action keeps the user from logging in."), nil
	case ok && p.Kind == problem.Invalid:
		return refusedGrant("invalid_request", "invalid_request", firstMessage(p)), nil
	}
	return nil, err
}

func firstMessage(p *problem.Error) string {
	if len(p.Fields) > 0 {
		return p.Fields[0].Field + ": " + p.Fields[0].Message
	}
	if len(p.General) > 0 {
		return p.General[0].Message
	}
	return ""
}

// byClientCredentials is for entities, which act for nobody but themselves.
func (h oauth) byClientCredentials(c *call, form url.Values) (any, error) {
	id, secret := c.credentials(form)
	access, err := h.Entities.Authorize(c.ctx(), id, secret, strings.Fields(form.Get("scope")))
	if errors.Is(err, problem.ErrNotFound) {
		return invalidClient("There is no such client, or its secret is another one."), nil
	}
	if p, ok := problem.As(err); ok && p.Kind == problem.Invalid {
		return refusedGrant("invalid_scope", "invalid_target_entity_scope", firstMessage(p)), nil
	}
	if err != nil {
		return nil, err
	}
	claims := map[string]any{"sub": access.ID, "permissions": access.Permissions, "gty": []string{clientCredentials}, "use": "access_token"}
	switch targets := access.Targets(); len(targets) {
	case 0:
	case 1:
		claims["aud"] = targets[0]
	default:
		claims["aud"] = targets
	}
	signed, err := h.tokens.SignClaims(c.ctx(), access.TenantID, claims, access.KeyID, access.Lifetime)
	if err != nil {
		return nil, err
	}
	return oauthTokens{AccessToken: signed.Token, ExpiresIn: h.left(signed.Expires), TokenType: "Bearer", Scope: access.Scope()}, nil
}

// introspect tells a client whether a token is good, and what it says. A token that is not good is no error: RFC 7662, section 2.2.
func (h oauth) introspect(c *call) (any, error) {
	form, ok := c.form()
	if !ok {
		return refusedGrant("invalid_request", "invalid_content_type", noForm), nil
	}
	all, err := h.Applications.Registry(c.ctx())
	if err != nil {
		return nil, err
	}
	inactive := map[string]any{"active": false}
	claims, err := h.tokens.Verify(c.ctx(), form.Get("token"))
	if errors.Is(err, problem.ErrUnauthenticated) {
		return inactive, nil
	}
	if err != nil {
		return nil, err
	}
	id, _ := c.credentials(form)
	// Tokens of entities belong to no application, and whoever asks about one does not say who they are.
	grants, _ := claims.All["gty"].([]any)
	if a := all.In(claims.Tenant, claims.Application); !slices.Contains(grants, any(clientCredentials)) && (a == nil || a.OAuth.ClientID != id) {
		return inactive, nil
	}
	answer := map[string]any{"active": true}
	maps.Copy(answer, claims.All)
	return answer, nil
}

// userInfo says who the user of a token is: OpenID Connect Core, section 5.3.
func (h oauth) userInfo(c *call) (any, error) {
	u := &c.user.User
	answer := token.Profile(u)
	answer["sub"], answer["tid"] = u.ID, u.TenantID
	if u.Email != "" {
		answer["email"], answer["email_verified"] = u.Email, u.Verified
	}
	if u.Username != "" {
		answer["preferred_username"] = u.Username
	}
	if c.claims.Application != "" {
		answer["applicationId"], answer["roles"] = c.claims.Application, c.claims.All["roles"]
	}
	return answer, nil
}

// discovery tells clients where everything is: OpenID Connect Discovery, section 3. Addresses are those by which the request came.
func (h oauth) discovery(c *call) (any, error) {
	tenant, err := c.pathID("tenantId")
	if err != nil {
		return nil, err
	}
	if tenant == "" {
		if tenant, err = c.queryID("tenantId"); err != nil {
			return nil, err
		}
	}
	if tenant == "" {
		if tenant, err = h.Tenants.DefaultID(c.ctx()); err != nil {
			return nil, err
		}
	}
	settings, err := h.Tenants.Settings(c.ctx())
	if err != nil {
		return nil, err
	}
	flows, ok := settings.Flows(tenant)
	if !ok {
		return nil, problem.ErrNotFound
	}
	scheme := "http"
	if c.r.TLS != nil || strings.EqualFold(c.r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	base := scheme + "://" + cmp.Or(c.r.Header.Get("X-Forwarded-Host"), c.r.Host)
	return map[string]any{
		"issuer": flows.Issuer, "token_endpoint": base + "/oauth2/token", "userinfo_endpoint": base + "/oauth2/userinfo",
		"introspection_endpoint": base + "/oauth2/introspect", "jwks_uri": base + "/.well-known/jwks.json",
		"grant_types_supported": []string{"password", "refresh_token", clientCredentials}, "response_types_supported": []string{}, "subject_types_supported": []string{"public"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		"id_token_signing_alg_values_supported": []string{"ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512"},
		"scopes_supported":                      []string{"openid", "offline_access", "email", "phone", "profile"},
		"claims_supported": []string{
			"applicationId", "aud", "auth_time", "authenticationType", "birthdate", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "jti",
			"locale", "middle_name", "name", "phone_number", "phone_number_verified", "picture", "preferred_username", "roles", "sid", "sub", "tid", "zoneinfo",
		},
	}, nil
}
