package webhooklog

import (
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// eachNewest calls do with the newest events that really happened, one body in memory at a time.
func eachNewest(tx *db.Tx, limit int, do func(e wire.FilteredEvent, body []byte)) error {
	rows, err := tx.Query(`SELECT id, type, COALESCE(tenant_id, ''), insert_instant, body FROM event WHERE NOT test ORDER BY sequence DESC LIMIT $1`, limit)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e wire.FilteredEvent
		var body string
		if err := rows.Scan(&e.ID, &e.Type, &e.TenantID, &e.InsertInstant, &body); err != nil {
			return err
		}
		do(e, []byte(body))
	}
	return rows.Err()
}
