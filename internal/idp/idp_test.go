package idp_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	path = "/api/identity-provider/link"

	google    = "90000000-0000-4000-8000-000000000001" // identity providers
	corporate = "c0000000-0000-4000-8000-000000000002"
	foreign   = "f0000000-0000-4000-8000-000000000003" // belongs to the other tenant
	ada       = "aaaaaaaa-0000-4000-8000-000000000001" // users of the default tenant
	ben       = "bbbbbbbb-0000-4000-8000-000000000002"
	eve       = "eeeeeeee-0000-4000-8000-000000000003" // a user of the other one
	nobody    = "00000000-0000-4000-8000-0000000000ff"

	planted = "planted-provider-token" // must not turn up anywhere but in the answers about links

	linked, unlinked = "user.identity-provider.link", "user.identity-provider.unlink"
)

type object = map[string]any

// herald is a server with providers, users and another tenant.
type herald struct {
	*apptest.Server
	t                   *testing.T
	other               wire.ID // a tenant
	tenantKey, otherKey string
}

func each(t *testing.T, fn func(t *testing.T, h *herald)) {
	t.Helper()
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		h := &herald{Server: s, t: t}
		var other wire.TenantResponse
		s.Call("POST", "/api/tenant", `{"tenant":{"name":"Other"}}`).Want(200).Decode(&other)
		h.other = other.Tenant.ID
		h.tenantKey, h.otherKey = h.KeyOf(s.Tenant), h.KeyOf(h.other)
		for id, of := range map[string]wire.ID{ada: s.Tenant, ben: s.Tenant, eve: h.other} {
			body := object{"user": object{"username": id}, "sendSetPasswordIdentityType": "doNotSend"}
			s.Call("POST", "/api/user/"+id, body, "X-FusionAuth-TenantId", string(of)).Want(200)
		}
		for id, provider := range map[string]object{
			google:    {"type": "Google"},
			corporate: {"type": "OpenIDConnect", "name": "Corporate"},
			foreign:   {"type": "SAMLv2", "name": "Foreign", "tenantId": h.other},
		} {
			s.Call("POST", "/api/identity-provider/"+id, object{"identityProvider": provider}).Want(200)
		}
		h.Seen = len(h.Published())
		fn(t, h)
	})
}

func (h *herald) link(provider, account, user string, header ...string) apptest.Answer {
	h.t.Helper()
	return h.Call("POST", path, object{"identityProviderLink": object{
		"identityProviderId": provider, "identityProviderUserId": account, "userId": user, "token": planted,
	}}, header...)
}

func (h *herald) unlink(provider, account, user string, header ...string) apptest.Answer {
	h.t.Helper()
	return h.Call("DELETE", path+"?"+query(provider, account, user), nil, header...)
}

func query(provider, account, user string) string {
	values := url.Values{}
	for name, value := range map[string]string{"identityProviderId": provider, "identityProviderUserId": account, "userId": user} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values.Encode()
}

func one(a apptest.Answer) wire.IdentityProviderLink {
	var r wire.IdentityProviderLinkResponse
	a.Want(200).Decode(&r)
	return *r.IdentityProviderLink
}

