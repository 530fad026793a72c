package useraction_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

func TestTake_Temporal(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		var apps wire.ApplicationsResponse
		h.Call("GET", "/api/application", nil).Want(200).Decode(&apps)
		app := apps.Applications[0].ID
		start, expiry := h.in(0), h.in(2*24*time.Hour)
		a := taken(h.Call("POST", "/api/user/action", object{
			"broadcast": "true",
			"action": object{
				"userActionId": strings.ToUpper(ban), "actioneeUserId": ada, "actionerUserId": bob, "expiry": fmt.Sprint(expiry), "comment": " Third time.\nSorry. ",
				"reasonId": spam, "applicationIds": []any{app, app}, "notifyUser": true, "emailUser": true, "historyItems": 5,
			},
			"eventInfo": object{"ipAddress": "192.0.2.1"},
		}).Want(200))
		want := wire.UserActionLog{
			ID: a.ID, UserActionID: ban, ActioneeUserID: ada, ActionerUserID: bob, ApplicationIDs: []wire.ID{app}, Name: "Ban", LocalizedName: "Sperre",
			Reason: "Unwanted advertising", LocalizedReason: "Unerwünschte Werbung", ReasonCode: "SPAM", Comment: "Third time.\nSorry.", Expiry: expiry,
			EmailUserOnEnd: true, NotifyUserOnEnd: true, InsertInstant: start,
			History: &wire.UserActionHistory{HistoryItems: wire.List[wire.UserActionHistoryItem]{
				{ActionerUserID: bob, Comment: "Third time.\nSorry.", CreateInstant: start, Expiry: expiry},
			}},
		}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
		h.published("take", "user.action Succeeded")
		event := told{
			Type: "user.action", TenantID: h.Tenant, LinkedObjectID: ada, ActionID: a.ID, ActioneeUserID: ada, ActionerUserID: bob,
			Action: "Ban", LocalizedAction: "Sperre", Comment: "Third time.\nSorry.", Phase: "start", Reason: "Unwanted advertising",
			LocalizedReason: "Unerwünschte Werbung", ReasonCode: "SPAM", LocalizedDuration: "2 Tage", Expiry: expiry, ApplicationIDs: []wire.ID{app},
			Info: &wire.EventInfo{IPAddress: "192.0.2.1"},
		}
		wantTold(t, "take", event, h.last())

		// It can be had again in these ways.
		if diff := cmp.Diff(want, taken(h.Call("GET", "/api/user/action/"+string(a.ID), nil).Want(200))); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
		b := taken(h.act("POST", "", object{"userActionId": warn, "actioneeUserId": ada}).Want(200))
		h.skip()
		for query, want := range map[string][]wire.ID{
			"": {a.ID, b.ID}, "&active=true": {a.ID}, "&active=false": {b.ID}, "&preventingLogin=true": {a.ID}, "&preventingLogin=false&active=false": {b.ID},
		} {
			got := listed(h.Call("GET", "/api/user/action?userId="+ada+query, nil).Want(200))
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", query, got, want)
			}
		}

		// It is changed: another end and another reason, and the history tells of it. What it is called stays.
		h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": object{"name": "Exile", "localizedNames": object{"de": "Bann"}, "userNotificationsEnabled": true}}).Want(200)
		h.Call("PATCH", "/api/user-action-reason/"+spam, object{"userActionReason": object{"text": "Spam"}}).Want(200)
		h.later(time.Hour)
		modified := taken(h.act("PUT", "/"+string(a.ID), object{"expiry": wire.Forever, "comment": "Again.", "notifyUser": true, "reasonId": spam}).Want(200))
		want.Expiry, want.EmailUserOnEnd, want.Reason = wire.Forever, false, "Spam"
		want.History.HistoryItems = append(want.History.HistoryItems, wire.UserActionHistoryItem{ActionerUserID: bob, Comment: "Again.", CreateInstant: h.in(0), Expiry: wire.Forever})
		if diff := cmp.Diff(want, modified); diff != "" {
			t.Errorf("modified (-want +got):\n%s", diff)
		}
		h.published("modify", "user.action Succeeded")
		event.Phase, event.Comment, event.Expiry, event.LocalizedDuration, event.NotifyUser, event.Reason = "modify", "Again.", wire.Forever, "", true, "Spam"
		event.Info = &wire.EventInfo{IPAddress: "127.0.0.1", UserAgent: "Go-http-client/1.1"}
		wantTold(t, "modify", event, h.last())

		// And cancelled, which is its end.
		h.later(time.Hour)
		cancelled := taken(h.act("DELETE", "/"+string(a.ID), object{"comment": "A mistake."}).Want(200))
		want.Expiry = h.in(0)
		want.History.HistoryItems = append(want.History.HistoryItems, wire.UserActionHistoryItem{ActionerUserID: bob, Comment: "A mistake.", CreateInstant: h.in(0), Expiry: h.in(0)})
		if diff := cmp.Diff(want, cancelled); diff != "" {
			t.Errorf("cancelled (-want +got):\n%s", diff)
		}
		h.published("cancel", "user.action Succeeded")
		event.Phase, event.Comment, event.Expiry, event.NotifyUser = "cancel", "A mistake.", h.in(0), false
		wantTold(t, "cancel", event, h.last())
		if got := listed(h.Call("GET", "/api/user/action?active=true&userId="+ada, nil).Want(200)); len(got) > 0 {
			t.Errorf("active after the cancellation: %v", got)
		}
		before := h.Rows()
		for _, method := range []string{"PUT", "DELETE"} {
			wantCodes(t, h.act(method, "/"+string(a.ID), object{"expiry": wire.Forever}), "[ended]actionId")
		}
		h.end()
		h.Unchanged(before)
	})
}

