package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

const (
	eventLogPath   = "/api/system/webhook-event-log/"
	attemptLogPath = "/api/system/webhook-attempt-log/"
)

// logged searches the webhook log with both methods, which must say the same.
func logged(t *testing.T, s *apptest.Server, criteria map[string]any) wire.WebhookEventLogSearchResponse {
	t.Helper()
	var posted, got wire.WebhookEventLogSearchResponse
	s.Call("POST", eventLogPath+"search", map[string]any{"search": criteria}).Want(200).Decode(&posted)
	query := url.Values{}
	for name, value := range criteria {
		query.Set(name, fmt.Sprint(value))
	}
	s.Call("GET", eventLogPath+"search?"+query.Encode(), nil).Want(200).Decode(&got)
	if got.Total != posted.Total || !slices.Equal(sequences(got), sequences(posted)) {
		t.Errorf("%v: GET finds %d %v, POST %d %v", criteria, got.Total, sequences(got), posted.Total, sequences(posted))
	}
	return posted
}

func sequences(r wire.WebhookEventLogSearchResponse) (all []int64) {
	for _, e := range r.WebhookEventLogs {
		all = append(all, e.Sequence)
	}
	return all
}

// oneEvent is the only event that a search finds, read by its id.
func oneEvent(t *testing.T, s *apptest.Server, criteria map[string]any) wire.WebhookEventLog {
	t.Helper()
	found := logged(t, s, criteria)
	if len(found.WebhookEventLogs) != 1 {
		t.Fatalf("%v: %d events", criteria, len(found.WebhookEventLogs))
	}
	var r wire.WebhookEventLogResponse
	s.Call("GET", eventLogPath+string(found.WebhookEventLogs[0].ID), nil).Want(200).Decode(&r)
	return *r.WebhookEventLog
}

