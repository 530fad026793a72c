package ui

import (
	"context"
	"net/url"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var messengerFormRoutes = []route{
	{"GET /admin/messenger/add", signedIn, admin.Messengers, admin.Change, (*server).addMessenger},
	{"POST /admin/messenger/add", signedIn, admin.Messengers, admin.Change, (*server).createMessenger},
	{"GET /admin/messenger/{id}/edit", signedIn, admin.Messengers, admin.Change, (*server).editMessenger},
	{"POST /admin/messenger/{id}/edit", signedIn, admin.Messengers, admin.Change, (*server).updateMessenger},
	{"GET /admin/messenger/{id}/delete", signedIn, admin.Messengers, admin.Delete, (*server).askDeleteMessenger},
	{"POST /admin/messenger/{id}/delete", signedIn, admin.Messengers, admin.Delete, (*server).deleteMessenger},
}

type messengerForm struct {
	wire.Messenger
	// New tells that the messenger does not exist yet.
	New     bool
	Headers pairs
	Types   []wire.MessageType
	// Trial is what came of a test message that was just sent, nil when none was.
	Trial *trial
}

// trial is a test message and what came of it.
type trial struct {
	wire.MessageAttempt
	Accepted, Unknown bool
	// Exchange is request and answer for people, without secrets.
	Exchange string
}

func (s *server) addMessenger(v *visit) error {
	m := wire.Messenger{Type: wire.Generic, ConnectTimeout: 1000, ReadTimeout: 2000, MessageTypes: []wire.MessageType{wire.SMS}}
	if wire.MessengerType(v.FormValue("type")) == wire.Twilio {
		m = wire.Messenger{Type: wire.Twilio, URL: "https://api.twilio.com", MessageTypes: m.MessageTypes}
	}
	if source := v.FormValue("from"); source != "" { // a copy of another one, of which secrets are not taken
		from, err := s.Messengers.Load(v.Context(), wire.ID(source))
		if err != nil {
			return err
		}
		m = from
		m.ID, m.Name, m.HTTPAuthenticationPassword, m.AuthToken = "", "", "", ""
		for name := range m.Headers {
			if isSecretHeader(name) {
				delete(m.Headers, name)
			}
		}
	}
	return s.showMessengerForm(v, m, true, nil)
}

func (s *server) createMessenger(v *visit) error {
	m, err := v.messengerOf(wire.Messenger{})
	if v.PostFormValue("try") != "" {
		return s.tryMessenger(v, wire.Messenger{}, m, err)
	}
	id := m.ID
	if err == nil {
		id, err = create(v, "messenger", id, m, s.Messengers.Create)
	}
	if err != nil {
		return v.again(err, func() error { return s.showMessengerForm(v, m, true, nil) })
	}
	return v.done("MessengerCreated", "/admin/messenger/"+string(id))
}

func (s *server) editMessenger(v *visit) error {
	m, err := s.Messengers.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	return s.showMessengerForm(v, m, false, nil)
}

func (s *server) updateMessenger(v *visit) error {
	if v.PostFormValue("try") != "" {
		stored, err := s.Messengers.Load(v.Context(), v.id())
		if err != nil {
			return err
		}
		m, err := v.messengerOf(stored)
		return s.tryMessenger(v, stored, m, err)
	}
	err := update(v, "messenger", v.id(), s.Messengers.Update, v.messengerOf)
	if err != nil {
		return v.again(err, func() error { return s.editMessenger(v) })
	}
	return v.done("MessengerSaved", "/admin/messenger/"+string(v.id()))
}

// messengerOf is what the form makes of a messenger.
func (v *visit) messengerOf(current wire.Messenger) (wire.Messenger, error) {
	var request wire.MessengerRequest
	err := v.fill(wire.MessengerRequest{Messenger: current}, &request)
	return request.Messenger, err
}

// tryMessenger sends a message as the form says, which need not be stored, and shows the form again with what came of it. filled is the error of reading it.
func (s *server) tryMessenger(v *visit, stored, m wire.Messenger, filled error) error {
	var wrong problem.Validation
	if err := wrong.Merge(filled); err != nil {
		return err
	}
	var target *messenger.Target
	if filled == nil {
		var err error
		if target, err = s.Messengers.Unsaved(m); wrong.Merge(err) != nil {
			return err
		}
	}
	s.checkSecretsStay(v, &wrong, stored, m)
	test := target.Trial(&wrong, wire.MessengerTestRequest{
		PhoneNumber: v.PostFormValue("phoneNumber"), TextMessage: v.PostFormValue("textMessage"), MessageType: wire.MessageType(v.PostFormValue("messageType")),
	})
	show := func(came *trial) error {
		if v.isPart() {
			v.status = 200 // what asks for a part of a page puts in its place whatever comes
			return v.part("messenger-form", "trial-part", came)
		}
		return s.showMessengerForm(v, m, stored.ID == "", came)
	}
	if err := wrong.Err(); err != nil {
		return v.again(err, func() error { return show(nil) })
	}
	a := target.Traced().Send(v.Context(), test)
	came := &trial{MessageAttempt: a.MessageAttempt, Accepted: a.Accepted(), Unknown: a.Unknown, Exchange: a.Debug}
	if !target.Debug {
		a.Debug = "" // the event log has only what the messenger says it shall have
	}
	// The message has been sent, so its record must not depend on whether somebody still looks.
	if err := s.Messages.RecordTest(context.WithoutCancel(v.Context()), "", test.Kind, test.PhoneNumber, a); err != nil {
		return err
	}
	v.problem = &problem.Error{} // nothing is wrong, and the form is shown as it was entered
	return show(came)
}

// checkSecretsStay refuses to send what is stored, and nobody can see here, to another place than it has always gone to.
func (s *server) checkSecretsStay(v *visit, wrong *problem.Validation, stored, m wire.Messenger) {
	if stored.ID == "" || sameOrigin(stored.URL, m.URL) {
		return
	}
	for _, secret := range []struct{ path, was, is string }{
		{"messenger.httpAuthenticationPassword", stored.HTTPAuthenticationPassword, m.HTTPAuthenticationPassword},
		{"messenger.authToken", stored.AuthToken, m.AuthToken},
	} {
		wrong.Check(secret.was == "" || secret.was != secret.is || v.PostFormValue(secret.path+":secret") != "", secret.path, "missing", "%s", v.text.say("SecretStays"))
	}
	for name, value := range stored.Headers {
		if isSecretHeader(name) && value != "" && m.Headers[name] == value {
			wrong.Field("messenger.headers", "missing", "%s", v.text.say("SecretHeaderStays", "Header", name))
		}
	}
}

func sameOrigin(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && x.Scheme == y.Scheme && x.Host == y.Host
}

func (s *server) showMessengerForm(v *visit, m wire.Messenger, isNew bool, came *trial) error {
	form := messengerForm{Messenger: m, New: isNew, Headers: pairsOf("messenger.headers", m.Headers), Types: []wire.MessageType{wire.SMS, wire.Voice}, Trial: came}
	v.under("Messengers", "/admin/messenger")
	if isNew {
		return v.show("messenger-form", "MessengerAdd"+string(m.Type), form)
	}
	v.of = m.Name
	return v.show("messenger-form", "MessengerEdit", form)
}

// Action is where the form goes.
func (f messengerForm) Action() string {
	if f.New {
		return "/admin/messenger/add"
	}
	return "/admin/messenger/" + string(f.ID) + "/edit"
}

// Back is where to go instead.
func (f messengerForm) Back() string {
	if f.New {
		return "/admin/messenger"
	}
	return "/admin/messenger/" + string(f.ID)
}

// DataOf is the free data as JSON, "" for none.
func (f messengerForm) DataOf() (string, error) { return jsonOf(f.Data) }

// KindChoices are the types of a test message.
func (f messengerForm) KindChoices() (all []option) {
	for _, t := range f.Types {
		all = append(all, option{Value: string(t), Text: string(t)})
	}
	return all
}

func (s *server) askDeleteMessenger(v *visit) error {
	m, err := s.Messengers.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	by, err := s.Messengers.UsedBy(v.Context(), m.ID)
	if err != nil {
		return err
	}
	q := question{Text: v.text.say("MessengerDeleteAbout"), Do: v.text.say("MessengerDelete"), Back: "/admin/messenger/" + string(m.ID)}
	if used := by[m.ID]; len(used) > 0 {
		q.Text, q.Effects, q.Do = v.text.say("MessengerInUse"), used, ""
	}
	v.under("Messengers", "/admin/messenger")
	v.of = m.Name
	return v.show("confirm", "MessengerDelete", q)
}

func (s *server) deleteMessenger(v *visit) error {
	m, err := s.Messengers.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	if err := remove(v, "messenger", m.ID, m, s.Messengers.Delete); err != nil {
		return v.again(err, func() error { return s.askDeleteMessenger(v) })
	}
	return v.done("MessengerDeleted", "/admin/messenger")
}
