package crash

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
)

// audit compares what the receiver and the callers remember with what is in the store, once nothing is open in it, and returns what
// does not fit. It does no input or output.
type audit struct {
	hooks         []*hook
	arrivals      map[pair][]*arrival
	bodies        map[string][]byte
	calls         []*call
	interruptions []*interruption
	store         *snapshot

	byID   map[string]*storedEvent
	faults []string
	// recorded are the attempts that the arrivals are on record as; one without was never recorded.
	recorded map[*arrival]*attempt
	// underWay are the requests that arrived and are not on record, because their sender was interrupted.
	underWay map[underWay]int
}

// underWay is what was on its way to one webhook when something happened.
type underWay struct {
	*interruption
	hook string
}

// mostUnderWay is how many requests to one webhook may have no record because of one interruption: the results of the commit that it cuts off, of which there are 512
// when a backlog is being sent, what is open, and a vote for each caller. In storms up to 274 were seen.
const mostUnderWay = 512 + 16 + callers

// callers is how many there are in a storm.
const callers = 8

func (a *audit) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Sprintf(format, args...))
}

func (a *audit) run() []string {
	a.byID, a.recorded, a.underWay = map[string]*storedEvent{}, map[*arrival]*attempt{}, map[underWay]int{}
	for _, e := range a.store.events {
		a.byID[e.id] = e
	}
	if open := a.store.open(); open != "" {
		a.fault("there are still %s", open)
	}
	for _, e := range a.store.events {
		a.checkEvent(e)
	}
	for p := range a.arrivals {
		a.checkRecord(p)
		a.checkArrivals(p)
	}
	for u, n := range a.underWay {
		if n > mostUnderWay {
			a.fault("%d requests to %s have no record because of a %s, more than can have been under way", n, u.hook, u.kind)
		}
	}
	for _, h := range a.hooks {
		if h.ordered {
			a.checkOrder(h)
		}
	}
	a.checkUsers()
	for _, c := range a.calls {
		a.checkOutside(c)
	}
	return a.faults
}

// checkEvent checks that an event that was committed has arrived wherever it is wanted, and that one that was not is owed to nobody.
func (a *audit) checkEvent(e *storedEvent) {
	for _, h := range a.hooks {
		p := pair{e.id, h.name}
		d, owed := a.store.deliveries[p]
		got, recorded := 0, 0
		for _, arrival := range a.arrivals[p] {
			if arrival.status == http.StatusOK {
				got++
			}
		}
		for _, attempt := range a.store.attempts[p] {
			if attempt.outcome == accepted {
				recorded++
			}
		}
		switch {
		case e.result != "Succeeded":
			if owed {
				a.fault("%s is %s and owed to %s all the same: %+v", a.name(e.id), e.result, h.name, d)
			}
		case !h.wants(e.kind):
		case got == 0:
			a.fault("%s was committed and has not arrived at %s; the store says %+v", a.name(e.id), h.name, d)
		case d.state != "delivered":
			a.fault("%s has arrived at %s, but the store says %+v", a.name(e.id), h.name, d)
		case recorded == 0:
			a.fault("%s is said to be delivered to %s, but there is no record of it", a.name(e.id), h.name)
		}
		if recorded > got {
			a.fault("%s has arrived at %s %d times and is recorded %d times", a.name(e.id), h.name, got, recorded)
		}
	}
	if body, arrived := a.bodies[e.id]; arrived && string(body) != e.body {
		a.fault("%s came with other bytes than are in the store:\n%s\n%s", a.name(e.id), body, e.body)
	}
}

// checkArrivals checks that what has arrived was committed (or is a question), and that nothing came more often than it had to.
func (a *audit) checkArrivals(p pair) {
	e := a.byID[p.event]
	switch {
	case e == nil:
		a.fault("%s has arrived at %s, and the store knows nothing of it", a.name(p.event), p.hook)
		return
	case e.result != "Succeeded" && !votedOn(e.kind):
		a.fault("%s was announced to %s, but it is %s", a.name(e.id), p.hook, e.result)
	}
	arrivals := a.arrivals[p]
	for i, arrival := range arrivals[1:] {
		before := arrivals[i]
		record := a.recorded[before]
		switch {
		case record != nil && record.outcome != accepted: // it is tried again
		case record == nil && a.interruption("", before.at, arrival.at, a.reach(p.hook, before)) != nil:
		case a.heldUp(before.at, arrival.at, a.timeout(p.hook)): // it did not know of the record, or others did not
		default:
			a.fault("%s came to %s again for no reason: %s", a.name(e.id), p.hook, a.times(p))
			return
		}
	}
}

