package api

import (
	"github.com/herald-events/herald/internal/system"
	"github.com/herald-events/herald/wire"
)

// systemConfiguration are the handlers of what is set for the whole installation.
type systemConfiguration struct{ settings *system.Service }

// systemRoutes are for global keys: the settings are those of all tenants. POST is there because one of FusionAuth's lists has it; there is
// nothing to create, so it is PUT.
func (s *server) systemRoutes(settings *system.Service) []route {
	const path = "/api/system-configuration"
	h := systemConfiguration{settings}
	return []route{
		{"GET", path, path, globalKey, h.load},
		{"POST", path, path, globalKey, h.replace},
		{"PUT", path, path, globalKey, h.replace},
		{"PATCH", path, path, globalKey, h.patch},
	}
}

func (h systemConfiguration) load(c *call) (any, error) {
	configuration, err := h.settings.Load(c.ctx())
	return wire.SystemConfigurationResponse{SystemConfiguration: &configuration}, err
}

func (h systemConfiguration) replace(c *call) (any, error) {
	var request wire.SystemConfigurationRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return h.change(c, func(wire.SystemConfiguration) (wire.SystemConfiguration, error) {
		return request.SystemConfiguration, nil
	})
}

func (h systemConfiguration) patch(c *call) (any, error) {
	return h.change(c, func(current wire.SystemConfiguration) (wire.SystemConfiguration, error) {
		var request wire.SystemConfigurationRequest
		err := c.patch(wire.SystemConfigurationRequest{SystemConfiguration: current}, &request)
		return request.SystemConfiguration, err
	})
}

func (h systemConfiguration) change(c *call, change func(wire.SystemConfiguration) (wire.SystemConfiguration, error)) (any, error) {
	configuration, err := h.settings.Update(c.ctx(), change)
	return wire.SystemConfigurationResponse{SystemConfiguration: &configuration}, err
}
