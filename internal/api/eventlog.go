package api

import (
	"strconv"

	"github.com/herald-events/herald/wire"
)

// eventLogRoutes are for global keys: the entries tell about all tenants.
func (s *server) eventLogRoutes() []route {
	return []route{
		{"GET", "/api/system/event-log/{eventLogId}", "/api/system/event-log", globalKey, s.loadEventLog},
		{"GET", "/api/system/event-log/search", "/api/system/event-log/search", globalKey, s.searchEventLog},
		{"POST", "/api/system/event-log/search", "/api/system/event-log/search", globalKey, s.searchEventLog},
	}
}

func (s *server) loadEventLog(c *call) (any, error) {
	id, err := c.pathNumber("eventLogId")
	if err != nil {
		return nil, err
	}
	e, err := s.Journal.EventLog(c.ctx(), id)
	return wire.EventLogResponse{EventLog: &e}, err
}

// pathNumber returns the number in the segment {name} of the path. The entries of the logs have such ids.
func (c *call) pathNumber(name string) (int64, error) {
	id, err := strconv.ParseInt(c.r.PathValue(name), 10, 64)
	if err != nil {
		return 0, couldNotConvert(name, "The %s in the path must be a number.", name)
	}
	return id, nil
}

func (s *server) searchEventLog(c *call) (any, error) {
	var criteria wire.EventLogSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	entries, total, err := s.Journal.SearchEventLog(c.ctx(), criteria)
	return wire.EventLogSearchResponse{EventLogs: entries, Total: total}, err
}
