package ui

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/live"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

var liveRoutes = []route{
	{"GET /admin/live", signedIn, admin.WebhookLog, admin.View, (*server).live},
	{"GET /admin/live/stream", watching, admin.WebhookLog, admin.View, (*server).liveStream},
}

// liveRow is something that happens, as the live page shows it. One that comes again replaces the row with its key.
type liveRow struct {
	Key     string
	At      wire.Instant
	EventID wire.ID
	Type    string
	Test    bool
	// Webhook is that of its receiver, empty for an event itself; Sink tells that this is one.
	Webhook   wire.ID
	Name      string
	Sink      bool
	Class     string // good, wait or bad
	Text      string // the id of a text
	Answer    string
	AttemptID wire.ID
	Took      string
}

type livePage struct {
	Rows   []liveRow
	Types  []event.Descriptor
	Choice receiverChoice
	// Stream is where what happens from now on comes from.
	Stream string
}

// LiveResults are how a row can have gone.
func (livePage) LiveResults() []string { return []string{"good", "wait", "bad"} }

// live shows the newest events, and with a script what happens from then on.
func (s *server) live(v *visit) error {
	page, moved := livePage{Types: event.All()}, false
	cursor, err := s.Live.Now(v.Context()) // before the list is read, so that nothing is between them
	if err != nil {
		return err
	}
	if page.Choice, moved, err = s.receiverChoice(v); moved || err != nil {
		return err
	}
	search := wire.WebhookEventLogSearch{Page: wire.Page{NumberOfResults: pageSize}, Period: wire.Period{Start: 1}, TenantID: v.Tenant, EventType: v.FormValue("type"), WebhookID: wire.ID(v.FormValue("webhook"))}
	events, _, err := s.WebhookLog.Page(v.Context(), search, "")
	if _, err = invalid(err); err != nil {
		return err
	}
	for i := range events {
		e := &events[i]
		o := decided(e.EventResult, e.TransactionType)
		row := liveRow{Key: "event-" + string(e.ID), At: e.InsertInstant, EventID: e.ID, Type: e.EventType, Test: e.Test, Class: o.Class, Text: o.Text}
		if v.wantsClass(row.Class) {
			page.Rows = append(page.Rows, row)
		}
	}
	query := v.URL.Query()
	query.Set("after", string(cursor))
	page.Stream = "/admin/live/stream?" + query.Encode()
	return v.show("live", "Live", page)
}

// news is where a list of events hears of what happens from now on, if it is one that it is added to.
func (s *server) news(v *visit, grows bool) (string, error) {
	if !grows {
		return "", nil
	}
	cursor, err := s.Live.Now(v.Context())
	if err != nil {
		return "", err
	}
	f := frame{v: v}
	return f.Query("/admin/live/stream", "after", string(cursor), "type", v.FormValue("type")), nil
}

// decided is what was decided about an event; what becomes of it at its receivers are rows of their own.
func decided(result wire.WebhookEventResult, rule wire.TransactionType) outcome {
	switch {
	case result == wire.EventFailed:
		return outcome{"ResultFailed", "bad"}
	case result == wire.EventRunning:
		return outcome{"ResultRunning", "wait"}
	case rule != "" && rule != wire.None:
		return outcome{"ResultCommitted", "good"}
	}
	return outcome{"ResultHappened", "good"}
}

// wantsClass tells whether a row that looks so is asked for.
func (v *visit) wantsClass(class string) bool {
	wanted := v.FormValue("result")
	return wanted == "" || wanted == class
}

const (
	// heartbeat is how often a stream says that it is there.
	heartbeat = 15 * time.Second
	// writeTime is how long a browser may take for one message.
	writeTime = 10 * time.Second
	// recheckEvery is how long rights may be gone before a stream ends.
	recheckEvery = time.Minute
	// mostStreams is how many a session may have.
	mostStreams = 5
)

// streams counts those of each session.
type streams struct {
	mu  sync.Mutex
	all map[string]int
}

// enter takes a place; leave is nil when there is none.
func (s *streams) enter(session string) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[session] >= mostStreams {
		return nil
	}
	if s.all == nil {
		s.all = map[string]int{}
	}
	s.all[session]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.all[session]--; s.all[session] == 0 {
			delete(s.all, session)
		}
	}
}