func wantTold(t *testing.T, what string, want, got told) {
	t.Helper()
	if len(got.ID) != 36 {
		t.Errorf("%s: the id of the event is %q", what, got.ID)
	}
	want.ID = got.ID
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestTake_NotTemporal(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		a := taken(h.act("POST", "", object{"userActionId": warn, "actioneeUserId": ada, "option": "mildly", "emailUser": true}).Want(200))
		want := wire.UserActionLog{
			ID: a.ID, UserActionID: warn, ActioneeUserID: ada, ActionerUserID: bob, Name: "Warn", LocalizedName: "Warn", Option: "mildly", LocalizedOption: "milde",
			InsertInstant: h.in(0),
		}
		if diff := cmp.Diff(want, a); diff != "" {
			t.Errorf("taken (-want +got):\n%s", diff)
		}
		h.published("take", "user.action Succeeded")
		e := h.last()
		wantTold(t, "take", told{
			Type: "user.action", TenantID: h.Tenant, LinkedObjectID: ada, ActionID: a.ID, ActioneeUserID: ada, ActionerUserID: bob, Action: "Warn",
			LocalizedAction: "Warn", Phase: "start", Option: "mildly", LocalizedOption: "milde", Info: e.Info,
		}, e)
		before := h.Rows()
		for _, method := range []string{"PUT", "DELETE"} {
			wantCodes(t, h.act(method, "/"+string(a.ID), object{"expiry": h.in(time.Hour)}), "[invalid]actionId")
		}
		h.later(365 * 24 * time.Hour)
		h.end()
		h.Unchanged(before)
	})
}

func TestTake_WithoutBroadcastThereIsNoEvent(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		voter := egresstest.NewReceiver(t)
		h.Enable(wire.AbsoluteMajority, "user.action")
		h.Subscribe(voter.URL, []string{"user.action"})
		h.skip()
		body := object{"action": object{"userActionId": ban, "actioneeUserId": ada, "actionerUserId": bob, "expiry": h.in(time.Hour)}}
		a := taken(h.Call("POST", "/api/user/action", body).Want(200))
		body["broadcast"] = false
		h.Call("PUT", "/api/user/action/"+string(a.ID), body).Want(200)
		h.Call("DELETE", "/api/user/action/"+string(a.ID), body).Want(200)
		h.published("without broadcast")
		if n := len(voter.Requests()); n > 0 {
			t.Errorf("the webhook got %d requests", n)
		}
	})
}

