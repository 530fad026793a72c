package api

import (
	"github.com/herald-events/herald/internal/useraction"
	"github.com/herald-events/herald/wire"
)

// userActions are the handlers of what can be done to users, of the reasons, and of what is done.
type userActions struct {
	*server
	definitions *useraction.Definitions
	reasons     *useraction.Reasons
	actions     *useraction.Service
}

func (s *server) userActionRoutes(a *useraction.Service) []route {
	var h userActions
	if a != nil { // nil in tests of other resources
		h = userActions{s, a.Definitions(), a.Reasons(), a}
	}
	return []route{
		{"POST", "/api/user-action", "/api/user-action", globalKey, h.create},
		{"POST", "/api/user-action/{userActionId}", "/api/user-action", globalKey, h.create},
		{"GET", "/api/user-action", "/api/user-action", globalKey, h.list},
		{"GET", "/api/user-action/{userActionId}", "/api/user-action", globalKey, h.load},
		{"PUT", "/api/user-action/{userActionId}", "/api/user-action", globalKey, h.replace},
		{"PATCH", "/api/user-action/{userActionId}", "/api/user-action", globalKey, h.patch},
		{"DELETE", "/api/user-action/{userActionId}", "/api/user-action", globalKey, h.remove},

		{"POST", "/api/user-action-reason", "/api/user-action-reason", globalKey, h.createReason},
		{"POST", "/api/user-action-reason/{userActionReasonId}", "/api/user-action-reason", globalKey, h.createReason},
		{"GET", "/api/user-action-reason", "/api/user-action-reason", globalKey, h.listReasons},
		{"GET", "/api/user-action-reason/{userActionReasonId}", "/api/user-action-reason", globalKey, h.loadReason},
		{"PUT", "/api/user-action-reason/{userActionReasonId}", "/api/user-action-reason", globalKey, h.replaceReason},
		{"PATCH", "/api/user-action-reason/{userActionReasonId}", "/api/user-action-reason", globalKey, h.patchReason},
		{"DELETE", "/api/user-action-reason/{userActionReasonId}", "/api/user-action-reason", globalKey, h.removeReason},

		{"POST", "/api/user/action", "/api/user/action", tenantKey, h.take},
		{"GET", "/api/user/action", "/api/user/action", tenantKey, h.taken},
		{"GET", "/api/user/action/{actionId}", "/api/user/action", tenantKey, h.loadTaken},
		{"PUT", "/api/user/action/{actionId}", "/api/user/action", tenantKey, h.modify},
		{"DELETE", "/api/user/action/{actionId}", "/api/user/action", tenantKey, h.cancel},
	}
}

func (h userActions) create(c *call) (any, error) {
	id, err := c.pathID("userActionId")
	if err != nil {
		return nil, err
	}
	var request wire.UserActionRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	d, err := h.definitions.Create(c.ctx(), id, request.UserAction)
	return wire.UserActionResponse{UserAction: &d}, err
}

func (h userActions) list(c *call) (any, error) {
	inactive, err := c.queryBool("inactive")
	if err != nil {
		return nil, err
	}
	all, err := h.definitions.List(c.ctx(), !inactive)
	return wire.UserActionsResponse{UserActions: all}, err
}

func (h userActions) load(c *call) (any, error) {
	id, err := c.pathID("userActionId")
	if err != nil {
		return nil, err
	}
	d, err := h.definitions.Load(c.ctx(), id)
	return wire.UserActionResponse{UserAction: &d}, err
}

// replace is PUT: another user action in the place of the old one, or, with ?reactivate=true and no body, the old one active again.
func (h userActions) replace(c *call) (any, error) {
	reactivate, err := c.queryBool("reactivate")
	if err != nil {
		return nil, err
	}
	if !reactivate {
		return h.change(c, func(wire.UserAction) (wire.UserAction, error) {
			var request wire.UserActionRequest
			err := c.decode(&request)
			return request.UserAction, err
		})
	}
	id, err := c.pathID("userActionId")
	if err != nil {
		return nil, err
	}
	d, err := h.definitions.Reactivate(c.ctx(), id)
	return wire.UserActionResponse{UserAction: &d}, err
}

func (h userActions) patch(c *call) (any, error) {
	return h.change(c, func(current wire.UserAction) (wire.UserAction, error) {
		var request wire.UserActionRequest
		err := c.patch(wire.UserActionRequest{UserAction: current}, &request)
		return request.UserAction, err
	})
}

func (h userActions) change(c *call, change func(wire.UserAction) (wire.UserAction, error)) (any, error) {
	id, err := c.pathID("userActionId")
	if err != nil {
		return nil, err
	}
	d, err := h.definitions.Update(c.ctx(), id, change)
	return wire.UserActionResponse{UserAction: &d}, err
}

