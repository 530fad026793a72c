// Package catalogue proves that every type of event is caused by a call of the API: which events a call publishes, in which order, and no others; that a webhook
// that refuses one leaves everything as it was; and that what receivers get is what is documented, without secrets.
package catalogue

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// scenario is one call of the API, and what it has to publish.
type scenario struct {
	name string
	// want are the types of all events, in order. None means that the call publishes nothing.
	want []string
	// prepare makes what the call is about and returns the call. The call is made again after each refusal, so it has to be one that can be.
	prepare func(h *herald) call
	// status is what the call answers. Zero means 200.
	status int
	// refused is what it answers when a webhook refuses. Zero means 504.
	refused int
	// first are those that are published before webhooks are asked, and stay whatever they say.
	first []string
	// keeps are tables that a refused call changes all the same, because it did happen: a failure was counted.
	keeps []string
	// told is a call whose webhooks are told, not asked. It proves nothing about refusals.
	told bool
	// nobody is behind the events: they tell of nobody's address.
	nobody bool
	// check looks at the events that were received, in the order in which they were published. Nil looks at no more than is looked at always.
	check func(h *herald, events []object)
}

type call func() apptest.Answer

// never are the types that no call causes, with the reason. docs/compatibility.md says so too.
var never = map[event.Type]string{
	event.UserIdentityUpdate: "FusionAuth's clients know the name; no documentation says that it is ever sent",
}

// elsewhere are the types that are not caused by a call to a running server, and the tests that prove them.
var elsewhere = map[event.Type]string{
	event.KickstartSuccess: "TestCatalogue_Kickstart",
}

// all are the scenarios, by what they are about.
func all() []scenario {
	return slices.Concat(users, registrations, groups, entities, logins, verifications, twoFactor, passwords, tokens, actions, links, keys, system)
}

// TestCatalogue_IsComplete fails when a type is added without a scenario that causes it, or one that is asked about without a scenario in which it is refused.
func TestCatalogue_IsComplete(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range all() {
		if names[s.name] {
			t.Errorf("two scenarios have the name %q", s.name)
		}
		names[s.name] = true
	}
	for _, gap := range gaps(event.All(), all()) {
		t.Error(gap)
	}
}

// gaps is what the scenarios do not prove of a catalogue.
func gaps(catalogue []event.Descriptor, scenarios []scenario) (gaps []string) {
	caused, refused := map[event.Type]bool{}, map[event.Type]bool{}
	for _, s := range scenarios {
		for _, typ := range s.want {
			caused[event.Type(typ)] = true
			refused[event.Type(typ)] = refused[event.Type(typ)] || !s.told
		}
	}
	for _, d := range catalogue {
		_, isNever := never[d.Type]
		_, isElsewhere := elsewhere[d.Type]
		switch {
		case caused[d.Type] && isNever:
			gaps = append(gaps, fmt.Sprintf("%s is caused, and said to be never sent", d.Type))
		case isNever || isElsewhere:
		case !caused[d.Type]:
			gaps = append(gaps, fmt.Sprintf("no scenario causes %s", d.Type))
		case d.Transactional && !refused[d.Type]:
			gaps = append(gaps, fmt.Sprintf("in no scenario %s is refused", d.Type))
		}
		delete(caused, d.Type)
	}
	for typ := range caused {
		gaps = append(gaps, fmt.Sprintf("there is no type %s", typ))
	}
	return gaps
}

