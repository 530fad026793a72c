package journal

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
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

func scanEventLog(row scanner) (e wire.EventLog, err error) {
	err = row.Scan(&e.ID, &e.Type, &e.Message, &e.InsertInstant)
	return e, err
}

func loadEventLog(tx *db.Tx, id int64) (wire.EventLog, error) {
	e, err := scanEventLog(tx.QueryRow(`SELECT `+eventLogColumns+` FROM event_log WHERE id = $1`, id))
	return e, missing(err)
}

func searchEventLog(tx *db.Tx, c wire.EventLogSearch) (entries []wire.EventLog, total int, err error) {
	var w conditions
	w.contains("message_fold", c.Message)
	w.equals("type", string(c.Type))
	w.within("insert_instant", c.Period)
	order := search.OrderBy(c.OrderBy, map[string]string{
		"id": "id", "insertInstant": "insert_instant", "message": "message", "type": "type",
	}, "insert_instant DESC, id DESC")
	return page(tx, "event_log", eventLogColumns, w, order, c.Page, func(rows *sql.Rows) (wire.EventLog, error) { return scanEventLog(rows) })
}

func insertAuditLog(tx *db.Tx, a *wire.AuditLog) error {
	var data []byte
	if a.Data != nil {
		var err error
		if data, err = json.Marshal(a.Data); err != nil {
			return fmt.Errorf("write the audit log: %w", err)
		}
	}
	err := tx.QueryRow(`
		INSERT INTO audit_log (tenant_id, insert_user, insert_user_fold, message, message_fold, reason, reason_fold,
			old_value, old_value_fold, new_value, new_value_fold, data, insert_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id`,
		optional(string(a.TenantID)), a.InsertUser, search.Fold(a.InsertUser), a.Message, search.Fold(a.Message), a.Reason, search.Fold(a.Reason),
		optional(string(a.OldValue)), optional(search.Fold(string(a.OldValue))), optional(string(a.NewValue)), optional(search.Fold(string(a.NewValue))),
		optional(string(data)), int64(a.InsertInstant)).Scan(&a.ID)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

const auditLogColumns = `id, COALESCE(tenant_id, ''), insert_user, message, reason, COALESCE(old_value, ''), COALESCE(new_value, ''), COALESCE(data, ''), insert_instant`

func scanAuditLog(row scanner) (a wire.AuditLog, err error) {
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
	return a, missing(err)
}

func auditLogConditions(c wire.AuditLogSearch) (w conditions) {
	w.contains("message_fold", c.Message)
	w.contains("insert_user_fold", c.User)
	w.contains("reason_fold", c.Reason)
	w.contains("old_value_fold", c.OldValue)
	w.contains("new_value_fold", c.NewValue)
	w.equals("tenant_id", string(c.TenantID))
	w.within("insert_instant", c.Period)
	return w
}

func auditLogOrder(c wire.AuditLogSearch) string {
	return search.OrderBy(c.OrderBy, map[string]string{
		"id": "id", "insertInstant": "insert_instant", "insertUser": "insert_user", "message": "message", "tenant": "tenant_id",
	}, "insert_instant DESC, id DESC")
}

func searchAuditLog(tx *db.Tx, c wire.AuditLogSearch) (entries []wire.AuditLog, total int, err error) {
	return page(tx, "audit_log", auditLogColumns, auditLogConditions(c), auditLogOrder(c), c.Page,
		func(rows *sql.Rows) (wire.AuditLog, error) { return scanAuditLog(rows) })
}

// eachAuditLog calls fn with every entry that matches, without keeping them.
func eachAuditLog(tx *db.Tx, c wire.AuditLogSearch, fn func(wire.AuditLog) error) error {
	w := auditLogConditions(c)
	rows, err := tx.Query(`SELECT `+auditLogColumns+` FROM audit_log`+w.where()+` ORDER BY `+auditLogOrder(c), w.args...)
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
	err = tx.QueryRow(`SELECT id FROM event_log ORDER BY id DESC LIMIT 1 OFFSET $1`, keep).Scan(&id)
	if errors.Is(err, db.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

func deleteEventLog(tx *db.Tx, upTo int64, limit int) (int64, error) {
	return tx.Exec(`DELETE FROM event_log WHERE id IN (SELECT id FROM event_log WHERE id <= $1 ORDER BY id LIMIT $2)`, upTo, limit)
}

func deleteAuditLog(tx *db.Tx, before int64, limit int) (int64, error) {
	return tx.Exec(`DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE insert_instant < $1 ORDER BY insert_instant, id LIMIT $2)`, before, limit)
}

// scanner is one row, of QueryRow or of Query.
type scanner interface{ Scan(dest ...any) error }

func missing(err error) error {
	if errors.Is(err, db.ErrNoRows) {
		return problem.ErrNotFound
	}
	return err
}

// optional stores an empty text as NULL.
func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// conditions builds a WHERE clause. Column names are ours; values become parameters.
type conditions struct {
	terms []string
	args  []any
}

func (w *conditions) add(term string, arg any) {
	w.args = append(w.args, arg)
	w.terms = append(w.terms, strings.ReplaceAll(term, "?", fmt.Sprintf("$%d", len(w.args))))
}

// contains looks for text with wildcards; an empty one finds everything.
func (w *conditions) contains(column, text string) {
	if pattern := search.Pattern(text); pattern != "" {
		w.add(column+" LIKE ?"+search.Escape, storable(pattern))
	}
}

func (w *conditions) equals(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

func (w *conditions) within(column string, p wire.Period) {
	if p.Start != 0 {
		w.add(column+" >= ?", int64(p.Start))
	}
	if p.End != 0 {
		w.add(column+" < ?", int64(p.End))
	}
}

func (w *conditions) where() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

// page reads one page and counts all that match.
func page[T any](tx *db.Tx, table, columns string, w conditions, order string, p wire.Page, scan func(*sql.Rows) (T, error)) (found []T, total int, err error) {
	if err := tx.QueryRow(`SELECT COUNT(*) FROM `+table+w.where(), w.args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	limit, offset := search.Window(p)
	n := len(w.args)
	rows, err := tx.Query(fmt.Sprintf(`SELECT %s FROM %s%s ORDER BY %s LIMIT $%d OFFSET $%d`, columns, table, w.where(), order, n+1, n+2),
		append(w.args[:n:n], limit, offset)...)
	found, err = db.Collect(rows, err, scan)
	return found, total, err
}