// checkRecord finds the attempts on record that the arrivals are, and checks that these are all, but for those whose sender was interrupted before it could write.
func (a *audit) checkRecord(p pair) {
	slices.SortFunc(a.arrivals[p], func(x, y *arrival) int { return x.at.Compare(y.at) })
	attempts := slices.Clone(a.store.attempts[p])
	for _, arrival := range a.arrivals[p] {
		at := arrival.at.UnixMilli()
		i := slices.IndexFunc(attempts, func(t attempt) bool { return t.start-1 <= at && at <= t.end+1 })
		if i >= 0 {
			record := attempts[i]
			a.recorded[arrival] = &record
			attempts = slices.Delete(attempts, i, i+1)
			continue
		}
		because := a.interruption("", arrival.at, arrival.at.Add(patience), a.reach(p.hook, arrival))
		if because == nil {
			a.fault("%s came to %s and there is no record of it: %s", a.name(p.event), p.hook, a.times(p))
			continue
		}
		a.underWay[underWay{because, p.hook}]++
	}
	for range attempts {
		a.fault("%s did not come to %s when the record says: %s", a.name(p.event), p.hook, a.times(p))
	}
}

// checkOrder checks that the events of each object came in sequence: the first time after the one before was accepted, and the last time before the next one came.
func (a *audit) checkOrder(h *hook) {
	last := map[string]*storedEvent{} // of each object
	for _, e := range a.store.events {
		arrivals := a.arrivals[pair{e.id, h.name}]
		if e.result != "Succeeded" || e.object == "" || !h.wants(e.kind) || len(arrivals) == 0 {
			continue
		}
		before := last[e.object]
		last[e.object] = e
		if before == nil {
			continue
		}
		first, all := arrivals[0].at, a.arrivals[pair{before.id, h.name}]
		if !slices.ContainsFunc(all, func(r *arrival) bool { return r.status == http.StatusOK && r.at.Before(first) }) {
			a.fault("%s came to %s before %s was accepted", a.name(e.id), h.name, a.name(before.id))
		}
		for _, r := range all {
			if r.at.After(first) && !a.heldUp(all[0].at, r.at, h.timeout) {
				a.fault("%s came to %s after %s, which follows it", a.name(before.id), h.name, a.name(e.id))
			}
		}
	}
}

// writing is how long it may take until the result of an answer is on record, beyond the slack of an interruption.
const writing = 250 * time.Millisecond

// reach is how long before an interruption a request can have arrived that was not put on record any more: as long as it waits for its answer, or for the record.
func (a *audit) reach(hook string, r *arrival) time.Duration {
	if r.status == 0 {
		return a.timeout(hook)
	}
	return writing
}

func (a *audit) timeout(name string) time.Duration {
	return a.hooks[slices.IndexFunc(a.hooks, func(h *hook) bool { return h.name == name })].timeout
}

// interruption is one (of a kind, if one is given) that has begun before an instant, and can have kept a request from being recorded that arrived at another one and
// may have been under way for so long: the first that came after its arrival, else the first after which it may have been read late. Nil if there is none.
func (a *audit) interruption(kind string, arrived, begun time.Time, reach time.Duration) *interruption {
	for _, after := range []time.Time{arrived.Add(slack), arrived} {
		for _, i := range a.interruptions {
			if (kind == "" || i.kind == kind) && i.from.Before(begun) && !i.from.After(arrived.Add(reach)) && i.to.After(after) {
				return i
			}
		}
	}
	return nil
}

// heldUp tells whether of two requests one can be of a process that was held up, and the other of one that took it for dead meanwhile. Whoever has claimed it then may be
// interrupted in turn.
func (a *audit) heldUp(before, after time.Time, timeout time.Duration) bool {
	i := a.interruption("freeze", before, after, timeout)
	if i == nil {
		return false
	}
	until := i.to.Add(timeout)
	for _, next := range a.interruptions {
		if next.from.After(i.from) && next.from.Before(until) && next.to.Add(2*lease).After(until) {
			until = next.to.Add(2 * lease)
		}
	}
	return after.Before(until)
}

