package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// office is a server whose tenant has two types of events of its own, which other systems publish.
type office struct {
	*apptest.Server
	t *testing.T
}

const (
	orders  = "custom.order.complete"
	returns = "custom.return.complete"
)

func offices(t *testing.T, fn func(t *testing.T, o office), options ...apptest.Option) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, orders, returns)
		fn(t, office{s, t})
	}, options...)
}

// give publishes n events of a type about an object and returns their ids.
func (o office) give(kind string, object wire.ID, n int) (ids []wire.ID) {
	o.t.Helper()
	var events []map[string]any
	for i := range n {
		e := map[string]any{"type": kind, "tenantId": o.Tenant, "number": i}
		if object != "" {
			e["linkedObjectId"] = object
		}
		events = append(events, e)
	}
	var response wire.EventBatchResponse
	o.Call("POST", "/api/event/batch", map[string]any{"events": events}).Want(200).Decode(&response)
	for _, e := range response.Events {
		ids = append(ids, e.ID)
	}
	return ids
}

// once makes a webhook give up after its first attempt.
func once(w *wire.Webhook) { w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{}} }

// hourly makes a webhook try again after an hour.
func hourly(w *wire.Webhook) { w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{3600}} }

// states are the deliveries to a webhook in the order of their events, each as "state replays".
func (o office) states(id wire.ID) []string {
	o.t.Helper()
	return o.Strings(`SELECT state || ' ' || CAST(replays AS TEXT) FROM delivery WHERE webhook_id = $1 ORDER BY event_sequence`, id)
}

// until waits until the deliveries to a webhook are like that.
func (o office) until(id wire.ID, want ...string) {
	o.t.Helper()
	o.Eventually(patience, fmt.Sprintf("the deliveries are %q", want), func() bool { return slices.Equal(o.states(id), want) })
}

func (o office) find(path string) (found []wire.Delivery, total int) {
	o.t.Helper()
	var r wire.DeliverySearchResponse
	o.Call("GET", "/api/delivery/search?"+path, nil).Want(200).Decode(&r)
	return r.Deliveries, r.Total
}

func (o office) delivery(event, id wire.ID) wire.Delivery {
	o.t.Helper()
	var r wire.DeliveryResponse
	o.Call("GET", fmt.Sprintf("/api/delivery/%s/%s", event, id), nil).Want(200).Decode(&r)
	return *r.Delivery
}

// act does something with one delivery.
func (o office) act(event, id wire.ID, what string) apptest.Answer {
	o.t.Helper()
	return o.Call("POST", fmt.Sprintf("/api/delivery/%s/%s/%s", event, id, what), nil)
}

// begin creates a task.
func (o office) begin(kind string, body map[string]any) wire.DeliveryTask {
	o.t.Helper()
	var r wire.DeliveryTaskResponse
	o.Call("POST", "/api/delivery/"+kind, body).Want(200).Decode(&r)
	return *r.Task
}

// dry counts instead.
func (o office) dry(kind string, body map[string]any) string {
	o.t.Helper()
	body["dryRun"] = true
	return string(o.Call("POST", "/api/delivery/"+kind, body).Want(200).Body)
}

func (o office) task(id wire.ID) wire.DeliveryTask {
	o.t.Helper()
	var r wire.DeliveryTaskResponse
	o.Call("GET", "/api/delivery/task/"+string(id), nil).Want(200).Decode(&r)
	return *r.Task
}

func (o office) steer(id wire.ID, what string) apptest.Answer {
	o.t.Helper()
	return o.Call("POST", fmt.Sprintf("/api/delivery/task/%s/%s", id, what), nil)
}

// ended waits until a task is in its final state.
func (o office) ended(id wire.ID, state wire.DeliveryTaskState) wire.DeliveryTask {
	o.t.Helper()
	var t wire.DeliveryTask
	o.Eventually(patience, fmt.Sprintf("task %s is %s", id, state), func() bool {
		t = o.task(id)
		return t.State == state
	})
	return t
}

func wantCodes(t *testing.T, what string, a apptest.Answer, want ...string) {
	t.Helper()
	got := a.Want(400).Codes()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: codes %q, want %q: %s", what, got, want, a.Body)
	}
}

func TestReplay_One(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		r := egresstest.NewReceiver(t).Script(egresstest.Status(500), egresstest.Status(503), egresstest.Accept())
		id := o.Subscribe(r.URL, []string{orders}, once)
		object := wire.ID(uuid.NewString())
		event := o.give(orders, object, 1)[0]
		o.until(id, "dead 0")

		d := o.delivery(event, id)
		if d.EventID != event || d.WebhookID != id || d.EventType != orders || d.TenantID != o.Tenant || d.LinkedObjectID != object || d.State != wire.DeliveryDead ||
			d.Attempts != 1 || d.MaxAttempts != 1 || d.Replays != 0 || d.NextAttemptInstant != 0 || d.InsertInstant == 0 || d.LastUpdateInstant < d.InsertInstant {
			t.Errorf("the dead delivery is %+v", d)
		}
		if a := d.LastAttempt; a == nil || a.Outcome != "refused" || a.StatusCode != 500 || a.Kind != wire.AttemptDelivery || a.ID == "" || a.Node == "" || a.EndInstant < a.StartInstant {
			t.Errorf("its last attempt is %+v", a)
		}

		// It may be sent again as often as one likes, whether it was delivered or not.
		var answer wire.DeliveryResponse
		for i, want := range []string{"dead 1", "delivered 2", "delivered 3"} {
			o.act(event, id, "replay").Want(200).Decode(&answer)
			if d := answer.Delivery; d.State != wire.DeliveryPending || d.Replays != i+1 || d.Attempts != 0 || d.MaxAttempts != 1 {
				t.Errorf("replay %d answered %+v", i+1, d)
			}
			o.until(id, want)
		}
		requests := r.Requests()
		if len(requests) != 4 {
			t.Fatalf("%d requests", len(requests))
		}
		for _, q := range requests[1:] {
			if !bytes.Equal(q.Body, requests[0].Body) || !bytes.Contains(q.Body, []byte(event)) {
				t.Errorf("a replay has other bytes:\n%s\n%s", q.Body, requests[0].Body)
			}
		}
		if kinds := o.Strings(`SELECT kind FROM attempt ORDER BY start_instant`); !slices.Equal(kinds, []string{"delivery", "replay", "replay", "replay"}) {
			t.Errorf("attempts on record: %v", kinds)
		}
		if d := o.delivery(event, id); d.LastAttempt.Kind != wire.AttemptReplay || d.LastAttempt.StatusCode != 200 {
			t.Errorf("the last attempt is %+v", d.LastAttempt)
		}

		wantCodes(t, "cancelling what was delivered", o.act(event, id, "cancel"), "[deliveryNotWaiting]")
		wantCodes(t, "running what was delivered", o.act(event, id, "run"), "[deliveryNotWaiting]")
	})
}

