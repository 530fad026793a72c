package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// ear is a program that listens, with as little of its own as possible.
type ear struct {
	wire.ListenerReady

	t        *testing.T
	s        *apptest.Server // where it answers
	key      string
	close    context.CancelFunc
	messages chan wire.ListenerMessage // closed at the end of the stream
}

// listenAt begins to listen at s, and reads all that comes.
func listenAt(t *testing.T, s *apptest.Server, l wire.Listener, header ...string) *ear {
	t.Helper()
	e, body := openEar(t, s, l, header...)
	go func() {
		defer close(e.messages)
		for {
			line, err := body.ReadBytes('\n')
			if err != nil {
				return
			}
			var m wire.ListenerMessage
			if json.Unmarshal(line, &m) != nil {
				return
			}
			e.messages <- m
		}
	}()
	m := e.next()
	if m.Ready == nil {
		t.Fatalf("the first message is %+v, want ready", m)
	}
	e.ListenerReady = *m.Ready
	return e
}

// openEar begins to listen and reads nothing.
func openEar(t *testing.T, s *apptest.Server, l wire.Listener, header ...string) (*ear, *bufio.Reader) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	text, err := json.Marshal(wire.ListenerRequest{Listener: &l})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/api/listener", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", apptest.Key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("to listen is answered with %s", response.Status)
	}
	e := &ear{t: t, s: s, key: r.Header.Get("Authorization"), close: cancel, messages: make(chan wire.ListenerMessage, 1000)}
	return e, bufio.NewReader(response.Body)
}

// next is the next message that is no ping.
func (e *ear) next() wire.ListenerMessage {
	e.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case m, ok := <-e.messages:
			if !ok {
				e.t.Fatal("the stream has ended")
			}
			if !m.Ping {
				return m
			}
			e.s.Call("POST", "/api/listener/"+string(e.Listener.ID)+"/alive", nil, "Authorization", e.key)
		case <-timeout:
			e.t.Fatal("nothing came to the listener")
		}
	}
}

// want takes the next request, which must be about such an event.
func (e *ear) want(eventType string) *wire.ListenerExchange {
	e.t.Helper()
	m := e.next()
	if m.Exchange == nil || m.Exchange.EventType != eventType {
		e.t.Fatalf("the listener got %+v, want %s", m, eventType)
	}
	return m.Exchange
}

func (e *ear) answer(x *wire.ListenerExchange, a wire.ListenerAnswer) apptest.Answer {
	e.t.Helper()
	return e.s.Call("POST", "/api/listener/"+string(e.Listener.ID)+"/answer/"+string(x.ID), wire.ListenerAnswerRequest{Answer: a}, "Authorization", e.key)
}

func (e *ear) wantEnd(reason string) {
	e.t.Helper()
	if m := e.next(); m.End == nil || m.End.Reason != reason {
		e.t.Errorf("the listener got %+v, want the end, %s", m, reason)
	}
}

// createLater creates a user while the listener is asked.
func createLater(s *apptest.Server, email string) (answer chan apptest.Answer) {
	answer = make(chan apptest.Answer, 1)
	go func() { answer <- s.Call("POST", "/api/user", user(email)) }()
	return answer
}

func attemptsOf(s *apptest.Server, event wire.ID) []string {
	var log wire.WebhookEventLogResponse
	s.Call("GET", "/api/system/webhook-event-log/"+string(event), nil).Want(200).Decode(&log)
	var all []string
	for _, a := range log.WebhookEventLog.Attempts {
		all = append(all, fmt.Sprintf("%s %d %s", a.Kind, a.WebhookCallResponse.StatusCode, a.WebhookCallResponse.URL))
	}
	return all
}

