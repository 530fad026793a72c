package wire

// KeptSearchRequest finds themes, lambdas, consents, identity providers or IP access control lists.
type KeptSearchRequest struct {
	Search KeptSearch `json:"search"`
}

// KeptSearch is ordered by id, insertInstant, name or type; the default is "name ASC". Which criteria count depends on what is searched.
type KeptSearch struct {
	Page
	// Name finds objects whose name contains it, in any case; * stands for anything.
	Name string `json:"name,omitzero"`
	// Type finds themes, lambdas and identity providers of one type.
	Type string `json:"type,omitzero"`
	// Body finds lambdas whose body contains it, as Name does.
	Body string `json:"body,omitzero"`
	// ApplicationID finds identity providers that are configured for an application.
	ApplicationID ID `json:"applicationId,omitzero"`
	// TenantID finds identity providers that belong to a tenant.
	TenantID ID `json:"tenantId,omitzero"`
}

// Family is a number of users of one tenant who belong together.
type Family struct {
	ID ID `json:"id,omitzero"`
	// Members are all of them, the oldest membership first. A family without members does not exist.
	Members []FamilyMember `json:"members,omitzero"`
	// InsertInstant is when the oldest member joined, LastUpdateInstant when anything was last said about a member.
	InsertInstant     Instant `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// FamilyMember is a user's place in a family.
type FamilyMember struct {
	UserID ID `json:"userId,omitzero"`
	// Role is required.
	Role FamilyRole `json:"role,omitzero"`
	// Owner marks those who may manage the family.
	Owner             bool    `json:"owner"`
	Data              Object  `json:"data"`
	InsertInstant     Instant `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// FamilyRole is what somebody is in a family.
type FamilyRole string

// The roles.
const (
	FamilyAdult FamilyRole = "Adult"
	FamilyChild FamilyRole = "Child"
	FamilyTeen  FamilyRole = "Teen"
)

// FamilyRequest begins a family, or adds a member to one.
type FamilyRequest struct {
	FamilyMember FamilyMember `json:"familyMember"`
}

// FamilyResponse has one family.
type FamilyResponse struct {
	Family *Family `json:"family,omitzero"`
}

// FamiliesResponse has the families of a user.
type FamiliesResponse struct {
	Families List[Family] `json:"families"`
}
