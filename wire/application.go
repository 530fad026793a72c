package wire

// Application is something users register for and log in to. It belongs to a tenant.
type Application struct {
	ID   ID     `json:"id,omitzero"`
	Name string `json:"name,omitzero"`
	// Active is false for a deactivated application.
	Active   bool        `json:"active"`
	State    ObjectState `json:"state,omitzero"`
	TenantID ID          `json:"tenantId,omitzero"`
	// Roles can be given to users in their registration, or through a group.
	Roles             []ApplicationRole `json:"roles,omitempty"`
	Data              Object            `json:"data,omitzero"`
	InsertInstant     Instant           `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant           `json:"lastUpdateInstant,omitzero"`
}

// ApplicationRole is a role of an application.
type ApplicationRole struct {
	ID          ID     `json:"id,omitzero"`
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
	// IsDefault gives the role to registrations that name none.
	IsDefault bool `json:"isDefault"`
	// IsSuperRole marks a role that includes all others.
	IsSuperRole       bool    `json:"isSuperRole"`
	InsertInstant     Instant `json:"insertInstant,omitzero"`
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// ApplicationResponse has one application.
type ApplicationResponse struct {
	Application *Application `json:"application,omitzero"`
}

// ApplicationsResponse has all applications.
type ApplicationsResponse struct {
	Applications List[Application] `json:"applications"`
}
