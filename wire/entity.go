package wire

import "encoding/json"

// Entity is something other than a user that has an identity, such as a device or a service. It belongs to a tenant.
type Entity struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is required. Several entities may have the same.
	Name string `json:"name,omitzero"`
	// ClientID is its name for the client credentials grant, unique in the tenant regardless of case. Defaults to ID; an update without it keeps it.
	ClientID string `json:"clientId,omitzero"`
	// ClientSecret goes with it. Generated when none is given; an update without it keeps it. Neither events nor grants have it.
	ClientSecret string `json:"clientSecret,omitzero"`
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// ParentID is the entity of the same tenant that this one belongs to.
	ParentID ID `json:"parentId,omitzero"`
	// TenantID is the tenant of the request that created the entity. Set by the server.
	TenantID ID `json:"tenantId,omitzero"`
	// Type is required on creation, where its ID alone counts, and cannot change.
	Type EntityType `json:"type"`
	// InsertInstant is when the entity was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// EntityRequest creates, replaces or patches an entity.
type EntityRequest struct {
	Entity    Entity     `json:"entity"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// EntityDeleteRequest is the optional body of the deletion of an entity.
type EntityDeleteRequest struct {
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// EntityResponse has one entity.
type EntityResponse struct {
	Entity *Entity `json:"entity,omitzero"`
}

// EntitySearchRequest finds entities.
type EntitySearchRequest struct {
	Search EntitySearch `json:"search"`
}

// EntitySearch says which entities. IDs win over the queries and are not paged. It is ordered by clientId, id, insertInstant,
// lastUpdateInstant or name; the default is "insertInstant ASC".
type EntitySearch struct {
	Page
	IDs []ID `json:"ids,omitempty"`
	// QueryString is one term that equals, in any case, the name or the client id of the entity. * finds all.
	QueryString string `json:"queryString,omitzero"`
	// Query is an Elasticsearch query. Herald does not evaluate it.
	Query      json.RawMessage `json:"query,omitzero"`
	SortFields []SortField     `json:"sortFields,omitempty"`
	// AccurateTotal counts all matches. Herald counts up to 10,000; a larger total means "at least".
	AccurateTotal bool `json:"accurateTotal,omitzero"`
}

// EntitySearchResponse is one page of entities.
type EntitySearchResponse struct {
	Entities List[Entity] `json:"entities"`
	// Total counts all that match, not only those of the page.
	Total int `json:"total"`
}

// EntityType is a kind of entity and the permissions that exist for it. All tenants share it.
type EntityType struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is required and unique.
	Name string `json:"name,omitzero"`
	// Data is free-form. Always present in a response.
	Data             Object                  `json:"data"`
	JWTConfiguration *EntityJWTConfiguration `json:"jwtConfiguration,omitzero"`
	// Permissions can be given on creation; later they have calls of their own.
	Permissions []EntityTypePermission `json:"permissions,omitzero"`
	// InsertInstant is when the type was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed, its permissions aside. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// EntityJWTConfiguration says how access tokens for entities of a type are made.
type EntityJWTConfiguration struct {
	// Enabled overrides the settings of the tenant.
	Enabled bool `json:"enabled"`
	// AccessTokenKeyID is the key that signs. Empty means that of the tenant.
	AccessTokenKeyID ID `json:"accessTokenKeyId,omitzero"`
	// TimeToLiveInSeconds is how long a token is valid. Required when Enabled.
	TimeToLiveInSeconds int `json:"timeToLiveInSeconds"`
}

// EntityTypePermission is something that can be granted on entities of a type.
type EntityTypePermission struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is required and unique in the type. Grants and tokens name the permission by it.
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// IsDefault grants the permission when a grant names none.
	IsDefault bool `json:"isDefault"`
	// InsertInstant is when the permission was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// EntityTypeRequest creates, replaces or patches an entity type.
type EntityTypeRequest struct {
	EntityType EntityType `json:"entityType"`
}

// EntityTypeResponse has one entity type.
type EntityTypeResponse struct {
	EntityType *EntityType `json:"entityType,omitzero"`
}

// EntityTypesResponse has all entity types.
type EntityTypesResponse struct {
	EntityTypes List[EntityType] `json:"entityTypes"`
}

// EntityTypePermissionRequest creates, replaces or patches a permission.
type EntityTypePermissionRequest struct {
	Permission EntityTypePermission `json:"permission"`
}

// EntityTypePermissionResponse has one permission.
type EntityTypePermissionResponse struct {
	Permission *EntityTypePermission `json:"permission,omitzero"`
}

// EntityTypeSearchRequest finds entity types.
type EntityTypeSearchRequest struct {
	Search EntityTypeSearch `json:"search"`
}

// EntityTypeSearch is ordered by id, insertInstant, lastUpdateInstant or name; the default is "name ASC".
type EntityTypeSearch struct {
	Page
	// Name finds types whose name contains it; * stands for anything.
	Name string `json:"name,omitzero"`
}

// EntityTypeSearchResponse is one page of entity types.
type EntityTypeSearchResponse struct {
	EntityTypes List[EntityType] `json:"entityTypes"`
	// Total counts all that match, not only those of the page.
	Total int `json:"total"`
}

// EntityGrant says what a user, or another entity, may do with an entity.
type EntityGrant struct {
	// ID is that of the grant. Set by the server.
	ID ID `json:"id,omitzero"`
	// Entity is what the grant is about: that of the path, without its client secret. Set by the server.
	Entity *Entity `json:"entity,omitzero"`
	// UserID or RecipientEntityID, one of them, is who gets the permissions, in the tenant of the entity. They name the grant.
	UserID            ID `json:"userId,omitzero"`
	RecipientEntityID ID `json:"recipientEntityId,omitzero"`
	// Permissions are names of permissions of the entity's type. None means those that are default. Always present in a response.
	Permissions List[string] `json:"permissions"`
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// InsertInstant is when the grant was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// EntityGrantRequest creates, replaces or patches a grant.
type EntityGrantRequest struct {
	Grant EntityGrant `json:"grant"`
}

// EntityGrantResponse has the grant of one recipient.
type EntityGrantResponse struct {
	Grant *EntityGrant `json:"grant,omitzero"`
}

// EntityGrantsResponse has all grants on an entity.
type EntityGrantsResponse struct {
	Grants List[EntityGrant] `json:"grants"`
}

// EntityGrantSearchRequest finds grants.
type EntityGrantSearchRequest struct {
	Search EntityGrantSearch `json:"search"`
}

// EntityGrantSearch is ordered by id, insertInstant, lastUpdateInstant or name (of the entity); the default is "insertInstant ASC".
type EntityGrantSearch struct {
	Page
	// EntityID finds the grants on an entity.
	EntityID ID `json:"entityId,omitzero"`
	// UserID finds the grants of a user.
	UserID ID `json:"userId,omitzero"`
	// RecipientEntityID is ours: it finds the grants of an entity.
	RecipientEntityID ID `json:"recipientEntityId,omitzero"`
	// Name finds grants on entities whose name contains it; * stands for anything.
	Name string `json:"name,omitzero"`
}

// EntityGrantSearchResponse is one page of grants.
type EntityGrantSearchResponse struct {
	Grants List[EntityGrant] `json:"grants"`
	// Total counts all that match, not only those of the page. It is exact up to 10,000; a larger one means "at least".
	Total int `json:"total"`
}
