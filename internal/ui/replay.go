package ui

import (
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var replayRoutes = []route{
	{"GET /admin/replay", signedIn, admin.Webhooks, admin.Change, (*server).askReplay},
	{"POST /admin/replay", signedIn, admin.Webhooks, admin.Change, (*server).replay},
}

// replayable is the filter of deliveries that means the same as a search of the webhook log. ok is false when there is none, or it would mean all.
func replayable(search wire.WebhookEventLogSearch) (f wire.DeliveryFilter, ok bool) {
	f = wire.DeliveryFilter{Period: search.Period, WebhookID: search.WebhookID, TenantID: search.TenantID, LinkedObjectID: search.LinkedObjectID}
	if search.EventType != "" {
		f.EventTypes = []string{search.EventType}
	}
	if state := wire.DeliveryState(search.DeliveryState); state != "" {
		f.States = []wire.DeliveryState{state}
	}
	other := search.Event != "" || search.EventResult != "" || search.StatusCode != "" || search.Test != nil ||
		search.DeliveryState == string(wire.DeliveryPending) || search.DeliveryState == string(wire.DeliveryRetrying)
	narrow := search.Start > 1 || search.End > 0 || f.WebhookID != "" || f.LinkedObjectID != "" || len(f.EventTypes)+len(f.States) > 0
	return f, !other && narrow
}

type replayPage struct {
	Count int
	// Cautious tells that so many need the password again.
	Cautious bool
	Back     string
}

// manyRequests is from how many requests on the password is wanted again.
const manyRequests = 1000

// askReplay says what sending again would do, in numbers.
func (s *server) askReplay(v *visit) error {
	f, ok := replayable(v.logSearch())
	if !ok {
		v.redirect("/admin/log?" + v.URL.RawQuery)
		return nil
	}
	_, counted, err := s.Replay.BeginReplay(v.Context(), wire.DeliveryReplayRequest{Search: f, DryRun: true})
	if err != nil {
		return err
	}
	v.under("WebhookLog", "/admin/log")
	return v.show("replay", "ReplayMatching", replayPage{counted.Count, counted.Count > manyRequests, "/admin/log?" + v.URL.RawQuery})
}

// replay begins the task.
func (s *server) replay(v *visit) error {
	again := func(err error) error { return v.again(err, func() error { return s.askReplay(v) }) }
	f, ok := replayable(v.logSearch())
	if !ok { // without what it cannot be done by, the filter would mean more than it says
		v.redirect("/admin/log?" + v.URL.RawQuery)
		return nil
	}
	request := wire.DeliveryReplayRequest{Search: f, DryRun: true}
	if text := strings.TrimSpace(v.PostFormValue("rate")); text != "" {
		rate, err := strconv.ParseFloat(text, 64)
		var wrong problem.Validation
		if wrong.Check(err == nil, "rate", "invalid", "%s", v.text.say("RecoverRateWrong")); err != nil {
			return again(wrong.Err())
		}
		request.Rate = &rate
	}
	_, counted, err := s.Replay.BeginReplay(v.Context(), request)
	if err == nil && counted.Count > manyRequests {
		err = v.confirm()
	}
	if err != nil {
		return again(err)
	}
	request.DryRun = false
	c := v.changing("Began to send %d deliveries again", counted.Count)
	c.after = request
	task, _, err := s.Replay.BeginReplay(c.context(), request)
	if err != nil {
		return again(err)
	}
	return v.done("TaskBegun", "/admin/task/"+string(task.ID))
}
