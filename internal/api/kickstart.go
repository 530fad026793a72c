package api

import "net/http"

// kickstartRoutes are ours: the set-up as a kickstart file, without secrets.
func (s *server) kickstartRoutes() []route {
	return []route{{"GET", "/api/kickstart/export", "/api/kickstart/export", globalKey, s.exportSetUp}}
}

func (s *server) exportSetUp(c *call) (any, error) {
	file, err := s.SetUp(c.ctx())
	return jsonText(file), err
}

// jsonText is an answer that is JSON already.
type jsonText []byte

func (t jsonText) send(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = w.Write(t) // the caller hung up: there is nobody left to tell
	return nil
}
