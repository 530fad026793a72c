package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

const (
	intakeID   = "0198c5d2-5f4c-7b0e-9d0a-1b2c3d4e5f60"
	intakeUser = "6a1f2a1e-5f4c-4b0e-9d0a-1b2c3d4e5f60"
)

// publishOne publishes an event and returns what is on record.
func publishOne(s *apptest.Server, raw string, header ...string) wire.PublishedEvent {
	var r wire.EventResponse
	s.Call("POST", "/api/event", `{"event":`+raw+`}`, header...).Want(200).Decode(&r)
	return r.Event
}

// outside is an event of the type with the id, as another system may send it.
func outside(t event.Type, id string) string {
	return fmt.Sprintf(`{"type":%q,"id":%q,"user":{"id":%q,"email":"ada@example.com"}}`, t, id, intakeUser)
}

// numbered is the id of the n-th event.
func numbered(n int) string { return fmt.Sprintf("0198c5d2-5f4c-7b0e-9d0a-%012d", n) }

// What came is what every webhook gets, at every attempt, byte for byte but for the envelope; and what is on record.
func TestIntake_PassesOnWhatCame(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.login.success")
		first := egresstest.NewReceiver(t)
		second := egresstest.NewReceiver(t).Script(egresstest.Status(500), egresstest.Status(302), egresstest.Accept())
		types := []string{"user.login.success"}
		s.Subscribe(first.URL, types)
		hook := s.Subscribe(second.URL, types)

		const rest = `"type":"user.login.success", "z":1.0 ,"a":1e400,"big":123456789012345678901234567890,"text":"\u00e9\/é<&>\ud83d\ude00 ","unknown":{"b":[],"a":[{ }]},` +
			`"user":{"id":"` + intakeUser + `","email":"ada@example.com"} }`
		got := publishOne(s, `{ "id":"`+strings.ToUpper(intakeID)+`",`+rest)
		if got.ID != intakeID || got.Type != types[0] || got.TenantID != s.Tenant || got.CreateInstant == 0 || got.Duplicate {
			t.Errorf("published: %+v", got)
		}
		want := fmt.Sprintf(`{"event":{"createInstant":%d,"tenantId":"%s", "id":"%s",%s}`, got.CreateInstant, s.Tenant, intakeID, rest)
		for _, q := range append(first.WaitFor(1), second.WaitFor(3)...) {
			if string(q.Body) != want {
				t.Errorf("sent:\n%s\nwant:\n%s", q.Body, want)
			}
		}
		s.Settled(patience)
		record := s.Strings(`SELECT tenant_id || ' ' || type || ' ' || transaction_type || ' ' || result || ' ' || linked_object_id || ' ' || body FROM event WHERE id = $1`, intakeID)
		if !slices.Equal(record, []string{string(s.Tenant) + " user.login.success None Succeeded " + intakeUser + " " + want}) {
			t.Errorf("on record: %q", record)
		}
		states := s.Strings(`SELECT state || ' after ' || attempts FROM delivery ORDER BY attempts`)
		if !slices.Equal(states, []string{"delivered after 1", "delivered after 3"}) {
			t.Errorf("deliveries: %q", states)
		}
		if kinds := s.Strings(`SELECT kind FROM attempt WHERE webhook_id = $1 ORDER BY kind`, hook); !slices.Equal(kinds, []string{"delivery", "retry", "retry"}) {
			t.Errorf("attempts: %q", kinds)
		}
		shown, err := webhooklog.NewReader(s.App.Store()).Event(t.Context(), intakeID)
		if err != nil || string(shown.Event) != want || shown.OperationID != intakeID || shown.SuccessfulAttempts != 2 || shown.FailedAttempts != 2 {
			t.Errorf("the log shows %+v (%v)", shown, err)
		}
		s.Call("POST", "/api/event", `{"event":{"type":"user.login.success"},"unknown":1}`).Want(200)
		first.WaitFor(2)
	}, quickRetries)
}

