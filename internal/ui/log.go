package ui

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

var logRoutes = []route{
	{"GET /admin/log", signedIn, admin.WebhookLog, admin.View, (*server).log},
	{"GET /admin/log/export", signedIn, admin.WebhookLog, admin.View, (*server).exportLog},
	{"GET /admin/log/{id}", signedIn, admin.WebhookLog, admin.View, (*server).logEvent},
	{"POST /admin/log/{id}/{webhook}/replay", signedIn, admin.Webhooks, admin.Change, (*server).replayDelivery},
	{"POST /admin/log/{id}/{webhook}/run", signedIn, admin.Webhooks, admin.Change, (*server).runDelivery},
	{"POST /admin/log/{id}/{webhook}/cancel", signedIn, admin.Webhooks, admin.Change, (*server).cancelDelivery},
}

type logPage struct {
	Groups  []eventGroup
	Choice  receiverChoice
	Events  []logRow
	Problem string
	Pager   pager
	Chart   template.HTML
	// News is where the list hears of what happens, "" for a page that nothing is added to.
	News string
	// Replay and Export lead to what can be done with all that match, "" when the filter has a condition that this cannot be done by.
	Replay, Export string
}

// logRow is an event as lists show it.
type logRow struct {
	wire.WebhookEventLog
	Receivers []receiver
}

// Outcome is what became of the event, as the id of a text and how it looks.
func (r logRow) Outcome() (o outcome) {
	is := func(states ...string) bool {
		return slices.ContainsFunc(r.Receivers, func(at receiver) bool { return at.Delivery != nil && slices.Contains(states, at.State) })
	}
	switch {
	case r.EventResult == wire.EventFailed:
		return outcome{"ResultFailed", "bad"}
	case r.EventResult == wire.EventRunning:
		return outcome{"ResultRunning", "wait"}
	case is("dead"):
		return outcome{"Deliverydead", "bad"}
	case is("retrying"):
		return outcome{"Deliveryretrying", "wait"}
	case is("pending"):
		return outcome{"Deliverypending", "wait"}
	case len(r.Receivers) == 0:
		return outcome{"ResultNobody", "none"}
	case r.TransactionType != "":
		return outcome{"ResultCommitted", "good"}
	}
	return outcome{"ResultSent", "good"}
}

type outcome struct{ Text, Class string }

// receiver is what became of an event at one webhook or sink.
type receiver struct {
	WebhookID wire.ID
	// State is that of the delivery, or of the vote where there is no delivery: accepted, refused.
	State string
	// Attempts counts all requests, Last is the latest of them, nil without one.
	Attempts int
	Last     *wire.WebhookAttemptLog
	Delivery *wire.WebhookEventDelivery
}

// Class is how it looks: good, wait or bad.
func (r receiver) Class() string {
	switch r.State {
	case "delivered", "accepted":
		return "good"
	case "dead", "refused":
		return "bad"
	}
	return "wait"
}

// Mark is its shape, which tells it apart without the colour.
func (r receiver) Mark() string {
	return map[string]string{"delivered": "●", "accepted": "●", "retrying": "◐", "pending": "○", "dead": "✕", "refused": "✕"}[r.State]
}

// receiversOf are the webhooks and sinks that were asked or told about an event, in the order of their ids.
func receiversOf(e *wire.WebhookEventLog) []receiver {
	var all []receiver
	at := func(id wire.ID) *receiver {
		i, found := slices.BinarySearchFunc(all, id, func(r receiver, id wire.ID) int { return strings.Compare(string(r.WebhookID), string(id)) })
		if !found {
			all = slices.Insert(all, i, receiver{WebhookID: id})
		}
		return &all[i]
	}
	for i := range e.Attempts {
		a := &e.Attempts[i]
		r := at(a.WebhookID)
		r.Attempts++
		r.Last = a
		if r.State = "refused"; a.AttemptResult == wire.AttemptSuccess {
			r.State = "accepted"
		}
	}
	for i := range e.Deliveries {
		d := &e.Deliveries[i]
		r := at(d.WebhookID)
		r.State, r.Delivery = d.State, d
	}
	return all
}

