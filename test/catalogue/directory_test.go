package catalogue

import (
	"fmt"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/wire"
)

// fresh is the body that creates a user with an address that nobody has.
func fresh(h *herald) object {
	return object{"user": object{"email": h.id() + "@example.com", "password": h.plant(password)}}
}

var users = []scenario{
	{
		name: "create a user", want: events("user.create", "user.create.complete"),
		prepare: func(h *herald) call {
			return h.to("POST", "/api/user/"+h.id(), object{
				"user":      object{"email": h.id() + "@example.com", "username": h.id(), "phoneNumber": h.phone(), "password": h.plant(password), "data": object{"a": []int{1}}, "expiry": h.after(1e15)},
				"eventInfo": object{"ipAddress": remote, "location": object{"city": "Springfield", "latitude": 1.5}, "deviceName": "Phone", "data": object{"a": 1}},
			})
		},
	},
	{
		name: "create a user who is a member of groups", want: events("user.create", "user.create.complete"),
		prepare: func(h *herald) call {
			body := fresh(h)
			body["user"].(object)["memberships"] = []object{{"groupId": h.group()}}
			return h.to("POST", "/api/user", body)
		},
		check: func(h *herald, events []object) {
			if got := events[0]["user"].(object)["memberships"].([]any); len(got) != 1 {
				h.t.Errorf("memberships %v", got)
			}
		},
	},
	{
		name: "create a user who is to choose a password", want: events("user.create", "user.create.complete"),
		prepare: func(h *herald) call {
			h.mails = len(h.mail.Mails())
			return h.to("POST", "/api/user", object{"user": object{"email": h.id() + "@example.com"}, "sendSetPasswordEmail": true})
		},
		check: onlyMail,
	},
	{
		name: "create a user with the address of another one", want: events("user.loginId.duplicate.create"), status: 400,
		prepare: func(h *herald) call {
			return h.to("POST", "/api/user", object{"user": object{"email": h.user(nil) + "@example.com", "password": h.plant(password)}})
		},
		check: func(h *herald, events []object) {
			if e := events[0]; e["duplicateEmail"] != e["existing"].(object)["email"] || len(e["duplicateIdentities"].([]any)) != 1 {
				h.t.Errorf("event %v", e)
			}
		},
	},
	{
		name: "create a user with what belongs to two others", want: events("user.loginId.duplicate.create", "user.loginId.duplicate.create"), status: 400,
		prepare: func(h *herald) call {
			return h.to("POST", "/api/user/"+h.id(), object{"user": object{
				"email": h.user(nil) + "@example.com", "username": h.user(nil), "password": h.plant(password),
			}})
		},
	},
	{
		name: "register a new user with the phone number of another one", want: events("user.loginId.duplicate.create"), status: 400,
		prepare: func(h *herald) call {
			number := h.phone()
			h.user(object{"phoneNumber": number})
			return h.to("POST", "/api/user/registration", object{
				"user": object{"phoneNumber": number, "password": h.plant(password)}, "registration": object{"applicationId": h.shop},
			})
		},
	},
	{
		name: "PUT of a user", want: events("user.update", "user.update.complete"),
		prepare: func(h *herald) call {
			id := h.knows()
			return h.to("PUT", "/api/user/"+id, object{"user": object{"email": id + "@example.com", "firstName": "Ada"}})
		},
	},
	{
		name: "PATCH of a user", want: events("user.update", "user.update.complete"),
		prepare: func(h *herald) call {
			return h.to("PATCH", "/api/user/"+h.user(nil), object{"user": object{"data": object{"a": 1}}})
		},
	},
	{
		name: "another address", want: events("user.update", "user.update.complete", "user.email.update"),
		prepare: func(h *herald) call {
			id := h.user(nil)
			return h.to("PATCH", "/api/user/"+id, object{"user": object{"email": "new-" + id + "@example.com"}})
		},
		check: func(h *herald, events []object) {
			if e := events[2]; "new-"+fmt.Sprint(e["previousEmail"]) != e["user"].(object)["email"] {
				h.t.Errorf("event %v", e)
			}
		},
	},
	{
		name: "another address that has to be verified, by mail", want: events("user.update", "user.update.complete", "user.email.update"),
		prepare: func(h *herald) call {
			id := h.pending()
			h.configure(object{"emailConfiguration": object{"verificationEmailTemplateId": h.verify}})
			h.mails = len(h.mail.Mails())
			return h.to("PATCH", "/api/user/"+id, object{"user": object{"email": "new-" + id + "@example.com"}})
		},
		check: onlyMail,
	},
	{
		name: "the first address", want: events("user.update", "user.update.complete", "user.email.update"),
		prepare: func(h *herald) call {
			id := h.id()
			h.Call("POST", "/api/user/"+id, object{"user": object{"username": id}, "sendSetPasswordIdentityType": "doNotSend"}).Want(200)
			return h.to("PATCH", "/api/user/"+id, object{"user": object{"email": id + "@example.com"}})
		},
	},
	{
		name: "another password by PATCH", want: events("user.update", "user.update.complete", "user.password.update"),
		prepare: func(h *herald) call {
			return h.to("PATCH", "/api/user/"+h.knows(), object{"user": object{"password": h.plant("another good password")}})
		},
	},
	{
		name: "another address and password of a user with a session by PUT",
		want: events("user.update", "jwt.refresh-token.revoke", "user.update.complete", "user.email.update", "user.password.update"),
		prepare: func(h *herald) call {
			id := h.registered()
			h.session(id, h.shop)
			return h.to("PUT", "/api/user/"+id, object{"user": object{"email": "new-" + id + "@example.com", "password": h.plant("another good password")}})
		},
	},
	{
		name: "PUT with the name of another user", want: events("user.loginId.duplicate.update"), status: 400,
		prepare: func(h *herald) call {
			return h.to("PUT", "/api/user/"+h.user(nil), object{"user": object{"username": h.user(nil), "password": h.plant("another good password")}})
		},
	},
	{
		name: "PATCH with the address of another user", want: events("user.loginId.duplicate.update"), status: 400,
		prepare: func(h *herald) call {
			return h.to("PATCH", "/api/user/"+h.user(nil), object{"user": object{"email": h.user(nil) + "@example.com"}})
		},
	},
	{
		name: "deactivate", want: events("user.deactivate"),
		prepare: func(h *herald) call {
			id := h.registered()
			h.session(id, h.shop)
			return h.to("DELETE", "/api/user/"+id, nil)
		},
	},
	{
		name: "deactivate again",
		prepare: func(h *herald) call {
			return h.to("DELETE", "/api/user/"+h.inactive(), nil)
		},
	},
	{
		name: "deactivate two of three", want: events("user.deactivate", "user.deactivate"),
		prepare: func(h *herald) call {
			return h.to("DELETE", "/api/user/bulk", object{"userIds": []string{h.user(nil), h.inactive(), h.user(nil)}})
		},
	},
	{
		name: "say who would be deleted",
		prepare: func(h *herald) call {
			return h.to("DELETE", "/api/user/bulk?hardDelete=true&dryRun=true&userId="+h.user(nil), nil)
		},
	},
	{
		name: "delete those who are found", want: events("user.delete", "user.delete.complete"),
		prepare: func(h *herald) call {
			return h.to("DELETE", "/api/user/bulk", object{"queryString": h.user(nil), "hardDelete": true})
		},
	},
	{
		name: "reactivate", want: events("user.reactivate"),
		prepare: func(h *herald) call {
			return h.to("PUT", "/api/user/"+h.inactive()+"?reactivate=true", nil)
		},
	},
	{
		name: "delete a user who is a member, registered, linked and logged in", want: events("user.delete", "user.delete.complete"),
		prepare: func(h *herald) call {
			id := h.registered()
			h.session(id, h.shop)
			h.member(h.group(), id)
			h.Call("POST", linkPath, h.link(h.provider(), id)).Want(200)
			return h.to("DELETE", "/api/user/"+id+"?hardDelete=true", nil)
		},
		check: func(h *herald, events []object) {
			for _, e := range events {
				if u := e["user"].(object); u["email"] == nil || u["username"] == nil || len(u["registrations"].([]any)) != 1 || len(u["memberships"].([]any)) != 1 {
					h.t.Errorf("%v: user %v", e["type"], u)
				}
			}
		},
	},
	{
		name: "delete two", want: events("user.delete", "user.delete", "user.delete.complete", "user.delete.complete"),
		prepare: func(h *herald) call {
			return h.to("DELETE", "/api/user/bulk?hardDelete=true&userId="+h.user(nil)+"&userId="+h.inactive(), nil)
		},
	},
	{
		name: "delete a tenant with two users, a group and an entity", told: true,
		want: events("user.delete", "user.delete.complete", "user.delete", "user.delete.complete"), // each user goes by itself
		prepare: func(h *herald) call {
			id := h.id()
			h.Call("POST", "/api/tenant/"+id, object{"sourceTenantId": h.Tenant, "tenant": object{"name": id}}).Want(200)
			there := []string{"X-FusionAuth-TenantId", id}
			for range 2 {
				h.Call("POST", "/api/user", object{"user": object{"email": h.id() + "@example.com"}, "sendSetPasswordIdentityType": "doNotSend"}, there...).Want(200)
			}
			h.Call("POST", "/api/group", object{"group": object{"name": "Staff"}}, there...).Want(200)
			h.Call("POST", "/api/entity", object{"entity": object{"name": "Front door", "type": object{"id": h.entityType()}}}, there...).Want(200)
			return h.to("DELETE", "/api/tenant/"+id, nil)
		},
	},
	{
		name: "import two users with what they have elsewhere", want: events("user.bulk.create"),
		prepare: func(h *herald) call {
			return h.to("POST", "/api/user/import", object{"users": []object{
				{
					"email": h.id() + "@example.com", "active": true, "password": h.plant(password), "registrations": []object{{"applicationId": h.shop, "roles": []string{"clerk"}}},
					"memberships": []object{{"groupId": h.group()}},
					"twoFactor": object{
						"methods":       []object{{"method": "authenticator", "secret": h.plant("bXkgb3duIHNlY3JldCB3aXRoIDIwIGJ5dGVz")}},
						"recoveryCodes": []string{h.plant("RECOV-ERYME")},
					},
				},
				{"username": h.id(), "phoneNumber": h.phone()},
			}})
		},
	},
}