// An id lets one event in, and has the same answer for ever.
func TestIntake_AnIDIsOneEvent(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.login.success", "user.login.failed")
		r := egresstest.NewReceiver(t)
		s.Subscribe(r.URL, []string{"user.login.success", "user.login.failed"})
		other := createTenant(s, "Other")
		home := []string{"X-FusionAuth-TenantId", string(s.Tenant)}

		given := outside(event.UserLoginSuccess, intakeID)
		first := publishOne(s, given, home...)
		r.WaitFor(1)
		s.Settled(patience)
		again := first
		again.Duplicate = true
		same := map[string]string{
			"the same bytes":                 given,
			"the id in upper case":           outside(event.UserLoginSuccess, strings.ToUpper(intakeID)),
			"with its instant":               fmt.Sprintf(`{"createInstant":%d,%s`, first.CreateInstant, given[1:]),
			"stamped anew":                   `{"createInstant":1234567890123,` + given[1:],
			"with its tenant":                fmt.Sprintf(`{"tenantId":%q,%s`, s.Tenant, given[1:]),
			"in another order, with escapes": fmt.Sprintf(`{"user":{"email":"ada\u0040example.com" , "id":%q},"\u0069d":%q,"type":"user.login.success"}`, intakeUser, intakeID),
		}
		another := map[string]string{
			"type":      outside(event.UserLoginFailed, intakeID),
			"content":   strings.Replace(given, "ada@", "bob@", 1),
			"more":      `{"more":null,` + given[1:],
			"a number":  `{"n":1,` + given[1:],
			"no object": `{"type":"user.login.success","id":"` + intakeID + `"}`,
		}
		ask := func() {
			for name, raw := range same {
				if got := publishOne(s, raw, home...); got != again {
					t.Errorf("%s: %+v, want %+v", name, got, again)
				}
			}
			for name, raw := range another {
				answer := s.Call("POST", "/api/event", `{"event":`+raw+`}`, home...).Want(400)
				if codes := answer.Codes(); !slices.Equal(codes, []string{"[duplicate]event.id"}) {
					t.Errorf("another %s: %q", name, codes)
				}
			}
			foreign := s.Call("POST", "/api/event", `{"event":`+given+`}`, "X-FusionAuth-TenantId", string(other)).Want(400)
			if codes := foreign.Codes(); !slices.Equal(codes, []string{"[duplicate]event.id"}) {
				t.Errorf("of another tenant: %q", codes)
			}
			for raw, want := range map[string][]string{
				another["type"] + `,` + outside(event.UserLoginSuccess, numbered(1)):                                       {"[duplicate]events[0].id"},
				outside(event.UserLoginSuccess, numbered(1)) + `,` + given + `,` + another["content"]:                      {"[duplicate]events[2].id"},
				another["more"] + `,` + given + `,` + another["type"] + `,` + outside(event.UserLoginSuccess, numbered(1)): {"[duplicate]events[0].id", "[duplicate]events[1].id", "[duplicate]events[2].id"},
			} {
				answer := s.Call("POST", "/api/event/batch", `{"events":[`+raw+`]}`, home...).Want(400)
				if codes := slices.Sorted(slices.Values(answer.Codes())); !slices.Equal(codes, want) {
					t.Errorf("%s: %q, want %q", raw, codes, want)
				}
			}
		}
		ask()
		s.Restart()
		ask()
		if published := s.Published(); !slices.Equal(published, []string{"user.login.success Succeeded"}) {
			t.Errorf("on record: %q", published)
		}
		if n := len(r.Requests()); n != 1 {
			t.Errorf("it was sent %d times", n)
		}
		// Of a large event the bytes must be the same.
		large := fmt.Sprintf(`{"type":"test","id":%q,"a":"%s","b":1}`, numbered(9), strings.Repeat("a", 100_000))
		publishOne(s, large, home...)
		if !publishOne(s, large, home...).Duplicate {
			t.Error("a large event came in twice")
		}
		s.Call("POST", "/api/event", `{"event":{"b":1,`+strings.TrimSuffix(large[1:], `,"b":1}`)+`}}`, home...).Want(400)
		// An id of Herald's own event is taken as well.
		s.Enable(wire.None, "user.create.complete")
		s.Call("POST", "/api/user", user("own@example.com"), home...).Want(200)
		own := s.Strings(`SELECT id FROM event WHERE type = 'user.create.complete'`)[0]
		if codes := s.Call("POST", "/api/event", `{"event":`+outside(event.UserCreateComplete, own)+`}`, home...).Want(400).Codes(); !slices.Equal(codes, []string{"[duplicate]event.id"}) {
			t.Errorf("with the id of another one's event: %q", codes)
		}
	})
}

// Of callers that send one event at the same moment, alone or in batches, one brings it in and the others are told that it is there.
func TestIntake_ConcurrentTwins(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.login.success")
		r := egresstest.NewReceiver(t)
		s.Subscribe(r.URL, []string{"user.login.success"})
		const ids, callers = 5, 8
		var fresh, repeated atomic.Int64
		var all sync.WaitGroup
		for caller := range callers {
			all.Go(func() {
				if caller%4 == 0 { // all at once
					var events []string
					for n := range ids {
						events = append(events, outside(event.UserLoginSuccess, numbered((n+caller)%ids)))
					}
					answer := s.Call("POST", "/api/event/batch", `{"events":[`+strings.Join(events, ",")+`]}`)
					var batch wire.EventBatchResponse
					answer.Decode(&batch)
					if answer.Status != 200 || len(batch.Events) != ids {
						t.Errorf("batch: %d %s", answer.Status, answer.Body)
					}
					for _, e := range batch.Events {
						if e.Duplicate {
							repeated.Add(1)
						} else {
							fresh.Add(1)
						}
					}
					return
				}
				for n := range ids {
					answer := s.Call("POST", "/api/event", `{"event":`+outside(event.UserLoginSuccess, numbered(n))+`}`)
					var one wire.EventResponse
					answer.Decode(&one)
					switch {
					case answer.Status != 200:
						t.Errorf("event %d: %d %s", n, answer.Status, answer.Body)
					case one.Event.Duplicate:
						repeated.Add(1)
					default:
						fresh.Add(1)
					}
				}
			})
		}
		all.Wait()
		if fresh.Load() != ids || repeated.Load() != ids*(callers-1) {
			t.Errorf("%d were new and %d were there, want %d and %d", fresh.Load(), repeated.Load(), ids, ids*(callers-1))
		}
		r.WaitFor(ids)
		s.Settled(patience)
		if n := len(r.Requests()); n != ids {
			t.Errorf("%d requests for %d events", n, ids)
		}
	})
}

