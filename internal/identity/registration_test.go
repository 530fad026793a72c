package identity_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

const (
	shop  = "a9000000-0000-4000-8000-000000000001"
	forum = "a9000000-0000-4000-8000-000000000002"
	clerk = "a9000000-0000-4000-8000-00000000000c" // a role of the shop
)

// recordTables are those in which a refused change leaves its trace: what was asked, and what was answered.
var recordTables = []string{"event", "attempt"}

// applications makes two: the shop with roles and authentication tokens, the forum without either.
func (h *herald) applications() {
	h.t.Helper()
	h.Call("POST", "/api/application/"+shop, `{"application":{"name":"Shop","authenticationTokenConfiguration":{"enabled":true},
		"roles":[{"name":"buyer","isDefault":true},{"name":"clerk","id":"`+clerk+`"},{"name":"boss"}]}}`).Want(200)
	h.Call("POST", "/api/application/"+forum, `{"application":{"name":"Forum"}}`).Want(200)
}

func registration(a apptest.Answer) wire.Registration {
	var r wire.RegistrationResponse
	a.Decode(&r)
	return *r.Registration
}

// registrationEvent returns the newest event of a type: the registrations and the user in it.
func (h *herald) registrationEvent(kind string) (e struct {
	ApplicationID, LinkedObjectID wire.ID
	Original, Registration        *wire.Registration
	User                          *wire.User
},
) {
	h.t.Helper()
	h.decodeLast(kind, &struct{ Event any }{&e})
	return e
}

// decodeLast decodes the newest event of a type.
func (h *herald) decodeLast(kind string, v any) {
	h.t.Helper()
	body := h.Strings(`SELECT body FROM event WHERE type = $1 ORDER BY sequence DESC LIMIT 1`, kind)
	if len(body) == 0 {
		h.t.Fatalf("there is no event %s", kind)
	}
	if err := json.Unmarshal([]byte(body[0]), v); err != nil {
		h.t.Fatal(err)
	}
}

