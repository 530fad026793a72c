package api

import (
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/entity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// entities are the handlers of entity types, entities and grants.
type entities struct {
	*server
	*entity.Service
}

func (s *server) entityRoutes(e *entity.Service) []route {
	h := entities{s, e}
	// Types belong to no tenant, so a tenant's key only reads them.
	types := resource[wire.EntityType, wire.EntityTypeRequest]{
		path: "/api/entity/type", id: "entityTypeId", reading: tenantKey,
		in:  func(r *wire.EntityTypeRequest) *wire.EntityType { return &r.EntityType },
		one: func(t *wire.EntityType) any { return wire.EntityTypeResponse{EntityType: t} },
		all: func(all []wire.EntityType) any { return wire.EntityTypesResponse{EntityTypes: all} },
	}
	if e != nil { // nil in tests of other resources
		types.objects = e.Types()
	}
	const (
		kind       = "/api/entity/type"
		oneKind    = kind + "/{entityTypeId}"
		permission = kind + "/permission"
		one        = "/api/entity/{entityId}"
		grant      = "/api/entity/grant"
		// The last segment must be "grant", which [entities.granting] sees to: as a literal it would be ambiguous beside oneKind.
		grants = one + "/{grant}"
	)
	return append(types.routes(), []route{
		{"GET", kind + "/search", kind + "/search", tenantKey, h.searchTypes},
		{"POST", kind + "/search", kind + "/search", tenantKey, h.searchTypes},

		{"POST", oneKind + "/permission", permission, globalKey, h.createPermission},
		{"POST", oneKind + "/permission/{permissionId}", permission, globalKey, h.createPermission},
		{"PUT", oneKind + "/permission/{permissionId}", permission, globalKey, h.replacePermission},
		{"PATCH", oneKind + "/permission/{permissionId}", permission, globalKey, h.patchPermission},
		{"DELETE", oneKind + "/permission/{permissionId}", permission, globalKey, h.removePermission},

		{"POST", "/api/entity", "/api/entity", tenantKey, h.create},
		{"POST", one, "/api/entity", tenantKey, h.create},
		{"GET", one, "/api/entity", tenantKey, h.load},
		{"PUT", one, "/api/entity", tenantKey, h.replace},
		{"PATCH", one, "/api/entity", tenantKey, h.patch},
		{"DELETE", one, "/api/entity", tenantKey, h.remove},
		{"GET", "/api/entity/search", "/api/entity/search", tenantKey, h.search},
		{"POST", "/api/entity/search", "/api/entity/search", tenantKey, h.search},
		{"PUT", "/api/entity/search", "/api/entity/search", tenantKey, refreshSearch},

		{"POST", grants, grant, tenantKey, h.granting(h.putGrant)},
		{"PUT", grants, grant, tenantKey, h.granting(h.putGrant)},
		{"PATCH", grants, grant, tenantKey, h.granting(h.patchGrant)},
		{"GET", grants, grant, tenantKey, h.granting(h.findGrants)},
		{"DELETE", grants, grant, tenantKey, h.granting(h.removeGrant)},
		{"GET", grant + "/search", grant + "/search", tenantKey, h.searchGrants},
		{"POST", grant + "/search", grant + "/search", tenantKey, h.searchGrants},
	}...)
}

func (h entities) searchTypes(c *call) (any, error) {
	var criteria wire.EntityTypeSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	types, total, err := h.Types().Search(c.ctx(), criteria)
	return wire.EntityTypeSearchResponse{EntityTypes: types, Total: total}, err
}

// permissionPath is the type and, unless one is to be created, the permission that the path names.
func (c *call) permissionPath() (of, id wire.ID, err error) {
	if of, err = c.pathID("entityTypeId"); err == nil {
		id, err = c.pathID("permissionId")
	}
	return of, id, err
}

func (h entities) createPermission(c *call) (any, error) {
	of, id, err := c.permissionPath()
	if err != nil {
		return nil, err
	}
	var request wire.EntityTypePermissionRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	p, err := h.Types().CreatePermission(c.ctx(), of, id, request.Permission)
	return wire.EntityTypePermissionResponse{Permission: &p}, err
}

func (h entities) replacePermission(c *call) (any, error) {
	return h.changePermission(c, func(wire.EntityTypePermission) (wire.EntityTypePermission, error) {
		var request wire.EntityTypePermissionRequest
		err := c.decode(&request)
		return request.Permission, err
	})
}

func (h entities) patchPermission(c *call) (any, error) {
	return h.changePermission(c, func(current wire.EntityTypePermission) (wire.EntityTypePermission, error) {
		var request wire.EntityTypePermissionRequest
		err := c.patch(wire.EntityTypePermissionRequest{Permission: current}, &request)
		return request.Permission, err
	})
}

func (h entities) changePermission(c *call, change func(wire.EntityTypePermission) (wire.EntityTypePermission, error)) (any, error) {
	of, id, err := c.permissionPath()
	if err != nil {
		return nil, err
	}
	p, err := h.Types().UpdatePermission(c.ctx(), of, id, change)
	return wire.EntityTypePermissionResponse{Permission: &p}, err
}

func (h entities) removePermission(c *call) (any, error) {
	of, id, err := c.permissionPath()
	if err != nil {
		return nil, err
	}
	return nil, h.Types().DeletePermission(c.ctx(), of, id)
}

func (h entities) create(c *call) (any, error) {
	id, err := c.pathID("entityId")
	if err != nil {
		return nil, err
	}
	var request wire.EntityRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	e, err := h.Create(c.ctx(), tenant, id, request.Entity, c.eventInfo(request.EventInfo))
	if err != nil {
		return nil, err
	}
	return wire.EntityResponse{Entity: &e.Entity}, nil
}

// entity returns the entity that the path names, unless it is out of the caller's reach.
func (h entities) entity(c *call) (*entity.Entity, error) {
	id, err := c.pathID("entityId")
	if err != nil {
		return nil, err
	}
	e, err := h.Load(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	return e, c.narrow(e.TenantID)
}

func (h entities) load(c *call) (any, error) {
	e, err := h.entity(c)
	if err != nil {
		return nil, err
	}
	return wire.EntityResponse{Entity: &e.Entity}, nil
}

func (h entities) replace(c *call) (any, error) {
	e, err := h.entity(c)
	if err != nil {
		return nil, err
	}
	var request wire.EntityRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return h.update(c, e, request)
}

func (h entities) patch(c *call) (any, error) {
	e, err := h.entity(c)
	if err != nil {
		return nil, err
	}
	var request wire.EntityRequest
	if err := c.patch(wire.EntityRequest{Entity: e.Entity}, &request); err != nil {
		return nil, err
	}
	return h.update(c, e, request)
}

func (h entities) update(c *call, e *entity.Entity, request wire.EntityRequest) (any, error) {
	e, err := h.Update(c.ctx(), e, request.Entity, c.eventInfo(request.EventInfo))
	if err != nil {
		return nil, err
	}
	return wire.EntityResponse{Entity: &e.Entity}, nil
}

func (h entities) remove(c *call) (any, error) {
	var request wire.EntityDeleteRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	e, err := h.entity(c)
	if err != nil {
		return nil, err
	}
	return nil, h.Delete(c.ctx(), e, c.eventInfo(request.EventInfo))
}

func (h entities) search(c *call) (any, error) {
	var criteria wire.EntitySearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	found, total, err := h.Search(c.ctx(), c.scope, criteria)
	return wire.EntitySearchResponse{Entities: found, Total: total}, err
}

// granting makes a handler of one that works on the grants of the entity that the path names.
func (h entities) granting(handle func(*call, *entity.Entity) (any, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		if c.r.PathValue("grant") != "grant" {
			return nil, problem.ErrNotFound
		}
		on, err := h.entity(c)
		if err != nil {
			return nil, err
		}
		return handle(c, on)
	}
}

// putGrant is POST and PUT: both create the grant or replace the one that is there.
func (h entities) putGrant(c *call, on *entity.Entity) (any, error) {
	var request wire.EntityGrantRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return nil, h.Grants().Put(c.ctx(), on, request.Grant)
}

// patchGrant finds the grant by the query, or by what a body that is no list of operations says.
func (h entities) patchGrant(c *call, on *entity.Entity) (any, error) {
	to, err := c.recipient()
	if err != nil {
		return nil, err
	}
	if to == (entity.Recipient{}) {
		if to, err = c.recipientInPatch(); err != nil {
			return nil, err
		}
	}
	return nil, h.Grants().Patch(c.ctx(), on, to, func(current wire.EntityGrant) (wire.EntityGrant, error) {
		var request wire.EntityGrantRequest
		err := c.patch(wire.EntityGrantRequest{Grant: current}, &request)
		return request.Grant, err
	})
}

// recipient is who the query says has the grant.
func (c *call) recipient() (to entity.Recipient, err error) {
	var v problem.Validation
	if to.UserID, err = c.queryID("userId"); v.Merge(err) != nil {
		return to, err
	}
	if to.EntityID, err = c.queryID("recipientEntityId"); v.Merge(err) != nil {
		return to, err
	}
	return to, v.Err()
}

// recipientInPatch is who the body says has the grant. A list of operations says nothing of the kind.
func (c *call) recipientInPatch() (to entity.Recipient, err error) {
	if err := c.needsBody(); err != nil {
		return to, err
	}
	kind, err := c.contentType(typeJSON, typeMergePatch, typeJSONPatch)
	if err != nil || kind == typeJSONPatch {
		return to, err
	}
	var request wire.EntityGrantRequest
	err = body.Decode(c.body, &request)
	return entity.Recipient{UserID: request.Grant.UserID, EntityID: request.Grant.RecipientEntityID}, err
}

// findGrants answers with the grant of a recipient, or with all grants on the entity.
func (h entities) findGrants(c *call, on *entity.Entity) (any, error) {
	to, err := c.recipient()
	if err != nil {
		return nil, err
	}
	if to == (entity.Recipient{}) {
		all, err := h.Grants().List(c.ctx(), on)
		return wire.EntityGrantsResponse{Grants: all}, err
	}
	var v problem.Validation
	to.Check(&v, "")
	if err := v.Err(); err != nil {
		return nil, err
	}
	g, err := h.Grants().Load(c.ctx(), on, to)
	return wire.EntityGrantResponse{Grant: &g}, err
}

func (h entities) removeGrant(c *call, on *entity.Entity) (any, error) {
	to, err := c.recipient()
	if err != nil {
		return nil, err
	}
	var v problem.Validation
	to.Check(&v, "")
	if err := v.Err(); err != nil {
		return nil, err
	}
	return nil, h.Grants().Delete(c.ctx(), on, to)
}

func (h entities) searchGrants(c *call) (any, error) {
	var criteria wire.EntityGrantSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	grants, total, err := h.Grants().Search(c.ctx(), c.scope, criteria)
	return wire.EntityGrantSearchResponse{Grants: grants, Total: total}, err
}