// The rule of the tenant decides about events from outside as about its own, and nothing follows but the deliveries.
func TestIntake_Votes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		var receivers []*egresstest.Receiver
		for range 3 {
			r := egresstest.NewReceiver(t)
			receivers = append(receivers, r)
			s.Subscribe(r.URL, []string{"user.create", "user.create.complete", "custom.order.placed"})
		}
		s.Enable(wire.None, "user.create.complete") // which nobody publishes here
		n := 0
		for _, each := range []struct {
			t     event.Type
			rule  wire.TransactionType
			yes   int
			votes bool
			want  int
		}{
			{event.UserCreate, wire.AbsoluteMajority, 3, true, 200},
			{event.UserCreate, wire.AbsoluteMajority, 2, true, 504},
			{event.UserCreate, wire.SuperMajority, 2, true, 200},
			{event.UserCreate, wire.SimpleMajority, 1, true, 504},
			{event.UserCreate, wire.Any, 1, true, 200},
			{event.UserCreate, wire.Any, 0, true, 504},
			{event.UserCreate, wire.None, 0, false, 200},
			{"custom.order.placed", wire.SuperMajority, 2, true, 200},
			{"custom.order.placed", wire.SuperMajority, 1, true, 504},
			{"custom.order.placed", wire.None, 2, false, 200},
		} {
			s.Enable(each.rule, string(each.t))
			for i, r := range receivers {
				r.Forget()
				// Who says no the first time has thought better of it when asked again.
				if i < each.yes {
					r.Script(egresstest.Accept())
				} else {
					r.Script(egresstest.Status(http.StatusForbidden), egresstest.Accept())
				}
			}
			name := fmt.Sprintf("%s under %s with %d of 3", each.t, each.rule, each.yes)
			n++
			request := `{"event":` + outside(each.t, numbered(n)) + `}`
			answer := s.Call("POST", "/api/event", request)
			if answer.Status != each.want || each.want == 504 && string(answer.Body) != exact504 {
				t.Fatalf("%s: %d %s", name, answer.Status, answer.Body)
			}
			for _, r := range receivers {
				r.WaitFor(1)
			}
			s.Settled(patience)
			requests := 0
			for _, r := range receivers {
				all := r.Requests()
				requests += len(all)
				for _, q := range all {
					if string(q.Body) != string(receivers[0].Requests()[0].Body) {
						t.Errorf("%s: %s was sent beside %s", name, q.Body, receivers[0].Requests()[0].Body)
					}
				}
			}
			want := 3
			if each.want == 200 {
				want += 3 - each.yes // those who said no are owed it
			}
			if requests != want {
				t.Errorf("%s: %d requests, want %d", name, requests, want)
			}
			// A twin has the same answer, and nobody hears of it.
			again := s.Call("POST", "/api/event", request)
			if again.Status != each.want || each.want == 504 && string(again.Body) != exact504 || each.want == 200 && !strings.Contains(string(again.Body), `"duplicate":true`) {
				t.Errorf("%s, again: %d %s", name, again.Status, again.Body)
			}
			s.Settled(patience)
			for _, r := range receivers {
				requests -= len(r.Requests())
			}
			if requests != 0 {
				t.Errorf("%s: webhooks heard %d times more of the twin", name, -requests)
			}
			record := s.Strings(`SELECT transaction_type || ' ' || result FROM event WHERE id = $1`, numbered(n))
			result := map[int]string{200: "Succeeded", 504: "Failed"}[each.want]
			if !slices.Equal(record, []string{string(each.rule) + " " + result}) {
				t.Errorf("%s: on record %q", name, record)
			}
			if each.want == 504 {
				if owed := s.Strings(`SELECT d.state FROM delivery d JOIN event e ON e.sequence = d.event_sequence WHERE e.id = $1`, numbered(n)); len(owed) != 0 {
					t.Errorf("%s: a refused event owes %q", name, owed)
				}
			}
		}
		if complete := s.Strings(`SELECT id FROM event WHERE type = 'user.create.complete'`); len(complete) != 0 {
			t.Errorf("%d twins were made of events of others", len(complete))
		}
	}, quickRetries)
}

