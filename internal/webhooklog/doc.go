// Package webhooklog is the record of everything that was sent, or deliberately not sent: one row per event with the exact bytes every webhook gets,
// one row per attempt with what was sent and answered, and for each event whom it was withheld from and why.
//
//	record.go     writing: events, their results, attempts. Takes part in others' transactions
//	audience.go   whom an event was not sent to, stored once for all events with the same answer
//	search.go     reading: one entry, searches, pages
//	retention.go  what is deleted, in small steps
//
// It decides nothing about votes or deliveries; packages publish and outbox write here what they did.
package webhooklog
