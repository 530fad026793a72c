package webhooklog

import (
	"context"
	"database/sql"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// neighbourhood is how far, in sequences, the events of one operation are looked for: it writes its first ones together, and those that follow
// the commit when everybody has answered, between which others may have written. So of an operation on many objects, or among very many others,
// not all are found.
const neighbourhood = 500

// Related returns other events of the same operation, the oldest first, without their bodies, attempts and deliveries: user.create.complete of
// user.create. It looks only at events that were recorded at nearly the same time.
func (r *Reader) Related(ctx context.Context, e *wire.WebhookEventLog) (events []wire.WebhookEventLog, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		found, err := loadRelated(tx, e)
		for i := range found {
			events = append(events, found[i].WebhookEventLog)
		}
		return err
	})
	return events, err
}

func loadRelated(tx *db.Tx, e *wire.WebhookEventLog) ([]entry, error) {
	rows, err := tx.Query(`SELECT `+listColumns+` FROM event e
		WHERE e.sequence BETWEEN $1 AND $2 AND e.operation_id = $3 AND e.sequence <> $4 ORDER BY e.sequence`,
		e.Sequence-neighbourhood, e.Sequence+neighbourhood, e.OperationID, e.Sequence)
	return db.Collect(rows, err, func(rows *sql.Rows) (entry, error) { return scanListed(rows) })
}
