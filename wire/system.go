package wire

import "encoding/json"

// SystemConfiguration is what is set for the whole installation and all its tenants.
//
// What is kept, not used, is kept exactly as it was sent. Of the other members responses have every one, with the default where none was set.
type SystemConfiguration struct {
	// AuditLogConfiguration says how long entries of the audit log are kept. By default for ever.
	AuditLogConfiguration RetentionConfiguration `json:"auditLogConfiguration"`
	// CORSConfiguration is kept, not used.
	CORSConfiguration json.RawMessage `json:"corsConfiguration,omitzero"`
	// Data is free-form. Always present in a response.
	Data Object `json:"data"`
	// EventLogConfiguration says how many entries of the event log are kept.
	EventLogConfiguration EventLogConfiguration `json:"eventLogConfiguration"`
	// InsertInstant is when the configuration was first saved, and absent until then. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last saved. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
	// LoginRecordConfiguration says how long login records are kept. By default for ever.
	LoginRecordConfiguration RetentionConfiguration `json:"loginRecordConfiguration"`
	// ReportTimezone is the IANA time zone of what is made for people, such as an export of the audit log. Required; Etc/UTC until somebody
	// sets it.
	ReportTimezone string `json:"reportTimezone,omitzero"`
	// TrustedProxyConfiguration decides which address is taken for the client's.
	TrustedProxyConfiguration TrustedProxyConfiguration `json:"trustedProxyConfiguration"`
	// UIConfiguration is kept, not used.
	UIConfiguration json.RawMessage `json:"uiConfiguration,omitzero"`
	// UsageDataConfiguration is kept, not used: Herald sends no usage data.
	UsageDataConfiguration json.RawMessage `json:"usageDataConfiguration,omitzero"`
	// WebhookEventLogConfiguration says whether and how long events and attempts are kept.
	WebhookEventLogConfiguration WebhookEventLogConfiguration `json:"webhookEventLogConfiguration"`
}

// RetentionConfiguration says how long something is kept.
type RetentionConfiguration struct {
	Delete DeleteConfiguration `json:"delete"`
}

// DeleteConfiguration says when something is deleted by itself.
type DeleteConfiguration struct {
	// Enabled deletes what is older. Nil means the default of the place.
	Enabled *bool `json:"enabled,omitzero"`
	// NumberOfDaysToRetain is the age in days from which on. At least 1. Nil means the default of the place.
	NumberOfDaysToRetain *int `json:"numberOfDaysToRetain,omitzero"`
}

// EventLogConfiguration says how much of the event log is kept.
type EventLogConfiguration struct {
	// NumberToRetain is how many entries are kept, the newest. At least 1. Nil means 10,000.
	NumberToRetain *int `json:"numberToRetain,omitzero"`
}

// WebhookEventLogConfiguration says what is kept of events and of the attempts to deliver them.
type WebhookEventLogConfiguration struct {
	// Delete is on by default, after 30 days.
	Delete DeleteConfiguration `json:"delete"`
	// Enabled keeps events after they are done with. Nil means true.
	Enabled *bool `json:"enabled,omitzero"`
}

// TrustedProxyConfiguration decides whom to believe when a request came through proxies, each of which adds to the header X-Forwarded-For
// where it got the request from.
type TrustedProxyConfiguration struct {
	// TrustPolicy defaults to All.
	TrustPolicy ProxyTrustPolicy `json:"trustPolicy,omitzero"`
	// Trusted are addresses (192.0.2.1) and ranges of addresses (10.0.0.0/8, 2001:db8::/32) of proxies to be believed. They count with
	// OnlyConfigured and are kept with All.
	Trusted List[string] `json:"trusted"`
}

// ProxyTrustPolicy says which proxies are believed.
type ProxyTrustPolicy string

// The policies.
const (
	TrustAll            ProxyTrustPolicy = "All"            // all of them: the client is whoever the first one says
	TrustOnlyConfigured ProxyTrustPolicy = "OnlyConfigured" // those in the list: the client is the last one before them
)

// SystemConfigurationRequest replaces or patches the system configuration.
type SystemConfigurationRequest struct {
	SystemConfiguration SystemConfiguration `json:"systemConfiguration"`
}

// SystemConfigurationResponse has the system configuration.
type SystemConfigurationResponse struct {
	SystemConfiguration *SystemConfiguration `json:"systemConfiguration,omitzero"`
}
