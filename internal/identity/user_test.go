package identity_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	idA = "a0000000-0000-4000-8000-00000000000a"
	idB = "b0000000-0000-4000-8000-00000000000b"
	idC = "c0000000-0000-4000-8000-00000000000c"
	idX = "00000000-0000-4000-8000-0000000000ff" // nobody's

	planted = "the planted password" // must not turn up anywhere
)

type object = map[string]any

// herald is a server with what tests of users need.
type herald struct {
	*apptest.Server
	t *testing.T
}

func each(t *testing.T, fn func(t *testing.T, h *herald)) {
	t.Helper()
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) { fn(t, &herald{Server: s, t: t}) })
}

// published fails the test unless exactly these events, in this order, happened since the last call.
func (h *herald) published(what string, want ...string) {
	h.t.Helper()
	h.WantEvents(what, want...)
}

// last returns the newest event of a type, as sent.
func (h *herald) last(kind string) (e struct {
	Event struct {
		TenantID, LinkedObjectID                                wire.ID
		User, Original, Existing                                *wire.User
		PreviousEmail                                           *string
		DuplicateEmail, DuplicateUsername, DuplicatePhoneNumber string
		DuplicateIdentities                                     []struct{ Type, Value string }
		Info                                                    *wire.EventInfo
	}
},
) {
	h.t.Helper()
	bodies := h.Strings(`SELECT body FROM event WHERE type = $1 ORDER BY sequence DESC LIMIT 1`, kind)
	if len(bodies) == 0 {
		h.t.Fatalf("there is no event %s", kind)
	}
	if err := json.Unmarshal([]byte(bodies[0]), &e); err != nil {
		h.t.Fatal(err)
	}
	return e
}

// user returns what GET says about a user; fails when there is none.
func (h *herald) user(id string) wire.User {
	h.t.Helper()
	return user(h.Call("GET", "/api/user/"+id, nil).Want(200))
}

func user(a apptest.Answer) wire.User {
	var r wire.UserResponse
	a.Decode(&r)
	return *r.User
}

// create makes a user without a password, which is quick.
func (h *herald) create(id string, members object, header ...string) wire.User {
	h.t.Helper()
	body := object{"user": members, "sendSetPasswordIdentityType": "doNotSend"}
	u := user(h.Call("POST", strings.TrimSuffix("/api/user/"+id, "/"), body, header...).Want(200))
	h.published("create", "user.create", "user.create.complete")
	return u
}

func wantCodes(t *testing.T, a apptest.Answer, want ...string) {
	t.Helper()
	a.WantCodes(want...)
}

func TestCreate(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		created := user(h.Call("POST", "/api/user/"+strings.ToUpper(idA), object{
			"user": object{
				"id": idX, "tenantId": idX, "active": false, "verified": false, "insertInstant": 1, "twoFactor": object{}, // ignored
				"email": " Ada@Example.COM", "username": "Ada", "password": planted, "firstName": "Ada",
				"data": object{"number": json.Number("12345678901234567890")},
			},
			"eventInfo": object{"location": object{}},
		}).Want(200))
		h.published("create", "user.create", "user.create.complete")

		if created.InsertInstant == 0 || created.LastUpdateInstant != created.InsertInstant || created.PasswordLastUpdateInstant != created.InsertInstant {
			t.Errorf("instants: %+v", created)
		}
		now := created.InsertInstant
		want := wire.User{
			ID: idA, TenantID: h.Tenant, Active: true, Email: "ada@example.com", Username: "Ada", FirstName: "Ada", UsernameStatus: wire.ContentActive,
			Verified: true, ConnectorID: wire.InternalConnectorID, Data: wire.Object{"number": json.Number("12345678901234567890")},
			PreferredLanguages: wire.List[string]{}, Registrations: wire.List[wire.Registration]{}, Memberships: wire.List[wire.GroupMember]{},
			InsertInstant: now, LastUpdateInstant: now, PasswordLastUpdateInstant: now,
			Identities: []wire.UserIdentity{
				{
					Type: wire.IdentityEmail, Value: "ada@example.com", DisplayValue: "ada@example.com", Primary: true, ModerationStatus: wire.ContentActive,
					VerifiedReason: wire.VerifiedDisabled, InsertInstant: now, LastUpdateInstant: now,
				},
				{
					Type: wire.IdentityUsername, Value: "Ada", DisplayValue: "Ada", Primary: true, ModerationStatus: wire.ContentActive,
					VerifiedReason: wire.VerifiedUnverifiable, InsertInstant: now, LastUpdateInstant: now,
				},
			},
		}
		if diff := cmp.Diff(want, created); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(created, h.user(idA)); diff != "" {
			t.Errorf("read back (-created +read):\n%s", diff)
		}
		for _, kind := range []string{"user.create", "user.create.complete"} {
			e := h.last(kind).Event
			if e.LinkedObjectID != idA || e.TenantID != h.Tenant || e.Info == nil || e.Info.IPAddress == "" {
				t.Errorf("%s: %+v", kind, e)
			}
			if diff := cmp.Diff(created, *e.User); diff != "" {
				t.Errorf("%s (-created +event):\n%s", kind, diff)
			}
		}
		for _, table := range []string{`SELECT body FROM event`, `SELECT document FROM users`, `SELECT password_hash FROM users`} {
			if text := strings.Join(h.Strings(table), ""); strings.Contains(text, planted) {
				t.Errorf("%s has the password: %s", table, text)
			}
		}

		wantCodes(t, h.Call("POST", "/api/user/"+idA, object{"user": object{"email": "other@example.com", "password": planted}}), "[duplicate]userId")
		h.published("create with an id that is taken")
	})
}