func TestRegistration_Lifecycle(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		h.create(idA, object{"email": "ada@example.com"})
		const path = "/api/user/registration/" + idA

		// The Go client always sends a user, with nothing in it.
		r := registration(h.Call("POST", path, `{"user":{"active":false,"verified":false,"passwordChangeRequired":false,"twoFactor":{}},"eventInfo":{"location":{}},
			"registration":{"id":"`+idX+`","applicationId":"`+strings.ToUpper(shop)+`","verified":false,"insertInstant":7,"username":" Ada ","data":{"n":12345678901234567890},
			"preferredLanguages":["en-us"],"timezone":"America/Denver","tokens":{"a":"b"}}}`).Want(200))
		h.published("register", "user.registration.create", "user.registration.create.complete")
		want := wire.Registration{
			ID: r.ID, ApplicationID: shop, Roles: []string{"buyer"}, Data: wire.Object{"n": json.Number("12345678901234567890")}, Username: "Ada",
			UsernameStatus: wire.ContentActive, PreferredLanguages: []string{"en_US"}, Timezone: "America/Denver", Verified: true,
			InsertInstant: r.InsertInstant, LastUpdateInstant: r.InsertInstant,
		}
		if diff := cmp.Diff(want, r); diff != "" || r.ID == "" || r.ID == idX || r.InsertInstant < 1e12 {
			t.Errorf("registered (-want +got):\n%s", diff)
		}
		if read := registration(h.Call("GET", path+"/"+shop, nil).Want(200)); !cmp.Equal(read, r) {
			t.Errorf("read back:\n%s", cmp.Diff(r, read))
		}
		u := h.user(idA)
		if len(u.Registrations) != 1 || !cmp.Equal(u.Registrations[0], r) {
			t.Errorf("the user's registrations: %+v", u.Registrations)
		}
		for _, kind := range []string{"user.registration.create", "user.registration.create.complete"} {
			e := h.registrationEvent(kind)
			if e.ApplicationID != shop || e.LinkedObjectID != idA || !cmp.Equal(*e.Registration, r) || e.User.ID != idA || len(e.User.Registrations) != 0 {
				t.Errorf("%s: %+v", kind, e)
			}
		}
		wantCodes(t, h.Call("POST", path, object{"registration": object{"applicationId": shop}}), "[duplicate]registration")
		h.Call("POST", "/api/user/registration/"+idX, object{"registration": object{"applicationId": shop}}).Want(404)

		// PUT replaces, PATCH adds; the path wins over the body.
		put := registration(h.Call("PUT", path+"/"+shop, object{"registration": object{"applicationId": forum, "roles": []string{"clerk", "boss", "clerk"}}}).Want(200))
		if !slices.Equal(put.Roles, []string{"boss", "clerk"}) || put.Data != nil || put.Username != "" || put.ID != r.ID || put.InsertInstant != r.InsertInstant || put.ApplicationID != shop {
			t.Errorf("after PUT: %+v", put)
		}
		if e := h.registrationEvent("user.registration.update.complete"); !cmp.Equal(*e.Original, r) || !cmp.Equal(*e.Registration, put) || len(e.User.Registrations) != 0 {
			t.Errorf("the event of the update: %+v", e)
		}
		patched := registration(h.Call("PATCH", path, object{"registration": object{"applicationId": shop, "roles": []string{"buyer"}, "data": object{"a": 1}}}).Want(200))
		if !slices.Equal(patched.Roles, []string{"boss", "buyer", "clerk"}) || fmt.Sprint(patched.Data) != "map[a:1]" {
			t.Errorf("after PATCH: %+v", patched)
		}
		patched = registration(h.Call("PATCH", path+"/"+shop, `[{"op":"test","path":"/registration/data/a","value":1},{"op":"remove","path":"/registration/roles/0"}]`,
			"Content-Type", "application/json-patch+json").Want(200))
		if !slices.Equal(patched.Roles, []string{"buyer", "clerk"}) {
			t.Errorf("after a JSON patch: %+v", patched)
		}
		h.published("three updates", slices.Repeat([]string{"user.registration.update", "user.registration.update.complete"}, 3)...)
		for _, method := range []string{"PUT", "PATCH"} {
			h.Call(method, path+"/"+forum, object{"registration": object{}}).Want(404)
			h.Call(method, path, object{"registration": object{"applicationId": forum}}).Want(404)
			wantCodes(t, h.Call(method, path, object{"registration": object{}}), "[missing]registration.applicationId")
		}

		// A role is called the same everywhere at once, and one that is gone is so everywhere, even if its id comes back.
		h.Call("PATCH", "/api/application/"+shop+"/role/"+clerk, object{"role": object{"name": "assistant"}}).Want(200)
		if got := h.user(idA).Registrations[0].Roles; !slices.Equal(got, []string{"assistant", "buyer"}) {
			t.Errorf("after a role was renamed: %v", got)
		}
		h.Call("DELETE", "/api/application/"+shop+"/role/"+clerk, nil).Want(200)
		h.Call("POST", "/api/application/"+shop+"/role/"+clerk, object{"role": object{"name": "owner"}}).Want(200)
		if got := h.user(idA).Registrations[0].Roles; !slices.Equal(got, []string{"buyer"}) {
			t.Errorf("after a role was deleted: %v", got)
		}

		// A change of the user keeps the registrations, and shows them in its event.
		h.Call("PUT", "/api/user/"+idA, object{"user": object{"email": "ada@example.com", "registrations": []any{}}}).Want(200)
		h.published("PUT of the user", "user.update", "user.update.complete")
		if e := h.last("user.update").Event; len(h.user(idA).Registrations) != 1 || len(e.User.Registrations) != 1 || len(e.Original.Registrations) != 1 {
			t.Errorf("registrations in user.update: %+v %+v", e.Original.Registrations, e.User.Registrations)
		}

		if a := h.Call("DELETE", path+"/"+shop, object{"eventInfo": object{"ipAddress": "192.0.2.7"}}).Want(200); len(a.Body) != 0 {
			t.Errorf("the deletion answered %s", a.Body)
		}
		h.published("unregister", "user.registration.delete", "user.registration.delete.complete")
		if e := h.registrationEvent("user.registration.delete"); e.ApplicationID != shop || e.Registration.ID != r.ID || !slices.Equal(e.Registration.Roles, []string{"buyer"}) {
			t.Errorf("the event of the deletion: %+v", e)
		}
		h.Call("DELETE", path+"/"+shop, nil).Want(404)
		if gone := h.Call("GET", path+"/"+shop, nil).Want(404); len(gone.Body) != 0 {
			t.Errorf("404 with a body: %s", gone.Body)
		}
		if left := h.Strings(`SELECT role_id FROM registration_role`); len(left) != 0 {
			t.Errorf("roles without a registration: %v", left)
		}
	})
}

