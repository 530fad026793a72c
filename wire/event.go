package wire

import "encoding/json"

// EventRequest publishes an event of another system. The call is ours.
//
// The event is an object of up to 5 MiB that needs its type: one of the catalogue, or one of the tenant's own. id, createInstant and tenantId are filled in where
// they are missing, ids are written in lower case; everything else is sent as it is. With an id of the sender's the call can be repeated: the event is stored, put to
// a vote and sent once, and the answer stays the same.
type EventRequest struct {
	Event json.RawMessage `json:"event"`
}

// EventResponse tells what was stored.
type EventResponse struct {
	Event PublishedEvent `json:"event"`
}

// EventBatchRequest publishes up to 1,000 events in one commit: all of them, or none. None of them may be one that webhooks vote on. Those about one object leave in
// the order of the batch, as those of one change do; only a webhook with an ordering has that strictly.
type EventBatchRequest struct {
	Events []json.RawMessage `json:"events"`
}

// EventBatchResponse tells what was stored, in the order of the request.
type EventBatchResponse struct {
	Events List[PublishedEvent] `json:"events"`
}

// PublishedEvent is an event that is on record, and owed to whoever is to have it.
type PublishedEvent struct {
	ID            ID      `json:"id"`
	Type          string  `json:"type"`
	TenantID      ID      `json:"tenantId"`
	CreateInstant Instant `json:"createInstant"`
	// Duplicate says that the event was there already, and nothing was stored or sent again. The other members are those of the first time.
	Duplicate bool `json:"duplicate,omitzero"`
}

// EventFeedQuery are the parameters of GET /api/event, which is ours: committed events, one after the other, for consumers that come and fetch. A consumer begins without
// after, or with after=now, and then passes on the next of each answer; whatever happened while it was down is there, as long as events are kept.
type EventFeedQuery struct {
	// After is the next of an earlier answer, now for the events to come, or empty for the oldest that are kept.
	After string `json:"after,omitempty"`
	// Limit is how many events to return at most: 1 to 1,000, 100 by default.
	Limit int `json:"limit,omitempty"`
	// Type leaves out other types. It may be there several times or be a list with commas, and a * stands for anything: user.*
	Type List[string] `json:"type,omitempty"`
	// TenantID leaves out the events of other tenants, and those of the installation.
	TenantID ID `json:"tenantId,omitempty"`
	// All also has the events that their tenant has switched off.
	All bool `json:"all,omitempty"`
	// Wait is for how many seconds to wait for an event when there is none: up to 60. By default the answer comes at once.
	Wait int `json:"wait,omitempty"`
}

// EventFeedResponse is a stretch of the feed.
type EventFeedResponse struct {
	// Events in the order in which they were recorded. An event that webhooks are still being asked about holds back those behind it, for those who want its type.
	Events List[json.RawMessage] `json:"events"`
	// Next is where the feed goes on, also when there was no event.
	Next string `json:"next"`
	// More says that there is more already.
	More bool `json:"more,omitzero"`
}
