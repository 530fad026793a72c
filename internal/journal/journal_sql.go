package journal

import (
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

func insertEventLog(tx *db.Tx, e *wire.EventLog) error {
	err := tx.QueryRow(`INSERT INTO event_log (type, message, message_fold, insert_instant) VALUES ($1, $2, $3, $4) RETURNING id`,
		string(e.Type), e.Message, search.Fold(e.Message), int64(e.InsertInstant)).Scan(&e.ID)
	if err != nil {
		return fmt.Errorf("write the event log: %w", err)
	}
	return nil
}

const eventLogColumns = `id, type, message, insert_instant`

func scanEventLog(row db.Row) (e wire.EventLog, err error) {
	err = row.Scan(&e.ID, &e.Type, &e.Message, &e.InsertInstant)
	return e, err
}

func loadEventLog(tx *db.Tx, id int64) (wire.EventLog, error) {
	e, err := scanEventLog(tx.QueryRow(`SELECT `+eventLogColumns+` FROM event_log WHERE id = $1`, id))
	return e, db.Found(err)
}

// Both logs grow by time, and an index of each holds it. All other orders are sorted for each page, so long texts are cut short for that.
var (
	newestFirst    = search.Order{{Column: "insert_instant", Descending: true, Kind: search.Instant}, {Column: "id", Descending: true}}
	eventLogOrders = map[string]string{"id": "id", "insertInstant": "insert_instant", "message": "SUBSTR(message, 1, 100)", "type": "type"}
	auditLogOrders = map[string]string{
		"id": "id", "insertInstant": "insert_instant", "insertUser": "SUBSTR(insert_user, 1, 100)", "message": "SUBSTR(message, 1, 100)",
		"tenant": "COALESCE(tenant_id, '')",
	}
)

func indexed(order search.Order) bool {
	first := order[0].Column
	return first == "insert_instant" || first == "id"
}

func searchEventLog(tx *db.Tx, positions *search.Positions, c wire.EventLogSearch) (entries []wire.EventLog, total int, err error) {
	return db.Search(tx, eventLogQuery(c, search.ParseOrder(c.OrderBy, eventLogOrders, newestFirst)), positions, scanEventLog)
}

func listEventLog(c wire.EventLogSearch) search.Query { return eventLogQuery(c, newestFirst) }

func eventLogQuery(c wire.EventLogSearch, order search.Order) search.Query {
	var w search.Conditions
	w.Equals("type", string(c.Type))
	w.Within("insert_instant", c.Period)
	w.Indexed()
	w.Contains("message_fold", storable(c.Message))
	return search.Query{Columns: eventLogColumns, From: "event_log", ID: "id", Where: w, Order: order, Indexed: indexed(order), Page: c.Page}
}

func insertAuditLog(tx *db.Tx, o Object, a *wire.AuditLog) error {
	var data []byte
	if a.Data != nil {
		var err error
		if data, err = json.Marshal(a.Data); err != nil {
			return fmt.Errorf("write the audit log: %w", err)
		}
	}
	err := tx.QueryRow(`
		INSERT INTO audit_log (tenant_id, insert_user, insert_user_fold, message, message_fold, reason, reason_fold,
			old_value, old_value_fold, new_value, new_value_fold, data, object, insert_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id`,
		db.Null(string(a.TenantID)), a.InsertUser, search.Fold(a.InsertUser), a.Message, search.Fold(a.Message), a.Reason, search.Fold(a.Reason),
		db.Null(string(a.OldValue)), db.Null(search.Fold(string(a.OldValue))), db.Null(string(a.NewValue)), db.Null(search.Fold(string(a.NewValue))),
		db.Null(string(data)), db.Null(storable(o.String())), int64(a.InsertInstant)).Scan(&a.ID)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

const auditLogColumns = `id, COALESCE(tenant_id, ''), insert_user, message, reason, COALESCE(old_value, ''), COALESCE(new_value, ''), COALESCE(data, ''), insert_instant`

func scanAuditLog(row db.Row) (a wire.AuditLog, err error) {
	var oldValue, newValue, data string
	err = row.Scan(&a.ID, &a.TenantID, &a.InsertUser, &a.Message, &a.Reason, &oldValue, &newValue, &data, &a.InsertInstant)
	if err != nil {
		return a, err
	}
	if oldValue != "" {
		a.OldValue = json.RawMessage(oldValue)
	}
	if newValue != "" {
		a.NewValue = json.RawMessage(newValue)
	}
	if data != "" {
		err = json.Unmarshal([]byte(data), &a.Data)
	}
	return a, err
}

func loadAuditLog(tx *db.Tx, id int64) (wire.AuditLog, error) {
	a, err := scanAuditLog(tx.QueryRow(`SELECT `+auditLogColumns+` FROM audit_log WHERE id = $1`, id))
	return a, db.Found(err)
}

func loadAuditLogOf(tx *db.Tx, o Object, id int64) (wire.AuditLog, error) {
	a, err := scanAuditLog(tx.QueryRow(`SELECT `+auditLogColumns+` FROM audit_log WHERE id = $1 AND object = $2`, id, storable(o.String())))
	return a, db.Found(err)
}

func auditLogConditions(c wire.AuditLogSearch) (w search.Conditions) {
	w.Equals("tenant_id", string(c.TenantID))
	w.Within("insert_instant", c.Period)
	w.Indexed()
	w.Contains("message_fold", storable(c.Message))
	w.Contains("insert_user_fold", storable(c.User))
	w.Contains("reason_fold", storable(c.Reason))
	w.Contains("old_value_fold", storable(c.OldValue))
	w.Contains("new_value_fold", storable(c.NewValue))
	return w
}

func auditLogOrder(c wire.AuditLogSearch) search.Order {
	return search.ParseOrder(c.OrderBy, auditLogOrders, newestFirst)
}

func searchAuditLog(tx *db.Tx, positions *search.Positions, c wire.AuditLogSearch) (entries []wire.AuditLog, total int, err error) {
	return db.Search(tx, auditLogQuery(c, auditLogOrder(c)), positions, scanAuditLog)
}

func listAuditLog(c wire.AuditLogSearch) search.Query { return auditLogQuery(c, newestFirst) }

func listAuditLogOf(o Object, page wire.Page) search.Query {
	var w search.Conditions
	w.Add("object = ?", storable(o.String()))
	w.Indexed()
	return search.Query{Columns: auditLogColumns, From: "audit_log", ID: "id", Where: w, Order: newestFirst, Indexed: true, Page: page}
}

func auditLogQuery(c wire.AuditLogSearch, order search.Order) search.Query {
	return search.Query{
		Columns: auditLogColumns, From: "audit_log", ID: "id", Where: auditLogConditions(c), Order: order, Indexed: indexed(order), Page: c.Page,
	}
}

// moreAuditLogs tells whether more than n entries match.
func moreAuditLogs(tx *db.Tx, c wire.AuditLogSearch, n int) (bool, error) {
	w := auditLogConditions(c)
	return tx.Exists(fmt.Sprintf(`SELECT 1 FROM audit_log%s LIMIT 1 OFFSET $%d`, w.Where(), len(w.Args())+1), append(w.Args(), n)...)
}

// eachAuditLog calls fn with every entry that matches, without keeping them.
func eachAuditLog(tx *db.Tx, c wire.AuditLogSearch, fn func(wire.AuditLog) error) error {
	w := auditLogConditions(c)
	rows, err := tx.Query(`SELECT `+auditLogColumns+` FROM audit_log`+w.Where()+` ORDER BY `+auditLogOrder(c).String(), w.Args()...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		a, err := scanAuditLog(rows)
		if err != nil {
			return err
		}
		if err := fn(a); err != nil {
			return err
		}
	}
	return rows.Err()
}

// newestToRemove is the id of the newest entry of the event log that is one too many, 0 without any.
func newestToRemove(tx *db.Tx, keep int) (id int64, err error) {
	var oldest, newest, entries int64
	err = tx.QueryRow(`SELECT COALESCE((SELECT MIN(id) FROM event_log), 0), COALESCE((SELECT MAX(id) FROM event_log), -1)`).Scan(&oldest, &newest)
	if err != nil || newest-oldest < int64(keep) { // so many ids at most are in use: nothing to count
		return 0, err
	}
	if err = tx.QueryRow(`SELECT COUNT(*) FROM event_log`).Scan(&entries); err != nil || entries <= int64(keep) {
		return 0, err
	}
	// From the old end, because what is too many is less than what is kept.
	err = tx.QueryRow(`SELECT id FROM event_log ORDER BY id LIMIT 1 OFFSET $1`, entries-int64(keep)-1).Scan(&id)
	return id, db.Found(err)
}

func deleteEventLog(tx *db.Tx, upTo int64, limit int) (int64, error) {
	return tx.Exec(`DELETE FROM event_log WHERE id IN (SELECT id FROM event_log WHERE id <= $1 ORDER BY id LIMIT $2)`, upTo, limit)
}

func deleteAuditLog(tx *db.Tx, before int64, limit int) (int64, error) {
	return tx.Exec(`DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE insert_instant < $1 ORDER BY insert_instant, id LIMIT $2)`, before, limit)
}

func countEventLog(tx *db.Tx, upTo int64) (n int64, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM event_log WHERE id <= $1`, upTo).Scan(&n)
	return n, err
}

func countAuditLog(tx *db.Tx, before int64) (n int64, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM audit_log WHERE insert_instant < $1`, before).Scan(&n)
	return n, err
}
