package ui

import (
	"slices"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/wire"
)

var messengerRoutes = append(messengerFormRoutes, []route{
	{"GET /admin/messenger", signedIn, admin.Messengers, admin.View, (*server).messengers},
	{"GET /admin/messenger/{id}", signedIn, admin.Messengers, admin.View, (*server).messenger},
}...)

// messengerKinds are those that there are.
var messengerKinds = []wire.MessengerType{wire.Generic, wire.Twilio}

type messengersPage struct {
	listing[wire.Messenger]
	Messengers []messengerRow
	// Since is from when on messages were counted.
	Since wire.Instant
	// Kinds are those that can be added.
	Kinds []wire.MessengerType
}

type messengerRow struct {
	wire.Messenger
	UsedBy []string
	Lately message.Lately
}

func (s *server) messengers(v *visit) error {
	all, err := s.Messengers.List(v.Context())
	if err != nil {
		return err
	}
	page := messengersPage{Kinds: messengerKinds}
	page.listing = listingOf(v, all, func(m wire.Messenger) string {
		return m.Name + "\x00" + egress.RedactURL(m.URL) + "\x00" + string(m.ID)
	})
	page.Messengers, page.Since, err = s.messengerRows(v, page.Rows...)
	if err != nil {
		return err
	}
	return v.show("messengers", "Messengers", page)
}

func (s *server) messengerRows(v *visit, all ...wire.Messenger) (rows []messengerRow, since wire.Instant, err error) {
	lately, since, err := s.Messages.Lately(v.Context())
	if err != nil {
		return nil, 0, err
	}
	var ids []wire.ID
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	by, err := s.Messengers.UsedBy(v.Context(), ids...)
	for _, m := range all {
		m.URL = egress.RedactURL(m.URL) // it may hold a secret
		rows = append(rows, messengerRow{m, by[m.ID], lately[m.ID]})
	}
	return rows, since, err
}

type messengerPage struct {
	messengerRow
	Since wire.Instant
}

func (s *server) messenger(v *visit) error {
	m, err := s.Messengers.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	rows, since, err := s.messengerRows(v, m)
	if err != nil {
		return err
	}
	v.under("Messengers", "/admin/messenger")
	v.of = m.Name
	return v.show("messenger", "Messenger", messengerPage{rows[0], since})
}

// Carries tells whether the messenger carries messages of a type.
func (m messengerForm) Carries(t wire.MessageType) bool { return slices.Contains(m.MessageTypes, t) }