func TestRegistration_Combined(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		var both wire.RegistrationResponse
		h.Call("POST", "/api/user/registration/"+idA, object{
			"user": object{"email": "Ada@example.com", "password": planted}, "registration": object{"applicationId": shop, "roles": []string{"boss"}},
		}).Want(200).Decode(&both)
		combined := []string{"user.create", "user.registration.create", "user.create.complete", "user.registration.create.complete"}
		h.published("both at once", combined...)
		if both.Token == "" || both.TokenExpirationInstant == 0 || both.RefreshToken != "" {
			t.Errorf("tokens of %+v", both)
		}
		if both.User.ID != idA || both.User.Email != "ada@example.com" || len(both.User.Registrations) != 1 || !slices.Equal(both.Registration.Roles, []string{"boss"}) || !both.Registration.Verified {
			t.Errorf("answer %+v", both)
		}
		if u := h.user(idA); !cmp.Equal(u, *both.User) {
			t.Errorf("read back:\n%s", cmp.Diff(*both.User, u))
		}
		if e := h.registrationEvent("user.registration.create"); e.LinkedObjectID != idA || e.User.Email != "ada@example.com" || len(e.User.Registrations) != 0 {
			t.Errorf("event %+v", e)
		}

		// Without an id, and without a password.
		both = wire.RegistrationResponse{}
		h.Call("POST", "/api/user/registration", object{
			"user": object{"username": "bob"}, "registration": object{"applicationId": forum}, "sendSetPasswordIdentityType": "doNotSend",
		}).Want(200).Decode(&both)
		h.published("both with an id of the server's", combined...)
		if both.Token != "" {
			t.Error("a user who has yet to choose a password has a token")
		}
		if both.User.Username != "bob" || both.User.ID == "" || len(both.Registration.Roles) != 0 {
			t.Errorf("answer %+v", both)
		}

		// All that is wrong with either is told at once, and nothing of either happens.
		before := h.Rows()
		wantCodes(t, h.Call("POST", "/api/user/registration", object{"user": object{"email": "x", "password": "short"}, "registration": object{"applicationId": shop, "roles": []string{"none"}}}),
			"[notEmail]user.email", "[tooShort]user.password", "[invalid]registration.roles")
		wantCodes(t, h.Call("POST", "/api/user/registration", object{"registration": object{}}),
			"[blank]user.email", "[blank]user.username", "[blank]user.phoneNumber", "[blank]user.password", "[missing]registration.applicationId")
		wantCodes(t, h.Call("POST", "/api/user/registration/"+idA, object{"user": object{"email": "new@example.com", "password": planted}, "registration": object{"applicationId": forum}}),
			"[duplicate]userId")
		h.Unchanged(before)
		h.published("refused")
		wantCodes(t, h.Call("POST", "/api/user/registration", object{"user": object{"email": "ada@example.com", "password": planted}, "registration": object{"applicationId": forum}}),
			"[duplicate]user.email")
		h.published("an address that is taken", "user.loginId.duplicate.create")
		if e := h.last("user.loginId.duplicate.create").Event; e.Existing.ID != idA || len(e.Existing.Registrations) != 1 {
			t.Errorf("event %+v", e)
		}
	})
}