// With nobody to ask, and with the event switched off, there is no vote, and the event is on record with the reason.
func TestIntake_NobodyToAsk(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		publishOne(s, outside(event.UserCreate, numbered(1)))
		r := egresstest.NewReceiver(t).Script(egresstest.Status(500))
		s.Subscribe(r.URL, []string{"user.create"})
		events := map[string]any{"user.create": map[string]any{"enabled": false, "transactionType": wire.AbsoluteMajority}}
		s.Call("PATCH", "/api/tenant/"+string(s.Tenant), map[string]any{"tenant": map[string]any{"eventConfiguration": map[string]any{"events": events}}}).Want(200)
		publishOne(s, outside(event.UserCreate, numbered(2)))
		// Not even in a batch.
		s.Call("POST", "/api/event/batch", `{"events":[`+outside(event.UserCreate, numbered(3))+`,`+outside(event.UserUpdate, numbered(4))+`]}`).Want(200)
		if published := s.Published(); !slices.Equal(published, []string{"user.create Succeeded", "user.create Succeeded", "user.create Succeeded", "user.update Succeeded"}) {
			t.Errorf("on record: %q", published)
		}
		shown, err := webhooklog.NewReader(s.App.Store()).Event(t.Context(), wire.ID(numbered(2)))
		if left := shown.NotSentTo; err != nil || len(left) != 1 || left[0].Reason != "tenant disabled" {
			t.Errorf("not sent to %+v (%v)", left, err)
		}
		if n := len(r.Requests()); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

// While webhooks are asked, twins are told to wait; they are asked once.
func TestIntake_TwinOfARunningVote(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		s.Subscribe(r.URL, []string{"user.create"})
		request := `{"event":` + outside(event.UserCreate, intakeID) + `}`
		first := make(chan apptest.Answer)
		go func() { first <- s.Call("POST", "/api/event", request) }()
		r.WaitFor(1)
		for range 3 {
			if codes := s.Call("POST", "/api/event", request).Want(409).Codes(); !slices.Equal(codes, []string{"[retryableConflict]"}) {
				t.Errorf("a twin: %q", codes)
			}
		}
		if codes := s.Call("POST", "/api/event", strings.Replace(request, "ada@", "bob@", 1)).Want(400).Codes(); !slices.Equal(codes, []string{"[duplicate]event.id"}) {
			t.Errorf("another one: %q", codes)
		}
		// Switching the vote off meanwhile changes nothing for the event that is being voted on.
		s.Enable(wire.None, "user.create")
		s.Call("POST", "/api/event", request).Want(409)
		if codes := s.Call("POST", "/api/event/batch", `{"events":[`+outside(event.UserCreate, intakeID)+`]}`).Want(400).Codes(); !slices.Equal(codes, []string{"[running]events[0].id"}) {
			t.Errorf("a twin in a batch: %q", codes)
		}
		close(release)
		(<-first).Want(200)
		if !publishOne(s, outside(event.UserCreate, intakeID)).Duplicate {
			t.Error("after the vote the twin is told nothing of it")
		}
		if n := len(r.Requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// Callers that put one event to a vote at the same moment have one vote between them.
func TestIntake_ConcurrentTwinsOfAVote(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Status(403)))
		s.Subscribe(r.URL, []string{"user.create"})
		const callers = 8
		statuses := make(chan int, callers)
		for range callers {
			go func() {
				statuses <- s.Call("POST", "/api/event", `{"event":`+outside(event.UserCreate, intakeID)+`}`).Status
			}()
		}
		var got []int
		for range callers - 1 { // those who are not first have their answer before the vote is over
			got = append(got, <-statuses)
		}
		close(release)
		got = append(got, <-statuses)
		if want := []int{409, 409, 409, 409, 409, 409, 409, 504}; !slices.Equal(got, want) {
			t.Errorf("answers: %v, want %v", got, want)
		}
		if n := len(r.Requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// A vote that a crash left open is lost: the event is refused, and stays so.
func TestIntake_AfterACrash(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.Any, "user.create")
		r := egresstest.NewReceiver(t)
		s.Subscribe(r.URL, []string{"user.create"})
		publishOne(s, outside(event.UserCreate, intakeID))
		// As a process leaves it that is killed while it asks.
		exec(t, s, `UPDATE event SET result = 'Running', decide_by_instant = 1`)
		exec(t, s, `DELETE FROM delivery`)
		s.Restart()
		answer := s.Call("POST", "/api/event", `{"event":`+outside(event.UserCreate, intakeID)+`}`).Want(504)
		if string(answer.Body) != exact504 {
			t.Errorf("the answer is %s", answer.Body)
		}
		// Under a rule that asks nobody as well.
		s.Enable(wire.None, "user.create")
		s.Call("POST", "/api/event", `{"event":`+outside(event.UserCreate, intakeID)+`}`).Want(504)
		batch := s.Call("POST", "/api/event/batch", `{"events":[`+outside(event.UserCreate, numbered(1))+`,`+outside(event.UserCreate, intakeID)+`]}`).Want(400)
		if codes := batch.Codes(); !slices.Equal(codes, []string{"[refused]events[1].id"}) {
			t.Errorf("in a batch: %q", codes)
		}
		if published := s.Published(); !slices.Equal(published, []string{"user.create Failed"}) || len(r.Requests()) != 1 {
			t.Errorf("on record: %q, after %d requests", published, len(r.Requests()))
		}
	})
}

