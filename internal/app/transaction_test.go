package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const patience = 20 * time.Second

// exact504 is the answer that the Events & Webhook Overview shows, member for member and word for word.
const exact504 = `{"generalErrors":[{"code":"[WebhookTransactionException]","message":"One or more webhooks returned an invalid response or were unreachable. Based on your transaction configuration, your action cannot be completed."}]}`

func user(email string) map[string]any {
	return map[string]any{"user": map[string]any{"email": email, "password": "a long password"}}
}

// quickRetries makes deliveries that fail come back at once, so that tests need not wait for the real schedule.
func quickRetries(o *app.Options) {
	o.Outbox.Schedule = []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond}
}

// TestTransaction_Table is the promise in a table: five settings, k of n webhooks say yes, and what becomes of the user.
func TestTransaction_Table(t *testing.T) {
	t.Parallel()
	commits := map[wire.TransactionType]func(k, n int) bool{
		wire.None:             func(k, n int) bool { return true },
		wire.Any:              func(k, n int) bool { return n == 0 || k > 0 },
		wire.SimpleMajority:   func(k, n int) bool { return 2*k >= n },
		wire.SuperMajority:    func(k, n int) bool { return 3*k >= 2*n },
		wire.AbsoluteMajority: func(k, n int) bool { return k == n },
	}
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			for n := range 5 {
				t.Run(fmt.Sprint(n, " webhooks"), func(t *testing.T) {
					s := apptest.Start(t, engine, quickRetries)
					var receivers []*egresstest.Receiver
					for range n {
						r := egresstest.NewReceiver(t)
						receivers = append(receivers, r)
						s.Subscribe(r.URL, []string{"user.create"})
					}
					for rule, commits := range commits {
						s.Enable(rule, "user.create")
						for k := range n + 1 {
							for i, r := range receivers {
								r.Forget()
								// Who says no the first time has thought better of it when asked again.
								if i < k {
									r.Script(egresstest.Accept())
								} else {
									r.Script(egresstest.Status(http.StatusInternalServerError), egresstest.Accept())
								}
							}
							email := fmt.Sprintf("%s-%d-of-%d@example.com", rule, k, n)
							answer := s.Call("POST", "/api/user", user(email))
							found := s.Call("GET", "/api/user?email="+email, nil).Status
							if commits(k, n) {
								if answer.Status != 200 || found != 200 {
									t.Errorf("%s, %d of %d: create %d, then read %d, want 200 and 200: %s", rule, k, n, answer.Status, found, answer.Body)
								}
								s.Settled(patience) // whoever failed gets it again
							} else {
								for _, r := range receivers {
									r.WaitFor(1) // who had no say any more must not take its request for one of the next change
								}
								if answer.Status != 504 || string(answer.Body) != exact504 || found != 404 {
									t.Errorf("%s, %d of %d: create %d, then read %d, want 504 and 404: %s", rule, k, n, answer.Status, found, answer.Body)
								}
								if pending := s.Strings(`SELECT webhook_id FROM delivery WHERE state IN ('pending', 'retrying')`); len(pending) > 0 {
									t.Errorf("%s, %d of %d: a refused change owes %d deliveries", rule, k, n, len(pending))
								}
							}
						}
					}
				})
			}
		})
	}
}

// An early yes commits while others are still thinking; what they say later is recorded, and who fails then is asked again.
func TestTransaction_AnyCommitsAtTheFirstYes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.Any, "user.create")
		release := make(chan struct{})
		slow := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Status(500)), egresstest.Accept())
		s.Subscribe(slow.URL, []string{"user.create"})
		s.Subscribe(egresstest.NewReceiver(t).URL, []string{"user.create"})

		s.Call("POST", "/api/user", user("any@example.com")).Want(200)
		if got := len(slow.Requests()); got > 1 {
			t.Fatalf("the slow webhook was asked %d times before it answered", got)
		}
		close(release)
		slow.WaitFor(2)
		s.Settled(patience)
		if kinds := s.Strings(`SELECT kind || ' ' || outcome FROM attempt ORDER BY kind, outcome`); !slices.Equal(kinds, []string{"retry accepted", "vote accepted", "vote refused"}) {
			t.Errorf("attempts on record: %v", kinds)
		}
		requests := slow.Requests()
		if string(requests[0].Body) != string(requests[1].Body) {
			t.Errorf("the vote and its retry differ:\n%s\n%s", requests[0].Body, requests[1].Body)
		}
	}, quickRetries)
}