func TestReplay_Waiting(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Status(500), egresstest.Hold(release, egresstest.Status(500)), egresstest.Accept())
		id := o.Subscribe(r.URL, []string{orders}, hourly, func(w *wire.Webhook) { w.ReadTimeout = 30_000 })
		event := o.give(orders, "", 1)[0]
		o.until(id, "retrying 0")
		wantCodes(t, "replaying what waits", o.act(event, id, "replay"), "[deliveryNotEnded]")
		if d := o.delivery(event, id); int64(d.NextAttemptInstant-d.LastUpdateInstant) < 1_800_000 {
			t.Errorf("the next attempt of a delivery that failed is %d ms away", d.NextAttemptInstant-d.LastUpdateInstant)
		}

		// Made due at once, it is sent; while it is being sent it is cancelled and sent again. What comes of the first request does not count any more.
		o.act(event, id, "run").Want(200)
		r.WaitFor(2)
		o.act(event, id, "run").Want(200)
		var answer wire.DeliveryResponse
		o.act(event, id, "cancel").Want(200).Decode(&answer)
		if answer.Delivery.State != wire.DeliveryCancelled {
			t.Errorf("cancelling answered %+v", answer.Delivery)
		}
		wantCodes(t, "cancelling twice", o.act(event, id, "cancel"), "[deliveryNotWaiting]")
		o.act(event, id, "replay").Want(200)
		close(release)
		o.until(id, "delivered 1")
		if n := len(r.Requests()); n != 3 {
			t.Errorf("%d requests", n)
		}
		if kinds := o.Strings(`SELECT kind || ' ' || outcome FROM attempt ORDER BY start_instant`); !slices.Equal(kinds, []string{"delivery refused", "retry refused", "replay accepted"}) {
			t.Errorf("attempts on record: %v", kinds)
		}
	})
}

// What is in the queue of a lane when it is cancelled is not sent.
func TestReplay_CancelEmptiesTheQueue(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		id := o.Subscribe(r.URL, []string{orders, returns}, func(w *wire.Webhook) { w.Concurrency, w.ReadTimeout = 1, 30_000 })
		o.give(orders, "", 1)
		r.WaitFor(1)
		o.give(orders, "", 20)
		o.give(returns, "", 1)
		task := o.ended(o.begin("cancel", map[string]any{"search": map[string]any{"webhookId": id, "eventType": orders}}).ID, wire.TaskDone)
		if *task.Total != 21 || task.Done != 21 || task.Skipped != 0 {
			t.Errorf("the task counts %d of %d, %d skipped", task.Done, *task.Total, task.Skipped)
		}
		close(release)
		o.Settled(patience)
		if got := r.Events(); !slices.Equal(got, []string{orders, returns}) {
			t.Errorf("sent: %v", got)
		}
	})
}

func TestReplay_Refusals(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		r := egresstest.NewReceiver(t).On("user.create", egresstest.Status(403))
		id := o.Subscribe(r.URL, []string{orders, "user.create"}, once)
		other := o.Subscribe(r.URL, []string{returns}, once)
		event := o.give(orders, "", 1)[0]
		o.until(id, "delivered 0")

		o.Enable(wire.AbsoluteMajority, "user.create")
		o.Call("POST", "/api/user", user("refused@example.com")).Want(504)
		o.Call("POST", "/api/webhook/"+string(id)+"/test", `{"type":"user.login.success"}`).Want(200)
		refused := wire.ID(o.Strings(`SELECT id FROM event WHERE result = 'Failed' AND NOT test`)[0])
		test := wire.ID(o.Strings(`SELECT id FROM event WHERE test`)[0])
		for _, what := range []string{"replay", "run", "cancel"} {
			wantCodes(t, what+" of a refused event", o.act(refused, id, what), "[eventNotCommitted]")
			wantCodes(t, what+" of a test", o.act(test, id, what), "[eventIsTest]")
			wantCodes(t, what+" of an event for others", o.act(event, other, what), "[eventNotOwed]")
			o.act(event, nowhere, what).Want(404)
			o.act(nowhere, id, what).Want(404)
			wantCodes(t, what+" without ids", o.Call("POST", "/api/delivery/x/y/"+what, nil), "[couldNotConvert]eventId", "[couldNotConvert]webhookId")
		}
		o.Call("GET", "/api/delivery/"+nowhere+"/"+string(id), nil).Want(404)
		o.Call("GET", fmt.Sprintf("/api/delivery/%s/%s", event, other), nil).Want(404)
		o.Call("GET", "/api/delivery/task/"+nowhere, nil).Want(404)
		for _, what := range []string{"pause", "resume", "cancel"} {
			o.steer(nowhere, what).Want(404)
		}
		for _, what := range []string{"pause", "resume"} {
			o.Call("POST", "/api/delivery/webhook/"+nowhere+"/"+what, nil).Want(404)
		}

		o.Call("PATCH", "/api/webhook/"+string(id), `{"webhook":{"enabled":false}}`).Want(200)
		wantCodes(t, "a webhook that is off", o.act(event, id, "replay"), "[webhookDisabled]")
		wantCodes(t, "replay for a webhook that is off", o.Call("POST", "/api/delivery/replay", map[string]any{"search": map[string]any{"webhookId": id}}), "[webhookDisabled]")
		wantCodes(t, "recover for a webhook that is off", o.Call("POST", "/api/delivery/recover", map[string]any{"webhookId": id, "since": 1}), "[webhookDisabled]")

		o.Call("DELETE", "/api/webhook/"+string(id), nil).Want(200)
		o.act(event, id, "replay").Want(404)
		if d := o.delivery(event, id); d.State != wire.DeliveryDelivered {
			t.Errorf("what a webhook had is forgotten with it: %+v", d)
		}

		tenantKey := strings.Repeat("tenant-key-", 4)
		o.Call("POST", "/api/api-key", map[string]any{"apiKey": map[string]any{"key": tenantKey, "tenantId": o.Tenant}}).Want(200)
		for _, call := range []string{"GET /api/delivery/search", "GET /api/delivery/task", "GET /api/delivery/webhook", "POST /api/delivery/recover"} {
			method, path, _ := strings.Cut(call, " ")
			o.Call(method, path, nil, "Authorization", tenantKey).Want(401)
		}
	})
}

