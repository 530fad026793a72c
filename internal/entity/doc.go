// Package entity is the directory of what has an identity without being a user: devices, services, companies. It owns the kinds of them
// (entity types) with the permissions that exist for each, the entities themselves, and the grants: which user, or which other entity, may do
// what with an entity.
//
//	type.go    entity types and their permissions; shared by all tenants, kept in memory
//	entity.go  entities: the changes, each with its events
//	input.go   the rules for them
//	find.go    searches
//	grant.go   grants
//	client.go  what an entity may do that shows its client id and secret
//
// Entities change as users do (package identity): Prepare reserves id and client id, then looks whether somebody has them, and plans the event;
// the webhooks are asked; Commit writes the row, or is problem.Stale when what it changes has moved.
//
// Events, `.complete` twins added by package publish:
//
//	create  entity.create
//	update  entity.update
//	delete  entity.delete; the grants on it, and those it has, go with it
//
// Types, permissions and grants have no events. Neither has the end of a tenant for its entities.
package entity