// onlyMail waits for the mail that follows a call, and fails the test when the calls that were refused had one too.
func onlyMail(h *herald, _ []object) {
	h.sent(h.mails)
	if got := len(h.mail.Mails()) - h.mails; got != 1 {
		h.t.Errorf("%d mails were sent, want one", got)
	}
}

// inactive makes a user who is deactivated.
func (h *herald) inactive() string {
	h.t.Helper()
	id := h.user(nil)
	h.Call("DELETE", "/api/user/"+id, nil).Want(200)
	return id
}

const registrationPath = "/api/user/registration/"

var registrations = []scenario{
	{
		name: "register a user who is there", want: events("user.registration.create", "user.registration.create.complete"),
		prepare: func(h *herald) call {
			return h.to("POST", registrationPath+h.knows(), object{
				"registration": object{"applicationId": h.shop, "roles": []string{"clerk"}, "authenticationToken": h.plant("a token for the shop only"), "data": object{"a": 1}},
			})
		},
		check: func(h *herald, events []object) {
			for _, e := range events {
				if len(e["user"].(object)["registrations"].([]any)) != 0 || e["applicationId"] != h.shop || e["registration"].(object)["applicationId"] != h.shop {
					h.t.Errorf("event %v", e)
				}
			}
		},
	},
	{
		name: "register a new user",
		want: events("user.create", "user.registration.create", "user.create.complete", "user.registration.create.complete"),
		prepare: func(h *herald) call {
			body := fresh(h)
			body["registration"] = object{"applicationId": h.shop}
			return h.to("POST", registrationPath+h.id(), body)
		},
	},
	{
		name: "PUT of a registration", want: events("user.registration.update", "user.registration.update.complete"),
		prepare: func(h *herald) call {
			return h.to("PUT", registrationPath+h.registered()+"/"+h.shop, object{"registration": object{"username": "Ada", "roles": []string{"clerk"}}})
		},
	},
	{
		name: "PATCH of a registration", want: events("user.registration.update", "user.registration.update.complete"),
		prepare: func(h *herald) call {
			return h.to("PATCH", registrationPath+h.registered(), object{"registration": object{"applicationId": h.shop, "data": object{"a": 1}}})
		},
	},
	{
		name: "delete a registration", want: events("user.registration.delete", "user.registration.delete.complete"),
		prepare: func(h *herald) call {
			id := h.registered()
			h.session(id, h.shop)
			return h.to("DELETE", registrationPath+id+"/"+h.shop, nil)
		},
	},
	{
		name: "delete an application with a registration and a session",
		prepare: func(h *herald) call {
			app, id := h.application(nil), h.user(nil)
			h.register(id, app)
			h.session(id, app)
			return h.to("DELETE", "/api/application/"+app+"?hardDelete=true", nil)
		},
	},
}

