package api

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/twofactor"
	"github.com/herald-events/herald/wire"
)

// twoFactors are the handlers of second factors.
type twoFactors struct {
	*server

	factors *twofactor.Service
}

// twoFactorRoutes are open where a caller proves with an id that nobody can guess to be in the middle of a login.
func (s *server) twoFactorRoutes(factors *twofactor.Service) []route {
	h := twoFactors{s, factors}
	return []route{
		{"GET", "/api/two-factor/secret", "/api/two-factor/secret", userOrKey, h.secret},
		{"POST", "/api/two-factor/send", "/api/two-factor/send", tenantKey, h.send},
		{"POST", "/api/two-factor/send/{twoFactorId}", "/api/two-factor/send", open, h.sendForLogin},
		{"POST", "/api/two-factor/start", "/api/two-factor/start", tenantKey, h.start},
		{"POST", "/api/two-factor/login", "/api/two-factor/login", open, h.login},
		{"GET", "/api/two-factor/status/{trustId}", "/api/two-factor/status", tenantKey, h.status},
		{"POST", "/api/two-factor/status", "/api/two-factor/status", tenantKey, h.status},
		{"POST", "/api/user/two-factor/{userId}", "/api/user/two-factor", tenantKey, h.enable},
		{"PUT", "/api/user/two-factor/{userId}", "/api/user/two-factor", tenantKey, h.rename},
		{"DELETE", "/api/user/two-factor/{userId}", "/api/user/two-factor", tenantKey, h.disable},
		{"POST", "/api/user/two-factor", "", userOnly, h.enable},
		{"DELETE", "/api/user/two-factor", "", userOnly, h.disable},
		{"POST", "/api/user/two-factor/recovery-code/{userId}", "/api/user/two-factor/recovery-code", tenantKey, h.newRecoveryCodes},
		{"GET", "/api/user/two-factor/recovery-code/{userId}", "/api/user/two-factor/recovery-code", tenantKey, h.recoveryCodes},
	}
}

// byID returns the user with an id, unless out of the caller's reach.
func (h twoFactors) byID(c *call, id wire.ID) (*identity.User, error) {
	if id == "" {
		return nil, invalidField("userId", "missing", "Say which user: userId.")
	}
	u, err := h.Users.Load(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	return u, c.narrow(u.TenantID)
}

// said makes a status of a wrong code.
func said(result any, err error) (any, error) {
	if errors.Is(err, twofactor.ErrWrongCode) {
		return status(http.StatusMisdirectedRequest), nil
	}
	return result, err
}

// mine returns the user that the path names, or whose token the request has.
func (h twoFactors) mine(c *call) (*identity.User, error) {
	if c.user != nil {
		return c.user, nil
	}
	return h.server.user(c)
}

func (h twoFactors) secret(*call) (any, error) { return h.factors.Secret(), nil }

func (h twoFactors) send(c *call) (any, error) {
	var request wire.TwoFactorSendRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, err := h.byID(c, request.UserID)
	if err != nil {
		return nil, err
	}
	return nil, h.factors.Send(c.ctx(), u, request)
}

func (h twoFactors) sendForLogin(c *call) (any, error) {
	var request wire.TwoFactorSendRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return nil, h.factors.SendForLogin(c.ctx(), c.r.PathValue("twoFactorId"), request)
}

func (h twoFactors) start(c *call) (any, error) {
	var request wire.TwoFactorStartRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	var u *identity.User
	var err error
	if request.UserID == "" && request.LoginID != "" {
		tenant, err := c.tenant()
		if err != nil {
			return nil, err
		}
		if u, _, err = h.Users.FindByLoginID(c.ctx(), tenant, request.LoginID, request.LoginIDTypes); err != nil {
			return nil, err
		}
	} else if u, err = h.byID(c, request.UserID); err != nil {
		return nil, err
	}
	response, err := h.factors.Start(c.ctx(), u, request, c.eventInfo(request.EventInfo))
	if err != nil {
		return nil, err
	}
	return response, nil
}

func (h twoFactors) login(c *call) (any, error) {
	var request wire.TwoFactorLoginRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	out, err := h.factors.Complete(c.ctx(), request, c.eventInfo(request.EventInfo))
	if errors.Is(err, twofactor.ErrWrongCode) {
		return said(nil, err)
	}
	return loggedIn(c, request.NoJWT, out, err)
}

// status takes the trust id from the path or the body. Without a user it is about the one who trusted the computer.
func (h twoFactors) status(c *call) (any, error) {
	var request wire.TwoFactorStatusRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	request.TwoFactorTrustID = cmp.Or(c.r.PathValue("trustId"), request.TwoFactorTrustID)
	var u *identity.User
	var err error
	if request.UserID == "" && request.TwoFactorTrustID != "" {
		if u, err = h.factors.TrustedUser(c.ctx(), request.TwoFactorTrustID); err == nil {
			err = c.narrow(u.TenantID)
		}
	} else {
		u, err = h.byID(c, request.UserID)
	}
	if err != nil {
		return nil, err
	}
	response, challenged, err := h.factors.Status(c.ctx(), u, request)
	switch {
	case err != nil:
		return nil, err
	case challenged:
		return coded{statusChallenge, response}, nil
	}
	return response, nil
}

func (h twoFactors) enable(c *call) (any, error) {
	var request wire.TwoFactorRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, err := h.mine(c)
	if err != nil {
		return nil, err
	}
	response, err := h.factors.Enable(c.ctx(), u, request, c.eventInfo(request.EventInfo))
	if err != nil {
		return said(nil, err)
	}
	return response, nil
}

// rename takes the method from the query, as the documentation has it, or from the body, as the clients do.
func (h twoFactors) rename(c *call) (any, error) {
	var request wire.TwoFactorRenameRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	u, err := h.user(c)
	if err != nil {
		return nil, err
	}
	return nil, h.factors.Rename(c.ctx(), u.ID, request.MethodID, request.Name)
}

// disable takes what is in the body, and from the query what the body leaves open.
func (h twoFactors) disable(c *call) (any, error) {
	var request wire.TwoFactorDisableRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	u, err := h.mine(c)
	if err != nil {
		return nil, err
	}
	return said(nil, h.factors.Disable(c.ctx(), u, request, c.eventInfo(request.EventInfo)))
}

func (h twoFactors) newRecoveryCodes(c *call) (any, error) {
	u, err := h.user(c)
	if err != nil {
		return nil, err
	}
	codes, err := h.factors.NewRecoveryCodes(c.ctx(), u.ID)
	return wire.TwoFactorRecoveryCodeResponse{RecoveryCodes: codes}, err
}

// recoveryCodes lists none: what is stored can only be compared.
func (h twoFactors) recoveryCodes(c *call) (any, error) {
	_, err := h.user(c)
	return wire.TwoFactorRecoveryCodeResponse{}, err
}
