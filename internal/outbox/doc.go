// Package outbox carries committed events to their webhooks until they arrive or are given up. A delivery is one event owed to one webhook; it is written in the
// transaction of the change (Owe), so it exists exactly when the change does.
//
//	outbox.go    what others use: Owe, Start, Stop, Settle; the parts and how they hang together
//	owe.go       deliveries of a commit: handed to a lane at once where there is room, left in the table otherwise
//	lane.go      one webhook's deliveries in memory: a short queue, its workers, the feeder that claims more from the table
//	ordered.go   events of one object in sequence: whose turn it is
//	recorder.go  results, written in batches and fenced by the claim
//	flow.go      pause and breaker: whether deliveries to a webhook flow at all
//	list.go      reading deliveries: searches, one, the backlog of a webhook
//	reopen.go    what people do with them: begin anew, make due, cancel, owe late; walks through many
//	node.go      the lease of this process; what a dead one had claimed is freed by the others
//	retry.go, breaker.go   the decisions, without input or output
//	*_sql.go     the statements
//
// The path of a delivery, with the states of its row:
//
//	        Owe                    worker             recorder
//	commit ─────▶ pending, claimed ──────▶ sent ──┬──▶ delivered
//	   │                                          ├──▶ retrying, due later ──▶ claimed by a feeder ──▶ sent …
//	   └─ no room ▶ pending, due now ─ feeder ─▶  └──▶ dead
//
// A claim belongs to a process and lasts as long as the process' lease on its node row; on SQLite, which has one process, until the next start. Claims are counted, and a
// result is stored only while its claim is the newest, so a late worker cannot overwrite what came after it.
//
// Lanes share nothing but the database: a receiver that hangs delays nobody else. Within a lane a share of the places is for first
// attempts alone, so that a backlog of retries does not starve them.
package outbox
