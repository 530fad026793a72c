package openapi

import (
	"net/http"

	"github.com/herald-events/herald/wire"
)

var apiKeys = group{
	"API keys", "Who may use this API, and for what. Only keys that are managers may do this.",
	[][]operation{
		on("POST /api/api-key[/{keyId}]", "Create an API key", takes(wire.APIKeyRequest{}), gives(wire.APIKeyResponse{}), notFound,
			example(`{"apiKey": {"name": "Watcher", "permissions": {"endpoints": {"/api/user": ["GET"], "/api/webhook": ["GET"]}}}}`)),
		on("GET /api/api-key", "List API keys, without their texts", gives(wire.APIKeysResponse{}), about("Ours.")),
		on("GET /api/api-key/{keyId}", "Read an API key", gives(wire.APIKeyResponse{})),
		on("PUT /api/api-key/{keyId}", "Replace an API key", takes(wire.APIKeyRequest{}), gives(wire.APIKeyResponse{})),
		on("PATCH /api/api-key/{keyId}", "Change an API key", takes(wire.APIKeyRequest{}), gives(wire.APIKeyResponse{})),
		on("DELETE /api/api-key/{keyId}", "Delete an API key"),
	},
}

var signingKeys = group{
	"Keys", "Keys that sign, certificates and secrets.",
	[][]operation{
		on("GET /api/key", "List keys", gives(wire.KeysResponse{})),
		on("GET /api/key/{keyId}", "Read a key", gives(wire.KeyResponse{})),
		on("PUT /api/key/{keyId}", "Rename a key", takes(wire.KeyRequest{}), gives(wire.KeyResponse{}), votes),
		on("DELETE /api/key/{keyId}", "Delete a key", votes),
		on("POST /api/key/generate[/{keyId}]", "Generate a key", takes(wire.KeyRequest{}), gives(wire.KeyResponse{}), votes,
			example(`{"key": {"name": "Webhooks", "algorithm": "ES256"}}`)),
		on("POST /api/key/import[/{keyId}]", "Import a key", takes(wire.KeyRequest{}), gives(wire.KeyResponse{}), votes),
		search("/api/key/search", "Find keys", wire.KeySearch{}, wire.KeySearchRequest{}, wire.KeySearchResponse{}),
		on("GET /.well-known/jwks.json", "Read the public keys as a JSON Web Key Set", gives(KeySet{})),
	},
}

// KeySet is a JSON Web Key Set: RFC 7517.
type KeySet struct {
	Keys []wire.Object `json:"keys"`
}

var journals = group{
	"Event log and audit log", "What the server has to tell an operator, and who changed what.",
	[][]operation{
		on("GET /api/system/event-log/{eventLogId}", "Read an entry of the event log", gives(wire.EventLogResponse{})),
		search("/api/system/event-log/search", "Find entries of the event log", wire.EventLogSearch{}, wire.EventLogSearchRequest{}, wire.EventLogSearchResponse{}),
		on("POST /api/system/audit-log", "Add an entry to the audit log", takes(wire.AuditLogRequest{}), gives(wire.AuditLogResponse{})),
		on("GET /api/system/audit-log/{auditLogId}", "Read an entry of the audit log", gives(wire.AuditLogResponse{})),
		search("/api/system/audit-log/search", "Find entries of the audit log", wire.AuditLogSearch{}, wire.AuditLogSearchRequest{}, wire.AuditLogSearchResponse{}),
		on("GET /api/system/audit-log/export", "Download entries of the audit log", asks(wire.AuditLogSearch{}), may("dateTimeSecondsFormat", "", "How instants are written, as a Java date pattern."),
			may("zoneId", "", "The IANA time zone of the written instants."), file("application/zip", "A ZIP archive that holds a CSV file.")),
		on("POST /api/system/audit-log/export", "Download entries of the audit log", takes(wire.AuditLogExportRequest{}), calm, file("application/zip", "A ZIP archive that holds a CSV file.")),
	},
}

var installation = group{
	"Installation", "What is set for all tenants, and how the server is.",
	[][]operation{
		on("GET /api/system-configuration", "Read the system configuration", gives(wire.SystemConfigurationResponse{})),
		on("POST /api/system-configuration", "Replace the system configuration", takes(wire.SystemConfigurationRequest{}), gives(wire.SystemConfigurationResponse{})),
		on("PUT /api/system-configuration", "Replace the system configuration", takes(wire.SystemConfigurationRequest{}), gives(wire.SystemConfigurationResponse{})),
		on("PATCH /api/system-configuration", "Change the system configuration", takes(wire.SystemConfigurationRequest{}), gives(wire.SystemConfigurationResponse{})),
		on("GET /api/health", "Ask whether the server works", answers(http.StatusOK, "It does. The answer has no body.", nil),
			answers(http.StatusInternalServerError, "It does not: its database does not answer. The answer has no body.", nil)),
		on("GET /api/status", "Ask how the server is", answers(http.StatusOK, "It works. Only callers with a key are told the version.", Version{}),
			answers(452, "The database does not answer. The answer has no body.", nil)),
		on("GET /api/system/version", "Read the version of the server", gives(Version{})),
		on("GET /api/prometheus/metrics", "Read the metrics", file("text/plain", "The metrics, in a format of Prometheus that the request asks for."), notFound),
		on("GET /api/doctor", "Examine the installation", gives(wire.DoctorResponse{}), about("Ours.")),
		on("POST /api/doctor/probe", "Ask the receivers of all webhooks and all sinks whether they are there", gives(wire.DoctorResponse{}), calm, about("Ours. A webhook gets a HEAD request, to a sink a connection is made; a hundred of them at most.")),
		on("GET /api/kickstart/export", "Read the set-up as a kickstart file, without secrets", gives(wire.Object{}), about("Ours.")),
		on("GET /api/openapi.json", "Read this document", gives(wire.Object{})),
	},
}

// Version is that of the server.
type Version struct {
	Version string `json:"version,omitzero"`
}
