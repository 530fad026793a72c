package ui

import (
	"slices"

	"github.com/herald-events/herald/internal/admin"
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
	Receiver called
}

// backlog is what waits for each receiver.
func (s *server) backlog(v *visit) error {
	backlogs, err := s.Replay.Backlogs(v.Context())
	if err != nil {
		return err
	}
	all, err := s.allCalled(v.Context())
	if err != nil {
		return err
	}
	var page backlogPage
	for _, b := range backlogs {
		page.Waiting += b.Pending + b.Retrying
		page.Targets = append(page.Targets, backlogRow{b, all.of(b.WebhookID)})
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

// askCancelBacklog says what dropping all that waits for a receiver means, in numbers.
func (s *server) askCancelBacklog(v *visit) error {
	to, err := s.receiver(v.Context(), v.id())
	if err != nil {
		return err
	}
	_, counted, err := s.Replay.BeginCancel(v.Context(), wire.DeliveryCancelRequest{Search: wire.DeliveryFilter{WebhookID: to.ID}, DryRun: true})
	if err != nil {
		return err
	}
	v.under("Backlog", "/admin/backlog")
	v.of = to.Name
	return v.show("confirm", "BacklogCancel", question{
		Text: v.text.say("BacklogCancelAbout"), Effects: []string{v.text.say("WebhookDeleteWaiting", "Count", counted.Count)},
		Do: v.text.say("BacklogCancel"), Password: true, Back: "/admin/backlog",
	})
}

// cancelBacklog begins the task.
func (s *server) cancelBacklog(v *visit) error {
	to, err := s.receiver(v.Context(), v.id())
	if err != nil {
		return err
	}
	request := wire.DeliveryCancelRequest{Search: wire.DeliveryFilter{WebhookID: to.ID}}
	err = v.confirm()
	var task *wire.DeliveryTask
	if err == nil {
		c := v.changing("Began to cancel all deliveries that wait for the %s %s", to.kind(), to.ID).of(to.kind(), to.ID)
		c.after = request
		task, _, err = s.Replay.BeginCancel(c.context(), request)
	}
	if err != nil {
		return v.again(err, func() error { return s.askCancelBacklog(v) })
	}
	return v.done("TaskBegun", "/admin/task/"+string(task.ID))
}

type deliveriesPage struct {
	Choice     receiverChoice
	Deliveries []wire.Delivery
	Problem    string
	Pager      pager
}

// deliveries lists what is or was owed to receivers.
func (s *server) deliveries(v *visit) (err error) {
	page, moved := deliveriesPage{}, false
	if page.Choice, moved, err = s.receiverChoice(v); moved || err != nil {
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

// Receiver is the one with an id.
func (p deliveriesPage) Receiver(id wire.ID) called { return p.Choice.Receiver(id) }

func (deliveriesPage) States() []string { return logPage{}.States() }

// Class is how the state of a delivery looks.
func (deliveriesPage) Class(state wire.DeliveryState) string {
	return receiver{State: string(state)}.Class()
}
