package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// pull reads the feed behind a place to its end, and returns what the events are about and where it goes on.
func pull(s *apptest.Server, after, query string) (about []string, next string) {
	for {
		var page wire.EventFeedResponse
		s.Call("GET", "/api/event?after="+url.QueryEscape(after)+query, nil).Want(200).Decode(&page)
		for _, raw := range page.Events {
			var e struct {
				Type string `json:"type"`
				User struct {
					Email string `json:"email"`
				} `json:"user"`
			}
			if err := json.Unmarshal(raw, &e); err != nil {
				panic(err)
			}
			about = append(about, strings.TrimSpace(e.Type+" "+e.User.Email))
		}
		if after = page.Next; !page.More {
			return about, page.Next
		}
	}
}

func wantPulled(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("pulled:\n%q\nwant:\n%q", got, want)
	}
}

func createUser(s *apptest.Server, email string, status int) {
	s.Call("POST", "/api/user", map[string]any{"user": map[string]any{"email": email, "password": "correct horse"}}).Want(status)
}

// A consumer that was down goes on where it stopped: with what was committed, in order, once.
func TestFeed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.create", "user.create.complete")
		_, before := pull(s, "now", "")
		createUser(s, "a@example.com", 200)
		createUser(s, "b@example.com", 200)
		got, next := pull(s, before, "&limit=3")
		wantPulled(t, got, "user.create a@example.com", "user.create.complete a@example.com", "user.create b@example.com", "user.create.complete b@example.com")
		s.Restart()
		got, next = pull(s, next, "")
		wantPulled(t, got)

		createUser(s, "c@example.com", 200)
		s.Call("PATCH", "/api/tenant/"+string(s.Tenant), `{"tenant":{"eventConfiguration":{"events":{"user.create.complete":{"enabled":false}}}}}`).Want(200)
		got, _ = pull(s, next, "")
		wantPulled(t, got, "user.create c@example.com")
		got, _ = pull(s, next, "&all=true&type=user.create.*")
		wantPulled(t, got, "user.create.complete c@example.com")
		got, last := pull(s, next, "&type=group.*,user.delete")
		wantPulled(t, got)
		if got, _ = pull(s, last, ""); len(got) != 0 {
			t.Errorf("the place is not behind what nobody wanted: %q", got)
		}

		other := s.KeyOf(s.Tenant)
		var page wire.EventFeedResponse
		s.Call("GET", "/api/event", nil, "Authorization", other).Want(200).Decode(&page)
		for _, raw := range page.Events {
			if !strings.Contains(string(raw), `"tenantId":"`+string(s.Tenant)+`"`) {
				t.Errorf("the key of a tenant reads %s", raw)
			}
		}
		if len(page.Events) == 0 {
			t.Error("the key of a tenant reads nothing")
		}
	})
}

// What is put to webhooks is in the feed once they agreed, in its place; what they refuse never is.
func TestFeed_HoldsBackWhatIsBeingAsked(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		s.Enable(wire.None, "group.create")
		asked, answer := make(chan bool), make(chan int)
		voter := egresstest.NewReceiver(t).Script(egresstest.Handle(func(w http.ResponseWriter, _ *http.Request) {
			asked <- true
			w.WriteHeader(<-answer)
		}))
		s.Subscribe(voter.URL, []string{"user.create"}, func(w *wire.Webhook) { w.ReadTimeout = 60_000 })
		_, next := pull(s, "now", "")
		for _, c := range []struct {
			email             string
			answered, created int
			want              []string
		}{
			{"a@example.com", 200, 200, []string{"user.create a@example.com", "group.create"}},
			{"b@example.com", 500, 504, []string{"group.create"}},
		} {
			done := make(chan bool)
			go func() { createUser(s, c.email, c.created); close(done) }()
			<-asked
			s.Call("POST", "/api/group", map[string]any{"group": map[string]any{"name": c.email}}).Want(200)
			got, at := pull(s, next, "")
			wantPulled(t, got)
			got, _ = pull(s, next, "&type=group.*")
			wantPulled(t, got, "group.create")
			answer <- c.answered
			<-done
			got, next = pull(s, at, "")
			wantPulled(t, got, c.want...)
		}
	})
}

// Many write at once, transactions are rolled back in between, several read: everybody reads everything once.
func TestFeed_NothingIsSkipped(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		const writers, each = 8, 40
		s.Enable(wire.None, "user.login.success")
		_, start := pull(s, "now", "")
		var writing, reading sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for i := range each {
					body := outside("user.login.success", numbered(w*each+i))
					if i%5 == 4 { // drawn, and rolled back: the second one is refused by the store
						s.Call("POST", "/api/event/batch", `{"events":[`+body+`,`+outside("user.login.success", numbered(9000+w))+`]}`)
						continue
					}
					s.Call("POST", "/api/event", `{"event":`+body+`}`).Want(200)
				}
			})
		}
		done := make(chan struct{})
		read := make([]map[string]int, 3)
		for r := range read {
			read[r] = map[string]int{}
			reading.Go(func() {
				for after, last := start, false; ; {
					var page wire.EventFeedResponse
					s.Call("GET", "/api/event?limit=7&after="+after, nil).Want(200).Decode(&page)
					for _, raw := range page.Events {
						var e struct{ ID string }
						_ = json.Unmarshal(raw, &e)
						read[r][e.ID]++
					}
					if after = page.Next; page.More || len(page.Events) > 0 {
						continue
					}
					if last {
						return
					}
					select {
					case <-done:
						last = true
					default:
					}
				}
			})
		}
		writing.Wait()
		close(done)
		reading.Wait()
		all := s.Strings(`SELECT id FROM event WHERE type = 'user.login.success' AND result = 'Succeeded'`)
		if len(all) < writers*each*4/5 {
			t.Fatalf("%d events are there", len(all))
		}
		for r, seen := range read {
			for _, id := range all {
				if seen[id] != 1 {
					t.Fatalf("reader %d read %s %d times; it read %d of %d", r, id, seen[id], len(seen), len(all))
				}
			}
		}
	})
}

