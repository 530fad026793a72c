package wire

import "encoding/json"

// Application is something users register for and log in to. It belongs to a tenant.
//
// Only the members that have a meaning of their own are typed; all others are in Extra, exactly as they were sent, because clients write and
// compare whole applications. Members encode in alphabetical order.
type Application struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is required and unique within the tenant.
	Name string `json:"name,omitzero"`
	// Active is false for a deactivated application. Set by the server.
	Active bool `json:"active"`
	// State says the same as Active. Set by the server.
	State ObjectState `json:"state,omitzero"`
	// TenantID is set by the server.
	TenantID ID `json:"tenantId,omitzero"`
	// Roles can be given to users in their registration, or through a group. After the creation they have requests of their own. Nil when there
	// are none.
	Roles []ApplicationRole `json:"roles,omitempty"`
	// InsertInstant is when the application was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
	// Extra holds every other member by its name. Nil when there is none.
	Extra map[string]json.RawMessage `json:"-"`
}

// typedApplication is an Application as encoding/json sees it by itself: without Extra.
type typedApplication Application

var typedApplicationMembers = []string{"active", "id", "insertInstant", "lastUpdateInstant", "name", "roles", "state", "tenantId"}

// UnmarshalJSON replaces the whole application; what data does not mention becomes zero.
func (a *Application) UnmarshalJSON(data []byte) error {
	var typed typedApplication
	extra, ok, err := openWithExtra(data, &typed, typedApplicationMembers)
	if err != nil || !ok {
		return err
	}
	*a = Application(typed)
	a.Extra = extra
	return nil
}

// MarshalJSON puts typed members and Extra into one object. A typed member wins over an entry of Extra with its name.
func (a Application) MarshalJSON() ([]byte, error) {
	return encodeWithExtra("application", typedApplication(a), typedApplicationMembers, a.Extra)
}

// ApplicationRole is a role of an application.
type ApplicationRole struct {
	ID ID `json:"id,omitzero"`
	// Name is required and unique within the application. Registrations and tokens name roles by it.
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
	// IsDefault gives the role to registrations that name none.
	IsDefault bool `json:"isDefault"`
	// IsSuperRole marks a role that includes all others. It is for people and receivers; Herald draws no conclusion from it.
	IsSuperRole       bool    `json:"isSuperRole"`
	InsertInstant     Instant `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// ApplicationRequest creates, replaces or patches an application, or one of its roles.
type ApplicationRequest struct {
	Application Application     `json:"application"`
	Role        ApplicationRole `json:"role,omitzero"`
	// SourceApplicationID names an application whose settings and roles a new one starts with. Only application.name is needed then.
	SourceApplicationID ID         `json:"sourceApplicationId,omitzero"`
	EventInfo           *EventInfo `json:"eventInfo,omitzero"`
}

// ApplicationResponse has one application, or one of its roles.
type ApplicationResponse struct {
	Application *Application     `json:"application,omitzero"`
	Role        *ApplicationRole `json:"role,omitzero"`
}

// ApplicationsResponse has all applications.
type ApplicationsResponse struct {
	Applications List[Application] `json:"applications"`
}

// ApplicationOAuthResponse has what an OAuth client of an application needs to know.
type ApplicationOAuthResponse struct {
	HTTPSessionMaxInactiveInterval int             `json:"httpSessionMaxInactiveInterval"`
	LogoutURL                      string          `json:"logoutURL,omitzero"`
	OAuthConfiguration             json.RawMessage `json:"oauthConfiguration,omitzero"`
}

// ApplicationDeleteRequest is the optional body of a deletion.
type ApplicationDeleteRequest struct {
	// HardDelete removes the application for good. Otherwise it is deactivated.
	HardDelete bool       `json:"hardDelete,omitzero"`
	EventInfo  *EventInfo `json:"eventInfo,omitzero"`
}

// ApplicationSearchRequest finds applications.
type ApplicationSearchRequest struct {
	Search ApplicationSearch `json:"search"`
	// Expand names what applications come with: roles. Nil means all. Also accepted inside Search.
	Expand []string `json:"expand,omitzero"`
}

// ApplicationSearch is ordered by id, insertInstant, name or tenant; the default is "name ASC".
type ApplicationSearch struct {
	Page
	// Name finds applications whose name contains it, in any case; * stands for anything.
	Name string `json:"name,omitzero"`
	// State is Active, Inactive or empty for both.
	State ObjectState `json:"state,omitzero"`
	// TenantID finds those of one tenant.
	TenantID ID `json:"tenantId,omitzero"`
}

// ApplicationSearchResponse is one page of applications.
type ApplicationSearchResponse struct {
	Applications List[Application] `json:"applications"`
	// Total counts all that match, not only those of the page.
	Total int `json:"total"`
}
