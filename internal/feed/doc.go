// Package feed lets consumers read committed events one after the other, as far back as they are kept, and go on where they stopped: whoever was down catches up.
//
//	feed.go      Read: one page behind a cursor, now or when there is something
//	cursor.go    the place in the feed that a consumer keeps
//	wanted.go    which events a consumer wants; no input or output
//	feed_sql.go  the statements
//
// The feed has the order in which events were recorded (their sequence), and a page never leaves a place behind at which an event may still appear. Two things can
// stand there:
//
//   - an event that webhooks are being asked about. It has its sequence from before it was put to them, and is in the feed once it is committed. It holds back what is
//     behind it, for as long as the vote takes, from those who want its type.
//   - on PostgreSQL a sequence that was drawn by a transaction that has not ended. Transactions draw only after they have got their id (a trigger sees to it), so a
//     place that is empty is empty for good once all transactions have ended whose ids were given out when the event behind it was seen.
package feed