// group makes a group and returns its id.
func (h *herald) group() string {
	h.t.Helper()
	id := h.id()
	h.Call("POST", "/api/group/"+id, object{"group": object{"name": id}, "roleIds": []string{h.clerk}}).Want(200)
	return id
}

// member puts a user into a group and returns the id of the membership.
func (h *herald) member(group, user string) string {
	h.t.Helper()
	var r struct {
		Members map[string][]wire.GroupMember
	}
	h.Call("POST", memberPath, object{"members": object{group: []object{{"userId": user}}}}).Want(200).Decode(&r)
	return string(r.Members[group][0].ID)
}

const memberPath = "/api/group/member"

// members is how many members the events have.
func members(want ...int) func(h *herald, events []object) {
	return func(h *herald, events []object) {
		for i, e := range events {
			if got := len(e["members"].([]any)); got != want[i] {
				h.t.Errorf("%v has %d members, want %d", e["type"], got, want[i])
			}
		}
	}
}

var groups = []scenario{
	{
		name: "create a group", want: events("group.create", "group.create.complete"),
		prepare: func(h *herald) call {
			return h.to("POST", "/api/group/"+h.id(), object{"group": object{"name": h.id(), "data": object{"a": 1}}, "roleIds": []string{h.clerk}})
		},
	},
	{
		name: "PUT of a group", want: events("group.update", "group.update.complete"),
		prepare: func(h *herald) call {
			return h.to("PUT", "/api/group/"+h.group(), object{"group": object{"name": h.id()}})
		},
	},
	{
		name: "PATCH of a group", want: events("group.update", "group.update.complete"),
		prepare: func(h *herald) call {
			return h.to("PATCH", "/api/group/"+h.group(), object{"group": object{"data": object{"a": 1}}})
		},
	},
	{
		name: "delete a group with a member", want: events("group.delete", "group.delete.complete"),
		prepare: func(h *herald) call {
			id := h.group()
			h.member(id, h.user(nil))
			return h.to("DELETE", "/api/group/"+id, nil)
		},
	},
	{
		name: "add a member", want: events("group.member.add", "group.member.add.complete"), check: members(1, 1),
		prepare: func(h *herald) call {
			id, there := h.group(), h.user(nil)
			h.member(id, there)
			return h.to("POST", memberPath, object{"members": object{id: []object{{"userId": there}, {"userId": h.user(nil), "data": object{"a": 1}}}}})
		},
	},
	{
		name: "add members to two groups", check: members(1, 2, 1, 2),
		want: events("group.member.add", "group.member.add", "group.member.add.complete", "group.member.add.complete"),
		prepare: func(h *herald) call {
			first, second, user := h.group(), h.group(), h.user(nil)
			if first > second {
				first, second = second, first
			}
			return h.to("POST", memberPath, object{"members": object{
				second: []object{{"userId": user}, {"userId": h.boss}}, first: []object{{"userId": user}},
			}})
		},
	},
	{
		name: "add a member who is there",
		prepare: func(h *herald) call {
			id, there := h.group(), h.user(nil)
			h.member(id, there)
			return h.to("POST", memberPath, object{"members": object{id: []object{{"userId": there}}}})
		},
	},
	{
		name: "replace the members", want: events("group.member.update", "group.member.update.complete"), check: members(1, 1),
		prepare: func(h *herald) call {
			id := h.group()
			h.member(id, h.boss)
			return h.to("PUT", memberPath, object{"members": object{id: []object{{"userId": h.user(nil)}}}})
		},
	},
	{
		name: "replace the members by nobody", want: events("group.member.update", "group.member.update.complete"), check: members(0, 0),
		prepare: func(h *herald) call {
			id := h.group()
			h.member(id, h.boss)
			return h.to("PUT", memberPath, object{"members": object{id: []object{}}})
		},
	},
	{
		name: "remove all members", want: events("group.member.update", "group.member.update.complete"), check: members(0, 0),
		prepare: func(h *herald) call {
			id := h.group()
			h.member(id, h.boss)
			h.member(id, h.user(nil))
			return h.to("DELETE", memberPath+"?groupId="+id, nil)
		},
	},
	{
		name: "remove a membership", want: events("group.member.remove", "group.member.remove.complete"), check: members(1, 1),
		prepare: func(h *herald) call {
			return h.to("DELETE", memberPath+"/"+h.member(h.group(), h.boss), nil)
		},
	},
	{
		name: "remove a user from a group", want: events("group.member.remove", "group.member.remove.complete"), check: members(1, 1),
		prepare: func(h *herald) call {
			id := h.group()
			h.member(id, h.boss)
			return h.to("DELETE", memberPath+"?groupId="+id+"&userId="+h.boss, nil)
		},
	},
	{
		name: "remove memberships of two groups", check: members(1, 1, 1, 1),
		want: events("group.member.remove", "group.member.remove", "group.member.remove.complete", "group.member.remove.complete"),
		prepare: func(h *herald) call {
			return h.to("DELETE", memberPath, object{"memberIds": []string{h.member(h.group(), h.boss), h.member(h.group(), h.boss)}})
		},
	},
	{
		name: "remove users from a group", want: events("group.member.remove", "group.member.remove.complete"), check: members(2, 2),
		prepare: func(h *herald) call {
			id, other := h.group(), h.user(nil)
			h.member(id, h.boss)
			h.member(id, other)
			return h.to("DELETE", memberPath, object{"members": object{id: []string{h.boss, other}}})
		},
	},
}