// Who was just created has a token, unless there is something to do before a login.
func TestCreate_Token(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		create := func(email string, more object) (answer wire.UserResponse) {
			u := object{"email": email, "password": planted}
			maps.Copy(u, more)
			h.Call("POST", "/api/user", object{"user": u, "sendSetPasswordEmail": more["password"] == ""}).Want(200).Decode(&answer)
			return answer
		}
		with := create("with@example.com", nil)
		var valid wire.JWTValidateResponse
		h.Call("GET", "/api/jwt/validate", nil, "Authorization", "Bearer "+with.Token).Want(200).Decode(&valid)
		if valid.JWT["sub"] != string(with.User.ID) || valid.JWT["authenticationType"] != "USER_CREATE" || with.TokenExpirationInstant == 0 {
			t.Errorf("%+v, claims %v", with, valid.JWT)
		}
		for email, more := range map[string]object{"change@example.com": {"passwordChangeRequired": true}, "none@example.com": {"password": ""}} {
			if got := create(email, more); got.Token != "" || got.TokenExpirationInstant != 0 {
				t.Errorf("%s has a token: %+v", email, got)
			}
		}
		if logins := h.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM login_record`); logins[0] != "0" {
			t.Errorf("%v logins on record", logins)
		}
	})
}

// Nothing of what a caller sends becomes a 500 or is stored.
func TestCreate_BadInput(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		for body, want := range map[string]string{
			`{"user":{"email":"a@example.com","password":"short"}}`:                                       "[tooShort]user.password",
			`{"user":{"username":"a\u0001b","password":"a long password"}}`:                               "[invalid]user.username",
			`{"user":{"email":"a@example.com","fullName":"\u001f","password":"a long password"}}`:         "[invalid]user.fullName",
			`{"user":{"email":"a@example.com","birthDate":7,"password":"a long password"}}`:               "[couldNotConvert]user.birthDate",
			`{"user":{"email":"a@example.com","data":[],"password":"a long password"}}`:                   "[couldNotConvert]user.data",
			`{"user":{"email":"a@example.com","passwordChangeRequired":2,"password":"a long password"}}`:  "[couldNotConvert]user.passwordChangeRequired",
			`{"user":{"email":"a@example.com","preferredLanguages":"en","password":"a long password"}}`:   "[couldNotConvert]user.preferredLanguages",
			`{"user":{"email":"a@example.com","expiry":"tomorrow","password":"a long password"}}`:         "[couldNotConvert]user.expiry",
			`{"user":{"email":"a@example.com","cleanSpeakId":"no uuid","password":"a long password"}}`:    "[couldNotConvert]user.cleanSpeakId",
			`{"user":{"phoneNumber":"٠١٢٣٤٥٦٧٨٩","password":"a long password"}}`:                          "[invalidPhone]user.phoneNumber",
			`{"user":{"email":"` + strings.Repeat("a", 64) + `@` + strings.Repeat("b", 200) + `.com"}}`:   "",
			`{"user":{"email":"a@example.com","data":{"a":"\u0000"},"password":"a long password"}}`:       "[invalidJSON]",
			`{"user":{"email":"a@example.com","data":{"a":"\u0001"},"password":"a long password"},"x":1}`: "ok", // free-form, kept
			`{"user":`: "[invalidJSON]",
		} {
			a := h.Call("POST", "/api/user", body)
			switch want {
			case "ok":
				a.Want(200)
				h.published(body, "user.create", "user.create.complete")
			case "":
				a.Want(400)
			default:
				wantCodes(t, a, want)
			}
		}
		wantCodes(t, h.Call("POST", "/api/user/not-a-uuid", `{"user":{}}`), "[couldNotConvert]userId")
		h.published("refused creations")
	})
}

func TestCreate_Duplicate(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.create(idA, object{"email": "ada@example.com", "phoneNumber": "+14155550123"})
		h.create(idB, object{"username": "Ada"})

		// Two owners, three ids: one event per owner.
		wantCodes(t, h.Call("POST", "/api/user/"+idC, object{
			"user":                        object{"email": "ADA@example.com", "username": "aDA", "phoneNumber": "(415) 555-0123", "firstName": "Eve"},
			"sendSetPasswordIdentityType": "doNotSend",
		}), "[duplicate]user.email", "[duplicate]user.username", "[duplicate]user.phoneNumber")
		h.published("create with taken ids", "user.loginId.duplicate.create", "user.loginId.duplicate.create")
		e := h.last("user.loginId.duplicate.create").Event
		if e.Existing.ID != idB || e.User.FirstName != "Eve" || e.LinkedObjectID != idC || e.TenantID != h.Tenant ||
			e.DuplicateUsername != "aDA" || e.DuplicateEmail != "" || len(e.DuplicateIdentities) != 1 || e.DuplicateIdentities[0].Type != "username" {
			t.Errorf("the event about the second owner: %+v", e)
		}
		first := h.Strings(`SELECT body FROM event WHERE type = 'user.loginId.duplicate.create' ORDER BY sequence`)[0]
		for _, part := range []string{
			`"existing":{"id":"` + idA, `"duplicateEmail":"ada@example.com"`, `"duplicatePhoneNumber":"+14155550123"`,
			`"duplicateIdentities":[{"type":"email","value":"ada@example.com"},{"type":"phoneNumber","value":"+14155550123"}]`,
		} {
			if !strings.Contains(first, part) {
				t.Errorf("the event about the first owner lacks %s: %s", part, first)
			}
		}
		h.Call("GET", "/api/user/"+idC, nil).Want(404)

		// A deactivated owner keeps the id, and is named differently.
		h.Call("DELETE", "/api/user/"+idA, nil).Want(200)
		h.published("deactivate", "user.deactivate")
		wantCodes(t, h.Call("POST", "/api/user", object{"user": object{"email": "ada@example.com", "password": planted}}), "[inactive]user.email")
		h.published("create with the id of a deactivated user", "user.loginId.duplicate.create")

		// Kinds do not clash with each other, nor does another tenant.
		h.create(idC, object{"username": "ada@example.com"})
		h.Call("POST", "/api/tenant/"+idX, object{"tenant": object{"name": "Other"}}).Want(200)
		h.create("", object{"email": "ada@example.com"}, "X-FusionAuth-TenantId", idX)

		// Who is gone leaves the id free.
		h.Call("DELETE", "/api/user/"+idA+"?hardDelete=true", nil).Want(200)
		h.published("delete", "user.delete", "user.delete.complete")
		h.create("", object{"email": "ada@example.com"}, "X-FusionAuth-TenantId", string(h.Tenant))
	})
}

