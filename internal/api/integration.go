package api

import (
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/wire"
)

// integrations are the handlers of FusionAuth's Integration API. The parameter tenantId, for the integrations of one tenant, is ours.
type integrations struct{ sinks *sink.Service }

func integrationRoutes(service *sink.Service) []route {
	const path = "/api/integration"
	h := integrations{service}
	return []route{
		{"GET", path, path, globalKey, h.load},
		{"PUT", path, path, globalKey, h.replace},
		{"PATCH", path, path, globalKey, h.patch},
	}
}

func (h integrations) load(c *call) (any, error) {
	tenant, err := c.queryID("tenantId")
	if err != nil {
		return nil, err
	}
	i, err := h.sinks.Integrations(c.ctx(), tenant)
	return wire.IntegrationResponse{Integrations: &i}, err
}

func (h integrations) replace(c *call) (any, error) {
	var request wire.IntegrationRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return h.change(c, func(wire.Integrations) (wire.Integrations, error) { return request.Integrations, nil })
}

func (h integrations) patch(c *call) (any, error) {
	return h.change(c, func(current wire.Integrations) (wire.Integrations, error) {
		var request wire.IntegrationRequest
		err := c.patch(wire.IntegrationRequest{Integrations: current}, &request)
		return request.Integrations, err
	})
}

func (h integrations) change(c *call, change func(wire.Integrations) (wire.Integrations, error)) (any, error) {
	tenant, err := c.queryID("tenantId")
	if err != nil {
		return nil, err
	}
	i, err := h.sinks.SetIntegrations(c.ctx(), tenant, change)
	return wire.IntegrationResponse{Integrations: &i}, err
}
