package event

import "github.com/herald-events/herald/wire"

// JWTPublicKeyUpdateEvent is jwt.public-key.update.
type JWTPublicKeyUpdateEvent struct {
	Header
	// ApplicationIDs are the applications whose tokens may be verified with another key from now on.
	ApplicationIDs wire.List[wire.ID] `json:"applicationIds"`
}

// JWTRefreshEvent is jwt.refresh. It carries live tokens: webhooks that get it must be trusted with them.
type JWTRefreshEvent struct {
	Header
	// ApplicationID is the application that the new access token is for.
	ApplicationID wire.ID `json:"applicationId"`
	UserID        wire.ID `json:"userId"`
	// RefreshToken is the token the caller presented.
	RefreshToken string `json:"refreshToken"`
	// Token is the new access token.
	Token string `json:"token"`
	// Original is the access token it replaces. Empty when the caller did not send it.
	Original string `json:"original,omitzero"`
}

// JWTRefreshTokenRevokeEvent is jwt.refresh-token.revoke. What is set tells what was revoked: with RefreshToken
// that single token, with UserID all of the user, with UserID and ApplicationID all of the user for the application, with ApplicationID alone all of the application.
type JWTRefreshTokenRevokeEvent struct {
	Header
	ApplicationID wire.ID `json:"applicationId,omitzero"`
	// ApplicationTimeToLiveInSeconds maps each application concerned to how long its access tokens live. A receiver rejects access
	// tokens issued before the instant of the event until that time has passed since; after it there are none left.
	ApplicationTimeToLiveInSeconds wire.Map[int] `json:"applicationTimeToLiveInSeconds"`
	// RefreshToken is the revoked token, without its value.
	RefreshToken *wire.RefreshToken `json:"refreshToken,omitzero"`
	User         *wire.User         `json:"user,omitzero"`
	UserID       wire.ID            `json:"userId,omitzero"`
}

func (e JWTRefreshTokenRevokeEvent) outgoing() Payload {
	e.User = secureUserIfAny(e.User)
	return &e
}
