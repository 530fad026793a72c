package wire

import "encoding/json"

// Webhook is an address that gets events as HTTP POST, and may have a say in whether an operation is committed.
type Webhook struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// URL is where events are sent. Required; absolute, http or https.
	URL string `json:"url,omitzero"`
	// Description is for people; it can be searched.
	Description string `json:"description,omitzero"`
	// Enabled is ours: false keeps the webhook but sends it nothing. Nil means true, and responses leave it out while true.
	Enabled *bool `json:"enabled,omitzero"`
	// DisabledReason and DisabledInstant are ours: why and when the server itself switched the webhook off, because its receiver wants
	// nothing any more. Set by the server; gone when the webhook is enabled again.
	DisabledReason  string  `json:"disabledReason,omitzero"`
	DisabledInstant Instant `json:"disabledInstant,omitzero"`
	// Global sends the events of all tenants. Defaults to false.
	Global bool `json:"global"`
	// TenantIDs are the tenants whose events are sent when Global is false. With neither, only events of the system are.
	TenantIDs []ID `json:"tenantIds,omitempty"`
	// EventsEnabled maps an event type to whether it is sent. An absent type is not. Always present in a response. Custom types
	// (custom.order.paid) are ours.
	EventsEnabled Map[bool] `json:"eventsEnabled"`
	// ConnectTimeout is how long a connection may take to come up, in milliseconds. Required, greater than zero.
	ConnectTimeout int `json:"connectTimeout,omitzero"`
	// ReadTimeout is how long the answer may take, in milliseconds. Required, greater than zero.
	ReadTimeout int `json:"readTimeout,omitzero"`
	// Headers are added to each request. Values are trimmed.
	Headers map[string]string `json:"headers,omitempty"`
	// HTTPAuthenticationUsername and HTTPAuthenticationPassword are sent as HTTP Basic authentication when either is set.
	// Both are trimmed, and returned in clear.
	HTTPAuthenticationUsername string `json:"httpAuthenticationUsername,omitzero"`
	HTTPAuthenticationPassword string `json:"httpAuthenticationPassword,omitzero"`
	// SSLCertificate is a certificate in PEM form. When set it is all that is trusted for this webhook. Deprecated by FusionAuth in
	// favour of SSLCertificateKeyID; not both.
	SSLCertificate string `json:"sslCertificate,omitzero"`
	// SSLCertificateKeyID names a key with a certificate that takes the place of SSLCertificate.
	SSLCertificateKeyID ID `json:"sslCertificateKeyId,omitzero"`
	// SignatureConfiguration says whether requests are signed. Always present.
	SignatureConfiguration SignatureConfiguration `json:"signatureConfiguration"`
	// RetryConfiguration is ours: when deliveries that failed are tried again. Nil means as the server does by default.
	RetryConfiguration *RetryConfiguration `json:"retryConfiguration,omitzero"`
	// Concurrency is ours: how many deliveries may be under way at once, 1 to 256. Zero means the default, 16.
	Concurrency int `json:"concurrency,omitzero"`
	// RateLimit is ours: how many deliveries leave per second at most, from 0.001 to 10000. Zero means as many as can.
	RateLimit float64 `json:"rateLimit,omitzero"`
	// Ordering is ours: in which order deliveries leave. Empty means in any.
	Ordering WebhookOrdering `json:"ordering,omitzero"`
	// Filter is ours: an expression about the event that must be true, such as event.user.email endsWith "@example.com". Empty lets all events through. For a
	// transactional event it decides whether the webhook is asked.
	Filter string `json:"filter,omitzero"`
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// InsertInstant is when the webhook was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// WebhookOrdering says in which order a webhook gets its deliveries.
type WebhookOrdering string

// OrderedByLinkedObject sends the events about one user, group or entity strictly one after the other.
const OrderedByLinkedObject WebhookOrdering = "linkedObject"

// RetryConfiguration says when deliveries that failed are tried again.
type RetryConfiguration struct {
	// Delays are the pauses after the first, second and so on failed attempt, in seconds, 1 to 604800 each and 50 at most. After the
	// last one a delivery is given up. An empty list means no retries, nil those of the server.
	Delays []int `json:"delays,omitzero"`
}

// SignatureConfiguration says how requests to a webhook are signed.
type SignatureConfiguration struct {
	// Enabled signs each request: the header X-FusionAuth-Signature-JWT has the hash of the body. Defaults to false.
	Enabled bool `json:"enabled"`
	// SigningKeyID names the key to sign with. Required when enabled.
	SigningKeyID ID `json:"signingKeyId,omitzero"`
	// SecondarySigningKeyID is ours: while keys are changed, the same is signed with this one as well, in the header
	// X-Herald-Signature-JWT-Secondary.
	SecondarySigningKeyID ID `json:"secondarySigningKeyId,omitzero"`
	// Claims is ours: it adds the claims iat, jti and eventId.
	Claims bool `json:"claims,omitzero"`
	// StandardWebhooks is ours: signs as that specification says, whether or not Enabled is set.
	StandardWebhooks StandardWebhooks `json:"standardWebhooks,omitzero"`
}

// StandardWebhooks adds the headers webhook-id, webhook-timestamp and webhook-signature to each request; see www.standardwebhooks.com. The
// keys are HMAC secrets or Ed25519 keys.
type StandardWebhooks struct {
	// Enabled adds the headers. Defaults to false.
	Enabled bool `json:"enabled,omitzero"`
	// SigningKeyID names the key. Defaults to that of the signature configuration.
	SigningKeyID ID `json:"signingKeyId,omitzero"`
	// SecondarySigningKeyID names a second key while keys are changed: the header then has a signature of each. Defaults to that of the
	// signature configuration, unless a key is named here.
	SecondarySigningKeyID ID `json:"secondarySigningKeyId,omitzero"`
}