// entityType makes a type of entities and returns its id.
func (h *herald) entityType() string {
	h.t.Helper()
	id := h.id()
	h.Call("POST", "/api/entity/type/"+id, object{"entityType": object{
		"name": id, "permissions": []object{{"name": "read", "isDefault": true, "description": "Read it"}}, "jwtConfiguration": object{"enabled": true, "timeToLiveInSeconds": 60},
	}}).Want(200)
	return id
}

func (h *herald) entity() string {
	h.t.Helper()
	id := h.id()
	h.Call("POST", "/api/entity/"+id, object{"entity": object{"name": id, "clientSecret": h.plant("secret of " + id), "type": object{"id": h.entityType()}}}).Want(200)
	return id
}

var entities = []scenario{
	{
		name: "create an entity", want: events("entity.create", "entity.create.complete"),
		prepare: func(h *herald) call {
			return h.to("POST", "/api/entity", object{"entity": object{
				"name": "Front door", "clientId": h.id(), "clientSecret": h.plant("the secret of a door"), "data": object{"a": 1}, "parentId": h.entity(), "type": object{"id": h.entityType()},
			}})
		},
	},
	{
		name: "PUT of an entity", want: events("entity.update", "entity.update.complete"),
		prepare: func(h *herald) call {
			return h.to("PUT", "/api/entity/"+h.entity(), object{"entity": object{"name": "Back door", "clientSecret": h.plant("another secret of a door")}})
		},
	},
	{
		name: "PATCH of an entity", want: events("entity.update", "entity.update.complete"),
		prepare: func(h *herald) call {
			return h.to("PATCH", "/api/entity/"+h.entity(), object{"entity": object{"data": object{"a": 1}}})
		},
	},
	{
		name: "delete an entity", want: events("entity.delete", "entity.delete.complete"),
		prepare: func(h *herald) call { return h.to("DELETE", "/api/entity/"+h.entity(), nil) },
	},
	{
		name: "grant something about an entity",
		prepare: func(h *herald) call {
			return h.to("POST", "/api/entity/"+h.entity()+"/grant", object{"grant": object{"userId": h.boss, "permissions": []string{}}})
		},
	},
	{
		name: "create a type of entities",
		prepare: func(h *herald) call {
			return h.to("POST", "/api/entity/type", object{"entityType": object{"name": h.id(), "permissions": []object{{"name": "read"}}}})
		},
	},
}

