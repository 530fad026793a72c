package api

import (
	"cmp"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/wire"
)

func (s *server) registrationRoutes() []route {
	const permission = "/api/user/registration"
	return []route{
		{"POST", "/api/user/registration", permission, tenantKey, s.createRegistration},
		{"POST", "/api/user/registration/{userId}", permission, tenantKey, s.createRegistration},
		{"GET", "/api/user/registration/{userId}/{applicationId}", permission, tenantKey, s.loadRegistration},
		{"PUT", "/api/user/registration/{userId}", permission, tenantKey, s.replaceRegistration},
		{"PUT", "/api/user/registration/{userId}/{applicationId}", permission, tenantKey, s.replaceRegistration},
		{"PATCH", "/api/user/registration/{userId}", permission, tenantKey, s.patchRegistration},
		{"PATCH", "/api/user/registration/{userId}/{applicationId}", permission, tenantKey, s.patchRegistration},
		{"DELETE", "/api/user/registration/{userId}/{applicationId}", permission, tenantKey, s.deleteRegistration},
	}
}

// createRegistration registers the user that the path names, or creates one and registers it.
func (s *server) createRegistration(c *call) (any, error) {
	id, err := c.pathID("userId")
	if err != nil {
		return nil, err
	}
	var request wire.RegistrationRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	info := c.eventInfo(request.EventInfo)
	if id != "" && !createsUser(request) {
		u, err := s.user(c)
		if err != nil {
			return nil, err
		}
		done, err := s.Users.Register(c.ctx(), u, request, info)
		if err != nil {
			return nil, err
		}
		return s.registered(c, done, nil)
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	done, err := s.Users.CreateRegistered(c.ctx(), tenant, id, request, info)
	if err != nil {
		return nil, err
	}
	return s.registered(c, done, &done.User.User)
}

// createsUser tells whether a request that names a user in its path means one who does not exist yet. FusionAuth takes it so whenever there is
// a user in the body; but its Go client always sends one, and then with nothing in it that could make a user.
func createsUser(r wire.RegistrationRequest) bool {
	return r.User != nil && cmp.Or(r.User.Email, r.User.Username, r.User.PhoneNumber, r.User.Password) != ""
}

// registered answers with what has come of a registration, and with tokens, unless something keeps the user from logging in. created is the user that
// was made together with it, or nil; one who has to choose a password first gets no tokens.
func (s *server) registered(c *call, done identity.Registered, created *wire.User) (any, error) {
	answer := wire.RegistrationResponse{
		Registration: &done.Registration, User: created,
		VerificationIDs:            done.User.Asked,
		RegistrationVerificationID: done.Verification.ID, RegistrationVerificationOneTimeCode: done.Verification.OneTimeCode,
	}
	answer.EmailVerificationID, answer.EmailVerificationOneTimeCode = emailAmong(done.User.Asked)
	if created != nil && created.PasswordLastUpdateInstant == 0 {
		return answer, nil
	}
	signed, refreshToken, refreshTokenID, err := s.Logins.TokensFor(c.ctx(), done.User, done.Registration.ApplicationID, event.AuthenticationRegistration, true)
	answer.Token, answer.TokenExpirationInstant = signed.Token, signed.Expires
	answer.RefreshToken, answer.RefreshTokenID = refreshToken, refreshTokenID
	return answer, err
}

// userAndApplication are whose registration the path names, and for what: "" if it leaves that open.
func (s *server) userAndApplication(c *call) (*identity.User, wire.ID, error) {
	application, err := c.pathID("applicationId")
	if err != nil {
		return nil, "", err
	}
	u, err := s.user(c)
	return u, application, err
}

func (s *server) loadRegistration(c *call) (any, error) {
	u, id, err := s.userAndApplication(c)
	if err != nil {
		return nil, err
	}
	r, err := u.Registration(id)
	return wire.RegistrationResponse{Registration: &r}, err
}

// replaceRegistration is PUT. As a password would, the authentication token stays when the request has none.
func (s *server) replaceRegistration(c *call) (any, error) {
	var request wire.RegistrationRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return s.changeRegistration(c, func(current wire.Registration) (wire.RegistrationRequest, error) {
		changed := request
		changed.Registration.AuthenticationToken = cmp.Or(changed.Registration.AuthenticationToken, current.AuthenticationToken)
		return changed, nil
	})
}

func (s *server) patchRegistration(c *call) (any, error) {
	return s.changeRegistration(c, func(current wire.Registration) (request wire.RegistrationRequest, err error) {
		err = c.patch(wire.RegistrationRequest{Registration: current}, &request)
		return request, err
	})
}

// changeRegistration changes the registration for the application that the path names, or else the body.
func (s *server) changeRegistration(c *call, change func(current wire.Registration) (wire.RegistrationRequest, error)) (any, error) {
	u, id, err := s.userAndApplication(c)
	if err != nil {
		return nil, err
	}
	var current wire.Registration
	if id != "" {
		if current, err = u.Registration(id); err != nil {
			return nil, err
		}
	}
	request, err := change(current) // for the origin of the event, and for the application if the path does not name it
	if err != nil {
		return nil, err
	}
	if id = cmp.Or(id, request.Registration.ApplicationID); id == "" {
		return nil, invalidField("registration.applicationId", "missing", "Say for which application, in the path or here.")
	}
	r, err := s.Users.UpdateRegistration(c.ctx(), u, id, c.eventInfo(request.EventInfo), change)
	return wire.RegistrationResponse{Registration: &r}, err
}

func (s *server) deleteRegistration(c *call) (any, error) {
	var request wire.RegistrationDeleteRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	u, id, err := s.userAndApplication(c)
	if err != nil {
		return nil, err
	}
	return nil, s.Users.Unregister(c.ctx(), u, id, c.eventInfo(request.EventInfo))
}
