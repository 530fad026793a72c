package doctor

import (
	"context"
	"encoding/json"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// lookAtMessengers counts the messages that did not arrive, by who was the last to try them.
func (s *Service) lookAtMessengers(ctx context.Context, found *findings) error {
	settings, err := s.o.Tenants.Settings(ctx)
	if err != nil {
		return err
	}
	var failed []failedMessage
	err = s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		failed, err = failedMessages(tx, tx.Now().Add(-24*time.Hour).UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	type total struct {
		failed  int64
		outcome string // of the newest
	}
	totals := map[Subject]*total{}
	var order []Subject
	for _, m := range failed { // the newest first
		about, outcome := m.blame(settings)
		if totals[about] == nil {
			totals[about] = &total{outcome: outcome}
			order = append(order, about)
		}
		totals[about].failed++
	}
	for _, about := range order {
		code := MessengerFailing
		if about.Kind == Tenant {
			code = MailFailing
		}
		found.add(code, about, "failed", totals[about].failed, "outcome", totals[about].outcome)
	}
	return nil
}

// failedMessage is a message that did not arrive.
type failedMessage struct {
	tenant   wire.ID
	attempts string // JSON
}

// blame is who tried the message last, and what came of it. Without an attempt it is the tenant.
func (m failedMessage) blame(settings *tenant.Settings) (Subject, string) {
	var attempts []wire.MessageAttempt
	_ = json.Unmarshal([]byte(m.attempts), &attempts)
	t, _ := settings.Find(m.tenant)
	about, outcome := Subject{Tenant, m.tenant, orElse(t.Name, string(m.tenant))}, "no attempt"
	if len(attempts) > 0 {
		last := attempts[len(attempts)-1]
		if outcome = last.Outcome; last.MessengerID != "" {
			about = Subject{Messenger, last.MessengerID, orElse(last.MessengerName, string(last.MessengerID))}
		}
	}
	return about, outcome
}

// lookAtFactors finds second factors that tenants offer and cannot send.
func (s *Service) lookAtFactors(ctx context.Context, found *findings) error {
	settings, err := s.o.Tenants.Settings(ctx)
	if err != nil {
		return err
	}
	registry, err := s.o.Messengers.Registry(ctx)
	if err != nil {
		return err
	}
	return s.o.DB.View(ctx, func(tx *db.Tx) error {
		for _, id := range settings.IDs() {
			t, _ := settings.Find(id)
			flows, _ := settings.Flows(id)
			about := Subject{Tenant, id, t.Name}
			for _, f := range []struct {
				tenant.Factor

				kind, table string
			}{{flows.MultiFactor.SMS, "SMS", "message"}, {flows.MultiFactor.Voice, "Voice", "message"}, {flows.MultiFactor.Email, "Email", "email"}} {
				if !f.Enabled {
					continue
				}
				if f.kind != "Email" && len(f.Messengers) == 0 {
					found.add(NoMessenger, about, "kind", f.kind)
				}
				for _, m := range f.Messengers {
					if registry.Target(m) == nil {
						found.add(MissingMessenger, about, "kind", f.kind, "messenger", string(m))
					}
				}
				if f.TemplateID == "" {
					found.add(NoTemplate, about, "kind", f.kind)
					continue
				}
				exists, err := templateExists(tx, f.table, f.TemplateID)
				if err != nil {
					return err
				}
				if !exists {
					found.add(MissingTemplate, about, "kind", f.kind, "template", string(f.TemplateID))
				}
			}
		}
		return nil
	})
}