// logSearch is what the filter of the webhook log says.
func (v *visit) logSearch() wire.WebhookEventLogSearch {
	search := wire.WebhookEventLogSearch{
		Page: wire.Page{NumberOfResults: pageSize}, Period: v.period(),
		Event: v.FormValue("text"), EventType: v.FormValue("type"), EventResult: wire.WebhookEventResult(v.FormValue("result")),
		LinkedObjectID: wire.ID(v.FormValue("about")), TenantID: v.Tenant,
		WebhookID: wire.ID(v.FormValue("webhook")), DeliveryState: v.FormValue("state"), StatusCode: v.FormValue("status"),
	}
	if tests := v.FormValue("tests"); tests != "" {
		only := tests == "only"
		search.Test = &only
	}
	return search
}

// log is the webhook log: what was sent, by type, result, time, webhook and text.
func (s *server) log(v *visit) (err error) {
	page, moved := logPage{Groups: eventGroups()}, false
	if page.Choice, moved, err = s.receiverChoice(v); moved || err != nil {
		return err
	}
	search := v.logSearch()
	if page.News, err = s.news(v, v.cursor() == "" && search.Period.End == 0); err != nil { // before the list is read, so that nothing is between them
		return err
	}
	events, links, err := s.WebhookLog.Page(v.Context(), search, v.cursor())
	if page.Problem, err = invalid(err); err != nil {
		return err
	}
	page.Events, page.Pager = logRows(events), v.pager(links)
	if page.Problem == "" && !v.isByItself() {
		if page.Chart, err = s.logChart(v, search.Period, search.WebhookID); err != nil {
			return err
		}
	}
	if len(events) > 0 {
		page.Export = "/admin/log/export?" + v.URL.RawQuery
		if _, ok := replayable(search); ok {
			page.Replay = "/admin/replay?" + v.URL.RawQuery
		}
	}
	return v.show("log", "WebhookLog", page)
}

func logRows(events []wire.WebhookEventLog) []logRow {
	rows := make([]logRow, len(events))
	for i := range events {
		rows[i] = logRow{events[i], receiversOf(&events[i])}
	}
	return rows
}

const (
	// mostExported is how many events one file has, exportedAtOnce how many are in memory.
	mostExported   = 10_000
	exportedAtOnce = 50
)

// exportWriteTime is how long a browser may take for one of them.
const exportWriteTime = time.Minute

// searchAnew searches with time of its own: a file takes as long as the browser reads it.
func (s *server) searchAnew(v *visit, search wire.WebhookEventLogSearch) ([]wire.WebhookEventLog, error) {
	ctx, cancel := context.WithTimeout(v.whole, requestTime)
	defer cancel()
	events, _, err := s.WebhookLog.Search(ctx, search)
	return events, err
}

// exportLog sends the events that match, with their bodies and attempts, one JSON object to a line.
func (s *server) exportLog(v *visit) error {
	search := v.logSearch()
	search.OrderBy = "sequence DESC"
	search.NumberOfResults = exportedAtOnce
	control := http.NewResponseController(v.w)
	began := false
	for ; search.StartRow < mostExported; search.StartRow += search.NumberOfResults {
		events, err := s.searchAnew(v, search)
		if err != nil && !began {
			return err
		}
		if err != nil { // the file is cut short: what has been sent cannot be taken back
			panic(http.ErrAbortHandler)
		}
		if !began {
			began = true
			v.w.Header().Set("Content-Type", "application/jsonl")
			v.w.Header().Set("Content-Disposition", `attachment; filename="webhook-log.jsonl"`)
		}
		for i := range events {
			_ = control.SetWriteDeadline(time.Now().Add(exportWriteTime))
			events[i].Event = webhook.Shown(events[i].Event)
			line, err := body.Encode(events[i])
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			if _, err := v.w.Write(append(line, '\n')); err != nil {
				return nil //nolint:nilerr // nobody reads any more
			}
		}
		if len(events) < search.NumberOfResults {
			break
		}
	}
	return nil
}

type loggedPage struct {
	logRow
	// Cause says what became of it and why, in a sentence.
	Verdict string
	// Body is the event as it was sent, indented, without what one could log in with.
	Body     string
	Timeline timeline
	Tenant   string
	// Related are the other events of the same operation.
	Related []wire.WebhookEventLog
	Curl    string
	all     allCalled
}

