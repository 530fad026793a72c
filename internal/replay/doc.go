// Package replay is what people do with deliveries: look at them, send one again or call it off, and the same with all that match a filter, or with
// everything that a webhook has missed. It decides what may be done and in which steps; package outbox owns the deliveries and sends them.
//
//	replay.go   one delivery, lists, the backlog and the pause of a webhook
//	input.go    what callers may ask for
//	task.go     work on many deliveries as it is stored: begin, list, pause, resume, cancel
//	plan.go     which deliveries a task is about: a walk through them, part by part
//	carrier.go  the processes' part: one of them carries a task, in steps, until it is done
//
// A task that is carried:
//
//	POST ─▶ running, free ─▶ claimed by a process ─▶ counted ─▶ step, step, step … ─▶ done
//	           ▲                 │ its lease ends (the process died), or it stops
//	           └─────────────────┘
//	resume ────┘   pause, cancel: between two steps
//
// A step is one transaction: it changes up to 200 deliveries of one webhook, moves the position of that webhook in the task, and renews the lease; it counts
// only while the task is still running and claimed by the one who makes it. So each delivery is changed once, whoever dies when.
package replay