// accounts are those in a list of links.
func accounts(a apptest.Answer) []string {
	var r struct{ IdentityProviderLinks []wire.IdentityProviderLink }
	a.Want(200).Decode(&r)
	all := []string{}
	for _, l := range r.IdentityProviderLinks {
		all = append(all, l.IdentityProviderName+" "+l.IdentityProviderUserID)
	}
	return all
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestLink(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		created := h.Call("POST", path, object{
			"identityProviderLink": object{
				"identityProviderId": strings.ToUpper(corporate), "identityProviderUserId": " ada@corporate ", "userId": strings.ToUpper(ada),
				"displayName": "Ada at work", "token": planted, "data": object{"n": json.Number("1.50")},
				"identityProviderName": "ignored", "identityProviderType": "ignored", "tenantId": h.other, "insertInstant": 1, "lastLoginInstant": 1, // set by the server
			},
			"eventInfo": object{"ipAddress": "192.0.2.7"},
		})
		link := one(created)
		if link.InsertInstant < 1_000_000_000_000 {
			t.Errorf("insertInstant %d", link.InsertInstant)
		}
		same(t, "created", link, wire.IdentityProviderLink{
			IdentityProviderID: corporate, IdentityProviderName: "Corporate", IdentityProviderType: "OpenIDConnect", IdentityProviderUserID: "ada@corporate",
			DisplayName: "Ada at work", UserID: ada, TenantID: h.Tenant, Token: planted, Data: wire.Object{"n": json.Number("1.50")}, InsertInstant: link.InsertInstant,
		})
		h.WantEvents("a link", linked)

		// The same again is no event, whatever is new about it.
		same(t, "linked again", one(h.Call("POST", path, object{"identityProviderLink": object{
			"identityProviderId": corporate, "identityProviderUserId": "ada@corporate", "userId": ada,
		}})), link)
		link.Token, link.DisplayName = planted+"-2", "Ada"
		same(t, "linked again with a new token, as old clients do", one(h.Call("POST", path, object{
			"identityProviderId": corporate, "identityProviderUserId": "ada@corporate", "userId": ada, "token": link.Token, "displayName": link.DisplayName,
		})), link)
		same(t, "loaded", one(h.Call("GET", path+"?"+query(corporate, "ada@corporate", ada), nil)), link)
		h.WantEvents("the same link again")

		// Somebody else's account.
		taken := h.link(corporate, "ada@corporate", ben).Want(409)
		same(t, "codes of the conflict", taken.Codes(), []string{"[duplicate]identityProviderLink.identityProviderUserId"})
		h.WantEvents("a conflict")
		// But in another tenant it is another matter, as are other accounts and other providers.
		h.link(corporate, "ada@corporate", eve).Want(200)
		h.link(corporate, "ben@corporate", ben).Want(200)
		nameless := one(h.link(google, "ada@corporate", ada))
		same(t, "a provider without a name", nameless.IdentityProviderName, "Google")
		same(t, "and a link without data", one(h.Call("GET", path+"?"+query(google, "ada@corporate", ada), nil)), nameless)
		h.WantEvents("three more", linked, linked, linked)
	})
}

func TestLink_Refused(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const member = "identityProviderLink."
		h.Call("POST", path, `{}`).WantCodes("[missing]"+member+"identityProviderId", "[blank]"+member+"identityProviderUserId", "[missing]"+member+"userId")
		h.Call("POST", path, `{"identityProviderLink":{"identityProviderId":"x","userId":1,"token":{}}}`).WantCodes("[couldNotConvert]"+member+"identityProviderId", "[couldNotConvert]"+member+"userId", "[couldNotConvert]"+member+"token")
		h.link(nobody, "a", ada).WantCodes("[invalid]" + member + "identityProviderId")
		h.link(foreign, "a", ada).WantCodes("[invalid]" + member + "identityProviderId") // another tenant's
		h.link(google, "a", nobody).WantCodes("[invalid]" + member + "userId")
		h.link(google, strings.Repeat("ä", 256), ada).WantCodes("[tooLong]" + member + "identityProviderUserId")
		h.link(google, "a", eve, "Authorization", h.tenantKey).WantCodes("[invalid]" + member + "userId")
		h.link(google, "a", ada, "X-FusionAuth-TenantId", string(h.other)).WantCodes("[invalid]" + member + "userId")
		h.Call("POST", path, object{"pendingIdPLinkId": "abc", "identityProviderLink": object{"userId": ada}}).WantCodes("[InvalidPendingIdPLinkId]")
		h.WantEvents("nothing but refusals")
		if rows := h.Strings(`SELECT user_id FROM identity_provider_link`); len(rows) > 0 {
			t.Errorf("stored all the same: %v", rows)
		}
	})
}

func TestFind(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.link(google, "1", ada).Want(200)
		h.link(google, "2", ada).Want(200)
		h.link(corporate, "3&4", ada).Want(200)
		h.link(google, "1", eve).Want(200)
		h.Seen += 4

		find := func(provider, account, user string, header ...string) apptest.Answer {
			return h.Call("GET", path+"?"+query(provider, account, user), nil, header...)
		}
		same(t, "all of a user", accounts(find("", "", ada)), []string{"Google 1", "Google 2", "Corporate 3&4"})
		same(t, "those at a provider", accounts(find(google, "", ada)), []string{"Google 1", "Google 2"})
		same(t, "none", accounts(find("", "", ben)), []string{})
		same(t, "an account of a user", one(find(corporate, "3&4", ada)).UserID, wire.ID(ada))
		same(t, "an account in a tenant", one(find(google, "1", "", "X-FusionAuth-TenantId", string(h.other))).UserID, wire.ID(eve))
		same(t, "an account in the tenant of the key", one(find(google, "1", "", "Authorization", h.tenantKey)).UserID, wire.ID(ada))
		find(google, "1", "").WantCodes("[TenantIdRequired]")
		find("", "", "").WantCodes("[missing]userId")
		find(google, "", "").WantCodes("[missing]userId")
		find("", "1", ada).WantCodes("[missing]identityProviderId")
		find("x", "", ada).WantCodes("[couldNotConvert]identityProviderId")
		for _, a := range []apptest.Answer{
			find("", "", nobody), find(google, "1", nobody), find(google, "9", ada), find(google, "1", ben), find(nobody, "1", ada),
			find("", "", ada, "Authorization", h.otherKey), find(google, "1", ada, "Authorization", h.otherKey),
			find("", "", ada, "X-FusionAuth-TenantId", string(h.other)),
			h.Call("GET", path+"/pending/abc", nil),
		} {
			if a.Want(404); len(a.Body) > 0 {
				t.Errorf("404 with %s", a.Body)
			}
		}
		h.WantEvents("reading")
	})
}