func TestRegistration_BadInput(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		h.create(idA, object{"email": "ada@example.com"})
		h.Call("POST", "/api/tenant/"+idX, object{"tenant": object{"name": "Other"}}).Want(200)
		h.Call("POST", "/api/application/"+idC, object{"application": object{"name": "Foreign"}}, "X-FusionAuth-TenantId", idX).Want(200)
		before := h.Rows()
		for body, want := range map[string]string{
			`{}`: "[missing]registration.applicationId",
			`{"registration":{"applicationId":null}}`:                                                                    "[missing]registration.applicationId",
			`{"registration":{"applicationId":"shop"}}`:                                                                  "[couldNotConvert]registration.applicationId",
			`{"registration":{"applicationId":"` + idB + `"}}`:                                                           "[invalid]registration.applicationId",
			`{"registration":{"applicationId":"` + idC + `"}}`:                                                           "[invalid]registration.applicationId", // of another tenant
			`{"registration":{"applicationId":"` + shop + `","roles":["buyer","Buyer"]}}`:                                "[invalid]registration.roles",
			`{"registration":{"applicationId":"` + shop + `","roles":"buyer"}}`:                                          "[couldNotConvert]registration.roles",
			`{"registration":{"applicationId":"` + shop + `","roles":["\u0001"]}}`:                                       "[invalid]registration.roles",
			`{"registration":{"applicationId":"` + shop + `","username":"\u0001"}}`:                                      "[invalid]registration.username",
			`{"registration":{"applicationId":"` + shop + `","username":"` + strings.Repeat("ö", 192) + `"}}`:            "[tooLong]registration.username",
			`{"registration":{"applicationId":"` + shop + `","usernameStatus":"NONE"}}`:                                  "[couldNotConvert]registration.usernameStatus",
			`{"registration":{"applicationId":"` + shop + `","preferredLanguages":["?"]}}`:                               "[couldNotConvert]registration.preferredLanguages",
			`{"registration":{"applicationId":"` + shop + `","timezone":"a b"}}`:                                         "[couldNotConvert]registration.timezone",
			`{"registration":{"applicationId":"` + shop + `","data":[1]}}`:                                               "[couldNotConvert]registration.data",
			`{"registration":{"applicationId":"` + shop + `","authenticationToken":"` + strings.Repeat("x", 256) + `"}}`: "[invalid]registration.authenticationToken",
			`{"registration":{"applicationId":"` + forum + `","authenticationToken":"x"}}`:                               "[disabled]registration.authenticationToken",
			`{"registration":{"applicationId":"` + forum + `"},"generateAuthenticationToken":"true"}`:                    "[disabled]generateAuthenticationToken",
			`{"registration":{"applicationId":"` + forum + `"},"skipRegistrationVerification":"perhaps"}`:                "[couldNotConvert]skipRegistrationVerification",
			`{"registration":{"applicationId":"` + forum + `"}`:                                                          "[invalidJSON]",
		} {
			wantCodes(t, h.Call("POST", "/api/user/registration/"+idA, body, "X-FusionAuth-TenantId", string(h.Tenant)), want)
		}
		wantCodes(t, h.Call("GET", "/api/user/registration/"+idA+"/shop", nil), "[couldNotConvert]applicationId")
		h.Unchanged(before)
		h.published("bad requests")

		// What belongs to another tenant is not there.
		h.Call("POST", "/api/user/registration/"+idA, object{"registration": object{"applicationId": shop}}).Want(200)
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			var body any
			if method != "GET" {
				body = object{"registration": object{}}
			}
			h.Call(method, "/api/user/registration/"+idA+"/"+shop, body, "X-FusionAuth-TenantId", idX).Want(404)
		}
		h.Call("POST", "/api/user/registration/"+idA, object{"registration": object{"applicationId": idC}}, "X-FusionAuth-TenantId", idX).Want(404)
	})
}

func TestRegistration_Refused(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		h.create(idA, object{"email": "ada@example.com"})
		h.Call("POST", "/api/user/registration/"+idA, object{"registration": object{"applicationId": shop}}).Want(200)
		h.published("register", "user.registration.create", "user.registration.create.complete")
		voted := []string{"user.create", "user.registration.create", "user.registration.update", "user.registration.delete"}
		h.Enable(wire.AbsoluteMajority, voted...)
		r := egresstest.NewReceiver(t)
		h.Subscribe(r.URL, voted)
		for _, row := range []struct {
			method, path string
			body         any
			accepted     int // votes before the refusal
			want         []string
		}{
			{"POST", "/api/user/registration/" + idA, object{"registration": object{"applicationId": forum}}, 0, []string{"user.registration.create"}},
			{"PUT", "/api/user/registration/" + idA + "/" + shop, object{"registration": object{"roles": []string{"boss"}}}, 0, []string{"user.registration.update"}},
			{"PATCH", "/api/user/registration/" + idA + "/" + shop, object{"registration": object{"roles": []string{"boss"}}}, 0, []string{"user.registration.update"}},
			{"DELETE", "/api/user/registration/" + idA + "/" + shop, nil, 0, []string{"user.registration.delete"}},
			// Both events are on record, and neither has happened: the refusal of the second takes the first back.
			{
				"POST", "/api/user/registration/" + idB,
				object{"user": object{"email": "b@example.com", "password": planted}, "registration": object{"applicationId": shop}},
				1,
				[]string{"user.create", "user.registration.create"},
			},
		} {
			script := slices.Repeat([]egresstest.Step{egresstest.Accept()}, row.accepted)
			r.Script(append(script, egresstest.Status(403))...)
			before := h.Rows()
			h.Call(row.method, row.path, row.body).Want(504)
			h.published(row.method+" refused", row.want...)
			h.Unchanged(before, recordTables...)
		}
		if done := h.Strings(`SELECT type FROM event WHERE result <> 'Failed' AND transaction_type <> 'None'`); len(done) > 0 {
			t.Errorf("done, says the record: %v", done)
		}
	})
}

