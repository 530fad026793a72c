package api

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/herald-events/herald/internal/keep"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

func (s *server) applicationRoutes() []route {
	return []route{
		{"POST", "/api/application", "/api/application", tenantKey, s.createApplication},
		{"POST", "/api/application/{applicationId}", "/api/application", tenantKey, s.createApplication},
		{"GET", "/api/application", "/api/application", tenantKey, s.listApplications},
		{"GET", "/api/application/{applicationId}", "/api/application", tenantKey, s.loadApplication},
		{"GET", "/api/application/{applicationId}/oauth-configuration", "/api/application/oauth-configuration", tenantKey, s.loadOAuthConfiguration},
		{"PUT", "/api/application/{applicationId}", "/api/application", tenantKey, s.replaceApplication},
		{"PATCH", "/api/application/{applicationId}", "/api/application", tenantKey, s.patchApplication},
		{"DELETE", "/api/application/{applicationId}", "/api/application", tenantKey, s.deleteApplication},
		{"GET", "/api/application/search", "/api/application/search", tenantKey, s.searchApplications},
		{"POST", "/api/application/search", "/api/application/search", tenantKey, s.searchApplications},

		{"POST", "/api/application/{applicationId}/role", "/api/application/role", tenantKey, s.createRole},
		{"POST", "/api/application/{applicationId}/role/{roleId}", "/api/application/role", tenantKey, s.createRole},
		{"PUT", "/api/application/{applicationId}/role/{roleId}", "/api/application/role", tenantKey, s.replaceRole},
		{"PATCH", "/api/application/{applicationId}/role/{roleId}", "/api/application/role", tenantKey, s.patchRole},
		{"DELETE", "/api/application/{applicationId}/role/{roleId}", "/api/application/role", tenantKey, s.deleteRole},
		{"DELETE", "/api/application/{applicationId}/role", "/api/application/role", tenantKey, s.deleteRole},
	}
}

// application returns the application that the path names, unless it is out of the caller's reach.
func (s *server) application(c *call) (a wire.Application, err error) {
	id, err := c.pathID("applicationId")
	if err != nil {
		return a, err
	}
	if a, err = s.Applications.Load(c.ctx(), id); err != nil {
		return a, err
	}
	return a, c.narrow(a.TenantID)
}

// scopesMember is where an application shows its scopes. They are objects of their own, so in a request the member means nothing.
const scopesMember = "scopes"

// withScopes adds to applications what scopes they have. To one it adds its own alone.
func (s *server) withScopes(c *call, applications ...*wire.Application) error {
	if s.Kept == nil { // a server without them
		return nil
	}
	within := keep.Within{Tenant: c.scope}
	if len(applications) == 1 {
		within.Application = applications[0].ID
	}
	scopes, err := s.Kept.Scopes(c.ctx(), within)
	if err != nil {
		return err
	}
	for _, a := range applications {
		if own := scopes[a.ID]; len(own) > 0 {
			shown, err := json.Marshal(own)
			if err != nil {
				return err
			}
			a.Extra = maps.Clone(a.Extra) // it may be shared with others who read the application
			if a.Extra == nil {
				a.Extra = map[string]json.RawMessage{}
			}
			a.Extra[scopesMember] = shown
		}
	}
	return nil
}

// oneApplication is the answer with an application, or the error of what led to it.
func (s *server) oneApplication(c *call, a wire.Application, err error) (any, error) {
	if err == nil {
		err = s.withScopes(c, &a)
	}
	return wire.ApplicationResponse{Application: &a}, err
}

func pointers[T any](all []T) []*T {
	to := make([]*T, len(all))
	for i := range all {
		to[i] = &all[i]
	}
	return to
}

func (s *server) createApplication(c *call) (any, error) {
	id, err := c.pathID("applicationId")
	if err != nil {
		return nil, err
	}
	var request wire.ApplicationRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	delete(request.Application.Extra, scopesMember)
	a, err := s.Applications.Create(c.ctx(), tenant, id, request.SourceApplicationID, request.Application, c.eventInfo(request.EventInfo))
	return wire.ApplicationResponse{Application: &a}, err
}

// listApplications lists the active ones, or with inactive=true those that are not.
func (s *server) listApplications(c *call) (any, error) {
	inactive, err := c.queryBool("inactive")
	if err != nil {
		return nil, err
	}
	all, err := s.Applications.List(c.ctx(), c.scope, !inactive)
	if err == nil {
		err = s.withScopes(c, pointers(all)...)
	}
	return wire.ApplicationsResponse{Applications: all}, err
}

func (s *server) loadApplication(c *call) (any, error) {
	a, err := s.application(c)
	return s.oneApplication(c, a, err)
}

func (s *server) loadOAuthConfiguration(c *call) (any, error) {
	a, err := s.application(c)
	return wire.ApplicationOAuthResponse{OAuthConfiguration: a.Extra["oauthConfiguration"]}, err
}

