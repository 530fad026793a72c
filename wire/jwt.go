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
