package twofactor

import (
	"cmp"
	"context"
	"time"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

// destination is where a code goes.
type destination struct {
	// Method is email or sms, Address in its canonical form, MessageType how a phone is reached.
	Method      string           `json:"method,omitempty"`
	Address     string           `json:"address,omitempty"`
	MessageType wire.MessageType `json:"messageType,omitempty"`
	// MethodID is that of the user's method, empty when it is none yet.
	MethodID string `json:"methodId,omitempty"`
}

// sentCode is what goes with the ticket of a code that was sent.
type sentCode struct {
	destination

	Code string `json:"code,omitempty"`
}

// The ids of tickets for codes. They are found by whom and what for, not by anything that a caller holds.
func codeToEnable(u wire.ID, method string) string { return "enable/" + method + "/" + string(u) }

func codeToDisable(u wire.ID, methodID string) string { return "disable/" + methodID + "/" + string(u) }

// destinationOf brings what a request says about an address into canonical form.
func destinationOf(v *problem.Validation, flows *tenant.Flows, method, email, phone string, by wire.MessageType) destination {
	d := destination{Method: method}
	var ok bool
	switch method {
	case "":
		v.Field("method", "blank", "The method is authenticator, email or sms.")
	case wire.TwoFactorByEmail:
		v.Check(flows.MultiFactor.Email.Enabled, "method", "disabled", "The tenant has switched second factors by e-mail off.")
		d.Address, ok = identity.EmailAddress(email)
		v.Check(email != "", "email", "blank", "The address is missing.")
		v.Check(ok || email == "", "email", "notEmail", "This is not an e-mail address.")
	case wire.TwoFactorBySMS:
		d.Address, ok = identity.PhoneNumber(phone)
		v.Check(phone != "", "mobilePhone", "blank", "The number is missing.")
		v.Check(ok || phone == "", "mobilePhone", "invalid", "This is not a phone number in international form (+14155550123).")
		d.reach(v, flows, by)
	case wire.TwoFactorByAuthenticator:
	default:
		v.Field("method", "invalid", "The method is authenticator, email or sms.")
	}
	return d
}

// destinationTo is where a code for a method of a user goes.
func destinationTo(v *problem.Validation, flows *tenant.Flows, m wire.TwoFactorMethod, by wire.MessageType) destination {
	d := destination{Method: m.Method, Address: cmp.Or(m.Email, m.MobilePhone), MethodID: m.ID}
	switch m.Method {
	case wire.TwoFactorByEmail:
		v.Check(flows.MultiFactor.Email.Enabled, "method", "disabled", "The tenant has switched second factors by e-mail off.")
	case wire.TwoFactorBySMS:
		d.reach(v, flows, by)
	default:
		v.Field("method", "cannotSend", "An authenticator makes its codes itself.")
	}
	return d
}

// reach says how a phone is reached.
func (d *destination) reach(v *problem.Validation, flows *tenant.Flows, by wire.MessageType) {
	switch d.MessageType = cmp.Or(by, wire.SMS); d.MessageType {
	case wire.SMS:
		v.Check(flows.MultiFactor.SMS.Enabled, "method", "disabled", "The tenant has switched second factors by text message off.")
	case wire.Voice:
		v.Check(flows.MultiFactor.Voice.Enabled, "messageType", "disabled", "The tenant has switched second factors by voice message off.")
	default:
		v.Field("messageType", "invalid", "A phone is reached by SMS or Voice.")
	}
}

// Send sends u a code to switch a method on, when the request has an address, or off, when it has a methodId. A code that was sent for the same
// before is void.
//
// Errors: problem.Invalid, among them [PushTwoFactorFailed] when nobody took the message; a problem of kind TooMany.
func (s *Service) Send(ctx context.Context, u *identity.User, req wire.TwoFactorSendRequest) error {
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return err
	}
	var v problem.Validation
	app, err := s.application(ctx, &v, u.TenantID, req.ApplicationID)
	if err != nil {
		return err
	}
	var to destination
	var id string
	if req.MethodID != "" {
		m, ok := method(u, req.MethodID)
		if !ok {
			v.Field("methodId", "invalid", "The user has no method with this id.")
			return v.Err()
		}
		to, id = destinationTo(&v, flows, m, req.MessageType), codeToDisable(u.ID, m.ID)
	} else {
		to, id = destinationOf(&v, flows, req.Method, req.Email, req.MobilePhone, req.MessageType), codeToEnable(u.ID, req.Method)
		v.Check(to.Method != wire.TwoFactorByAuthenticator, "method", "cannotSend", "An authenticator makes its codes itself.")
	}
	if err := v.Err(); err != nil {
		return err
	}

	sent := sentCode{to, flows.Code.New()}
	var t *ticket.Ticket
	return s.deliver(ctx, u, flows, app, dispatch{
		sent: sent, until: s.o.DB.Now().Add(flows.Lifetimes.TwoFactorCode),
		issue: func(tx *db.Tx) (err error) {
			t, err = s.o.Tickets.Issue(tx, ticket.Code, id, u.ID, sent, flows.Lifetimes.TwoFactorCode)
			return err
		},
		undo: func(tx *db.Tx) error { return t.Spend(tx) },
	})
}

