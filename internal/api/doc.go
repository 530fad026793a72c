// Package api is Herald's REST interface: which request reaches which operation, who may make it, and how JSON and errors
// look on the wire. It owns no rule about webhooks, users or tenants and no SQL: a handler decodes, calls one method of a
// domain package and returns the answer.
//
// The path of a request, one file per step:
//
//	serve.go    request id, log line, panic → 500, key and permission, tenant header
//	routes.go   the table: method, pattern, permission, who, handler
//	call.go     what a handler may ask about its request
//	body.go     size and type of the body
//	            (package body) JSON → request struct: lenient, and precise about what is wrong where
//	patch.go    the three kinds of PATCH, all ending in decode
//	query.go    query parameters; search criteria from either query or body
//	respond.go  result or error → status and body; the only place that knows both
//	resource.go the handlers of objects that work alike: create, list, load, replace, patch, delete
//
// # How to add a resource
//
//  1. wire/thing.go: Thing, ThingRequest{Thing} and ThingResponse{*Thing}, with their documentation.
//
//  2. api.go: a field of Services for the domain service. routes.go: s.thingRoutes(), the rows at the top of thing.go:
//
//     {"POST", "/api/thing", "/api/thing", tenantKey, s.createThing},
//     {"POST", "/api/thing/{thingId}", "/api/thing", tenantKey, s.createThing},
//     {"PATCH", "/api/thing/{thingId}", "/api/thing", tenantKey, s.patchThing},
//
//  3. thing.go: the handlers, func (s *server) createThing(c *call) (any, error). They ask c for everything (pathID, decode,
//     patch, query, search, tenant, eventInfo), return the errors they are given as they are, and else a result: a struct
//     becomes JSON, nil an empty 200 (deletes only: the clients decode the rest), status(202) that status without a body.
//
//     A thing that belongs to the whole installation and has no events needs none of them: resource.go has them, see webhook.go.
//
//  4. A thing that belongs to a tenant and was found by its id: c.narrow(thing.TenantID) before anything else is done with
//     it, so that nobody reaches into another tenant.
//
//  5. A line per route in package openapi, which makes the document of the API: on("POST /api/thing", "Create a thing", …). Then make generate.
//
//  6. A test over HTTP; see apikey_test.go. Nothing here waits for the network once the handler runs, so decode and patch
//     may be called inside a transaction.
package api
