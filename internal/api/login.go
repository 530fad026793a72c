package api

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/login"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Statuses of FusionAuth's own, and those that mean something of their own here.
const (
	statusUnverified             = 212
	statusRegistrationUnverified = 213
	statusChallenge              = 242
)

// statusOfLogin has every way a login can end that did not fail.
var statusOfLogin = map[login.Status]int{
	login.In: http.StatusOK, login.NotRegistered: http.StatusAccepted, login.ChangePassword: http.StatusNonAuthoritativeInfo,
	login.Unverified: statusUnverified, login.RegistrationUnverified: statusRegistrationUnverified, login.Challenged: statusChallenge,
}

// loggedIn is the answer to a login: its status, its members, and cookies for browsers unless no token was wanted.
func loggedIn(c *call, noTokens bool, out *login.Outcome, err error) (any, error) {
	var prevented *login.PreventedError
	switch {
	case errors.Is(err, login.ErrLocked):
		return status(http.StatusLocked), nil
	case errors.Is(err, login.ErrExpired):
		return status(http.StatusGone), nil
	case errors.As(err, &prevented):
		return coded{http.StatusConflict, wire.LoginResponse{Actions: prevented.Actions}}, nil
	case err != nil:
		return nil, err
	}
	answer := withCookies{c: c, code: statusOfLogin[out.Status], body: out.LoginResponse}
	if out.Token != "" && !noTokens {
		answer.cookies = append(answer.cookies, [2]string{accessCookie, out.Token})
		if out.RefreshToken != "" {
			answer.cookies = append(answer.cookies, [2]string{refreshCookie, out.RefreshToken})
		}
	}
	if out.TwoFactorTrustID != "" {
		answer.cookies = append(answer.cookies, [2]string{trustCookie, out.TwoFactorTrustID})
	}
	return answer, nil
}

// logins are the handlers of logging in and out.
type logins struct {
	*server

	logins *login.Service
}

func (s *server) loginRoutes(of *login.Service) []route {
	h := logins{s, of}
	return []route{
		{"POST", "/api/login", "/api/login", optionalKey, h.login},
		{"PUT", "/api/login", "/api/login", userOrKey, h.ping},
		{"PUT", "/api/login/{userId}", "/api/login", tenantKey, h.ping},
		{"PUT", "/api/login/{userId}/{applicationId}", "/api/login", tenantKey, h.ping},
		{"POST", "/api/logout", "", open, h.logout},
		{"POST", "/api/passwordless/start", "/api/passwordless/start", tenantKey, h.start},
		{"POST", "/api/passwordless/send", "", open, h.send},
		{"POST", "/api/passwordless/login", "", open, h.complete},
		{"GET", "/api/user/recent-login", "/api/user/recent-login", tenantKey, h.recent},
		{"GET", "/api/system/login-record/search", "/api/system/login-record/search", tenantKey, h.records},
		{"POST", "/api/system/login-record/search", "/api/system/login-record/search", tenantKey, h.records},
	}
}

// login needs an API key unless the application, or without one the tenant, does without.
func (h logins) login(c *call) (any, error) {
	var request wire.LoginRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := h.tenantOf(c, request.ApplicationID)
	if err != nil {
		return nil, err
	}
	if c.key == nil {
		if open, err := h.logins.Open(c.ctx(), tenant, request.ApplicationID); err != nil || !open {
			return nil, cmp.Or(err, error(problem.ErrUnauthenticated))
		}
	}
	request.TwoFactorTrustID = cmp.Or(c.cookie(trustCookie), request.TwoFactorTrustID)
	out, err := h.logins.Login(c.ctx(), tenant, request, c.eventInfo(request.EventInfo))
	return loggedIn(c, request.NoJWT, out, err)
}

// tenantOf is the tenant of the request, or that of the application which it names, if nothing else says which.
func (s *server) tenantOf(c *call, application wire.ID) (wire.ID, error) {
	if c.scope == "" && application != "" {
		all, err := s.Applications.Registry(c.ctx())
		if err != nil {
			return "", err
		}
		if a := all.Find(application); a != nil {
			return a.TenantID, nil
		}
	}
	return c.tenant()
}