// Of two creations of one e-mail at the same time one wins.
func TestCreate_Concurrent(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const callers = 8
		answers := make([]apptest.Answer, callers)
		var calls sync.WaitGroup
		for i := range callers {
			calls.Go(func() {
				answers[i] = h.Call("POST", "/api/user", object{"user": object{"email": "Race@example.com"}, "sendSetPasswordIdentityType": "doNotSend"})
			})
		}
		calls.Wait()
		won := 0
		for _, a := range answers {
			if a.Status == 200 {
				won++
				continue
			}
			wantCodes(t, a, "[duplicate]user.email")
		}
		if won != 1 {
			t.Errorf("%d of %d creations won", won, callers)
		}
		want := append([]string{"user.create", "user.create.complete"}, slices.Repeat([]string{"user.loginId.duplicate.create"}, callers-1)...)
		h.published("the race", want...)
	})
}

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.Call("POST", "/api/user/"+idA, object{"user": object{
			"email": "ada@example.com", "username": "Ada", "firstName": "Ada", "password": planted, "data": object{"a": 1, "list": []int{1}},
		}}).Want(200)
		h.published("create", "user.create", "user.create.complete")
		before := h.user(idA)

		// PUT replaces everything but the password, and fires even when nothing changes.
		after := user(h.Call("PUT", "/api/user/"+idA, object{"user": object{"id": idX, "email": "ada@example.com", "username": "Ada"}}).Want(200))
		h.published("PUT", "user.update", "user.update.complete")
		if after.FirstName != "" || len(after.Data) != 0 || after.ID != idA || after.InsertInstant != before.InsertInstant ||
			after.PasswordLastUpdateInstant != before.PasswordLastUpdateInstant || !after.Active {
			t.Errorf("after PUT: %+v", after)
		}
		if diff := cmp.Diff(after, h.user(idA)); diff != "" {
			t.Errorf("read back (-answer +read):\n%s", diff)
		}
		e := h.last("user.update.complete").Event
		if diff := cmp.Diff(before, *e.Original); diff != "" {
			t.Errorf("event.original (-before +event):\n%s", diff)
		}
		if diff := cmp.Diff(after, *e.User); diff != "" {
			t.Errorf("event.user (-after +event):\n%s", diff)
		}
		h.Call("PUT", "/api/user/"+idA, object{"currentPassword": planted, "user": object{"email": "ada@example.com"}}).Want(200) // it was kept
		h.published("PUT without the user name", "user.update", "user.update.complete")
		h.Call("GET", "/api/user?username=Ada", nil).Want(404)

		for _, row := range []struct {
			what string
			body object
			want []string
		}{
			{"a name", object{"firstName": "Augusta"}, nil},
			{"nothing", object{}, nil},
			{"the same address in other letters", object{"email": "ADA@example.com"}, nil},
			{"the address", object{"email": "augusta@example.com"}, []string{"user.email.update"}},
			{"the password", object{"password": "another password"}, []string{"user.password.update"}},
			{"both", object{"password": planted, "email": "ada@example.com"}, []string{"user.email.update", "user.password.update"}},
			{"a user name", object{"username": "ada"}, nil},
			{"a user name's case", object{"username": "ADA"}, nil},
		} {
			h.Call("PATCH", "/api/user/"+idA, object{"user": row.body}).Want(200)
			h.published("PATCH of "+row.what, append([]string{"user.update", "user.update.complete"}, row.want...)...)
		}
		if e := h.last("user.email.update").Event; e.PreviousEmail == nil || *e.PreviousEmail != "augusta@example.com" || e.User.Email != "ada@example.com" || e.LinkedObjectID != idA {
			t.Errorf("user.email.update: %+v", e)
		}
		h.Call("GET", "/api/user?email=augusta@example.com", nil).Want(404)
		if got := user(h.Call("GET", "/api/user?username=ada", nil).Want(200)); got.Username != "ADA" {
			t.Errorf("user name %q", got.Username)
		}

		// The merged user is checked as a whole.
		wantCodes(t, h.Call("PATCH", "/api/user/"+idA, `{"user":{"email":null,"username":null}}`), "[blank]user.email", "[blank]user.username", "[blank]user.phoneNumber")
		wantCodes(t, h.Call("PATCH", "/api/user/"+idA, object{"user": object{"password": "x", "birthDate": "x"}}), "[tooShort]user.password", "[couldNotConvert]user.birthDate")
		wantCodes(t, h.Call("PUT", "/api/user/"+idA, object{"currentPassword": "wrong", "user": object{"email": "ada@example.com"}}), "[invalid]currentPassword")
		h.published("refused updates")

		// The three kinds of PATCH.
		h.Call("PATCH", "/api/user/"+idA, `{"user":{"preferredLanguages":["en"]}}`).Want(200)
		h.Call("PATCH", "/api/user/"+idA, `{"user":{"preferredLanguages":["de","en"],"data":{"b":{"c":1}}}}`).Want(200)
		if got := h.user(idA).PreferredLanguages; !slices.Equal(got, []string{"en", "de"}) {
			t.Errorf("languages after two merges: %v", got)
		}
		h.Call("PATCH", "/api/user/"+idA, `{"user":{"preferredLanguages":["fr"]}}`, "Content-Type", "application/merge-patch+json").Want(200)
		h.Call("PATCH", "/api/user/"+idA, `[{"op":"add","path":"/user/data/b/d","value":2}]`, "Content-Type", "application/json-patch+json").Want(200)
		if u := h.user(idA); !slices.Equal(u.PreferredLanguages, []string{"fr"}) || fmt.Sprint(u.Data["b"]) != "map[c:1 d:2]" {
			t.Errorf("after the other patches: %v %v", u.PreferredLanguages, u.Data)
		}
		h.published("patches", slices.Repeat([]string{"user.update", "user.update.complete"}, 4)...)

		for _, method := range []string{"PUT", "PATCH"} {
			h.Call(method, "/api/user/"+idX, object{"user": object{"email": "x@example.com"}}).Want(404)
		}
		if text := strings.Join(h.Strings(`SELECT body FROM event`), ""); strings.Contains(text, planted) || strings.Contains(text, "argon2") {
			t.Error("an event has the password")
		}
	})
}

func TestUpdate_Duplicate(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.create(idA, object{"email": "ada@example.com"})
		h.create(idB, object{"email": "bob@example.com", "username": "bob"})
		wantCodes(t, h.Call("PATCH", "/api/user/"+idA, object{"user": object{"email": "BOB@example.com", "username": "Bob"}}), "[duplicate]user.email", "[duplicate]user.username")
		h.published("update to taken ids", "user.loginId.duplicate.update")
		e := h.last("user.loginId.duplicate.update").Event
		if e.Existing.ID != idB || e.User.ID != idA || e.User.Email != "bob@example.com" || e.DuplicateEmail != "bob@example.com" || e.DuplicateUsername != "Bob" || len(e.DuplicateIdentities) != 2 {
			t.Errorf("the event: %+v", e)
		}
		if got := h.user(idA).Email; got != "ada@example.com" {
			t.Errorf("the user has the address %s", got)
		}
		h.Call("PATCH", "/api/user/"+idB, object{"user": object{"email": "bob2@example.com"}}).Want(200)
		h.Call("PATCH", "/api/user/"+idA, object{"user": object{"email": "bob@example.com"}}).Want(200) // free again
	})
}

