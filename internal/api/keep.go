package api

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/herald-events/herald/internal/keep"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// keeper are the handlers of one kind of object that is kept. What the kinds are is a table in package keep.
type keeper struct {
	*server
	objects *keep.Service
	kind    *keep.Kind
}

func (s *server) keepRoutes(objects *keep.Service) []route {
	var rows []route
	for _, kind := range keep.Kinds {
		rows = append(rows, keeper{s, objects, kind}.routes()...)
	}
	return append(rows, families{s, objects}.routes()...)
}

// pathIDs are the segments of a path that no permission has.
var pathIDs = regexp.MustCompile(`/\{[^}]*\}`)

func (h keeper) routes() []route {
	path, permission, access := h.kind.Path, pathIDs.ReplaceAllString(h.kind.Path, ""), globalKey
	if h.kind.Owner == keep.Application || h.kind.Owner == keep.User {
		access = tenantKey
	}
	one := path + "/{" + h.kind.ID + "}"
	rows := []route{
		{"POST", path, permission, access, h.create},
		{"POST", one, permission, access, h.create},
		{"GET", path, permission, access, h.list},
		{"GET", one, permission, access, h.load},
		{"PUT", one, permission, access, h.replace},
		{"PATCH", one, permission, access, h.patch},
		{"DELETE", one, permission, access, h.remove},
	}
	if h.kind.Search != nil {
		rows = append(rows,
			route{"GET", path + "/search", permission + "/search", access, h.search},
			route{"POST", path + "/search", permission + "/search", access, h.search})
	}
	return rows
}

// storedOnly is the answer about something that Herald keeps and does not act on, and says so in a header.
type storedOnly struct{ result any }

func (a storedOnly) send(w http.ResponseWriter) error {
	w.Header().Set("X-Herald-Stored-Only", "true")
	return respond(w, a.result)
}

// envelope is a request about kept objects, or an answer: objects and other things by their member.
type envelope map[string]any

// within is where the caller may reach, and the application that the path names.
func (c *call) within() (keep.Within, error) {
	application, err := c.pathID("applicationId")
	return keep.Within{Tenant: c.scope, Application: application}, err
}

// target is the object that the path names; the id is empty in a creation that leaves it to the server.
func (h keeper) target(c *call) (within keep.Within, id wire.ID, err error) {
	if within, err = c.within(); err != nil {
		return within, "", err
	}
	id, err = c.pathID(h.kind.ID)
	return within, id, err
}

// object is what a request says about an object. One that does not mention it says nothing about it.
func (h keeper) object(body map[string]json.RawMessage) (keep.Object, error) {
	var v problem.Validation
	members, ok := loose.CheckObject(&v, h.kind.One, body[h.kind.One])
	if !ok {
		members = map[string]json.RawMessage{}
	}
	return members, v.Err()
}

func (h keeper) create(c *call) (any, error) {
	within, id, err := h.target(c)
	if err != nil {
		return nil, err
	}
	var body map[string]json.RawMessage
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	given, err := h.object(body)
	if err != nil {
		return nil, err
	}
	var source wire.ID
	if h.kind.Copies != "" {
		var v problem.Validation
		if loose.CheckID(&v, h.kind.Copies, body[h.kind.Copies]) {
			source = loose.ID(body[h.kind.Copies])
		}
		if err := v.Err(); err != nil {
			return nil, err
		}
	}
	o, err := h.objects.Create(c.ctx(), h.kind, within, id, source, given)
	return storedOnly{envelope{h.kind.One: o}}, err
}

// list lists all objects: those of the user that the parameter userId names, where the kind belongs to users, and those of one type, where it
// names one.
func (h keeper) list(c *call) (any, error) {
	within, err := c.within()
	if err != nil {
		return nil, err
	}
	if h.kind.Owner == keep.User {
		if within.User, err = c.needsUser(); err != nil {
			return nil, err
		}
	}
	all, err := h.objects.List(c.ctx(), h.kind, within, c.query("type"))
	return storedOnly{envelope{h.kind.Many: wire.List[keep.Object](all)}}, err
}

// needsUser is the user that the query names, which it must.
func (c *call) needsUser() (wire.ID, error) {
	user, err := c.queryID("userId")
	if err == nil && user == "" {
		err = invalidField("userId", "missing", "Say of which user: userId as a parameter.")
	}
	return user, err
}