// remove deactivates, or deletes for good when the query says hardDelete.
func (h userActions) remove(c *call) (any, error) {
	hard, err := c.queryBool("hardDelete")
	if err != nil {
		return nil, err
	}
	id, err := c.pathID("userActionId")
	if err != nil {
		return nil, err
	}
	if hard {
		return nil, h.definitions.Delete(c.ctx(), id)
	}
	return nil, h.definitions.Deactivate(c.ctx(), id)
}

func (h userActions) createReason(c *call) (any, error) {
	id, err := c.pathID("userActionReasonId")
	if err != nil {
		return nil, err
	}
	var request wire.UserActionReasonRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	r, err := h.reasons.Create(c.ctx(), id, request.UserActionReason)
	return wire.UserActionReasonResponse{UserActionReason: &r}, err
}

func (h userActions) listReasons(c *call) (any, error) {
	all, err := h.reasons.List(c.ctx())
	return wire.UserActionReasonsResponse{UserActionReasons: all}, err
}

func (h userActions) loadReason(c *call) (any, error) {
	id, err := c.pathID("userActionReasonId")
	if err != nil {
		return nil, err
	}
	r, err := h.reasons.Load(c.ctx(), id)
	return wire.UserActionReasonResponse{UserActionReason: &r}, err
}

func (h userActions) replaceReason(c *call) (any, error) {
	return h.changeReason(c, func(wire.UserActionReason) (wire.UserActionReason, error) {
		var request wire.UserActionReasonRequest
		err := c.decode(&request)
		return request.UserActionReason, err
	})
}

func (h userActions) patchReason(c *call) (any, error) {
	return h.changeReason(c, func(current wire.UserActionReason) (wire.UserActionReason, error) {
		var request wire.UserActionReasonRequest
		err := c.patch(wire.UserActionReasonRequest{UserActionReason: current}, &request)
		return request.UserActionReason, err
	})
}

func (h userActions) changeReason(c *call, change func(wire.UserActionReason) (wire.UserActionReason, error)) (any, error) {
	id, err := c.pathID("userActionReasonId")
	if err != nil {
		return nil, err
	}
	r, err := h.reasons.Update(c.ctx(), id, change)
	return wire.UserActionReasonResponse{UserActionReason: &r}, err
}

func (h userActions) removeReason(c *call) (any, error) {
	id, err := c.pathID("userActionReasonId")
	if err != nil {
		return nil, err
	}
	return nil, h.reasons.Delete(c.ctx(), id)
}

// reach confines users to the tenant of the request. Those who act on them may be of any tenant, such as administrators of the default one, unless the key
// itself is bound to a tenant.
func (c *call) reach() useraction.Reach {
	return useraction.Reach{Users: c.scope, Actioners: c.key.Tenant()}
}

func (h userActions) take(c *call) (any, error) {
	var request wire.ActionRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	a, err := h.actions.Take(c.ctx(), c.reach(), request, c.eventInfo(request.EventInfo))
	return wire.ActionResponse{Action: &a}, err
}

func (h userActions) modify(c *call) (any, error) {
	id, err := c.pathID("actionId")
	if err != nil {
		return nil, err
	}
	var request wire.ActionRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	a, err := h.actions.Modify(c.ctx(), c.reach(), id, request, c.eventInfo(request.EventInfo))
	return wire.ActionResponse{Action: &a}, err
}

func (h userActions) cancel(c *call) (any, error) {
	id, err := c.pathID("actionId")
	if err != nil {
		return nil, err
	}
	var request wire.ActionRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	a, err := h.actions.Cancel(c.ctx(), c.reach(), id, request, c.eventInfo(request.EventInfo))
	return wire.ActionResponse{Action: &a}, err
}

func (h userActions) loadTaken(c *call) (any, error) {
	id, err := c.pathID("actionId")
	if err != nil {
		return nil, err
	}
	a, err := h.actions.Load(c.ctx(), c.scope, id)
	return wire.ActionResponse{Action: &a}, err
}

// taken lists the actions on a user: all, or with active=true or false those that last now and the others, or with preventingLogin=true those that prevent
// a login, which wins.
func (h userActions) taken(c *call) (any, error) {
	user, err := c.queryID("userId")
	if err != nil {
		return nil, err
	}
	if user == "" {
		return nil, invalidField("userId", "missing", "Name the user with the parameter userId.")
	}
	preventing, err := c.queryBool("preventingLogin")
	if err != nil {
		return nil, err
	}
	active, err := c.queryBool("active")
	if err != nil {
		return nil, err
	}
	which := useraction.All
	switch {
	case preventing:
		which = useraction.Preventing
	case active:
		which = useraction.Active
	case c.query("active") != "":
		which = useraction.Inactive
	}
	all, err := h.actions.List(c.ctx(), c.scope, user, which)
	return wire.ActionsResponse{Actions: all}, err
}