func exec(t *testing.T, s *apptest.Server, statement string, args ...any) {
	t.Helper()
	err := s.App.Store().Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Everything that is wrong is said, and nothing is stored.
func TestIntake_Refuses(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "custom.order.paid")
		before := s.Rows()
		for body, want := range map[string][]string{
			``:               {"[invalidJSON]"},
			`{`:              {"[invalidJSON]"},
			`[]`:             {"[invalidJSON]"},
			`null`:           {"[invalidJSON]"},
			`{}`:             {"[missing]event"},
			`{"event":null}`: {"[missing]event"},
			`{"event":[]}`:   {"[couldNotConvert]event"},
			`{"event":"x"}`:  {"[couldNotConvert]event"},
			`{"Event":{}}`:   {"[missing]event"},
			`{"event":{}}`:   {"[missing]event.type"},
			`{"event":{"type":"test"},"event":{"type":"test"}}`:                                         {"[invalidJSON]"},
			`{"event":{"type":"test","a":{"b":1,"\u0062":2}}}`:                                          {"[invalidJSON]"},
			`{"event":{"type":"test","a":"\u0000"}}`:                                                    {"[invalidJSON]"},
			"{\"event\":{\"type\":\"test\",\"a\":\"\xff\"}}":                                            {"[invalidJSON]"},
			`{"event":{"type":"test","a":01}}`:                                                          {"[invalidJSON]"},
			`{"event":{"type":"test","a":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}}`:   nil,
			`{"event":{"type":"test","a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}}`: {"[invalidJSON]"},
			`{"event":{"type":"test","a":` + strings.Repeat(`{"a":`, 100_000):                           {"[invalidJSON]"},
			`{"event":{"type":"user.craete"}}`:                                                          {"[invalid]event.type"},
			`{"event":{"type":"User.Create"}}`:                                                          {"[invalid]event.type"},
			`{"event":{"type":"user.create\u0001"}}`:                                                    {"[invalid]event.type"},
			`{"event":{"type":"custom.order.refunded"}}`:                                                {"[invalid]event.type"},
			`{"event":{"type":"custom.Order"}}`:                                                         {"[invalid]event.type"},
			`{"event":{"type":"custom.` + strings.Repeat("x", 100) + `"}}`:                              {"[invalid]event.type"},
			`{"event":{"type":"` + strings.Repeat("user.create", 100_000) + `"}}`:                       {"[invalid]event.type"},
			`{"event":{"type":"event-log.create"}}`:                                                     {"[invalid]event.type"},
			`{"event":{"type":"audit-log.create"}}`:                                                     {"[invalid]event.type"},
			`{"event":{"type":"kickstart.success"}}`:                                                    {"[invalid]event.type"},
			`{"event":{"type":"test","tenantId":"` + intakeID + `"}}`:                                   {"[invalid]event.tenantId"},
			`{"event":{"type":"custom.order.paid","tenantId":"` + intakeID + `","id":"{}"}}`:            {"[couldNotConvert]event.id"},
			`{"event":{"type":"user.create","user":{"password":"pl4nted"}}}`:                            {"[secret]event.user.password"},
			`{"event":{"type":"test","createInstant":1e300,"Id":1,"tenantId":7}}`:                       {"[couldNotConvert]event.tenantId", "[invalid]event.Id", "[invalid]event.createInstant"},
		} {
			if want == nil {
				continue
			}
			answer := s.Call("POST", "/api/event", body)
			codes := answer.Codes()
			slices.Sort(codes)
			if answer.Status != 400 || !slices.Equal(codes, want) {
				t.Errorf("%.120s: %d %q, want %q", body, answer.Status, codes, want)
			}
			if len(answer.Body) > 2000 || strings.Contains(string(answer.Body), "pl4nted") {
				t.Errorf("%.120s: the answer is %.3000s", body, answer.Body)
			}
		}
		for body, want := range map[string][]string{
			`{}`:              {"[missing]events"},
			`{"events":null}`: {"[missing]events"},
			`{"events":{}}`:   {"[couldNotConvert]events"},
			`{"events":[]}`:   {"[empty]events"},
			`{"events":[ ]}`:  {"[empty]events"},
			`{"events":[{"type":"test"},null,{"type":"nonsense-nonsense"},{"type":"test"},7,{"type":"test","id":7}]}`: {
				"[couldNotConvert]events[4]", "[couldNotConvert]events[5].id", "[missing]events[1]",
			},
			`{"events":[{"type":"test"},{"type":"nonsense-nonsense"},{"type":"custom.nobody.knows"},{"type":"event-log.create","tenantId":"` + intakeID + `"}]}`: {
				"[invalid]events[1].type", "[invalid]events[2].type", "[invalid]events[3].tenantId", "[invalid]events[3].type",
			},
			`{"events":[{"type":"test","id":"` + intakeID + `"},{"type":"test","id":"` + intakeID + `","x":1},{"type":"custom.order.paid","id":"` + strings.ToUpper(intakeID) + `"}]}`: {
				"[duplicate]events[1].id", "[duplicate]events[2].id",
			},
			`{"events":[` + strings.Repeat(`{"type":"test"},`, 1000) + `{"type":"test"}]}`: {"[tooMany]events"},
		} {
			answer := s.Call("POST", "/api/event/batch", body)
			codes := answer.Codes()
			slices.Sort(codes)
			if answer.Status != 400 || !slices.Equal(codes, want) {
				t.Errorf("%.200s: %d %q, want %q", body, answer.Status, codes, want)
			}
		}
		big := `{"event":{"type":"test","a":"` + strings.Repeat("a", 5<<20) + `"}}`
		if codes := s.Call("POST", "/api/event", big).Want(413).Codes(); !slices.Equal(codes, []string{"[bodyTooLarge]"}) {
			t.Errorf("5 MiB and more: %q", codes)
		}
		if codes := s.Call("POST", "/api/event", `{"event":{"type":"test"}}`, "Content-Type", "text/plain").Want(400).Codes(); !slices.Equal(codes, []string{"[invalidContentType]"}) {
			t.Errorf("as text: %q", codes)
		}
		s.Call("POST", "/api/event", `{"event":{"type":"test"}}`, "Authorization", "nobody").Want(401)
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			s.Call(method, "/api/event", nil).Want(405)
			s.Call(method, "/api/event/batch", nil).Want(405)
		}
		s.Unchanged(before)

		// The largest and the deepest that are taken.
		for _, body := range []string{
			`{"event":{"type":"test","a":"` + strings.Repeat("a", 5<<20-100) + `"}}`,
			`{"event":{"type":"test","a":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}}`,
		} {
			s.Call("POST", "/api/event", body).Want(200)
		}
	})
}

