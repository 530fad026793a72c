package wire

// IdentityProviderLink connects a user with an account at an identity provider.
type IdentityProviderLink struct {
	IdentityProviderID   ID     `json:"identityProviderId,omitzero"`
	IdentityProviderName string `json:"identityProviderName,omitzero"`
	// IdentityProviderType is the kind of provider, for example OpenIDConnect.
	IdentityProviderType string `json:"identityProviderType,omitzero"`
	// IdentityProviderUserID is the name of the account there.
	IdentityProviderUserID string `json:"identityProviderUserId,omitzero"`
	// DisplayName shows the account to people.
	DisplayName string `json:"displayName,omitzero"`
	UserID      ID     `json:"userId,omitzero"`
	TenantID    ID     `json:"tenantId,omitzero"`
	// Token is what the provider gave us to act for the account. Events never have it.
	Token            string  `json:"token,omitzero"`
	Data             Object  `json:"data,omitzero"`
	InsertInstant    Instant `json:"insertInstant,omitzero"`
	LastLoginInstant Instant `json:"lastLoginInstant,omitzero"`
}