// AbsoluteMajority is refused at the first no; the caller does not wait for the rest.
func TestTransaction_AllRefusesAtTheFirstNo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		release := make(chan struct{})
		s.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept())).URL, []string{"user.create"})
		s.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(403)).URL, []string{"user.create"})

		s.Call("POST", "/api/user", user("all@example.com")).Want(504) // would hang here, were it not decided early
		close(release)
		s.Eventually(patience, "the late vote is on record too", func() bool { return len(s.Strings(`SELECT id FROM attempt`)) == 2 })
		if got := s.Published(); !slices.Equal(got, []string{"user.create Failed"}) {
			t.Errorf("events: %v", got)
		}
		if owed := s.Strings(`SELECT webhook_id FROM delivery`); len(owed) != 0 {
			t.Errorf("a refused change owes %d deliveries", len(owed))
		}
	})
}

// A receiver that hangs costs the caller its read timeout or the deadline of the call, whichever ends first, and then counts as a no.
func TestTransaction_Deadline(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		s.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Hang()).URL, []string{"user.create"})
		s.Call("POST", "/api/user", user("deadline@example.com")).Want(504)
		s.Call("GET", "/api/user?email=deadline@example.com", nil).Want(404)
	}, func(o *app.Options) { o.Settings.TransactionTimeout = 50 * time.Millisecond })
}

// Of two concurrent creations of one e-mail one is refused, and only the other's webhooks are asked.
func TestTransaction_NeverAsksAboutTheImpossible(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()))
		s.Subscribe(r.URL, []string{"user.create"})

		var first apptest.Answer
		var done sync.WaitGroup
		done.Go(func() { first = s.Call("POST", "/api/user", user("twice@example.com")) })
		r.WaitFor(1) // the first one's webhook is being asked
		second := s.Call("POST", "/api/user", user("TWICE@example.com")).Want(400)
		if codes := second.Codes(); !slices.Equal(codes, []string{"[duplicate]user.email"}) {
			t.Errorf("codes of the second: %v", codes)
		}
		close(release)
		done.Wait()
		first.Want(200)
		if asked := len(r.Requests()); asked != 1 {
			t.Errorf("webhooks were asked %d times, want once", asked)
		}
		if got := s.Published(); !slices.Equal(got, []string{"user.create Succeeded", "user.create.complete Succeeded"}) {
			t.Errorf("events: %v", got)
		}
	})
}

// After a refusal the name is free again.
func TestTransaction_RefusalFreesTheName(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		s.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(500), egresstest.Accept()).URL, []string{"user.create"})
		s.Call("POST", "/api/user", user("again@example.com")).Want(504)
		s.Call("POST", "/api/user", user("again@example.com")).Want(200)
	})
}

// A receiver may call back while it is asked: reading and writing the very user it is asked about is answered at once.
func TestTransaction_ReceiverCallsBack(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		const id = "6a1f2a1e-5f4c-4b0e-9d0a-1b2c3d4e5f60"
		s.Call("POST", "/api/user/"+id, user("back@example.com")).Want(200)
		s.Enable(wire.AbsoluteMajority, "user.update")
		var inside []int
		r := egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
			inside = append(inside, s.Call("GET", "/api/user/"+id, nil).Status)
			w.WriteHeader(200)
		}))
		hook := s.Subscribe(r.URL, []string{"user.update"})
		s.Call("PATCH", "/api/user/"+id, map[string]any{"user": map[string]any{"firstName": "Ada"}}).Want(200)
		if !slices.Equal(inside, []int{200}) {
			t.Errorf("reading from inside the vote: %v", inside)
		}

		// A PATCH from inside changes the user the outer PATCH has read: the outer one is told to try again, nothing is lost.
		s.Call("DELETE", "/api/webhook/"+string(hook), nil).Want(200)
		depth := 0
		r.Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
			if depth++; depth == 1 {
				inside = append(inside, s.Call("PATCH", "/api/user/"+id, map[string]any{"user": map[string]any{"lastName": "Lovelace"}}).Status)
			}
			w.WriteHeader(200)
		}))
		s.Subscribe(r.URL, []string{"user.update"})
		answer := s.Call("PATCH", "/api/user/"+id, map[string]any{"user": map[string]any{"firstName": "Augusta"}}).Want(409)
		if codes := answer.Codes(); !slices.Equal(codes, []string{"[retryableConflict]"}) {
			t.Errorf("codes of the outer change: %v", codes)
		}
		var after wire.UserResponse
		s.Call("GET", "/api/user/"+id, nil).Want(200).Decode(&after)
		if after.User.FirstName != "Ada" || after.User.LastName != "Lovelace" {
			t.Errorf("after both: %q %q, want the inner change and not the outer one", after.User.FirstName, after.User.LastName)
		}
		if !slices.Equal(inside, []int{200, 200}) {
			t.Errorf("from inside the votes: %v", inside)
		}
	})
}