// liveStream sends what happens, as server-sent events: each is rows in HTML, and its id is where a browser that lost the connection goes on. It
// ends with the session, with the right to see it, and with the server.
func (s *server) liveStream(v *visit) error {
	cookie, err := v.Cookie(cookieName)
	if err != nil {
		return problem.ErrUnauthenticated
	}
	leave := s.streams.enter(cookie.Value)
	if leave == nil {
		http.Error(v.w, "Too many pages of this session are live.", http.StatusTooManyRequests)
		return nil
	}
	defer leave()
	after := live.Cursor(v.FormValue("after"))
	if last := v.Request.Header.Get("Last-Event-ID"); last != "" {
		after = live.Cursor(last)
	}
	watcher, err := s.Live.Watch(v.whole, after)
	if errors.Is(err, live.ErrCrowded) || errors.Is(err, live.ErrStopped) {
		http.Error(v.w, "Nobody else can watch now.", http.StatusServiceUnavailable)
		return nil
	}
	if err != nil {
		return err
	}
	control := http.NewResponseController(v.w)
	if err := control.SetReadDeadline(time.Time{}); err != nil { // that of the request would end the stream
		return err
	}
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no")
	send := func(message string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeTime))
		_, err := v.w.Write([]byte(message))
		return err == nil && control.Flush() == nil
	}
	if !send("retry: 2000\n\n") {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	checked := s.Traffic.Now()
	known := map[wire.ID]bool{}
	for {
		message := ": here\n\n"
		select {
		case <-beat.C:
		case b, more := <-watcher.Batches:
			if !more {
				return nil
			}
			if message, err = s.liveMessage(v, &b, known); err != nil {
				return nil //nolint:nilerr // the browser comes again
			}
		}
		if now := s.Traffic.Now(); now.Sub(checked) >= recheckEvery {
			checked = now
			session, err := s.Admins.Look(v.whole, cookie.Value)
			if err != nil || !session.May(admin.WebhookLog, admin.View) {
				send("event: over\ndata: \n\n")
				return nil //nolint:nilerr // it has ended
			}
		}
		if !send(message) {
			return nil
		}
	}
}

// mostKnown is how many events a stream that is narrowed to a tenant remembers.
const mostKnown = 5000

// liveMessage is a batch as a server-sent event.
func (s *server) liveMessage(v *visit, b *live.Batch, known map[wire.ID]bool) (string, error) {
	registry, err := s.Webhooks.Registry(v.whole)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	f := frame{v: v, Page: v.liveRows(b, registry, known)}
	fmt.Fprintf(&out, `<table><tbody data-published="%d" data-of="%d" data-gap="%t">`, b.Published, b.Of, b.Gap)
	if err := s.pages["live"]().ExecuteTemplate(&out, "live-rows", f); err != nil {
		return "", err
	}
	out.WriteString("</tbody></table>")
	var message strings.Builder
	fmt.Fprintf(&message, "id: %s\n", b.Cursor)
	for line := range strings.SplitSeq(strings.ReplaceAll(out.String(), "\r", ""), "\n") {
		message.WriteString("data: " + line + "\n")
	}
	message.WriteString("\n")
	return message.String(), nil
}

// liveRows are the rows of a batch that the page's filter lets through, in the order in which they happened. What is not an event knows no tenant, so a
// page that is narrowed to one shows it of events that it has seen.
func (v *visit) liveRows(b *live.Batch, registry *webhook.Registry, known map[wire.ID]bool) (rows []liveRow) {
	kind, hook := v.FormValue("type"), wire.ID(v.FormValue("webhook"))
	add := func(row liveRow) {
		if to := registry.Target(row.Webhook); to != nil {
			row.Name, row.Sink = to.Name(), to.Kind() == webhook.Sink
		}
		if (kind == "" || row.Type == kind) && (hook == "" || row.Webhook == hook) && v.wantsClass(row.Class) && (v.Tenant == "" || known[row.EventID]) {
			rows = append(rows, row)
		}
	}
	for _, e := range b.Events {
		if v.Tenant != "" && e.TenantID == v.Tenant && len(known) < mostKnown {
			known[e.ID] = true
		}
		o := decided(e.Result, e.Rule)
		add(liveRow{Key: "event-" + string(e.ID), At: e.Instant, EventID: e.ID, Type: e.Type, Test: e.Test, Class: o.Class, Text: o.Text})
	}
	answers := map[string]liveRow{} // of deliveries, which show the last
	for _, a := range b.Attempts {
		row := liveRow{
			At: a.End, EventID: a.EventID, Type: a.EventType, Webhook: a.WebhookID, Name: a.URL, AttemptID: a.ID, Class: "bad", Text: "Deliveryrefused",
			Answer: a.Outcome, Took: frame{v: v}.Milliseconds(a.Milliseconds() * 1000),
		}
		if a.StatusCode != 0 {
			row.Answer = fmt.Sprint(a.StatusCode)
		}
		well := a.StatusCode >= 200 && a.StatusCode < 300
		if a.Kind == "vote" || a.Kind == "test" {
			row.Key = "attempt-" + string(a.ID)
			if well {
				row.Class, row.Text = "good", "Deliveryaccepted"
			}
			add(row)
			continue
		}
		row.Key = "delivery-" + string(a.EventID) + "-" + string(a.WebhookID)
		answers[row.Key] = row
	}
	for _, d := range b.Deliveries {
		key := "delivery-" + string(d.EventID) + "-" + string(d.WebhookID)
		row, answered := answers[key]
		if !answered {
			row = liveRow{At: d.LastUpdateInstant, EventID: d.EventID, Type: d.EventType, Webhook: d.WebhookID}
		}
		row.Key, row.Text, row.Class = key, "Delivery"+d.State, receiver{State: d.State}.Class()
		add(row)
	}
	slices.SortStableFunc(rows, func(a, b liveRow) int { return cmp.Compare(a.At, b.At) })
	return rows
}
