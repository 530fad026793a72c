package api

import (
	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/wire"
)

// doctorRoutes are ours: what the server finds when it examines itself, and what it hears when it knocks at its receivers.
func (s *server) doctorRoutes() []route {
	return []route{
		{"GET", "/api/doctor", "/api/doctor", globalKey, s.examine},
		{"POST", "/api/doctor/probe", "/api/doctor/probe", globalKey, s.probe},
	}
}

func (s *server) examine(c *call) (any, error) { return findings(s.Doctor.Examine(c.ctx())), nil }

// probe asks the receiver of every webhook and every sink whether it is there, up to a hundred.
func (s *server) probe(c *call) (any, error) {
	webhooks, err := s.Webhooks.List(c.ctx())
	if err != nil {
		return nil, err
	}
	sinks, err := s.Sinks.List(c.ctx())
	if err != nil {
		return nil, err
	}
	ids := make([]wire.ID, 0, len(webhooks)+len(sinks))
	for _, w := range webhooks {
		ids = append(ids, w.ID)
	}
	for _, w := range sinks {
		ids = append(ids, w.ID)
	}
	found, err := s.Doctor.Probe(c.ctx(), ids)
	return findings(found), err
}

func findings(found []doctor.Finding) wire.DoctorResponse {
	var all wire.DoctorResponse
	for _, f := range found {
		all.Findings = append(all.Findings, wire.Finding{
			Code: string(f.Code), Severity: wire.FindingSeverity(f.Severity), SubjectType: string(f.Subject.Kind), SubjectID: f.Subject.ID, SubjectName: f.Subject.Name, Text: f.Text(),
		})
	}
	return all
}
