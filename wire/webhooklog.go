package wire

import "encoding/json"

// WebhookEventLog is one event on record: what was sent, and what became of it.
type WebhookEventLog struct {
	// ID is the id of the event.
	ID ID `json:"id,omitzero"`
	// Sequence counts events in the order in which they were recorded. It may have gaps.
	Sequence    int64              `json:"sequence,omitzero"`
	EventType   string             `json:"eventType,omitzero"`
	EventResult WebhookEventResult `json:"eventResult,omitzero"`
	// Event is the body of the request as every webhook gets it, an object with the member event.
	Event json.RawMessage `json:"event,omitzero"`
	// LinkedObjectID names what the event is about: a user, a group or another object, depending on the type.
	LinkedObjectID ID `json:"linkedObjectId,omitzero"`
	// Attempts are all requests that were made about the event, the earliest first. In a search they are without Phases, Request and Response.
	Attempts List[WebhookAttemptLog] `json:"attempts"`
	// SuccessfulAttempts and FailedAttempts count the attempts with these results, LastAttemptInstant is when the latest one began.
	SuccessfulAttempts int     `json:"successfulAttempts"`
	FailedAttempts     int     `json:"failedAttempts"`
	InsertInstant      Instant `json:"insertInstant,omitzero"`
	LastAttemptInstant Instant `json:"lastAttemptInstant,omitzero"`
	LastUpdateInstant  Instant `json:"lastUpdateInstant,omitzero"`
	Data               Object  `json:"data"`

	// TenantID is ours: the tenant the event belongs to. Absent for events of the whole installation.
	TenantID ID `json:"tenantId,omitzero"`
	// TransactionType is ours: how many webhooks had to agree. Absent when none had to.
	TransactionType TransactionType `json:"transactionType,omitzero"`
	// Test is ours: the event was sent to try out a webhook, and means nothing.
	Test bool `json:"test,omitzero"`
	// OperationID is ours: events of one API call have the same.
	OperationID string `json:"operationId,omitzero"`
	// Deliveries is ours: the webhooks that were to have the event once it was committed, in the order of their ids.
	Deliveries []WebhookEventDelivery `json:"deliveries,omitempty"`
	// NotSentTo is ours: all other webhooks there were, in the order of their ids, and why they were left out.
	NotSentTo []WithheldWebhook `json:"notSentTo,omitempty"`
}

// WebhookEventResult says what became of an event.
type WebhookEventResult string

// The results of events.
const (
	EventRunning   WebhookEventResult = "Running"   // webhooks are being asked
	EventSucceeded WebhookEventResult = "Succeeded" // committed, or there was nothing to decide
	EventFailed    WebhookEventResult = "Failed"    // refused, or cut short by a crash
)

// WebhookAttemptLog is one request to a webhook about an event on record. Secrets are masked in all of it.
type WebhookAttemptLog struct {
	ID ID `json:"id,omitzero"`
	// WebhookEventLogID is the id of the event. Absent in an attempt that is a part of its event.
	WebhookEventLogID   ID                   `json:"webhookEventLogId,omitzero"`
	WebhookID           ID                   `json:"webhookId,omitzero"`
	StartInstant        Instant              `json:"startInstant,omitzero"`
	EndInstant          Instant              `json:"endInstant,omitzero"`
	AttemptResult       WebhookAttemptResult `json:"attemptResult,omitzero"`
	WebhookCallResponse WebhookCallResponse  `json:"webhookCallResponse,omitzero"`
	Data                Object               `json:"data"`

	// Kind is ours: what the request was made for.
	Kind WebhookAttemptKind `json:"kind,omitzero"`
	// Outcome is ours: "accepted", or the class of what went wrong: refused, timeout, connect, tls, dns …
	Outcome string `json:"outcome,omitzero"`
	// Node is ours: the process that made it.
	Node string `json:"node,omitzero"`
	// RemoteAddress is ours: the address and port that was connected to. Absent without a connection.
	RemoteAddress string `json:"remoteAddress,omitzero"`
	// TraceID is ours: the trace that the request is part of, where the server keeps traces.
	TraceID string `json:"traceId,omitzero"`
	// DurationMicros is ours: how long the request took, in microseconds. In a search it is as exact as the instants.
	DurationMicros int64 `json:"durationMicros,omitzero"`
	// Phases, Request and Response are ours. They are absent in searches, and in an event with so many attempts that they would not fit into one
	// answer; the attempt alone always has them.
	Phases   *WebhookAttemptPhases  `json:"phases,omitzero"`
	Request  *WebhookAttemptMessage `json:"request,omitzero"`
	Response *WebhookAttemptMessage `json:"response,omitzero"`
	// RequestBody is ours: the beginning of the event as it was sent, 16 KiB at most. Absent in an attempt that is a part of its event.
	RequestBody string `json:"requestBody,omitzero"`
}

// WebhookAttemptResult says what came of a request to a webhook.
type WebhookAttemptResult string

// The results of attempts.
const (
	AttemptSuccess WebhookAttemptResult = "Success" // a status from 200 to 299
	AttemptFailure WebhookAttemptResult = "Failure" // anything else
	AttemptUnknown WebhookAttemptResult = "Unknown" // the server gave up waiting for an answer before the webhook's timeouts were over
)

// WebhookAttemptKind says what a request to a webhook was made for.
type WebhookAttemptKind string

// The kinds of attempts.
const (
	AttemptVote     WebhookAttemptKind = "vote"     // asked before the commit
	AttemptDelivery WebhookAttemptKind = "delivery" // the first one after it
	AttemptRetry    WebhookAttemptKind = "retry"
	AttemptTest     WebhookAttemptKind = "test"
	AttemptReplay   WebhookAttemptKind = "replay" // the first one after somebody asked to send it again
)

