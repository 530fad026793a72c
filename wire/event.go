package wire

import "encoding/json"

// EventRequest publishes an event of another system. The call is ours. The event needs its type; id, createInstant and tenantId are filled in where they
// are missing, everything else is sent as it is.
type EventRequest struct {
	Event json.RawMessage `json:"event"`
}

// EventResponse tells what was stored.
type EventResponse struct {
	Event PublishedEvent `json:"event"`
}

// EventBatchRequest publishes up to 1,000 events in one commit: all of them, or none.
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
	// Duplicate says that an event with this id was there already; nothing was stored or sent again.
	Duplicate bool `json:"duplicate,omitzero"`
}