// WebhookRequest creates, replaces or patches a webhook.
type WebhookRequest struct {
	Webhook Webhook `json:"webhook"`
}

// WebhookResponse has one webhook.
type WebhookResponse struct {
	Webhook *Webhook `json:"webhook,omitzero"`
}

// WebhooksResponse has all webhooks.
type WebhooksResponse struct {
	Webhooks List[Webhook] `json:"webhooks"`
}

// WebhookSearchRequest finds webhooks.
type WebhookSearchRequest struct {
	Search WebhookSearch `json:"search"`
}

// WebhookSearch is ordered by description, id, insertInstant or url; the default is "insertInstant DESC, id DESC".
type WebhookSearch struct {
	Page
	// Description and URL find webhooks whose text contains them, in any case; * stands for anything.
	Description string `json:"description,omitzero"`
	URL         string `json:"url,omitzero"`
	// TenantID finds the webhooks bound to this tenant and all global ones.
	TenantID ID `json:"tenantId,omitzero"`
}

// WebhookSearchResponse is one page of webhooks.
type WebhookSearchResponse struct {
	// Total counts all that match, not only those of the page.
	Total    int           `json:"total"`
	Webhooks List[Webhook] `json:"webhooks"`
}

// FilterTryRequest tries an expression on the newest events on record. The call is ours.
type FilterTryRequest struct {
	// Filter is the expression. Required.
	Filter string `json:"filter"`
	// Limit is how many events are looked at, 1 to 1000; 100 by default.
	Limit int `json:"limit,omitzero"`
}

// FilterTryResponse tells what the expression says about each of them.
type FilterTryResponse struct {
	// Matched, Failed and Tried are how many events it is true for, how many it cannot be told for, and how many there were.
	Matched int `json:"matched"`
	Failed  int `json:"failed"`
	Tried   int `json:"tried"`
	// Events are all that were tried, the newest first.
	Events List[FilteredEvent] `json:"events"`
}

// FilteredEvent is an event and what an expression says about it.
type FilteredEvent struct {
	ID            ID      `json:"id"`
	Type          string  `json:"type"`
	TenantID      ID      `json:"tenantId,omitzero"`
	InsertInstant Instant `json:"insertInstant"`
	Matches       bool    `json:"matches"`
	// Error is why it cannot be told. Absent when it can.
	Error string `json:"error,omitzero"`
}

// WebhookTestRequest sends one request to a webhook to try it out. The call is ours. Exactly one of Event and Type is set.
type WebhookTestRequest struct {
	// Event is sent as the event, whatever its members are.
	Event json.RawMessage `json:"event,omitzero"`
	// Type sends the example of an event type.
	Type string `json:"type,omitzero"`
	// Record keeps it in the webhook log, as a test. Defaults to true.
	Record *bool `json:"record,omitzero"`
}

// WebhookTestResponse tells what came of a test.
type WebhookTestResponse struct {
	Attempt WebhookAttempt `json:"attempt"`
}

// WebhookAttempt is one HTTP call to a webhook. Secrets are masked in all of it.
type WebhookAttempt struct {
	WebhookID ID `json:"webhookId"`
	// URL is the address without credentials and query values.
	URL string `json:"url"`
	// Outcome is "accepted" for an answer from 200 to 299, else the class of what went wrong: refused, timeout, connect, tls, dns …
	Outcome string `json:"outcome"`
	// StatusCode is absent when there was no answer.
	StatusCode int `json:"statusCode,omitzero"`
	// Exception says for people why there was no good answer.
	Exception    string  `json:"exception,omitzero"`
	StartInstant Instant `json:"startInstant"`
	EndInstant   Instant `json:"endInstant"`
	// DurationMicros is how long the call took, in microseconds.
	DurationMicros int64 `json:"durationMicros"`
	// RequestHeaders are the headers that the webhook's settings add, the signatures among them.
	RequestHeaders map[string]string `json:"requestHeaders,omitempty"`
	// ResponseHeaders and ResponseBody are what came back, up to 16 KiB each.
	ResponseHeaders map[string]string `json:"responseHeaders,omitempty"`
	ResponseBody    string            `json:"responseBody,omitzero"`
	// ResponseHeadersTruncated is how many bytes of the headers were cut off.
	ResponseHeadersTruncated int64 `json:"responseHeadersTruncated,omitzero"`
	// ResponseTruncated says that ResponseBody is not all of the ResponseSize bytes that came.
	ResponseTruncated bool  `json:"responseTruncated,omitzero"`
	ResponseSize      int64 `json:"responseSize,omitzero"`
}

// WebhookExplainResponse tells whether a webhook gets an event, and why.
type WebhookExplainResponse struct {
	Explanation Explanation `json:"explanation"`
}

// Explanation is what decides whether a webhook gets the events of a type of a tenant. The call is ours.
type Explanation struct {
	WebhookID ID     `json:"webhookId"`
	EventType string `json:"eventType"`
	// TenantID is absent when the question was about an event of the whole installation.
	TenantID ID `json:"tenantId,omitzero"`
	// Receives is true when all gates are open.
	Receives bool `json:"receives"`
	// Gates are all there are, in the order in which they are looked at.
	Gates List[ExplainedGate] `json:"gates"`
}

// ExplainedGate is one condition for an event to reach a webhook.
type ExplainedGate struct {
	// Gate names it: eventType, tenantEvent, webhookEnabled, webhookEvent, tenantBinding and others.
	Gate string `json:"gate"`
	Open bool   `json:"open"`
	// Detail says for people why it is as it is.
	Detail string `json:"detail"`
	// Fix is the request that would open it. Absent when it is open, or when no request would.
	Fix string `json:"fix,omitzero"`
}
