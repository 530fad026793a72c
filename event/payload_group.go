package event

import "github.com/herald-events/herald/wire"

// GroupEvent is group.create and group.delete, and their .complete twins.
type GroupEvent struct {
	Header
	Group wire.Group `json:"group"`
}

// GroupUpdateEvent is group.update and group.update.complete.
type GroupUpdateEvent struct {
	Header
	// Original is the group before the change, Group after it.
	Original wire.Group `json:"original"`
	Group    wire.Group `json:"group"`
}

// GroupMemberEvent is group.member.add, group.member.remove and group.member.update, and their .complete twins.
type GroupMemberEvent struct {
	Header
	Group wire.Group `json:"group"`
	// Members are those added, those removed, or all that the group has after an update, possibly none.
	Members wire.List[wire.GroupMember] `json:"members"`
}
