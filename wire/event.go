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
