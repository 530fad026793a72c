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

// IdentityProviderLinkRequest links a user with an account.
type IdentityProviderLinkRequest struct {
	// IdentityProviderLink is the link as old clients send it, with its members beside each other. Link counts where it says anything.
	IdentityProviderLink
	Link IdentityProviderLink `json:"identityProviderLink,omitzero"`
	// PendingIDPLinkID names a login through an identity provider that waits for its user. There are none: nobody logs in that way.
	PendingIDPLinkID string     `json:"pendingIdPLinkId,omitzero"`
	EventInfo        *EventInfo `json:"eventInfo,omitzero"`
}

// IdentityProviderLinkResponse has one link, or none after it was removed.
type IdentityProviderLinkResponse struct {
	IdentityProviderLink *IdentityProviderLink `json:"identityProviderLink,omitzero"`
}

// IdentityProviderLinksResponse has the links of a user.
type IdentityProviderLinksResponse struct {
	IdentityProviderLinks List[IdentityProviderLink] `json:"identityProviderLinks"`
}
