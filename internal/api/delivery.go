package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/replay"
	"github.com/herald-events/herald/wire"
)

// deliveryRoutes are ours, and for global keys: deliveries are of all tenants. Unlike the compatible part of the API they refuse members and parameters that they do
// not know, as a mistyped filter would mean all deliveries.
func deliveryRoutes(service *replay.Service) []route {
	s := deliveries{service}
	return []route{
		{"GET", "/api/delivery/search", "/api/delivery/search", globalKey, s.search},
		{"POST", "/api/delivery/search", "/api/delivery/search", globalKey, s.search},
		{"GET", "/api/delivery/{eventId}/{webhookId}", "/api/delivery", globalKey, s.one(s.Load)},
		{"POST", "/api/delivery/{eventId}/{webhookId}/replay", "/api/delivery", globalKey, s.one(s.Replay)},
		{"POST", "/api/delivery/{eventId}/{webhookId}/run", "/api/delivery", globalKey, s.one(s.Run)},
		{"POST", "/api/delivery/{eventId}/{webhookId}/cancel", "/api/delivery", globalKey, s.one(s.Cancel)},
		{"POST", "/api/delivery/replay", "/api/delivery/replay", globalKey, s.replay},
		{"POST", "/api/delivery/cancel", "/api/delivery/cancel", globalKey, s.cancel},
		{"POST", "/api/delivery/recover", "/api/delivery/recover", globalKey, s.recover},
		{"GET", "/api/delivery/task", "/api/delivery/task", globalKey, s.tasks},
		{"GET", "/api/delivery/task/{taskId}", "/api/delivery/task", globalKey, s.task(s.Task)},
		{"POST", "/api/delivery/task/{taskId}/pause", "/api/delivery/task", globalKey, s.task(s.PauseTask)},
		{"POST", "/api/delivery/task/{taskId}/resume", "/api/delivery/task", globalKey, s.task(s.ResumeTask)},
		{"POST", "/api/delivery/task/{taskId}/cancel", "/api/delivery/task", globalKey, s.task(s.CancelTask)},
		{"GET", "/api/delivery/webhook", "/api/delivery/webhook", globalKey, s.backlogs},
		{"POST", "/api/delivery/webhook/{webhookId}/pause", "/api/delivery/webhook", globalKey, s.pause},
		{"POST", "/api/delivery/webhook/{webhookId}/resume", "/api/delivery/webhook", globalKey, s.resume},
	}
}

// deliveries has the handlers.
type deliveries struct{ *replay.Service }

func (s deliveries) search(c *call) (any, error) {
	var criteria wire.DeliverySearch
	if err := c.strictSearch(&criteria); err != nil {
		return nil, err
	}
	deliveries, total, err := s.Search(c.ctx(), criteria)
	return wire.DeliverySearchResponse{Deliveries: deliveries, Total: total}, err
}

// one is the handler of what is done with one delivery.
func (deliveries) one(do func(ctx context.Context, event, webhook wire.ID) (wire.Delivery, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		var v problem.Validation
		event, err := c.pathID("eventId")
		if err := v.Merge(err); err != nil {
			return nil, err
		}
		id, err := c.pathID("webhookId")
		if err := v.Merge(err); err != nil {
			return nil, err
		}
		if err := v.Err(); err != nil {
			return nil, err
		}
		d, err := do(c.ctx(), event, id)
		return wire.DeliveryResponse{Delivery: &d}, err
	}
}

func (s deliveries) replay(c *call) (any, error) {
	var request wire.DeliveryReplayRequest
	if err := c.strict(&request); err != nil {
		return nil, err
	}
	return begun(s.BeginReplay(c.ctx(), request))
}

func (s deliveries) cancel(c *call) (any, error) {
	var request wire.DeliveryCancelRequest
	if err := c.strict(&request); err != nil {
		return nil, err
	}
	return begun(s.BeginCancel(c.ctx(), request))
}

func (s deliveries) recover(c *call) (any, error) {
	var request wire.DeliveryRecoverRequest
	if err := c.strict(&request); err != nil {
		return nil, err
	}
	return begun(s.BeginRecover(c.ctx(), request))
}