func TestTake_Rules(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.Call("POST", "/api/tenant/"+other, object{"tenant": object{"name": "Other"}}).Want(200)
		a := h.ban(h.in(time.Hour))
		before := h.Rows()
		take := func(change object) object {
			action := object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(time.Hour)}
			for name, value := range change {
				action[name] = value
			}
			return action
		}
		for what, c := range map[string]struct {
			action object
			want   []string
		}{
			"nothing": {object{"actionerUserId": nil}, []string{"[missing]action.userActionId", "[missing]action.actioneeUserId", "[missing]action.actionerUserId"}},
			"unknown": {take(object{"userActionId": no, "actioneeUserId": no, "actionerUserId": no, "reasonId": no}), []string{
				"[invalid]action.userActionId", "[invalid]action.actioneeUserId", "[invalid]action.actionerUserId", "[invalid]action.reasonId",
			}},
			"no end":               {take(object{"expiry": nil}), []string{"[missing]action.expiry"}},
			"an end in the past":   {take(object{"expiry": h.in(0)}), []string{"[invalid]action.expiry"}},
			"a negative end":       {take(object{"expiry": -1}), []string{"[invalid]action.expiry"}},
			"microseconds":         {take(object{"expiry": int64(h.in(time.Hour)) * 1000}), []string{"[invalid]action.expiry"}},
			"beyond all":           {take(object{"expiry": "9223372036854775808"}), []string{"[couldNotConvert]action.expiry"}},
			"an option in time":    {take(object{"option": "mildly"}), []string{"[invalid]action.option"}},
			"a long comment":       {take(object{"comment": strings.Repeat("x", 10_001)}), []string{"[tooLong]action.comment"}},
			"unknown applications": {take(object{"applicationIds": []any{no}}), []string{"[invalid]action.applicationIds[0]"}},
			"many applications":    {take(object{"applicationIds": slices.Repeat([]any{no}, 101)}), []string{"[tooMany]action.applicationIds"}},
			"an end of what has none": {object{"userActionId": warn, "actioneeUserId": ada, "expiry": h.in(time.Hour), "option": "Mildly"}, []string{
				"[invalid]action.expiry", "[invalid]action.option",
			}},
		} {
			t.Log(what)
			wantCodes(t, h.act("POST", "", c.action), c.want...)
		}
		wantCodes(t, h.act("PUT", "/"+string(a.ID), object{}), "[missing]action.expiry")
		wantCodes(t, h.act("PUT", "/"+string(a.ID), object{"expiry": 5, "reasonId": no, "actionerUserId": no}),
			"[invalid]action.expiry", "[invalid]action.reasonId", "[invalid]action.actionerUserId")
		wantCodes(t, h.Call("DELETE", "/api/user/action/"+string(a.ID), nil), "[missing]action.actionerUserId")
		wantCodes(t, h.Call("GET", "/api/user/action", nil), "[missing]userId")
		wantCodes(t, h.Call("GET", "/api/user/action?userId=x", nil), "[couldNotConvert]userId")
		wantCodes(t, h.Call("GET", "/api/user/action?userId="+ada+"&active=perhaps", nil), "[couldNotConvert]active")
		for _, call := range [][2]string{{"GET", "/" + no}, {"PUT", "/" + no}, {"DELETE", "/" + no}, {"GET", "?userId=" + no}} {
			if a := h.Call(call[0], "/api/user/action"+call[1], object{}).Want(404); len(a.Body) > 0 {
				t.Errorf("%v: the answer is %s", call, a.Body)
			}
		}
		h.Unchanged(before)
	})
}

