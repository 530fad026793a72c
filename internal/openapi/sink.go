package openapi

import "github.com/herald-events/herald/wire"

// ofTenant is whose integrations are meant.
func ofTenant(o *operation) {
	may("tenantId", wire.ID(""), "The tenant whose integrations these are. Ours. Defaults to those of the whole installation.")(o)
}

var sinks = group{
	"Sinks", "Brokers and files that get events once they are committed. Ours.",
	[][]operation{
		objects("/api/sink/{sinkId}", "a sink", "sinks", wire.SinkRequest{}, wire.SinkResponse{}, wire.SinksResponse{},
			created(`{"sink": {"type": "file", "name": "Archive", "allEvents": true, "global": true, "file": {"path": "events.jsonl"}}}`)),
		search("/api/sink/search", "Find sinks", wire.SinkSearch{}, wire.SinkSearchRequest{}, wire.SinkSearchResponse{}),
		on("POST /api/sink/{sinkId}/test", "Send a sink an event to try it out", takes(wire.WebhookTestRequest{}), gives(wire.WebhookTestResponse{}), calm),
		on("GET /api/sink/{sinkId}/explain", "Ask whether a sink would get an event, and why not", gives(wire.WebhookExplainResponse{}), explained),
		on("GET /api/integration", "Read the integrations", gives(wire.IntegrationResponse{}), ofTenant),
		on("PUT /api/integration", "Replace the integrations", takes(wire.IntegrationRequest{}), gives(wire.IntegrationResponse{}), ofTenant),
		on("PATCH /api/integration", "Change the integrations", takes(wire.IntegrationRequest{}), gives(wire.IntegrationResponse{}), ofTenant),
	},
}
