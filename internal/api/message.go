package api

import (
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/wire"
)

// messageLog are the handlers of the message log, which only reads: what happens is written by those who send.
type messageLog struct{ *message.Sender }

// messageRoutes are ours, and for global keys: the entries tell about messengers, which belong to all tenants. They refuse members and parameters that
// they do not know, as a mistyped filter would mean all messages.
func messageRoutes(sender *message.Sender) []route {
	h := messageLog{sender}
	return []route{
		{"GET", "/api/message/log/{messageId}", "/api/message/log", globalKey, h.one},
		{"GET", "/api/message/log/search", "/api/message/log/search", globalKey, h.search},
		{"POST", "/api/message/log/search", "/api/message/log/search", globalKey, h.search},
	}
}

func (h messageLog) one(c *call) (any, error) {
	id, err := c.pathID("messageId")
	if err != nil {
		return nil, err
	}
	m, err := h.Load(c.ctx(), id)
	return wire.MessageResponse{Message: &m}, err
}

func (h messageLog) search(c *call) (any, error) {
	var criteria wire.MessageSearch
	if err := c.strictSearch(&criteria); err != nil {
		return nil, err
	}
	messages, total, err := h.Search(c.ctx(), criteria)
	return wire.MessageSearchResponse{Messages: messages, Total: total}, err
}
