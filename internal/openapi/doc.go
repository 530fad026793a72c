// Package openapi makes the OpenAPI document of the API: from the route table of package api, from the types of packages wire and event with their
// documentation, and from the descriptions that stand here. It runs at development time; no program of the project is linked with it. What it makes is
// internal/api/openapi.json, which is committed, and which package api serves.
//
//	operation.go  what can be said about a route
//	groups.go     the parts of the API, in the order of the document
//	…             a file per part: what its routes take and give
//	generate.go   routes, descriptions and types → document
//	schema.go     types → schemas
//	prose.go      documentation of types and their members, read from their source
//	events.go     the catalogue of events → the document's webhooks
//
// # How to describe a route
//
// A route needs a line here, or the tests fail and say so. It names the route as the table does, and says in a few words what it does, what it takes
// and what it gives:
//
//	on("POST /api/webhook/{webhookId}/test", "Send a webhook an event to try it out", takes(wire.WebhookTestRequest{}), gives(wire.WebhookTestResponse{})),
//
// What follows from the route itself is not repeated: ids in the path, who may call, the tenant header, and the answers 400, 401, 404, 409 and 413. Prose
// about types and their members belongs to their Go documentation. After a change: make generate.
package openapi

//go:generate go run ./generate