func TestGaps(t *testing.T) {
	t.Parallel()
	asked, told := event.Descriptor{Type: "new.asked", Transactional: true}, event.Descriptor{Type: "new.told"}
	for _, row := range []struct {
		what      string
		catalogue []event.Descriptor
		scenarios []scenario
		want      []string
	}{
		{"nothing", []event.Descriptor{asked, told}, nil, []string{"no scenario causes new.asked", "no scenario causes new.told"}},
		{"both", []event.Descriptor{asked, told}, []scenario{{want: events("new.asked", "new.told")}}, nil},
		{"never refused", []event.Descriptor{asked, told}, []scenario{{want: events("new.asked", "new.told"), told: true}}, []string{"in no scenario new.asked is refused"}},
		{"no such type", []event.Descriptor{told}, []scenario{{want: events("new.told", "new.tld")}}, []string{"there is no type new.tld"}},
		{"never sent", []event.Descriptor{{Type: event.UserIdentityUpdate}}, nil, nil},
		{
			"sent after all",
			[]event.Descriptor{{Type: event.UserIdentityUpdate}},
			[]scenario{{want: events("user.identity.update")}},
			[]string{"user.identity.update is caused, and said to be never sent"},
		},
	} {
		if got := gaps(row.catalogue, row.scenarios); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.what, got, row.want)
		}
	}
}

// TestCatalogue plays all scenarios, each on both engines. All of an engine share a server, with one webhook that is asked about everything.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			server := newHerald(t, engine)
			for _, s := range all() {
				t.Run(s.name, func(t *testing.T) { server.in(t).play(s) })
			}
		})
	}
}

// play has the webhook refuse each of the events that it is asked about, one after the other, and then accept all of them.
func (h *herald) play(s scenario) {
	h.t.Helper()
	defer h.leave()
	do := s.prepare(h)
	h.settle()

	asked := slices.DeleteFunc(slices.Clone(s.want), func(typ string) bool { return s.told || !isTransactional(typ) })
	var before apptest.Rows
	kept := s.status >= 400 && len(asked) == 0 // the caller is told that nothing was done
	if kept || len(asked) > 0 {
		before = h.Rows(records...)
	}
	for _, typ := range slices.Compact(slices.Sorted(slices.Values(asked))) {
		h.ears.On(typ, refuse)
		answer := do()
		h.ears.On(typ, accept)
		answer.Want(cmp.Or(s.refused, 504))
		var want []string
		for _, typ := range s.first {
			want = append(want, typ+" Succeeded")
		}
		for _, typ := range asked {
			want = append(want, typ+" Failed")
		}
		for _, id := range h.wantPublished("the call, when "+typ+" is refused,", want) {
			h.refused[id] = true
		}
		if len(s.first) > 0 {
			h.Settled(patience)
		}
		h.Unchanged(before, slices.Concat(records, s.keeps)...)
		if h.t.Failed() {
			return
		}
	}

	h.settle()
	do().Want(cmp.Or(s.status, 200))
	var want []string
	for _, typ := range s.want {
		want = append(want, typ+" Succeeded")
	}
	h.received(h.wantPublished("the call", want), s)
	if kept {
		h.Unchanged(before, slices.Concat(records, []string{"delivery"}, s.keeps)...)
	}
}

// records are the tables in which a refused change leaves its trace: what was asked, and what was answered.
var records = []string{"event", "attempt", "audience", "webhook_flow"}

func isTransactional(typ string) bool {
	d, _ := event.Lookup(event.Type(typ))
	return d.Transactional
}

// settle waits until all that was caused has been delivered, and forgets it.
func (h *herald) settle() {
	h.t.Helper()
	h.Settled(patience)
	h.Seen = len(h.Strings(`SELECT id FROM event`))
	h.ears.Forget()
}

// wantPublished fails the test unless exactly these events, each as "type result", are on record since it was last asked. It returns their ids.
func (h *herald) wantPublished(what string, want []string) (ids []string) {
	h.t.Helper()
	var got []string
	for _, row := range h.Strings(`SELECT type || ' ' || result || ' ' || body FROM event ORDER BY sequence LIMIT 1000 OFFSET $1`, h.Seen) {
		fields := strings.SplitN(row, " ", 3)
		got = append(got, fields[0]+" "+fields[1])
		ids = append(ids, fmt.Sprint(eventIn(h.t, []byte(fields[2]))["id"]))
	}
	h.Seen += len(got)
	if !slices.Equal(got, want) {
		h.t.Fatalf("%s published %q, want %q and no others", what, got, want)
	}
	return ids
}

