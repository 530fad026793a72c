package wire

// Deliveries, what is done with many of them, and the backlog of a webhook. All calls about them are ours.

// Delivery is one committed event owed to one webhook.
type Delivery struct {
	EventID   ID     `json:"eventId"`
	EventType string `json:"eventType"`
	WebhookID ID     `json:"webhookId"`
	// TenantID is the tenant the event belongs to. Absent for events of the whole installation.
	TenantID ID `json:"tenantId,omitzero"`
	// LinkedObjectID names what the event is about: a user, a group or another object, depending on the type.
	LinkedObjectID ID            `json:"linkedObjectId,omitzero"`
	State          DeliveryState `json:"state"`
	// Attempts counts the requests that were made, since the last replay if there was one.
	Attempts int `json:"attempts"`
	// MaxAttempts is with how many of them it is given up, by the retry schedule that the receiver has now. Absent when there is no such receiver any more.
	MaxAttempts int `json:"maxAttempts,omitzero"`
	// Replays counts how often somebody asked to send it again.
	Replays int `json:"replays"`
	// NextAttemptInstant is when a delivery that waits may be tried. Absent when it has ended, or a process is just at it.
	NextAttemptInstant Instant `json:"nextAttemptInstant,omitzero"`
	// InsertInstant is when the event was stored.
	InsertInstant     Instant `json:"insertInstant"`
	LastUpdateInstant Instant `json:"lastUpdateInstant"`
	// LastAttempt is the latest request that was made, a vote included. Absent without one.
	LastAttempt *DeliveryAttempt `json:"lastAttempt,omitzero"`
}

// DeliveryState says how far a delivery has come.
type DeliveryState string

// The states of deliveries. The first two wait, the others have ended.
const (
	DeliveryPending   DeliveryState = "pending"   // to be tried for the first time
	DeliveryRetrying  DeliveryState = "retrying"  // has failed, will be tried again
	DeliveryDelivered DeliveryState = "delivered" // a 2xx came back
	DeliveryDead      DeliveryState = "dead"      // given up after its last attempt
	DeliveryCancelled DeliveryState = "cancelled" // ended by a person, or with its webhook
)

// DeliveryAttempt is a request in short. The webhook log has all of it under the same id.
type DeliveryAttempt struct {
	ID   ID                 `json:"id"`
	Kind WebhookAttemptKind `json:"kind"`
	// Outcome is "accepted", or the class of what went wrong: refused, timeout, connect, tls, dns …
	Outcome string `json:"outcome"`
	// StatusCode is absent when there was no answer.
	StatusCode int `json:"statusCode,omitzero"`
	// Exception says for people why there was no good answer.
	Exception string `json:"exception,omitzero"`
	// Node is the process that made it.
	Node         string  `json:"node"`
	StartInstant Instant `json:"startInstant"`
	EndInstant   Instant `json:"endInstant"`
}

// DeliveryResponse has one delivery.
type DeliveryResponse struct {
	Delivery *Delivery `json:"delivery,omitzero"`
}

// DeliveryFilter says which deliveries are meant: those that meet all of its conditions. The zero value means all.
type DeliveryFilter struct {
	// Period is about the instants at which events were stored.
	Period
	WebhookID ID `json:"webhookId,omitzero"`
	// EventTypes and States mean any of these. None means all.
	EventTypes     []string        `json:"eventType,omitempty"`
	States         []DeliveryState `json:"state,omitempty"`
	TenantID       ID              `json:"tenantId,omitzero"`
	LinkedObjectID ID              `json:"linkedObjectId,omitzero"`
	EventID        ID              `json:"eventId,omitzero"`
}

// DeliverySearchRequest finds deliveries. Unlike most searches it refuses members that it does not know.
type DeliverySearchRequest struct {
	Search DeliverySearch `json:"search"`
}

// DeliverySearch is ordered by insertInstant, lastUpdateInstant, nextAttemptInstant or attempts; the default is "insertInstant DESC". By
// insertInstant is the order in which events were stored.
type DeliverySearch struct {
	Page
	DeliveryFilter
}