// A committed event, seen from all sides: what was sent, to whom, what came back, and in the form that the original has.
func TestWebhookLog_OneEvent(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.Any, "user.create")
		yes := egresstest.NewReceiver(t).Script(egresstest.Answer(201, http.Header{"X-Answer": {"42"}}, `{"ok":true}`))
		no := egresstest.NewReceiver(t).Script(egresstest.Answer(503, nil, "not now"), egresstest.Accept())
		voter := s.Subscribe(yes.URL+"/hook?token=1234567890", []string{"user.create"})
		late := s.Subscribe(no.URL, []string{"user.create"})
		var created wire.UserResponse
		s.Call("POST", "/api/user", user("one@example.com")).Want(200).Decode(&created)
		s.Settled(patience)

		e := oneEvent(t, s, map[string]any{"eventType": "user.create"})
		sent := yes.Requests()[0].Body
		var compact bytes.Buffer
		_ = json.Compact(&compact, e.Event)
		if !bytes.Equal(compact.Bytes(), sent) {
			t.Errorf("the event is\n%s, sent was\n%s", e.Event, sent)
		}
		if e.ID != wire.ID(tree(t, sent)["event"].(map[string]any)["id"].(string)) || e.EventResult != wire.EventSucceeded || e.LinkedObjectID != created.User.ID || e.TenantID != s.Tenant ||
			e.TransactionType != wire.Any || e.Test || e.OperationID == "" || e.Sequence == 0 {
			t.Errorf("event %+v", e)
		}
		if n := len(e.Attempts); n != 3 || e.SuccessfulAttempts != 2 || e.FailedAttempts != 1 {
			t.Fatalf("%d attempts, %d and %d", n, e.SuccessfulAttempts, e.FailedAttempts)
		}
		var kinds []string
		for i, a := range e.Attempts {
			if a.WebhookEventLogID != "" || a.RequestBody != "" || i > 0 && a.StartInstant < e.Attempts[i-1].StartInstant {
				t.Errorf("attempt %d: %+v", i, a)
			}
			kinds = append(kinds, string(a.Kind)+" "+string(a.AttemptResult)+" "+a.Outcome)
		}
		slices.Sort(kinds)
		if want := []string{"retry Success accepted", "vote Failure refused", "vote Success accepted"}; !slices.Equal(kinds, want) {
			t.Errorf("attempts %q, want %q", kinds, want)
		}
		if e.LastAttemptInstant != e.Attempts[2].StartInstant || e.InsertInstant == 0 || e.LastUpdateInstant < e.InsertInstant {
			t.Errorf("instants %d %d %d", e.InsertInstant, e.LastAttemptInstant, e.LastUpdateInstant)
		}
		first, second := voter, late
		if second < first {
			first, second = second, first
		}
		if d := e.Deliveries; len(d) != 2 || d[0].WebhookID != first || d[1].WebhookID != second || d[0].State != "delivered" || d[1].State != "delivered" ||
			d[0].Attempts+d[1].Attempts != 3 || d[0].NextAttemptInstant != 0 || d[0].LastUpdateInstant == 0 {
			t.Errorf("deliveries %+v", d)
		}

		accepted := e.Attempts[slices.IndexFunc(e.Attempts, func(a wire.WebhookAttemptLog) bool { return a.WebhookID == voter })]
		var r wire.WebhookAttemptLogResponse
		s.Call("GET", attemptLogPath+string(accepted.ID), nil).Want(200).Decode(&r)
		a := *r.WebhookAttemptLog
		if a.WebhookEventLogID != e.ID || a.WebhookID != voter || a.AttemptResult != wire.AttemptSuccess || a.RequestBody != string(sent) || a.Request.Size != int64(len(sent)) || a.Request.Truncated != 0 {
			t.Errorf("attempt %+v", a)
		}
		if w := a.WebhookCallResponse; w.StatusCode != 201 || w.URL != yes.URL+"/hook?token=…" || w.Exception != "" {
			t.Errorf("response %+v", w)
		}
		if a.Request.Headers["Content-Type"] != "application/json" || a.Response.Headers["X-Answer"] != "42" || a.Response.Body != `{"ok":true}` || a.Response.Size != 11 || a.Response.Truncated != 0 {
			t.Errorf("request %+v, response %+v", a.Request, a.Response)
		}
		if a.Node == "" || a.RemoteAddress != strings.TrimPrefix(yes.URL, "http://") || a.Phases.Total == 0 || a.Phases.FirstByte == 0 || a.DurationMicros != a.Phases.Total || a.EndInstant < a.StartInstant {
			t.Errorf("attempt %+v, phases %+v", a, a.Phases)
		}
		if nested, _ := json.Marshal(accepted.Response); !bytes.Contains(nested, []byte(`"X-Answer":"42"`)) {
			t.Errorf("in its event the attempt has the response %s", nested)
		}

		// The members that the original has, as it has them.
		members := tree(t, s.Call("GET", eventLogPath+string(e.ID), nil).Body)["webhookEventLog"].(map[string]any)
		for _, name := range []string{
			"attempts", "data", "event", "eventResult", "eventType", "failedAttempts", "id", "insertInstant", "lastAttemptInstant", "lastUpdateInstant", "linkedObjectId",
			"sequence", "successfulAttempts",
		} {
			if _, ok := members[name]; !ok {
				t.Errorf("the event lacks %s", name)
			}
		}
		members = tree(t, s.Call("GET", attemptLogPath+string(a.ID), nil).Body)["webhookAttemptLog"].(map[string]any)
		for _, name := range []string{"attemptResult", "data", "endInstant", "id", "startInstant", "webhookCallResponse", "webhookEventLogId", "webhookId"} {
			if _, ok := members[name]; !ok {
				t.Errorf("the attempt lacks %s", name)
			}
		}

		// A list has the attempts as well, without what makes them large.
		in := logged(t, s, map[string]any{"eventType": "user.create"}).WebhookEventLogs[0]
		if len(in.Attempts) != 3 || in.SuccessfulAttempts != 2 || in.Attempts[0].Response != nil || in.Attempts[0].Kind == "" || len(in.Deliveries) != 2 || !bytes.Equal(in.Event, e.Event) {
			t.Errorf("in a list: %+v", in)
		}
	}, quickRetries)
}