// No change is lost: each PATCH that was answered with 200 has left its mark, each other one was told to try again.
func TestUpdate_Concurrent(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.create(idA, object{"email": "ada@example.com"})
		const callers = 8
		answers := make([]apptest.Answer, callers)
		var calls sync.WaitGroup
		for i := range callers {
			calls.Go(func() {
				answers[i] = h.Call("PATCH", "/api/user/"+idA, object{"user": object{"data": object{fmt.Sprint("caller", i): true}}})
			})
		}
		calls.Wait()
		data := h.user(idA).Data
		events := []string{}
		for i, a := range answers {
			_, kept := data[fmt.Sprint("caller", i)]
			switch a.Status {
			case 200:
				events = append(events, "user.update", "user.update.complete")
			case 409:
				if codes := a.Codes(); !slices.Equal(codes, []string{"[retryableConflict]"}) {
					t.Errorf("codes %v", codes)
				}
			default:
				t.Errorf("status %d: %s", a.Status, a.Body)
			}
			if kept != (a.Status == 200) {
				t.Errorf("caller %d: status %d, change kept: %v", i, a.Status, kept)
			}
		}
		h.published("the race", events...)
	})
}

// Of two changes that were asked about at the same time the later one is a conflict.
func TestUpdate_MovedWhileAsking(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.create(idA, object{"email": "ada@example.com"})
		h.Enable(wire.AbsoluteMajority, "user.update", "user.deactivate", "user.delete")
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Accept()), egresstest.Accept())
		h.Subscribe(r.URL, []string{"user.update", "user.deactivate", "user.delete"})
		var slow apptest.Answer
		var calls sync.WaitGroup
		calls.Go(func() {
			slow = h.Call("PATCH", "/api/user/"+idA, object{"user": object{"firstName": "Slow", "email": "slow@example.com"}})
		})
		r.WaitFor(1)
		// Meanwhile the address that the slow one wants is refused, without an event: nobody has it yet.
		wantCodes(t, h.Call("POST", "/api/user", object{"user": object{"email": "slow@example.com", "password": planted}}), "[duplicate]user.email")
		h.Call("DELETE", "/api/user/"+idA, nil).Want(200)
		close(release)
		calls.Wait()
		if slow.Status != 409 {
			t.Errorf("the slow one: %d %s", slow.Status, slow.Body)
		}
		if u := h.user(idA); u.FirstName != "" || u.Active {
			t.Errorf("the user afterwards: %+v", u)
		}
		h.published("all of it", "user.update", "user.deactivate")
		h.create(idB, object{"email": "slow@example.com"}) // free again
	})
}

func TestDeactivateReactivateDelete(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.create(idA, object{"email": "ada@example.com", "username": "Ada", "phoneNumber": "+14155550123"})
		path := "/api/user/" + idA
		call := func(what, method, path string, body any, empty bool, want ...string) {
			t.Helper()
			a := h.Call(method, path, body).Want(200)
			if empty != (len(a.Body) == 0) {
				t.Errorf("%s answered %q", what, a.Body)
			}
			h.published(what, want...)
		}
		call("reactivating an active user", "PUT", path+"?reactivate=true", nil, false)
		call("deactivating", "DELETE", path, nil, true, "user.deactivate")
		if h.user(idA).Active || h.last("user.deactivate").Event.User.Active {
			t.Error("the user is active after deactivation")
		}
		call("deactivating again", "DELETE", path, object{"eventInfo": object{}}, true)
		h.Call("PATCH", path, object{"user": object{"firstName": "Ada", "active": true}}).Want(200)
		h.published("updating an inactive user", "user.update", "user.update.complete")
		if h.user(idA).Active {
			t.Error("an update has activated the user")
		}
		call("reactivating", "PUT", path+"?reactivate=true", nil, false, "user.reactivate")
		if u := h.user(idA); !u.Active || !h.last("user.reactivate").Event.User.Active {
			t.Error("the user is inactive after reactivation")
		}
		call("deleting by the body", "DELETE", path, object{"hardDelete": true}, true, "user.delete", "user.delete.complete")
		for _, kind := range []string{"user.delete", "user.delete.complete"} {
			if u := h.last(kind).Event.User; u.Email != "ada@example.com" || u.Username != "Ada" || u.PhoneNumber != "+14155550123" {
				t.Errorf("%s does not say who it was: %+v", kind, u)
			}
		}
		for _, method := range []string{"GET", "DELETE"} {
			if a := h.Call(method, path, nil).Want(404); len(a.Body) > 0 {
				t.Errorf("%s of a deleted user answered %s", method, a.Body)
			}
		}
		h.Call("PUT", path+"?reactivate=true", nil).Want(404)
		wantCodes(t, h.Call("DELETE", path+"?hardDelete=perhaps", nil), "[couldNotConvert]hardDelete")
		if left := h.Strings(`SELECT value FROM login_id`); len(left) > 0 {
			t.Errorf("login ids left behind: %v", left)
		}
		h.published("the rest")
	})
}

// A refusal leaves everything as it was, and frees what was reserved.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.create(idA, object{"email": "ada@example.com"})
		h.create(idB, object{"email": "bob@example.com"})
		h.Call("DELETE", "/api/user/"+idB, nil).Want(200)
		h.published("deactivate", "user.deactivate")
		voted := []string{"user.create", "user.update", "user.deactivate", "user.reactivate", "user.delete"}
		h.Enable(wire.AbsoluteMajority, voted...)
		h.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(403)).URL, voted)
		before := h.Strings(`SELECT document || active || version FROM users ORDER BY id`)
		for _, row := range []struct {
			method, path string
			body         any
			want         string
		}{
			{"POST", "/api/user/" + idC, object{"user": object{"email": "c@example.com"}, "sendSetPasswordIdentityType": "doNotSend"}, "user.create"},
			{"PATCH", "/api/user/" + idA, object{"user": object{"email": "new@example.com"}}, "user.update"},
			{"DELETE", "/api/user/" + idA, nil, "user.deactivate"},
			{"DELETE", "/api/user/" + idA + "?hardDelete=true", nil, "user.delete"},
			{"PUT", "/api/user/" + idB + "?reactivate=true", nil, "user.reactivate"},
		} {
			h.Call(row.method, row.path, row.body).Want(504)
			h.published(row.method+" refused", row.want)
			if after := h.Strings(`SELECT document || active || version FROM users ORDER BY id`); !slices.Equal(after, before) {
				t.Errorf("%s %s was refused and changed the users", row.method, row.path)
			}
		}
		// One veto refuses all of a bulk deletion; what was not asked any more is not recorded as done.
		h.Call("DELETE", "/api/user/bulk?hardDelete=true&userId="+idA+"&userId="+idB, nil).Want(504)
		if done := h.Strings(`SELECT type FROM event WHERE type LIKE 'user.delete%' AND result <> 'Failed'`); len(done) > 0 {
			t.Errorf("done, says the record: %v", done)
		}
		if after := h.Strings(`SELECT document || active || version FROM users ORDER BY id`); !slices.Equal(after, before) {
			t.Error("the refused bulk deletion changed the users")
		}
		if held := h.Strings(`SELECT name FROM reservation`); len(held) > 0 {
			t.Errorf("still reserved: %v", held)
		}
	})
}