func TestUnlink(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.link(google, "1", ada).Want(200)
		h.link(google, "2", ada).Want(200)
		h.WantEvents("two links", linked, linked)

		h.unlink("", "", "").WantCodes("[missing]identityProviderId", "[missing]identityProviderUserId", "[missing]userId")
		h.unlink(google, "3", ada).Want(404)
		h.unlink(google, "1", ben).Want(404)
		h.unlink(google, "1", nobody).Want(404)
		h.unlink(google, "1", ada, "Authorization", h.otherKey).Want(404)
		h.WantEvents("what is not there")

		same(t, "the answer", string(h.unlink(google, "1", ada).Want(200).Body), "{}")
		h.WantEvents("one less", unlinked)
		h.unlink(google, "1", ada).Want(404)
		same(t, "what is left", accounts(h.Call("GET", path+"?userId="+ada, nil)), []string{"Google 2"})
		h.link(google, "1", ben).Want(200)
		h.WantEvents("the account is free again", linked)
	})
}

// The events say all about link and user but the token, and what they say of a link that is removed is what it was.
func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		r := egresstest.NewReceiver(t)
		r.Script(egresstest.Status(500)) // nobody is asked: these are not transactional
		h.Enable(wire.AbsoluteMajority, linked, unlinked)
		h.Subscribe(r.URL, []string{linked, unlinked})

		h.link(corporate, "ada@corporate", ada).Want(200)
		for table, rows := range h.Rows() {
			for _, row := range rows {
				if strings.Contains(row, planted) {
					t.Errorf("the token can be read in table %s: %s", table, row)
				}
			}
		}
		h.unlink(corporate, "ada@corporate", ada).Want(200)
		h.WantEvents("both", linked, unlinked)
		for _, body := range h.Strings(`SELECT body FROM event WHERE type LIKE 'user.identity-provider.%' ORDER BY sequence`) {
			var e struct {
				Event struct {
					TenantID, LinkedObjectID wire.ID
					IdentityProviderLink     wire.IdentityProviderLink
					User                     wire.User
					Info                     *wire.EventInfo
				}
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				t.Fatal(err)
			}
			l := e.Event.IdentityProviderLink
			if e.Event.TenantID != h.Tenant || e.Event.LinkedObjectID != ada || e.Event.User.ID != ada || e.Event.User.Username != ada || e.Event.Info == nil ||
				l.IdentityProviderName != "Corporate" || l.IdentityProviderUserID != "ada@corporate" || l.UserID != ada || l.InsertInstant == 0 {
				t.Errorf("event %s", body)
			}
		}
		r.WaitFor(2)
	})
}

// A link goes with what it links, and nothing is said about that.
func TestLinks_GoWithTheirEnds(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.link(google, "1", ada).Want(200)
		h.link(corporate, "2", ben).Want(200)
		h.link(foreign, "3", eve).Want(200)
		h.WantEvents("three", linked, linked, linked)
		left := func(want ...string) {
			t.Helper()
			same(t, "left", h.Strings(`SELECT provider_user_id FROM identity_provider_link ORDER BY provider_user_id`), want)
		}
		h.Call("DELETE", "/api/user/"+ada+"?hardDelete=true", nil).Want(200)
		left("2", "3")
		h.WantEvents("without the user", "user.delete", "user.delete.complete")
		h.Call("DELETE", "/api/identity-provider/"+corporate, nil).Want(200)
		left("3")
		h.WantEvents("without the provider")
		h.Call("DELETE", "/api/tenant/"+string(h.other), nil).Want(200)
		left([]string(nil)...)
		h.WantEvents("without the tenant", "user.delete", "user.delete.complete")
	})
}

// Of many who link one account at the same time, one does.
func TestLink_Race(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		users := []string{ada, ben}
		var mu sync.Mutex
		answers := map[int]int{}
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				a := h.link(google, "1", users[i%2])
				mu.Lock()
				defer mu.Unlock()
				answers[a.Status]++
			})
		}
		all.Wait()
		same(t, "answers", answers, map[int]int{200: 8, 409: 8})
		h.WantEvents("all of them together", linked)
	})
}
