package identity_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

const (
	hashedPassword = "aiVUVqdJ+QMv+n5vlNrYGWTrJpikvjpeVRjC7931A1Q=" // PBKDF2, 1,000 rounds, of "pässword one"
	saltOfPassword = "c2l4dGVlbiBieXRlIHNhbHQgYW5kIG1vcmUgc2FsdCE="
	team           = "c1000000-0000-4000-8000-000000000001" // a group
)

func TestImport(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		h.Call("POST", "/api/group/"+team, object{"group": object{"name": "Team"}}).Want(200)
		h.published("a group", "group.create", "group.create.complete")
		a := h.Call("POST", "/api/user/import", `{"encryptionScheme":"salted-pbkdf2-hmac-sha256","factor":1000,"validateDbConstraints":true,"eventInfo":{"location":{}},"users":[
			{"id":"`+strings.ToUpper(idA)+`","email":" Ada@Example.com","username":"Ada","active":true,"verified":true,"insertInstant":1600000000000,
			 "password":"`+hashedPassword+`","salt":"`+saltOfPassword+`","data":{"n":12345678901234567890},
			 "registrations":[{"id":"`+idX+`","applicationId":"`+shop+`","roles":["clerk"],"insertInstant":1600000000001,"verified":true},{"applicationId":"`+forum+`","authenticationToken":""}],
			 "memberships":[{"groupId":"`+team+`","data":{"a":1}}],
			 "twoFactor":{"methods":[{"method":"authenticator","secret":"c2l4dGVlbiBieXRlIHNhbHQ="},{"method":"email","email":"ADA@example.com"},{"method":"sms","mobilePhone":"(415) 555-0123","name":"phone"}],
			  "recoveryCodes":["AAAA-BBBB"]}},
			{"email":"eve@example.com","encryptionScheme":"","passwordChangeRequired":true,"passwordChangeReason":"Breached"}]}`).Want(200)
		if len(a.Body) != 0 {
			t.Errorf("answered %s", a.Body)
		}
		h.published("import", "user.bulk.create")

		ada := h.user(idA)
		if !ada.Active || !ada.Verified || ada.Email != "ada@example.com" || ada.InsertInstant != 1600000000000 || ada.LastUpdateInstant < 1700000000000 ||
			ada.PasswordLastUpdateInstant != ada.LastUpdateInstant || fmt.Sprint(ada.Data["n"]) != "12345678901234567890" || ada.ConnectorID != wire.InternalConnectorID {
			t.Errorf("ada: %+v", ada)
		}
		if i := ada.Identities; len(i) != 2 || !i[0].Verified || i[0].VerifiedReason != wire.VerifiedImport || i[1].VerifiedReason != wire.VerifiedUnverifiable {
			t.Errorf("identities: %+v", i)
		}
		if r := ada.Registrations; len(r) != 2 || r[0].ID != idX || !slices.Equal(r[0].Roles, []string{"clerk"}) || r[0].InsertInstant != 1600000000001 || r[1].ApplicationID != forum || !r[1].Verified {
			t.Errorf("registrations: %+v", r)
		}
		if m := ada.Memberships; len(m) != 1 || m[0].GroupID != team || fmt.Sprint(m[0].Data) != "map[a:1]" {
			t.Errorf("memberships: %+v", m)
		}
		if f := ada.TwoFactor.Methods; len(f) != 3 || f[0].Authenticator == nil || f[0].ID == "" || f[1].Email != "ada@example.com" || f[2].MobilePhone != "+14155550123" || f[2].Name != "phone" {
			t.Errorf("second factors: %+v", f)
		}
		eve := user(h.Call("GET", "/api/user?email=eve@example.com", nil).Want(200))
		if eve.Active || eve.Verified || eve.ID == "" || eve.PasswordChangeReason != wire.PasswordChangeBreached || eve.PasswordLastUpdateInstant != 0 {
			t.Errorf("eve: %+v", eve)
		}
		var e struct {
			Event struct {
				TenantID, LinkedObjectID wire.ID
				Users                    []wire.User
			}
		}
		h.decodeLast("user.bulk.create", &e)
		if e.Event.TenantID != h.Tenant || e.Event.LinkedObjectID != "" || len(e.Event.Users) != 2 {
			t.Errorf("event: %+v", e.Event)
		} else if diff := cmp.Diff([]wire.User{ada, eve}, e.Event.Users); diff != "" {
			t.Errorf("the users (-read +event):\n%s", diff)
		}

		// The password is right; the second factors are asked for, and the recovery code is one.
		in := h.Call("POST", "/api/login", object{"loginId": "ada", "password": "pässword one", "applicationId": shop})
		if in.Status != 242 {
			t.Errorf("login: %d %s", in.Status, in.Body)
		}
		h.Call("POST", "/api/login", object{"loginId": "ada", "password": "pässword two", "applicationId": shop}).Want(404)
		method := ada.TwoFactor.Methods[0].ID
		h.Call("DELETE", "/api/user/two-factor/"+idA+"?methodId="+method+"&code=aaaabbbb", nil).Want(200)
		for table, rows := range h.Rows() {
			for _, row := range rows {
				for _, secret := range []string{"c2l4dGVlbiBieXRlIHNhbHQ=", "AAAA-BBBB", "AAAABBBB"} {
					if strings.Contains(row, secret) {
						t.Errorf("table %s has %s: %.200s", table, secret, row)
					}
				}
				if table != "users" && strings.Contains(row, hashedPassword) {
					t.Errorf("table %s has the hash: %.200s", table, row)
				}
			}
		}
	})
}

