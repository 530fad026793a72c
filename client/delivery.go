package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/herald-events/herald/wire"
)

// Deliveries are events owed to webhooks, and tasks that do something with many of them.
type Deliveries struct{ c *Client }

const delivery = "/api/delivery"

// List returns all deliveries that match, by default the newest first.
func (d Deliveries) List(ctx context.Context, search wire.DeliverySearch) iter.Seq2[wire.Delivery, error] {
	return each(search.Page, func(d *wire.Delivery) string { return string(d.EventID + d.WebhookID) }, func(p wire.Page) ([]wire.Delivery, int, error) {
		search.Page = p
		answer, err := d.Page(ctx, search)
		return answer.Deliveries, answer.Total, err
	})
}

// Page returns one page of those that match.
func (d Deliveries) Page(ctx context.Context, search wire.DeliverySearch) (wire.DeliverySearchResponse, error) {
	return find[wire.DeliverySearchResponse](ctx, d.c, delivery+"/search", search)
}

// Load returns what is owed of an event to a webhook.
func (d Deliveries) Load(ctx context.Context, event, webhook wire.ID) (*wire.Delivery, error) {
	answer, err := get[wire.DeliveryResponse](ctx, d.c, at(delivery, event, webhook))
	return answer.Delivery, err
}

// Replay sends one again that has ended.
func (d Deliveries) Replay(ctx context.Context, event, webhook wire.ID) (*wire.Delivery, error) {
	return d.one(ctx, event, webhook, "/replay")
}

// Run tries one at once that waits.
func (d Deliveries) Run(ctx context.Context, event, webhook wire.ID) (*wire.Delivery, error) {
	return d.one(ctx, event, webhook, "/run")
}

// Cancel ends one that waits.
func (d Deliveries) Cancel(ctx context.Context, event, webhook wire.ID) (*wire.Delivery, error) {
	return d.one(ctx, event, webhook, "/cancel")
}

func (d Deliveries) one(ctx context.Context, event, webhook wire.ID, what string) (*wire.Delivery, error) {
	answer, err := send[wire.DeliveryResponse](ctx, d.c, http.MethodPost, at(delivery, event, webhook)+what, nil)
	return answer.Delivery, err
}

// begun is the answer to a request for a task. It has either.
type begun struct {
	Task *wire.DeliveryTask `json:"task"`
	wire.DeliveryDryRunResponse
}

func (d Deliveries) begin(ctx context.Context, path string, request any) (task *wire.DeliveryTask, counted *wire.DeliveryDryRunResponse, err error) {
	answer, err := send[begun](ctx, d.c, http.MethodPost, delivery+path, request)
	if err == nil && answer.Task == nil {
		counted = &answer.DeliveryDryRunResponse
	}
	return answer.Task, counted, err
}

// ReplayAll sends everything again that matches and has ended. It returns the task that does so, or with DryRun how many it would be.
func (d Deliveries) ReplayAll(ctx context.Context, request wire.DeliveryReplayRequest) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
	return d.begin(ctx, "/replay", request)
}

// CancelAll ends everything that matches and waits. It returns as ReplayAll does.
func (d Deliveries) CancelAll(ctx context.Context, request wire.DeliveryCancelRequest) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
	return d.begin(ctx, "/cancel", request)
}

// Recover brings a webhook what it has missed. It returns as ReplayAll does.
func (d Deliveries) Recover(ctx context.Context, request wire.DeliveryRecoverRequest) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
	return d.begin(ctx, "/recover", request)
}

// Tasks returns all tasks in these states, the newest first. No state means all.
func (d Deliveries) Tasks(ctx context.Context, search wire.DeliveryTaskSearch) iter.Seq2[wire.DeliveryTask, error] {
	return each(search.Page, func(t *wire.DeliveryTask) string { return string(t.ID) }, func(p wire.Page) ([]wire.DeliveryTask, int, error) {
		search.Page = p
		answer, err := get[wire.DeliveryTasksResponse](ctx, d.c, delivery+"/task?"+taskQuery(search).Encode())
		return answer.Tasks, answer.Total, err
	})
}

// Task returns one task.
func (d Deliveries) Task(ctx context.Context, id wire.ID) (*wire.DeliveryTask, error) {
	answer, err := get[wire.DeliveryTaskResponse](ctx, d.c, at(delivery+"/task", id))
	return answer.Task, err
}

// PauseTask stops a task until ResumeTask.
func (d Deliveries) PauseTask(ctx context.Context, id wire.ID) (*wire.DeliveryTask, error) {
	return d.task(ctx, id, "/pause")
}

// ResumeTask goes on with a task that was paused.
func (d Deliveries) ResumeTask(ctx context.Context, id wire.ID) (*wire.DeliveryTask, error) {
	return d.task(ctx, id, "/resume")
}

// CancelTask ends a task. What it has done remains.
func (d Deliveries) CancelTask(ctx context.Context, id wire.ID) (*wire.DeliveryTask, error) {
	return d.task(ctx, id, "/cancel")
}

func (d Deliveries) task(ctx context.Context, id wire.ID, what string) (*wire.DeliveryTask, error) {
	answer, err := send[wire.DeliveryTaskResponse](ctx, d.c, http.MethodPost, at(delivery+"/task", id)+what, nil)
	return answer.Task, err
}

func taskQuery(search wire.DeliveryTaskSearch) url.Values {
	query := url.Values{"numberOfResults": {strconv.Itoa(search.NumberOfResults)}, "startRow": {strconv.Itoa(search.StartRow)}}
	for _, state := range search.States {
		query.Add("state", string(state))
	}
	return query
}