// begun is the answer to a request for a task, which was created or only counted for.
func begun(task *wire.DeliveryTask, counted *wire.DeliveryDryRunResponse, err error) (any, error) {
	if counted != nil {
		return counted, err
	}
	return wire.DeliveryTaskResponse{Task: task}, err
}

func (s deliveries) tasks(c *call) (any, error) {
	var criteria wire.DeliveryTaskSearch
	if err := c.strictSearch(&criteria); err != nil {
		return nil, err
	}
	tasks, total, err := s.Tasks(c.ctx(), criteria)
	return wire.DeliveryTasksResponse{Tasks: tasks, Total: total}, err
}

// task is the handler of what is done with one task.
func (deliveries) task(do func(ctx context.Context, id wire.ID) (*wire.DeliveryTask, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		id, err := c.pathID("taskId")
		if err != nil {
			return nil, err
		}
		t, err := do(c.ctx(), id)
		return wire.DeliveryTaskResponse{Task: t}, err
	}
}

func (s deliveries) backlogs(c *call) (any, error) {
	backlogs, err := s.Backlogs(c.ctx())
	return wire.WebhookBacklogsResponse{Webhooks: backlogs}, err
}

func (s deliveries) pause(c *call) (any, error) {
	id, err := c.pathID("webhookId")
	if err != nil {
		return nil, err
	}
	var request wire.WebhookPauseRequest
	if len(c.body) > 0 { // the reason may be left out, and all of the body with it
		if err := c.strict(&request); err != nil {
			return nil, err
		}
	}
	b, err := s.Pause(c.ctx(), id, request.Reason)
	return wire.WebhookBacklogResponse{Webhook: &b}, err
}

func (s deliveries) resume(c *call) (any, error) {
	id, err := c.pathID("webhookId")
	if err != nil {
		return nil, err
	}
	b, err := s.Resume(c.ctx(), id)
	return wire.WebhookBacklogResponse{Webhook: &b}, err
}

// DeliveryGates tells about a webhook what else can keep deliveries from it, beside what it wants: a person who has paused it, and the breaker. flow is
// outbox.Outbox.Flow.
func DeliveryGates(flow func(wire.ID) outbox.Flow) func(ctx context.Context, id wire.ID) ([]wire.ExplainedGate, error) {
	return func(_ context.Context, id wire.ID) ([]wire.ExplainedGate, error) {
		f := flow(id)
		paused := wire.ExplainedGate{Gate: "paused", Open: true, Detail: "Nobody has paused the receiver."}
		if f.Paused {
			paused = wire.ExplainedGate{
				Gate:   "paused",
				Detail: fmt.Sprintf("Deliveries to it were paused at %s: %s. What is owed to it waits.", wire.Instant(f.PausedInstant).Shown(), orWithoutReason(f.PauseReason)),
				Fix:    "POST /api/delivery/webhook/" + string(id) + "/resume",
			}
		}
		breaker := wire.ExplainedGate{Gate: "breaker", Open: true, Detail: "The receiver can be reached, as far as is known."}
		if f.Open {
			breaker = wire.ExplainedGate{
				Gate: "breaker",
				Detail: fmt.Sprintf("The receiver cannot be reached since %s: %s. What is owed to it waits; the next attempt is made at %s.",
					wire.Instant(f.OpenedInstant).Shown(), f.Failure, wire.Instant(f.ProbeInstant).Shown()),
			}
		}
		return []wire.ExplainedGate{paused, breaker}, nil
	}
}

func orWithoutReason(reason string) string {
	if reason == "" {
		return "no reason was given"
	}
	return reason
}

// strict is decode that refuses members which dst does not have. A single value where a list belongs is a list of one.
func (c *call) strict(dst any) error {
	if err := c.needsBody(); err != nil {
		return err
	}
	if _, err := c.contentType(typeJSON); err != nil {
		return err
	}
	return body.DecodeStrict(c.body, dst)
}

// strictSearch is search that refuses members and parameters which dst does not have.
func (c *call) strictSearch(dst any) error {
	if c.r.Method != http.MethodPost {
		return body.DecodeValuesStrict(c.values, dst)
	}
	t := reflect.TypeOf(dst).Elem()
	request := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "Search", Type: t, Tag: `json:"search"`}}))
	err := c.strict(request.Interface())
	reflect.ValueOf(dst).Elem().Set(request.Elem().Field(0))
	return err
}