func TestTake_TenantsAreApart(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const carl = "20000000-0000-4000-8000-000000000002"
		h.Call("POST", "/api/tenant/"+other, object{"tenant": object{"name": "Other"}}).Want(200)
		h.user(carl, "carl@example.com", "X-FusionAuth-TenantId", other)
		a := h.ban(h.in(time.Hour))
		before := h.Rows()
		bound := h.tenantKey(other)
		h.skip()
		for _, header := range [][]string{{"Authorization", bound}, {"X-FusionAuth-TenantId", other}} {
			body := object{"action": object{"userActionId": ban, "actioneeUserId": ada, "actionerUserId": carl, "expiry": h.in(time.Hour)}}
			wantCodes(t, h.Call("POST", "/api/user/action", body, header...), "[invalid]action.actioneeUserId")
			for _, method := range []string{"GET", "PUT", "DELETE"} {
				h.Call(method, "/api/user/action/"+string(a.ID), body, header...).Want(404)
			}
			h.Call("GET", "/api/user/action?userId="+ada, nil, header...).Want(404)
		}
		body := object{"broadcast": true, "action": object{"userActionId": ban, "actioneeUserId": carl, "actionerUserId": bob, "expiry": h.in(time.Hour)}}
		wantCodes(t, h.Call("POST", "/api/user/action", body, "Authorization", bound), "[invalid]action.actionerUserId")
		h.Unchanged(before, "api_key", "audit_log", "revision")
		// An administrator of another tenant may act on Carl where the key allows that.
		b := taken(h.Call("POST", "/api/user/action", body, "X-FusionAuth-TenantId", other).Want(200))
		h.published("take", "user.action Succeeded")
		if e := h.last(); e.TenantID != other || e.LinkedObjectID != carl {
			t.Errorf("event %+v", e)
		}
		h.Call("GET", "/api/user/action/"+string(b.ID), nil, "Authorization", bound).Want(200)

		// What was done to users goes with them, and with their tenant.
		h.Call("DELETE", "/api/tenant/"+other, nil).Want(200)
		h.Call("GET", "/api/user/action/"+string(b.ID), nil).Want(404)
		h.Call("GET", "/api/user/action/"+string(a.ID), nil).Want(200)
		h.Call("DELETE", "/api/user/"+bob+"?hardDelete=true", nil).Want(200) // who acts may go
		h.Call("GET", "/api/user/action/"+string(a.ID), nil).Want(200)
		h.Call("DELETE", "/api/user/"+ada+"?hardDelete=true", nil).Want(200)
		h.Call("GET", "/api/user/action/"+string(a.ID), nil).Want(404)
		h.later(2 * time.Hour)
		h.skip()
		h.end()
		h.published("the end of what is gone")
	})
}

// TestTake_Rule: the tenant's rule and that of the action have to be met, both.
func TestTake_Rule(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		yes, no := egresstest.NewReceiver(t), egresstest.NewReceiver(t)
		no.Script(egresstest.Status(500))
		for _, r := range []*egresstest.Receiver{yes, no} {
			h.Subscribe(r.URL, []string{"user.action"}, func(w *wire.Webhook) { w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{}} })
		}
		for _, c := range []struct {
			tenant, action wire.TransactionType
			want           int                  // with one of two
			rule           wire.TransactionType // on record
		}{
			{wire.None, wire.None, 200, ""},
			{wire.None, wire.Any, 200, wire.Any},
			{wire.None, wire.AbsoluteMajority, 504, wire.AbsoluteMajority},
			{wire.AbsoluteMajority, wire.None, 504, wire.AbsoluteMajority},
			{wire.AbsoluteMajority, wire.Any, 504, wire.AbsoluteMajority},
			{wire.Any, wire.SuperMajority, 504, wire.SuperMajority},
			{wire.Any, wire.SimpleMajority, 200, wire.SimpleMajority},
		} {
			h.Enable(c.tenant, "user.action")
			h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": object{"transactionType": c.action}}).Want(200)
			a := h.act("POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(time.Hour)})
			if a.Status != c.want {
				t.Errorf("tenant %s, action %s: %d, want %d", c.tenant, c.action, a.Status, c.want)
			}
			var logged wire.WebhookEventLogSearchResponse
			h.Call("GET", "/api/system/webhook-event-log/search?eventType=user.action&orderBy=sequence+DESC", nil).Want(200).Decode(&logged)
			if got := logged.WebhookEventLogs[0].TransactionType; got != c.rule {
				t.Errorf("tenant %s, action %s: on record is %q, want %q", c.tenant, c.action, got, c.rule)
			}
		}
		// A tenant that does not send the event at all asks nobody.
		h.configure(object{"eventConfiguration": object{"events": object{"user.action": object{"enabled": false}}}})
		h.Call("PATCH", "/api/user-action/"+ban, object{"userAction": object{"transactionType": "AbsoluteMajority"}}).Want(200)
		h.ban(h.in(time.Hour))
	})
}