// checkUsers checks that a change and its events are one commit, and that they are what the callers were told.
func (a *audit) checkUsers() {
	type history struct {
		count map[event.Type]int // committed
		step  int                // after the last committed update
		calls map[operation]map[int]int
		step0 int // of the last update that was answered with success
		no    bool
	}
	users := map[string]*history{}
	get := func(id string) *history {
		if users[id] == nil {
			users[id] = &history{count: map[event.Type]int{}, calls: map[operation]map[int]int{create: {}, update: {}, remove: {}}}
		}
		return users[id]
	}
	for _, e := range a.store.events {
		if e.result != "Succeeded" || !slices.Contains(pairs, e.kind) {
			continue
		}
		h := get(e.object)
		h.count[e.kind]++
		if e.kind == event.UserUpdateComplete {
			h.step = e.step
		}
	}
	for _, c := range a.calls {
		if c.op == publish || c.op == ask {
			continue
		}
		h := get(c.user)
		h.calls[c.op][c.status]++
		h.no = h.no || c.refused
		if c.op == update && c.status == http.StatusOK {
			h.step0 = c.step
		}
	}
	for id := range a.store.users {
		get(id)
	}
	for id, h := range users {
		for operation, change := range map[operation]event.Type{create: event.UserCreate, update: event.UserUpdate, remove: event.UserDelete} {
			happened, told := h.count[change], h.count[complete[change]]
			yes, open := h.calls[operation][http.StatusOK], h.calls[operation][unknown]
			if happened != told {
				a.fault("user %s: %d × %s, but %d × %s", id, happened, change, told, complete[change])
			}
			if happened < yes || happened > yes+open {
				a.fault("user %s: %d × %s committed; the callers were told of %d and know nothing of %d", id, happened, change, yes, open)
			}
		}
		if h.no && h.count[event.UserCreate] > 0 {
			a.fault("user %s was refused and exists", id)
		}
		step, exists := a.store.users[id]
		if should := h.count[event.UserCreate] > h.count[event.UserDelete]; exists != should {
			a.fault("user %s: exists is %v, its events say %v", id, exists, should)
		}
		if exists && (step != h.step || step < h.step0) {
			a.fault("user %s is at step %d, its events say %d, its caller was told %d", id, step, h.step, h.step0)
		}
	}
}

// checkOutside checks the events of a call from outside: they are in the store, or not, as the caller was told; those of one request all
// or none.
func (a *audit) checkOutside(c *call) {
	if c.op != publish && c.op != ask {
		return
	}
	stored := 0
	for _, id := range c.events {
		if e := a.byID[id]; e != nil && e.result == "Succeeded" {
			stored++
		}
	}
	switch {
	case c.status == http.StatusOK && stored < len(c.events):
		a.fault("of %d events that were accepted %d are in the store: %v", len(c.events), stored, c.events)
	case c.status != http.StatusOK && c.status != unknown && stored > 0:
		a.fault("%d events that were answered with %d are in the store: %v", stored, c.status, c.events)
	case stored != 0 && stored != len(c.events):
		a.fault("of %d events of one request %d are in the store: %v", len(c.events), stored, c.events)
	case c.refused && stored > 0:
		a.fault("%v was refused and is committed", c.events)
	}
}

// complete are the changes of users with the events that follow them.
var complete = map[event.Type]event.Type{
	event.UserCreate: event.UserCreateComplete, event.UserUpdate: event.UserUpdateComplete, event.UserDelete: event.UserDeleteComplete,
}

// pairs are both sides of complete.
var pairs = []event.Type{
	event.UserCreate, event.UserCreateComplete, event.UserUpdate, event.UserUpdateComplete, event.UserDelete, event.UserDeleteComplete,
}

// votedOn tells whether webhooks are asked about an event before it is committed: such a one may arrive and then not happen.
func votedOn(t event.Type) bool { return settings[t] != "None" }

func (a *audit) name(id string) string {
	e := a.byID[id]
	if e == nil {
		return "event " + id
	}
	return fmt.Sprintf("event %s (%d, %s, %s)", id, e.sequence, e.kind, e.result)
}

// times tells what is known of an event at one webhook, in order.
func (a *audit) times(p pair) string {
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	for _, arrival := range a.arrivals[p] {
		lines = append(lines, line{arrival.at, fmt.Sprintf("arrived, answered %d", arrival.status)})
	}
	for _, attempt := range a.store.attempts[p] {
		lines = append(lines, line{time.UnixMilli(attempt.end), fmt.Sprintf("end of a %s that is recorded as %s", attempt.kind, attempt.outcome)})
	}
	first := lines[0].at
	for _, i := range a.interruptions {
		if i.from.After(first.Add(-2 * time.Second)) {
			lines = append(lines, line{i.from, i.kind + " from about here"}, line{i.to, i.kind + " until about here"})
		}
	}
	slices.SortFunc(lines, func(x, y line) int { return x.at.Compare(y.at) })
	var b strings.Builder
	for _, l := range lines[:min(len(lines), 30)] {
		fmt.Fprintf(&b, "\n\t%v %s", l.at.Sub(first).Round(time.Millisecond), l.text)
	}
	return b.String()
}

