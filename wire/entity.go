package wire

// Entity is something other than a user that has an identity, such as a device or a service.
type Entity struct {
	ID   ID     `json:"id,omitzero"`
	Name string `json:"name,omitzero"`
	// ClientID is its name for the client credentials grant. Defaults to ID.
	ClientID string `json:"clientId,omitzero"`
	// ClientSecret goes with it. Events never have it.
	ClientSecret string `json:"clientSecret,omitzero"`
	Data         Object `json:"data,omitzero"`
	// ParentID is the entity this one belongs to.
	ParentID          ID         `json:"parentId,omitzero"`
	TenantID          ID         `json:"tenantId,omitzero"`
	Type              EntityType `json:"type"`
	InsertInstant     Instant    `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant    `json:"lastUpdateInstant,omitzero"`
}

// EntityType is a kind of entity and the permissions that exist for it.
type EntityType struct {
	ID                ID                      `json:"id,omitzero"`
	Name              string                  `json:"name,omitzero"`
	Data              Object                  `json:"data,omitzero"`
	JWTConfiguration  *EntityJWTConfiguration `json:"jwtConfiguration,omitzero"`
	Permissions       []EntityTypePermission  `json:"permissions,omitzero"`
	InsertInstant     Instant                 `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant                 `json:"lastUpdateInstant,omitzero"`
}

// EntityJWTConfiguration says how access tokens for entities of a type are made.
type EntityJWTConfiguration struct {
	// Enabled overrides the settings of the tenant.
	Enabled          bool `json:"enabled"`
	AccessTokenKeyID ID   `json:"accessTokenKeyId,omitzero"`
	// TimeToLiveInSeconds is how long a token is valid.
	TimeToLiveInSeconds int `json:"timeToLiveInSeconds"`
}

// EntityTypePermission is something that can be granted on entities of a type.
type EntityTypePermission struct {
	ID          ID     `json:"id,omitzero"`
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
	Data        Object `json:"data,omitzero"`
	// IsDefault grants the permission when a grant names none.
	IsDefault         bool    `json:"isDefault"`
	InsertInstant     Instant `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}
