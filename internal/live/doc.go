// Package live is one stream of what happens: new events and what was decided about them, attempts, what becomes of deliveries, and webhooks that are
// paused, fail or recover. It is for people who watch, any number of them at once, and shows also what other processes on the same PostgreSQL do.
//
//	live.go      Watch: who watches, and the one reader of this process that exists while somebody does
//	tracker.go   what is read with each look, and what of it is news
//	rows.go      what a batch consists of; cursors
//	live_sql.go  the statements
//
// The source is the store and nothing else: the reader looks twice a second, never writes, and ends with the last watcher, so that nothing is
// paid for when nobody watches. What one look reads is bounded. When more happens than that, some events are shown and the others counted ([Batch.Of]).
//
// Sequences become visible out of order on PostgreSQL: a transaction that drew a smaller number may commit later. So the reader remembers the numbers it
// has not seen below the highest one, and asks for them again for a while; a cursor carries them along.
//
// Attempts and deliveries have no index by time. Those of events that are in motion are read again with each look: events that are new or being
// decided, and older ones of which a delivery is claimed or due. What people send again comes to it by announcement ([Service.Moved]).
//
// Rows are light and repeat: whoever shows them keeps them by their key and overwrites. There is nothing of a body in them, as that is personal data.
package live
