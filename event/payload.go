package event

import (
	"reflect"

	"github.com/herald-events/herald/wire"
)

// Payload is the content of an event. The payloads of this package are used as pointers: *[UserEvent] and so on.
type Payload interface {
	// Head returns the members that all events have. Changing them changes the payload.
	Head() *Header
}

// Header holds the members that all events have.
type Header struct {
	// ID is that of this occurrence. It stays the same however often the event is sent, so receivers can drop what they have seen.
	ID   wire.ID `json:"id"`
	Type Type    `json:"type"`
	// CreateInstant is when the event came about.
	CreateInstant wire.Instant `json:"createInstant"`
	// TenantID is the tenant it belongs to. Events of the system have none.
	TenantID wire.ID `json:"tenantId,omitzero"`
	// LinkedObjectID is the user, group or entity that the event is about. Empty when it is about several, or about something else.
	LinkedObjectID wire.ID `json:"linkedObjectId,omitzero"`
	// Info says where the request came from that led to the event. Nil when nothing is known.
	Info *wire.EventInfo `json:"info,omitzero"`
}

// Head returns h itself.
func (h *Header) Head() *Header { return h }

// About returns the header of an event of type t about the user, group or entity with the given id, as far as its origin knows it.
// Whoever sends the event fills in the rest.
func About(t Type, id wire.ID) Header { return Header{Type: t, LinkedObjectID: id} }

// WithType returns a copy of p as an event of another type, such as the twin of a transactional event. The copy shares what p refers
// to, not its header.
func WithType(p Payload, t Type) Payload {
	c := reflect.New(reflect.TypeOf(p).Elem())
	c.Elem().Set(reflect.ValueOf(p).Elem())
	twin := c.Interface().(Payload)
	twin.Head().Type = t
	return twin
}