// received fails the test unless the receiver gets exactly the events with these ids, those that it is asked about before all others and in order, and each as
// it is documented.
func (h *herald) received(ids []string, s scenario) {
	h.t.Helper()
	h.Settled(patience)
	h.wantPublished("nobody", nil)
	byID, order := map[string]object{}, []string{}
	for _, r := range h.ears.Requests() {
		e := eventIn(h.t, r.Body)
		id := fmt.Sprint(e["id"])
		if h.refused[id] { // of two about which webhooks were asked at once, one was refused
			continue
		}
		if byID[id] != nil {
			h.t.Errorf("%v was received twice", e["type"])
		}
		byID[id] = e
		order = append(order, fmt.Sprint(e["type"]))
		for _, wrong := range h.schema.check(e) {
			h.t.Errorf("%v: %s", e["type"], wrong)
		}
		h.searchForSecrets(e)
	}
	var events []object
	var asked []string
	for i, id := range ids {
		e := byID[id]
		if e == nil {
			h.t.Fatalf("the receiver did not get %s; it got %v", s.want[i], order)
		}
		h.checkHead(e)
		if got := origin(e); !s.nobody && got != h.from {
			h.t.Errorf("%s: info.ipAddress is %q, want %s", s.want[i], got, h.from)
		}
		events = append(events, e)
		if !s.told && isTransactional(s.want[i]) {
			asked = append(asked, s.want[i])
		}
	}
	if len(byID) != len(ids) {
		h.t.Errorf("the receiver got %v, want %v", order, s.want)
	}
	if len(s.first) == 0 && !slices.Equal(order[:min(len(asked), len(order))], asked) {
		h.t.Errorf("the receiver got %v, want %v before all others", order, asked)
	}
	checkTwins(h.t, events)
	if s.check != nil && !h.t.Failed() {
		s.check(h, events)
	}
}

// origin is the address from which the call came that caused an event.
func origin(e object) string {
	info, _ := e["info"].(object)
	address, _ := info["ipAddress"].(string)
	return address
}

// checkHead looks at what every event says about itself.
func (h *herald) checkHead(e object) {
	h.t.Helper()
	d, _ := event.Lookup(event.Type(fmt.Sprint(e["type"])))
	of, _ := e["tenantId"].(string)
	if d.Scope == event.ScopeTenant && of == "" {
		h.t.Errorf("%s has no tenant", d.Type)
	}
	for _, name := range []string{"userId", "actioneeUserId"} {
		if id, ok := e[name]; ok && e["linkedObjectId"] != id {
			h.t.Errorf("%s: linkedObjectId is %v, %s is %v", d.Type, e["linkedObjectId"], name, id)
		}
	}
	for _, name := range []string{"user", "group", "entity"} {
		about, ok := e[name].(object)
		if !ok {
			continue
		}
		if e["linkedObjectId"] != about["id"] {
			h.t.Errorf("%s: linkedObjectId is %v, the %s is %v", d.Type, e["linkedObjectId"], name, about["id"])
		}
		if about["tenantId"] != nil && of != about["tenantId"] {
			h.t.Errorf("%s: tenantId is %v, that of the %s is %v", d.Type, of, name, about["tenantId"])
		}
	}
}

// checkTwins fails the test unless each .complete has the same content as the event that it completes.
func checkTwins(t *testing.T, events []object) {
	t.Helper()
	for _, e := range events {
		d, _ := event.Lookup(event.Type(fmt.Sprint(e["type"])))
		if d.Completes == "" {
			continue
		}
		if !slices.ContainsFunc(events, func(other object) bool {
			return other["type"] == string(d.Completes) && content(t, other) == content(t, e)
		}) {
			t.Errorf("no %s has the content of %s: %s", d.Completes, d.Type, content(t, e))
		}
	}
}

// content is an event without what is its own.
func content(t *testing.T, e object) string {
	t.Helper()
	e = maps.Clone(e)
	for _, own := range []string{"id", "type", "createInstant"} {
		delete(e, own)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// events is a list of types, for the scenarios.
func events(types ...string) []string { return types }
