package api

import (
	"slices"

	"github.com/herald-events/herald/wire"
)

// applicationRoutes are those for reading only: so far there is no application but the built-in one.
func (s *server) applicationRoutes() []route {
	return []route{
		{"GET", "/api/application", "/api/application", tenantKey, s.listApplications},
		{"GET", "/api/application/{applicationId}", "/api/application", tenantKey, s.loadApplication},
	}
}

// listApplications lists the active ones, or with inactive=true those that are not.
func (s *server) listApplications(c *call) (any, error) {
	inactive, err := c.queryBool("inactive")
	if err != nil {
		return nil, err
	}
	all, err := s.Tenants.Applications(c.ctx(), c.scope)
	all = slices.DeleteFunc(all, func(a wire.Application) bool { return a.Active == inactive })
	return wire.ApplicationsResponse{Applications: all}, err
}

func (s *server) loadApplication(c *call) (any, error) {
	id, err := c.pathID("applicationId")
	if err != nil {
		return nil, err
	}
	a, err := s.Tenants.Application(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	return wire.ApplicationResponse{Application: &a}, c.narrow(a.TenantID)
}