// check audits the world against what is in its store.
func (w *world) check(s *snapshot) {
	w.t.Helper()
	w.mu.Lock()
	w.receiver.mu.Lock()
	a := &audit{hooks: w.hooks, arrivals: w.arrivals, bodies: w.bodies, calls: w.calls, interruptions: w.interruptions, store: s}
	faults := a.run()
	arrivals := 0
	for _, all := range w.arrivals {
		arrivals += len(all)
	}
	interruptions := len(w.interruptions)
	w.receiver.mu.Unlock()
	w.mu.Unlock()
	const enough = 20
	for _, fault := range faults[:min(len(faults), enough)] {
		w.t.Error(fault)
	}
	if len(faults) > enough {
		w.t.Errorf("… and %d more", len(faults)-enough)
	}
	unrecorded, most := 0, map[string]int{}
	for u, n := range a.underWay {
		unrecorded, most[u.kind] = unrecorded+n, max(most[u.kind], n)
	}
	w.t.Logf("%d interruptions; %s", interruptions, w.told())
	w.t.Logf("%d events, %d deliveries, %d arrivals, %d of them not recorded because of an interruption (at once to one webhook at most %v)",
		len(s.events), len(s.deliveries), arrivals, unrecorded, most)
	for message, n := range w.complaints() {
		w.t.Logf("logged %d ×: %s", n, message)
	}
}

