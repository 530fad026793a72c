package useraction

import (
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/ftl"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/wire"
)

// template is the one for a phase, "" without one.
func (d definition) template(phase event.Phase) wire.ID {
	switch phase {
	case event.PhaseStart:
		return d.StartEmailTemplateID
	case event.PhaseModify:
		return d.ModifyEmailTemplateID
	case event.PhaseCancel:
		return d.CancelEmailTemplateID
	default:
		return d.EndEmailTemplateID
	}
}

// mail is the e-mail that tells the user of a step, nil when there is to be none.
func (s *Service) mail(tx *db.Tx, st *step, duration string) (*message.Request, error) {
	id := st.definition.template(st.phase)
	if !st.email || !st.definition.UserEmailingEnabled || id == "" || st.user.Email == "" {
		return nil, nil //nolint:nilnil // no e-mail is no error
	}
	model, err := s.o.Model(tx, st.user)
	if err != nil {
		return nil, err
	}
	action, err := json.Marshal(st.entry.UserActionLog)
	if err != nil {
		return nil, err
	}
	model["action"] = ftl.JSON(action)
	model["phase"], model["comment"], model["localizedDuration"] = string(st.phase), st.comment, duration
	return &message.Request{
		Tenant: st.user.TenantID, User: st.user, Languages: st.user.PreferredLanguages, Kind: wire.KindEmail, To: st.user.Email,
		Purpose: "user-action", Template: id, Model: model,
	}, nil
}

// rendered is the e-mail as it is put into the event, nil when its template cannot be rendered: the event log tells of that when the e-mail is sent.
func (s *Service) rendered(tx *db.Tx, r *message.Request) (*wire.Email, error) {
	t, err := s.o.Templates.EmailIn(tx, r.Template)
	if err != nil {
		return nil, fmt.Errorf("e-mail template %s of a user action: %w", r.Template, err)
	}
	m, err := message.RenderMail(s.working, t, r.Languages, r.Model)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // see above
	}
	m.Mail.To = []wire.EmailAddress{{Address: r.To, Display: r.User.FullName}}
	return &m.Mail, nil
}

// post sends an e-mail, if there is one, beside everything else: the step it tells of is committed, and its caller has nothing to do with it.
func (s *Service) post(r *message.Request) {
	if r != nil {
		s.o.Sender.Post(*r)
	}
}