// The token is good in place of the password: it is shown to who may read the registration, and is nowhere else in clear.
func TestRegistration_AuthenticationToken(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		h.create(idA, object{"email": "ada@example.com"})
		const path = "/api/user/registration/" + idA
		const own = "planted-token-0123456789"
		var tokens []string
		token := func(what string, a apptest.Answer) string {
			t.Helper()
			got := registration(a.Want(200)).AuthenticationToken
			if read := registration(h.Call("GET", path+"/"+shop, nil).Want(200)).AuthenticationToken; read != got {
				t.Errorf("%s: answered %q, then read %q", what, got, read)
			}
			if got != "" {
				tokens = append(tokens, got)
			}
			return got
		}
		if got := token("given", h.Call("POST", path, object{"registration": object{"applicationId": shop, "authenticationToken": own}})); got != own {
			t.Errorf("token %q", got)
		}
		if got := token("PUT without it", h.Call("PUT", path+"/"+shop, object{"registration": object{}})); got != own {
			t.Errorf("after PUT: %q", got)
		}
		made := token("generated", h.Call("PATCH", path+"/"+shop, object{"generateAuthenticationToken": true}))
		if len(made) < 43 || made == own {
			t.Errorf("generated %q", made)
		}
		// Switched off, it stays where it is, but there are no new ones.
		h.Call("PATCH", "/api/application/"+shop, object{"application": object{"authenticationTokenConfiguration": object{"enabled": false}}}).Want(200)
		if got := token("switched off", h.Call("PATCH", path+"/"+shop, object{"registration": object{"username": "Ada"}})); got != made {
			t.Errorf("after it was switched off: %q", got)
		}
		wantCodes(t, h.Call("PATCH", path+"/"+shop, object{"registration": object{"authenticationToken": "another"}}), "[disabled]registration.authenticationToken")
		if got := token("removed", h.Call("PATCH", path+"/"+shop, `{"registration":{"authenticationToken":null}}`)); got != "" {
			t.Errorf("after its removal: %q", got)
		}
		h.Call("PATCH", "/api/user/"+idA, object{"user": object{"firstName": "Ada"}}).Want(200)
		for table, rows := range h.Rows() {
			for _, row := range rows {
				if slices.ContainsFunc(tokens, func(token string) bool { return strings.Contains(row, token) }) {
					t.Errorf("table %s has a token: %.300s", table, row)
				}
			}
		}
	})
}

// Where an application wants it, a registration begins unverified.
func TestRegistration_Unverified(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		h.Call("POST", "/api/email/template/"+idX, `{"emailTemplate":{"name":"Verify","defaultSubject":"s","defaultTextTemplate":"t","defaultHtmlTemplate":"h"}}`).Want(200)
		h.Call("PATCH", "/api/application/"+shop, object{"application": object{"verifyRegistration": true, "verificationEmailTemplateId": idX}}).Want(200)
		for i, row := range []struct {
			application string
			skip        bool
			verified    bool
		}{{shop, false, false}, {shop, true, true}, {forum, false, true}} {
			r := registration(h.Call("POST", "/api/user/registration", object{
				"user": object{"username": fmt.Sprint("user", i)}, "sendSetPasswordIdentityType": "doNotSend",
				"registration": object{"applicationId": row.application, "verified": !row.verified}, "skipRegistrationVerification": row.skip,
			}).Want(200))
			if r.Verified != row.verified {
				t.Errorf("%+v: %+v", row, r)
			}
		}
	})
}

