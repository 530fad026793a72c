package api

import (
	"context"
	"net/http"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/wire"
)

func (s *server) userRoutes() []route {
	return []route{
		{"POST", "/api/user", "/api/user", tenantKey, s.createUser},
		{"POST", "/api/user/{userId}", "/api/user", tenantKey, s.createUser},
		{"GET", "/api/user", "/api/user", userOrKey, s.findUser},
		{"GET", "/api/user/{userId}", "/api/user", tenantKey, s.loadUser},
		{"PUT", "/api/user/{userId}", "/api/user", tenantKey, s.replaceUser},
		{"PATCH", "/api/user/{userId}", "/api/user", tenantKey, s.patchUser},
		{"DELETE", "/api/user/{userId}", "/api/user", tenantKey, s.deleteUser},
		{"POST", importPattern, importPattern, tenantKey, s.importUsers},
		{"DELETE", "/api/user/bulk", "/api/user/bulk", tenantKey, s.deleteUsers},
		{"GET", "/api/user/search", "/api/user/search", tenantKey, s.searchUsers},
		{"POST", "/api/user/search", "/api/user/search", tenantKey, s.searchUsers},
		{"PUT", "/api/user/search", "/api/user/search", tenantKey, refreshSearch},
	}
}

func (s *server) createUser(c *call) (any, error) {
	id, err := c.pathID("userId")
	if err != nil {
		return nil, err
	}
	var request wire.UserRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	u, err := s.Users.Create(c.ctx(), tenant, id, request, c.eventInfo(request.EventInfo))
	if err != nil {
		return nil, err
	}
	answer := userResponse(u)
	if u.PasswordLastUpdateInstant != 0 { // who has to choose a password first gets no token
		signed, _, _, err := s.Logins.TokensFor(c.ctx(), u, "", event.AuthenticationUserCreate, false)
		if err != nil {
			return nil, err
		}
		answer.Token, answer.TokenExpirationInstant = signed.Token, signed.Expires
	}
	return answer, nil
}