// An observer gets, signed, what webhooks would get, also what its tenant has switched off, and what came of it is in the webhook log. That it listens is in the audit log.
func TestListener_Observes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		before := user("before@example.com")
		s.Call("POST", "/api/user", before).Want(200)
		e := listenAt(t, s, wire.Listener{Target: "http://me:secret@localhost:3000/hooks?token=secret"})
		if len(e.EventTypes) != 64 || len(e.Voting) != 0 || e.SigningKey.Name != "dev-listen" || strings.Contains(e.Listener.Target, "secret") {
			t.Errorf("ready is %+v", e.ListenerReady)
		}
		s.Call("POST", "/api/user", user("ana@example.com")).Want(200)
		x := e.want("user.create")
		if x.Vote || !x.OffAtTenant || x.EventResult != wire.EventSucceeded || !strings.Contains(x.Body, "ana@example.com") || x.Headers["Content-Type"] != "application/json" {
			t.Errorf("the request is %+v", x)
		}
		if stored := s.Strings(`SELECT body FROM event WHERE id = $1`, x.EventID)[0]; stored != x.Body {
			t.Errorf("the body is\n%s\nand not the one on record\n%s", x.Body, stored)
		}
		checkSignature(t, s, x, e.SigningKey)

		e.answer(x, wire.ListenerAnswer{StatusCode: 418, Body: "short and stout", Headers: map[string]string{"Set-Cookie": "hush"}, DurationMicros: 5}).Want(204)
		e.answer(x, wire.ListenerAnswer{StatusCode: 200}).Want(404)
		if got := attemptsOf(s, x.EventID); !slices.Equal(got, []string{"delivery 418 herald listen → http://localhost:3000/hooks?token=…"}) {
			t.Errorf("attempts %v", got)
		}
		if kept := strings.Join(s.Strings(`SELECT detail FROM attempt`), " "); strings.Contains(kept, "hush") || !strings.Contains(kept, "short and stout") {
			t.Errorf("kept: %s", kept)
		}
		if x := e.want("user.create.complete"); x.Vote {
			t.Error("an observer is asked for a vote")
		}

		var current wire.ListenersResponse
		s.Call("GET", "/api/listener", nil).Want(200).Decode(&current)
		if len(current.Listeners) != 1 || current.Listeners[0].ID != e.Listener.ID {
			t.Errorf("who listens: %+v", current)
		}
		e.close()
		s.Eventually(patience, "nobody listens", func() bool { return len(s.Strings(`SELECT id FROM listener`)) == 0 })
		if said := s.Strings(`SELECT message FROM audit_log ORDER BY id`); len(said) != 2 || !strings.Contains(said[0], "began to listen to all events") || !strings.Contains(said[1], "ended listening") {
			t.Errorf("the audit log says %v", said)
		}

		// Another one is signed with the same key.
		again := listenAt(t, s, wire.Listener{})
		if again.SigningKey != e.SigningKey {
			t.Errorf("the key was %+v and is %+v", e.SigningKey, again.SigningKey)
		}
	})
}

// checkSignature checks as a receiver does, with nothing but the public key set.
func checkSignature(t *testing.T, s *apptest.Server, x *wire.ListenerExchange, key wire.ListenerKey) {
	t.Helper()
	var set jose.JSONWebKeySet
	s.Call("GET", key.JWKSPath, nil).Want(200).Decode(&set)
	token, err := jose.ParseSignedCompact(x.Headers[webhook.HeaderJWT], []jose.SignatureAlgorithm{jose.SignatureAlgorithm(key.Algorithm)})
	if err != nil {
		t.Fatal(err)
	}
	keys := set.Key(key.KID)
	if len(keys) != 1 {
		t.Fatalf("the public set has %d keys called %s", len(keys), key.KID)
	}
	claims, err := token.Verify(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256([]byte(x.Body)); !bytes.Contains(claims, []byte(base64.StdEncoding.EncodeToString(sum[:]))) {
		t.Errorf("%s is not about the body", claims)
	}
}

// Of many events a listener hears those of its types and its tenant.
func TestListener_HearsWhatItWants(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		other := createTenant(s, "Other")
		some := listenAt(t, s, wire.Listener{Events: []string{"user.*.complete", "group.create"}})
		theirs := listenAt(t, s, wire.Listener{}, "Authorization", s.KeyOf(other))
		if len(some.EventTypes) == 0 || slices.Contains(some.EventTypes, "user.create") {
			t.Errorf("%v", some.EventTypes)
		}
		s.Call("POST", "/api/user", user("a@example.com"), "X-FusionAuth-TenantId", string(s.Tenant)).Want(200)
		s.Call("POST", "/api/group", `{"group":{"name":"g"}}`, "X-FusionAuth-TenantId", string(other)).Want(200)
		some.want("user.create.complete")
		some.want("group.create")
		if x := theirs.want("group.create"); x.TenantID != other {
			t.Errorf("a key of the tenant %s hears of %s", other, x.TenantID)
		}

		// Only who listens may answer.
		s.Call("POST", "/api/listener/"+string(some.Listener.ID)+"/alive", nil, "Authorization", s.KeyOf(s.Tenant)).Want(404)
		s.Call("POST", "/api/listener/"+string(theirs.Listener.ID)+"/alive", nil).Want(404)
		s.Call("POST", "/api/listener/"+string(some.Listener.ID)+"/alive", nil).Want(204)
		s.Call("POST", "/api/listener", `{"listener":{"events":["user.creat","nothing.*",""]}}`).WantCodes("[invalid]listener.events", "[invalid]listener.events", "[blank]listener.events")
		s.Call("POST", "/api/listener", `{}`).WantCodes("[missing]listener")
		only := createKey(s, wire.APIKey{Permissions: wire.APIKeyPermissions{Endpoints: map[string][]string{"/api/listener": {"GET", "POST"}}}})
		s.Call("POST", "/api/listener", `{"listener":{"transactional":true}}`, "Authorization", only).WantCodes("[invalid]listener.transactional")
		listenAt(t, s, wire.Listener{}, "Authorization", only)
	})
}