const linkPath = "/api/identity-provider/link"

// provider makes an identity provider and returns its id.
func (h *herald) provider() string {
	h.t.Helper()
	id := h.id()
	h.Call("POST", "/api/identity-provider/"+id, object{"identityProvider": object{"type": "OpenIDConnect", "name": id, "enabled": true}}).Want(200)
	return id
}

func (h *herald) link(provider, user string) object {
	return object{"identityProviderLink": object{
		"identityProviderId": provider, "identityProviderUserId": user, "userId": user, "displayName": "Ada", "token": h.plant("a token of the provider"), "data": object{"a": 1},
	}}
}

var links = []scenario{
	{
		name: "link", want: events("user.identity-provider.link"),
		prepare: func(h *herald) call { return h.to("POST", linkPath, h.link(h.provider(), h.user(nil))) },
	},
	{
		name: "link again",
		prepare: func(h *herald) call {
			body := h.link(h.provider(), h.user(nil))
			h.Call("POST", linkPath, body).Want(200)
			return h.to("POST", linkPath, body)
		},
	},
	{
		name: "link with the account of another user", status: 409,
		prepare: func(h *herald) call {
			body := h.link(h.provider(), h.user(nil))
			h.Call("POST", linkPath, body).Want(200)
			body["identityProviderLink"].(object)["userId"] = h.boss
			return h.to("POST", linkPath, body)
		},
	},
	{
		name: "unlink", want: events("user.identity-provider.unlink"),
		prepare: func(h *herald) call {
			provider, user := h.provider(), h.user(nil)
			h.Call("POST", linkPath, h.link(provider, user)).Want(200)
			return h.to("DELETE", linkPath+"?identityProviderId="+provider+"&identityProviderUserId="+user+"&userId="+user, nil)
		},
	},
}

