package useraction_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	ada   = "a0000000-0000-4000-8000-00000000000a" // on whom actions are taken; prefers German
	bob   = "b0000000-0000-4000-8000-00000000000b" // who takes them
	ban   = "c0000000-0000-4000-8000-00000000000c" // lasts for a time, and prevents a login
	warn  = "d0000000-0000-4000-8000-00000000000d" // does not last, and has options
	spam  = "e0000000-0000-4000-8000-00000000000e" // a reason
	other = "f0000000-0000-4000-8000-00000000000f" // a tenant
	no    = "00000000-0000-4000-8000-0000000000ff" // nothing

	patience = 20 * time.Second
)

type object = map[string]any

// herald is a server with two users, two actions and a reason, and a clock that stands still until it is moved on. It remembers which events a test has
// looked at.
type herald struct {
	*apptest.Server

	t    *testing.T
	now  *atomic.Int64
	seen int
}

func clockOf(now *atomic.Int64) apptest.Option {
	return func(o *app.Options) { o.Clock = func() time.Time { return time.UnixMilli(now.Load()) } }
}

func each(t *testing.T, fn func(t *testing.T, h *herald)) {
	t.Helper()
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			now := &atomic.Int64{}
			now.Store(time.Now().UnixMilli())
			h := &herald{Server: apptest.Start(t, engine, clockOf(now)), t: t, now: now}
			h.setUp()
			fn(t, h)
		})
	}
}

func (h *herald) setUp() {
	h.t.Helper()
	h.user(ada, "ada@example.com")
	h.user(bob, "bob@example.com")
	h.define(ban, object{"name": "Ban", "localizedNames": object{"de": "Sperre"}, "temporal": true, "preventLogin": true})
	h.define(warn, object{"name": "Warn", "options": []any{
		object{"name": "mildly", "localizedNames": object{"de": "milde"}}, object{"name": "strongly"},
	}})
	h.Call("POST", "/api/user-action-reason/"+spam, object{"userActionReason": object{
		"code": "SPAM", "text": "Unwanted advertising", "localizedTexts": object{"de": "Unerwünschte Werbung"},
	}}).Want(200)
	h.skip()
}

func (h *herald) user(id, email string, header ...string) {
	h.t.Helper()
	h.Call("POST", "/api/user/"+id, object{
		"user": object{"email": email, "username": id, "preferredLanguages": []string{"de", "en"}}, "sendSetPasswordIdentityType": "doNotSend",
	}, header...).Want(200)
}

func (h *herald) define(id string, members object) wire.UserAction {
	h.t.Helper()
	return definition(h.Call("POST", "/api/user-action/"+id, object{"userAction": members}).Want(200))
}

func definition(a apptest.Answer) wire.UserAction {
	var r wire.UserActionResponse
	a.Decode(&r)
	return *r.UserAction
}

func taken(a apptest.Answer) wire.UserActionLog {
	var r wire.ActionResponse
	a.Decode(&r)
	return *r.Action
}

func listed(a apptest.Answer) (ids []wire.ID) {
	var r wire.ActionsResponse
	a.Decode(&r)
	for _, one := range r.Actions {
		ids = append(ids, one.ID)
	}
	return ids
}

// configure changes the tenant.
func (h *herald) configure(members object) {
	h.t.Helper()
	h.Call("PATCH", "/api/tenant/"+string(h.Tenant), object{"tenant": members}, "Content-Type", "application/merge-patch+json").Want(200)
}

// in is the instant after a while, on the server's clock.
func (h *herald) in(d time.Duration) wire.Instant {
	return wire.Instant(h.now.Load() + d.Milliseconds())
}

// later moves the clock on.
func (h *herald) later(d time.Duration) { h.now.Add(d.Milliseconds()) }

// end sees to the ends of actions now, as the server does by itself in time.
func (h *herald) end() {
	h.t.Helper()
	if _, err := h.App.Actions().EndDue(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// act sends an action by Bob. broadcast is true.
func (h *herald) act(method, path string, action object) apptest.Answer {
	h.t.Helper()
	body := object{"actionerUserId": bob}
	for name, value := range action {
		body[name] = value
	}
	return h.Call(method, "/api/user/action"+path, object{"broadcast": true, "action": body})
}

// ban takes the ban on Ada.
func (h *herald) ban(expiry wire.Instant) wire.UserActionLog {
	h.t.Helper()
	return taken(h.act("POST", "", object{"userActionId": ban, "actioneeUserId": ada, "expiry": expiry}).Want(200))
}

// told is the event user.action as receivers see it.
type told struct {
	ID, Type                                                     string
	TenantID, LinkedObjectID, ActionID, ActioneeUserID           wire.ID
	ActionerUserID                                               wire.ID
	Action, LocalizedAction, Comment, Phase                      string
	Option, LocalizedOption, Reason, LocalizedReason, ReasonCode string
	LocalizedDuration                                            string
	Expiry                                                       wire.Instant
	ApplicationIDs                                               []wire.ID
	EmailedUser, NotifyUser                                      bool
	Email                                                        *wire.Email
	Info                                                         *wire.EventInfo
}

// events are those on record, without those of the event log.
func (h *herald) events() []string {
	h.t.Helper()
	return slices.DeleteFunc(h.Published(), func(e string) bool { return strings.HasPrefix(e, "event-log.") })
}

// skip forgets the events so far.
func (h *herald) skip() { h.seen = len(h.events()) }

// published fails the test unless exactly these events happened since the last call, each as "type result".
func (h *herald) published(what string, want ...string) {
	h.t.Helper()
	all := h.events()
	if got := all[h.seen:]; !slices.Equal(got, want) {
		h.t.Errorf("%s published %q, want %q and no others", what, got, want)
	}
	h.seen = len(all)
}

// last is the newest event user.action.
func (h *herald) last() (e told) {
	h.t.Helper()
	bodies := h.Strings(`SELECT body FROM event WHERE type = 'user.action' ORDER BY sequence DESC LIMIT 1`)
	if len(bodies) == 0 {
		h.t.Fatal("there is no event user.action")
	}
	var all struct{ Event json.RawMessage }
	if err := json.Unmarshal([]byte(bodies[0]), &all); err != nil {
		h.t.Fatal(err)
	}
	if err := json.Unmarshal(all.Event, &e); err != nil {
		h.t.Fatal(err)
	}
	return e
}

func wantCodes(t *testing.T, a apptest.Answer, want ...string) {
	t.Helper()
	got := a.Want(400).Codes()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("codes %v, want %v", got, want)
	}
}