func TestTake_ARefusalChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		a := h.ban(h.in(time.Hour))
		voter := egresstest.NewReceiver(t)
		h.Enable(wire.AbsoluteMajority, "user.action")
		h.Subscribe(voter.URL, []string{"user.action"})
		voter.Script(egresstest.Status(500))
		h.later(time.Minute)
		before := h.Rows()
		h.skip()
		for _, call := range []struct {
			method, path string
			action       object
		}{
			{"POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(time.Hour)}},
			{"POST", "", object{"userActionId": warn, "actioneeUserId": ada}},
			{"PUT", "/" + string(a.ID), object{"expiry": wire.Forever}},
			{"DELETE", "/" + string(a.ID), object{}},
		} {
			if codes := h.act(call.method, call.path, call.action).Want(504).Codes(); !slices.Equal(codes, []string{"[WebhookTransactionException]"}) {
				t.Errorf("codes %v", codes)
			}
			h.published(call.method, "user.action Failed")
		}
		h.Unchanged(before, "event", "attempt", "webhook_flow")
		voter.Script()
		h.act("DELETE", "/"+string(a.ID), object{}).Want(200)
		h.published("cancel", "user.action Succeeded")
	})
}

// TestTake_OneOfManyChanges: of two who change an action at the same time one wins; nobody overwrites another unseen.
func TestTake_OneOfManyChanges(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		a := h.ban(h.in(time.Hour))
		voter, asked := egresstest.NewReceiver(t), make(chan struct{})
		h.Enable(wire.AbsoluteMajority, "user.action")
		h.Subscribe(voter.URL, []string{"user.action"})
		voter.Script(egresstest.Hold(asked, egresstest.Accept()), egresstest.Hold(asked, egresstest.Accept()))
		var wait sync.WaitGroup
		statuses := make([]int, 2)
		for i := range statuses {
			wait.Go(func() {
				statuses[i] = h.act("PUT", "/"+string(a.ID), object{"expiry": h.in(time.Duration(i+2) * time.Hour)}).Status
			})
		}
		voter.WaitFor(2)
		close(asked)
		wait.Wait()
		slices.Sort(statuses)
		if !slices.Equal(statuses, []int{200, 409}) {
			t.Errorf("statuses %v", statuses)
		}
		if after := taken(h.Call("GET", "/api/user/action/"+string(a.ID), nil).Want(200)); len(after.History.HistoryItems) != 2 {
			t.Errorf("history %+v", after.History)
		}
	})
}

// TestTake_ADefinitionThatChangesMeanwhile: what webhooks agreed to is what is written.
func TestTake_ADefinitionThatChangesMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		voter, asked := egresstest.NewReceiver(t), make(chan struct{})
		h.Enable(wire.AbsoluteMajority, "user.action")
		h.Subscribe(voter.URL, []string{"user.action"})
		voter.Script(egresstest.Hold(asked, egresstest.Accept()))
		var wait sync.WaitGroup
		var status int
		wait.Go(func() {
			status = h.act("POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": h.in(time.Hour)}).Status
		})
		voter.WaitFor(1)
		h.Call("DELETE", "/api/user-action/"+ban, nil).Want(200)
		close(asked)
		wait.Wait()
		if got := listed(h.Call("GET", "/api/user/action?userId="+ada, nil).Want(200)); status != 409 || len(got) > 0 {
			t.Errorf("status %d, taken %v", status, got)
		}
	})
}