// A listener with a say decides like a webhook: yes, no, and a local receiver that takes too long.
func TestListener_Votes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		e := listenAt(t, s, wire.Listener{Transactional: true, Events: []string{"user.create"}})
		if !slices.Equal(e.Voting, []string{"user.create"}) {
			t.Errorf("its answers count for %v", e.Voting)
		}
		for _, try := range []struct {
			answer  wire.ListenerAnswer
			status  int
			attempt string
		}{
			{wire.ListenerAnswer{StatusCode: 204}, 200, "vote 204 herald listen"},
			{wire.ListenerAnswer{StatusCode: 403}, 504, "vote 403 herald listen"},
			{wire.ListenerAnswer{Outcome: "timeout", Exception: "no answer within 2 s"}, 504, "vote 0 herald listen"},
		} {
			answer := createLater(s, fmt.Sprintf("u%d-%s@example.com", try.answer.StatusCode, try.answer.Outcome))
			x := e.want("user.create")
			if !x.Vote || x.EventResult != wire.EventRunning || x.Timeout <= 0 || x.Headers[webhook.HeaderJWT] == "" {
				t.Errorf("the question is %+v", x)
			}
			e.answer(x, try.answer).Want(204)
			if a := <-answer; a.Status != try.status {
				t.Errorf("answered with %+v: the call has status %d, want %d", try.answer, a.Status, try.status)
			}
			if got := attemptsOf(s, x.EventID); !slices.Equal(got, []string{try.attempt}) {
				t.Errorf("attempts %v", got)
			}
		}

		// Together with a webhook: one of two is half.
		w := newWitness(t, nil)
		s.Subscribe(w.URL, []string{"user.create"})
		s.Enable(wire.SimpleMajority, "user.create")
		answer := createLater(s, "half@example.com")
		e.answer(e.want("user.create"), wire.ListenerAnswer{StatusCode: 500})
		if a := <-answer; a.Status != 200 {
			t.Errorf("one of two has agreed: status %d", a.Status)
		}
		// What it was asked about it does not get a second time; the next thing it hears of is the next question.
		answer = createLater(s, "next@example.com")
		if x := e.want("user.create"); !strings.Contains(x.Body, "next@example.com") {
			t.Errorf("it got %s again", x.Body)
		}
		e.close() // in the middle of the vote
		if a := <-answer; a.Status != 200 {
			t.Errorf("the connection is gone: status %d", a.Status)
		}
	})
}

// quickListen makes silence shorter than a test is.
func quickListen(o *app.Options) {
	o.Listen.AnswerWithin, o.Listen.Grace, o.Listen.Beat, o.Listen.ReadWithin = 300*time.Millisecond, 100*time.Millisecond, 200*time.Millisecond, 300*time.Millisecond
}

