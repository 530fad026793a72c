package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/herald-events/herald/event"
)

// operation is what a caller asked for.
type operation string

const (
	create  operation = "create"  // a user
	update  operation = "update"  // of a user
	remove  operation = "remove"  // a user
	publish operation = "publish" // events from outside, nobody votes
	ask     operation = "ask"     // an event from outside that is voted on
)

// unknown is the status of a call that nobody has answered: the process died, or lost its database in the middle of it.
const unknown = 0

// call is what a caller remembers of a request.
type call struct {
	op      operation
	user    string   // its id
	refused bool     // a webhook will say no
	step    int      // of an update: counts up from 1
	events  []string // ids of those from outside, all in one request
	status  int      // 200, 504, 503, or unknown
}

// create creates a user with an address that begins with name, and returns the status.
func (p *process) create(name string) int { return p.createUser(uuid.NewString(), name) }

// createUser is create with an id.
func (p *process) createUser(id, name string) int {
	body := map[string]any{"user": user{Email: name + id + "@example.com"}, "sendSetPasswordEmail": true}
	return p.remember(&call{op: create, user: id}, "POST", "/api/user/"+id, body)
}

// createAndRemove does both to a user; nobody may object.
func (p *process) createAndRemove(name string) {
	p.w.t.Helper()
	id := uuid.NewString()
	created := p.createUser(id, name)
	removed := p.remember(&call{op: remove, user: id}, "DELETE", "/api/user/"+id+"?hardDelete=true", nil)
	if created != http.StatusOK || removed != http.StatusOK {
		p.w.t.Errorf("a user was created with the status %d and removed with %d", created, removed)
	}
}

// remember makes a call and remembers it.
func (p *process) remember(c *call, method, path string, body any) int {
	c.status, _, _ = p.request(method, path, body)
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.calls = append(p.w.calls, c)
	return c.status
}

// load is a number of callers at work.
type load struct {
	w      *world
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// load lets callers work until it is stopped.
func (w *world) load(n int) *load {
	ctx, cancel := context.WithCancel(w.t.Context())
	l := &load{w: w, cancel: cancel}
	for range n {
		l.done.Go(func() {
			for ctx.Err() == nil && !w.t.Failed() {
				l.story(ctx)
			}
		})
	}
	return l
}

// stop lets each caller end what it is at. There must be a process that answers.
func (l *load) stop() {
	l.cancel()
	l.done.Wait()
}

// story is the life of one user, as far as it goes: a caller who gets no answer does not touch the user again.
func (l *load) story(ctx context.Context) {
	c := &call{op: create, user: uuid.NewString(), refused: rand.N(5) == 0}
	u := user{Email: "yes-" + c.user + "@example.com"}
	if c.refused {
		u.Email = refusable + c.user + "@example.com"
	}
	l.login(ctx, u, c.user)
	if l.send(ctx, c, "POST", "/api/user/"+c.user, map[string]any{"user": u, "sendSetPasswordEmail": true}) != http.StatusOK {
		return
	}
	for range rand.N(4) {
		u.Data.Step++
		c := &call{op: update, user: c.user, step: u.Data.Step}
		if l.send(ctx, c, "PATCH", "/api/user/"+c.user, map[string]any{"user": map[string]any{"data": u.Data}}) != http.StatusOK {
			return
		}
		l.login(ctx, u, c.user)
	}
	if rand.N(2) == 0 {
		l.send(ctx, &call{op: remove, user: c.user}, "DELETE", "/api/user/"+c.user+"?hardDelete=true", nil)
	}
}

// login tells of logins from outside: one, many in one request, or one that the webhooks have a say in. The request is repeated until
// there is an answer; as its events bring their ids along, nothing may happen twice by that.
func (l *load) login(ctx context.Context, u user, id string) {
	c := &call{op: publish, events: []string{uuid.NewString()}}
	about := func(t event.Type, eventID string) map[string]any {
		tell := map[string]any{"email": u.Email, "id": id, "data": u.Data}
		return map[string]any{"type": t, "id": eventID, "tenantId": l.w.tenant, "user": tell}
	}
	path := "/api/event"
	var body any
	switch rand.N(10) {
	case 0:
		for range 1 + rand.N(40) {
			c.events = append(c.events, uuid.NewString())
		}
		var all []any
		for _, eventID := range c.events {
			all = append(all, about(event.UserLoginSuccess, eventID))
		}
		path, body = "/api/event/batch", map[string]any{"events": all}
	case 1, 2:
		c.op, c.refused = ask, u.Email[:len(refusable)] == refusable
		body = map[string]any{"event": about(event.UserLoginNewDevice, c.events[0])}
	default:
		body = map[string]any{"event": about(event.UserLoginSuccess, c.events[0])}
	}
	for {
		status := l.send(ctx, c, "POST", path, body)
		if status != unknown || ctx.Err() != nil || rand.N(4) == 0 { // now and then a caller gives up
			return
		}
		repeated := *c
		c = &repeated
	}
}

// send makes the request of a call at one of the processes, after a moment of thought, and remembers what came of it.
func (l *load) send(ctx context.Context, c *call, method, path string, body any) (status int) {
	select {
	case <-ctx.Done():
		return unknown
	case <-time.After(rand.N(25 * time.Millisecond)):
	}
	var p *process
	for p == nil {
		all, changed := l.w.serving()
		if len(all) > 0 {
			p = all[rand.N(len(all))]
			break
		}
		select {
		case <-ctx.Done():
			return unknown
		case <-changed:
		}
	}
	status, answer, err := p.request(method, path, body)
	if err != nil && !p.isDoomed() {
		l.w.t.Errorf("%s %s was not answered by a process that lives: %v", method, path, err)
	}
	switch {
	case err != nil, status == http.StatusInternalServerError && l.w.shaken(),
		status == http.StatusConflict && c.op == ask: // asked before, and nobody has found out yet that it will never be decided
		status = unknown
	case status != http.StatusOK && status != http.StatusGatewayTimeout && status != http.StatusServiceUnavailable:
		l.w.t.Errorf("%s %s was answered with %d: %.300s", method, path, status, answer)
		status = unknown
	}
	c.status = status
	if status == unknown { // it will not be better at once
		time.Sleep(100 * time.Millisecond)
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.w.calls = append(l.w.calls, c)
	return status
}

// shaken tells whether the database was ever taken away: only then may a process say that it does not know what to say.
func (w *world) shaken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, i := range w.interruptions {
		if i.kind == "database" {
			return true
		}
	}
	return false
}

// told sums the calls up, for the log of a test.
func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := map[int]int{}
	for _, c := range w.calls {
		count[c.status]++
	}
	return fmt.Sprintf("%d calls: %d done, %d refused, %d given up, %d without an answer", len(w.calls),
		count[http.StatusOK], count[http.StatusGatewayTimeout], count[http.StatusServiceUnavailable], count[unknown])
}