// What was refused is on record: nobody got it, and who said no.
func TestWebhookLog_Refused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		gone := "http://" + egresstest.UnusedAddress(t).String()
		no := egresstest.NewReceiver(t).Script(egresstest.Answer(403, nil, "blocked domain"))
		voters := []wire.ID{s.Subscribe(no.URL, []string{"user.create"})}
		s.Call("POST", "/api/user", user("refused@example.com")).Want(504)
		e := oneEvent(t, s, map[string]any{"eventResult": "Failed"})
		if e.EventType != "user.create" || e.TransactionType != wire.AbsoluteMajority || len(e.Deliveries) != 0 || len(e.Attempts) != 1 || e.FailedAttempts != 1 ||
			e.Attempts[0].WebhookID != voters[0] || e.Attempts[0].Kind != wire.AttemptVote || e.Attempts[0].WebhookCallResponse.StatusCode != 403 || e.Attempts[0].Response.Body != "blocked domain" {
			t.Errorf("event %+v", e)
		}
		if found := logged(t, s, map[string]any{"webhookId": voters[0]}); found.Total != 1 {
			t.Errorf("by its voter: %d events", found.Total)
		}

		s.Call("DELETE", "/api/webhook/"+string(voters[0]), nil).Want(200)
		silent := s.Subscribe(gone, []string{"user.create"})
		s.Call("POST", "/api/user", user("refused@example.com")).Want(504)
		e = oneEvent(t, s, map[string]any{"webhookId": silent})
		a := e.Attempts[0]
		if e.EventResult != wire.EventFailed || a.AttemptResult != wire.AttemptFailure || a.Outcome != "connect" || a.WebhookCallResponse.Exception == "" || a.WebhookCallResponse.StatusCode != 0 || a.Response != nil {
			t.Errorf("attempt %+v", a)
		}
	})
}

// An event that somebody did not get says why, and what to do about it; done, the next one arrives.
func TestWebhookLog_NotSentTo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		other := createTenant(s, "Other")
		r := egresstest.NewReceiver(t)
		hooks := map[wire.ID]string{} // reason
		add := func(reason string, change func(*wire.Webhook)) {
			hooks[s.Subscribe(r.URL+"/"+strings.ReplaceAll(reason, " ", "-"), []string{"user.create"}, change)] = reason
		}
		add("disabled", func(w *wire.Webhook) { w.Enabled = new(bool) })
		add("event disabled", func(w *wire.Webhook) { w.EventsEnabled = wire.Map[bool]{"user.delete": true} })
		add("other tenant", func(w *wire.Webhook) { w.Global, w.TenantIDs = false, []wire.ID{other} })
		add("tenant disabled", func(w *wire.Webhook) {})
		events := func(email string) wire.WebhookEventLog {
			t.Helper()
			s.Call("POST", "/api/user", user(email), "X-FusionAuth-TenantId", string(s.Tenant)).Want(200)
			s.Settled(patience)
			return oneEvent(t, s, map[string]any{"eventType": "user.create", "event": `"` + email + `"`})
		}

		e := events("nobody@example.com")
		if e.EventResult != wire.EventSucceeded || len(e.Attempts) != 0 || e.LastAttemptInstant != 0 || len(e.Deliveries) != 0 || len(e.NotSentTo) != 4 {
			t.Fatalf("an event for nobody: %+v", e)
		}
		for i, w := range e.NotSentTo {
			if w.Reason != hooks[w.WebhookID] || w.URL != r.URL+"/"+strings.ReplaceAll(w.Reason, " ", "-") || w.Detail == "" || i > 0 && w.WebhookID <= e.NotSentTo[i-1].WebhookID {
				t.Errorf("not sent to %+v, want %s", w, hooks[w.WebhookID])
			}
			method, rest, _ := strings.Cut(w.Fix, " ")
			path, body, _ := strings.Cut(rest, " ")
			s.Call(method, path, body).Want(200)
		}
		if n := len(r.Requests()); n != 0 {
			t.Errorf("%d requests were made", n)
		}
		if in := logged(t, s, map[string]any{"eventType": "user.create"}).WebhookEventLogs[0]; len(in.NotSentTo) != 4 || in.NotSentTo[0].Fix == "" {
			t.Errorf("in a list: %+v", in.NotSentTo)
		}

		e = events("all@example.com")
		if len(e.NotSentTo) != 0 || len(e.Deliveries) != 4 || e.SuccessfulAttempts != 4 {
			t.Errorf("after all of it is mended: %+v", e)
		}
		// What is on record stays as it was.
		if e := oneEvent(t, s, map[string]any{"event": "*nobody@*", "eventType": "user.create"}); len(e.NotSentTo) != 4 || len(e.Deliveries) != 0 {
			t.Errorf("the first event: %+v", e)
		}
	})
}

