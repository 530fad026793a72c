package openapi

import (
	"net/http"

	"github.com/herald-events/herald/wire"
)

// loggedIn are the ways in which a login can end.
func loggedIn(o *operation) {
	o.answers = append(o.answers, []answer{
		{status: http.StatusOK, about: "The user is in.", of: wire.LoginResponse{}},
		{status: http.StatusAccepted, about: "The user is in, but is not registered for the application.", of: wire.LoginResponse{}},
		{status: http.StatusNonAuthoritativeInfo, about: "The user has to choose a new password first.", of: wire.LoginResponse{}},
		{status: 212, about: "The user is in, but has to verify an e-mail address.", of: wire.LoginResponse{}},
		{status: 213, about: "The user is in, but has to verify the registration.", of: wire.LoginResponse{}},
		{status: 242, about: "A second factor is needed.", of: wire.LoginResponse{}},
		{status: http.StatusNotFound, about: "The user is unknown, or the password is wrong. The answer has no body."},
		{status: http.StatusConflict, about: "An action keeps the user from logging in; or somebody else changed the same thing meanwhile.", of: alternatives{wire.LoginResponse{}, wire.Errors{}}},
		{status: http.StatusGone, about: "The user has expired. The answer has no body."},
		{status: http.StatusLocked, about: "The user is deactivated. The answer has no body."},
	}...)
	votes(o)
}

func pinged(o *operation) {
	answers(http.StatusOK, "Done.", Nothing{})(o)
	answers(http.StatusAccepted, "Done, but the user is not registered for the application.", Nothing{})(o)
	answers(212, "Done, but the user has to verify an e-mail address.", Nothing{})(o)
	answers(213, "Done, but the user has to verify the registration.", Nothing{})(o)
	notFound(o)
	asks(wire.LoginPingRequest{})(o)
	may("callerIPAddress", "", "The same as ipAddress.")(o)
	mayTake(wire.LoginPingRequest{})(o)
	votes(o)
}

// Nothing is an object without members, for clients that decode one.
type Nothing struct{}

func notFound(o *operation) {
	answers(http.StatusNotFound, "There is no such thing, or it is out of reach. The answer has no body.", nil)(o)
}

func unauthenticated(o *operation) {
	answers(http.StatusUnauthorized, "There is no valid key or token, or it may not do this. The answer has no body.", nil)(o)
}

func cannotSend(o *operation) {
	answers(http.StatusForbidden, "Nothing of the kind is switched on, or there is no template for the message. The answer has no body.", nil)(o)
	answers(http.StatusUnprocessableEntity, "The user has no address for the message. The answer has no body.", nil)(o)
}

func tooMany(o *operation) {
	answers(http.StatusTooManyRequests, "This was asked for too often. Try again later.", wire.Errors{})(o)
}

var logins = group{
	"Logins", "Letting users in, with a password or without one, and the record of it.",
	[][]operation{
		on("POST /api/login", "Log a user in", takes(wire.LoginRequest{}), loggedIn,
			example(`{"loginId": "ada@example.com", "password": "correct horse battery"}`)),
		on("PUT /api/login", "Say that a user is still there", pinged),
		on("PUT /api/login/{userId}[/{applicationId}]", "Say that a user is still there", pinged),
		on("POST /api/logout", "Log a user out", mayTake(wire.LogoutRequest{}), asks(wire.LogoutRequest{}), votes),
		on("POST /api/passwordless/start", "Begin a login without a password", takes(wire.PasswordlessStartRequest{}), gives(wire.PasswordlessStartResponse{}), notFound, tooMany),
		on("POST /api/passwordless/send", "Send the code of a login without a password", takes(wire.PasswordlessSendRequest{}), notFound, tooMany),
		on("POST /api/passwordless/login", "Complete a login without a password", takes(wire.PasswordlessLoginRequest{}), loggedIn),
		on("GET /api/user/recent-login", "Read the newest logins", gives(wire.RecentLoginResponse{}), may("userId", wire.ID(""), "Only those of this user."), may("offset", 0, "How many are skipped."),
			may("limit", 0, "How many are returned. Defaults to 10.")),
		search("/api/system/login-record/search", "Find logins", wire.LoginRecordSearch{}, wire.LoginRecordSearchRequest{}, wire.LoginRecordSearchResponse{}),
	},
}

