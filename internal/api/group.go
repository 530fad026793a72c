package api

import (
	"context"
	"maps"
	"slices"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/group"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// groups are the handlers of groups and their members.
type groups struct {
	*server
	*group.Service
}

func (s *server) groupRoutes(g *group.Service) []route {
	h := groups{s, g}
	const (
		all    = "/api/group"
		one    = all + "/{groupId}"
		member = all + "/member"
	)
	return []route{
		{"POST", all, all, tenantKey, h.create},
		{"POST", one, all, tenantKey, h.create},
		{"GET", all, all, tenantKey, h.list},
		{"GET", one, all, tenantKey, h.load},
		{"PUT", one, all, tenantKey, h.replace},
		{"PATCH", one, all, tenantKey, h.patch},
		{"DELETE", one, all, tenantKey, h.remove},
		{"GET", all + "/search", all + "/search", tenantKey, h.search},
		{"POST", all + "/search", all + "/search", tenantKey, h.search},

		{"POST", member, member, tenantKey, h.addMembers},
		{"PUT", member, member, tenantKey, h.replaceMembers},
		{"DELETE", member, member, tenantKey, h.removeMembers},
		{"DELETE", member + "/{memberId}", member, tenantKey, h.removeMember},
		{"GET", member + "/search", member + "/search", tenantKey, h.searchMembers},
		{"POST", member + "/search", member + "/search", tenantKey, h.searchMembers},
	}
}

func groupResponse(g *group.Group, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return wire.GroupResponse{Group: &g.Group}, nil
}

func (h groups) create(c *call) (any, error) {
	id, err := c.pathID("groupId")
	if err != nil {
		return nil, err
	}
	var request wire.GroupRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	return groupResponse(h.Create(c.ctx(), tenant, id, request, c.eventInfo(request.EventInfo)))
}

// reach returns a group, unless it is out of the caller's reach.
func (h groups) reach(c *call, id wire.ID) (*group.Group, error) {
	g, err := h.Load(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	return g, c.narrow(g.TenantID)
}

// group returns the group that the path names.
func (h groups) group(c *call) (*group.Group, error) {
	id, err := c.pathID("groupId")
	if err != nil {
		return nil, err
	}
	return h.reach(c, id)
}

func (h groups) list(c *call) (any, error) {
	all, err := h.List(c.ctx(), c.scope)
	return wire.GroupsResponse{Groups: all}, err
}

func (h groups) load(c *call) (any, error) { return groupResponse(h.group(c)) }

func (h groups) replace(c *call) (any, error) {
	var request wire.GroupRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	g, err := h.group(c)
	if err != nil {
		return nil, err
	}
	return groupResponse(h.Update(c.ctx(), g, request, c.eventInfo(request.EventInfo)))
}

func (h groups) patch(c *call) (any, error) {
	g, err := h.group(c)
	if err != nil {
		return nil, err
	}
	var request wire.GroupRequest
	if err := c.patch(wire.GroupRequest{Group: g.Group, RoleIDs: g.RoleIDs}, &request); err != nil {
		return nil, err
	}
	return groupResponse(h.Update(c.ctx(), g, request, c.eventInfo(request.EventInfo)))
}

func (h groups) remove(c *call) (any, error) {
	var request wire.GroupDeleteRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	g, err := h.group(c)
	if err != nil {
		return nil, err
	}
	return nil, h.Delete(c.ctx(), g, c.eventInfo(request.EventInfo))
}

func (h groups) search(c *call) (any, error) {
	var criteria wire.GroupSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	all, total, err := h.Search(c.ctx(), c.scope, criteria)
	return wire.GroupSearchResponse{Groups: all, Total: total}, err
}

// byGroup turns the keys of an object into ids. Lists under two spellings of one id are one list.
func byGroup[T any](given map[string][]T) (map[wire.ID][]T, error) {
	var v problem.Validation
	all := make(map[wire.ID][]T, len(given))
	for _, text := range slices.Sorted(maps.Keys(given)) {
		id, ok := body.ParseID(text)
		v.Check(ok, "members["+body.Shortened(text)+"]", "couldNotConvert", "The members are named by the id of their group, a UUID.")
		all[id] = append(all[id], given[text]...)
	}
	return all, v.Err()
}

func membersResponse(members group.Members) wire.GroupMembersResponse {
	all := wire.Map[wire.List[wire.GroupMember]]{}
	for id, of := range members {
		all[string(id)] = of
	}
	return wire.GroupMembersResponse{Members: all}
}

func (h groups) addMembers(c *call) (any, error) { return h.changeMembers(c, h.Add) }

func (h groups) replaceMembers(c *call) (any, error) { return h.changeMembers(c, h.Replace) }

func (h groups) changeMembers(c *call, change func(ctx context.Context, scope wire.ID, given group.Members, info *wire.EventInfo) (group.Members, error)) (any, error) {
	var request wire.GroupMembersRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	given, err := byGroup(request.Members)
	if err != nil {
		return nil, err
	}
	members, err := change(c.ctx(), c.scope, given, c.eventInfo(request.EventInfo))
	return membersResponse(members), err
}

func (h groups) removeMember(c *call) (any, error) {
	id, err := c.pathID("memberId")
	if err != nil {
		return nil, err
	}
	var request wire.GroupMembersDeleteRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	return h.end(c, request, []wire.ID{id}, nil)
}

// removeMembers ends the memberships that the body names; without one, that of a user in a group, or all of a group, which the query names.
func (h groups) removeMembers(c *call) (any, error) {
	var request wire.GroupMembersDeleteRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	named, err := byGroup(request.Members)
	if err != nil {
		return nil, err
	}
	if len(request.MemberIDs) > 0 || len(named) > 0 {
		_, err := h.Remove(c.ctx(), c.scope, request.MemberIDs, named, c.eventInfo(request.EventInfo))
		return nil, err
	}
	groupID, err := c.queryID("groupId")
	if err != nil {
		return nil, err
	}
	userID, err := c.queryID("userId")
	switch {
	case err != nil:
		return nil, err
	case groupID == "":
		return nil, invalidField("memberIds", "missing", "Say whom: memberIds or members in the body, or groupId, and perhaps userId, as parameters.")
	case userID != "":
		return h.end(c, request, nil, map[wire.ID][]wire.ID{groupID: {userID}})
	}
	g, err := h.reach(c, groupID)
	if err != nil {
		return nil, err
	}
	return nil, h.RemoveAll(c.ctx(), g, c.eventInfo(request.EventInfo))
}

// end ends one membership, which must exist.
func (h groups) end(c *call, request wire.GroupMembersDeleteRequest, ids []wire.ID, users map[wire.ID][]wire.ID) (any, error) {
	ended, err := h.Remove(c.ctx(), c.scope, ids, users, c.eventInfo(request.EventInfo))
	if err == nil && ended == 0 {
		err = problem.ErrNotFound
	}
	return nil, err
}

func (h groups) searchMembers(c *call) (any, error) {
	var criteria wire.GroupMemberSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	all, total, err := h.SearchMembers(c.ctx(), c.scope, criteria)
	return wire.GroupMemberSearchResponse{Members: all, Total: total}, err
}