// Every criterion finds what it should, with both methods.
func TestWebhookLog_Search(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		other := createTenant(s, "Other")
		s.Enable(wire.AbsoluteMajority, "user.create")
		s.Enable(wire.None, "user.update")
		voting := egresstest.NewReceiver(t).Script(egresstest.Status(204), egresstest.Status(409))
		failing := egresstest.NewReceiver(t).Script(egresstest.Status(503))
		never := &wire.RetryConfiguration{Delays: []int{}}
		later := &wire.RetryConfiguration{Delays: []int{3600}}
		voter := s.Subscribe(voting.URL, []string{"user.create"})
		dead := s.Subscribe(failing.URL+"/dead", []string{"user.update"}, func(w *wire.Webhook) { w.RetryConfiguration = never })
		retrying := s.Subscribe("http://"+egresstest.UnusedAddress(t).String(), []string{"audit-log.create"}, func(w *wire.Webhook) { w.RetryConfiguration = later })
		header := []string{"X-FusionAuth-TenantId", string(s.Tenant)}

		var ada wire.UserResponse
		s.Call("POST", "/api/user", user("Ada@Example.com"), header...).Want(200).Decode(&ada)
		s.Call("POST", "/api/user", user("eve@example.com"), header...).Want(504)
		s.Call("POST", "/api/user", user("bob@example.com"), "X-FusionAuth-TenantId", string(other)).Want(200)
		s.Call("PATCH", "/api/user/"+string(ada.User.ID), `{"user":{"firstName":"Ada 100%_*"}}`).Want(200)
		s.Eventually(patience, "the delivery is dead", func() bool { return len(s.Strings(`SELECT webhook_id FROM delivery WHERE state = 'dead'`)) == 1 })
		s.Call("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"a","message":"b"}}`).Want(200)
		s.Eventually(patience, "the delivery waits", func() bool { return len(s.Strings(`SELECT webhook_id FROM delivery WHERE state = 'retrying'`)) == 1 })
		s.Call("POST", "/api/webhook/"+string(dead)+"/test", `{"type":"user.delete"}`).Want(200)

		all := logged(t, s, nil)
		names := map[int64]string{}
		for _, e := range all.WebhookEventLogs {
			name := e.EventType + " " + string(e.EventResult)
			for _, who := range []string{"ada", "eve", "bob"} {
				if strings.Contains(strings.ToLower(string(e.Event)), who+"@example.com") {
					name = who + " " + name
				}
			}
			names[e.Sequence] = name
		}
		const (
			adaCreate, adaCreated, eveCreate = "ada user.create Succeeded", "ada user.create.complete Succeeded", "eve user.create Failed"
			bobCreate, bobCreated            = "bob user.create Succeeded", "bob user.create.complete Succeeded"
			adaUpdate, adaUpdated            = "ada user.update Succeeded", "ada user.update.complete Succeeded"
			noted, failure, test             = "audit-log.create Succeeded", "event-log.create Succeeded", "user.delete Failed"
		)
		start := all.WebhookEventLogs[len(all.WebhookEventLogs)-1].InsertInstant
		now := time.Now().Add(time.Minute).UnixMilli()
		for _, c := range []struct {
			criteria map[string]any
			want     []string
		}{
			{nil, []string{test, noted, failure, adaUpdated, adaUpdate, bobCreated, bobCreate, eveCreate, adaCreated, adaCreate}},
			{map[string]any{"eventType": "user.create"}, []string{bobCreate, eveCreate, adaCreate}},
			{map[string]any{"eventType": "custom.order.paid"}, nil},
			{map[string]any{"eventResult": "Failed"}, []string{test, eveCreate}},
			{map[string]any{"eventResult": "Running"}, nil},
			{map[string]any{"eventResult": "Succeeded", "eventType": "user.create"}, []string{bobCreate, adaCreate}},
			{map[string]any{"event": "EVE@example"}, []string{eveCreate}},
			{map[string]any{"event": "*complete*BOB@*"}, []string{bobCreated}},
			{map[string]any{"event": "100%_**"}, []string{adaUpdated, adaUpdate}},
			{map[string]any{"event": "100_%"}, nil},
			{map[string]any{"event": `"type":"audit-log.create"`}, []string{noted}},
			{map[string]any{"tenantId": other}, []string{bobCreated, bobCreate}},
			{map[string]any{"tenantId": nowhere}, nil},
			{map[string]any{"linkedObjectId": ada.User.ID}, []string{adaUpdated, adaUpdate, adaCreated, adaCreate}},
			{map[string]any{"linkedObjectId": ada.User.ID, "eventType": "user.update"}, []string{adaUpdate}},
			{map[string]any{"test": true}, []string{test}},
			{map[string]any{"test": false, "eventResult": "Failed"}, []string{eveCreate}},
			{map[string]any{"webhookId": voter}, []string{eveCreate, adaCreate}},
			{map[string]any{"webhookId": dead}, []string{test, adaUpdate}},
			{map[string]any{"webhookId": retrying}, []string{noted}},
			{map[string]any{"webhookId": nowhere}, nil},
			{map[string]any{"deliveryState": "dead"}, []string{adaUpdate}},
			{map[string]any{"deliveryState": "retrying"}, []string{noted}},
			{map[string]any{"deliveryState": "delivered"}, []string{adaCreate}},
			{map[string]any{"deliveryState": "pending"}, nil},
			{map[string]any{"deliveryState": "dead", "webhookId": dead}, []string{adaUpdate}},
			{map[string]any{"deliveryState": "dead", "webhookId": voter}, nil},
			{map[string]any{"outcome": "connect"}, []string{noted}},
			{map[string]any{"outcome": "refused"}, []string{test, adaUpdate, eveCreate}},
			{map[string]any{"outcome": "too large"}, nil},
			{map[string]any{"outcome": "refused", "webhookId": voter}, []string{eveCreate}},
			{map[string]any{"statusCode": "5xx"}, []string{test, adaUpdate}},
			{map[string]any{"statusCode": "2XX"}, []string{adaCreate}},
			{map[string]any{"statusCode": "409"}, []string{eveCreate}},
			{map[string]any{"statusCode": "503", "test": false, "outcome": "refused", "webhookId": dead, "deliveryState": "dead"}, []string{adaUpdate}},
			{map[string]any{"statusCode": "503", "outcome": "accepted"}, nil},
			{map[string]any{"start": start, "end": start + 1, "eventType": "user.create"}, []string{adaCreate}},
			{map[string]any{"end": start}, nil},
			{map[string]any{"start": now, "end": now + 1}, nil},
			{map[string]any{"start": 1, "end": now, "eventType": "user.create"}, []string{bobCreate, eveCreate, adaCreate}},
			{map[string]any{"nonsense": "x", "eventTypes": "y", "eventType": "user.update", "orderBy": "nonsense"}, []string{adaUpdate}},
			{map[string]any{"orderBy": "sequence", "eventType": "user.create"}, []string{adaCreate, eveCreate, bobCreate}},
			{map[string]any{"orderBy": "eventResult, sequence DESC", "eventType": "user.create"}, []string{eveCreate, bobCreate, adaCreate}},
			{map[string]any{"orderBy": "lastAttemptInstant DESC", "statusCode": "503"}, []string{test, adaUpdate}},
			{map[string]any{"orderBy": "insertInstant ASC", "numberOfResults": 2}, []string{adaCreate, adaCreated}},
			{map[string]any{"orderBy": "insertInstant ASC", "numberOfResults": 2, "startRow": 2}, []string{eveCreate, bobCreate}},
			{map[string]any{"numberOfResults": 2, "startRow": 9}, []string{adaCreate}},
			{map[string]any{"startRow": 10}, nil},
		} {
			s.Odd = c.criteria["nonsense"] != nil
			found := logged(t, s, c.criteria)
			var got []string
			for _, e := range found.WebhookEventLogs {
				got = append(got, names[e.Sequence])
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v:\n%q, want\n%q", c.criteria, got, c.want)
			}
			total := len(c.want)
			if c.criteria["numberOfResults"] != nil || c.criteria["startRow"] != nil {
				total = 10
			}
			if found.Total != total {
				t.Errorf("%v: %d in all, want %d", c.criteria, found.Total, total)
			}
		}
		if !slices.IsSortedFunc(all.WebhookEventLogs, func(a, b wire.WebhookEventLog) int { return int(b.InsertInstant - a.InsertInstant) }) {
			t.Errorf("by default the order is %v", sequences(all))
		}
		// Nothing to look for is everything, in either form.
		for _, body := range []any{`{}`, `{"search":{}}`, `{"search":null}`, `{"search":{"eventType":"","test":null,"webhookId":""}}`} {
			var r wire.WebhookEventLogSearchResponse
			if s.Call("POST", eventLogPath+"search", body).Want(200).Decode(&r); r.Total != 10 {
				t.Errorf("%s: %d events", body, r.Total)
			}
		}
		waiting := logged(t, s, map[string]any{"deliveryState": "retrying"}).WebhookEventLogs[0].Deliveries
		if d := waiting[0]; len(waiting) != 1 || d.WebhookID != retrying || d.Attempts != 1 || time.Until(time.UnixMilli(int64(d.NextAttemptInstant))) < 30*time.Minute {
			t.Errorf("waiting: %+v", waiting)
		}
	})
}

