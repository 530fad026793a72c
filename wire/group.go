package wire

// Group is a set of users of one tenant that share roles.
type Group struct {
	ID   ID     `json:"id,omitzero"`
	Name string `json:"name,omitzero"`
	Data Object `json:"data,omitzero"`
	// Roles maps an application id to the roles that members get there.
	Roles             map[ID][]ApplicationRole `json:"roles,omitzero"`
	TenantID          ID                       `json:"tenantId,omitzero"`
	InsertInstant     Instant                  `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant                  `json:"lastUpdateInstant,omitzero"`
}

// GroupMember is the membership of a user in a group. It is in group.members seen from the group and in user.memberships seen from
// the user; either side leaves out its own id.
type GroupMember struct {
	// ID is that of the membership, not of the user.
	ID            ID      `json:"id,omitzero"`
	GroupID       ID      `json:"groupId,omitzero"`
	UserID        ID      `json:"userId,omitzero"`
	Data          Object  `json:"data,omitzero"`
	InsertInstant Instant `json:"insertInstant,omitzero"`
}
