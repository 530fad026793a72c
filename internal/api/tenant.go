package api

import (
	"net/http"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

func (s *server) tenantRoutes() []route {
	return []route{
		{"POST", "/api/tenant", "/api/tenant", globalKey, s.createTenant},
		{"POST", "/api/tenant/{tenantId}", "/api/tenant", globalKey, s.createTenant},
		{"GET", "/api/tenant", "/api/tenant", tenantKey, s.listTenants},
		{"GET", "/api/tenant/{tenantId}", "/api/tenant", tenantKey, s.loadTenant},
		{"PUT", "/api/tenant/{tenantId}", "/api/tenant", tenantKey, s.replaceTenant},
		{"PATCH", "/api/tenant/{tenantId}", "/api/tenant", tenantKey, s.patchTenant},
		{"DELETE", "/api/tenant/{tenantId}", "/api/tenant", tenantKey, s.deleteTenant},
		{"GET", "/api/tenant/search", "/api/tenant/search", instanceKey, s.searchTenants},
		{"POST", "/api/tenant/search", "/api/tenant/search", instanceKey, s.searchTenants},
		{"GET", "/api/tenant/password-validation-rules", "", open, s.passwordRules},
		{"GET", "/api/tenant/password-validation-rules/{tenantId}", "", open, s.passwordRules},
	}
}

func (s *server) createTenant(c *call) (any, error) {
	id, err := c.pathID("tenantId")
	if err != nil {
		return nil, err
	}
	var request wire.TenantRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	t, err := s.Tenants.Create(c.ctx(), id, request.SourceTenantID, request.Tenant, request.WebhookIDs)
	return wire.TenantResponse{Tenant: &t}, err
}

// listTenants shows a key or header of one tenant no other.
func (s *server) listTenants(c *call) (any, error) {
	all, err := s.Tenants.List(c.ctx())
	if err != nil {
		return nil, err
	}
	var response wire.TenantsResponse
	for _, t := range all {
		if c.narrow(t.ID) == nil {
			response.Tenants = append(response.Tenants, t)
		}
	}
	return response, nil
}

// tenantID is the tenant that the path names, unless it is out of the caller's reach.
func (c *call) tenantID() (wire.ID, error) {
	id, err := c.pathID("tenantId")
	if err != nil {
		return "", err
	}
	return id, c.narrow(id)
}

func (s *server) loadTenant(c *call) (any, error) {
	id, err := c.tenantID()
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.Load(c.ctx(), id)
	return wire.TenantResponse{Tenant: &t}, err
}

// replaceTenant replaces all of the tenant, the webhooks bound to it included.
func (s *server) replaceTenant(c *call) (any, error) {
	var request wire.TenantRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if request.WebhookIDs == nil {
		request.WebhookIDs = []wire.ID{}
	}
	return s.changeTenant(c, request.EventInfo, func(wire.Tenant) (wire.Tenant, []wire.ID, error) { return request.Tenant, request.WebhookIDs, nil })
}

func (s *server) patchTenant(c *call) (any, error) {
	id, err := c.tenantID()
	if err != nil {
		return nil, err
	}
	var request wire.TenantRequest
	fill := func(current wire.Tenant) error {
		request = wire.TenantRequest{}
		return c.patch(wire.TenantRequest{Tenant: current}, &request)
	}
	t, err := s.Tenants.Load(c.ctx(), id)
	if err == nil {
		err = fill(t) // for the origin of the event, and so that a body that is no patch is told before anything is done
	}
	if err != nil {
		return nil, err
	}
	return s.changeTenant(c, request.EventInfo, func(current wire.Tenant) (wire.Tenant, []wire.ID, error) {
		err := fill(current)
		return request.Tenant, request.WebhookIDs, err
	})
}

func (s *server) changeTenant(c *call, info *wire.EventInfo, change tenant.Change) (any, error) {
	id, err := c.tenantID()
	if err != nil {
		return nil, err
	}
	t, err := s.Applications.UpdateTenant(c.ctx(), id, c.eventInfo(info), change)
	return wire.TenantResponse{Tenant: &t}, err
}

// deleteTenant answers when the tenant is gone, also when the caller asked for a deletion in the background: 202 then promises less than
// is true. It needs a global key, as creation does; a tenant header guards against deleting another tenant than meant.
func (s *server) deleteTenant(c *call) (any, error) {
	if c.key.Tenant() != "" {
		return nil, problem.ErrUnauthenticated
	}
	id, err := c.tenantID()
	if err != nil {
		return nil, err
	}
	async, err := c.queryBool("async")
	if err != nil {
		return nil, err
	}
	var request wire.TenantDeleteRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	if err := s.Tenants.Delete(c.ctx(), id, c.eventInfo(request.EventInfo)); err != nil {
		return nil, err
	}
	if async || request.Async {
		return status(http.StatusAccepted), nil
	}
	return nil, nil
}

func (s *server) searchTenants(c *call) (any, error) {
	var criteria wire.TenantSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	tenants, total, err := s.Tenants.Search(c.ctx(), criteria)
	return wire.TenantSearchResponse{Tenants: tenants, Total: total}, err
}

type passwordRulesResponse struct {
	PasswordValidationRules wire.Object `json:"passwordValidationRules"`
}

// passwordRules tells anybody what a password must look like, so that a sign-up page can say it. Without an id it is the tenant of the
// header, or the only one.
func (s *server) passwordRules(c *call) (any, error) {
	id, err := c.pathID("tenantId")
	if err != nil {
		return nil, err
	}
	if id == "" {
		if header := c.r.Header.Get(tenantHeader); header != "" {
			given, ok := body.ParseID(header)
			if !ok {
				return nil, couldNotConvert("tenantId", "The header %s must be a UUID.", tenantHeader)
			}
			c.scope = given
		}
		if id, err = c.tenant(); err != nil {
			return nil, err
		}
	}
	rules, err := s.Tenants.PasswordRules(c.ctx(), id)
	return passwordRulesResponse{rules}, err
}