// Changes of the user and of a registration are not in each other's way; two of one registration are.
func TestRegistration_Concurrent(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		h.create(idA, object{"email": "ada@example.com"})
		h.Enable(wire.AbsoluteMajority, "user.registration.update", "user.registration.create")
		release := make(chan struct{})
		r := egresstest.NewReceiver(t)
		h.Subscribe(r.URL, []string{"user.registration.update", "user.registration.create"})
		const path = "/api/user/registration/" + idA

		// slow begins a call that waits for its vote while fn runs, and returns what came of it.
		asked := 0
		slow := func(method, path string, body any, fn func()) (a apptest.Answer) {
			release = make(chan struct{})
			r.Script(egresstest.Hold(release, egresstest.Accept()), egresstest.Accept())
			var calls sync.WaitGroup
			calls.Go(func() { a = h.Call(method, path, body) })
			asked = len(r.WaitFor(asked + 1))
			fn()
			close(release)
			calls.Wait()
			asked = len(r.Requests())
			return a
		}
		slow("POST", path, object{"registration": object{"applicationId": shop}}, func() {
			wantCodes(t, h.Call("POST", path, object{"registration": object{"applicationId": shop}}), "[duplicate]registration") // without being asked about
			h.Call("PATCH", "/api/user/"+idA, object{"user": object{"firstName": "Ada"}}).Want(200)
		}).Want(200)
		slow("PATCH", path+"/"+shop, object{"registration": object{"username": "slow"}}, func() {
			h.Call("PATCH", "/api/user/"+idA, object{"user": object{"lastName": "Lovelace"}}).Want(200)
			h.Call("POST", path, object{"registration": object{"applicationId": forum}}).Want(200)
		}).Want(200)
		late := slow("PATCH", path+"/"+shop, object{"registration": object{"username": "late"}}, func() {
			h.Call("PATCH", path+"/"+shop, object{"registration": object{"username": "quick"}}).Want(200)
		})
		if late.Status != 409 || !slices.Equal(late.Codes(), []string{"[retryableConflict]"}) {
			t.Errorf("the later change: %d %s", late.Status, late.Body)
		}
		if u := h.user(idA); u.FirstName != "Ada" || u.LastName != "Lovelace" || len(u.Registrations) != 2 || u.Registrations[0].Username != "quick" {
			t.Errorf("the user afterwards: %+v", u)
		}
		// The user is gone before the vote is over.
		gone := slow("POST", "/api/user/registration/"+idA, object{"registration": object{"applicationId": "3c219e58-ed0e-4b18-ad48-f4f92793ae32"}}, func() {
			h.Call("DELETE", "/api/user/"+idA+"?hardDelete=true", nil).Want(200)
		})
		if gone.Status != 404 {
			t.Errorf("registering somebody who is gone: %d %s", gone.Status, gone.Body)
		}
		for _, table := range []string{"registration", "registration_role"} {
			if left := h.Strings(`SELECT user_id FROM ` + table); len(left) != 0 {
				t.Errorf("%s has rows of nobody: %v", table, left)
			}
		}
	})
}

// Whoever reads users reads their registrations with them: one, a page, those named by their ids, those in an event.
func TestRegistration_ReadWithUsers(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		for i, id := range []string{idA, idB, idC} {
			h.Call("POST", "/api/user/"+id, object{"user": object{"username": fmt.Sprint("user", i), "password": planted}}).Want(200)
			for _, application := range []string{forum, shop}[:i] {
				h.Call("POST", "/api/user/registration/"+id, object{"registration": object{"applicationId": application, "username": id}}).Want(200)
			}
		}
		want := map[wire.ID][]wire.ID{idA: nil, idB: {forum}, idC: {shop, forum}}
		check := func(what string, users ...wire.User) {
			t.Helper()
			for _, u := range users {
				var got []wire.ID
				for _, r := range u.Registrations {
					got = append(got, r.ApplicationID)
					if r.Username != string(u.ID) {
						t.Errorf("%s: user %s has the registration of %s", what, u.ID, r.Username)
					}
				}
				if !slices.Equal(got, want[u.ID]) {
					t.Errorf("%s: user %s is registered for %v, want %v", what, u.ID, got, want[u.ID])
				}
			}
		}
		var found wire.UserSearchResponse
		h.Call("POST", "/api/user/search", object{"search": object{"queryString": "*"}}).Want(200).Decode(&found)
		if len(found.Users) != 3 {
			t.Errorf("found %d", len(found.Users))
		}
		check("search", found.Users...)
		h.Call("GET", "/api/user/search?ids="+idC+"&ids="+idB, nil).Want(200).Decode(&found)
		check("search by id", found.Users...)
		check("look-up", user(h.Call("GET", "/api/user?username=user2", nil).Want(200)))
		h.Call("DELETE", "/api/user/bulk?userId="+idB+"&userId="+idC, nil).Want(200)
		check("user.deactivate", *h.last("user.deactivate").Event.User)
		check("reactivation", user(h.Call("PUT", "/api/user/"+idC+"?reactivate=true", nil).Want(200)))

		// An application takes its registrations with it, without events.
		seen := len(h.Published())
		h.Call("DELETE", "/api/application/"+shop+"?hardDelete=true", nil).Want(200)
		want[idC] = []wire.ID{forum}
		check("after the deletion of the shop", h.user(idC))
		if len(h.Published()) != seen {
			t.Errorf("published %v", h.Published()[seen:])
		}
	})
}