// signingKey makes a key and returns its id.
func (h *herald) signingKey(algorithm string) string {
	h.t.Helper()
	id := h.id()
	h.Call("POST", "/api/key/generate/"+id, object{"key": object{"algorithm": algorithm, "name": id}}).Want(200)
	return id
}

// about is what a jwt.public-key.update is about: how many applications.
func about(want int) func(h *herald, events []object) {
	return func(h *herald, events []object) {
		if got := len(events[0]["applicationIds"].([]any)); got != want {
			h.t.Errorf("the event is about %d applications, want %d", got, want)
		}
	}
}

const mergePatch = "application/merge-patch+json"

var keys = []scenario{
	{
		name: "create an application with a key of its own", want: events("jwt.public-key.update"), check: about(1),
		prepare: func(h *herald) call {
			return h.to("POST", "/api/application/"+h.id(), object{"application": object{
				"name": h.id(), "jwtConfiguration": object{"enabled": true, "accessTokenKeyId": h.signingKey("ES256")},
			}})
		},
	},
	{
		name: "create an application without one",
		prepare: func(h *herald) call {
			return h.to("POST", "/api/application/"+h.id(), object{"application": object{"name": h.id()}})
		},
	},
	{
		name: "another key of an application by PATCH", want: events("jwt.public-key.update"), check: about(1),
		prepare: func(h *herald) call {
			id := h.application(object{"jwtConfiguration": object{"enabled": true, "accessTokenKeyId": h.signingKey("ES256")}})
			return h.to("PATCH", "/api/application/"+id, object{"application": object{"jwtConfiguration": object{"accessTokenKeyId": h.signingKey("Ed25519")}}}, "Content-Type", mergePatch)
		},
	},
	{
		name: "no key of an application by PUT", want: events("jwt.public-key.update"), check: about(1),
		prepare: func(h *herald) call {
			id := h.application(object{"jwtConfiguration": object{"enabled": true, "accessTokenKeyId": h.signingKey("ES256")}})
			return h.to("PUT", "/api/application/"+id, object{"application": object{"name": id}})
		},
	},
	{
		name: "another secret of an application",
		prepare: func(h *herald) call {
			id := h.application(object{"jwtConfiguration": object{"enabled": true, "accessTokenKeyId": h.signingKey("HS256")}})
			return h.to("PATCH", "/api/application/"+id, object{"application": object{"jwtConfiguration": object{"accessTokenKeyId": h.signingKey("HS256")}}}, "Content-Type", mergePatch)
		},
	},
	{
		name: "another key of a tenant", want: events("jwt.public-key.update"), check: about(1),
		prepare: func(h *herald) call {
			id := h.id()
			h.Call("POST", "/api/tenant/"+id, object{"sourceTenantId": h.Tenant, "tenant": object{"name": id}}).Want(200)
			h.Call("POST", "/api/application", object{"application": object{"name": id}}, "X-FusionAuth-TenantId", id).Want(200)
			key := h.signingKey("ES256")
			h.undo = append(h.undo, h.to("DELETE", "/api/tenant/"+id, nil))
			return h.to("PATCH", "/api/tenant/"+id, object{"tenant": object{"jwtConfiguration": object{"accessTokenKeyId": key}}}, "Content-Type", mergePatch)
		},
	},
	{
		name: "a new key that nobody uses",
		prepare: func(h *herald) call {
			return func() apptest.Answer {
				return h.Call("POST", "/api/key/generate", object{"key": object{"algorithm": "ES256", "name": h.id()}})
			}
		},
	},
}

