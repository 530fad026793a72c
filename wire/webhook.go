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
	// Global sends the events of all tenants. Defaults to false.
	Global bool `json:"global"`
	// TenantIDs are the tenants whose events are sent when Global is false. With neither, only events of the system are.
	TenantIDs []ID `json:"tenantIds,omitempty"`
	// EventsEnabled maps an event type to whether it is sent. An absent type is not. Always present in a response.
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
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// InsertInstant is when the webhook was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// SignatureConfiguration says how requests to a webhook are signed.
type SignatureConfiguration struct {
	// Enabled signs each request. Defaults to false.
	Enabled bool `json:"enabled"`
	// SigningKeyID names the key to sign with. Required when enabled.
	SigningKeyID ID `json:"signingKeyId,omitzero"`
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

// WebhookTestRequest sends one request to a webhook to try it out. The call is ours. Exactly one member is set.
type WebhookTestRequest struct {
	// Event is sent as the event, whatever its members are.
	Event json.RawMessage `json:"event,omitzero"`
	// Type sends the example of an event type.
	Type string `json:"type,omitzero"`
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
	// RequestHeaders are the headers that the webhook's settings add.
	RequestHeaders map[string]string `json:"requestHeaders,omitempty"`
	// ResponseHeaders and ResponseBody are what came back, the body up to a limit.
	ResponseHeaders map[string]string `json:"responseHeaders,omitempty"`
	ResponseBody    string            `json:"responseBody,omitzero"`
	// ResponseTruncated says that ResponseBody is not all of the ResponseSize bytes that came.
	ResponseTruncated bool  `json:"responseTruncated,omitzero"`
	ResponseSize      int64 `json:"responseSize,omitzero"`
}
