package cli

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// impossible are the events that no call causes.
var impossible = map[event.Type]string{
	event.UserIdentityUpdate: "nothing that Herald does sends it. Its example can be published with --inject",
	event.KickstartSuccess:   "it is that of a server that an untouched store was just set up for. Start one with: herald serve --data NEW --kickstart FILE",
}

// causes has for each type what it takes: the calls on the way, and the one that causes it. The calls in test/catalogue are others on purpose: those are made again after each
// refusal and looked at from all sides, these work once, on anybody's server. A test causes every type of the catalogue with these.
var causes = map[event.Type]func(c *cause) step{
	event.AuditLogCreate: func(*cause) step {
		return step{method: "POST", path: "/api/system/audit-log", body: object{"auditLog": object{"message": "Tried herald trigger", "insertUser": "herald trigger"}}}
	},
	event.EventLogCreate: func(c *cause) step {
		return step{method: "POST", path: "/api/delivery/webhook/" + c.webhook() + "/pause", body: object{"reason": "herald trigger"}}
	},
	"test": func(c *cause) step {
		return step{method: "POST", path: "/api/event", body: object{"event": object{"type": "test", "tenantId": c.tenant}}}
	},

	event.UserCreate: createUser, event.UserCreateComplete: createUser,
	event.UserUpdate: updateUser, event.UserUpdateComplete: updateUser,
	event.UserDelete: deleteUser, event.UserDeleteComplete: deleteUser,
	event.UserDeactivate: func(c *cause) step { return step{method: "DELETE", path: "/api/user/" + c.person(nil)} },
	event.UserReactivate: func(c *cause) step {
		id := c.person(nil)
		c.do("DELETE", "/api/user/"+id, nil, nil)
		return step{method: "PUT", path: "/api/user/" + id + "?reactivate=true"}
	},
	event.UserBulkCreate: func(c *cause) step {
		return step{method: "POST", path: "/api/user/import", body: object{"users": []object{c.describe(object{"email": address(), "active": true}), {"email": address(), "active": true}}}}
	},
	event.UserEmailUpdate: func(c *cause) step {
		return step{method: "PATCH", path: "/api/user/" + c.person(nil), body: object{"user": object{"email": address()}}}
	},
	event.UserPasswordUpdate: func(c *cause) step {
		return step{method: "PATCH", path: "/api/user/" + c.person(nil), body: object{"user": object{"password": password()}}}
	},
	event.UserLoginIDDuplicateCreate: func(c *cause) step {
		email := address()
		c.person(object{"email": email})
		return step{method: "POST", path: "/api/user", body: object{"user": object{"email": email, "password": password()}}, expect: 400}
	},
	event.UserLoginIDDuplicateUpdate: func(c *cause) step {
		email := address()
		c.person(object{"email": email})
		return step{method: "PATCH", path: "/api/user/" + c.other(), body: object{"user": object{"email": email}}, expect: 400}
	},

	event.UserLoginSuccess: func(c *cause) step {
		id, secret := c.knows()
		return step{method: "POST", path: "/api/login", body: object{"loginId": c.address(id), "password": secret}}
	},
	event.UserLoginFailed: func(c *cause) step {
		id, _ := c.knows()
		return step{method: "POST", path: "/api/login", body: object{"loginId": c.address(id), "password": "a wrong password"}, expect: 404}
	},
	event.UserLoginNewDevice: func(c *cause) step {
		id, secret := c.knows()
		return step{method: "POST", path: "/api/login", body: object{"loginId": c.address(id), "password": secret, "newDevice": true}}
	},
	event.UserLoginSuspicious: func(c *cause) step {
		id, secret := c.knows()
		from := func(latitude, longitude float64) object {
			return object{"loginId": c.address(id), "password": secret, "eventInfo": object{"ipAddress": "192.0.2.7", "location": object{"latitude": latitude, "longitude": longitude}}}
		}
		c.do("POST", "/api/login", from(52.5, 13.4), nil)
		return step{method: "POST", path: "/api/login", body: from(35.7, 139.7)}
	},
	event.UserPasswordBreach: func(c *cause) step {
		c.elsewhere(object{"passwordValidationRules": object{"breachDetection": object{"enabled": true, "onLogin": "RecordOnly"}}})
		const stolen = "password1234"
		email := address()
		c.do("POST", "/api/user/import", object{"users": []object{c.describe(object{"email": email, "password": stolen, "active": true})}}, nil)
		c.made = append(c.made, "the user "+email+" with a well-known password")
		return step{method: "POST", path: "/api/login", body: object{"loginId": email, "password": stolen}}
	},

	event.UserPasswordResetStart: func(c *cause) step {
		id, _ := c.knows()
		return step{method: "POST", path: "/api/user/forgot-password", body: object{"loginId": c.address(id), "sendForgotPasswordMessage": false}}
	},
	event.UserPasswordResetSend: func(c *cause) step {
		id, _ := c.knows()
		return step{method: "POST", path: "/api/user/forgot-password", body: object{"loginId": c.address(id)}}
	},
	event.UserPasswordResetSuccess: func(c *cause) step {
		id, _ := c.knows()
		var forgot wire.ForgotPasswordResponse
		c.do("POST", "/api/user/forgot-password", object{"loginId": c.address(id), "sendForgotPasswordMessage": false}, &forgot)
		return step{method: "POST", path: "/api/user/change-password", body: object{"changePasswordId": forgot.ChangePasswordID, "password": password()}}
	},

	event.UserEmailVerified: verifyAddress, event.UserIdentityVerified: verifyAddress,
	event.UserRegistrationVerified: func(c *cause) step {
		application := c.application(object{"verifyRegistration": true, "verificationEmailTemplateId": c.emailTemplate()})
		var r wire.RegistrationResponse
		c.do("POST", "/api/user/registration/"+c.person(nil), object{"registration": object{"applicationId": application}}, &r)
		return step{method: "POST", path: "/api/user/verify-registration", body: object{"verificationId": r.RegistrationVerificationID}}
	},
	event.UserRegistrationCreate: register, event.UserRegistrationCreateComplete: register,
	event.UserRegistrationUpdate: updateRegistration, event.UserRegistrationUpdateComplete: updateRegistration,
	event.UserRegistrationDelete: unregister, event.UserRegistrationDeleteComplete: unregister,

	event.UserIdentityProviderLink: func(c *cause) step {
		_, link := c.link()
		return step{method: "POST", path: linkPath, body: link}
	},
	event.UserIdentityProviderUnlink: func(c *cause) step {
		query, link := c.link()
		c.do("POST", linkPath, link, nil)
		return step{method: "DELETE", path: linkPath + "?" + query}
	},

	event.UserTwoFactorMethodAdd: func(c *cause) step {
		id, _ := c.knows()
		body := authenticator()
		return step{method: "POST", path: "/api/user/two-factor/" + id, body: body}
	},
	event.UserTwoFactorMethodRemove: func(c *cause) step {
		id, _ := c.knows()
		recovery := c.twoFactor(id)
		var u wire.UserResponse
		c.do("GET", "/api/user/"+id, nil, &u)
		method := ""
		if u.User != nil && len(u.User.TwoFactor.Methods) > 0 {
			method = u.User.TwoFactor.Methods[0].ID
		}
		return step{method: "DELETE", path: "/api/user/two-factor/" + id, body: object{"methodId": method, "code": recovery}}
	},
	event.UserTwoFactorChallenge: func(c *cause) step {
		id, _ := c.knows()
		c.twoFactor(id)
		return step{method: "POST", path: "/api/two-factor/start", body: object{"userId": id}}
	},
	event.UserTwoFactorSuccess: func(c *cause) step {
		challenge, code := c.challenge()
		return step{method: "POST", path: "/api/two-factor/login", body: object{"twoFactorId": challenge, "code": code}}
	},
	event.UserTwoFactorFailedAttempt: func(c *cause) step {
		challenge, _ := c.challenge()
		return step{method: "POST", path: "/api/two-factor/login", body: object{"twoFactorId": challenge, "code": "000"}, expect: 421}
	},

	event.JWTRefresh: func(c *cause) step {
		return step{method: "POST", path: "/api/jwt/refresh", body: object{"refreshToken": c.session()}}
	},
	event.JWTRefreshTokenRevoke: func(c *cause) step {
		return step{method: "DELETE", path: "/api/jwt/refresh?token=" + url.QueryEscape(c.session())}
	},
	event.JWTPublicKeyUpdate: func(c *cause) step {
		key, name := uuid.NewString(), "trigger "+word()
		c.do("POST", "/api/key/generate/"+key, object{"key": object{"algorithm": "ES256", "name": name}}, nil)
		c.made = append(c.made, "the key "+name)
		return step{method: "POST", path: "/api/application", body: object{"application": object{"name": name, "jwtConfiguration": object{"enabled": true, "accessTokenKeyId": key}}}}
	},

	event.UserAction: func(c *cause) step {
		action, name := uuid.NewString(), "trigger "+word()
		c.do("POST", "/api/user-action/"+action, object{"userAction": object{"name": name}}, nil)
		c.made = append(c.made, "the user action "+name)
		id := c.person(nil)
		return step{method: "POST", path: "/api/user/action", body: object{"broadcast": true, "action": object{"userActionId": action, "actioneeUserId": id, "actionerUserId": id}}}
	},

	event.GroupCreate: createGroup, event.GroupCreateComplete: createGroup,
	event.GroupUpdate: updateGroup, event.GroupUpdateComplete: updateGroup,
	event.GroupDelete: deleteGroup, event.GroupDeleteComplete: deleteGroup,
	event.GroupMemberAdd: addMember, event.GroupMemberAddComplete: addMember,
	event.GroupMemberUpdate: replaceMembers, event.GroupMemberUpdateComplete: replaceMembers,
	event.GroupMemberRemove: removeMember, event.GroupMemberRemoveComplete: removeMember,

	event.EntityCreate: createEntity, event.EntityCreateComplete: createEntity,
	event.EntityUpdate: updateEntity, event.EntityUpdateComplete: updateEntity,
	event.EntityDelete: deleteEntity, event.EntityDeleteComplete: deleteEntity,
}