func TestReplay_Search(t *testing.T) {
	t.Parallel()
	stoppedOffices(t, func(t *testing.T, o office, clock *stopped) {
		r := egresstest.NewReceiver(t).On("/failing", egresstest.Status(500)).On("/later", egresstest.Status(500))
		good := o.Subscribe(r.URL+"/good", []string{orders, returns})
		failing := o.Subscribe(r.URL+"/failing", []string{orders}, once)
		later := o.Subscribe(r.URL+"/later", []string{returns}, hourly)
		object := wire.ID(uuid.NewString())
		var events []wire.ID
		begin := clock.millis.Load()
		for i := range 12 { // one per second: good has all of them, failing those with even numbers, later the others
			switch i % 4 {
			case 0:
				events = append(events, o.give(orders, object, 1)...)
			case 2:
				events = append(events, o.give(orders, "", 1)...)
			default:
				events = append(events, o.give(returns, "", 1)...)
			}
			clock.advance(time.Second)
		}
		o.Eventually(patience, "everything was tried", func() bool {
			return len(o.Strings(`SELECT id FROM attempt`)) == 24 && len(o.Strings(`SELECT state FROM delivery WHERE state = 'pending'`)) == 0
		})
		o.act(events[1], later, "cancel").Want(200)
		found, _ := o.find("numberOfResults=100")
		for _, d := range found {
			if want := map[wire.ID]int{good: 10, failing: 1, later: 2}[d.WebhookID]; d.MaxAttempts != want {
				t.Errorf("a delivery that is %s has at most %d attempts, want %d", d.State, d.MaxAttempts, want)
			}
		}

		at := func(second int) string { return strconv.FormatInt(begin+int64(second)*1000, 10) }
		for _, test := range []struct {
			query string
			want  string // the numbers of the events, the first letters of the webhooks
		}{
			{"", "11g 11l 10f 10g 9g 9l 8f 8g 7g 7l 6f 6g 5g 5l 4f 4g 3g 3l 2f 2g 1g 1l 0f 0g"},
			{"webhookId=" + string(failing), "10f 8f 6f 4f 2f 0f"},
			{"webhookId=" + string(failing) + "&orderBy=insertInstant", "0f 2f 4f 6f 8f 10f"},
			{"state=dead", "10f 8f 6f 4f 2f 0f"},
			{"state=retrying", "11l 9l 7l 5l 3l"},
			{"state=cancelled", "1l"},
			{"state=cancelled&state=dead", "10f 8f 6f 4f 2f 1l 0f"},
			{"state=retrying&state=dead&orderBy=insertInstant%20ASC", "0f 2f 3l 4f 5l 6f 7l 8f 9l 10f 11l"},
			{"state=delivered&eventType=" + orders, "10g 8g 6g 4g 2g 0g"},
			{"state=pending", ""},
			{"eventType=" + returns + "&webhookId=" + string(later), "11l 9l 7l 5l 3l 1l"},
			{"eventType=" + returns + "&eventType=" + orders + "&webhookId=" + string(later), "11l 9l 7l 5l 3l 1l"},
			{"linkedObjectId=" + string(object), "8f 8g 4f 4g 0f 0g"},
			{"tenantId=" + nowhere, ""},
			{"webhookId=" + nowhere, ""},
			{"eventId=" + string(events[8]), "8f 8g"},
			{"eventId=" + nowhere, ""},
			{"eventId=" + string(events[8]) + "&state=dead&start=" + at(8), "8f"},
			{"eventId=" + string(events[9]) + "&state=retrying&state=dead", "9l"},
			{"eventId=" + string(events[8]) + "&start=" + at(9), ""},
			{"start=" + at(10), "11g 11l 10f 10g"},
			{"end=" + at(1), "0f 0g"},
			{"start=" + at(3) + "&end=" + at(5), "4f 4g 3g 3l"},
			{"start=" + at(3) + "&end=" + at(6) + "&state=retrying&orderBy=insertInstant", "3l 5l"},
			{"start=" + at(500), ""},
			{"webhookId=" + string(later) + "&orderBy=attempts%20DESC,%20insertInstant&state=retrying", "3l 5l 7l 9l 11l"},
			{"webhookId=" + string(later) + "&orderBy=nextAttemptInstant&state=cancelled", "1l"},
		} {
			found, total := o.find("numberOfResults=100&" + test.query)
			var got []string
			for _, d := range found {
				got = append(got, fmt.Sprintf("%d%c", slices.Index(events, d.EventID), map[wire.ID]rune{good: 'g', failing: 'f', later: 'l'}[d.WebhookID]))
			}
			want := strings.Fields(test.want)
			for i := range got { // of one event the webhooks come in the order of their ids, which are random
				if i > 0 && found[i-1].EventID == found[i].EventID {
					if descending := !strings.Contains(test.query, "orderBy"); (found[i-1].WebhookID > found[i].WebhookID) != descending {
						t.Errorf("%s: %s comes behind %s", test.query, found[i].WebhookID, found[i-1].WebhookID)
					}
					slices.Sort(got[i-1 : i+1])
				}
			}
			for i := range want {
				if i > 0 && strings.TrimRight(want[i-1], "gfl") == strings.TrimRight(want[i], "gfl") {
					slices.Sort(want[i-1 : i+1])
				}
			}
			if !slices.Equal(got, want) || total != len(want) {
				t.Errorf("%s: found %v, %d in all, want %v", test.query, got, total, want)
			}
			for _, d := range found {
				if d.LastAttempt == nil || d.LastAttempt.StatusCode != map[wire.ID]int{good: 200, failing: 500, later: 500}[d.WebhookID] {
					t.Errorf("%s: last attempt of %s: %+v", test.query, d.EventID, d.LastAttempt)
				}
			}
			// The same in a body, page by page.
			if test.query == "" {
				var all []wire.Delivery
				for row := 0; row < total; row += 5 {
					var page wire.DeliverySearchResponse
					o.Call("POST", "/api/delivery/search", map[string]any{"search": map[string]any{"numberOfResults": 5, "startRow": row}}).Want(200).Decode(&page)
					all = append(all, page.Deliveries...)
				}
				if !slices.EqualFunc(all, found, func(a, b wire.Delivery) bool { return a.EventID == b.EventID && a.WebhookID == b.WebhookID }) {
					t.Errorf("pages have %d deliveries in another order than the whole", len(all))
				}
			}
		}
		// A single value stands for a list of one.
		var one wire.DeliverySearchResponse
		o.Call("POST", "/api/delivery/search", `{"search":{"state":"dead","eventType":"`+orders+`","numberOfResults":2}}`).Want(200).Decode(&one)
		if len(one.Deliveries) != 2 || one.Total != 6 {
			t.Errorf("a search with single values found %d of %d", len(one.Deliveries), one.Total)
		}
	})
}

