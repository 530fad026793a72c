package api

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

func TestMessageLog_API(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		h := serve(t, d, Services{Tenancy: tenants{tenantA}})
		owners := tenant.New(d, key.NewSealer(make([]byte, key.Size)))
		if err := owners.Bootstrap(t.Context(), tenantA); err != nil {
			t.Fatal(err)
		}
		sender := message.New(message.Options{DB: d, Journal: journal.New(d), Tenants: owners, RecipientKey: []byte("key"), Node: "node"})
		s := newServer(Services{Tenancy: owners, Keys: h.keys})
		server := httptest.NewServer(s.handler(messageRoutes(sender)))
		t.Cleanup(server.Close)
		h.url = server.URL

		took := messenger.Attempt{MessageAttempt: wire.MessageAttempt{MessengerName: "Main", Outcome: "accepted", StatusCode: 200, URL: "http://receiver"}}
		err := Trials(sender).RecordTest(t.Context(), tenantA, wire.KindSMS, "+491701234567", took)
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := sender.Search(t.Context(), wire.MessageSearch{})
		if err != nil || len(found) != 1 {
			t.Fatalf("%v, %v", found, err)
		}
		sent := found[0]
		one := h.do("GET", "/api/message/log/"+string(sent.ID), "")
		if m := one.member(t, "message"); m["recipient"] != "+49…67" || m["state"] != "sent" || m["purpose"] != "test" {
			t.Errorf("the message is %v", m)
		}
		for _, found := range []answerTo{
			h.do("GET", "/api/message/log/search?recipient=%2B49+170+1234567&kind=SMS", ""),
			h.do("POST", "/api/message/log/search", `{"search":{"state":"sent","tenantId":"`+string(tenantA)+`"}}`),
		} {
			var response wire.MessageSearchResponse
			if err := json.Unmarshal([]byte(found.body), &response); err != nil || found.status != 200 || response.Total != 1 || response.Messages[0].ID != sent.ID {
				t.Errorf("%d %s: %v", found.status, found.body, err)
			}
		}
		h.do("GET", "/api/message/log/search?state=failed", "").expect(t, 200, `{"messages":[],"total":0}`)
		h.do("GET", "/api/message/log/search?stat=failed", "").expectCodes(t, 400, "[unknown]stat")
		h.do("POST", "/api/message/log/search", `{"search":{"kind":"Mail","numberOfResults":10001}}`).expectCodes(t, 400, "[invalid]search.kind [invalid]search.numberOfResults")
		h.do("POST", "/api/message/log/search", `{"search":{"kind":"Mail"}}`).expectCodes(t, 400, "[invalid]search.kind")
		h.do("GET", "/api/message/log/"+string(nowhere), "").expect(t, 404, "")
		h.do("GET", "/api/message/log/abc", "").expectCodes(t, 400, "[couldNotConvert]messageId")
		h.do("DELETE", "/api/message/log/"+string(sent.ID), "").expect(t, 405, "")
		h.do("GET", "/api/message/log/"+string(sent.ID), "", withKey(h.key(wire.APIKey{TenantID: tenantA}))).expect(t, 401, "")
	})
}
