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

// GroupRequest creates, replaces or patches a group.
type GroupRequest struct {
	Group Group `json:"group"`
	// RoleIDs are those of the roles that members get, of any applications of the tenant. What stands in Group.Roles is ignored.
	RoleIDs   []ID       `json:"roleIds,omitempty"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// GroupResponse has one group.
type GroupResponse struct {
	Group *Group `json:"group,omitzero"`
}

// GroupsResponse has all groups.
type GroupsResponse struct {
	Groups List[Group] `json:"groups"`
}

// GroupDeleteRequest is the optional body of a deletion.
type GroupDeleteRequest struct {
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// GroupSearchRequest finds groups.
type GroupSearchRequest struct {
	Search GroupSearch `json:"search"`
}

// GroupSearch is ordered by id, insertInstant, name or tenant; the default is "name ASC".
type GroupSearch struct {
	Page
	// Name finds groups whose name contains it, in any case; * stands for anything.
	Name string `json:"name,omitzero"`
	// TenantID finds those of one tenant.
	TenantID ID `json:"tenantId,omitzero"`
}

// GroupSearchResponse is one page of groups.
type GroupSearchResponse struct {
	Groups List[Group] `json:"groups"`
	// Total counts all that match, not only those of the page.
	Total int `json:"total"`
}

// GroupMembersRequest adds members to groups, or replaces their members.
type GroupMembersRequest struct {
	// Members maps a group id to the members, of whom [GroupMember.UserID] and [GroupMember.Data] count.
	Members   map[string][]GroupMember `json:"members,omitempty"`
	EventInfo *EventInfo               `json:"eventInfo,omitzero"`
}

// GroupMembersResponse has members by the id of their group.
type GroupMembersResponse struct {
	Members Map[List[GroupMember]] `json:"members"`
}

// GroupMembersDeleteRequest names memberships to end, by their ids, or by group id and user ids.
type GroupMembersDeleteRequest struct {
	MemberIDs []ID            `json:"memberIds,omitempty"`
	Members   map[string][]ID `json:"members,omitempty"`
	EventInfo *EventInfo      `json:"eventInfo,omitzero"`
}

// GroupMemberSearchRequest finds members of groups.
type GroupMemberSearchRequest struct {
	Search GroupMemberSearch `json:"search"`
}

// GroupMemberSearch is ordered by groupId, id, insertInstant or userId; the default is "insertInstant ASC".
type GroupMemberSearch struct {
	Page
	GroupID ID `json:"groupId,omitzero"`
	UserID  ID `json:"userId,omitzero"`
	// TenantID finds those of the groups of one tenant.
	TenantID ID `json:"tenantId,omitzero"`
}

// GroupMemberSearchResponse is one page of members.
type GroupMemberSearchResponse struct {
	Members List[GroupMember] `json:"members"`
	// Total counts all that match, exactly up to 10,000.
	Total int `json:"total"`
}