const linkPath = "/api/identity-provider/link"

func createUser(c *cause) step {
	return step{method: "POST", path: "/api/user", body: object{"user": c.describe(object{"email": address(), "password": password()})}}
}

func updateUser(c *cause) step {
	id := c.other()
	change := c.describe(object{})
	if len(change) == 0 {
		change["data"] = object{"trigger": word()}
	}
	return step{method: "PATCH", path: "/api/user/" + id, body: object{"user": change}}
}

func deleteUser(c *cause) step {
	return step{method: "DELETE", path: "/api/user/" + c.person(nil) + "?hardDelete=true"}
}

func verifyAddress(c *cause) step {
	c.elsewhere(object{"emailConfiguration": object{"verifyEmail": true}})
	return step{method: "POST", path: "/api/user/verify-email", body: object{"userId": c.person(nil)}}
}

func register(c *cause) step {
	application := c.application(nil)
	return step{method: "POST", path: "/api/user/registration/" + c.person(nil), body: object{"registration": object{"applicationId": application}}}
}

func updateRegistration(c *cause) step {
	id, application := c.registered()
	return step{method: "PATCH", path: "/api/user/registration/" + id, body: object{"registration": object{"applicationId": application, "data": object{"trigger": word()}}}}
}

func unregister(c *cause) step {
	id, application := c.registered()
	return step{method: "DELETE", path: "/api/user/registration/" + id + "/" + application}
}