func TestReplay_BadInput(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		id := o.Subscribe(egresstest.NewReceiver(t).URL, []string{orders})
		before := o.Rows()
		for _, test := range []struct{ query, codes string }{
			{"webhokId=" + nowhere, "[unknown]webhokId"},
			{"state=dead&State=dead", "[unknown]State"},
			{"webhookId=x&startRow=y", "[couldNotConvert]startRow [couldNotConvert]webhookId"},
			{"state=ded", "[invalid]search.state"},
			{"state=", "[invalid]search.state"},
			{"eventType=user.creat", "[invalid]search.eventType"},
			{"start=2000000000000&end=1900000000000", "[invalid]search.end"},
			{"start=2000000000000&end=2000000000000", "[invalid]search.end"},
			{"start=1700000000", "[invalid]search.start"},
			{"start=-1&end=999999999999999", "[invalid]search.end [invalid]search.start"},
			{"startRow=-1&numberOfResults=10001", "[invalid]search.numberOfResults [invalid]search.startRow"},
			{"orderBy=name", "[invalid]search.orderBy"},
			{"orderBy=insertInstant%20UP", "[invalid]search.orderBy"},
		} {
			wantCodes(t, test.query, o.Call("GET", "/api/delivery/search?"+test.query, nil), strings.Fields(test.codes)...)
		}
		for _, test := range []struct{ path, body, codes string }{
			{"search", `{"serach":{}}`, "[unknown]serach"},
			{"search", `{"search":{"webhookID":"` + nowhere + `","state":[1],"x":{"y":1}}}`, "[unknown]search.webhookID [unknown]search.x [couldNotConvert]search.state[0]"},
			{"search", `[]`, "[invalidJSON]"},
			{"replay", `{}`, "[missing]search"},
			{"replay", `{"search":{"tenantId":"` + nowhere + `"}}`, "[missing]search"},
			{"replay", `{"search":{"state":["pending"]}}`, "[invalid]search.state"},
			{"replay", `{"search":{"state":["dead"],"numberOfResults":5}}`, "[unknown]search.numberOfResults"},
			{"replay", `{"search":{"state":["dead"]},"rate":0}`, "[invalid]rate"},
			{"replay", `{"search":{"state":["dead"]},"rate":10000.5,"dryrun":true}`, "[unknown]dryrun"},
			{"replay", `{"search":{"state":["dead"]},"rate":10000.5}`, "[invalid]rate"},
			{"replay", `{"search":{"state":["dead"]},"rate":-1}`, "[invalid]rate"},
			{"replay", `{"search":{"webhookId":"` + nowhere + `"}}`, "[invalid]search.webhookId"},
			{"replay", `{"search":{"end":1000000000}}`, "[invalid]search.end"},
			{"cancel", `{"search":{}}`, "[missing]search"},
			{"cancel", `{"search":{"state":["delivered","pending"]}}`, "[invalid]search.state"},
			{"cancel", `{"search":{"state":["pending"]},"rate":1}`, "[unknown]rate"},
			{"recover", `{}`, "[missing]webhookId [missing]since"},
			{"recover", `{"webhookId":"` + nowhere + `","since":1}`, "[invalid]webhookId"},
			{"recover", `{"webhookId":"` + string(id) + `","since":1700000000}`, "[invalid]since"},
			{"recover", `{"webhookId":"` + string(id) + `","since":32503680000000}`, "[invalid]since"},
			{"recover", `{"webhookId":"` + string(id) + `","since":5,"until":5,"rate":20000}`, "[invalid]until [invalid]rate"},
			{"recover", `{"webhookId":"` + string(id) + `","since":5,"state":["dead"]}`, "[unknown]state"},
			{"webhook/" + string(id) + "/pause", `{"why":"x"}`, "[unknown]why"},
			{"webhook/" + string(id) + "/pause", `{"reason":"` + strings.Repeat("x", 1001) + `"}`, "[tooLong]reason"},
			{"webhook/x/pause", ``, "[couldNotConvert]webhookId"},
			{"task/x/pause", ``, "[couldNotConvert]taskId"},
		} {
			var body any
			if test.body != "" {
				body = test.body
			}
			wantCodes(t, test.path+" "+test.body, o.Call("POST", "/api/delivery/"+test.path, body), strings.Fields(test.codes)...)
		}
		wantCodes(t, "a state of tasks", o.Call("GET", "/api/delivery/task?state=runing", nil), "[invalid]search.state")
		if answer := o.Call("GET", "/api/delivery/search?webhokId=x", nil); !bytes.Contains(answer.Body, []byte(`Did you mean \"webhookId\"?`)) {
			t.Errorf("no suggestion in %s", answer.Body)
		}
		o.Unchanged(before)
	})
}