// Deliveries that are owed survive a restart, and reach the receiver with the same bytes.
func TestOutbox_SurvivesARestart(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.create", "user.create.complete")
		r := egresstest.NewReceiver(t).Script(egresstest.Status(503))
		s.Subscribe(r.URL, []string{"user.create", "user.create.complete"})
		s.Call("POST", "/api/user", user("restart@example.com")).Want(200)
		before := r.WaitFor(2)
		s.Eventually(patience, "both failures are recorded", func() bool {
			return len(s.Strings(`SELECT webhook_id FROM delivery WHERE attempts = 1 AND state = 'retrying' AND claimed_by IS NULL`)) == 2
		})
		s.Stop()
		r.Forget()
		r.Script(egresstest.Accept())
		s.Restart()
		after := r.WaitFor(2)
		s.Settled(patience)
		bodies := func(all []egresstest.Recorded) []string {
			var texts []string
			for _, one := range all {
				texts = append(texts, string(one.Body))
			}
			slices.Sort(texts)
			return texts
		}
		if !slices.Equal(bodies(before), bodies(after)) {
			t.Errorf("before the restart %v, after it %v", bodies(before), bodies(after))
		}
	}, func(o *app.Options) { o.Outbox.Schedule = []time.Duration{300 * time.Millisecond, time.Hour} })
}

// A webhook that keeps failing is given up in the end, and an Error entry tells people. A failing receiver of event-log.create does not
// feed itself by that.
func TestOutbox_GivesUpWithoutALoop(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.create")
		r := egresstest.NewReceiver(t).Script(egresstest.Status(500))
		hook := s.Subscribe(r.URL, []string{"user.create", "event-log.create"})
		s.Call("POST", "/api/user", user("dead@example.com")).Want(200)
		s.Eventually(patience, "both deliveries are dead", func() bool {
			return len(s.Strings(`SELECT webhook_id FROM delivery WHERE state = 'dead'`)) == 2
		})
		var logs wire.EventLogSearchResponse
		s.Call("GET", "/api/system/event-log/search?type=Error", nil).Want(200).Decode(&logs)
		if logs.Total != 2 {
			t.Fatalf("%d Error entries, want one for each dead delivery: %+v", logs.Total, logs.EventLogs)
		}
		for _, entry := range logs.EventLogs {
			for _, part := range []string{string(hook), r.URL, "status 500", "4 attempts"} {
				if !strings.Contains(entry.Message, part) {
					t.Errorf("the entry does not say %q: %s", part, entry.Message)
				}
			}
		}
		if got := s.Published(); !slices.Equal(got, []string{"user.create Succeeded", "user.create.complete Succeeded", "event-log.create Succeeded"}) {
			t.Errorf("events: %v", got)
		}
		if s.App.Store().Engine() == db.SQLite {
			return // one engine is enough for the next part
		}
		if attempts := len(r.Requests()); attempts != 8 {
			t.Errorf("%d attempts, want four for each of two deliveries", attempts)
		}
	}, quickRetries)
}

// A webhook that hangs keeps its own deliveries waiting and nobody else's.
func TestOutbox_OneBadReceiverHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.create")
		hanging := egresstest.NewReceiver(t).Script(egresstest.Hang())
		healthy := egresstest.NewReceiver(t)
		s.Subscribe(hanging.URL, []string{"user.create"}, func(w *wire.Webhook) { w.ReadTimeout = 60_000 })
		s.Subscribe(healthy.URL, []string{"user.create"})
		const users = 40 // more than one webhook may have under way
		for i := range users {
			s.Call("POST", "/api/user", user(fmt.Sprint("u", i, "@example.com"))).Want(200)
		}
		healthy.WaitFor(users)
		if got := len(hanging.Requests()); got > 16 {
			t.Errorf("%d requests are under way to the hanging webhook, want at most 16", got)
		}
		s.Cut() // does not wait for the hanging ones
	})
}