// A transaction that has drawn its place and not committed holds back what is behind it.
func TestFeed_WaitsForATransaction(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, db.PostgreSQL)
	s.Enable(wire.None, "user.create")
	_, next := pull(s, "now", "")
	inserted, commit, committed := make(chan bool), make(chan bool), make(chan error, 1)
	go func() {
		committed <- s.App.Store().Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO event (id, operation_id, tenant_id, type, transaction_type, result, body, insert_instant, last_update_instant)
				VALUES ('slow', 'slow', $1, 'user.create', 'None', 'Succeeded', '{"event":{"type":"user.create","user":{"email":"slow@example.com"}}}', $2, $2)`,
				string(s.Tenant), tx.NowMillis())
			close(inserted)
			<-commit
			return err
		})
	}()
	<-inserted
	createUser(s, "a@example.com", 200)
	got, at := pull(s, next, "")
	wantPulled(t, got)
	close(commit)
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	got, _ = pull(s, at, "")
	wantPulled(t, got, "user.create slow@example.com", "user.create a@example.com")
}

// Who waits is told when something happens, and is sent away when the server stops.
func TestFeed_Waits(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.create")
		_, next := pull(s, "now", "")
		answers := make(chan []string, 1)
		go func() {
			got, _ := pull(s, next, "&wait=60")
			answers <- got
		}()
		createUser(s, "a@example.com", 200)
		wantPulled(t, <-answers, "user.create a@example.com")

		_, next = pull(s, "now", "")
		ended := make(chan error, 1)
		looks := s.App.Store().Stats().Views
		go func() {
			request, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/event?wait=60&after="+next, nil)
			request.Header.Set("Authorization", apptest.Key)
			response, err := http.DefaultTransport.RoundTrip(request)
			if err == nil {
				err = response.Body.Close()
			}
			ended <- err
		}()
		s.Eventually(patience, "the feed is looked at again and again", func() bool { return s.App.Store().Stats().Views >= looks+3 })
		s.Stop() // fails when it has to cut requests off
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Places that mean nothing, or whose events may be gone, are refused and not read from somewhere else.
func TestFeed_Refuses(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for query, want := range map[string]string{
			"after=x":             "[invalid]after",
			"after=1.1":           "[invalid]after",
			"after=-1":            "[invalid]after",
			"after=01":            "[invalid]after",
			"after=zzzzzz":        "[invalid]after", // ahead of everything
			"after=0":             "",
			"limit=0":             "",
			"limit=1001":          "[invalid]limit",
			"wait=61":             "[invalid]wait",
			"type=user.creat":     "[invalid]type",
			"type=usr.*":          "[invalid]type",
			"type=u*r":            "[invalid]type",
			"limti=3":             "[unknown]limti",
			"tenantId=tenant":     "[couldNotConvert]tenantId",
			"after=now&type=a,b*": "[invalid]type",
		} {
			answer := s.Call("GET", "/api/event?"+query, nil)
			if want == "" {
				answer.Want(200)
				continue
			}
			if codes := answer.Want(400).Codes(); !slices.Contains(codes, want) {
				t.Errorf("%s: %q", query, codes)
			}
		}
	})
}

// Whoever has not read what was removed is told; who has goes on, and nobody is told because of what he would not have seen.
func TestFeed_KnowsWhatIsGone(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "user.create")
		_, start := pull(s, "", "")
		createUser(s, "a@example.com", 200)
		_, middle := pull(s, "", "")
		createUser(s, "b@example.com", 200)
		_, end := pull(s, "", "")
		expired := func(after string) {
			t.Helper()
			s.Call("GET", "/api/event?after="+after, nil).WantCodes("[expired]after")
		}
		// By hand, of more than the settings want.
		s.Exec(`UPDATE event SET insert_instant = insert_instant - 172800000, last_update_instant = last_update_instant - 172800000`)
		s.Stop()
		if err := app.Prune(t.Context(), s.Options().Settings.Store, 1); err != nil {
			t.Fatal(err)
		}
		s.Restart()
		if n := s.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM event`); n[0] != "0" {
			t.Fatalf("%s events are left", n[0])
		}
		expired(start)
		expired(middle)
		got, _ := pull(s, end, "")
		wantPulled(t, got)
		got, now := pull(s, "now", "")
		wantPulled(t, got)
		createUser(s, "c@example.com", 200)
		for _, after := range []string{end, now, ""} {
			got, _ = pull(s, after, "")
			wantPulled(t, got, "user.create c@example.com")
		}
		expired(middle)
	})
}