var tokens = group{
	"Tokens", "Access tokens and refresh tokens: issue, check, use, revoke.",
	[][]operation{
		on("POST /api/jwt/refresh", "Exchange a refresh token for a new access token", mayTake(wire.RefreshRequest{}), gives(wire.JWTRefreshResponse{}), notFound, unauthenticated, votes),
		on("GET /api/jwt/refresh", "List the refresh tokens of a user", may("userId", wire.ID(""), "The user. Not needed with the token of one."), gives(wire.RefreshTokenResponse{}), notFound),
		on("GET /api/jwt/refresh/{tokenId}", "Read a refresh token", gives(wire.RefreshTokenResponse{})),
		on("DELETE /api/jwt/refresh[/{tokenId}]", "Revoke a refresh token, or all of a user or application", mayTake(wire.RefreshTokenRevokeRequest{}), asks(wire.RefreshTokenRevokeRequest{}), notFound, votes),
		on("POST /api/user/refresh-token/import", "Import refresh tokens", takes(wire.RefreshTokenImportRequest{})),
		on("GET /api/jwt/issue", "Get an access token for another application", may("applicationId", wire.ID(""), "The application. Required."), may("refreshToken", "", "A refresh token to go with it."),
			gives(wire.JWTResponse{}), answers(http.StatusAccepted, "The user is not registered for the application. The answer has no body.", nil), notFound),
		on("GET /api/jwt/validate", "Check an access token", gives(wire.JWTValidateResponse{}), unauthenticated, about("The token stands in the header Authorization, as Bearer, or in the cookie access_token.")),
		on("POST /api/jwt/vend", "Sign claims of one's own", mayTake(wire.JWTVendRequest{}), gives(wire.JWTResponse{})),
		on("GET /api/jwt/public-key", "Read the public keys that verify tokens", gives(wire.PublicKeyResponse{}), notFound, may("applicationId", wire.ID(""), "Only that of this application."),
			may("kid", "", "Only the one that tokens call so."), may("keyId", "", "The same as kid.")),
	},
}

var oauth = group{
	"OAuth", "What OAuth and OpenID Connect clients use without a browser.",
	[][]operation{
		on("POST /oauth2/token", "Get tokens", form(TokenForm{}), gives(OAuthTokens{}), oauthFails, votes),
		on("POST /oauth2/introspect", "Ask whether a token is good, and what it says", form(IntrospectForm{}), gives(Introspection{}), oauthFails, calm),
		on("GET /oauth2/userinfo", "Read who the user of a token is", gives(wire.Object{})),
		on("POST /oauth2/userinfo", "Read who the user of a token is", gives(wire.Object{}), calm),
		on("GET /.well-known/openid-configuration[/{tenantId}]", "Read where everything is", gives(wire.Object{}), may("tenantId", wire.ID(""), "The tenant whose issuer is named."), notFound),
	},
}

func oauthFails(o *operation) {
	answers(http.StatusBadRequest, "The request was refused: RFC 6749, section 5.2.", OAuthError{})(o)
	answers(http.StatusUnauthorized, "The client has not proved to be what it says.", OAuthError{})(o)
}

// TokenForm asks for tokens.
type TokenForm struct {
	// GrantType is password, refresh_token or client_credentials.
	GrantType string `json:"grant_type"`
	// ClientID and ClientSecret may stand in the header Authorization instead, as Basic.
	ClientID     string `json:"client_id,omitzero"`
	ClientSecret string `json:"client_secret,omitzero"`
	// Username and Password are those of the user.
	Username     string `json:"username,omitzero"`
	Password     string `json:"password,omitzero"`
	RefreshToken string `json:"refresh_token,omitzero"`
	// Scope says what is asked for: openid, offline_access, target-entity:….
	Scope string `json:"scope,omitzero"`
}

// IntrospectForm asks about a token.
type IntrospectForm struct {
	Token        string `json:"token"`
	ClientID     string `json:"client_id,omitzero"`
	ClientSecret string `json:"client_secret,omitzero"`
}

// Introspection says whether a token is good, and with a good one all its claims.
type Introspection struct {
	Active bool `json:"active"`
}

// OAuthTokens are what a client gets.
type OAuthTokens struct {
	AccessToken string `json:"access_token"`
	// ExpiresIn is in seconds.
	ExpiresIn      int64   `json:"expires_in"`
	IDToken        string  `json:"id_token,omitzero"`
	RefreshToken   string  `json:"refresh_token,omitzero"`
	RefreshTokenID wire.ID `json:"refresh_token_id,omitzero"`
	Scope          string  `json:"scope,omitzero"`
	TokenType      string  `json:"token_type"`
	UserID         wire.ID `json:"userId,omitzero"`
}

// OAuthError is an error as OAuth clients expect it.
type OAuthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitzero"`
	Reason      string `json:"error_reason,omitzero"`
	// TwoFactorID names the login that waits for a second factor.
	TwoFactorID      string                 `json:"two_factor_id,omitzero"`
	TwoFactorMethods []wire.TwoFactorMethod `json:"two_factor_methods,omitzero"`
	// ChangePasswordID allows to choose a new password.
	ChangePasswordID string `json:"change_password_id,omitzero"`
}

var passwords = group{
	"Passwords", "The ways to a new password.",
	[][]operation{
		on("POST /api/user/forgot-password", "Begin to change a forgotten password", takes(wire.ForgotPasswordRequest{}), cannotSend, notFound, tooMany, votes,
			answers(http.StatusOK, "Done. Only callers with a key are told the id.", wire.ForgotPasswordResponse{})),
		on("POST /api/user/change-password[/{changePasswordId}]", "Change a password", takes(wire.ChangePasswordRequest{}), notFound, tooMany, votes,
			answers(http.StatusOK, "Done. There is a body unless the user was named by what they log in with.", wire.ChangePasswordResponse{})),
		on("GET /api/user/change-password[/{changePasswordId}]", "Ask whether a password could be changed", asks(wire.ChangePasswordRequest{}), notFound),
	},
}