// What cannot be meant is said plainly; nothing is found by mistake.
func TestWebhookLog_Mistakes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for criteria, want := range map[string]string{
			`"eventResult":"Success"`:                     "[invalid]search.eventResult",
			`"eventType":"user.creat"`:                    "[invalid]search.eventType",
			`"deliveryState":"Dead"`:                      "[invalid]search.deliveryState",
			`"outcome":"time-out"`:                        "[invalid]search.outcome",
			`"statusCode":"5xxx"`:                         "[invalid]search.statusCode",
			`"statusCode":"99"`:                           "[invalid]search.statusCode",
			`"start":2000,"end":1000`:                     "[invalid]search.end",
			`"start":-1`:                                  "[invalid]search.start",
			`"end":9007199254740993`:                      "[invalid]search.end",
			`"start":"yesterday"`:                         "[couldNotConvert]search.start",
			`"tenantId":"x"`:                              "[couldNotConvert]search.tenantId",
			`"webhookId":5`:                               "[couldNotConvert]search.webhookId",
			`"linkedObjectId":"5f0c6f0a"`:                 "[couldNotConvert]search.linkedObjectId",
			`"test":"maybe"`:                              "[couldNotConvert]search.test",
			`"numberOfResults":-1`:                        "[invalid]search.numberOfResults",
			`"numberOfResults":10001`:                     "[invalid]search.numberOfResults",
			`"startRow":-1`:                               "[invalid]search.startRow",
			`"startRow":20000,"orderBy":"eventType ASC"`:  "[invalid]search.startRow",
			`"event":"` + strings.Repeat("x", 1001) + `"`: "[tooLong]search.event",
			`"event":"\u0000"`:                            "[invalidJSON]",
		} {
			if a := s.Call("POST", eventLogPath+"search", `{"search":{`+criteria+`}}`); a.Status != 400 || !slices.Equal(a.Codes(), []string{want}) {
				t.Errorf("%.100s: status %d, %s, want %s", criteria, a.Status, a.Body, want)
			}
		}
		for query, want := range map[string]string{
			"eventType=user.creat": "[invalid]search.eventType", "startRow=-1": "[invalid]startRow", "start=x": "[couldNotConvert]start", "test=1": "[couldNotConvert]test",
			"start=2000&end=1000": "[invalid]search.end", "eventResult=succeeded": "[invalid]search.eventResult",
		} {
			if a := s.Call("GET", eventLogPath+"search?"+query, nil); a.Status != 400 || !slices.Equal(a.Codes(), []string{want}) {
				t.Errorf("%s: status %d, %s, want %s", query, a.Status, a.Body, want)
			}
		}
		for path, want := range map[string]int{
			eventLogPath + nowhere: 404, attemptLogPath + nowhere: 404, attemptLogPath + "00000000-0001-8000-8000-000000000000": 404, eventLogPath + "7": 400, attemptLogPath + "x": 400,
		} {
			if a := s.Call("GET", path, nil); a.Status != want || want == 404 && len(a.Body) > 0 {
				t.Errorf("%s: status %d, want %d; %s", path, a.Status, want, a.Body)
			}
		}
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			for _, path := range []string{eventLogPath + nowhere, attemptLogPath + nowhere} {
				if a := s.Call(method, path, `{}`); a.Status != 405 {
					t.Errorf("%s %s: status %d", method, path, a.Status)
				}
			}
		}
	})
}