func createGroup(*cause) step {
	return step{method: "POST", path: "/api/group", body: object{"group": object{"name": "trigger " + word()}}}
}

func updateGroup(c *cause) step {
	return step{method: "PATCH", path: "/api/group/" + c.group(), body: object{"group": object{"data": object{"trigger": word()}}}}
}

func deleteGroup(c *cause) step { return step{method: "DELETE", path: "/api/group/" + c.group()} }

func addMember(c *cause) step {
	group := c.group()
	return step{method: "POST", path: "/api/group/member", body: object{"members": object{group: []object{{"userId": c.person(nil)}}}}}
}

func replaceMembers(c *cause) step {
	group := c.group()
	return step{method: "PUT", path: "/api/group/member", body: object{"members": object{group: []object{{"userId": c.person(nil)}}}}}
}

func removeMember(c *cause) step {
	group, id := c.group(), c.person(nil)
	c.do("POST", "/api/group/member", object{"members": object{group: []object{{"userId": id}}}}, nil)
	return step{method: "DELETE", path: "/api/group/member?groupId=" + group + "&userId=" + id}
}

func createEntity(c *cause) step {
	return step{method: "POST", path: "/api/entity", body: object{"entity": object{"name": "trigger " + word(), "type": object{"id": c.entityType()}}}}
}

