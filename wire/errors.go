package wire

// Errors is the body of an answer that is not a success and has something to say: 400, 504 and a few others. 401 and 404 have no body.
type Errors struct {
	// FieldErrors maps the dotted name of a request member ("webhook.url") to what is wrong with it.
	FieldErrors map[string][]Error `json:"fieldErrors,omitempty"`
	// GeneralErrors are those that no single member is to blame for.
	GeneralErrors []Error `json:"generalErrors,omitempty"`
}

// Error is one thing that is wrong.
type Error struct {
	// Code is the contract: "[blank]webhook.url" for a member, "[TenantIdRequired]" in general.
	Code string `json:"code"`
	// Message is English and for people. It may change.
	Message string `json:"message"`
	// Data has further values, for a few codes.
	Data Object `json:"data,omitzero"`
}
