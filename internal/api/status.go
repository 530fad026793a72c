package api

const statusPattern = "/api/status"

// statusNoDatabase is what GET /api/status answers when the database does not. FusionAuth made the number up.
const statusNoDatabase = 452

func (s *server) statusRoutes() []route {
	return []route{
		{"GET", "/api/health", "/api/health", open, s.health},
		{"GET", statusPattern, "/api/status", metricsKey, s.status},
		{"GET", "/api/system/version", "/api/system/version", tenantKey, s.version},
		{"GET", "/api/openapi.json", "", open, func(c *call) (any, error) { return openAPI{c.r}, nil }},
	}
}

type versionResponse struct {
	Version string `json:"version"`
}

// health answers with a status alone, 200 or 500: it is open to everybody.
func (s *server) health(c *call) (any, error) { return nil, s.healthy(c) }

// status tells the version only to those who have a key, as FusionAuth does.
func (s *server) status(c *call) (any, error) {
	if c.key == nil {
		return struct{}{}, nil
	}
	return versionResponse{s.Version}, nil
}

func (s *server) version(*call) (any, error) { return versionResponse{s.Version}, nil }

func (s *server) healthy(c *call) error {
	if s.Healthy == nil {
		return nil
	}
	return s.Healthy(c.ctx())
}
