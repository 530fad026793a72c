package wire

import "encoding/json"

// EventLog is an entry of the event log, where the server tells an operator what happened inside it.
type EventLog struct {
	ID            int64   `json:"id,omitzero"`
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// Message is text for people, possibly of several lines.
	Message string       `json:"message,omitzero"`
	Type    EventLogType `json:"type,omitzero"`
}

// EventLogType says how serious an entry is.
type EventLogType string

// The types of event log entries.
const (
	EventLogInformation EventLogType = "Information"
	EventLogDebug       EventLogType = "Debug"
	EventLogError       EventLogType = "Error"
)

// EventLogResponse has one entry.
type EventLogResponse struct {
	EventLog *EventLog `json:"eventLog,omitzero"`
}

// EventLogSearchRequest finds entries of the event log.
type EventLogSearchRequest struct {
	Search EventLogSearch `json:"search"`
}

// EventLogSearch is ordered by id, insertInstant, message or type; the default is "insertInstant DESC, id DESC".
type EventLogSearch struct {
	Page
	Period
	// Message finds entries whose message contains it, in any case; * stands for anything.
	Message string `json:"message,omitzero"`
	// Type finds entries of one type. Empty means all.
	Type EventLogType `json:"type,omitzero"`
}

// EventLogSearchResponse is one page of the event log.
type EventLogSearchResponse struct {
	EventLogs List[EventLog] `json:"eventLogs"`
	// Total counts all that match, not only those of the page: exactly up to 10,000. A larger one says "at least".
	Total int `json:"total"`
}

// AuditLog is an entry of the audit log: who changed what, when and why.
type AuditLog struct {
	ID            int64   `json:"id,omitzero"`
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// InsertUser is who did it, usually an e-mail address. Required.
	InsertUser string `json:"insertUser,omitzero"`
	// Message is what was done. Required.
	Message string `json:"message,omitzero"`
	// Reason is why.
	Reason string `json:"reason,omitzero"`
	// OldValue and NewValue are the state before and after, any JSON. Writers leave secrets out.
	OldValue json.RawMessage `json:"oldValue,omitzero"`
	NewValue json.RawMessage `json:"newValue,omitzero"`
	Data     Object          `json:"data,omitzero"`
	// TenantID is the tenant the entry is about. With it, audit-log.create goes only to webhooks of that tenant.
	TenantID ID `json:"tenantId,omitzero"`
}

// AuditLogRequest adds an entry.
type AuditLogRequest struct {
	AuditLog  AuditLog   `json:"auditLog"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// AuditLogResponse has one entry.
type AuditLogResponse struct {
	AuditLog *AuditLog `json:"auditLog,omitzero"`
}

// AuditLogSearchRequest finds entries of the audit log.
type AuditLogSearchRequest struct {
	Search AuditLogSearch `json:"search"`
}

// AuditLogSearch is ordered by insertInstant, insertUser, message or tenant; the default is "insertInstant DESC".
//
// Text finds entries that contain it, in any case; * stands for anything.
type AuditLogSearch struct {
	Page
	Period
	Message  string `json:"message,omitzero"`
	User     string `json:"user,omitzero"`
	Reason   string `json:"reason,omitzero"`
	OldValue string `json:"oldValue,omitzero"`
	NewValue string `json:"newValue,omitzero"`
	TenantID ID     `json:"tenantId,omitzero"`
}

// AuditLogSearchResponse is one page of the audit log.
type AuditLogSearchResponse struct {
	AuditLogs List[AuditLog] `json:"auditLogs"`
	// Total counts all that match, not only those of the page: exactly up to 10,000. A larger one says "at least".
	Total int `json:"total"`
}

// AuditLogExportRequest asks for entries of the audit log as a ZIP archive that holds a CSV file.
type AuditLogExportRequest struct {
	Criteria AuditLogSearch `json:"criteria"`
	// DateTimeSecondsFormat is how instants are written, as a Java date pattern. Defaults to "M/d/yyyy hh:mm:ss a z".
	DateTimeSecondsFormat string `json:"dateTimeSecondsFormat,omitzero"`
	// ZoneID is the IANA time zone of the written instants. Defaults to the report time zone of the system configuration.
	ZoneID string `json:"zoneId,omitzero"`
}
