package event

import "github.com/herald-events/herald/wire"

// AuditLogEvent is audit-log.create.
type AuditLogEvent struct {
	Header
	AuditLog wire.AuditLog `json:"auditLog"`
}

// EventLogEvent is event-log.create.
type EventLogEvent struct {
	Header
	EventLog wire.EventLog `json:"eventLog"`
}

// KickstartSuccessEvent is kickstart.success.
type KickstartSuccessEvent struct {
	Header
	// InstanceID is the id of this installation.
	InstanceID wire.ID `json:"instanceId"`
}

// TestEvent is test.
type TestEvent struct {
	Header
	// Message is any text.
	Message string `json:"message"`
}
