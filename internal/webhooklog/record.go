package webhooklog

import (
	"encoding/json"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Result of an event, as stored and as sent.
type Result string

const (
	Running   Result = "Running"   // being voted on
	Succeeded Result = "Succeeded" // committed
	Failed    Result = "Failed"    // refused, or left open by a crash
)

// Event is one row of the log.
type Event struct {
	Sequence     int64 // given by Insert
	ID           wire.ID
	Operation    string // what was done together has the same
	Tenant       wire.ID
	Type         event.Type
	Rule         wire.TransactionType // None when nobody decides
	LinkedObject wire.ID
	Audience     string // from Log.Audience; empty when nobody was left out
	Test         bool
	Body         []byte
	Trace        trace.Parent
	Instant      int64 // when it happened, in milliseconds
}

// Log writes and reads the record. It is safe for concurrent use.
type Log struct {
	db   *db.DB
	node string

	audiences audiences
}

// New returns the log in d. node names this process in the attempts it makes.
func New(d *db.DB, node string) *Log { return &Log{db: d, node: node} }

// Insert writes the events in order and gives each its sequence. Those that are Running must be decided until decideBy, in milliseconds; it means
// nothing for others. An id that is there already is problem.Stale.
func (l *Log) Insert(tx *db.Tx, events []*Event, result Result, decideBy int64) error {
	rows := make([][]any, len(events))
	for i, e := range events {
		rows[i] = []any{
			string(e.ID), e.Operation, db.Null(e.Tenant), string(e.Type), string(e.Rule), string(result), db.Null(e.LinkedObject), e.Test, db.Null(e.Audience), string(e.Body),
			e.Instant, decideBy, tx.NowMillis(), db.Null(e.Trace),
		}
	}
	sequences, err := insertEvents(tx, rows)
	if db.IsDuplicate(err) {
		return problem.Stale("event")
	}
	for i, s := range sequences {
		events[i].Sequence = s
	}
	return err
}

// Close gives Running events their result. It returns false when one of them is not Running any more.
func (l *Log) Close(tx *db.Tx, events []*Event, to Result) (all bool, err error) {
	rows := make([][]any, len(events))
	for i, e := range events {
		rows[i] = []any{to, tx.NowMillis(), e.Sequence}
	}
	affected, err := closeEvents(tx, rows)
	if err != nil {
		return false, err
	}
	all = true
	for _, n := range affected {
		all = all && n == 1
	}
	return all, nil
}

// Attempt is one HTTP call about an event, in the form in which it is stored.
type Attempt struct{ row []any }

// Attempt prepares the record of a call about the event with that sequence. It does not need a transaction, so that those who made the calls share the work.
func (l *Log) Attempt(sequence int64, kind webhook.Kind, a *webhook.Attempt) (Attempt, error) {
	detail, err := json.Marshal(&a.Detail)
	if err != nil {
		return Attempt{}, err
	}
	return Attempt{[]any{
		string(attemptID(sequence)), string(a.Webhook), string(kind), l.node, string(a.Outcome), a.StatusCode, a.URL, a.Exception, string(detail), a.Start.UnixMilli(), a.End.UnixMilli(),
	}}, nil
}

// Record writes attempts.
func (l *Log) Record(tx *db.Tx, attempts []Attempt) error {
	rows := make([][]any, len(attempts))
	for i, a := range attempts {
		rows[i] = a.row
	}
	return insertAttempts(tx, rows)
}