// Silence counts for nothing, and only once: the listener is dropped.
func TestListener_SilenceBlocksNobody(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		e := listenAt(t, s, wire.Listener{Transactional: true})
		answer := createLater(s, "one@example.com")
		e.want("user.create") // a program that is stopped in this moment says nothing
		if a := <-answer; a.Status != 200 {
			t.Fatalf("nobody has refused: status %d", a.Status)
		}
		e.wantEnd("silent")
		s.Call("POST", "/api/user", user("two@example.com")).Want(200)
		if left := s.Strings(`SELECT id FROM listener`); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}

		// One that gives no sign of life is gone too, without being asked.
		e = listenAt(t, s, wire.Listener{})
		for m := range e.messages {
			if m.End != nil && m.End.Reason != "silent" {
				t.Errorf("the end is %+v", m.End)
			}
		}
		s.Eventually(patience, "nobody listens", func() bool { return len(s.Strings(`SELECT id FROM listener`)) == 0 })
	}, quickListen)
}

// Two listeners of one key are two: each is asked, and answers for itself alone. Of a long answer the beginning is kept.
func TestListener_TwoOfOneKey(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		both := wire.Listener{Transactional: true, Events: []string{"user.create"}}
		a, b := listenAt(t, s, both), listenAt(t, s, both)
		answer := createLater(s, "one@example.com")
		ofA, ofB := a.want("user.create"), b.want("user.create")
		if a.answer(ofB, wire.ListenerAnswer{StatusCode: 200}).Status != 404 {
			t.Error("one has answered for the other")
		}
		a.answer(ofA, wire.ListenerAnswer{StatusCode: 200, Body: strings.Repeat("é", 1<<20)}).Want(204)
		if a.answer(ofA, wire.ListenerAnswer{StatusCode: 500}).Status != 404 {
			t.Error("one has answered twice")
		}
		b.answer(ofB, wire.ListenerAnswer{StatusCode: 403}).Want(204)
		if got := <-answer; got.Status != 504 {
			t.Errorf("one of two refuses: status %d", got.Status)
		}
		var log wire.WebhookEventLogResponse
		s.Eventually(patience, "both attempts are on record", func() bool {
			s.Call("GET", "/api/system/webhook-event-log/"+string(ofA.EventID), nil).Want(200).Decode(&log)
			return len(log.WebhookEventLog.Attempts) == 2
		})
		for _, attempt := range log.WebhookEventLog.Attempts {
			var one wire.WebhookAttemptLogResponse
			s.Call("GET", "/api/system/webhook-attempt-log/"+string(attempt.ID), nil).Want(200).Decode(&one)
			if body := one.WebhookAttemptLog.Response.Body; attempt.WebhookCallResponse.StatusCode == 200 && (len(body) < 1000 || len(body) > 16<<10 || !utf8.ValidString(body)) {
				t.Errorf("%d bytes of the answer are kept", len(body))
			}
		}
	})
}

// A connection that nobody reads from holds up nobody who publishes, and is given up.
func TestListener_ThatNeverReads(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "custom.big")
		openEar(t, s, wire.Listener{})
		alive := listenAt(t, s, wire.Listener{Events: []string{"user.create"}})
		big := strings.Repeat("x", 100<<10)
		for range 10 {
			var batch []any
			for range 30 {
				batch = append(batch, map[string]any{"type": "custom.big", "text": big})
			}
			s.Call("POST", "/api/event/batch", map[string]any{"events": batch}).Want(200)
		}
		s.Call("POST", "/api/user", user("one@example.com")).Want(200)
		alive.want("user.create")
		s.Eventually(patience, "the one that never reads is gone", func() bool { return len(s.Strings(`SELECT id FROM listener`)) == 1 })
	}, func(o *app.Options) { o.Listen.ReadWithin = 300 * time.Millisecond })
}

