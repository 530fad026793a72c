package message_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// TestCrash has a second process look at what the first one is sending, and at what it left.
func TestCrash(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		arrived, answering := make(chan struct{}), make(chan struct{})
		answer := sync.OnceFunc(func() { close(answering) })
		defer answer() // or a failed test would wait for its receiver
		to := egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
			close(arrived)
			<-answering
			w.WriteHeader(200)
		}), egresstest.Accept())
		q := request(r.messenger("Main", to))
		ended := make(chan error, 1)
		go func() {
			_, err := r.Send(t.Context(), q)
			ended <- err
		}()
		<-arrived
		states := func() string { return fmt.Sprint(r.strings(`SELECT state || ' ' || failure FROM message ORDER BY id`)) }

		// It lives: it has a lease, or is the one that asks.
		if err := r.Tend(t.Context(), 0); err != nil || states() != "[sending ]" {
			t.Fatalf("%s, %v", states(), err)
		}
		r.exec(`INSERT INTO node (id, started_instant, expire_instant) VALUES ('node-1', 0, $1)`, noon.Add(15*time.Second).UnixMilli())
		other := newRig(t, r.d, r.now, "node-2")
		if err := other.Start(t.Context()); err != nil || states() != "[sending ]" {
			t.Fatalf("%s, %v", states(), err)
		}

		// It has died, as far as anybody can tell.
		r.pass(16 * time.Second)
		if err := other.Start(t.Context()); err != nil || !strings.HasPrefix(states(), "[unknown Herald ended while the message was being sent") {
			t.Fatalf("%s, %v", states(), err)
		}
		r.wantEntry(wire.EventLogError, "1 message(s) were being sent when Herald ended", "not sent again")
		if err := other.Tend(t.Context(), 0); err != nil || len(r.entries(wire.EventLogError)) != 1 || len(to.Requests()) != 1 {
			t.Errorf("%v; %q; %d requests", err, r.entries(wire.EventLogError), len(to.Requests()))
		}

		// It has not: what it knows counts.
		answer()
		if err := <-ended; err != nil || states() != "[sent ]" {
			t.Errorf("%s, %v", states(), err)
		}

		r.exec(`UPDATE message SET state = 'sending'`) // by a living process that could not close it
		r.pass(4 * time.Hour)
		if err := r.Tend(t.Context(), 0); err != nil || !strings.HasPrefix(states(), "[unknown ") {
			t.Errorf("%s, %v", states(), err)
		}
	})
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		good, bad := egresstest.NewReceiver(t), egresstest.NewReceiver(t).Script(egresstest.Status(400))
		main, down := r.messenger("Main", good), r.messenger("Down", bad, func(m *wire.Messenger) { m.MessageTypes = []wire.MessageType{wire.SMS, wire.Voice} })
		var ids []wire.ID
		send := func(state wire.MessageState, code string, change func(*message.Request)) {
			t.Helper()
			q := request(main)
			change(&q)
			ids = append(ids, r.send(q, state, code).ID)
			r.pass(time.Second)
		}
		send(wire.MessageSent, "", func(*message.Request) {})
		send(wire.MessageSent, "", func(q *message.Request) { q.To, q.User = "+15551234567", nil })
		send(wire.MessageFailed, "[MessengerError]", func(q *message.Request) { q.Messengers, q.Kind = []wire.ID{down}, wire.KindVoice })
		send(wire.MessageFailed, "[MessengerError]", func(q *message.Request) { q.Template, q.Purpose = nowhere, "forgot-password" })
		second := wire.Instant(noon.Add(time.Second).UnixMilli())

		for name, test := range map[string]struct {
			search wire.MessageSearch
			want   []int
		}{
			"everything, the newest first": {wire.MessageSearch{}, []int{3, 2, 1, 0}},
			"the oldest first":             {wire.MessageSearch{Page: wire.Page{OrderBy: "insertInstant ASC"}}, []int{0, 1, 2, 3}},
			"a page":                       {wire.MessageSearch{Page: wire.Page{NumberOfResults: 2, StartRow: 1}}, []int{2, 1}},
			"tenant":                       {wire.MessageSearch{TenantID: nowhere}, nil},
			"user":                         {wire.MessageSearch{UserID: user}, []int{3, 2, 0}},
			"messenger":                    {wire.MessageSearch{MessengerID: down}, []int{2}},
			"template":                     {wire.MessageSearch{TemplateID: twoFactor}, []int{2, 1, 0}},
			"kind":                         {wire.MessageSearch{Kind: wire.KindVoice}, []int{2}},
			"purpose":                      {wire.MessageSearch{Purpose: "forgot-password"}, []int{3}},
			"state":                        {wire.MessageSearch{State: wire.MessageFailed}, []int{3, 2}},
			"recipient":                    {wire.MessageSearch{Recipient: " +49 (170) 123 4567"}, []int{3, 2, 0}},
			"part of a recipient":          {wire.MessageSearch{Recipient: "+49"}, nil},
			"an end that does not count":   {wire.MessageSearch{Period: wire.Period{Start: second, End: second + 1000}}, []int{1}},
		} {
			found, total, err := r.Search(t.Context(), test.search)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []wire.ID
			for _, m := range found {
				got = append(got, m.ID)
			}
			var want []wire.ID
			for _, i := range test.want {
				want = append(want, ids[i])
			}
			if wantTotal := map[bool]int{true: 4, false: len(want)}[name == "a page"]; fmt.Sprint(got) != fmt.Sprint(want) || total != wantTotal {
				t.Errorf("%s: found %s (%d), want %s", name, got, total, want)
			}
			if test.search.Page != (wire.Page{}) { // lists have their own
				continue
			}
			test.search.NumberOfResults = 1
			dbtest.Pages(t, name, want, func(at search.Cursor) (ids []wire.ID, links search.Links, err error) {
				found, links, err := r.Page(t.Context(), test.search, at)
				for _, m := range found {
					ids = append(ids, m.ID)
				}
				return ids, links, err
			})
		}

		_, _, err := r.Search(t.Context(), wire.MessageSearch{Kind: "sms", State: "Sended", Period: wire.Period{Start: -1}, Page: wire.Page{OrderBy: "purpose"}, Recipient: strings.Repeat("1", 1001)})
		p, _ := problem.As(err)
		if _, _, other := r.Page(t.Context(), wire.MessageSearch{Kind: "sms"}, ""); other == nil {
			t.Error("a list of nonsense")
		}
		if p == nil || len(p.Fields) != 5 || !strings.Contains(p.Error(), `Did you mean "SMS"`) {
			t.Errorf("nonsense: %v", err)
		}
		if _, _, err := r.Search(t.Context(), wire.MessageSearch{Period: wire.Period{Start: 2, End: 1}}); err == nil {
			t.Error("an end before the start was taken")
		}
		if _, err := r.Load(t.Context(), nowhere); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("an unknown id: %v", err)
		}
	})
}

func TestTrim(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		q := request(r.messenger("Main", egresstest.NewReceiver(t)))
		r.send(q, wire.MessageSent, "")
		r.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
			INSERT INTO message (id, kind, purpose, recipient, recipient_hash, template_name, locale, locale_reason, state, counted, failure, attempts, node, insert_instant, last_update_instant)
			SELECT 'old-' || i, kind, purpose, recipient, recipient_hash, template_name, locale, locale_reason, state, counted, failure, attempts, node, insert_instant - 1, last_update_instant FROM message, n`)
		r.pass(24 * time.Hour)
		if err := r.Tend(t.Context(), 0); err != nil || len(r.strings(`SELECT id FROM message`)) != 1201 {
			t.Errorf("without an end to it %d are left, %v", len(r.strings(`SELECT id FROM message`)), err)
		}
		if err := r.Tend(t.Context(), 1); err != nil || len(r.strings(`SELECT id FROM message`)) != 1 {
			t.Errorf("after a day %d are left, %v", len(r.strings(`SELECT id FROM message`)), err)
		}
	})
}