// user returns the user that the path names, unless it is out of the caller's reach.
func (s *server) user(c *call) (*identity.User, error) {
	id, err := c.pathID("userId")
	if err != nil {
		return nil, err
	}
	u, err := s.Users.Load(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	return u, c.narrow(u.TenantID)
}

// userResponse has the user, with the ids of verifications that a change has begun.
func userResponse(u *identity.User) wire.UserResponse { return withVerifications(u, u.Asked) }

func withVerifications(u *identity.User, asked []wire.VerificationID) wire.UserResponse {
	answer := wire.UserResponse{User: &u.User, VerificationIDs: asked}
	answer.EmailVerificationID, answer.EmailVerificationOneTimeCode = emailAmong(asked)
	return answer
}

// emailAmong returns the id and the code of the verification of the e-mail address.
func emailAmong(asked []wire.VerificationID) (id, code string) {
	for _, v := range asked {
		if v.Type == wire.IdentityEmail {
			return v.ID, v.OneTimeCode
		}
	}
	return "", ""
}

// found is the answer to a caller with a key who reads a user: it also has the ids of verifications that wait.
func (s *server) found(c *call, u *identity.User) (any, error) {
	asked, err := s.Verifications.Of(c.ctx(), u)
	if err != nil {
		return nil, err
	}
	return withVerifications(u, asked), nil
}

func (s *server) loadUser(c *call) (any, error) {
	u, err := s.user(c)
	if err != nil {
		return nil, err
	}
	return s.found(c, u)
}

// findUser looks a user up by a login id. The parameters are tried in the order of the code; the first that is there counts.
func (s *server) findUser(c *call) (any, error) {
	if c.user != nil { // with a token: one's own
		return userResponse(c.user), nil
	}
	for _, by := range []struct {
		parameter string
		kinds     []wire.IdentityType
	}{
		{"email", []wire.IdentityType{wire.IdentityEmail}},
		{"username", []wire.IdentityType{wire.IdentityUsername}},
		{"loginId", nil},
	} {
		text := c.query(by.parameter)
		if text == "" {
			continue
		}
		kinds := by.kinds
		if kinds == nil {
			for _, text := range c.queryAll("loginIdTypes") {
				kinds = append(kinds, wire.IdentityType(text))
			}
		}
		tenant, err := c.tenant()
		if err != nil {
			return nil, err
		}
		u, _, err := s.Users.FindByLoginID(c.ctx(), tenant, text, kinds)
		if err != nil {
			return nil, err
		}
		return s.found(c, u)
	}
	for _, by := range []struct {
		parameter string
		load      func(ctx context.Context, id string) (*identity.User, error)
	}{{"changePasswordId", s.Resets.LoadByID}, {"verificationId", s.Verifications.LoadByID}} {
		id := c.query(by.parameter)
		if id == "" {
			continue
		}
		u, err := by.load(c.ctx(), id)
		if err == nil {
			err = c.narrow(u.TenantID)
		}
		if err != nil {
			return nil, err
		}
		return s.found(c, u)
	}
	return nil, invalidField("userId", "missing", "Say which user: an id in the path, or email, username or loginId as a parameter.")
}

// replaceUser is PUT: a new user in the place of the old one, or, with ?reactivate=true and no body, the old one active again.
func (s *server) replaceUser(c *call) (any, error) {
	reactivate, err := c.queryBool("reactivate")
	if err != nil {
		return nil, err
	}
	u, err := s.user(c)
	if err != nil {
		return nil, err
	}
	var request wire.UserRequest
	if reactivate {
		if err := c.decodeOptional(&request); err != nil {
			return nil, err
		}
		if u, err = s.Users.Reactivate(c.ctx(), u, c.eventInfo(request.EventInfo)); err != nil {
			return nil, err
		}
		return userResponse(u), nil
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return s.updateUser(c, u, request)
}

func (s *server) patchUser(c *call) (any, error) {
	u, err := s.user(c)
	if err != nil {
		return nil, err
	}
	var request wire.UserRequest
	if err := c.patch(wire.UserRequest{User: wire.UserInput{User: u.User}}, &request); err != nil {
		return nil, err
	}
	return s.updateUser(c, u, request)
}

func (s *server) updateUser(c *call, u *identity.User, request wire.UserRequest) (any, error) {
	u, err := s.Users.Update(c.ctx(), u, request, c.eventInfo(request.EventInfo))
	if err != nil {
		return nil, err
	}
	return userResponse(u), nil
}

// deleteUser deactivates, or deletes for good when the query or the body says hardDelete.
func (s *server) deleteUser(c *call) (any, error) {
	hard, err := c.queryBool("hardDelete")
	if err != nil {
		return nil, err
	}
	var request wire.UserDeleteSingleRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	u, err := s.user(c)
	if err != nil {
		return nil, err
	}
	info := c.eventInfo(request.EventInfo)
	if hard || request.HardDelete {
		return nil, s.Users.Delete(c.ctx(), u, info)
	}
	return nil, s.Users.Deactivate(c.ctx(), u, info)
}

// deleteUsers takes what is in the body, and from the query what the body leaves open. userId and userIds mean the same.
func (s *server) deleteUsers(c *call) (any, error) {
	var request wire.UserDeleteRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	more, err := c.queryIDs("userId")
	if err != nil {
		return nil, err
	}
	request.UserIDs = append(request.UserIDs, more...)
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	response, err := s.Users.DeleteBulk(c.ctx(), c.scope, request, c.eventInfo(request.EventInfo))
	if err != nil {
		return nil, err
	}
	return response, nil
}

// importPattern is the path of the call with the largest bodies.
const importPattern = "/api/user/import"

func (s *server) importUsers(c *call) (any, error) {
	var request wire.UserImportRequest
	s.importing.Lock() // of several imports at once, one takes the memory for understanding its body
	err := c.decode(&request)
	s.importing.Unlock()
	if err != nil {
		return nil, err
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	return nil, s.Users.Import(c.ctx(), tenant, request, c.eventInfo(request.EventInfo))
}

func (s *server) searchUsers(c *call) (any, error) {
	var criteria wire.UserSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	if criteria.Expand == nil && c.r.Method == http.MethodPost { // there it may also stand beside the criteria
		var beside struct {
			Expand []string `json:"expand"`
		}
		if err := c.decode(&beside); err != nil {
			return nil, err
		}
		criteria.Expand = beside.Expand
	}
	found, err := s.Users.Search(c.ctx(), c.scope, criteria)
	if err != nil {
		return nil, err
	}
	return wire.UserSearchResponse{Users: found.Users, Total: found.Total, NextResults: found.Next}, nil
}

// refreshSearch is for callers that wait for a search index: here a search always finds what is committed.
func refreshSearch(*call) (any, error) { return nil, nil }