// Passwords in clear are hashed, and are not measured by the rules for new ones.
func TestImport_Passwords(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		var users []object
		for i := range 5 {
			users = append(users, object{"username": fmt.Sprint("user", i), "active": true, "password": fmt.Sprint("pw", i)})
		}
		users = append(users,
			object{"username": "bcrypt", "active": true, "encryptionScheme": "bcrypt", "factor": 5, "salt": "CCCCCCCCCCCCCCCCCCCCC.", "password": "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
			object{"username": "salted", "active": true, "factor": 1000, "salt": saltOfPassword, "password": hashedPassword}) // the scheme is FusionAuth's default
		h.Call("POST", "/api/user/import", object{"users": users}).Want(200)
		h.published("import", "user.bulk.create")
		for name, password := range map[string]string{"user0": "pw0", "user4": "pw4", "bcrypt": "U*U", "salted": "pässword one"} {
			h.Call("POST", "/api/login", object{"loginId": name, "password": password}).Want(200)
			h.Call("POST", "/api/login", object{"loginId": name, "password": password + "!"}).Want(404)
		}
		if text := strings.Join(h.Strings(`SELECT password_hash FROM users UNION ALL SELECT body FROM event`), ""); strings.Contains(text, "pw4") {
			t.Error("a password is in the store")
		}
	})
}