func TestLookUp(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.create(idA, object{"email": "ada@example.com", "username": "Ada", "phoneNumber": "+14155550123"})
		h.create(idB, object{"username": "bob@example.com"})
		h.create(idC, object{"email": "bob@example.com"})
		for query, want := range map[string]string{
			"email=ADA@Example.com":    idA,
			"email=Ada":                "",
			"username=aDA":             idA,
			"username=ada@example.com": "",
			"loginId=ada":              idA,
			"loginId=ada@example.com":  idA,
			"loginId=bob@example.com":  idC, // e-mail before user name
			"loginId=%2B14155550123":   "",  // only when asked for
			"loginId=(415)555-0123&loginIdTypes=phoneNumber":                   idA,
			"loginId=bob@example.com&loginIdTypes=username&loginIdTypes=email": idB,
			"loginId=ada@example.com&loginIdTypes=username":                    "",
			"loginId=nobody":                "",
			"email=":                        "400",
			"":                              "400",
			"loginId=ada&loginIdTypes=face": "400",
			"email=a%00b":                   "400",
			"email=a%0Ab":                   "",
			"changePasswordId=x":            "",
			"verificationId=x":              "",
			"email=" + url.QueryEscape(strings.Repeat("a", 5000)): "",
		} {
			a := h.Call("GET", "/api/user?"+query, nil)
			switch want {
			case "":
				if a.Want(404); len(a.Body) > 0 {
					t.Errorf("%s: a 404 with the body %s", query, a.Body)
				}
			case "400":
				a.Want(400)
			default:
				if got := user(a.Want(200)); string(got.ID) != want {
					t.Errorf("%s found %s, want %s", query, got.ID, want)
				}
			}
		}
		h.Call("GET", "/api/user/"+idX, nil).Want(404)
		wantCodes(t, h.Call("GET", "/api/user/no-uuid", nil), "[couldNotConvert]userId")
		h.published("reading")
	})
}

func TestTenants(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.create(idA, object{"email": "ada@example.com"})
		h.Call("POST", "/api/tenant/"+idX, object{"tenant": object{"name": "Other", "passwordValidationRules": object{"minLength": 20}}}).Want(200)
		const header = "X-FusionAuth-TenantId"
		h.create(idB, object{"email": "ada@example.com"}, header, idX)
		if u := user(h.Call("GET", "/api/user?email=ada@example.com", nil, header, idX).Want(200)); u.ID != idB || u.TenantID != idX {
			t.Errorf("found %s of tenant %s", u.ID, u.TenantID)
		}
		for _, row := range []struct {
			method, path string
			body         any
		}{
			{"GET", "", nil},
			{"PUT", "", object{"user": object{"email": "x@example.com"}}},
			{"PUT", "?reactivate=true", nil},
			{"PATCH", "", object{"user": object{"email": "x@example.com"}}},
			{"DELETE", "", nil},
			{"DELETE", "?hardDelete=true", nil},
		} {
			h.Call(row.method, "/api/user/"+idA+row.path, row.body, header, idX).Want(404)
		}
		h.Call("GET", "/api/user/"+idA, nil).Want(200) // an id needs no header
		for _, way := range []string{"userId=" + idA, "queryString=*", "userId=" + idA + "&hardDelete=true"} {
			var would wire.UserDeleteResponse
			h.Call("DELETE", "/api/user/bulk?dryRun=true&"+way, nil, header, idX).Want(200).Decode(&would)
			if slices.Contains(would.UserIDs, wire.ID(idA)) {
				t.Errorf("bulk deletion by %s reaches into another tenant", way)
			}
		}
		wantCodes(t, h.Call("GET", "/api/user?email=ada@example.com", nil), "[TenantIdRequired]")
		wantCodes(t, h.Call("POST", "/api/user", object{"user": object{"email": "x@example.com", "password": planted}}), "[TenantIdRequired]")
		wantCodes(t, h.Call("POST", "/api/user", object{"user": object{"email": "x@example.com", "password": "nineteen characters"}}, header, idX), "[tooShort]user.password")
		wantCodes(t, h.Call("DELETE", "/api/user/bulk?userId="+idA+"&userId="+idB, nil), "[TenantIdRequired]")
		h.published("all that was refused")

		var found wire.UserSearchResponse
		h.Call("GET", "/api/user/search?queryString=ada@example.com", nil).Want(200).Decode(&found)
		if found.Total != 2 {
			t.Errorf("a search in all tenants found %d", found.Total)
		}
		h.Call("GET", "/api/user/search?ids="+idA+"&ids="+idB, nil, header, idX).Want(200).Decode(&found)
		if found.Total != 1 || found.Users[0].ID != idB {
			t.Errorf("a search in one tenant found %+v", found)
		}

		// With a tenant go its users, one by one.
		h.Call("DELETE", "/api/tenant/"+idX, nil).Want(200)
		h.published("deleting the tenant", "user.delete", "user.delete.complete")
		if e := h.last("user.delete.complete").Event; e.TenantID != idX || e.User.ID != idB {
			t.Errorf("user.delete.complete: %+v", e)
		}
		h.Call("GET", "/api/user/"+idB, nil).Want(404)
		h.Call("GET", "/api/user/"+idA, nil).Want(200)
	})
}

