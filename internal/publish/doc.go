// Package publish is the single entrance for events. It asks webhooks whether a change may happen, commits the change together
// with the record of its events and the deliveries it owes, and delivers them until they arrive or are given up.
//
// An API call is one Operation on the path prepare → ask → commit (publish.go; states and crash behaviour are in
// docs/decisions/0001-ask-then-commit.md):
//
//	prepare  one transaction: the operation validates, reserves names, plans its events; the events to be voted on are recorded as Running
//	ask      no transaction open: each transactional event goes to its webhooks at once, the tenant's rule counts the answers (quorum.go)
//	commit   one transaction: the change, its events (Succeeded), what is still owed to webhooks (deliveries), the votes' attempts
//
// A delivery is then carried by the lane of its webhook (lane.go): claimed under a lease, sent, settled by the retry schedule
// (retry.go). Lanes share nothing but the database, so a receiver that hangs delays nobody else.
//
// Files that decide (quorum.go, retry.go) do no input or output; SQL is in publish_sql.go.
package publish
