package wire

// APIKey opens the API to a caller.
type APIKey struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Key is what callers put into the Authorization header, without a scheme. Chosen at random unless given on creation; cannot be
	// changed. When the key is not retrievable, only the answer to its creation has it.
	Key string `json:"key,omitzero"`
	// Name is unique. Required when the key is not retrievable.
	Name string `json:"name,omitzero"`
	// TenantID limits the key to one tenant. Cannot be changed. Empty means all tenants.
	TenantID ID `json:"tenantId,omitzero"`
	// KeyManager may manage API keys. Only kickstart, the admin UI and the command line can set it.
	KeyManager bool `json:"keyManager"`
	// Retrievable says whether Key is in later answers. Cannot be changed. Nil in a request means true; a response always has it.
	Retrievable *bool `json:"retrievable,omitzero"`
	// ExpirationInstant is when the key stops to work. Zero means never.
	ExpirationInstant Instant `json:"expirationInstant,omitzero"`
	// IPAccessControlListID names a list of addresses the key may be used from.
	IPAccessControlListID ID `json:"ipAccessControlListId,omitzero"`
	// Permissions is what the key may do. No permissions means everything.
	Permissions APIKeyPermissions `json:"permissions,omitzero"`
	MetaData    APIKeyMetaData    `json:"metaData,omitzero"`
	// InsertInstant is when the key was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// APIKeyPermissions is what a key may do.
type APIKeyPermissions struct {
	// Endpoints maps the path of an endpoint without ids ("/api/webhook") to the HTTP methods allowed there. Nil and empty mean
	// everything.
	Endpoints map[string][]string `json:"endpoints,omitempty"`
}

// APIKeyMetaData describes a key.
type APIKeyMetaData struct {
	// Attributes are free-form; "description" is shown to people.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// APIKeyRequest creates, replaces or patches a key.
type APIKeyRequest struct {
	APIKey APIKey `json:"apiKey"`
	// SourceKeyID names a key whose permissions a new one gets. A key manager cannot be copied.
	SourceKeyID ID `json:"sourceKeyId,omitzero"`
}

// APIKeyResponse has one key.
type APIKeyResponse struct {
	APIKey *APIKey `json:"apiKey,omitzero"`
}

// APIKeysResponse has all keys that the caller may manage, without their texts. The call is ours.
type APIKeysResponse struct {
	APIKeys List[APIKey] `json:"apiKeys"`
}
