// Package publish is the single entrance for events. It asks webhooks whether a change may happen, and commits the change together
// with the record of its events and what is owed to webhooks; package outbox delivers that.
//
// An API call is one Operation on the path prepare → ask → commit (publish.go; states and crash behaviour are in
// docs/decisions/0001-ask-then-commit.md):
//
//	prepare  one transaction: the operation validates, reserves names, plans its events; the events to be voted on are recorded as Running
//	ask      no transaction open: each transactional event goes to its webhooks at once, the tenant's rule counts the answers (quorum.go)
//	commit   one transaction: the change, its events (Succeeded), what is still owed to webhooks (deliveries), the votes' attempts
//
// Events of other systems take the same way (intake.go): with a vote as an operation that has no change of its own, without one many together in a
// transaction.
//
// quorum.go and envelope.go do no input or output; SQL is in publish_sql.go.
package publish