func TestReplay_Matching(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		r := egresstest.NewReceiver(t).Script(egresstest.Status(500)).On("/later", egresstest.Status(500)).On("/off", egresstest.Status(500))
		failing := o.Subscribe(r.URL+"/failing", []string{orders, returns}, once)
		later := o.Subscribe(r.URL+"/later", []string{orders}, hourly)
		off := o.Subscribe(r.URL+"/off", []string{orders}, once)
		o.give(orders, "", 3)
		o.give(returns, "", 2)
		o.until(failing, "dead 0", "dead 0", "dead 0", "dead 0", "dead 0")
		o.until(later, "retrying 0", "retrying 0", "retrying 0")
		o.until(off, "dead 0", "dead 0", "dead 0")
		o.Call("PATCH", "/api/webhook/"+string(off), `{"webhook":{"enabled":false}}`).Want(200)
		r.Forget()
		r.Script(egresstest.Accept())

		search := map[string]any{"search": map[string]any{"eventType": orders}}
		if got := o.dry("replay", search); got != `{"dryRun":true,"count":3}` {
			t.Errorf("the dry run says %s", got)
		}
		if got := o.dry("cancel", search); got != `{"dryRun":true,"count":3}` {
			t.Errorf("the dry run of a cancellation says %s", got)
		}
		if got := o.states(failing); slices.Contains(got, "pending 0") || len(r.Requests()) > 0 {
			t.Errorf("a dry run did something: %v", got)
		}
		delete(search, "dryRun")
		task := o.begin("replay", search)
		if task.Kind != wire.TaskReplay || task.State != wire.TaskRunning || !slices.Equal(task.Search.EventTypes, []string{orders}) || task.InsertInstant == 0 {
			t.Errorf("the new task is %+v", task)
		}
		task = o.ended(task.ID, wire.TaskDone)
		if *task.Total != 3 || task.Done != 3 || task.Skipped != 0 || task.FinishInstant < task.InsertInstant {
			t.Errorf("the task is %+v", task)
		}
		o.until(failing, "delivered 1", "delivered 1", "delivered 1", "dead 0", "dead 0")
		if got := o.states(later); slices.Contains(got, "pending 1") {
			t.Errorf("what waits was sent again: %v", got)
		}
		if got := o.states(off); !slices.Equal(got, []string{"dead 0", "dead 0", "dead 0"}) {
			t.Errorf("a webhook that is off gets something: %v", got)
		}
		wantCodes(t, "pausing what is done", o.steer(task.ID, "pause"), "[taskEnded]")
		wantCodes(t, "resuming what is done", o.steer(task.ID, "resume"), "[taskEnded]")
		wantCodes(t, "cancelling what is done", o.steer(task.ID, "cancel"), "[taskEnded]")

		// Calling off is for what waits.
		task = o.ended(o.begin("cancel", map[string]any{"search": map[string]any{"state": []string{"retrying", "pending"}}}).ID, wire.TaskDone)
		if *task.Total != 3 || task.Done != 3 {
			t.Errorf("the cancellation is %+v", task)
		}
		o.until(later, "cancelled 0", "cancelled 0", "cancelled 0")

		var list wire.DeliveryTasksResponse
		o.Call("GET", "/api/delivery/task?numberOfResults=1&state=done&state=running", nil).Want(200).Decode(&list)
		if list.Total != 2 || len(list.Tasks) != 1 || list.Tasks[0].ID != task.ID {
			t.Errorf("the list of tasks is %+v", list)
		}
		o.Call("GET", "/api/delivery/task?state=failed", nil).Want(200).Decode(&list)
		if list.Total != 0 {
			t.Errorf("failed tasks: %+v", list)
		}
		if entries := o.Strings(`SELECT message FROM event_log WHERE message LIKE '%task%' ORDER BY id`); len(entries) != 4 {
			t.Errorf("the event log has %q", entries)
		}
		// Nothing matches, so there is nothing to do.
		task = o.ended(o.begin("replay", map[string]any{"search": map[string]any{"end": 1}}).ID, wire.TaskDone)
		if *task.Total != 0 || task.Done != 0 {
			t.Errorf("a task about nothing is %+v", task)
		}
	})
}

// stopped is a clock that stands still unless it is told otherwise.
type stopped struct{ millis atomic.Int64 }

func newStopped() *stopped {
	s := &stopped{}
	s.millis.Store(time.Now().UnixMilli())
	return s
}

func (s *stopped) now() time.Time { return time.UnixMilli(s.millis.Load()) }

func (s *stopped) advance(d time.Duration) { s.millis.Add(d.Milliseconds()) }

// stoppedOffices is offices, each with a clock of its own that stands still.
func stoppedOffices(t *testing.T, fn func(t *testing.T, o office, clock *stopped)) {
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			clock := newStopped()
			s := apptest.Start(t, engine, func(o *app.Options) { o.Clock = clock.now })
			s.Enable(wire.None, orders, returns)
			fn(t, office{s, t}, clock)
		})
	}
}