// ping takes user and application from the path or the body, or, with a token of the user, from that.
func (h logins) ping(c *call) (any, error) {
	var request wire.LoginPingRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	for _, name := range []struct {
		in string
		to *wire.ID
	}{{"userId", &request.UserID}, {"applicationId", &request.ApplicationID}} {
		id, err := c.pathID(name.in)
		if err != nil {
			return nil, err
		}
		*name.to = cmp.Or(id, *name.to)
	}
	request.IPAddress = cmp.Or(request.IPAddress, c.query("callerIPAddress")) // how the OpenAPI description calls it
	u := c.user
	if u == nil {
		if request.UserID == "" {
			return nil, invalidField("userId", "missing", "Say which user: userId.")
		}
		var err error
		if u, err = h.Users.Load(c.ctx(), request.UserID); err == nil {
			err = c.narrow(u.TenantID)
		}
		if err != nil {
			return nil, err
		}
	} else {
		request.ApplicationID = cmp.Or(request.ApplicationID, c.claims.Application)
	}
	if request.ApplicationID == "" {
		return nil, invalidField("applicationId", "missing", "Say which application: applicationId.")
	}
	out, err := h.logins.Ping(c.ctx(), u, request, c.eventInfo(request.EventInfo))
	if err != nil {
		return nil, err
	}
	return coded{statusOfLogin[out.Status], struct{}{}}, nil // the clients decode something
}

// logout always succeeds.
func (h logins) logout(c *call) (any, error) {
	var request wire.LogoutRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	request.RefreshToken = cmp.Or(c.cookie(refreshCookie), request.RefreshToken)
	if err := h.logins.Logout(c.ctx(), request, c.eventInfo(request.EventInfo)); err != nil {
		return nil, err
	}
	return withCookies{c: c, cookies: [][2]string{{accessCookie, ""}, {refreshCookie, ""}}, code: http.StatusOK}, nil
}

func (h logins) start(c *call) (any, error) {
	var request wire.PasswordlessStartRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := h.tenantOf(c, request.ApplicationID)
	if err != nil {
		return nil, err
	}
	response, err := h.logins.StartPasswordless(c.ctx(), tenant, request)
	if err != nil {
		return nil, err
	}
	return response, nil
}

// send sends a code that was started. With an application and a login id it starts first: that is how older clients do both.
func (h logins) send(c *call) (any, error) {
	var request wire.PasswordlessSendRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if request.Code == "" && request.LoginID != "" {
		tenant, err := h.tenantOf(c, request.ApplicationID)
		if err != nil {
			return nil, err
		}
		started, err := h.logins.StartPasswordless(c.ctx(), tenant, wire.PasswordlessStartRequest{
			ApplicationID: request.ApplicationID, LoginID: request.LoginID, State: request.State,
		})
		if err != nil {
			return nil, err
		}
		request.Code = started.Code
	}
	if request.Code == "" {
		return nil, invalidField("code", "blank", "The code is missing.")
	}
	err := h.logins.SendPasswordless(c.ctx(), request.Code)
	if errors.Is(err, login.ErrNoTemplate) {
		return nil, invalidField("applicationId", "disabled", "There is no template for the message (passwordlessEmailTemplateId), or the user has no address.")
	}
	return nil, err
}

func (h logins) complete(c *call) (any, error) {
	var request wire.PasswordlessLoginRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	request.TwoFactorTrustID = cmp.Or(c.cookie(trustCookie), request.TwoFactorTrustID)
	out, err := h.logins.CompletePasswordless(c.ctx(), request, c.eventInfo(request.EventInfo))
	return loggedIn(c, request.NoJWT, out, err)
}

// recent are the newest logins, of a user if one is named. offset and limit are how older endpoints call a page.
func (h logins) recent(c *call) (any, error) {
	var page struct {
		UserID wire.ID `json:"userId"`
		Offset int     `json:"offset"`
		Limit  int     `json:"limit"`
	}
	if err := c.decodeQuery(&page); err != nil {
		return nil, err
	}
	search := wire.LoginRecordSearch{UserID: page.UserID, Page: wire.Page{StartRow: page.Offset, NumberOfResults: cmp.Or(page.Limit, 10)}}
	records, _, err := h.logins.Records(c.ctx(), c.scope, search)
	return wire.RecentLoginResponse{Logins: records}, err
}

func (h logins) records(c *call) (any, error) {
	var criteria wire.LoginRecordSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	records, total, err := h.logins.Records(c.ctx(), c.scope, criteria)
	return wire.LoginRecordSearchResponse{Logins: records, Total: total}, err
}

// sessionOf returns the user whom a caller with a key names, or whose token the caller has; nobody may name somebody else with a token.
func (s *server) sessionOf(c *call, named wire.ID) (*identity.User, error) {
	if c.user != nil {
		if named != "" && named != c.user.ID {
			return nil, problem.ErrNotFound
		}
		return c.user, nil
	}
	u, err := s.Users.Load(c.ctx(), named)
	if err != nil {
		return nil, err
	}
	return u, c.narrow(u.TenantID)
}