// TestAudit checks the checker: one honest world, and each way of spoiling it.
func TestAudit(t *testing.T) {
	t.Parallel()
	begin := time.UnixMilli(1_700_000_000_000)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	got := func(ms, status int) *arrival { return &arrival{at: at(ms), status: status} }
	const id = "u1"
	honest := func() *audit {
		events := []*storedEvent{
			{1, "e1", event.UserCreate, "Succeeded", id, 0, "1"},
			{2, "e2", event.UserCreateComplete, "Succeeded", id, 0, "2"},
			{3, "e3", event.UserUpdate, "Succeeded", id, 1, "3"},
			{4, "e4", event.UserUpdateComplete, "Succeeded", id, 1, "4"},
			{5, "e5", event.UserCreate, "Failed", "u2", 0, "5"},
			{6, "e6", event.UserLoginSuccess, "Succeeded", "", 0, "6"},
		}
		a := &audit{
			hooks: []*hook{newHook("all", accept, event.UserCreate, event.UserCreateComplete, event.UserUpdate, event.UserUpdateComplete,
				event.UserLoginSuccess)},
			calls: []*call{
				{op: create, user: id, status: 200},
				{op: update, user: id, step: 1, status: unknown},
				{op: create, user: "u2", refused: true, status: 504},
				{op: publish, events: []string{"e6"}, status: 200},
			},
			arrivals: map[pair][]*arrival{}, bodies: map[string][]byte{},
			store: &snapshot{events: events, deliveries: map[pair]delivery{}, attempts: map[pair][]attempt{}, users: map[string]int{id: 1}},
		}
		for i, e := range events {
			p := pair{e.id, "all"}
			a.bodies[e.id] = []byte(e.body)
			if e.result == "Failed" {
				a.arrivals[p] = []*arrival{got(10*i, 403)}
				a.store.attempts[p] = []attempt{{"vote", "refused", at(10 * i).UnixMilli(), at(10*i + 1).UnixMilli()}}
				continue
			}
			a.arrivals[p] = []*arrival{got(10*i, 200)}
			a.store.attempts[p] = []attempt{{"delivery", accepted, at(10 * i).UnixMilli(), at(10*i + 1).UnixMilli()}}
			a.store.deliveries[p] = delivery{state: "delivered"}
		}
		a.hooks[0].ordered = true
		return a
	}
	if faults := honest().run(); len(faults) > 0 {
		t.Fatalf("the honest world has faults: %v", faults)
	}
	killed := func(a *audit, ms int) {
		a.interruptions = append(a.interruptions, &interruption{"kill", at(ms), at(ms)})
	}
	e2, e5 := pair{"e2", "all"}, pair{"e5", "all"}
	for _, test := range []struct {
		name  string
		spoil func(*audit)
		want  string // part of a fault; none if it is to be forgiven
	}{
		{"lost", func(a *audit) { delete(a.arrivals, e2) }, "has not arrived"},
		{"only refused", func(a *audit) { a.arrivals[e2][0].status = 503 }, "has not arrived"},
		{"never owed", func(a *audit) { delete(a.store.deliveries, e2) }, "but the store says"},
		{"given up", func(a *audit) { a.store.deliveries[e2] = delivery{state: "dead"} }, "but the store says"},
		{"waiting", func(a *audit) { a.store.deliveries[e2] = delivery{state: "retrying"} }, "there are still"},
		{"claimed", func(a *audit) { a.store.deliveries[e2] = delivery{state: "delivered", claimed: true} }, "there are still"},
		{"running", func(a *audit) { a.store.events[4].result = "Running" }, "there are still"},
		{"reserved", func(a *audit) { a.store.reserved = 1 }, "there are still"},
		{"no record", func(a *audit) { delete(a.store.attempts, e2) }, "no record"},
		{"recorded without a reason", func(a *audit) {
			a.store.attempts[e2] = append(a.store.attempts[e2], a.store.attempts[e2][0])
		}, "is recorded 2 times"},
		{"refused and owed", func(a *audit) { a.store.deliveries[e5] = delivery{state: "delivered"} }, "owed to"},
		{"refused and announced", func(a *audit) { a.store.events[1].result = "Failed" }, "was announced"},
		{"from nowhere", func(a *audit) { a.arrivals[pair{"e9", "all"}] = []*arrival{got(0, 200)} }, "knows nothing of it"},
		{"recorded at another time", func(a *audit) { a.store.attempts[e2][0].start += 100 }, "did not come"},
		{"arrived without a record", func(a *audit) {
			a.arrivals[e2] = []*arrival{got(2, 200), got(10, 200)}
			killed(a, 1)
		}, "there is no record of it"},
		{"too many at once", func(a *audit) {
			for i := range mostUnderWay + 1 { // no answers
				id := fmt.Sprint("v", i)
				a.store.events = append(a.store.events, &storedEvent{int64(i + 9), id, event.UserCreate, "Failed", "", 0, ""})
				a.arrivals[pair{id, "all"}] = []*arrival{got(200, 0)}
			}
			killed(a, 900)
		}, "more than can have been under way"},
		{"other bytes", func(a *audit) { a.bodies["e2"] = []byte("20") }, "other bytes"},
		{"twice", func(a *audit) { a.arrivals[e2] = append(a.arrivals[e2], got(11, 200)) }, "again for no reason"},
		{"twice, killed later", func(a *audit) {
			a.arrivals[e2] = append(a.arrivals[e2], got(11, 200))
			killed(a, 20)
		}, "again for no reason"},
		{"twice, killed between", func(a *audit) {
			a.arrivals[e2] = []*arrival{got(2, 200), got(10, 200)}
			a.interruptions = append(a.interruptions, &interruption{"kill", at(5).Add(-slack), at(5).Add(slack)})
		}, ""},
		{"killed between, recorded before", func(a *audit) {
			a.arrivals[e2] = append(a.arrivals[e2], got(30, 200))
			killed(a, 20)
		}, "again for no reason"},
		{"twice, killed long after the first", func(a *audit) {
			a.arrivals[e2] = []*arrival{got(10, 200), got(3000, 200)}
			a.store.attempts[e2] = []attempt{{"delivery", accepted, at(3000).UnixMilli(), at(3001).UnixMilli()}}
			killed(a, 2000)
		}, "again for no reason"},
		{"answered and not recorded, killed after a while", func(a *audit) {
			a.arrivals[e5] = append(a.arrivals[e5], got(60, 403))
			killed(a, 900)
		}, "there is no record of it"},
		{"not answered and not recorded, killed after a while", func(a *audit) {
			a.arrivals[e5] = append(a.arrivals[e5], got(60, 0))
			killed(a, 900)
		}, ""},
		{"without a record, killed long after", func(a *audit) {
			a.arrivals[e5] = append(a.arrivals[e5], got(60, 0))
			killed(a, 2000)
		}, "there is no record of it"},
		{"held up and sent by others too", func(a *audit) {
			a.arrivals[e2] = []*arrival{got(10, 200), got(2000, 200), got(4100, 200)}
			a.store.attempts[e2] = append(a.store.attempts[e2], attempt{"delivery", accepted, at(2000).UnixMilli(), at(2001).UnixMilli()},
				attempt{"delivery", accepted, at(4100).UnixMilli(), at(4101).UnixMilli()})
			a.interruptions = append(a.interruptions, &interruption{"freeze", at(100), at(4000 + int(slack.Milliseconds()))})
		}, ""},
		{"held up and sent by others long after", func(a *audit) {
			a.arrivals[e2] = append(a.arrivals[e2], got(6000, 200))
			a.store.attempts[e2] = append(a.store.attempts[e2], attempt{"delivery", accepted, at(6000).UnixMilli(), at(6001).UnixMilli()})
			a.interruptions = append(a.interruptions, &interruption{"freeze", at(100), at(4000)})
		}, "again for no reason"},
		{"held up and sent by others who were killed", func(a *audit) {
			a.arrivals[e2] = append(a.arrivals[e2], got(8000, 200))
			a.store.attempts[e2] = append(a.store.attempts[e2], attempt{"delivery", accepted, at(8000).UnixMilli(), at(8001).UnixMilli()})
			a.interruptions = append(a.interruptions, &interruption{"freeze", at(100), at(4000)})
			killed(a, 4500)
		}, ""},
		{"held up long before", func(a *audit) {
			a.arrivals[e2] = append(a.arrivals[e2], got(30, 200))
			a.store.attempts[e2] = append(a.store.attempts[e2], attempt{"delivery", accepted, at(30).UnixMilli(), at(31).UnixMilli()})
			a.interruptions = append(a.interruptions, &interruption{"freeze", at(-9000), at(-5000)})
		}, "again for no reason"},
		{"twice after a failure", func(a *audit) {
			a.arrivals[e2] = []*arrival{got(2, 503), got(10, 200)}
			a.store.attempts[e2] = append([]attempt{{"delivery", "refused", at(2).UnixMilli(), at(3).UnixMilli()}}, a.store.attempts[e2]...)
		}, ""},
		{"out of sequence", func(a *audit) {
			a.arrivals[e2][0].at = at(25)
			a.store.attempts[e2] = []attempt{{"delivery", accepted, at(25).UnixMilli(), at(26).UnixMilli()}}
		}, "before event e2 (2, user.create.complete, Succeeded) was accepted"},
		{"before an answer", func(a *audit) {
			a.arrivals[e2] = []*arrival{got(10, 503), got(25, 200)}
			a.store.attempts[e2] = []attempt{{"delivery", "refused", at(10).UnixMilli(), at(11).UnixMilli()}, {"retry", accepted, at(25).UnixMilli(), at(26).UnixMilli()}}
		}, "before event e2 (2, user.create.complete, Succeeded) was accepted"},
		{"again after the next one", func(a *audit) {
			a.arrivals[e2] = append(a.arrivals[e2], got(25, 200))
			a.store.attempts[e2] = []attempt{{"retry", accepted, at(25).UnixMilli(), at(26).UnixMilli()}}
			killed(a, 15)
		}, "came to all after event e3"},
		{"told and not done", func(a *audit) {
			a.calls[1].status, a.store.events[2].result = 200, "Failed"
		}, "committed; the callers were told"},
		{"refused and done", func(a *audit) { a.calls[0].status = 504 }, "committed; the callers were told"},
		{"half a commit", func(a *audit) { a.store.events[3].kind = event.UserLoginSuccess }, "but 0 × user.update.complete"},
		{"no user", func(a *audit) { delete(a.store.users, id) }, "exists is false"},
		{"a user without events", func(a *audit) { a.store.users["u3"] = 0 }, "exists is true"},
		{"lost update", func(a *audit) { a.store.users[id] = 0 }, "is at step 0"},
		{"accepted and not stored", func(a *audit) { a.calls[3].events = []string{"e7"} }, "of 1 events that were accepted 0"},
		{"half a batch", func(a *audit) {
			a.calls[3].events, a.calls[3].status = []string{"e6", "e7"}, unknown
		}, "of 2 events of one request 1"},
		{"refused from outside and stored", func(a *audit) { a.calls[3].status = 504 }, "answered with 504"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := honest()
			test.spoil(a)
			faults := strings.Join(a.run(), "\n")
			if test.want == "" && faults != "" {
				t.Errorf("found fault with it: %s", faults)
			}
			if !strings.Contains(faults, test.want) {
				t.Errorf("found %q, want %q", faults, test.want)
			}
		})
	}
}