// A task with a rate does no more than the clock allows, through pauses and restarts, and does each delivery once.
func TestReplay_TaskWithRate(t *testing.T) {
	t.Parallel()
	for _, each := range []struct {
		name    string
		between func(o office, task wire.ID)
	}{
		{name: "paused", between: func(o office, task wire.ID) {
			o.steer(task, "pause").Want(200)
			o.steer(task, "pause").Want(200)
			if state := o.task(task).State; state != wire.TaskPaused {
				o.t.Errorf("a paused task is %s", state)
			}
			o.steer(task, "resume").Want(200)
			o.steer(task, "resume").Want(200)
		}},
		{name: "restarted", between: func(o office, _ wire.ID) { o.Restart() }},
	} {
		t.Run(each.name, func(t *testing.T) {
			t.Parallel()
			stoppedOffices(t, func(t *testing.T, o office, clock *stopped) {
				r := egresstest.NewReceiver(t).Script(egresstest.Status(500))
				id := o.Subscribe(r.URL, []string{orders}, once)
				events := o.give(orders, "", 5)
				o.until(id, slices.Repeat([]string{"dead 0"}, 5)...)
				r.Forget()
				r.Script(egresstest.Accept())

				task := o.begin("replay", map[string]any{"search": map[string]any{"webhookId": id}, "rate": 0.5})
				for n := range 5 {
					r.WaitFor(n + 1)
					if n == 4 {
						break // it is done, and does not wait for the time of a delivery that will not come
					}
					each.between(o, task.ID)
					// The clock stands still, so it has done one delivery for every two seconds that have passed, and one to begin with.
					if done := o.task(task.ID).Done; done != n+1 {
						t.Errorf("after %d s the task has done %d, want %d", 2*n, done, n+1)
					}
					clock.advance(2*time.Second - time.Millisecond)
					each.between(o, task.ID)
					if done := o.task(task.ID).Done; done != n+1 {
						t.Errorf("a millisecond early the task has done %d, want %d", done, n+1)
					}
					clock.advance(time.Millisecond)
				}
				ended := o.ended(task.ID, wire.TaskDone)
				if *ended.Total != 5 || ended.Done != 5 || ended.Rate != 0.5 {
					t.Errorf("the task is %+v", ended)
				}
				o.until(id, slices.Repeat([]string{"delivered 1"}, 5)...)
				var sent []wire.ID
				for _, q := range r.Requests() {
					sent = append(sent, eventOf(t, q))
				}
				if !slices.Equal(sent, events) {
					t.Errorf("sent again: %v, want each event once and in order: %v", sent, events)
				}
			})
		})
	}
}

// eventOf is the id of the event in a request.
func eventOf(t *testing.T, q egresstest.Recorded) wire.ID {
	t.Helper()
	var body struct {
		Event struct{ ID wire.ID }
	}
	if err := json.Unmarshal(q.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body.Event.ID
}

func TestReplay_TaskCancelled(t *testing.T) {
	t.Parallel()
	stoppedOffices(t, func(t *testing.T, o office, clock *stopped) {
		r := egresstest.NewReceiver(t).Script(egresstest.Status(500))
		id := o.Subscribe(r.URL, []string{orders}, once)
		o.give(orders, "", 4)
		o.until(id, slices.Repeat([]string{"dead 0"}, 4)...)
		r.Script(egresstest.Accept())
		r.Forget()
		begin := func() wire.DeliveryTask {
			return o.begin("replay", map[string]any{"search": map[string]any{"webhookId": id, "state": "dead"}, "rate": 0.001})
		}
		running, paused := begin(), wire.DeliveryTask{}
		r.WaitFor(1)
		o.until(id, "delivered 1", "dead 0", "dead 0", "dead 0")
		o.steer(running.ID, "cancel").Want(200)
		o.steer(running.ID, "cancel").Want(200)
		paused = begin()
		r.WaitFor(2)
		o.steer(paused.ID, "pause").Want(200)
		o.steer(paused.ID, "cancel").Want(200)
		clock.advance(time.Hour)
		o.Restart()
		for _, id := range []wire.ID{running.ID, paused.ID} {
			if task := o.task(id); task.State != wire.TaskCancelled || task.Done != 1 || task.FinishInstant == 0 {
				t.Errorf("the task is %+v", task)
			}
			wantCodes(t, "resuming what was cancelled", o.steer(id, "resume"), "[taskEnded]")
		}
		o.until(id, "delivered 1", "delivered 1", "dead 0", "dead 0")

		// One whose webhook goes has failed.
		failed := begin()
		r.WaitFor(3)
		o.Call("DELETE", "/api/webhook/"+string(id), nil).Want(200)
		clock.advance(time.Hour)
		o.steer(failed.ID, "resume").Want(200)
		if task := o.ended(failed.ID, wire.TaskFailed); task.Done != 1 || task.Error == "" || *task.Total != 2 {
			t.Errorf("the task is %+v", task)
		}
	})
}

// A task gives a webhook no more than it can take, says what it waits for, and goes on with the others meanwhile.
func TestReplay_TaskWaitsForASlowWebhook(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		r := egresstest.NewReceiver(t).Script(egresstest.Status(500))
		slow, quick := o.Subscribe(r.URL+"/slow", []string{orders}, once), o.Subscribe(r.URL+"/quick", []string{orders}, once)
		const n = 450
		o.give(orders, "", n)
		o.until(slow, slices.Repeat([]string{"dead 0"}, n)...)
		o.until(quick, slices.Repeat([]string{"dead 0"}, n)...)
		r.Script(egresstest.Accept())
		r.Forget()
		var paused wire.WebhookBacklogResponse
		o.Call("POST", "/api/delivery/webhook/"+string(slow)+"/pause", `{"reason":" tidying up "}`).Want(200).Decode(&paused)
		if p := paused.Webhook; p.Paused == nil || p.Paused.Reason != "tidying up" || p.Paused.Instant == 0 || p.Dead != n || !p.Enabled || p.Breaker.State != "closed" {
			t.Errorf("pausing answered %+v", p)
		}

		task := o.begin("replay", map[string]any{"search": map[string]any{"state": []string{"dead"}}})
		o.until(quick, slices.Repeat([]string{"delivered 1"}, n)...)
		o.Eventually(patience, "the task waits for the webhook that is paused", func() bool {
			w := o.task(task.ID).WaitsFor
			return strings.Contains(w, string(slow)) && strings.Contains(w, "paused")
		})
		if got := o.task(task.ID); got.State != wire.TaskRunning || got.Done != n+200 || *got.Total != 2*n {
			t.Errorf("the task that waits is %+v, want one step for the webhook that is paused", got)
		}
		o.Call("POST", "/api/delivery/webhook/"+string(slow)+"/resume", nil).Want(200)
		if ended := o.ended(task.ID, wire.TaskDone); ended.Done != 2*n || ended.WaitsFor != "" {
			t.Errorf("the task is %+v", ended)
		}
		o.until(slow, slices.Repeat([]string{"delivered 1"}, n)...)
		if got := len(r.Requests()); got != 2*n {
			t.Errorf("%d requests, want each delivery once", got)
		}
	}, func(o *app.Options) { o.Outbox.Queue = 50 })
}

