package receiver

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/herald-events/herald/wire"
)

// Message is what a Generic messenger hands to its receiver. Its text may hold a code that lets somebody in: keep it out of logs.
type Message struct {
	// PhoneNumber is the user's, as it is stored.
	PhoneNumber string
	// Text is what to send, or to speak, in the user's language.
	Text string
	// Type is SMS, or Voice for a text to speak.
	Type wire.MessageType
	// Locale is the language of a text to speak, such as de or pt_BR. Empty for SMS.
	Locale string
	// Code is the bare code in the text. Empty unless the messenger says includeCode.
	Code string
	// UserID is the user. Empty unless the messenger says includeUserId.
	UserID wire.ID
	// Key is equal in all attempts for one message. Empty when the sender has none, as FusionAuth.
	Key string
}

// Messages returns the http.Handler of a Generic messenger. It calls send for each message, with Options.Once for one Key once.
//
// What send returns is the answer: nil means that the message is on its way; [Refuse] that it cannot be sent this way, and another messenger should; [RetryAfter] and any
// other error, and a panic, that it is to be tried again at once, which Herald does twice; [Unsure] that nobody knows whether it went out.
//
// It panics when o has no checks or send is nil. Options.MaxAge has no meaning for messages.
func Messages(o Options, send func(context.Context, *Message) error) http.Handler {
	if send == nil {
		panic("receiver: Messages: there is no function to send with")
	}
	return &messages{newDoor(o), send}
}

type messages struct {
	door
	send func(context.Context, *Message) error
}

func (m *messages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := m.admit(w, r)
	if !ok {
		return
	}
	message, err := parseMessage(body)
	if err == nil && len(r.Header.Values("Idempotency-Key")) > 0 {
		message.Key, err = only(r, "Idempotency-Key")
		if len(message.Key) > longestID {
			err = fmt.Errorf("the header Idempotency-Key has %d bytes, %d at most are taken", len(message.Key), longestID)
		}
	}
	if err != nil {
		m.malformed(w, r, err)
		return
	}
	about := slog.Group("message", "key", message.Key, "type", string(message.Type))
	m.handle(w, r, message.Key, about, func(ctx context.Context) error { return m.send(ctx, message) })
}

func parseMessage(body []byte) (*Message, error) {
	members, err := object(body)
	if err != nil {
		return nil, fmt.Errorf("the body %w", err)
	}
	var m Message
	var text, spoken string
	for name, to := range map[string]any{
		"phoneNumber": &m.PhoneNumber, "textMessage": &text, "message": &spoken, "type": &m.Type, "locale": &m.Locale, "code": &m.Code, "userId": &m.UserID,
	} {
		if value, ok := members[name]; ok {
			if json.Unmarshal(value, to) != nil {
				return nil, fmt.Errorf("the member %s is no text", name)
			}
		}
	}
	if m.Text = text; m.Type == wire.Voice {
		m.Text = spoken
	}
	for name, value := range map[string]string{"phoneNumber": m.PhoneNumber, "textMessage, or message for the type Voice,": m.Text, "type": string(m.Type)} {
		if value == "" {
			return nil, fmt.Errorf("the member %s is missing", name)
		}
	}
	return &m, nil
}