// SendForLogin sends a code for a login that waits for its second factor, to a method of its user. Codes that were sent or given out for the
// login before are void once this one is on its way.
//
// Errors: problem.ErrNotFound for an id that is unknown, has ended or is void; else as of [Service.Send].
func (s *Service) SendForLogin(ctx context.Context, twoFactorID string, req wire.TwoFactorSendRequest) error {
	u, c, until, err := s.waiting(ctx, twoFactorID)
	if err != nil {
		return err
	}
	flows, err := s.flows(ctx, u.TenantID)
	if err != nil {
		return err
	}
	var v problem.Validation
	app, err := s.application(ctx, &v, u.TenantID, cmp.Or(req.ApplicationID, c.Application))
	if err != nil {
		return err
	}
	var to destination
	if m, ok := method(u, req.MethodID); ok {
		to = destinationTo(&v, flows, m, req.MessageType)
	} else {
		kind := "invalid"
		if req.MethodID == "" {
			kind = "blank"
		}
		v.Field("methodId", kind, "Say which of the user's methods the code is for.")
	}
	if err := v.Err(); err != nil {
		return err
	}

	sent := sentCode{to, flows.Code.New()}
	var t *ticket.Ticket
	return s.deliver(ctx, u, flows, app, dispatch{
		sent: sent, until: time.UnixMilli(int64(until)),
		issue: func(tx *db.Tx) (err error) {
			if t, err = s.o.Tickets.Lock(tx, ticket.Challenge, twoFactorID); err != nil {
				return err
			}
			c = challenge{} // it may have changed since it was looked at
			if err := t.Content(&c); err != nil {
				return err
			}
			c.Sent = sent
			return t.Replace(tx, c)
		},
		undo: func(tx *db.Tx) error {
			c.Sent = sentCode{}
			return t.Replace(tx, c)
		},
	})
}

// dispatch is a code on its way.
type dispatch struct {
	sent  sentCode
	until time.Time // when it ends
	// issue makes the code good, in the transaction that puts its message on record. undo takes it back when nobody got it.
	issue, undo func(*db.Tx) error
}

// deliver makes a code good and sends it.
func (s *Service) deliver(ctx context.Context, u *identity.User, flows *tenant.Flows, app application.Application, d dispatch) error {
	sent := d.sent
	model, err := s.o.Model(ctx, &u.User, app.ID)
	if err != nil {
		return err
	}
	r := message.Request{
		Tenant: u.TenantID, Application: app.ID, User: &u.User, Languages: u.Languages(app.ID), To: sent.Address, Purpose: "two-factor",
		Model: model, Code: sent.Code, Until: d.until, ErrorCode: "[PushTwoFactorFailed]",
	}
	r.Model["code"], r.Model["spokenCode"] = sent.Code, template.Spoken(sent.Code)
	switch {
	case sent.Method == wire.TwoFactorByEmail:
		r.Kind, r.Template = wire.KindEmail, cmp.Or(app.TwoFactorEmailTemplateID, flows.MultiFactor.Email.TemplateID)
		r.Model["email"] = sent.Address
	case sent.MessageType == wire.Voice:
		r.Kind, r.Template, r.Messengers = wire.KindVoice, cmp.Or(app.TwoFactorVoiceTemplateID, flows.MultiFactor.Voice.TemplateID), flows.MultiFactor.Voice.Messengers
		r.Model["mobilePhone"] = sent.Address
	default:
		r.Kind, r.Template, r.Messengers = wire.KindSMS, cmp.Or(app.TwoFactorSMSTemplateID, flows.MultiFactor.SMS.TemplateID), flows.MultiFactor.SMS.Messengers
		r.Model["mobilePhone"] = sent.Address
	}
	issued := false
	r.Within = func(tx *db.Tx) error {
		if err := identity.Allow(tx, u.ID, "sendTwoFactor", flows.SendTwoFactor); err != nil {
			return err
		}
		err := d.issue(tx)
		issued = err == nil
		return err
	}
	m, err := s.o.Sender.Send(ctx, r)
	if err != nil && issued && m.State != wire.MessageUnknown { // a code that may have arrived stays good
		// When this fails the code ends by itself.
		_ = s.o.DB.Update(context.WithoutCancel(ctx), d.undo)
	}
	return err
}