// A webhook gets what it has missed, whatever the reason, and nothing else.
func TestReplay_Recover(t *testing.T) {
	t.Parallel()
	stoppedOffices(t, func(t *testing.T, o office, clock *stopped) {
		other := createTenant(o.Server, "Other")
		r := egresstest.NewReceiver(t)
		id := o.Subscribe(r.URL, []string{orders, "user.create"}, once, func(w *wire.Webhook) { w.Global, w.TenantIDs = false, []wire.ID{o.Tenant} })
		give := func(kind string) wire.ID {
			defer clock.advance(time.Second)
			return o.give(kind, "", 1)[0]
		}
		names := map[wire.ID]string{}
		settle := func(state string) {
			o.Eventually(patience, "the newest is "+state, func() bool { s := o.states(id); return len(s) > 0 && s[len(s)-1] == state+" 0" })
		}

		r.Script(egresstest.Status(500))
		names[give(orders)] = "too old"
		settle("dead")
		since := clock.millis.Load()
		names[give(orders)] = "dead"
		settle("dead")
		r.Script(egresstest.Accept())
		names[give(orders)] = "delivered"
		settle("delivered")
		names[give(returns)] = "not wanted then"
		o.Enable(wire.AbsoluteMajority, "user.create") // a refused event
		r.On("user.create", egresstest.Status(400))
		o.Call("POST", "/api/user", user("no@example.com"), "X-FusionAuth-TenantId", string(o.Tenant)).Want(504)
		r.On("user.create", egresstest.Accept())
		o.Call("POST", "/api/webhook/"+string(id)+"/test", `{"type":"user.create"}`).Want(200) // a test
		o.Call("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"a","message":"b"}}`).Want(200)
		o.Call("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"a","message":"of another tenant","tenantId":"`+string(other)+`"}}`).Want(200)
		o.Call("PATCH", "/api/webhook/"+string(id), `{"webhook":{"retryConfiguration":{"delays":[3600]}}}`).Want(200)
		r.Script(egresstest.Status(500))
		names[give(orders)] = "waits"
		settle("retrying")
		names[give(orders)] = "cancelled"
		settle("retrying")
		for event, name := range names {
			if name == "cancelled" {
				o.act(event, id, "cancel").Want(200)
			}
		}
		until := clock.millis.Load()
		clock.advance(time.Second)
		names[give(returns)] = "too new"
		o.Call("PATCH", "/api/webhook/"+string(id), `{"webhook":{"eventsEnabled":{"`+returns+`":true,"audit-log.create":true}}}`).Want(200)
		r.Script(egresstest.Accept())
		r.Forget()

		request := map[string]any{"webhookId": id, "since": since, "until": until}
		// Never sent: what it did not want then, and the audit log entry that belongs to no tenant.
		if got, want := o.dry("recover", request), `{"dryRun":true,"count":5,"failed":2,"waiting":1,"neverSent":2}`; got != want {
			t.Errorf("the dry run says %s, want %s", got, want)
		}
		delete(request, "dryRun")
		o.Enable(wire.None, orders) // and nothing but that, of which nothing was never sent
		o.Call("PATCH", "/api/tenant/"+string(o.Tenant), `{"tenant":{"eventConfiguration":{"events":{"`+returns+`":{"enabled":false}}}}}`).Want(200)
		if got, want := o.dry("recover", request), `{"dryRun":true,"count":4,"failed":2,"waiting":1,"neverSent":1}`; got != want {
			t.Errorf("with the tenant's switch off the dry run says %s, want %s", got, want)
		}
		o.Enable(wire.None, returns)
		delete(request, "dryRun")

		task := o.begin("recover", request)
		if task.Kind != wire.TaskRecover || task.Recovery == nil || *task.Recovery != (wire.DeliveryRecovery{WebhookID: id, Since: wire.Instant(since), Until: wire.Instant(until)}) {
			t.Errorf("the task is %+v", task)
		}
		task = o.ended(task.ID, wire.TaskDone)
		if *task.Total != 5 || task.Done != 5 || task.Skipped != 0 {
			t.Errorf("the task is %+v", task)
		}
		r.WaitFor(5)
		o.Settled(patience)
		var got []string
		for _, q := range r.Requests() {
			name := names[eventOf(t, q)]
			if name == "" {
				name = q.Event()
			}
			got = append(got, name)
		}
		slices.Sort(got)
		if want := []string{"audit-log.create", "cancelled", "dead", "not wanted then", "waits"}; !slices.Equal(got, want) {
			t.Errorf("recovered: %q, want %q", got, want)
		}
		if kinds := o.Strings(`SELECT DISTINCT a.kind FROM attempt a WHERE a.webhook_id = $1 AND a.start_instant >= $2 ORDER BY a.kind`, id, clock.millis.Load()); !slices.Equal(kinds, []string{"delivery", "replay", "retry"}) {
			t.Errorf("kinds of attempts: %v", kinds)
		}
		// Once more there is nothing left.
		if got, want := o.dry("recover", request), `{"dryRun":true,"count":0,"failed":0,"waiting":0,"neverSent":0}`; got != want {
			t.Errorf("after the recovery the dry run says %s, want %s", got, want)
		}
	})
}

func TestReplay_Backlog(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		r := egresstest.NewReceiver(t).On("/later", egresstest.Status(500)).On("/gone", egresstest.Close())
		later := o.Subscribe(r.URL+"/later", []string{orders}, hourly)
		gone := o.Subscribe(r.URL+"/gone", []string{orders}, hourly)
		backlog := func(id wire.ID) wire.WebhookBacklog {
			t.Helper()
			var all wire.WebhookBacklogsResponse
			o.Call("GET", "/api/delivery/webhook", nil).Want(200).Decode(&all)
			i := slices.IndexFunc(all.Webhooks, func(b wire.WebhookBacklog) bool { return b.WebhookID == id })
			if i < 0 || len(all.Webhooks) != 2 {
				t.Fatalf("backlogs of %d webhooks", len(all.Webhooks))
			}
			return all.Webhooks[i]
		}
		gates := func(id wire.ID) map[string]wire.ExplainedGate {
			t.Helper()
			var e wire.WebhookExplainResponse
			o.Call("GET", "/api/webhook/"+string(id)+"/explain?eventType="+orders+"&tenantId="+string(o.Tenant), nil).Want(200).Decode(&e)
			gates := map[string]wire.ExplainedGate{}
			for _, g := range e.Explanation.Gates {
				gates[g.Gate] = g
			}
			if e.Explanation.Receives != (gates["paused"].Open && gates["breaker"].Open) {
				t.Errorf("receives is %v with %+v", e.Explanation.Receives, gates)
			}
			return gates
		}
		if b := backlog(later); b.Pending+b.Retrying+b.Dead != 0 || b.NextAttemptInstant != 0 || b.OldestDueInstant != 0 || b.URL != r.URL+"/later" || !b.Enabled || b.Paused != nil {
			t.Errorf("the backlog of a webhook that is owed nothing is %+v", b)
		}
		o.give(orders, "", 12)
		o.Eventually(patience, "nobody is behind /gone", func() bool { return backlog(gone).Breaker.State == "open" })
		o.until(later, slices.Repeat([]string{"retrying 0"}, 12)...)
		if b := backlog(later); b.Retrying != 12 || b.Pending != 0 || b.OldestDueInstant != 0 || b.NextAttemptInstant == 0 || b.Breaker != (wire.WebhookBreaker{State: "closed"}) {
			t.Errorf("the backlog of what fails is %+v", b)
		}
		if b := backlog(gone); b.Breaker.OpenedInstant == 0 || b.Breaker.ProbeInstant < b.Breaker.OpenedInstant || b.Breaker.Failure == "" || b.Pending+b.Retrying != 12 {
			t.Errorf("the backlog of who cannot be reached is %+v", b)
		}
		if g := gates(gone); g["breaker"].Open || g["breaker"].Detail == "" || !g["paused"].Open {
			t.Errorf("gates of who cannot be reached: %+v", g)
		}

		o.Call("POST", "/api/delivery/webhook/"+string(later)+"/pause", nil).Want(200)
		event := o.give(orders, "", 1)[0]
		if b := backlog(later); b.Paused == nil || b.Paused.Reason != "" || b.Pending != 1 || b.OldestDueInstant == 0 {
			t.Errorf("the backlog of a paused webhook is %+v", b)
		}
		fix := gates(later)["paused"].Fix
		method, path, _ := strings.Cut(fix, " ")
		var resumed wire.WebhookBacklogResponse
		o.Call(method, path, nil).Want(200).Decode(&resumed)
		if resumed.Webhook.Paused != nil || resumed.Webhook.WebhookID != later {
			t.Errorf("resuming answered %+v", resumed.Webhook)
		}
		o.Eventually(patience, "what waited was sent", func() bool { return o.delivery(event, later).Attempts == 1 })
		if g := gates(later); !g["paused"].Open || !g["breaker"].Open || g["paused"].Fix != "" {
			t.Errorf("gates of a webhook that flows: %+v", g)
		}
	})
}

