package wire

import "encoding/json"

// Tenant is a separate world of users, groups and applications with its own settings.
//
// Only the members that Herald acts on are typed; all others are in Extra, exactly as they were sent, because clients write and
// compare whole tenants. Members encode in alphabetical order.
type Tenant struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is required and unique.
	Name string `json:"name,omitzero"`
	// State is Active unless the tenant is being deleted. Set by the server.
	State ObjectState `json:"state,omitzero"`
	// EventConfiguration says which events this tenant sends. Always present in a response.
	EventConfiguration EventConfiguration `json:"eventConfiguration"`
	// InsertInstant is when the tenant was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
	// Extra holds every other member by its name. Nil when there is none.
	Extra map[string]json.RawMessage `json:"-"`
}

// ObjectState tells whether an object is in use.
type ObjectState string

// The states of an object.
const (
	Active        ObjectState = "Active"
	Inactive      ObjectState = "Inactive"
	PendingDelete ObjectState = "PendingDelete"
)

// EventConfiguration holds the event settings of a tenant.
type EventConfiguration struct {
	// Events maps an event type ("user.create") to its setting. A type that is not listed is not enabled. A new tenant lists none.
	Events Map[EventSetting] `json:"events"`
}

// EventSetting says what a tenant does with one event type.
type EventSetting struct {
	// Enabled sends the event to the webhooks that also enable it.
	Enabled bool `json:"enabled"`
	// TransactionType says how many of them must agree before the change is committed. Empty means None; it has no effect on events
	// that are not transactional.
	TransactionType TransactionType `json:"transactionType,omitzero"`
}

// TransactionType says how many of the webhooks that get an event must answer with success (200-299) for the operation to be
// committed. The ratio is compared exactly, nothing is rounded.
type TransactionType string

// The transaction types. Note that half is enough for SimpleMajority, and that AbsoluteMajority means all.
const (
	None             TransactionType = "None"             // none has to succeed, and none is waited for; the default
	Any              TransactionType = "Any"              // at least one
	SimpleMajority   TransactionType = "SimpleMajority"   // at least one half
	SuperMajority    TransactionType = "SuperMajority"    // at least two thirds
	AbsoluteMajority TransactionType = "AbsoluteMajority" // all
)

// typedTenant is a Tenant as encoding/json sees it by itself: without Extra.
type typedTenant Tenant

var typedTenantMembers = []string{"eventConfiguration", "id", "insertInstant", "lastUpdateInstant", "name", "state"}

// UnmarshalJSON replaces the whole tenant; what data does not mention becomes zero.
func (t *Tenant) UnmarshalJSON(data []byte) error {
	var typed typedTenant
	extra, ok, err := openWithExtra(data, &typed, typedTenantMembers)
	if err != nil || !ok {
		return err
	}
	*t = Tenant(typed)
	t.Extra = extra
	return nil
}

// MarshalJSON puts typed members and Extra into one object. A typed member wins over an entry of Extra with its name.
func (t Tenant) MarshalJSON() ([]byte, error) {
	return encodeWithExtra("tenant", typedTenant(t), typedTenantMembers, t.Extra)
}

// TenantRequest creates, replaces or patches a tenant.
type TenantRequest struct {
	Tenant Tenant `json:"tenant"`
	// SourceTenantID names a tenant whose settings a new one starts with. Only tenant.name is needed then.
	SourceTenantID ID `json:"sourceTenantId,omitzero"`
	// WebhookIDs binds webhooks that are not global to this tenant. Responses never have it: read webhook.tenantIds. Nil means "not
	// said", which keeps the bindings on PATCH; on PUT they go.
	WebhookIDs []ID       `json:"webhookIds,omitzero"`
	EventInfo  *EventInfo `json:"eventInfo,omitzero"`
}

// TenantResponse has one tenant.
type TenantResponse struct {
	Tenant *Tenant `json:"tenant,omitzero"`
}

// TenantsResponse has all tenants.
type TenantsResponse struct {
	Tenants List[Tenant] `json:"tenants"`
}

// TenantDeleteRequest is the optional body of a deletion.
type TenantDeleteRequest struct {
	// Async answers 202 at once and deletes later.
	Async     bool       `json:"async,omitzero"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// TenantSearchRequest finds tenants.
type TenantSearchRequest struct {
	Search TenantSearch `json:"search"`
}

// TenantSearch is ordered by id, insertInstant or name; the default is "name ASC".
type TenantSearch struct {
	Page
	// Name finds tenants whose name contains it; * stands for anything.
	Name string `json:"name,omitzero"`
}

// TenantSearchResponse is one page of tenants.
type TenantSearchResponse struct {
	Tenants List[Tenant] `json:"tenants"`
	// Total counts all that match, not only those of the page.
	Total int `json:"total"`
}