// A listener that is too slow for a flood is told how much it has missed.
func TestListener_IsToldWhatItLost(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.None, "custom.big")
		e, body := openEar(t, s, wire.Listener{Events: []string{"custom.big"}})
		const events = 900
		big := strings.Repeat("x", 30<<10)
		for range events / 100 {
			var batch []any
			for range 100 {
				batch = append(batch, map[string]any{"type": "custom.big", "text": big})
			}
			s.Call("POST", "/api/event/batch", map[string]any{"events": batch}).Want(200)
		}
		got, lost := 0, 0
		for got+lost < events {
			var m wire.ListenerMessage
			line, err := body.ReadBytes('\n')
			if err == nil {
				err = json.Unmarshal(line, &m)
			}
			if err != nil {
				t.Fatal(err)
			}
			lost += m.Lost
			if m.Exchange != nil {
				got++
			}
		}
		if got+lost != events || got == 0 {
			t.Errorf("of %d events it got %d and was told that it lost %d", events, got, lost)
		}
		e.close()
	}, func(o *app.Options) { o.Listen.ReadWithin, o.Listen.Beat = time.Minute, time.Minute })
}

// A server that stops says so, and what a crash has left behind decides nothing.
func TestListener_StopsAndCrashes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		e := listenAt(t, s, wire.Listener{Transactional: true})
		s.Restart()
		e.wantEnd("stopping")
		crashed := func() {
			s.Exec(`INSERT INTO listener (id, node, key_id, transactional, document, insert_instant, seen_instant) VALUES ($1, 'dead', $1, TRUE, $2, $3, $3)`,
				"00000000-0000-4000-8000-00000000dead", `{"id":"00000000-0000-4000-8000-00000000dead","transactional":true}`, time.Now().UnixMilli())
			s.Exec(`UPDATE revision SET number = number + 1 WHERE topic = 'webhook'`)
		}
		crashed()
		s.Restart()
		s.Call("POST", "/api/user", user("one@example.com")).Want(200)
		crashed() // another server, a moment ago
		var calls sync.WaitGroup
		for i := range 5 {
			calls.Go(func() { s.Call("POST", "/api/user", user(fmt.Sprintf("at-once-%d@example.com", i))).Want(200) })
		}
		calls.Wait()
		s.Call("POST", "/api/user", user("two@example.com")).Want(200)
	})
}

// Two servers: the connection is held by one, the event happens at the other, and the answer comes in at either.
func TestCluster_Listener(t *testing.T) {
	all := apptest.StartCluster(t, 2)
	a, b := all[0], all[1]
	a.Enable(wire.AbsoluteMajority, "user.create")
	e := listenAt(t, a, wire.Listener{Transactional: true})
	for i, at := range []*apptest.Server{a, b} {
		e.s = at
		for _, status := range []int{200, 403} {
			answer := createLater(b, fmt.Sprintf("u%d-%d@example.com", i, status))
			x := e.want("user.create")
			if !x.Vote {
				t.Fatalf("the question is %+v", x)
			}
			e.answer(x, wire.ListenerAnswer{StatusCode: status}).Want(204)
			want := map[int]int{200: 200, 403: 504}[status]
			if got := <-answer; got.Status != want {
				t.Errorf("status %d, want %d", got.Status, want)
			}
			if got := attemptsOf(b, x.EventID); !slices.Equal(got, []string{fmt.Sprintf("vote %d herald listen", status)}) {
				t.Errorf("attempts %v", got)
			}
			if status == 200 {
				x = e.want("user.create.complete")
				e.answer(x, wire.ListenerAnswer{StatusCode: 201}).Want(204)
				b.Eventually(patience, "the attempt is on record", func() bool { return slices.Equal(attemptsOf(b, x.EventID), []string{"delivery 201 herald listen"}) })
			}
		}
	}
	// A vote at the process that holds the connection, answered at the other one.
	answer := createLater(a, "third@example.com")
	e.answer(e.want("user.create"), wire.ListenerAnswer{StatusCode: 403}).Want(204)
	if got := <-answer; got.Status != 504 {
		t.Errorf("status %d", got.Status)
	}
	// The connection breaks while the other process waits.
	answer = createLater(b, "fourth@example.com")
	e.want("user.create")
	e.close()
	if got := <-answer; got.Status != 200 {
		t.Errorf("nobody has refused: status %d", got.Status)
	}
	if left := a.Strings(`SELECT id FROM listener_exchange`); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
