package api

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// passwords are the handlers of the ways to a new password.
type passwords struct {
	*server

	resets *identity.Resets
}

func (s *server) passwordRoutes(resets *identity.Resets) []route {
	h := passwords{s, resets}
	return []route{
		{"POST", "/api/user/forgot-password", "/api/user/forgot-password", optionalKey, h.forgot},
		{"POST", "/api/user/change-password", "/api/user/change-password", userOrOpen, h.change},
		{"POST", "/api/user/change-password/{changePasswordId}", "/api/user/change-password", optionalKey, h.change},
		{"GET", "/api/user/change-password", "/api/user/change-password", userOrOpen, h.check},
		{"GET", "/api/user/change-password/{changePasswordId}", "/api/user/change-password", optionalKey, h.check},
	}
}

// coded is a result with another status than 200. A nil body stays away.
type coded struct {
	status int
	body   any
}

func (r coded) send(w http.ResponseWriter) error {
	if r.body == nil {
		w.WriteHeader(r.status)
		return nil
	}
	return writeJSON(w, r.status, r.body)
}

func (h passwords) forgot(c *call) (any, error) {
	var request wire.ForgotPasswordRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	trusted := c.key != nil
	id, err := h.resets.Forgot(c.ctx(), tenant, request, trusted, c.eventInfo(request.EventInfo))
	switch {
	case errors.Is(err, identity.ErrNoTemplate):
		return status(http.StatusForbidden), nil
	case errors.Is(err, identity.ErrNoAddress):
		return status(http.StatusUnprocessableEntity), nil
	case err != nil:
		return nil, err
	case !trusted:
		return nil, nil
	}
	return wire.ForgotPasswordResponse{ChangePasswordID: id}, nil
}

// change is by id (the body's wins over the path's), by a token of the user, or by login id with an API key.
func (h passwords) change(c *call) (any, error) {
	var request wire.ChangePasswordRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	request.ChangePasswordID = cmp.Or(request.ChangePasswordID, c.r.PathValue("changePasswordId"))
	info := c.eventInfo(request.EventInfo)
	if request.ChangePasswordID != "" {
		if err := h.inReach(c, request.ChangePasswordID); err != nil {
			return nil, err
		}
		response, err := h.resets.Change(c.ctx(), request, c.key != nil, info)
		if err != nil {
			return nil, err
		}
		return response, nil
	}
	if c.user != nil {
		response, err := h.resets.ChangeOwn(c.ctx(), c.user, request, info)
		if err != nil {
			return nil, err
		}
		return response, nil
	}
	u, err := h.named(c, request)
	if err != nil {
		return nil, err
	}
	return nil, h.resets.ChangeOf(c.ctx(), u, request, info)
}

// check is the dry run of change.
func (h passwords) check(c *call) (any, error) {
	var request wire.ChangePasswordRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	request.ChangePasswordID = cmp.Or(request.ChangePasswordID, c.r.PathValue("changePasswordId"))
	if request.ChangePasswordID != "" {
		if err := h.inReach(c, request.ChangePasswordID); err != nil {
			return nil, err
		}
		return nil, h.resets.Check(c.ctx(), request, c.key != nil)
	}
	if c.user != nil {
		return nil, h.resets.CheckOwn(c.ctx(), c.user, request)
	}
	_, err := h.named(c, request)
	return nil, err
}

// named returns the user with the login id of the request, for callers with a key.
func (h passwords) named(c *call, request wire.ChangePasswordRequest) (*identity.User, error) {
	if c.key == nil {
		return nil, problem.ErrUnauthenticated
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	return h.resets.Find(c.ctx(), tenant, request)
}

// inReach is problem.ErrNotFound for the id of a user in another tenant.
func (h passwords) inReach(c *call, id string) error {
	u, err := h.resets.LoadByID(c.ctx(), id)
	if err != nil {
		return err
	}
	return c.narrow(u.TenantID)
}
