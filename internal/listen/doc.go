// Package listen is for people who write receivers: a program that listens over the API is a temporary webhook. It holds one long answer of the server open, gets on it
// the requests that webhooks get, and sends back what came of them. It needs no public address, and is gone with its connection.
//
//	listen.go      Begin, Next, End: who listens at this process; signs of life
//	queue.go       what waits for one listener, what it was handed and has not answered, what it lost
//	feed.go        observing: what is decided, read from the store a few times a second while somebody listens
//	vote.go        having a say: the question, also to listeners whose connection another process holds
//	answer.go      what comes back: a vote, or an attempt for the webhook log
//	match.go       which types a listener wants
//	listen_sql.go  the statements
//
// Two things are kept apart. To observe costs those who publish nothing: the events are read from the store, in the order of their storing, once they are decided; a listener
// that is too slow loses some and is told how many. To have a say (transactional) is to be asked by package publish before the commit, like a webhook.
//
// Only an answer counts. A listener that says nothing in time, because its connection is gone, its machine asleep or its process stopped, counts as if it had not been
// asked, and is dropped, so that it holds up nobody a second time. A local receiver that is slow is another thing: the program at the other end reports that, and it counts as no.
//
// Rows in the store make listeners known to other processes on the same PostgreSQL. A row lives by the signs of life of its program; those that a crash leaves behind mean nothing
// after 20 s, and nothing at all to a vote.
package listen