func TestBulk(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		ids := []string{idA, idB, idC}
		for i, id := range ids {
			h.create(id, object{"username": fmt.Sprint("user", i), "lastName": "Smith"})
		}
		bulk := func(query string, body any, want wire.UserDeleteResponse, events ...string) {
			t.Helper()
			var got wire.UserDeleteResponse
			h.Call("DELETE", "/api/user/bulk"+query, body).Want(200).Decode(&got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %v (-want +got):\n%s", query, body, diff)
			}
			h.published(fmt.Sprint("bulk ", query, " ", body), events...)
		}
		bulk("?dryRun=true&userId="+idA+"&userId="+idX+"&userId="+idA, nil, wire.UserDeleteResponse{DryRun: true, Total: 1, UserIDs: []wire.ID{idA}})
		bulk("?userId="+idX, nil, wire.UserDeleteResponse{})
		bulk("?userId="+idB+"&userIds="+idA, nil, wire.UserDeleteResponse{Total: 2, UserIDs: []wire.ID{idA, idB}}, "user.deactivate", "user.deactivate")
		bulk("", object{"userIds": []string{idA, idC}}, wire.UserDeleteResponse{Total: 2, UserIDs: []wire.ID{idA, idC}}, "user.deactivate") // one already is
		bulk("", object{"queryString": "smith", "limit": 2, "dryRun": true}, wire.UserDeleteResponse{DryRun: true, Total: 2, UserIDs: []wire.ID{idA, idB}})
		bulk("?hardDelete=true&queryString=USER1", nil, wire.UserDeleteResponse{HardDelete: true, Total: 1, UserIDs: []wire.ID{idB}}, "user.delete", "user.delete.complete")
		bulk("", object{"userIds": []string{idC}, "queryString": "*", "hardDelete": true}, wire.UserDeleteResponse{HardDelete: true, Total: 1, UserIDs: []wire.ID{idC}},
			"user.delete", "user.delete.complete") // ids win
		h.Call("GET", "/api/user/"+idA, nil).Want(200)

		wantCodes(t, h.Call("DELETE", "/api/user/bulk", nil), "[missing]userIds")
		wantCodes(t, h.Call("DELETE", "/api/user/bulk", object{"query": "{}"}), "[invalid]query")
		wantCodes(t, h.Call("DELETE", "/api/user/bulk?userId=x", nil), "[couldNotConvert]userId[0]")
		wantCodes(t, h.Call("DELETE", "/api/user/bulk", object{"queryString": "*", "limit": -1}), "[invalid]limit")
		h.published("what was refused")
		bulk("", object{"queryString": "*", "hardDelete": true}, wire.UserDeleteResponse{HardDelete: true, Total: 1, UserIDs: []wire.ID{idA}}, "user.delete", "user.delete.complete")
	})
}

