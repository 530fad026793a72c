// Package db opens Herald's store on either engine, SQLite or PostgreSQL, migrates it, and runs transactions on it. It owns
// the schema (migrations/), what durable means, and every difference between the engines; it owns no table of the product
// and no query on one.
//
// The flow of a change:
//
//   - [DB.Update] is handed a function that takes the [*Tx]. The transaction is an argument: functions that take part in
//     somebody's change accept a *Tx, functions that stand alone call Update themselves.
//   - On PostgreSQL that is one transaction on a pooled connection, tried again after a deadlock.
//   - On SQLite one goroutine (writer.go) owns the only writing connection. It opens one transaction for all the callers who
//     are waiting, lends the connection to one after the other, each inside a savepoint of its own, and commits once: they
//     share a single fsync, and an error of one undoes only that one.
//   - When the commit is on the disk, the functions given to [Tx.AfterCommit] run and Update returns nil. Not before.
//
// [DB.View] reads one consistent snapshot and never waits for a writer. SQLite's write-ahead log is copied back into the file
// by a goroutine of its own (checkpoint.go), outside the commits. [Cache] keeps small, often read values (settings, keys) in
// memory and knows when they went stale.
//
// The same SQL text serves both engines: $1 placeholders, instants as milliseconds in BIGINT, ids as TEXT. What cannot be
// the same has a name in dialect.go.
package db
