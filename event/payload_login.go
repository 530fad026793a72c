package event

import "github.com/herald-events/herald/wire"

// UserLoginEvent is user.login.success and user.login.new-device.
type UserLoginEvent struct {
	Header
	// ApplicationID is the application logged in to. Empty when the request named none, or the user is not registered for it.
	ApplicationID      wire.ID            `json:"applicationId,omitzero"`
	AuthenticationType AuthenticationType `json:"authenticationType"`
	// ConnectorID says who checked the password: [wire.InternalConnectorID] for Herald itself.
	ConnectorID wire.ID `json:"connectorId"`
	// IdentityProviderID and IdentityProviderName say who vouched for the user. Empty without an identity provider.
	IdentityProviderID   wire.ID `json:"identityProviderId,omitzero"`
	IdentityProviderName string  `json:"identityProviderName,omitzero"`
	// IPAddress is a copy of info.ipAddress.
	//
	// Deprecated: read Info.IPAddress.
	IPAddress string    `json:"ipAddress,omitzero"`
	User      wire.User `json:"user"`
}

func (e UserLoginEvent) outgoing() Payload {
	e.User = SecureUser(e.User)
	return &e
}

// UserLoginSuspiciousEvent is user.login.suspicious.
type UserLoginSuspiciousEvent struct {
	Header
	// ApplicationID is the application logged in to. Empty when the request named none, or the user is not registered for it.
	ApplicationID      wire.ID            `json:"applicationId,omitzero"`
	AuthenticationType AuthenticationType `json:"authenticationType"`
	// ConnectorID says who checked the password: [wire.InternalConnectorID] for Herald itself.
	ConnectorID wire.ID `json:"connectorId"`
	// IdentityProviderID and IdentityProviderName say who vouched for the user. Empty without an identity provider.
	IdentityProviderID   wire.ID `json:"identityProviderId,omitzero"`
	IdentityProviderName string  `json:"identityProviderName,omitzero"`
	// IPAddress is a copy of info.ipAddress.
	//
	// Deprecated: read Info.IPAddress.
	IPAddress string `json:"ipAddress,omitzero"`
	// ThreatsDetected are the signals that were high, at least one.
	ThreatsDetected wire.List[Threat] `json:"threatsDetected"`
	User            wire.User         `json:"user"`
}

func (e UserLoginSuspiciousEvent) outgoing() Payload {
	e.User = SecureUser(e.User)
	return &e
}

// UserLoginFailedEvent is user.login.failed.
type UserLoginFailedEvent struct {
	Header
	// ApplicationID is the application of the request. Empty when it named none, or the user is not registered for it.
	ApplicationID      wire.ID            `json:"applicationId,omitzero"`
	AuthenticationType AuthenticationType `json:"authenticationType"`
	// IPAddress is a copy of info.ipAddress.
	//
	// Deprecated: read Info.IPAddress.
	IPAddress string `json:"ipAddress,omitzero"`
	// Reason is why the login failed.
	Reason *LoginFailure `json:"reason,omitzero"`
	User   wire.User     `json:"user"`
}

func (e UserLoginFailedEvent) outgoing() Payload {
	e.User = SecureUser(e.User)
	return &e
}

// LoginFailure is why a login failed.
type LoginFailure struct {
	Code LoginFailureCode `json:"code,omitzero"`
	// LambdaID names the lambda that rejected the login, and LambdaResult is what it said. Only with the code [LambdaValidation].
	LambdaID     wire.ID      `json:"lambdaId,omitzero"`
	LambdaResult *wire.Errors `json:"lambdaResult,omitzero"`
}

// LoginFailureCode is a reason for a login to fail.
type LoginFailureCode string

// The reasons.
const (
	WrongCredentials LoginFailureCode = "credentials"
	LambdaValidation LoginFailureCode = "lambdaValidation"
)

// AuthenticationType says how a user authenticated.
type AuthenticationType string

// The ways to authenticate that FusionAuth names. More may come.
const (
	AuthenticationApple              AuthenticationType = "APPLE"
	AuthenticationApplicationToken   AuthenticationType = "APPLICATION_TOKEN"
	AuthenticationEpicGames          AuthenticationType = "EpicGames"
	AuthenticationFacebook           AuthenticationType = "FACEBOOK"
	AuthenticationFederatedJWT       AuthenticationType = "FEDERATED_JWT"
	AuthenticationGenericConnector   AuthenticationType = "GENERIC_CONNECTOR"
	AuthenticationGoogle             AuthenticationType = "GOOGLE"
	AuthenticationHYPR               AuthenticationType = "HYPR"
	AuthenticationJWTSSO             AuthenticationType = "JWT_SSO"
	AuthenticationLDAPConnector      AuthenticationType = "LDAP_CONNECTOR"
	AuthenticationLinkedIn           AuthenticationType = "LINKEDIN"
	AuthenticationNintendo           AuthenticationType = "Nintendo"
	AuthenticationOneTimePassword    AuthenticationType = "ONE_TIME_PASSWORD"
	AuthenticationOpenIDConnect      AuthenticationType = "OPENID_CONNECT"
	AuthenticationPassword           AuthenticationType = "PASSWORD"
	AuthenticationPasswordless       AuthenticationType = "PASSWORDLESS"
	AuthenticationPing               AuthenticationType = "PING"
	AuthenticationRefreshToken       AuthenticationType = "REFRESH_TOKEN"
	AuthenticationRegistration       AuthenticationType = "REGISTRATION"
	AuthenticationSAMLv2             AuthenticationType = "SAMLv2"
	AuthenticationSAMLv2IdPInitiated AuthenticationType = "SAMLv2IdpInitiated"
	AuthenticationSonyPSN            AuthenticationType = "SonyPSN"
	AuthenticationSteam              AuthenticationType = "Steam"
	AuthenticationTwitch             AuthenticationType = "Twitch"
	AuthenticationTwitter            AuthenticationType = "TWITTER"
	AuthenticationUserCreate         AuthenticationType = "USER_CREATE"
	AuthenticationWebAuthn           AuthenticationType = "WebAuthn"
	AuthenticationXbox               AuthenticationType = "Xbox"
)

// Threat is a signal that a login may not be by its user.
type Threat string

// The signals.
const (
	ThreatBlocklistedIP        Threat = "BlocklistedIp"
	ThreatBotDetected          Threat = "BotDetected"
	ThreatDormantAccount       Threat = "DormantAccount"
	ThreatDormantPassword      Threat = "DormantPassword"
	ThreatImpossibleTravel     Threat = "ImpossibleTravel"
	ThreatRecentIdentityChange Threat = "RecentIdentityChange"
	ThreatRecentPasswordChange Threat = "RecentPasswordChange"
	ThreatSuspiciousUserAgent  Threat = "SuspiciousUserAgent"
	ThreatUnrecognizedDevice   Threat = "UnrecognizedDevice"
)