// An event belongs to the tenant it names, which must be the caller's, or else to the caller's.
func TestIntake_Tenants(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		if got := publishOne(s, `{"type":"test"}`); got.TenantID != s.Tenant {
			t.Errorf("with one tenant it belongs to %s", got.TenantID)
		}
		other := createTenant(s, "Other")
		var k wire.APIKeyResponse
		s.Call("POST", "/api/api-key", wire.APIKeyRequest{APIKey: wire.APIKey{Name: "other", TenantID: other}}).Want(200).Decode(&k)
		key, header := []string{"Authorization", k.APIKey.Key}, []string{"X-FusionAuth-TenantId", string(other)}

		for name, caller := range map[string][]string{"key": key, "header": header, "both": append(key, header...)} {
			for _, raw := range []string{`{"type":"test"}`, `{"type":"test","tenantId":null}`, `{"type":"test","tenantId":"` + string(other) + `"}`} {
				if got := publishOne(s, raw, caller...); got.TenantID != other {
					t.Errorf("%s: %s belongs to %s", name, raw, got.TenantID)
				}
			}
			foreign := `{"type":"test","tenantId":"` + string(s.Tenant) + `"}`
			if codes := s.Call("POST", "/api/event", `{"event":`+foreign+`}`, caller...).Want(400).Codes(); !slices.Equal(codes, []string{"[invalid]event.tenantId"}) {
				t.Errorf("%s: another tenant's event: %q", name, codes)
			}
			batch := `{"events":[{"type":"test"},` + foreign + `,{"type":"test","tenantId":"` + string(other) + `"},` + foreign + `]}`
			if codes := s.Call("POST", "/api/event/batch", batch, caller...).Want(400).Codes(); !slices.Equal(slices.Sorted(slices.Values(codes)), []string{"[invalid]events[1].tenantId", "[invalid]events[3].tenantId"}) {
				t.Errorf("%s: others' events in a batch: %q", name, codes)
			}
		}
		s.Call("POST", "/api/event", `{"event":{"type":"test"}}`, append(key, "X-FusionAuth-TenantId", string(s.Tenant))...).Want(401)
		for _, call := range []apptest.Answer{
			s.Call("POST", "/api/event", `{"event":{"type":"test"}}`),
			s.Call("POST", "/api/event/batch", `{"events":[{"type":"test"},{"type":"test"}]}`),
		} {
			if codes := call.Want(400).Codes(); !slices.Equal(codes, []string{"[TenantIdRequired]"}) {
				t.Errorf("of no tenant: %q", codes)
			}
		}
		// A key without tenant may publish for many of them in one batch.
		var batch wire.EventBatchResponse
		s.Call("POST", "/api/event/batch", fmt.Sprintf(`{"events":[{"type":"test","tenantId":%q},{"type":"test","tenantId":%q}]}`, s.Tenant, other)).Want(200).Decode(&batch)
		if batch.Events[0].TenantID != s.Tenant || batch.Events[1].TenantID != other {
			t.Errorf("a batch of two tenants: %+v", batch)
		}
		// A custom type is the tenant's that lists it.
		s.Enable(wire.None, "custom.order.paid")
		s.Call("POST", "/api/event", fmt.Sprintf(`{"event":{"type":"custom.order.paid","tenantId":%q}}`, s.Tenant)).Want(200)
		s.Call("POST", "/api/event", fmt.Sprintf(`{"event":{"type":"custom.order.paid","tenantId":%q}}`, other)).Want(400)

		// A tenant that is being deleted is gone.
		exec(t, s, `UPDATE tenant SET deleting = TRUE WHERE id = $1`, string(other))
		s.Restart()
		n := len(s.Strings(`SELECT id FROM event`))
		named := fmt.Sprintf(`{"event":{"type":"test","tenantId":%q}}`, other)
		if status := s.Call("POST", "/api/event", named).Status; status != 400 {
			t.Errorf("for a tenant that is gone: %d", status)
		}
		for _, body := range []string{`{"event":{"type":"test"}}`, named} {
			if status := s.Call("POST", "/api/event", body, key...).Status; status != 401 && status != 400 {
				t.Errorf("with the key of a tenant that is gone: %d", status)
			}
		}
		if got := len(s.Strings(`SELECT id FROM event WHERE tenant_id = $1 AND type = 'test'`, string(other))); len(s.Strings(`SELECT id FROM event WHERE type = 'test'`)) > n || got > n {
			t.Error("events of a tenant that is gone were stored")
		}
	})
}