// wantList checks that the list for the same search has these users, the newest first. Lists have an order of their own.
func (h *herald) wantList(of object, want string, name map[wire.ID]string) {
	h.t.Helper()
	for member := range of {
		if member != "query" && member != "queryString" {
			return
		}
	}
	var request struct{ Search wire.UserSearch }
	encoded, err := json.Marshal(object{"search": of})
	if err == nil {
		err = json.Unmarshal(encoded, &request)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	request.Search.NumberOfResults = 1
	letters := strings.Split(want, "")
	slices.Reverse(letters)
	for _, scope := range []wire.ID{"", h.tenantOf(idA)} {
		dbtest.Pages(h.t, fmt.Sprint(of, " in ", scope), letters, func(at search.Cursor) (page []string, links search.Links, err error) {
			found, links, err := h.App.Users().Page(h.t.Context(), scope, request.Search, at)
			for _, u := range found {
				page = append(page, name[u.ID])
			}
			return page, links, err
		})
	}
}

func (h *herald) tenantOf(user wire.ID) wire.ID {
	var got wire.UserResponse
	h.Call("GET", "/api/user/"+string(user), nil).Want(200).Decode(&got)
	return got.User.TenantID
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.create(idC, object{"email": "carl@example.com", "firstName": "Carl", "lastName": "Ärmel"})
		h.create(idA, object{"email": "ada@example.com", "firstName": "Ada", "lastName": "Lovelace", "fullName": "Ada Lovelace"})
		h.create(idB, object{"username": "ADA", "phoneNumber": "+14155550123"})
		name := map[wire.ID]string{idA: "A", idB: "B", idC: "C"}
		for _, row := range []struct {
			search object
			want   string
			total  int
		}{
			{object{}, "CAB", 3}, // the oldest first
			{object{"queryString": "*"}, "CAB", 3},
			{object{"queryString": "ada"}, "AB", 2}, // a first name, a user name
			{object{"queryString": " ADA lovelace "}, "A", 1},
			{object{"queryString": "ärmel"}, "C", 1},
			{object{"queryString": "ada@EXAMPLE.com"}, "A", 1},
			{object{"queryString": "+14155550123"}, "B", 1},
			{object{"queryString": "ad*"}, "AB", 2},
			{object{"queryString": "?da"}, "AB", 2},
			{object{"queryString": `a\*`}, "", 0},
			{object{"queryString": `"ad*"`}, "", 0},
			{object{"queryString": "email:*@example.com"}, "CA", 2},
			{object{"queryString": "email:ADA@*"}, "A", 1},
			{object{"queryString": "email:*"}, "CA", 2},
			{object{"queryString": "email:a_a*"}, "", 0}, // LIKE's own wildcards are none
			{object{"queryString": "firstName:ada"}, "A", 1},
			{object{"queryString": `fullName:"ada lovelace"`}, "A", 1},
			{object{"queryString": `fullName:ada\ lovelace`}, "A", 1},
			{object{"queryString": "firstName:ada AND lastName:love*"}, "A", 1},
			{object{"queryString": "firstName:ada && lastName:ärmel"}, "", 0},
			{object{"queryString": "ada AND active:true AND phoneNumber:4155550123"}, "B", 1},
			{object{"queryString": "id:" + idC + " AND tenantId:*"}, "C", 1},
			{object{"queryString": "* AND username:ada"}, "B", 1},
			{object{"queryString": "active:false"}, "", 0},
			{object{"queryString": "memberships.groupId:*"}, "", 0},
			{object{"query": `{"match_all":{}}`}, "CAB", 3},
			{object{"query": object{"match_all": object{}}}, "CAB", 3},
			{object{"query": `{"bool":{"must":[{"match":{"firstName":"Ada"}},{"prefix":{"lastName":{"value":"love"}}}]}}`}, "A", 1},
			{object{"query": `{"bool":{"filter":{"query_string":{"query":"email:*example.com AND active:true"}},"must":[{"wildcard":{"firstName":"c*"}}]}}`}, "C", 1},
			{object{"query": `{"exists":{"field":"phoneNumber"}}`, "queryString": "carl"}, "B", 1}, // wins
			{object{"query": `{"term":{"email":{"value":"ad*"}}}`}, "", 0},
			{object{"query": `{"term":{"active":true}}`}, "CAB", 3},
			{object{"queryString": "%"}, "", 0},
			{object{"queryString": "a\x01"}, "", 0},
			{object{"ids": []string{idB, idX, idA, idB}, "queryString": "carl", "numberOfResults": 1}, "BA", 2},
			{object{"numberOfResults": 2}, "CA", 3},
			{object{"numberOfResults": 2, "startRow": 2}, "B", 3},
			{object{"startRow": 7}, "", 3},
			{object{"sortFields": []object{{"name": "email"}}}, "ACB", 3}, // who has none is last
			{object{"sortFields": []object{{"name": "email", "order": "desc"}}}, "CAB", 3},
			{object{"sortFields": []object{{"name": "email", "order": "asc", "missing": "_first"}}}, "BAC", 3},
			{object{"sortFields": []object{{"name": "active"}, {"name": "id", "order": "desc"}}}, "CBA", 3},
			{object{"orderBy": "id desc"}, "CBA", 3},
			{object{"orderBy": "password"}, "CAB", 3}, // ignored
		} {
			var got wire.UserSearchResponse
			h.Call("POST", "/api/user/search", object{"search": row.search}).Want(200).Decode(&got)
			var names string
			for _, u := range got.Users {
				names += name[u.ID]
			}
			if names != row.want || got.Total != row.total || got.Users == nil {
				t.Errorf("%v found %q of %d, want %q of %d", row.search, names, got.Total, row.want, row.total)
			}
			h.wantList(row.search, row.want, name)
		}
		wantCodes(t, h.Call("POST", "/api/user/search", object{"search": object{"sortFields": []object{{"name": "password"}}}}), "[invalid]search.sortFields")
		wantCodes(t, h.Call("POST", "/api/user/search", object{"search": object{"sortFields": []object{{"name": "id", "order": "up"}}}}), "[invalid]search.sortFields")
		wantCodes(t, h.Call("POST", "/api/user/search", object{"search": object{"startRow": -1}}), "[invalid]search.startRow")

		for _, query := range []string{
			"a OR b", "a || b", "NOT a", "-a", "!a", "/a.*/", "a AND", "AND a", "AND", "firstName:ada lastName:lovelace", "ada firstName:ada", "firstName:Ada Lovelace",
			"(a)", "email:(a b)", "insertInstant:[1 TO 2]", "a~", "a^2", `"a`, `"a"b`, `ada "b"`, "email:", "email: a", "name:ada", "data.color:red", "urn:x", "id:a*",
			"active:yes", "a*b*c*d*e*f", strings.Repeat("a AND ", 20) + "a", "*:* AND a",
		} {
			wantCodes(t, h.Call("POST", "/api/user/search", object{"search": object{"queryString": query}}), "[invalid]search.queryString")
			wantCodes(t, h.Call("DELETE", "/api/user/bulk", object{"queryString": query}), "[invalid]queryString")
		}
		wantCodes(t, h.Call("POST", "/api/user/search", object{"search": object{"queryString": strings.Repeat("a", 1001)}}), "[tooLong]search.queryString")
		deep := strings.Repeat(`{"bool":{"must":`, 30) + `{"match_all":{}}` + strings.Repeat(`}}`, 30)
		for _, query := range []any{
			`{`, `"x"`, `[]`, `{}`, 7, `{"match_all":{},"bool":{}}`, `{"bool":{"should":[]}}`, `{"bool":{}}`, `{"bool":{"must":[]}}`, `{"fuzzy":{"email":"a"}}`, `{"match":{}}`,
			`{"match":{"nothing":"a"}}`, `{"match":{"email":{}}}`, `{"match":{"email":null}}`, `{"match":{"email":["a"]}}`, `{"nested":{"path":"registrations"}}`,
			`{"range":{"insertInstant":{"gte":1}}}`, `{"query_string":{"query":"a OR b"}}`, `{"prefix":{"id":"a"}}`, `{"exists":{"field":7}}`, deep, `{"match":{"email":"` + strings.Repeat("a", 10_000) + `"}}`,
		} {
			wantCodes(t, h.Call("POST", "/api/user/search", object{"search": object{"query": query}}), "[invalid]search.query")
		}
		wantCodes(t, h.Call("DELETE", "/api/user/bulk", object{"query": `{"bool":{}}`}), "[invalid]query")
		for _, nobody := range []object{{"queryString": " "}, {"query": "null"}, {"query": `""`}, {}} { // nobody is not everybody
			wantCodes(t, h.Call("DELETE", "/api/user/bulk", nobody), "[missing]userIds")
		}
		wantCodes(t, h.Call("POST", "/api/user/search", object{"search": object{"expand": []string{"identities"}}}), "[invalid]search.expand")

		var got wire.UserSearchResponse
		h.Call("GET", "/api/user/search?ids="+idA, nil).Want(200).Decode(&got)
		if len(got.Users) != 1 || got.Users[0].ID != idA {
			t.Errorf("GET by id: %+v", got)
		}
		h.Call("GET", "/api/user/search?queryString=carl&numberOfResults=5", nil).Want(200).Decode(&got)
		if len(got.Users) != 1 || got.Users[0].ID != idC {
			t.Errorf("GET by name: %+v", got)
		}
		if a := h.Call("PUT", "/api/user/search", nil).Want(200); len(a.Body) > 0 {
			t.Errorf("the flush answered %s", a.Body)
		}
		h.published("searching")
	})
}

