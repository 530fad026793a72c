package event

import "github.com/herald-events/herald/wire"

// EntityEvent is entity.create and entity.delete, and their .complete twins.
type EntityEvent struct {
	Header
	Entity wire.Entity `json:"entity"`
}

func (e EntityEvent) outgoing() Payload {
	e.Entity = secureEntity(e.Entity)
	return &e
}

// EntityUpdateEvent is entity.update and entity.update.complete.
type EntityUpdateEvent struct {
	Header
	// Original is the entity before the change, Entity after it.
	Original wire.Entity `json:"original"`
	Entity   wire.Entity `json:"entity"`
}

func (e EntityUpdateEvent) outgoing() Payload {
	e.Original, e.Entity = secureEntity(e.Original), secureEntity(e.Entity)
	return &e
}