// A batch is one commit, answered in its order, and can be repeated.
func TestIntake_Batch(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.login.success", "user.update.complete", "user.delete.complete", "custom.order.paid")
		s.Enable(wire.Any, "user.create")
		r := egresstest.NewReceiver(t)
		s.Subscribe(r.URL, []string{"user.login.success", "user.update.complete", "user.delete.complete", "custom.order.paid", "user.create"})
		request := `{"events":[` + strings.Join([]string{
			outside(event.UserUpdateComplete, numbered(1)),
			`{"type":"custom.order.paid","createInstant":17}`,
			outside(event.UserDeleteComplete, numbered(2)),
			outside(event.UserUpdateComplete, numbered(1)),
			`{"type":"user.update"}`,
		}, " , ") + `]}`
		var first wire.EventBatchResponse
		s.Call("POST", "/api/event/batch", request).Want(200).Decode(&first)
		var types []string
		for i, e := range first.Events {
			types = append(types, e.Type)
			if e.ID == "" || e.TenantID != s.Tenant || e.CreateInstant == 0 || e.Duplicate != (i == 3) {
				t.Errorf("event %d is %+v", i, e)
			}
		}
		if !slices.Equal(types, []string{"user.update.complete", "custom.order.paid", "user.delete.complete", "user.update.complete", "user.update"}) || first.Events[1].CreateInstant != 17 ||
			string(first.Events[0].ID) != numbered(1) || string(first.Events[3].ID) != numbered(1) {
			t.Errorf("the batch is answered by %+v", first)
		}
		r.WaitFor(3)
		s.Settled(patience)
		// About one object they leave in the order of the batch.
		if sent := slices.DeleteFunc(r.Events(), func(e string) bool { return e == "custom.order.paid" }); !slices.Equal(sent, []string{"user.update.complete", "user.delete.complete"}) {
			t.Errorf("sent: %q", sent)
		}
		if operations := s.Strings(`SELECT DISTINCT operation_id FROM event`); len(operations) != 1 {
			t.Errorf("a batch is %d operations", len(operations))
		}

		// Again, with one more: what is there is there, the rest comes in.
		var again wire.EventBatchResponse
		s.Call("POST", "/api/event/batch", `{"events":[`+outside(event.UserLoginSuccess, numbered(3))+`,`+outside(event.UserUpdateComplete, numbered(1))+`,`+outside(event.UserLoginSuccess, numbered(3))+`]}`).
			Want(200).Decode(&again)
		if e := again.Events; len(e) != 3 || e[0].Duplicate || !e[1].Duplicate || !e[2].Duplicate || e[1].CreateInstant != first.Events[0].CreateInstant {
			t.Errorf("again: %+v", again)
		}
		r.WaitFor(4)
		s.Settled(patience)
		before := s.Rows()
		s.Call("POST", "/api/event/batch", `{"events":[`+outside(event.UserUpdateComplete, numbered(1))+`]}`).Want(200)

		// One that is voted on spoils all, and is named.
		answer := s.Call("POST", "/api/event/batch", `{"events":[`+outside(event.UserLoginSuccess, numbered(4))+`,`+outside(event.UserCreate, numbered(5))+`,`+outside(event.UserCreate, numbered(6))+`]}`).Want(400)
		if codes := slices.Sorted(slices.Values(answer.Codes())); !slices.Equal(codes, []string{"[invalid]events[1].type", "[invalid]events[2].type"}) {
			t.Errorf("with a vote inside: %q", codes)
		}
		s.Unchanged(before)
		if n := len(r.Requests()); n != 4 {
			t.Errorf("%d requests", n)
		}

		var most []string
		for n := range 1000 {
			most = append(most, outside(event.UserLoginSuccess, numbered(1000+n)))
		}
		var large wire.EventBatchResponse
		s.Call("POST", "/api/event/batch", `{"events":[`+strings.Join(most, ",")+`]}`).Want(200).Decode(&large)
		if len(large.Events) != 1000 || string(large.Events[999].ID) != numbered(1999) || large.Events[999].Duplicate {
			t.Errorf("the answer to 1,000 has %d", len(large.Events))
		}
		s.Settled(patience)
		s.Call("POST", "/api/event/batch", `{"events":[`+strings.Join(most, ",")+`]}`).Want(200).Decode(&large)
		if slices.ContainsFunc(large.Events, func(e wire.PublishedEvent) bool { return !e.Duplicate }) || len(r.Requests()) != 1004 {
			t.Errorf("1,000 again: %d requests", len(r.Requests()))
		}
	})
}

// While the server is stopped, what is taken in is stored, and what is not stored is refused.
func TestIntake_Stopping(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.Any, "user.create")
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		s.Subscribe(r.URL, []string{"user.create"})
		handler := s.App.Handler() // the listener is closed first; those who came before are still inside
		voted := make(chan int, 1)
		call := func(path, body string) int {
			q := httptest.NewRequest("POST", path, strings.NewReader(body))
			q.Header.Set("Authorization", apptest.Key)
			q.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, q)
			return w.Code
		}
		go func() { voted <- call("/api/event", `{"event":{"type":"user.create"}}`) }()
		r.WaitFor(1)
		stopped := make(chan struct{})
		go func() { defer close(stopped); s.Stop() }()
		taken := 0
		for status := 0; status != 503; {
			switch status = call("/api/event", `{"event":{"type":"test"}}`); status {
			case 200:
				taken++
			case 503:
			default:
				t.Fatalf("while stopping: %d", status)
			}
		}
		if status := call("/api/event/batch", `{"events":[{"type":"test"}]}`); status != 503 {
			t.Errorf("a batch while stopping: %d", status)
		}
		if status := call("/api/event", `{"event":{"type":"user.create"}}`); status != 503 {
			t.Errorf("a vote while stopping: %d", status)
		}
		close(release)
		if status := <-voted; status != 200 {
			t.Errorf("the vote under way: %d", status)
		}
		<-stopped
		s.Restart()
		if stored := len(s.Strings(`SELECT id FROM event WHERE type = 'test'`)); stored != taken {
			t.Errorf("%d are stored of %d that were taken in", stored, taken)
		}
		if published := s.Strings(`SELECT result FROM event WHERE type = 'user.create'`); !slices.Equal(published, []string{"Succeeded"}) {
			t.Errorf("votes: %q", published)
		}
	})
}