// The log tells about all tenants, so a key of one has no business with it.
func TestWebhookLog_RefusesTenantKeys(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("POST", "/api/user", user("a@example.com")).Want(200)
		id := string(logged(t, s, map[string]any{"eventType": "user.create"}).WebhookEventLogs[0].ID)
		key := createKey(s, wire.APIKey{TenantID: s.Tenant})
		limited := createKey(s, wire.APIKey{Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{"/api/system/webhook-event-log": {"GET"}}}})
		for call, want := range map[[2]string]int{
			{"GET", eventLogPath + id}: 200, {"GET", attemptLogPath + nowhere}: 401, {"GET", eventLogPath + "search"}: 401, {"POST", eventLogPath + "search"}: 401,
		} {
			var body any
			if call[0] == "POST" {
				body = `{}`
			}
			for who, key := range map[string]string{"a tenant's key": key, "no key": "", "an unknown key": "nobody knows me"} {
				if a := s.Call(call[0], call[1], body, "Authorization", key); a.Status != 401 || len(a.Body) > 0 {
					t.Errorf("%s %s with %s: status %d, body %q", call[0], call[1], who, a.Status, a.Body)
				}
			}
			if got := s.Call(call[0], call[1], body, "Authorization", limited).Status; got != want {
				t.Errorf("%s %s with a key for GET of events only: status %d, want %d", call[0], call[1], got, want)
			}
		}
	})
}