func (h keeper) load(c *call) (any, error) {
	within, id, err := h.target(c)
	if err != nil {
		return nil, err
	}
	o, err := h.objects.Load(c.ctx(), h.kind, within, id)
	return storedOnly{envelope{h.kind.One: o}}, err
}

func (h keeper) replace(c *call) (any, error) {
	return h.change(c, func(_ keep.Object, body *map[string]json.RawMessage) error { return c.decode(body) })
}

func (h keeper) patch(c *call) (any, error) {
	return h.change(c, func(current keep.Object, body *map[string]json.RawMessage) error {
		return c.patch(envelope{h.kind.One: current}, body)
	})
}

// change has read fill a body with what is to become of the object.
func (h keeper) change(c *call, read func(current keep.Object, body *map[string]json.RawMessage) error) (any, error) {
	within, id, err := h.target(c)
	if err != nil {
		return nil, err
	}
	o, err := h.objects.Update(c.ctx(), h.kind, within, id, func(current keep.Object) (keep.Object, error) {
		var body map[string]json.RawMessage
		if err := read(current, &body); err != nil {
			return nil, err
		}
		return h.object(body)
	})
	return storedOnly{envelope{h.kind.One: o}}, err
}

func (h keeper) remove(c *call) (any, error) {
	within, id, err := h.target(c)
	if err != nil {
		return nil, err
	}
	return storedOnly{}, h.objects.Delete(c.ctx(), h.kind, within, id)
}

func (h keeper) search(c *call) (any, error) {
	within, err := c.within()
	if err != nil {
		return nil, err
	}
	var criteria wire.KeptSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	found, total, err := h.objects.Search(c.ctx(), h.kind, within, criteria)
	return storedOnly{envelope{h.kind.Many: wire.List[keep.Object](found), "total": total}}, err
}

// families are the handlers of who belongs to which family, which nobody acts on either.
type families struct {
	*server
	objects *keep.Service
}

func (h families) routes() []route {
	const path, one = "/api/user/family", "/api/user/family/{familyId}"
	return []route{
		{"POST", path, path, tenantKey, h.create},
		{"POST", one, path, tenantKey, h.create},
		{"GET", path, path, tenantKey, h.list},
		{"GET", one, path, tenantKey, h.load},
		{"PUT", one, path, tenantKey, h.join},
		{"DELETE", one + "/{userId}", path, tenantKey, h.leave},
	}
}

func (h families) create(c *call) (any, error) {
	return h.put(c, h.objects.CreateFamily)
}

// join adds a member, or replaces what is known about one.
func (h families) join(c *call) (any, error) {
	return h.put(c, h.objects.JoinFamily)
}

func (h families) put(c *call, put func(context.Context, keep.Within, wire.ID, wire.FamilyMember) (wire.Family, error)) (any, error) {
	id, err := c.pathID("familyId")
	if err != nil {
		return nil, err
	}
	var request wire.FamilyRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	f, err := put(c.ctx(), keep.Within{Tenant: c.scope}, id, request.FamilyMember)
	return storedOnly{wire.FamilyResponse{Family: &f}}, err
}

func (h families) list(c *call) (any, error) {
	user, err := c.needsUser()
	if err != nil {
		return nil, err
	}
	all, err := h.objects.FamiliesOf(c.ctx(), keep.Within{Tenant: c.scope}, user)
	return storedOnly{wire.FamiliesResponse{Families: all}}, err
}

func (h families) load(c *call) (any, error) {
	id, err := c.pathID("familyId")
	if err != nil {
		return nil, err
	}
	f, err := h.objects.LoadFamily(c.ctx(), keep.Within{Tenant: c.scope}, id)
	return storedOnly{wire.FamilyResponse{Family: &f}}, err
}

func (h families) leave(c *call) (any, error) {
	id, err := c.pathID("familyId")
	if err != nil {
		return nil, err
	}
	user, err := c.pathID("userId")
	if err != nil {
		return nil, err
	}
	return storedOnly{}, h.objects.LeaveFamily(c.ctx(), keep.Within{Tenant: c.scope}, id, user)
}