// WebhookCallResponse is how a webhook answered.
type WebhookCallResponse struct {
	// StatusCode is absent when there was no answer.
	StatusCode int `json:"statusCode,omitzero"`
	// URL is the address without credentials and query values.
	URL string `json:"url,omitzero"`
	// Exception says for people why there was no good answer.
	Exception string `json:"exception,omitzero"`
}

// WebhookAttemptPhases tells how long the parts of a request took, in microseconds. Parts that there were not (a connection that was open already
// looks up no name) are absent.
type WebhookAttemptPhases struct {
	// DNS is the look-up of the name, Connect the TCP connection (to the proxy, where there is one), TLS its handshake. Each counts from its own beginning.
	DNS     int64 `json:"dns,omitzero"`
	Connect int64 `json:"connect,omitzero"`
	TLS     int64 `json:"tls,omitzero"`
	// FirstByte is from having the connection to the first byte of the answer.
	FirstByte int64 `json:"firstByte,omitzero"`
	// Total is all of it, from the beginning to the end of the answer.
	Total int64 `json:"total"`
}

// WebhookAttemptMessage is what is kept of a request or of its answer.
type WebhookAttemptMessage struct {
	// Headers of a request are those that the webhook's settings add, the signatures among them.
	Headers map[string]string `json:"headers,omitempty"`
	// Body is the beginning of an answer, up to 16 KiB. That of a request is the event: see [WebhookAttemptLog.RequestBody].
	Body string `json:"body,omitzero"`
	// Size of the body in bytes. Of an answer at most 1 MiB is read and counted.
	Size int64 `json:"size"`
	// Truncated is how many of these bytes were cut off.
	Truncated int64 `json:"truncated,omitzero"`
	// HeadersTruncated is how many bytes of an answer's headers were cut off; 16 KiB are kept.
	HeadersTruncated int64 `json:"headersTruncated,omitzero"`
}

// WebhookEventDelivery is what became of an event that a webhook was to have. It is ours.
type WebhookEventDelivery struct {
	WebhookID ID `json:"webhookId"`
	// State is pending (not tried yet), retrying, delivered, dead (given up) or cancelled.
	State string `json:"state"`
	// Attempts made since the delivery was last begun anew; Replays is how often that happened.
	Attempts int `json:"attempts"`
	Replays  int `json:"replays,omitzero"`
	// NextAttemptInstant is when it is tried next at the earliest. Absent when it is not, or is just being tried.
	NextAttemptInstant Instant `json:"nextAttemptInstant,omitzero"`
	LastUpdateInstant  Instant `json:"lastUpdateInstant,omitzero"`
}

// WithheldWebhook is a webhook that an event was not sent to. It is ours.
type WithheldWebhook struct {
	WebhookID ID `json:"webhookId"`
	// URL is the webhook's address, without credentials and query values.
	URL string `json:"url"`
	// Reason is the gate that was closed when the event happened: "disabled", "event disabled", "other tenant" or "tenant disabled"; or, when
	// all were open, "filter" or "filter failed".
	Reason string `json:"reason"`
	// Kind is "sink" when it is one of those. Absent for webhooks.
	Kind string `json:"kind,omitzero"`
	// Detail says the same for people.
	Detail string `json:"detail,omitzero"`
	// Fix is the request that would open the gate for events to come.
	Fix string `json:"fix,omitzero"`
}

// WebhookEventLogResponse has one event on record.
type WebhookEventLogResponse struct {
	WebhookEventLog *WebhookEventLog `json:"webhookEventLog,omitzero"`
}

// WebhookAttemptLogResponse has one attempt.
type WebhookAttemptLogResponse struct {
	WebhookAttemptLog *WebhookAttemptLog `json:"webhookAttemptLog,omitzero"`
}

// WebhookEventLogSearchRequest finds events on record.
type WebhookEventLogSearchRequest struct {
	Search WebhookEventLogSearch `json:"search"`
}

// WebhookEventLogSearch is ordered by eventResult, eventType, id, insertInstant, lastAttemptInstant, linkedObjectId or sequence; the default is
// "insertInstant DESC". What is left empty finds everything.
//
// Start defaults to one hour ago, End to now, both to the whole minute that takes in more. An End that is further back has its default Start an hour
// before it.
type WebhookEventLogSearch struct {
	Page
	Period
	// Event finds events whose body contains it, in any case; * stands for anything. Letters beyond ASCII are certain to be found as they are written.
	Event       string             `json:"event,omitzero"`
	EventResult WebhookEventResult `json:"eventResult,omitzero"`
	EventType   string             `json:"eventType,omitzero"`

	// LinkedObjectID is ours, as are the members that follow: what the event is about.
	LinkedObjectID ID `json:"linkedObjectId,omitzero"`
	TenantID       ID `json:"tenantId,omitzero"`
	// Test finds only tests when true, none when false.
	Test *bool `json:"test,omitzero"`
	// WebhookID finds events that are owed to the webhook, or that it was asked about or tried with. Together with the following members it is that
	// webhook's delivery or attempt that they are about.
	WebhookID ID `json:"webhookId,omitzero"`
	// DeliveryState finds events with a delivery in that state.
	DeliveryState string `json:"deliveryState,omitzero"`
	// Outcome and StatusCode find events with an attempt that came out so. StatusCode is a status (503) or a class of them (5xx).
	Outcome    string `json:"outcome,omitzero"`
	StatusCode string `json:"statusCode,omitzero"`
}

// WebhookEventLogSearchResponse is one page of events on record.
type WebhookEventLogSearchResponse struct {
	// Total counts all that match, not only those of the page: exactly up to 10,000, beyond it at least so many.
	Total            int                   `json:"total"`
	WebhookEventLogs List[WebhookEventLog] `json:"webhookEventLogs"`
}
