package event

import "github.com/herald-events/herald/wire"

// UserTwoFactorChallengeEvent is user.two-factor.challenge.
type UserTwoFactorChallengeEvent struct {
	Header
	// ApplicationID is the application being logged in to, if any.
	ApplicationID wire.ID `json:"applicationId,omitzero"`
	// ClientRisk is how risky the client looks. Empty when that was not computed.
	ClientRisk Risk      `json:"clientRisk,omitzero"`
	User       wire.User `json:"user"`
}

func (e UserTwoFactorChallengeEvent) outgoing() Payload {
	e.User = SecureUser(e.User)
	return &e
}

// UserTwoFactorAttemptEvent is user.two-factor.success and user.two-factor.failed-attempt.
type UserTwoFactorAttemptEvent struct {
	Header
	// ApplicationID is the application being logged in to, if any.
	ApplicationID wire.ID `json:"applicationId,omitzero"`
	// ClientRisk is how risky the client looks. Empty when that was not computed.
	ClientRisk Risk `json:"clientRisk,omitzero"`
	// Method is the kind of second factor: authenticator, email, recoveryCode or sms.
	Method string `json:"method"`
	// MessageType says how the code reached a phone, if it did.
	MessageType wire.MessageType `json:"messageType,omitzero"`
	User        wire.User        `json:"user"`
}

func (e UserTwoFactorAttemptEvent) outgoing() Payload {
	e.User = SecureUser(e.User)
	return &e
}

// UserTwoFactorMethodEvent is user.two-factor.method.add and user.two-factor.method.remove.
type UserTwoFactorMethodEvent struct {
	Header
	// Method is the second factor that was added or removed.
	Method wire.TwoFactorMethod `json:"method"`
	User   wire.User            `json:"user"`
}

func (e UserTwoFactorMethodEvent) outgoing() Payload {
	e.User = SecureUser(e.User)
	return &e
}

// Risk says how risky a client looks.
type Risk string

// The levels of risk.
const (
	RiskLow    Risk = "LOW"
	RiskMedium Risk = "MEDIUM"
	RiskHigh   Risk = "HIGH"
)