var verifications = group{
	"Verifications", "Proving that addresses, numbers and registrations are a user's own.",
	[][]operation{
		on("POST /api/user/verify-email[/{verificationId}]", "Verify an e-mail address", mayTake(wire.VerifyEmailRequest{}), cannotSend, notFound, tooMany, votes),
		on("PUT /api/user/verify-email", "Send the message to verify an e-mail address again", asks(wire.ResendEmailRequest{}), resent),
		on("POST /api/user/verify-registration[/{verificationId}]", "Verify a registration", mayTake(wire.VerifyRegistrationRequest{}), notFound, tooMany, votes),
		on("PUT /api/user/verify-registration", "Send the message to verify a registration again", asks(wire.ResendRegistrationRequest{}), resent),
		on("POST /api/identity/verify", "Declare an address or a number verified", takes(wire.IdentityVerifyRequest{}), notFound, votes),
		on("POST /api/identity/verify/start", "Begin to verify an address or a number", takes(wire.IdentityVerifyStartRequest{}), gives(wire.IdentityVerifyStartResponse{}), notFound, tooMany),
		on("POST /api/identity/verify/send", "Send the message to verify an address or a number", takes(wire.IdentityVerifySendRequest{}), cannotSend, notFound, tooMany),
		on("POST /api/identity/verify/complete", "Complete the verification of an address or a number", takes(wire.IdentityVerifyCompleteRequest{}), gives(wire.IdentityVerifyCompleteResponse{}), notFound, tooMany, votes),
	},
}

func resent(o *operation) {
	answers(http.StatusOK, "Done. Only callers with a key are told the id.", wire.VerifyEmailResponse{})(o)
	cannotSend(o)
	notFound(o)
	tooMany(o)
}

var twoFactors = group{
	"Two factors", "Second factors: enrolment, codes, completing a login.",
	[][]operation{
		on("GET /api/two-factor/secret", "Make a secret for an authenticator app", gives(wire.TwoFactorSecretResponse{})),
		on("POST /api/two-factor/send", "Send a code to a user, to enable or disable a method", takes(wire.TwoFactorSendRequest{}), notFound, tooMany, calm),
		on("POST /api/two-factor/send/{twoFactorId}", "Send the code of a login", takes(wire.TwoFactorSendRequest{}), tooMany, calm),
		on("POST /api/two-factor/start", "Begin to ask a user for a second factor", takes(wire.TwoFactorStartRequest{}), gives(wire.TwoFactorStartResponse{}), notFound, votes),
		on("POST /api/two-factor/login", "Complete a login with a code", takes(wire.TwoFactorLoginRequest{}), loggedIn, wrongCode, tooMany),
		on("GET /api/two-factor/status/{trustId}", "Ask whether a login would need a second factor", asks(wire.TwoFactorStatusRequest{}), trusted),
		on("POST /api/two-factor/status", "Ask whether a login would need a second factor", mayTake(wire.TwoFactorStatusRequest{}), asks(wire.TwoFactorStatusRequest{}), trusted, notFound, calm),
		on("POST /api/user/two-factor/{userId}", "Enable a method", takes(wire.TwoFactorRequest{}), gives(wire.TwoFactorResponse{}), wrongCode, tooMany, votes),
		on("PUT /api/user/two-factor/{userId}", "Rename a method", takes(wire.TwoFactorRenameRequest{}), asks(wire.TwoFactorRenameRequest{})),
		on("DELETE /api/user/two-factor/{userId}", "Disable a method", mayTake(wire.TwoFactorDisableRequest{}), asks(wire.TwoFactorDisableRequest{}), wrongCode, tooMany, votes),
		on("POST /api/user/two-factor", "Enable a method of one's own", takes(wire.TwoFactorRequest{}), gives(wire.TwoFactorResponse{}), wrongCode, tooMany, votes),
		on("DELETE /api/user/two-factor", "Disable a method of one's own", mayTake(wire.TwoFactorDisableRequest{}), asks(wire.TwoFactorDisableRequest{}), wrongCode, tooMany, votes),
		on("POST /api/user/two-factor/recovery-code/{userId}", "Make new recovery codes", gives(wire.TwoFactorRecoveryCodeResponse{})),
		on("GET /api/user/two-factor/recovery-code/{userId}", "List the recovery codes", gives(wire.TwoFactorRecoveryCodeResponse{}), about("They are kept as hashes, so the list is empty.")),
	},
}

func wrongCode(o *operation) {
	answers(http.StatusMisdirectedRequest, "The code is wrong. The answer has no body.", nil)(o)
}

func trusted(o *operation) {
	answers(http.StatusOK, "No second factor is needed.", wire.TwoFactorStatusResponse{})(o)
	answers(242, "A second factor is needed.", wire.TwoFactorStatusResponse{})(o)
}