// failedMessage are the tables that tell of a message that could not be sent.
var failedMessage = []string{"event_log", "message", "message_gate"}

var system = []scenario{
	{
		name: "an entry of the audit log", want: events("audit-log.create"),
		prepare: func(h *herald) call {
			return h.to("POST", "/api/system/audit-log", object{"auditLog": object{
				"message": "Renamed the group", "insertUser": "admin@example.com", "reason": "Admin UI", "oldValue": object{"name": "a"}, "newValue": object{"name": "b"}, "data": object{"a": 1},
			}})
		},
	},
	{
		name: "an entry of the audit log about a tenant", want: events("audit-log.create"),
		prepare: func(h *herald) call {
			return h.to("POST", "/api/system/audit-log", object{"auditLog": object{"message": "Renamed the group", "insertUser": "admin@example.com", "tenantId": h.Tenant}})
		},
		check: func(h *herald, events []object) {
			if e := events[0]; e["tenantId"] != string(h.Tenant) || e["auditLog"].(object)["tenantId"] != string(h.Tenant) {
				h.t.Errorf("event %v", e)
			}
		},
	},
	{
		name: "an entry of the event log: a code that could not be sent", want: events("event-log.create"), status: 400, nobody: true, keeps: failedMessage,
		prepare: func(h *herald) call {
			h.refuseTexts()
			return h.to("POST", "/api/two-factor/send", object{"userId": h.user(nil), "method": "sms", "mobilePhone": h.phone()})
		},
	},
	{
		name: "the test of a webhook", want: events("test"), nobody: true,
		prepare: func(h *herald) call {
			return h.to("POST", "/api/webhook/"+h.hook+"/test", object{"type": "test"})
		},
	},
}