// Registrations and memberships are searched, and can be left out.
func TestSearch_Registrations(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		const group = "c9000000-0000-4000-8000-000000000001"
		h.Call("POST", "/api/group/"+group, object{"group": object{"name": "All"}}).Want(200)
		h.published("a group", "group.create", "group.create.complete")
		h.Call("POST", "/api/application/"+forum+"/role", object{"role": object{"name": "reader"}}).Want(200)
		h.create(idA, object{"email": "ada@example.com"})
		h.create(idB, object{"email": "bob@example.com"})
		h.create(idC, object{"email": "carl@example.com", "memberships": []object{{"groupId": group}}})
		h.Call("POST", "/api/user/registration/"+idA, object{"registration": object{"applicationId": shop, "roles": []string{"clerk"}}}).Want(200)
		h.Call("POST", "/api/user/registration/"+idB, object{"registration": object{"applicationId": shop}}).Want(200)
		h.Call("POST", "/api/user/registration/"+idB, object{"registration": object{"applicationId": forum, "roles": []string{"reader"}}}).Want(200)
		name := map[wire.ID]string{idA: "A", idB: "B", idC: "C"}
		for query, want := range map[string]string{
			"registrations.applicationId:" + shop:                                       "AB",
			"registrations.applicationId:" + strings.ToUpper(forum):                     "B",
			"registrations.applicationId:*":                                             "AB",
			"registrations.applicationId:" + shop + " AND registrations.roles:clerk":    "A",
			"registrations.applicationId:" + shop + " AND registrations.roles:reader":   "", // of another one
			"registrations.roles:reader AND email:*@example.com":                        "B",
			"registrations.applicationId:" + idX:                                        "",
			"memberships.groupId:" + group:                                              "C",
			"memberships.groupId:*":                                                     "C",
			"memberships.groupId:" + group + " AND registrations.applicationId:" + shop: "",
			`{"nested":{"path":"registrations","query":{"bool":{"must":[{"match":{"registrations.applicationId":"` + shop + `"}},{"match":{"registrations.roles":"clerk"}}]}}}}`: "A",
			`{"bool":{"must":[{"nested":{"path":"registrations","query":{"match":{"registrations.applicationId":"` + shop + `"}}}},
				{"nested":{"path":"registrations","query":{"match":{"registrations.roles":"reader"}}}}]}}`: "B",
		} {
			member := "queryString"
			if query[0] == '{' {
				member = "query"
			}
			for _, header := range [][]string{nil, {"X-FusionAuth-TenantId", string(h.Tenant)}} {
				var got wire.UserSearchResponse
				h.Call("POST", "/api/user/search", object{"search": object{member: query}}, header...).Want(200).Decode(&got)
				var names string
				for _, u := range got.Users {
					names += name[u.ID]
				}
				if names != want || got.Total != len(want) {
					t.Errorf("%s found %q of %d, want %q", query, names, got.Total, want)
				}
			}
		}
		for _, row := range []struct {
			body                       object
			registrations, memberships int
		}{
			{object{"search": object{}}, 3, 1},
			{object{"search": object{"expand": []string{"registrations"}}}, 3, 0},
			{object{"search": object{}, "expand": []string{"memberships"}}, 0, 1},
			{object{"search": object{"expand": []string{}}}, 0, 0},
			{object{"search": object{"ids": []string{idA, idC}, "expand": []string{"registrations"}}}, 1, 0},
		} {
			var got wire.UserSearchResponse
			h.Call("POST", "/api/user/search", row.body).Want(200).Decode(&got)
			var registrations, memberships int
			for _, u := range got.Users {
				registrations, memberships = registrations+len(u.Registrations), memberships+len(u.Memberships)
			}
			if registrations != row.registrations || memberships != row.memberships {
				t.Errorf("%v: %d registrations and %d memberships", row.body, registrations, memberships)
			}
		}
		var bulk wire.UserDeleteResponse
		h.Call("DELETE", "/api/user/bulk", object{"dryRun": true, "query": `{"term":{"email":"bob@example.com"}}`, "queryString": "*"}).Want(200).Decode(&bulk)
		if bulk.Total != 1 || bulk.UserIDs[0] != idB {
			t.Errorf("in bulk: %+v", bulk)
		}
	})
}

// Reading on with nextResults finds each user once, in every order, whoever comes and goes.
func TestSearch_NextResults(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		users := make([]object, 23)
		for i := range users {
			users[i] = object{"username": fmt.Sprintf("user%02d", i), "active": i%2 == 0}
			if i%3 > 0 {
				users[i]["email"] = fmt.Sprintf("u%d@example.com", i%7*100+i)
				users[i]["lastName"] = fmt.Sprint("Name", i%4)
			}
		}
		h.Call("POST", "/api/user/import", object{"users": users}).Want(200)
		for _, criteria := range []object{
			{},
			{"queryString": "active:true"},
			{"query": object{"wildcard": object{"username": "user?1"}}},
			{"orderBy": "insertInstant desc"},
			{"sortFields": []object{{"name": "insertInstant", "order": "desc"}}},
			{"sortFields": []object{{"name": "email"}}},
			{"sortFields": []object{{"name": "lastName", "order": "desc", "missing": "_first"}, {"name": "active"}}},
			{"sortFields": []object{{"name": "lastName"}, {"name": "lastLoginInstant", "order": "desc"}, {"name": "id", "order": "desc"}}, "accurateTotal": true},
		} {
			search := func(change object) (got wire.UserSearchResponse) {
				t.Helper()
				all := maps.Clone(criteria)
				maps.Copy(all, change)
				h.Call("POST", "/api/user/search", object{"search": all}).Want(200).Decode(&got)
				return got
			}
			all := search(object{"numberOfResults": 100})
			if all.NextResults != "" {
				t.Errorf("%v: the last page is continued", criteria)
			}
			var read []wire.ID
			page := search(object{"numberOfResults": 4})
			for {
				for _, u := range page.Users {
					read = append(read, u.ID)
				}
				if page.Total < len(read) || page.Total > all.Total {
					t.Errorf("%v: a total of %d after %d", criteria, page.Total, len(read))
				}
				if page.NextResults == "" {
					break
				}
				// The criteria may be repeated or left out.
				more := object{"search": object{"nextResults": page.NextResults, "numberOfResults": 3}}
				page = wire.UserSearchResponse{}
				h.Call("POST", "/api/user/search", more).Want(200).Decode(&page)
			}
			var want []wire.ID
			for _, u := range all.Users {
				want = append(want, u.ID)
			}
			if diff := cmp.Diff(want, read); diff != "" {
				t.Errorf("%v: %s", criteria, diff)
			}
		}

		var first, second wire.UserSearchResponse
		h.Call("GET", "/api/user/search?queryString=user*&numberOfResults=20", nil).Want(200).Decode(&first)
		h.Call("GET", "/api/user/search?queryString=user*&numberOfResults=20&nextResults="+url.QueryEscape(first.NextResults), nil).Want(200).Decode(&second)
		if len(second.Users) != 3 || second.Total != 23 || second.NextResults != "" {
			t.Errorf("behind 20 there are %d of %d", len(second.Users), second.Total)
		}
		for _, wrong := range []object{
			{"nextResults": "x"},
			{"nextResults": first.NextResults + "x"},
			{"nextResults": first.NextResults, "queryString": "*"},
			{"nextResults": first.NextResults, "startRow": 20},
			{"nextResults": first.NextResults, "sortFields": []object{{"name": "id"}}},
		} {
			wantCodes(t, h.Call("POST", "/api/user/search", object{"search": wrong}), "[invalid]search.nextResults")
		}
		h.Call("POST", "/api/tenant/"+idX, object{"tenant": object{"name": "Other"}}).Want(200)
		var elsewhere wire.UserSearchResponse // the reach is that of the caller, not of the search that is continued
		h.Call("POST", "/api/user/search", object{"search": object{"nextResults": first.NextResults}}, "X-FusionAuth-TenantId", idX).Want(200).Decode(&elsewhere)
		if len(elsewhere.Users) != 0 {
			t.Errorf("%d users of another tenant", len(elsewhere.Users))
		}
	})
}
