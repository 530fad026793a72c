package messenger

import (
	"context"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Trial is the message that a test asks for; the messenger in r means nothing here. What is wrong with it is added to v. t may be nil, when v has something
// against the messenger itself.
func (t *Target) Trial(v *problem.Validation, r wire.MessengerTestRequest) Message {
	m := Message{Kind: wire.MessageKind(r.MessageType), PhoneNumber: strings.TrimSpace(r.PhoneNumber), Text: r.TextMessage, Key: db.NewID()}
	switch {
	case m.PhoneNumber == "":
		v.Field("phoneNumber", "blank", "Give the phone number that the test message goes to.")
	case !IsPhoneNumber(m.PhoneNumber):
		v.Field("phoneNumber", "invalidPhone", "This is not a phone number.")
	}
	switch {
	case m.Kind == "" && t != nil && !t.Can(wire.KindSMS):
		m.Kind = wire.KindVoice
	case m.Kind == "":
		m.Kind = wire.KindSMS
	case m.Kind != wire.KindSMS && m.Kind != wire.KindVoice:
		v.Field("messageType", "invalid", "There is no message type %.64q. The types are SMS and Voice.", m.Kind)
	case t != nil && !t.Can(m.Kind):
		v.Field("messageType", "invalid", "The messenger does not carry messages of the type %s.", m.Kind)
	}
	if m.Text == "" {
		m.Text = "This is a test message from Herald."
	}
	return m
}

// Traced is the same messenger with [Target.Debug] on.
func (t *Target) Traced() *Target {
	traced := *t
	traced.Debug = true
	return &traced
}

// UsedBy tells in words who uses each of the messengers: none of them can be deleted meanwhile.
func (s *Service) UsedBy(ctx context.Context, ids ...wire.ID) (by map[wire.ID][]string, err error) {
	by = make(map[wire.ID][]string, len(ids))
	if s.Used == nil {
		return by, nil
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		for _, id := range ids {
			if by[id], err = s.Used(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	return by, err
}
