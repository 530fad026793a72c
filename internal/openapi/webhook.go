package openapi

import (
	"net/http"

	"github.com/herald-events/herald/wire"
)

var webhooks = group{
	"Webhooks", "Addresses that get events as HTTP POST, and may have a say in whether a change is committed.",
	[][]operation{
		objects("/api/webhook/{webhookId}", "a webhook", "webhooks", wire.WebhookRequest{}, wire.WebhookResponse{}, wire.WebhooksResponse{},
			created(`{"webhook": {"url": "https://example.com/events", "global": true, "connectTimeout": 1000, "readTimeout": 2000, "eventsEnabled": {"user.create.complete": true}}}`)),
		search("/api/webhook/search", "Find webhooks", wire.WebhookSearch{}, wire.WebhookSearchRequest{}, wire.WebhookSearchResponse{}),
		on("POST /api/webhook/{webhookId}/test", "Send a webhook an event to try it out", takes(wire.WebhookTestRequest{}), gives(wire.WebhookTestResponse{}), calm,
			about("Ours. The request goes out as it would for a real event, and is on record as a test unless `record` is false.")),
		on("GET /api/webhook/{webhookId}/explain", "Ask whether a webhook would get an event, and why not", gives(wire.WebhookExplainResponse{}), about("Ours."), explained),
		on("POST /api/webhook/filter/try", "Try a filter on the newest events", takes(wire.FilterTryRequest{}), gives(wire.FilterTryResponse{}), calm, about("Ours. Nothing is sent or stored.")),
	},
}

// explained is the event that a question is about.
func explained(o *operation) {
	must("eventType", "", "The type of the event: user.create.")(o)
	may("tenantId", wire.ID(""), "The tenant that it is of. Defaults to the only one there is.")(o)
}

var events = group{
	"Events in and out", "Publishers that are not Herald's own directory hand their events in here: each is put to the vote where it is to be, stored once, and delivered to whoever asked for it. Consumers that cannot be called come and fetch. Ours.",
	[][]operation{
		on("POST /api/event", "Publish an event", takes(wire.EventRequest{}), gives(wire.EventResponse{}), votes,
			example(`{"event": {"type": "custom.order.paid", "orderId": 4711}}`)),
		on("POST /api/event/batch", "Publish up to 1,000 events in one commit", takes(wire.EventBatchRequest{}), gives(wire.EventBatchResponse{}), votes,
			example(`{"events": [{"type": "custom.order.sent", "orderId": 4711}, {"type": "custom.order.sent", "orderId": 4712}]}`)),
		on("GET /api/event", "Fetch committed events in order, from where one stopped", asks(wire.EventFeedQuery{}), gives(wire.EventFeedResponse{})),
	},
}

var listeners = group{
	"Listeners", "Programs that get the requests of webhooks without an address of their own, for as long as they hold a connection: for writing receivers. Ours.",
	[][]operation{
		on("GET /api/listener", "List who listens now", gives(wire.ListenersResponse{})),
		on("POST /api/listener", "Listen: the answer does not end", takes(wire.ListenerRequest{}), calm,
			lines(wire.ListenerMessage{}, "One such object on each line, one member of it set: ready first, then exchange (a request as webhooks get it, to be answered), lost, ping, end."), answers(http.StatusTooManyRequests, "Too many listen already.", wire.Errors{})),
		on("POST /api/listener/{listenerId}/alive", "Give a sign of life", answers(http.StatusNoContent, "Noted.", nil), calm),
		on("POST /api/listener/{listenerId}/answer/{exchangeId}", "Say what came of a request", takes(wire.ListenerAnswerRequest{}), answers(http.StatusNoContent, "Taken.", nil), notFound, calm),
	},
}

var webhookLog = group{
	"Webhook log", "The record of every event and every attempt to deliver it.",
	[][]operation{
		on("GET /api/system/webhook-event-log/{webhookEventLogId}", "Read an event with its attempts, and with the webhooks that did not get it", gives(wire.WebhookEventLogResponse{})),
		on("GET /api/system/webhook-attempt-log/{webhookAttemptLogId}", "Read an attempt", gives(wire.WebhookAttemptLogResponse{})),
		search("/api/system/webhook-event-log/search", "Find events on record", wire.WebhookEventLogSearch{}, wire.WebhookEventLogSearchRequest{}, wire.WebhookEventLogSearchResponse{}),
	},
}

var deliveries = group{
	"Deliveries", "What is owed to which webhook: look, send again, cancel, recover after an outage, pause. Ours.",
	[][]operation{
		search("/api/delivery/search", "Find deliveries", wire.DeliverySearch{}, wire.DeliverySearchRequest{}, wire.DeliverySearchResponse{}),
		on("GET /api/delivery/{eventId}/{webhookId}", "Read the delivery of an event to a webhook", gives(wire.DeliveryResponse{})),
		on("POST /api/delivery/{eventId}/{webhookId}/replay", "Send an event to a webhook again", gives(wire.DeliveryResponse{})),
		on("POST /api/delivery/{eventId}/{webhookId}/run", "Try a delivery now instead of later", gives(wire.DeliveryResponse{})),
		on("POST /api/delivery/{eventId}/{webhookId}/cancel", "Give a delivery up", gives(wire.DeliveryResponse{})),
		on("POST /api/delivery/replay", "Send many deliveries again", takes(wire.DeliveryReplayRequest{}), begun),
		on("POST /api/delivery/cancel", "Give many deliveries up", takes(wire.DeliveryCancelRequest{}), begun),
		on("POST /api/delivery/recover", "Bring a receiver up to date after an outage", takes(wire.DeliveryRecoverRequest{}), begun),
		on("GET /api/delivery/task", "List the tasks", asks(wire.DeliveryTaskSearch{}), gives(wire.DeliveryTasksResponse{})),
		on("GET /api/delivery/task/{taskId}", "Read a task", gives(wire.DeliveryTaskResponse{})),
		on("POST /api/delivery/task/{taskId}/pause", "Pause a task", gives(wire.DeliveryTaskResponse{})),
		on("POST /api/delivery/task/{taskId}/resume", "Go on with a task", gives(wire.DeliveryTaskResponse{})),
		on("POST /api/delivery/task/{taskId}/cancel", "End a task", gives(wire.DeliveryTaskResponse{})),
		on("GET /api/delivery/webhook", "Read what is owed to each webhook", gives(wire.WebhookBacklogsResponse{})),
		on("POST /api/delivery/webhook/{webhookId}/pause", "Pause a webhook: what is owed to it waits", mayTake(wire.WebhookPauseRequest{}), gives(wire.WebhookBacklogResponse{})),
		on("POST /api/delivery/webhook/{webhookId}/resume", "Go on with a webhook", gives(wire.WebhookBacklogResponse{})),
	},
}

// begun is the answer to who begins a task.
func begun(o *operation) {
	answers(200, "The task, which has begun; or, with dryRun, what it would be about.", alternatives{wire.DeliveryTaskResponse{}, wire.DeliveryDryRunResponse{}})(o)
}