func TestImport_BadInput(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		h.create(idA, object{"email": "ada@example.com", "username": "ada"})
		good := `{"email":"good@example.com"}`
		before := h.Rows()
		for body, want := range map[string][]string{
			`{}`:                                     {"[missing]users"},
			`{"users":[]}`:                           {"[missing]users"},
			`{"users":{}}`:                           {"[couldNotConvert]users"},
			`{"users":[{}]}`:                         {"[blank]users[0].email", "[blank]users[0].phoneNumber", "[blank]users[0].username"},
			`{"users":[` + good + `,{"email":"x"}]}`: {"[notEmail]users[1].email"},
			`{"users":[` + good + `,{"email":"GOOD@example.com"}]}`:                                            {"[duplicate]users[1].email"},
			`{"users":[` + good + `,{"email":"ADA@example.com","username":"Ada"}]}`:                            {"[duplicate]users[1].email", "[duplicate]users[1].username"},
			`{"users":[` + good + `,{"id":"` + idA + `","email":"b@example.com"}]}`:                            {"[duplicate]users[1].id"},
			`{"users":[{"id":"` + idB + `","username":"a"},{"id":"` + idB + `","username":"b"}]}`:              {"[duplicate]users[1].id"},
			`{"users":[{"username":"a","id":"b"}]}`:                                                            {"[couldNotConvert]users[0].id"},
			`{"users":[{"username":"a","active":"perhaps"}]}`:                                                  {"[couldNotConvert]users[0].active"},
			`{"users":[{"username":"a","insertInstant":-1}]}`:                                                  {"[invalid]users[0].insertInstant"},
			`{"users":[{"username":"a","insertInstant":253402300800000}]}`:                                     {"[invalid]users[0].insertInstant"},
			`{"users":[{"username":"a","birthDate":"x"}]}`:                                                     {"[couldNotConvert]users[0].birthDate"},
			`{"users":[{"username":"a","password":"x","salt":"eA=="}]}`:                                        {"[invalid]users[0].password"},
			`{"users":[{"username":"a","salt":"eA=="}]}`:                                                       {"[blank]users[0].password"},
			`{"users":[{"username":"a","password":"x"}],"encryptionScheme":"rot13"}`:                           {"[invalid]users[0].encryptionScheme"},
			`{"users":[{"username":"a","registrations":[{}]}]}`:                                                {"[missing]users[0].registrations[0].applicationId"},
			`{"users":[{"username":"a","registrations":[{"applicationId":"` + idX + `"}]}]}`:                   {"[invalid]users[0].registrations[0].applicationId"},
			`{"users":[{"username":"a","registrations":[{"applicationId":"` + shop + `","roles":["none"]}]}]}`: {"[invalid]users[0].registrations[0].roles"},
			`{"users":[{"username":"a","registrations":[{"applicationId":"` + shop + `"},{"applicationId":"` + shop + `"}]}]}`: {
				"[duplicate]users[0].registrations[1].applicationId",
			},
			`{"users":[{"username":"a","memberships":[{"groupId":"` + idX + `"}]}]}`:                {"[invalid]users[0].memberships[0].groupId"},
			`{"users":[{"username":"a","twoFactor":{"methods":[{"method":"letter"}]}}]}`:            {"[invalid]users[0].twoFactor.methods[0].method"},
			`{"users":[{"username":"a","twoFactor":{"methods":[{"method":"authenticator"}]}}]}`:     {"[blank]users[0].twoFactor.methods[0].secret"},
			`{"users":[{"username":"a","twoFactor":{"methods":[{"method":"email","email":"x"}]}}]}`: {"[notEmail]users[0].twoFactor.methods[0].email"},
			`{"users":[{"username":"a","twoFactor":{"recoveryCodes":[""]}}]}`:                       {"[invalid]users[0].twoFactor.recoveryCodes[0]"},
			`{"users":[` + strings.TrimSuffix(strings.Repeat(`{},`, 10_001), ",") + `]}`:            {"[tooMany]users"},
		} {
			wantCodes(t, h.Call("POST", "/api/user/import", body), want...)
		}
		// The same mistake a thousand times is told often enough.
		if got := h.Call("POST", "/api/user/import", `{"users":[`+strings.TrimSuffix(strings.Repeat(`{},`, 1000), ",")+`]}`).Want(400).Codes(); len(got) < 100 || len(got) > 110 {
			t.Errorf("%d errors are told", len(got))
		}
		h.Unchanged(before)
		h.published("bad imports")
	})
}

// All or nothing: a veto leaves no trace of any of the users, and frees what was reserved.
func TestImport_Refused(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		h.Enable(wire.AbsoluteMajority, "user.bulk.create", "user.create")
		release := make(chan struct{})
		r := egresstest.NewReceiver(t).Script(egresstest.Hold(release, egresstest.Status(403)), egresstest.Accept())
		h.Subscribe(r.URL, []string{"user.bulk.create"})
		body := object{"users": []object{
			{"id": idA, "email": "ada@example.com", "registrations": []object{{"applicationId": shop}}},
			{"id": idB, "username": "bob", "twoFactor": object{"recoveryCodes": []string{"AAAA-BBBB"}}},
		}}
		before := h.Rows()
		refused := make(chan int, 1)
		go func() { refused <- h.Call("POST", "/api/user/import", body).Status }()
		r.WaitFor(1)
		// What is being asked about belongs to nobody else meanwhile.
		wantCodes(t, h.Call("POST", "/api/user", object{"user": object{"email": "ada@example.com", "password": planted}}), "[duplicate]user.email")
		wantCodes(t, h.Call("POST", "/api/user/"+idB, object{"user": object{"email": "b@example.com", "password": planted}}), "[duplicate]userId")
		wantCodes(t, h.Call("POST", "/api/user/import", object{"users": []object{{"username": "eve"}, {"username": "BOB"}}}), "[duplicate]users[1].username")
		close(release)
		if status := <-refused; status != 504 {
			t.Errorf("status %d", status)
		}
		h.published("a refused import", "user.bulk.create")
		h.Unchanged(before, recordTables...)
		h.Call("POST", "/api/user/import", body).Want(200)
		h.published("the same import again", "user.bulk.create")
	})
}