// logEvent shows one event: what became of it, who was asked and told, and who was not.
func (s *server) logEvent(v *visit) error {
	e, err := s.WebhookLog.Event(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := loggedPage{logRow: logRow{e, receiversOf(&e)}, Verdict: v.verdict(&e)}
	if page.all, err = s.allCalled(v.Context()); err != nil {
		return err
	}
	if page.Related, err = s.WebhookLog.Related(v.Context(), &e); err != nil {
		return err
	}
	settings, err := s.Tenants.Settings(v.Context())
	if err != nil {
		return err
	}
	if t, ok := settings.Find(e.TenantID); ok {
		page.Tenant = t.Name
	}
	shown := webhook.Shown(e.Event)
	page.Body = indented(shown)
	page.Timeline = timelineOf(&e, page.Receivers, page.all)
	page.Curl = "curl -X POST -H 'Content-Type: application/json' --data-binary " + forShell(string(shown)) + " http://localhost:3000/"
	v.under("WebhookLog", "/admin/log")
	v.of = e.EventType
	return v.show("log-event", "Event", page)
}

// Receiver is the one with an id.
func (p loggedPage) Receiver(id wire.ID) called { return p.all.of(id) }

// Several tells that the attempts are about one event.
func (loggedPage) Several() bool { return false }

// Results, States and TestChoices are what the list can be narrowed to.
func (logPage) Results() []string {
	return []string{string(wire.EventSucceeded), string(wire.EventFailed), string(wire.EventRunning)}
}

func (logPage) States() []string {
	return []string{
		string(wire.DeliveryPending), string(wire.DeliveryRetrying), string(wire.DeliveryDelivered), string(wire.DeliveryDead), string(wire.DeliveryCancelled),
	}
}

func (logPage) TestChoices() []string { return []string{"none", "only"} }

// verdict says in a sentence what became of an event.
func (v *visit) verdict(e *wire.WebhookEventLog) string {
	asked, yes := map[wire.ID]bool{}, 0
	for _, a := range e.Attempts {
		if a.Kind == wire.AttemptVote && !asked[a.WebhookID] {
			asked[a.WebhookID] = true
			if a.AttemptResult == wire.AttemptSuccess {
				yes++
			}
		}
	}
	id := "VerdictSent"
	switch {
	case e.Test:
		id = "VerdictTest"
	case e.EventResult == wire.EventRunning:
		id = "VerdictRunning"
	case e.TransactionType != "" && len(asked) == 0 && e.EventResult == wire.EventFailed:
		id = "VerdictCut"
	case e.EventResult == wire.EventFailed:
		id = "VerdictRefused"
	case len(e.Attempts) == 0 && len(e.Deliveries) == 0:
		id = "VerdictNobody"
	case e.TransactionType != "" && len(asked) > 0:
		id = "VerdictCommitted"
	}
	return v.text.say(id, "Count", len(asked), "Yes", yes, "Needed", publish.Needed(e.TransactionType, len(asked)), "Rule", v.text.say("Rule"+string(e.TransactionType)))
}

// Milliseconds is a duration in microseconds for people.
func (f frame) Milliseconds(micros int64) string { return milliseconds(float64(micros) / 1000) }

func (s *server) replayDelivery(v *visit) error {
	return s.changeDelivery(v, "Sent the event %s again to the %s %s", "DeliveryReplayed", s.Replay.Replay)
}

func (s *server) runDelivery(v *visit) error {
	return s.changeDelivery(v, "Hastened the delivery of the event %s to the %s %s", "DeliveryHastened", s.Replay.Run)
}

func (s *server) cancelDelivery(v *visit) error {
	return s.changeDelivery(v, "Cancelled the delivery of the event %s to the %s %s", "DeliveryCancelled", s.Replay.Cancel)
}

// changeDelivery does something with one delivery, and leads back to its event.
func (s *server) changeDelivery(v *visit, message, said string, do func(ctx context.Context, event, webhook wire.ID) (wire.Delivery, error)) error {
	all, err := s.allCalled(v.Context())
	if err != nil {
		return err
	}
	to := all.of(wire.ID(v.PathValue("webhook")))
	if _, err := do(v.changing(message, v.id(), to.kind(), to.ID).context(), v.id(), to.ID); err != nil {
		return v.again(err, func() error { return s.logEvent(v) })
	}
	return v.done(said, "/admin/log/"+string(v.id()))
}