// A receiver that sends everything back gives away no secret, and no more is kept of anything than is said.
func TestWebhookLog_SecretsAndSizes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		secrets := []string{"header-0123456789", "password-0123456789", "query-0123456789", "aGVyYWxkOnBhc3N3b3JkLTAxMjM0NTY3ODk="}
		const tail = 5000
		r := egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, q *http.Request) {
			w.Header()["X-Echo"] = []string{q.Header.Get("Authorization"), q.Header.Get("X-Api-Key")}
			w.Header().Set("Set-Cookie", "session=1")
			_ = json.NewEncoder(w).Encode(map[string]any{"url": q.URL.String(), "headers": q.Header})
			_, _ = w.Write(bytes.Repeat([]byte("é"), (16<<10+tail)/2))
		}))
		s.Subscribe(r.URL+"/hook?token="+secrets[2], []string{"user.create"}, func(w *wire.Webhook) {
			w.Headers = map[string]string{"X-Api-Key": secrets[0]}
			w.HTTPAuthenticationUsername, w.HTTPAuthenticationPassword = "herald", secrets[1]
		})
		large := strings.Repeat("ü", 10<<10)
		s.Call("POST", "/api/user", map[string]any{"user": map[string]any{"email": "a@example.com", "password": "a long password", "data": map[string]any{"note": large}}}).Want(200)
		e := oneEvent(t, s, map[string]any{"eventType": "user.create"})
		sent := r.Requests()[0]
		if sent.Header.Get("X-Api-Key") != secrets[0] {
			t.Fatalf("the receiver got %v", sent.Header)
		}
		a := s.Call("GET", attemptLogPath+string(e.Attempts[0].ID), nil).Want(200)
		for _, body := range [][]byte{
			a.Body, s.Call("GET", eventLogPath+string(e.ID), nil).Want(200).Body, s.Call("GET", eventLogPath+"search", nil).Want(200).Body,
		} {
			for _, secret := range secrets {
				if bytes.Contains(body, []byte(secret)) {
					t.Errorf("%s is in %.2000s", secret, body)
				}
			}
		}
		var response wire.WebhookAttemptLogResponse
		a.Decode(&response)
		got := response.WebhookAttemptLog
		if q := got.Request; q.Headers["X-Api-Key"] != "(hidden)" || q.Headers["Authorization"] != "Basic (hidden)" || q.Size != int64(len(sent.Body)) ||
			q.Truncated != q.Size-int64(len(got.RequestBody)) || len(got.RequestBody) > 16<<10 || len(got.RequestBody) < 16<<10-1 || !strings.HasPrefix(string(sent.Body), got.RequestBody) {
			t.Errorf("request %+v, %d bytes of the body", q, len(got.RequestBody))
		}
		p := got.Response
		if p.Headers["X-Echo"] != "Basic (hidden), (hidden)" || p.Headers["Set-Cookie"] != "(hidden)" || !strings.Contains(p.Body, `"(hidden)"`) || strings.HasSuffix(p.Body, "\uFFFD\uFFFD") {
			t.Errorf("response %v %.1000s", p.Headers, p.Body)
		}
		if p.Size-p.Truncated != 16<<10 || p.Truncated < tail || len(p.Body) > 16<<10+1000 {
			t.Errorf("of %d bytes %d were cut, %d are shown", p.Size, p.Truncated, len(p.Body))
		}
		if n := e.Attempts[0].Request; n == nil || n.Truncated != 0 || n.Size != int64(len(sent.Body)) {
			t.Errorf("in its event the request is %+v", n)
		}
	})
}