// DeliverySearchResponse is one page of deliveries.
type DeliverySearchResponse struct {
	Deliveries List[Delivery] `json:"deliveries"`
	// Total counts all that match. Above 10,000 it says "at least".
	Total int `json:"total"`
}

// DeliveryReplayRequest sends everything again that matches and has ended. It becomes a task.
type DeliveryReplayRequest struct {
	// Search needs a condition other than the tenant, and no state but delivered, dead and cancelled. Without a state it means all three.
	Search DeliveryFilter `json:"search"`
	// Rate is how many deliveries per second, above 0, 10,000 at most. Nil means as many as their webhooks take.
	Rate *float64 `json:"rate,omitzero"`
	// DryRun counts and does nothing.
	DryRun bool `json:"dryRun,omitzero"`
}

// DeliveryCancelRequest ends everything that matches and waits. It becomes a task.
type DeliveryCancelRequest struct {
	// Search needs a condition other than the tenant, and no state but pending and retrying. Without a state it means both.
	Search DeliveryFilter `json:"search"`
	// DryRun counts and does nothing.
	DryRun bool `json:"dryRun,omitzero"`
}

// DeliveryRecoverRequest brings a webhook what it has missed: events since an instant whose deliveries failed (dead or cancelled) are sent again,
// those that wait are tried at once, and those that were never sent, and would be today, are sent. It becomes a task.
type DeliveryRecoverRequest struct {
	DeliveryRecovery
	// Rate is how many deliveries per second, above 0, 10,000 at most. Nil means as many as the webhook takes.
	Rate *float64 `json:"rate,omitzero"`
	// DryRun counts and does nothing.
	DryRun bool `json:"dryRun,omitzero"`
}

// DeliveryRecovery says which webhook is to have which events.
type DeliveryRecovery struct {
	// WebhookID is required.
	WebhookID ID `json:"webhookId,omitzero"`
	// Since is the first instant whose events count. Required.
	Since Instant `json:"since,omitzero"`
	// Until is the first instant whose events do not count any more. Zero means now, and so does an instant to come.
	Until Instant `json:"until,omitzero"`
	// Which leaves out a part of what was missed. Empty means all.
	Which RecoveryPart `json:"which,omitzero"`
}

// RecoveryPart is a part of what a webhook has missed.
type RecoveryPart string

// The parts.
const (
	RecoverFailed    RecoveryPart = "failed"    // what was owed and has failed or waits
	RecoverNeverSent RecoveryPart = "neverSent" // what was never owed, and would be today
)

// DeliveryDryRunResponse tells how many deliveries a task would change.
type DeliveryDryRunResponse struct {
	DryRun bool `json:"dryRun"`
	Count  int  `json:"count"`
	// Recovery is of a recovery only, and adds up to Count.
	*DeliveryRecoveryCount
}

// DeliveryRecoveryCount tells what a recovery has to do.
type DeliveryRecoveryCount struct {
	Failed    int `json:"failed"`    // dead or cancelled, to be sent again
	Waiting   int `json:"waiting"`   // to be tried at once
	NeverSent int `json:"neverSent"` // to be sent for the first time
}

// DeliveryTask is work on many deliveries. It covers what matched when it was created, goes on after a restart, and is removed from
// the list 30 days after its end.
type DeliveryTask struct {
	ID    ID                `json:"id"`
	Kind  DeliveryTaskKind  `json:"kind"`
	State DeliveryTaskState `json:"state"`
	// Search is what a replay or a cancellation is about, Recovery what a recovery is about.
	Search   *DeliveryFilter   `json:"search,omitzero"`
	Recovery *DeliveryRecovery `json:"recovery,omitzero"`
	// Rate is absent when there is no limit.
	Rate float64 `json:"rate,omitzero"`
	// Total is how many deliveries it is about. Absent until they are counted, which is the first thing a task does.
	Total *int `json:"total,omitzero"`
	// Done counts the deliveries that were changed.
	Done int `json:"done"`
	// Skipped counts those that were not, because something else had happened to them before it was their turn.
	Skipped int `json:"skipped"`
	// WaitsFor says for people what a running task waits for. Absent while it goes on.
	WaitsFor string `json:"waitsFor,omitzero"`
	// Error says for people why a task failed.
	Error             string  `json:"error,omitzero"`
	InsertInstant     Instant `json:"insertInstant"`
	LastUpdateInstant Instant `json:"lastUpdateInstant"`
	// FinishInstant is when it was done, cancelled or failed.
	FinishInstant Instant `json:"finishInstant,omitzero"`
}

