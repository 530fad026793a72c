package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/herald-events/herald/wire"
)

// Messengers take messages to people.
type Messengers struct{ c *Client }

const messenger = "/api/messenger"

// List returns all messengers.
func (m Messengers) List(ctx context.Context) iter.Seq2[wire.Messenger, error] {
	return whole(ctx, func(ctx context.Context) ([]wire.Messenger, error) {
		answer, err := get[wire.MessengersResponse](ctx, m.c, messenger)
		return answer.Messengers, err
	})
}

// Load returns one messenger.
func (m Messengers) Load(ctx context.Context, id wire.ID) (*wire.Messenger, error) {
	answer, err := get[wire.MessengerResponse](ctx, m.c, at(messenger, id))
	return answer.Messenger, err
}

// Create makes a messenger.
func (m Messengers) Create(ctx context.Context, given wire.Messenger) (*wire.Messenger, error) {
	answer, err := send[wire.MessengerResponse](ctx, m.c, http.MethodPost, at(messenger, given.ID), wire.MessengerRequest{Messenger: given})
	return answer.Messenger, err
}

// Replace changes all of a messenger.
func (m Messengers) Replace(ctx context.Context, given wire.Messenger) (*wire.Messenger, error) {
	answer, err := send[wire.MessengerResponse](ctx, m.c, http.MethodPut, at(messenger, given.ID), wire.MessengerRequest{Messenger: given})
	return answer.Messenger, err
}

// Patch changes the members of a messenger that changes names.
func (m Messengers) Patch(ctx context.Context, id wire.ID, changes any) (*wire.Messenger, error) {
	answer, err := send[wire.MessengerResponse](ctx, m.c, http.MethodPatch, at(messenger, id), patch{map[string]any{"messenger": changes}})
	return answer.Messenger, err
}

// Delete removes a messenger that no tenant uses.
func (m Messengers) Delete(ctx context.Context, id wire.ID) error {
	return m.c.call(ctx, http.MethodDelete, at(messenger, id), nil, nil, false)
}

// Test sends one message and returns what came of it: through the messenger with that id, or without one through request.Messenger, which is not stored.
func (m Messengers) Test(ctx context.Context, id wire.ID, request wire.MessengerTestRequest) (*wire.MessageAttempt, error) {
	answer, err := send[struct {
		Attempt *wire.MessageAttempt `json:"attempt"`
	}](ctx, m.c, http.MethodPost, at(messenger, id)+"/test", request)
	return answer.Attempt, err
}

// Messages are what people were sent.
type Messages struct{ c *Client }

// List returns all messages that match, by default the newest first.
func (m Messages) List(ctx context.Context, search wire.MessageSearch) iter.Seq2[wire.Message, error] {
	return each(search.Page, func(m *wire.Message) string { return string(m.ID) }, func(p wire.Page) ([]wire.Message, int, error) {
		search.Page = p
		answer, err := m.Page(ctx, search)
		return answer.Messages, answer.Total, err
	})
}

// Page returns one page of those that match.
func (m Messages) Page(ctx context.Context, search wire.MessageSearch) (wire.MessageSearchResponse, error) {
	return find[wire.MessageSearchResponse](ctx, m.c, "/api/message/log/search", search)
}

// Load returns one message.
func (m Messages) Load(ctx context.Context, id wire.ID) (*wire.Message, error) {
	answer, err := get[wire.MessageResponse](ctx, m.c, at("/api/message/log", id))
	return answer.Message, err
}