func updateEntity(c *cause) step {
	return step{method: "PATCH", path: "/api/entity/" + c.entity(), body: object{"entity": object{"data": object{"trigger": word()}}}}
}

func deleteEntity(c *cause) step { return step{method: "DELETE", path: "/api/entity/" + c.entity()} }

// describe adds to a user what the command line says about the one that the event is about.
func (c *cause) describe(u object) object {
	for name, text := range c.user {
		var value any = text
		var parsed any
		if d := json.NewDecoder(strings.NewReader(text)); d.Decode(&parsed) == nil && !d.More() {
			if _, number := parsed.(float64); !number { // a telephone number is a text
				value = parsed
			}
		}
		u[name] = value
	}
	return u
}

// person makes the user that the event is about.
func (c *cause) person(members object) string {
	u := object{"email": address(), "password": password()}
	for name, value := range members {
		u[name] = value
	}
	return c.create(c.describe(u))
}

// other makes a user as it was before what the command line says.
func (c *cause) other() string { return c.create(object{"email": address(), "password": password()}) }

func (c *cause) create(u object) string {
	id := uuid.NewString()
	c.do("POST", "/api/user/"+id, object{"user": u}, nil)
	c.made = append(c.made, fmt.Sprintf("the user %v", u["email"]))
	c.emails[id], _ = u["email"].(string)
	return id
}

// knows makes a user whose password is known.
func (c *cause) knows() (id, secret string) {
	secret = password()
	if given := c.user["password"]; given != "" {
		secret = given
	}
	return c.person(object{"password": secret}), secret
}

// address is the e-mail address of a user that was made on the way.
func (c *cause) address(id string) string { return c.emails[id] }

func (c *cause) application(members object) string {
	id := uuid.NewString()
	a := object{"name": "trigger " + word(), "loginConfiguration": object{"generateRefreshTokens": true, "allowTokenRefresh": true}}
	for name, value := range members {
		a[name] = value
	}
	c.do("POST", "/api/application/"+id, object{"application": a}, nil)
	c.made = append(c.made, fmt.Sprintf("the application %v", a["name"]))
	return id
}

func (c *cause) registered() (id, application string) {
	application, id = c.application(nil), c.person(nil)
	c.do("POST", "/api/user/registration/"+id, object{"registration": object{"applicationId": application}}, nil)
	return id, application
}

// session is a refresh token of a user.
func (c *cause) session() string {
	id, application := c.registered()
	value := "trigger-" + uuid.NewString()
	c.do("POST", "/api/user/refresh-token/import", object{"refreshTokens": []object{{"userId": id, "applicationId": application, "token": value}}}, nil)
	return value
}

func (c *cause) group() string {
	id, name := uuid.NewString(), "trigger "+word()
	c.do("POST", "/api/group/"+id, object{"group": object{"name": name}}, nil)
	c.made = append(c.made, "the group "+name)
	return id
}

func (c *cause) entityType() string {
	id, name := uuid.NewString(), "trigger "+word()
	c.do("POST", "/api/entity/type/"+id, object{"entityType": object{"name": name}}, nil)
	c.made = append(c.made, "the entity type "+name)
	return id
}

func (c *cause) entity() string {
	id, name := uuid.NewString(), "trigger "+word()
	c.do("POST", "/api/entity/"+id, object{"entity": object{"name": name, "type": object{"id": c.entityType()}}}, nil)
	c.made = append(c.made, "the entity "+name)
	return id
}