// A replay keeps what a webhook with an ordering was promised: of one object, one after the other.
func TestReplay_Ordered(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		r := egresstest.NewReceiver(t).Script(egresstest.Status(500))
		id := o.Subscribe(r.URL, []string{orders}, once)
		object := wire.ID(uuid.NewString())
		events := o.give(orders, object, 6)
		o.until(id, slices.Repeat([]string{"dead 0"}, 6)...)
		// It asks for an order only now.
		o.Call("PATCH", "/api/webhook/"+string(id), `{"webhook":{"ordering":"linkedObject"}}`).Want(200)
		var underWay, most atomic.Int32
		r.Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
			if n := underWay.Add(1); n > most.Load() {
				most.Store(n)
			}
			underWay.Add(-1)
			w.WriteHeader(http.StatusOK)
		}))
		r.Forget()
		o.ended(o.begin("replay", map[string]any{"search": map[string]any{"linkedObjectId": object}}).ID, wire.TaskDone)
		o.until(id, slices.Repeat([]string{"delivered 1"}, 6)...)
		var sent []wire.ID
		for _, q := range r.Requests() {
			sent = append(sent, eventOf(t, q))
		}
		if !slices.Equal(sent, events) || most.Load() != 1 {
			t.Errorf("sent %v, %d at once, want %v, one after the other", sent, most.Load(), events)
		}
	})
}

// Without a store nothing is lost either: a large body is not kept in memory while it waits.
func TestReplay_LargeEvent(t *testing.T) {
	t.Parallel()
	offices(t, func(t *testing.T, o office) {
		r := egresstest.NewReceiver(t)
		id := o.Subscribe(r.URL, []string{orders})
		event := wire.ID(uuid.NewString())
		o.Call("POST", "/api/event", map[string]any{"event": map[string]any{"id": event, "type": orders, "tenantId": o.Tenant, "text": strings.Repeat("ä", 50_000)}}).Want(200)
		o.until(id, "delivered 0")
		o.act(event, id, "replay").Want(200)
		o.until(id, "delivered 1")
		if q := r.Requests(); len(q) != 2 || !bytes.Equal(q[0].Body, q[1].Body) || len(q[0].Body) < 100_000 {
			t.Errorf("%d requests, or other bytes", len(q))
		}
	})
}
