package ui

import (
	"slices"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

var backlogRoutes = []route{
	{"GET /admin/backlog", signedIn, admin.WebhookLog, admin.View, (*server).backlog},
	{"GET /admin/backlog/{id}/cancel", signedIn, admin.Webhooks, admin.Change, (*server).askCancelBacklog},
	{"POST /admin/backlog/{id}/cancel", signedIn, admin.Webhooks, admin.Change, (*server).cancelBacklog},
	{"GET /admin/delivery", signedIn, admin.WebhookLog, admin.View, (*server).deliveries},
}

type backlogPage struct {
	Targets []backlogRow
	Waiting int
	// Last is when the newest event was recorded, 0 when there is none: the one thing to say when nothing waits.
	Last wire.Instant
}

type backlogRow struct {
	wire.WebhookBacklog
	Name, State string
}

// backlog is what waits for each webhook.
func (s *server) backlog(v *visit) error {
	backlogs, err := s.Replay.Backlogs(v.Context())
	if err != nil {
		return err
	}
	webhooks, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	var page backlogPage
	for _, b := range backlogs {
		row := backlogRow{WebhookBacklog: b, Name: egress.RedactURL(b.URL)}
		if at := slices.IndexFunc(webhooks, func(w wire.Webhook) bool { return w.ID == b.WebhookID }); at >= 0 {
			row.Name, row.State = nameOfWebhook(webhooks[at]), s.webhookRow(webhooks[at]).State
		}
		page.Waiting += b.Pending + b.Retrying
		page.Targets = append(page.Targets, row)
	}
	// What waits, and since longest, comes first.
	slices.SortStableFunc(page.Targets, func(a, b backlogRow) int { return (b.Pending + b.Retrying) - (a.Pending + a.Retrying) })
	newest, _, err := s.WebhookLog.Page(v.Context(), wire.WebhookEventLogSearch{Page: wire.Page{NumberOfResults: 1}, Period: wire.Period{Start: 1}}, "")
	if err != nil {
		return err
	}
	if len(newest) > 0 {
		page.Last = newest[0].InsertInstant
	}
	return v.show("backlog", "Backlog", page)
}

// askCancelBacklog says what dropping all that waits for a webhook means, in numbers.
func (s *server) askCancelBacklog(v *visit) error {
	w, err := s.Webhooks.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	_, counted, err := s.Replay.BeginCancel(v.Context(), wire.DeliveryCancelRequest{Search: wire.DeliveryFilter{WebhookID: w.ID}, DryRun: true})
	if err != nil {
		return err
	}
	v.under("Backlog", "/admin/backlog")
	v.of = nameOfWebhook(w)
	return v.show("confirm", "BacklogCancel", question{
		Text: v.text.say("BacklogCancelAbout"), Effects: []string{v.text.say("WebhookDeleteWaiting", "Count", counted.Count)},
		Do: v.text.say("BacklogCancel"), Password: true, Back: "/admin/backlog",
	})
}

// cancelBacklog begins the task.
func (s *server) cancelBacklog(v *visit) error {
	request := wire.DeliveryCancelRequest{Search: wire.DeliveryFilter{WebhookID: v.id()}}
	err := v.confirm()
	var task *wire.DeliveryTask
	if err == nil {
		c := v.changing("Began to cancel all deliveries that wait for the webhook %s", v.id()).of("webhook", v.id())
		c.after = request
		task, _, err = s.Replay.BeginCancel(c.context(), request)
	}
	if err != nil {
		return v.again(err, func() error { return s.askCancelBacklog(v) })
	}
	return v.done("TaskBegun", "/admin/task/"+string(task.ID))
}

type deliveriesPage struct {
	Webhook    webhookChoice
	Deliveries []wire.Delivery
	Problem    string
	Pager      pager
}

// deliveries lists what is or was owed to webhooks.
func (s *server) deliveries(v *visit) (err error) {
	page, moved := deliveriesPage{}, false
	if page.Webhook, moved, err = s.webhookChoice(v); moved || err != nil {
		return err
	}
	search := wire.DeliverySearch{Page: wire.Page{NumberOfResults: pageSize}, DeliveryFilter: wire.DeliveryFilter{
		Period: v.period(), WebhookID: wire.ID(v.FormValue("webhook")), TenantID: v.Tenant,
	}}
	if state := v.FormValue("state"); state != "" {
		search.States = []wire.DeliveryState{wire.DeliveryState(state)}
	}
	found, links, err := s.Replay.Page(v.Context(), search, v.cursor())
	if page.Problem, err = invalid(err); err != nil {
		return err
	}
	page.Deliveries, page.Pager = found, v.pager(links)
	v.under("Backlog", "/admin/backlog")
	return v.show("deliveries", "Deliveries", page)
}

// Name is how a webhook is called.
func (p deliveriesPage) Name(id wire.ID) string { return p.Webhook.Name(id) }

func (deliveriesPage) States() []string { return logPage{}.States() }

// Class is how the state of a delivery looks.
func (deliveriesPage) Class(state wire.DeliveryState) string {
	return receiver{State: string(state)}.Class()
}