// What cannot be stored is an error, and comes in when it is sent again.
func TestIntake_StoreFails(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.login.success")
		s.Enable(wire.Any, "user.create")
		r := egresstest.NewReceiver(t)
		s.Subscribe(r.URL, []string{"user.login.success", "user.create"})
		publishOne(s, outside(event.UserLoginSuccess, numbered(0)))
		r.WaitFor(1)
		s.Settled(patience)

		single, voted := `{"event":`+outside(event.UserLoginSuccess, numbered(1))+`}`, `{"event":`+outside(event.UserCreate, numbered(2))+`}`
		batch := `{"events":[` + outside(event.UserLoginSuccess, numbered(3)) + `,` + outside(event.UserLoginSuccess, numbered(1)) + `]}`
		s.Broken = true
		for _, table := range []string{"delivery", "event"} {
			exec(t, s, `ALTER TABLE `+table+` RENAME TO gone`)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if answer := s.Call("POST", "/api/event", single); answer.Status != 500 {
						t.Errorf("without the table %s: %d %s", table, answer.Status, answer.Body)
					}
				})
			}
			s.Call("POST", "/api/event/batch", batch).Want(500)
			if table == "event" {
				s.Call("POST", "/api/event", voted).Want(500)
			}
			all.Wait()
			exec(t, s, `ALTER TABLE gone RENAME TO `+table)
			if published := s.Published(); len(published) != 1 {
				t.Errorf("without the table %s: %q", table, published)
			}
		}
		for _, path := range []string{"/api/event", "/api/event/batch"} {
			body := map[string]string{"/api/event": single, "/api/event/batch": batch}[path]
			s.Eventually(patience, "the store works again", func() bool { return s.Call("POST", path, body).Status == 200 })
		}
		s.Call("POST", "/api/event", voted).Want(200)
		r.WaitFor(4)
		s.Settled(patience)
		if n := len(r.Requests()); n != 4 {
			t.Errorf("%d requests for 4 events", n)
		}
	})
}

// second starts another process on the store of the first.
func second(t *testing.T, store config.Store) http.Handler {
	t.Helper()
	other, err := app.New(t.Context(), app.Options{Settings: config.Serve{Store: store, Addr: "127.0.0.1:0", TransactionTimeout: 10 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return other.Handler()
}

// Two processes that are sent the same events at the same moment take each in once, and none follows settings that are a second old.
func TestIntake_TwoProcesses(t *testing.T) {
	t.Parallel()
	if !slices.Contains(dbtest.Engines(), db.PostgreSQL) {
		t.Skip("there is no PostgreSQL")
	}
	var store config.Store
	s := apptest.Start(t, db.PostgreSQL, func(o *app.Options) { store = o.Settings.Store })
	s.Enable(wire.None, "user.login.success", "user.create")
	r := egresstest.NewReceiver(t)
	s.Subscribe(r.URL, []string{"user.login.success", "user.create"})
	other := second(t, store)
	call := func(handler http.Handler, body string) *httptest.ResponseRecorder {
		q := httptest.NewRequest("POST", "/api/event", strings.NewReader(body))
		q.Header.Set("Authorization", apptest.Key)
		q.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, q)
		return w
	}
	const ids = 40
	var fresh atomic.Int64
	var all sync.WaitGroup
	for _, handler := range []http.Handler{s.App.Handler(), other, s.App.Handler(), other} {
		all.Go(func() {
			for n := range ids {
				w := call(handler, `{"event":`+outside(event.UserLoginSuccess, numbered(n))+`}`)
				if w.Code != 200 {
					t.Errorf("event %d: %d %s", n, w.Code, w.Body)
				} else if !strings.Contains(w.Body.String(), `"duplicate":true`) {
					fresh.Add(1)
				}
			}
		})
	}
	all.Wait()
	if fresh.Load() != ids {
		t.Errorf("%d of %d events were new", fresh.Load(), ids)
	}
	r.WaitFor(ids)
	s.Settled(patience)

	// The other process has read the settings within the last second, and does not know yet that there is a vote now.
	call(other, `{"event":`+outside(event.UserCreate, numbered(ids))+`}`)
	r.WaitFor(ids + 1)
	r.Script(egresstest.Status(403))
	s.Enable(wire.AbsoluteMajority, "user.create")
	if w := call(other, `{"event":`+outside(event.UserCreate, numbered(ids+1))+`}`); w.Code != 504 || w.Body.String() != exact504 {
		t.Errorf("the vote was passed over: %d %s", w.Code, w.Body)
	}

	// Nor that a tenant is gone.
	gone := createTenant(s, "Gone")
	named := fmt.Sprintf(`{"event":{"type":"test","tenantId":%q}}`, gone)
	var w *httptest.ResponseRecorder
	s.Eventually(patience, "the other process knows the tenant", func() bool { w = call(other, named); return w.Code == 200 })
	s.Call("DELETE", "/api/tenant/"+string(gone), nil).Want(200)
	if w := call(other, named); w.Code != 400 {
		t.Errorf("for a tenant that is gone: %d %s", w.Code, w.Body)
	}
}

// BenchmarkIntake is a call without the network: the API, a real SQLite store, nobody to deliver to.
func BenchmarkIntake(b *testing.B) {
	s := apptest.Start(b, db.SQLite)
	handler := s.App.Handler()
	document, err := event.Example(event.UserLoginSuccess)
	if err != nil {
		b.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, document); err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(compact.String(), `"type"`)
	rest = `,"type"` + strings.Replace(rest, "00000000-0000-4000-8000-000000000001", string(s.Tenant), 1)
	var n atomic.Int64
	one := func() string { return fmt.Sprintf(`{"id":"%s"%s`, numbered(int(n.Add(1))), rest[:len(rest)-1]) }
	call := func(b *testing.B, path, body string) {
		q := httptest.NewRequest("POST", path, strings.NewReader(body))
		q.Header.Set("Authorization", apptest.Key)
		q.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, q)
		if w.Code != 200 {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			call(b, "/api/event", `{"event":`+one()+`}`)
		}
	})
	b.Run("64 callers", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				call(b, "/api/event", `{"event":`+one()+`}`)
			}
		})
	})
	b.Run("batch of 1,000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var events []string
			for range 1000 {
				events = append(events, one())
			}
			call(b, "/api/event/batch", `{"events":[`+strings.Join(events, ",")+`]}`)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
	})
}
