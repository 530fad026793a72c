// Package sinks puts every type of sink through the same tests, against the real thing: servers that the tests start and kill, Kafka's in the process.
package sinks

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const patience = 30 * time.Second

// broker is a server, or what stands for one, and somebody who reads what it was sent.
type broker interface {
	// sink is one that works.
	sink() wire.Sink
	// wrongLogin is one that the broker does not let in, and a part of what it says then; without a name where there are no logins.
	wrongLogin() (w wire.Sink, says string)
	// nowhere is one whose topic, stream or file cannot be, and a part of what the broker says then; without a name where there is no such thing.
	nowhere() (w wire.Sink, says string)
	// at is one at another address; without a name where there are none.
	at(address string) wire.Sink
	// mostBytes is how large an event may be; 0 for any.
	mostBytes() int
	kill()
	revive()
	// received is all that was sent so far, what has the same key in order.
	received() []received
}

// received is one record.
type received struct {
	key, value string
	headers    map[string]string // nil where there are none
}

// id is the id of the event.
func (r received) id() string {
	_, rest, _ := strings.Cut(r.value, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// suite is one server and one broker.
type suite struct {
	*apptest.Server

	t   testing.TB
	b   broker
	now *atomic.Int64 // how far the clock is ahead
	n   int           // events published
}

const kind = "custom.order.paid"

// run puts a sink through everything.
func run(t *testing.T, engine db.Engine, b broker) {
	ahead := &atomic.Int64{}
	s := &suite{t: t, b: b, now: ahead}
	s.Server = apptest.Start(t, engine, func(o *app.Options) {
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		o.Outbox.Poll = 100 * time.Millisecond
	})
	if f, ok := b.(*fileBroker); ok {
		f.dir = func() string { return filepath.Join(s.Data(), "sinks") }
	}
	s.Enable(wire.None, kind)
	s.explains()
	s.delivers()
	s.refuses()
	s.locksOut()
	s.survives()
	s.hinders()
}

// create makes a sink that gets the events of the tests.
func (s *suite) create(w wire.Sink) wire.ID {
	s.t.Helper()
	w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{1, 1, 1, 600, 3600, 7200}}
	w.Global, w.EventsEnabled, w.ConnectTimeout, w.SendTimeout = true, wire.Map[bool]{kind: true}, 5000, 3000
	var r wire.SinkResponse
	s.Call("POST", "/api/sink", wire.SinkRequest{Sink: w}).Want(200).Decode(&r)
	return r.Sink.ID
}

// publish publishes n events about a few objects, one batch, and returns their ids in order.
func (s *suite) publish(n, size int) (ids []string) { return s.publishAbout(n, size, objects) }

func (s *suite) publishAbout(n, size, objects int) (ids []string) {
	s.t.Helper()
	var batch bytes.Buffer
	for i := range n {
		s.n++
		id := fmt.Sprintf("0198c5d2-5f4c-7b0e-9d0a-%012d", s.n)
		ids = append(ids, id)
		if i > 0 {
			batch.WriteByte(',')
		}
		fmt.Fprintf(&batch, "{\"id\":%q,\"type\":%q,\n \"linkedObjectId\":%q,\"n\":%d,\"data\":%q}", id, kind, object(s.n, objects), s.n, strings.Repeat("x", size))
	}
	s.Call("POST", "/api/event/batch", `{"events":[`+batch.String()+`]}`).Want(200)
	return ids
}

// objects is how many objects the events of most tests are about.
const objects = 5

// object is what the n-th event is about.
func object(n, objects int) string { return fmt.Sprintf("6a1f2a1e-5f4c-4b0e-9d0a-%012d", n%objects) }

// includes tells whether all these events are among those that were received.
func includes(all []received, ids []string) bool {
	seen := map[string]bool{}
	for _, r := range all {
		seen[r.id()] = true
	}
	return !slices.ContainsFunc(ids, func(id string) bool { return !seen[id] })
}

// wait waits until all these events have arrived, and looks at their order.
func (s *suite) wait(ids []string) []received {
	s.t.Helper()
	var all []received
	soon := time.Now().Add(patience - 5*time.Second)
	s.Eventually(patience, "all events have arrived", func() bool {
		if time.Now().After(soon) { // it is going to fail: what is known?
			s.t.Logf("%d have arrived; the last attempts:\n%s", len(all), strings.Join(s.Strings(
				`SELECT outcome || ' ' || url || ' ' || exception FROM attempt WHERE outcome <> 'accepted' ORDER BY start_instant DESC LIMIT 10`), "\n"))
			soon = soon.Add(patience)
		}
		all = s.b.received()
		return includes(all, ids)
	})
	last := map[string]string{}
	seen := map[string]bool{}
	for _, r := range all {
		id := r.id()
		if seen[id] || !slices.Contains(ids, id) {
			continue // once more, as is allowed
		}
		seen[id] = true
		if id < last[r.key] {
			s.t.Errorf("of the object %s the event %s came after %s", r.key, id, last[r.key])
		}
		last[r.key] = id
	}
	return all
}

// explains: what a sink lacks is said at once, with its members; secrets are in no answer; a webhook it is not.
func (s *suite) explains() {
	w := s.b.sink()
	id := s.create(w)
	s.Call("GET", "/api/webhook/"+string(id), nil).Want(404)
	var got wire.WebhooksResponse
	s.Call("GET", "/api/webhook", nil).Want(200).Decode(&got)
	if len(got.Webhooks) > 0 {
		s.t.Errorf("the sink is among the webhooks: %+v", got.Webhooks)
	}
	shown := string(s.Call("GET", "/api/sink/"+string(id), nil).Want(200).Body) + string(s.Call("GET", "/api/sink", nil).Want(200).Body)
	if strings.Contains(shown, password) {
		s.t.Errorf("the password is shown: %s", shown)
	}
	bare := wire.Sink{Name: "Bare", Type: w.Type}
	if w.Type != wire.SinkStdout {
		if codes := s.Call("POST", "/api/sink", wire.SinkRequest{Sink: bare}).Want(400).Codes(); len(codes) == 0 || !strings.Contains(codes[0], "sink."+string(w.Type)) {
			s.t.Errorf("without its settings: %q", codes)
		}
	}
	s.Call("POST", "/api/sink", wire.SinkRequest{Sink: w}).WantCodes("[duplicate]sink.name")
	var r wire.WebhookExplainResponse
	s.Call("GET", "/api/sink/"+string(id)+"/explain?eventType="+kind+"&tenantId="+string(s.Tenant), nil).Want(200).Decode(&r)
	if !r.Explanation.Receives {
		s.t.Errorf("explained: %+v", r.Explanation)
	}
	s.Call("DELETE", "/api/sink/"+string(id), nil).Want(200)
}

// delivers: what webhooks get, byte for byte, once, in order, with what a consumer may want to know beside it.
func (s *suite) delivers() {
	id := s.create(s.b.sink())
	hook := egresstest.NewReceiver(s.t)
	hookID := s.Subscribe(hook.URL, []string{kind})
	ids := s.publish(60, 10)
	all := s.wait(ids)
	if len(all) != len(ids) {
		s.t.Errorf("%d records of %d events", len(all), len(ids))
	}
	values := map[string]bool{}
	for _, q := range hook.WaitFor(len(ids)) {
		values[lineOf(s.b, string(q.Body))] = true
	}
	for _, r := range all {
		if !values[r.value] {
			s.t.Errorf("this is not what webhooks get: %s", r.value)
		}
		if r.headers == nil {
			continue
		}
		if want := map[string]string{"herald-event-id": r.id(), "herald-event-type": kind, "herald-tenant-id": string(s.Tenant)}; fmt.Sprint(r.headers) != fmt.Sprint(want) {
			s.t.Errorf("headers %v, want %v", r.headers, want)
		}
	}
	s.Settled(patience)
	attempts := s.Strings(`SELECT DISTINCT outcome || ' ' || url FROM attempt WHERE webhook_id = $1`, id)
	if len(attempts) != 1 || !strings.HasPrefix(attempts[0], "accepted ") || strings.Contains(attempts[0], password) {
		s.t.Errorf("on record: %q", attempts)
	}
	var test wire.WebhookTestResponse
	s.Call("POST", "/api/sink/"+string(id)+"/test", `{"type":"user.create"}`).Want(200).Decode(&test)
	if test.Attempt.Outcome != "accepted" {
		s.t.Errorf("the test came to %+v", test.Attempt)
	}
	s.Call("DELETE", "/api/webhook/"+string(hookID), nil).Want(200)
	s.Call("DELETE", "/api/sink/"+string(id), nil).Want(200)
}

// refuses: what the broker does not take says why, and keeps the secret.
func (s *suite) refuses() {
	try := func(w wire.Sink, says string) {
		s.t.Helper()
		if w.Name == "" {
			return
		}
		id := s.create(w)
		var r wire.WebhookTestResponse
		s.Call("POST", "/api/sink/"+string(id)+"/test", `{"type":"user.create"}`).Want(200).Decode(&r)
		if a := r.Attempt; a.Outcome != "refused" || !strings.Contains(a.Exception, says) || strings.Contains(a.Exception, "wrong-"+password) {
			s.t.Errorf("%s: outcome %q, %s; want it refused with %q", w.Name, a.Outcome, a.Exception, says)
		}
		s.Call("DELETE", "/api/sink/"+string(id), nil).Want(200)
	}
	try(s.b.wrongLogin())
	try(s.b.nowhere())
	if b, ok := s.b.(interface{ unheard() (wire.Sink, string) }); ok {
		try(b.unheard())
	}

	id := s.create(s.b.sink())
	ids := s.publish(20, 10)
	huge := s.publish(1, 2<<20)
	ids = append(ids, s.publish(20, 10)...) // of which some are about the same object
	if s.b.mostBytes() == 0 {
		s.wait(append(ids, huge...))
	} else {
		s.wait(ids)
		s.Settled(patience)
		dead := s.Strings(`SELECT e.id || ', attempts: ' || CAST(d.attempts AS TEXT) FROM delivery d JOIN event e ON e.sequence = d.event_sequence WHERE d.webhook_id = $1 AND d.state = 'dead'`, id)
		if len(dead) != 1 || !strings.HasPrefix(dead[0], huge[0]+", attempts: ") {
			s.t.Errorf("given up: %q, want the event %s alone", dead, huge[0])
		}
		told := s.Strings(`SELECT message FROM event_log WHERE message LIKE $1`, "%"+huge[0]+"%")
		if len(told) != 1 || !strings.Contains(told[0], "too large") || !strings.Contains(told[0], "in vain") {
			s.t.Errorf("what people are told of it: %q", told)
		}
	}
	s.Call("DELETE", "/api/sink/"+string(id), nil).Want(200)
	s.Settled(patience)
}

// locksOut: a broker that refuses the login is not asked for each event anew, and gets all of them once the login is right.
func (s *suite) locksOut() {
	w, _ := s.b.wrongLogin()
	if w.Name == "" {
		return
	}
	id := s.create(w)
	ids := s.publish(300, 10)
	s.Eventually(patience, "the breaker is open", func() bool { return s.App.Outbox().Flow(id).Open })
	ids = append(ids, s.publish(5, 10)...)
	right := s.b.sink()
	right.RetryConfiguration, right.Global, right.EventsEnabled = &wire.RetryConfiguration{Delays: []int{1, 1, 1, 600}}, true, wire.Map[bool]{kind: true}
	s.Call("PUT", "/api/sink/"+string(id), wire.SinkRequest{Sink: right}).Want(200)
	s.wait(ids)
	s.Settled(patience)
	if n := len(s.Strings(`SELECT outcome FROM attempt WHERE webhook_id = $1 AND outcome = 'refused'`, id)); n < 1 || n > 100 {
		s.t.Errorf("the login was refused to %d attempts", n)
	}
	s.Call("DELETE", "/api/sink/"+string(id), nil).Want(200)
}

// survives: a broker that dies while it is being sent to, and comes back an hour later, has everything then.
func (s *suite) survives() {
	id := s.create(s.b.sink())
	ids := s.publish(100, 10)
	s.b.kill()
	ids = append(ids, s.publish(40, 10)...)
	s.Eventually(patience, "the breaker is open", func() bool { return s.App.Outbox().Flow(id).Open })
	ids = append(ids, s.publish(10, 10)...)
	if !slices.ContainsFunc(s.App.Doctor().Attention(s.t.Context()), func(f doctor.Finding) bool { return f.Code == doctor.SinkFailing && f.Subject.ID == id }) {
		s.t.Error("nobody is told that the broker cannot be reached")
	}
	s.b.revive() // first, or what is tried while it starts waits for its next turn
	s.now.Add(int64(time.Hour))
	s.wait(ids)
	s.Settled(patience)
	s.Eventually(patience, "the breaker is closed", func() bool { return !s.App.Outbox().Flow(id).Open })
	s.Call("DELETE", "/api/sink/"+string(id), nil).Want(200)
}

// hinders: one that takes the connection and says nothing any more keeps neither webhooks nor the API waiting.
func (s *suite) hinders() {
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = hole.Close() })
	w := s.b.at(hole.Addr().String())
	if w.Name == "" {
		return
	}
	id := s.create(w)
	hook := egresstest.NewReceiver(s.t)
	s.Subscribe(hook.URL, []string{kind})
	s.publish(100, 10)
	hook.WaitFor(100)
	if n := s.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE webhook_id = $1 AND state IN ('pending', 'retrying')`, id)[0]; n != "100" {
		s.t.Errorf("%s deliveries to the sink wait, want 100", n)
	}
	var r wire.WebhookTestResponse
	s.Call("POST", "/api/sink/"+string(id)+"/test", `{"type":"user.create"}`).Want(200).Decode(&r)
	if r.Attempt.Outcome != "timeout" {
		s.t.Errorf("a silent broker: %+v", r.Attempt)
	}
	s.Call("DELETE", "/api/sink/"+string(id), nil).Want(200)
}

// password is what the brokers of the tests let in.
const password = "sesame-0123456789"