// link is what links a user to an account, and the query that names the link.
func (c *cause) link() (query string, body object) {
	provider, name := uuid.NewString(), "trigger "+word()
	c.do("POST", "/api/identity-provider/"+provider, object{"identityProvider": object{"type": "OpenIDConnect", "name": name, "enabled": true}}, nil)
	c.made = append(c.made, "the identity provider "+name)
	id := c.person(nil)
	return url.Values{"identityProviderId": {provider}, "identityProviderUserId": {id}, "userId": {id}}.Encode(),
		object{"identityProviderLink": object{"identityProviderId": provider, "identityProviderUserId": id, "userId": id}}
}

// webhook makes a webhook that is switched off and wants nothing, and takes it away again.
func (c *cause) webhook() string {
	c.sweep("/api/webhook", func(yield func(momentary, error) bool) {
		for w, err := range c.In("").Webhooks.List(c.ctx, wire.WebhookSearch{}) {
			if !yield(momentary{w.ID, w.InsertInstant, w.Data}, err) {
				return
			}
		}
	})
	id := uuid.NewString()
	c.undo = append(c.undo, step{method: "DELETE", path: "/api/webhook/" + id})
	c.do("POST", "/api/webhook/"+id, object{"webhook": object{
		"url": "http://localhost:9/herald-trigger", "description": "herald trigger", "enabled": false, "connectTimeout": 1000, "readTimeout": 1000, "data": object{temporary: true},
	}}, nil)
	return id
}

func (c *cause) emailTemplate() string {
	id, name := uuid.NewString(), "trigger "+word()
	c.do("POST", "/api/email/template/"+id, object{"emailTemplate": object{
		"name": name, "defaultSubject": name, "defaultTextTemplate": "${user.id}", "defaultHtmlTemplate": "<p>${user.id}</p>",
	}}, nil)
	c.made = append(c.made, "the e-mail template "+name)
	return id
}

// elsewhere goes on in a tenant of its own, a copy of the one that was named with other settings: those of real tenants are left alone. It is taken away again.
func (c *cause) elsewhere(settings object) {
	c.sweep("/api/tenant", func(yield func(momentary, error) bool) {
		for t, err := range c.In("").Tenants.List(c.ctx) {
			var data map[string]any
			_ = json.Unmarshal(t.Extra["data"], &data) // without any, it is none of ours
			if !yield(momentary{t.ID, t.InsertInstant, data}, err) {
				return
			}
		}
	})
	id, name := uuid.NewString(), "trigger "+word()
	everywhere := c.In("")
	c.Client = everywhere
	c.undo = append(c.undo, step{method: "DELETE", path: "/api/tenant/" + id})
	c.do("POST", "/api/tenant/"+id, object{"sourceTenantId": c.tenant, "tenant": object{"name": name, "data": object{temporary: true}}}, nil)
	c.do("PATCH", "/api/tenant/"+id, object{"tenant": settings}, nil)
	c.Client, c.tenant = everywhere.In(wire.ID(id)), wire.ID(id)
	c.made = append(c.made, "for a moment a tenant with the settings that it takes")
}

// twoFactor gives a user an authenticator, and returns a recovery code.
func (c *cause) twoFactor(id string) (recovery string) {
	body := authenticator()
	var r wire.TwoFactorResponse
	c.do("POST", "/api/user/two-factor/"+id, body, &r)
	if len(r.RecoveryCodes) > 0 {
		recovery = r.RecoveryCodes[0]
	}
	return recovery
}

// challenge starts one, and returns what answers it.
func (c *cause) challenge() (id, code string) {
	user, _ := c.knows()
	code = c.twoFactor(user)
	var started wire.TwoFactorStartResponse
	c.do("POST", "/api/two-factor/start", object{"userId": user}, &started)
	return started.TwoFactorID, code
}

// authenticator is the body that makes an authenticator a second factor, with the code that it shows now (RFC 6238).
func authenticator() object {
	secret := []byte(rand.Text()[:20])
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, uint64(time.Now().Unix()/30))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	code := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return object{"method": "authenticator", "secret": secret, "code": fmt.Sprintf("%06d", code%1_000_000)}
}

func address() string { return "trigger-" + word() + "@example.com" }

// word is a few letters that nobody has used.
func word() string { return strings.ToLower(rand.Text()[:8]) }

// password is one that rules like.
func password() string { return "Trigger-1-" + rand.Text() }