// DeliveryTaskKind says what a task does.
type DeliveryTaskKind string

// The kinds of tasks.
const (
	TaskReplay  DeliveryTaskKind = "replay"
	TaskCancel  DeliveryTaskKind = "cancel"
	TaskRecover DeliveryTaskKind = "recover"
)

// DeliveryTaskState says how far a task has come.
type DeliveryTaskState string

// The states of tasks. The last three are final.
const (
	TaskRunning   DeliveryTaskState = "running"
	TaskPaused    DeliveryTaskState = "paused"
	TaskDone      DeliveryTaskState = "done"
	TaskCancelled DeliveryTaskState = "cancelled"
	TaskFailed    DeliveryTaskState = "failed"
)

// DeliveryTaskResponse has one task.
type DeliveryTaskResponse struct {
	Task *DeliveryTask `json:"task,omitzero"`
}

// DeliveryTaskSearch lists tasks, the newest first; orderBy means nothing.
type DeliveryTaskSearch struct {
	Page
	// States means any of these. None means all.
	States []DeliveryTaskState `json:"state,omitempty"`
}

// DeliveryTasksResponse is one page of tasks.
type DeliveryTasksResponse struct {
	Tasks List[DeliveryTask] `json:"tasks"`
	Total int                `json:"total"`
}

// WebhookPauseRequest pauses a webhook.
type WebhookPauseRequest struct {
	// Reason is for people, 1,000 bytes at most.
	Reason string `json:"reason,omitzero"`
}

// WebhookBacklog is what is owed to a webhook, and whether it flows. Counts above 10,000 say "at least".
type WebhookBacklog struct {
	WebhookID ID `json:"webhookId"`
	// URL is the address without credentials and query values.
	URL      string `json:"url"`
	Enabled  bool   `json:"enabled"`
	Pending  int    `json:"pending"`
	Retrying int    `json:"retrying"`
	Dead     int    `json:"dead"`
	// OldestDueInstant is since when the delivery is due that has been due for longest. Absent when nothing is.
	OldestDueInstant Instant `json:"oldestDueInstant,omitzero"`
	// NextAttemptInstant is when the next delivery may be tried; it has passed when one is due already. Absent when nothing waits.
	NextAttemptInstant Instant `json:"nextAttemptInstant,omitzero"`
	// Paused is absent unless a person has paused the webhook.
	Paused  *WebhookPause  `json:"paused,omitzero"`
	Breaker WebhookBreaker `json:"breaker"`
}

// WebhookPause tells since when and why a person keeps deliveries and votes away from a webhook.
type WebhookPause struct {
	Reason  string  `json:"reason,omitzero"`
	Instant Instant `json:"instant"`
}

// WebhookBreaker tells whether the server keeps deliveries and votes away from a webhook, because its receiver cannot be reached. All but State is
// absent while it is closed.
type WebhookBreaker struct {
	// State is "closed" while everything flows, and "open" while nothing does.
	State         string  `json:"state"`
	OpenedInstant Instant `json:"openedInstant,omitzero"`
	// ProbeInstant is when the next attempt is let through, to see whether somebody answers again.
	ProbeInstant Instant `json:"probeInstant,omitzero"`
	// Failure is what came of the attempt that opened it.
	Failure string `json:"failure,omitzero"`
}

// WebhookBacklogResponse has the backlog of one webhook.
type WebhookBacklogResponse struct {
	Webhook *WebhookBacklog `json:"webhook,omitzero"`
}

// WebhookBacklogsResponse has the backlogs of all webhooks, in the order of their ids.
type WebhookBacklogsResponse struct {
	Webhooks List[WebhookBacklog] `json:"webhooks"`
}
