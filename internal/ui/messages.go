package ui

import (
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

var messageRoutes = []route{
	{"GET /admin/message", signedIn, admin.Messengers, admin.View, (*server).messages},
	{"GET /admin/message/{id}", signedIn, admin.Messengers, admin.View, (*server).message},
}

type messagesPage struct {
	Messages []wire.Message
	// Recipient is the whole number or address that is looked for.
	Recipient                string
	Messengers, Kinds, Steps []option
	Pages                    pager
	Problem                  string
}

// messages is what was sent to people, and what came of it.
func (s *server) messages(v *visit) error {
	criteria := wire.MessageSearch{
		TenantID: v.preferences.Tenant, MessengerID: wire.ID(v.FormValue("messenger")), Kind: wire.MessageKind(v.FormValue("kind")),
		State: wire.MessageState(v.FormValue("state")), Recipient: strings.TrimSpace(v.FormValue("recipient")),
		UserID: wire.ID(v.FormValue("user")), TemplateID: wire.ID(v.FormValue("template")), Period: v.period(),
	}
	page := messagesPage{Recipient: criteria.Recipient}
	page.Messengers = []option{{Text: v.text.say("AllMessengers")}}
	all, err := s.Messengers.List(v.Context())
	if err != nil {
		return err
	}
	for _, m := range all {
		page.Messengers = append(page.Messengers, option{Value: string(m.ID), Text: m.Name})
	}
	page.Messengers = choices(string(criteria.MessengerID), page.Messengers...)
	page.Kinds = choices(string(criteria.Kind), option{Text: v.text.say("AllKinds")}, option{Value: "SMS", Text: "SMS"}, option{Value: "Voice", Text: "Voice"},
		option{Value: "Email", Text: v.text.say("KindEmail")})
	page.Steps = []option{{Text: v.text.say("AnyState")}}
	for _, state := range []wire.MessageState{wire.MessageSent, wire.MessageFailed, wire.MessageUnknown, wire.MessageLimited, wire.MessageSending} {
		page.Steps = append(page.Steps, option{Value: string(state), Text: v.text.say("Message_" + string(state))})
	}
	page.Steps = choices(string(criteria.State), page.Steps...)
	var links search.Links
	page.Messages, links, err = s.Messages.Page(v.Context(), criteria, v.cursor())
	if page.Problem, err = invalid(err); err != nil {
		return err
	}
	page.Pages = v.pager(links)
	return v.show("messages", "Messages", page)
}

type messagePage struct {
	wire.Message
	Tenant string
	// Known are the messengers that still exist, by id; TemplateKnown tells whether the template does.
	Known         map[wire.ID]bool
	TemplateKnown bool
}

// message is one message with all that was tried.
func (s *server) message(v *visit) error {
	m, err := s.Messages.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := messagePage{Message: m, Known: map[wire.ID]bool{}, Tenant: string(m.TenantID)}
	names, err := s.tenantNames(v)
	if err != nil {
		return err
	}
	if name, ok := names[m.TenantID]; ok {
		page.Tenant = name
	}
	registry, err := s.Messengers.Registry(v.Context())
	if err != nil {
		return err
	}
	for _, a := range m.Attempts {
		page.Known[a.MessengerID] = registry.Target(a.MessengerID) != nil
	}
	v.under("Messages", "/admin/message")
	v.of = m.Recipient
	return v.show("message", "Message", page)
}

// Last is the name of what the message was last tried with, "" before anything was.
func (f frame) Last(m wire.Message) string {
	for _, a := range slices.Backward(m.Attempts) {
		if a.MessengerName != "" {
			return a.MessengerName
		}
		return a.URL // a mail server
	}
	return ""
}
