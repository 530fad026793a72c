package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// A filter decides about each event: who is asked, who gets it, who is sent it later; and it is on record why somebody did not.
func TestFilter(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		s.Enable(wire.None, "user.create.complete", "user.login.success")
		types := []string{"user.create", "user.create.complete", "user.login.success"}
		all, acme, broken := egresstest.NewReceiver(t), egresstest.NewReceiver(t).Script(egresstest.Status(500)), egresstest.NewReceiver(t)
		everybody := s.Subscribe(all.URL, types)
		filtered := func(text string) func(*wire.Webhook) { return func(w *wire.Webhook) { w.Filter = text } }
		of := s.Subscribe(acme.URL, types, filtered(`event.type == "user.login.success" || event.user.email endsWith "@acme.com"`))
		failing := s.Subscribe(broken.URL, types, filtered(`event.user.email > 3`))
		for text, says := range map[string]string{`event.type ==`: "line 1, column 13", `evnt.type == "x"`: "unknown name evnt", "event.user.email": ""} {
			w := wire.Webhook{URL: all.URL, ConnectTimeout: 1000, ReadTimeout: 1000, Filter: text}
			a := s.Call("POST", "/api/webhook", wire.WebhookRequest{Webhook: w})
			if says == "" { // may be true or false: that is known when there is an event
				a.Want(200)
			} else if a.WantCodes("[invalid]webhook.filter"); !strings.Contains(string(a.Body), says) {
				t.Errorf("%s: %s", text, a.Body)
			}
		}

		// The one with the filter would say no, but is not asked.
		s.Call("POST", "/api/user", `{"user":{"email":"one@example.com","password":"a long password"}}`).Want(200)
		all.WaitFor(2)
		if n := len(acme.Requests()) + len(broken.Requests()); n != 0 {
			t.Errorf("%d requests past the filters", n)
		}
		// This one it is asked about; and what it gets otherwise is not for it.
		s.Call("POST", "/api/user", `{"user":{"email":"two@acme.com","password":"a long password"}}`).Want(504)
		// In a batch nobody can be asked, and nobody needs to be: the only one whose filter lets these through would decide about nothing.
		s.Call("DELETE", "/api/webhook/"+string(everybody), nil).Want(200)
		batch := func(domains ...string) string {
			events := make([]string, len(domains))
			for i, domain := range domains {
				events[i] = fmt.Sprintf(`{"type":"user.create","user":{"email":"three@%s"}}`, domain)
			}
			return `{"events":[` + strings.Join(events, ",") + `]}`
		}
		s.Call("POST", "/api/event/batch", batch("example.com", "acme.org")).Want(200)
		s.Call("POST", "/api/event/batch", batch("example.com", "acme.com")).WantCodes("[invalid]events[1].type")
		publishOne(s, outside("user.login.success", intakeID))
		acme.WaitFor(2)
		s.Settled(patience)

		var found wire.WebhookEventLogSearchResponse
		s.Call("POST", "/api/system/webhook-event-log/search", `{"search":{"eventType":"user.create.complete"}}`).Want(200).Decode(&found)
		why := map[wire.ID]string{}
		for _, w := range found.WebhookEventLogs[0].NotSentTo {
			why[w.WebhookID] = w.Reason + ": " + w.Detail
		}
		if why[of] != "filter: The filter of the webhook was not true for the event." ||
			!strings.HasPrefix(why[failing], "filter failed: The filter of the webhook could not tell about the event: line 1, column 18: ") {
			t.Errorf("withheld: %q", why)
		}
		var e wire.WebhookExplainResponse
		s.Call("GET", fmt.Sprintf("/api/webhook/%s/explain?eventType=user.create&tenantId=%s", of, s.Tenant), nil).Want(200).Decode(&e)
		if gate := e.Explanation.Gates[5]; gate.Gate != "filter" || !gate.Open || !strings.Contains(gate.Detail, `endsWith "@acme.com"`) {
			t.Errorf("explained: %+v", gate)
		}

		var tried wire.FilterTryResponse
		s.Call("POST", "/api/webhook/filter/try", `{"filter":"event.user.email endsWith \"@acme.com\""}`).Want(200).Decode(&tried)
		var matching []string
		for _, e := range tried.Events {
			if e.Matches {
				matching = append(matching, e.Type)
			}
		}
		if tried.Matched != 1 || tried.Failed != 0 || tried.Tried != len(tried.Events) || tried.Tried < 4 || !slices.Equal(matching, []string{"user.create"}) {
			t.Errorf("tried: %+v", tried)
		}
		s.Call("POST", "/api/webhook/filter/try", `{"filter":"event.createInstant startsWith \"1\"","limit":2}`).Want(200).Decode(&tried)
		if tried.Matched != 0 || tried.Failed != 2 || tried.Tried != 2 || tried.Events[0].Error == "" {
			t.Errorf("tried: %+v", tried)
		}
		s.Call("POST", "/api/webhook/filter/try", `{"filter":"event. ","limit":1001}`).WantCodes("[invalid]filter", "[invalid]limit")
		s.Call("POST", "/api/webhook/filter/try", `{}`).WantCodes("[blank]filter")

		// Recovery sends what the filter lets through today, and no more.
		s.Call("PATCH", "/api/webhook/"+string(failing), `{"webhook":{"filter":"event.type == \"user.create.complete\""}}`).Want(200)
		var task wire.DeliveryDryRunResponse
		s.Call("POST", "/api/delivery/recover", fmt.Sprintf(`{"webhookId":%q,"since":1,"dryRun":true}`, failing)).Want(200).Decode(&task)
		if task.Count != 1 {
			t.Errorf("to recover: %+v", task)
		}
	}, quickRetries)
}
