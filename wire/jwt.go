package wire

// RefreshToken is a session of a user: it is exchanged for new access tokens until it expires or is revoked.
type RefreshToken struct {
	ID            ID `json:"id,omitzero"`
	UserID        ID `json:"userId,omitzero"`
	ApplicationID ID `json:"applicationId,omitzero"`
	TenantID      ID `json:"tenantId,omitzero"`
	// StartInstant is when the session began; a token that replaces another keeps it.
	StartInstant  Instant              `json:"startInstant,omitzero"`
	InsertInstant Instant              `json:"insertInstant,omitzero"`
	MetaData      RefreshTokenMetaData `json:"metaData,omitzero"`
	Data          Object               `json:"data,omitzero"`
}

// RefreshTokenMetaData says what a refresh token is used on and for.
type RefreshTokenMetaData struct {
	Device Device   `json:"device,omitzero"`
	Scopes []string `json:"scopes,omitzero"`
	Data   Object   `json:"data,omitzero"`
}

// Device is what a user logged in with.
type Device struct {
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
	// Type is the kind of device, for example BROWSER.
	Type                string  `json:"type,omitzero"`
	LastAccessedAddress string  `json:"lastAccessedAddress,omitzero"`
	LastAccessedInstant Instant `json:"lastAccessedInstant,omitzero"`
}

// RefreshRequest exchanges a refresh token for an access token.
type RefreshRequest struct {
	// RefreshToken is required; a cookie refresh_token wins over it.
	RefreshToken string `json:"refreshToken,omitzero"`
	// Token is the access token that is to be replaced. Optional.
	Token string `json:"token,omitzero"`
	// TimeToLiveInSeconds shortens the life of the new token.
	TimeToLiveInSeconds int        `json:"timeToLiveInSeconds,omitzero"`
	EventInfo           *EventInfo `json:"eventInfo,omitzero"`
}

// JWTRefreshResponse has what a refresh token was exchanged for.
type JWTRefreshResponse struct {
	RefreshToken   string `json:"refreshToken,omitzero"`
	RefreshTokenID ID     `json:"refreshTokenId,omitzero"`
	Token          string `json:"token,omitzero"`
}

// RefreshTokenResponse has one refresh token, or those of a user. None has its value: only who holds a token knows that.
type RefreshTokenResponse struct {
	RefreshToken  *RefreshToken  `json:"refreshToken,omitzero"`
	RefreshTokens []RefreshToken `json:"refreshTokens,omitzero"`
}

// RefreshTokenRevokeRequest says which refresh tokens end. All members can also be query parameters. Token wins over UserID, UserID over
// ApplicationID; UserID and ApplicationID together mean those of the user for the application.
type RefreshTokenRevokeRequest struct {
	Token         string     `json:"token,omitzero"`
	UserID        ID         `json:"userId,omitzero"`
	ApplicationID ID         `json:"applicationId,omitzero"`
	EventInfo     *EventInfo `json:"eventInfo,omitzero"`
}

// RefreshTokenImport is a refresh token of another system, with its value.
type RefreshTokenImport struct {
	RefreshToken
	// Token is what the client holds. Required.
	Token string `json:"token,omitzero"`
}

// RefreshTokenImportRequest imports refresh tokens.
type RefreshTokenImportRequest struct {
	RefreshTokens []RefreshTokenImport `json:"refreshTokens,omitempty"`
	// ValidateDbConstraints is accepted: everything is always checked.
	ValidateDbConstraints bool `json:"validateDbConstraints,omitzero"`
}

// JWTVendRequest asks for a token with any claims.
type JWTVendRequest struct {
	Claims Object `json:"claims,omitzero"`
	// KeyID names the key that signs. Defaults to the tenant's.
	KeyID ID `json:"keyId,omitzero"`
	// TimeToLiveInSeconds defaults to that of the tenant's access tokens.
	TimeToLiveInSeconds int `json:"timeToLiveInSeconds,omitzero"`
}

// JWTResponse has a token.
type JWTResponse struct {
	Token string `json:"token,omitzero"`
	// RefreshToken is the one that the caller brought, where there was one.
	RefreshToken string `json:"refreshToken,omitzero"`
}

// JWTValidateResponse has the claims of a token that is good.
type JWTValidateResponse struct {
	JWT Object `json:"jwt"`
}

// PublicKeyResponse has public keys in PEM form: one, or all by their kid.
type PublicKeyResponse struct {
	PublicKey  string      `json:"publicKey,omitzero"`
	PublicKeys Map[string] `json:"publicKeys,omitempty"`
}