// replaceApplication is PUT: a new application in the place of the old one, or, with ?reactivate=true and no body, the old one active again.
func (s *server) replaceApplication(c *call) (any, error) {
	reactivate, err := c.queryBool("reactivate")
	if err != nil {
		return nil, err
	}
	if reactivate {
		a, err := s.application(c)
		if err != nil {
			return nil, err
		}
		a, err = s.Applications.SetActive(c.ctx(), a.ID, true)
		return s.oneApplication(c, a, err)
	}
	var request wire.ApplicationRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return s.changeApplication(c, &request, func(wire.Application) error { return nil })
}

func (s *server) patchApplication(c *call) (any, error) {
	var request wire.ApplicationRequest
	return s.changeApplication(c, &request, func(current wire.Application) error {
		request = wire.ApplicationRequest{}
		return c.patch(wire.ApplicationRequest{Application: current}, &request)
	})
}

// changeApplication replaces the application that the path names by that of the request, which fill makes of the current one.
func (s *server) changeApplication(c *call, request *wire.ApplicationRequest, fill func(wire.Application) error) (any, error) {
	a, err := s.application(c)
	if err == nil {
		err = fill(a) // for the origin of the event, and so that a body that is no patch is told before anything is done
	}
	if err != nil {
		return nil, err
	}
	a, err = s.Applications.Update(c.ctx(), a.ID, c.eventInfo(request.EventInfo), func(current wire.Application) (wire.Application, error) {
		err := fill(current)
		delete(request.Application.Extra, scopesMember)
		return request.Application, err
	})
	return s.oneApplication(c, a, err)
}

// deleteApplication deactivates, or deletes for good when the query or the body says hardDelete.
func (s *server) deleteApplication(c *call) (any, error) {
	hard, err := c.queryBool("hardDelete")
	if err != nil {
		return nil, err
	}
	var request wire.ApplicationDeleteRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	a, err := s.application(c)
	if err != nil {
		return nil, err
	}
	if hard || request.HardDelete {
		return nil, s.Applications.Delete(c.ctx(), a.ID)
	}
	_, err = s.Applications.SetActive(c.ctx(), a.ID, false)
	return nil, err
}

func (s *server) searchApplications(c *call) (any, error) {
	var criteria wire.ApplicationSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	all, total, err := s.Applications.Search(c.ctx(), c.scope, criteria)
	if err == nil {
		err = s.withScopes(c, pointers(all)...)
	}
	return wire.ApplicationSearchResponse{Applications: all, Total: total}, err
}

func (s *server) createRole(c *call) (any, error) {
	var request wire.ApplicationRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	id, err := c.pathID("roleId")
	if err != nil {
		return nil, err
	}
	a, err := s.application(c)
	if err != nil {
		return nil, err
	}
	r, err := s.Applications.CreateRole(c.ctx(), a.ID, id, request.Role)
	return wire.ApplicationResponse{Role: &r}, err
}

func (s *server) replaceRole(c *call) (any, error) {
	var request wire.ApplicationRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return s.changeRole(c, func(wire.ApplicationRole) (wire.ApplicationRole, error) { return request.Role, nil })
}

func (s *server) patchRole(c *call) (any, error) {
	return s.changeRole(c, func(current wire.ApplicationRole) (wire.ApplicationRole, error) {
		var request wire.ApplicationRequest
		err := c.patch(wire.ApplicationRequest{Role: current}, &request)
		return request.Role, err
	})
}

func (s *server) changeRole(c *call, change func(wire.ApplicationRole) (wire.ApplicationRole, error)) (any, error) {
	id, err := c.pathID("roleId")
	if err != nil {
		return nil, err
	}
	a, err := s.application(c)
	if err != nil {
		return nil, err
	}
	r, err := s.Applications.UpdateRole(c.ctx(), a.ID, id, change)
	return wire.ApplicationResponse{Role: &r}, err
}

// deleteRole takes the role from the path, or by its name or id from the query.
func (s *server) deleteRole(c *call) (any, error) {
	id, err := c.pathID("roleId")
	if err != nil {
		return nil, err
	}
	a, err := s.application(c)
	if err != nil {
		return nil, err
	}
	if id == "" {
		if id, err = c.queryID("roleId"); err != nil {
			return nil, err
		}
	}
	if name := c.query("roleName"); id == "" && name != "" {
		i := slices.IndexFunc(a.Roles, func(r wire.ApplicationRole) bool { return r.Name == name })
		if i < 0 {
			return nil, problem.ErrNotFound
		}
		id = a.Roles[i].ID
	}
	if id == "" {
		return nil, invalidField("roleId", "missing", "Say which role: an id in the path, or roleId or roleName as a parameter.")
	}
	return nil, s.Applications.DeleteRole(c.ctx(), a.ID, id)
}
