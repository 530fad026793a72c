package message

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// record is a row of the log.
type record struct {
	wire.Message

	hash    string
	counted bool
	node    string
}

func insertMessage(tx *db.Tx, r *record) error {
	attempts, err := json.Marshal(r.Attempts)
	if err != nil {
		return fmt.Errorf("record a message: %w", err)
	}
	_, err = tx.Exec(`
		INSERT INTO message (id, tenant_id, application_id, user_id, kind, purpose, recipient, recipient_hash, template_id, template_name, locale, locale_reason,
			state, counted, failure, attempts, node, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		string(r.ID), db.Null(r.TenantID), db.Null(r.ApplicationID), db.Null(r.UserID), string(r.Kind), r.Purpose, r.Recipient, r.hash, db.Null(r.TemplateID),
		r.TemplateName, r.Locale, r.LocaleReason, string(r.State), r.counted, r.Failure, string(attempts), r.node, int64(r.InsertInstant), int64(r.LastUpdateInstant))
	if err != nil {
		return fmt.Errorf("record a message: %w", err)
	}
	return nil
}

// closeMessage writes how a message has ended. It does not look at what the row says meanwhile: who sends it knows best.
func closeMessage(tx *db.Tx, r *record) error {
	attempts, err := json.Marshal(r.Attempts)
	if err != nil {
		return fmt.Errorf("record a message: %w", err)
	}
	_, err = tx.Exec(`UPDATE message SET state = $2, counted = $3, failure = $4, attempts = $5, last_update_instant = $6 WHERE id = $1`,
		string(r.ID), string(r.State), r.counted, r.Failure, string(attempts), int64(r.LastUpdateInstant))
	if err != nil {
		return fmt.Errorf("record a message: %w", err)
	}
	return nil
}

// enterGate makes others who ask for the tenant wait until the transaction ends.
func enterGate(tx *db.Tx, tenant wire.ID) (g gate, err error) {
	err = tx.QueryRow(`INSERT INTO message_gate (tenant_id, counted, counted_since, reported_instant) VALUES ($1, 0, 0, 0)
		ON CONFLICT (tenant_id) DO UPDATE SET counted = message_gate.counted RETURNING counted, counted_since, reported_instant`, tenant).
		Scan(&g.counted, &g.since, &g.reported)
	return g, err
}

func updateGate(tx *db.Tx, tenant wire.ID, g gate) error {
	_, err := tx.Exec(`UPDATE message_gate SET counted = $2, counted_since = $3, reported_instant = $4 WHERE tenant_id = $1`, tenant, g.counted, g.since, g.reported)
	return err
}

// countOneLess is for a message that no longer counts.
func countOneLess(tx *db.Tx, tenant wire.ID, inserted int64) error {
	_, err := tx.Exec(`UPDATE message_gate SET counted = counted - 1 WHERE tenant_id = $1 AND counted_since < $2`, tenant, inserted)
	return err
}

// forgetCounts makes everybody count anew who still has to look at messages up to the instant, because these are gone.
func forgetCounts(tx *db.Tx, upTo int64) error {
	_, err := tx.Exec(`UPDATE message_gate SET counted_since = 0 WHERE counted_since > 0 AND counted_since < $1`, upTo)
	return err
}

func deleteGate(tx *db.Tx, tenant wire.ID) error {
	_, err := tx.Exec(`DELETE FROM message_gate WHERE tenant_id = $1`, tenant)
	return err
}

// countBetween is how many messages of the tenant count that are younger than since, and not younger than until.
func countBetween(tx *db.Tx, tenant wire.ID, since, until int64) (n int, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM message WHERE tenant_id = $1 AND insert_instant > $2 AND insert_instant <= $3 AND counted = TRUE`, tenant, since, until).Scan(&n)
	return n, err
}

// nthOldest is the instant of the n-th of the messages of the tenant that count and are younger than since, 0 without so many.
func nthOldest(tx *db.Tx, tenant wire.ID, since int64, n int) (instant int64, err error) {
	err = tx.QueryRow(`SELECT COALESCE((SELECT insert_instant FROM message WHERE tenant_id = $1 AND insert_instant > $2 AND counted = TRUE
		ORDER BY insert_instant LIMIT 1 OFFSET $3), 0)`, tenant, since, n-1).Scan(&instant)
	return instant, err
}

// nthNewest finds, for each of the limits of a recipient, the message that is as many back as the limit allows, among those that count and are within its
// period: the instant of that message, 0 without so many. It is one query, because somebody waits.
func nthNewest(tx *db.Tx, of wire.ID, recipient string, limits []tenant.MessageLimit) (instants []int64, err error) {
	query, args := "SELECT ", []any{string(of), recipient}
	instants = make([]int64, len(limits))
	into := make([]any, len(limits))
	for i, l := range limits {
		if i > 0 {
			query += ", "
		}
		query += fmt.Sprintf(`COALESCE((SELECT insert_instant FROM message WHERE recipient_hash = $2 AND tenant_id = $1 AND insert_instant > $%d AND counted = TRUE
			ORDER BY insert_instant DESC LIMIT 1 OFFSET $%d), 0)`, len(args)+1, len(args)+2)
		args = append(args, tx.Now().Add(-l.Period).UnixMilli(), l.Count-1)
		into[i] = &instants[i]
	}
	return instants, tx.QueryRow(query, args...).Scan(into...)
}

// manyLimited tells whether n messages of the tenant that are younger than since were not sent because of a limit.
func manyLimited(tx *db.Tx, tenant wire.ID, since int64, n int) (bool, error) {
	return tx.Exists(`SELECT 1 FROM message WHERE tenant_id = $1 AND insert_instant > $2 AND state = 'limited' LIMIT 1 OFFSET $3`, tenant, since, n-1)
}

// closeLost closes what processes that are gone were sending, and what is older than the instant, whoever has left it. It returns how many there were.
func closeLost(tx *db.Tx, node string, before int64, failure string) (int64, error) {
	return tx.Exec(`UPDATE message SET state = 'unknown', failure = $1, last_update_instant = $2 WHERE state = 'sending' AND (insert_instant < $3
		OR node <> $4 AND NOT EXISTS (SELECT 1 FROM node n WHERE n.id = message.node AND n.expire_instant > $2))`, failure, tx.NowMillis(), before, node)
}

func deleteMessages(tx *db.Tx, before int64, limit int) (int64, error) {
	return tx.Exec(`DELETE FROM message WHERE id IN (SELECT id FROM message WHERE insert_instant < $1 ORDER BY insert_instant, id LIMIT $2)`, before, limit)
}

func countMessages(tx *db.Tx, before int64) (n int64, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM message WHERE insert_instant < $1`, before).Scan(&n)
	return n, err
}

const messageColumns = `id, COALESCE(tenant_id, ''), COALESCE(application_id, ''), COALESCE(user_id, ''), kind, purpose, recipient, COALESCE(template_id, ''),
	template_name, locale, locale_reason, state, failure, attempts, insert_instant, last_update_instant`

func scanMessage(row db.Row) (m wire.Message, err error) {
	var attempts string
	err = row.Scan(&m.ID, &m.TenantID, &m.ApplicationID, &m.UserID, &m.Kind, &m.Purpose, &m.Recipient, &m.TemplateID, &m.TemplateName, &m.Locale, &m.LocaleReason,
		&m.State, &m.Failure, &attempts, &m.InsertInstant, &m.LastUpdateInstant)
	if err == nil {
		err = json.Unmarshal([]byte(attempts), &m.Attempts)
	}
	return m, err
}

func loadMessage(tx *db.Tx, id wire.ID) (wire.Message, error) {
	m, err := scanMessage(tx.QueryRow(`SELECT `+messageColumns+` FROM message WHERE id = $1`, id))
	return m, db.Found(err)
}

var (
	newestFirst   = search.Order{{Column: "insert_instant", Descending: true, Kind: search.Instant}, {Column: "id", Descending: true, Kind: search.Text}}
	messageOrders = map[string]string{"id": "id", "insertInstant": "insert_instant"}
)

// searchMessages finds a recipient by its hash, empty for any.
func searchMessages(tx *db.Tx, positions *search.Positions, c wire.MessageSearch, recipient string) (found []wire.Message, total int, err error) {
	return db.Search(tx, messageQuery(c, recipient, search.ParseOrder(c.OrderBy, messageOrders, newestFirst)), positions, scanMessage)
}

func listMessages(tx *db.Tx, c wire.MessageSearch, recipient string, at search.Cursor) ([]wire.Message, search.Links, error) {
	return db.List(tx, messageQuery(c, recipient, newestFirst), at, scanMessage)
}

func messageQuery(c wire.MessageSearch, recipient string, order search.Order) search.Query {
	var w search.Conditions
	w.Equals("recipient_hash", recipient)
	w.Equals("user_id", string(c.UserID))
	w.Within("insert_instant", c.Period)
	w.Indexed()
	w.Equals("tenant_id", string(c.TenantID))
	w.Equals("template_id", string(c.TemplateID))
	w.Equals("kind", string(c.Kind))
	w.Equals("purpose", c.Purpose)
	w.Equals("state", string(c.State))
	if c.MessengerID != "" { // last, as it reads the attempts; an id has no character that LIKE knows
		w.Add("attempts LIKE ?", `%"messengerId":"`+string(c.MessengerID)+`"%`)
	}
	return search.Query{Columns: messageColumns, From: "message", ID: "id", Where: w, Order: order, Indexed: true, Page: c.Page}
}

// tried is when a message was to be sent, and with what it was tried.
type tried struct {
	inserted wire.Instant
	attempts []wire.MessageAttempt
}

// attemptsSince returns the newest messages to phones of all tenants, at most so many.
func attemptsSince(tx *db.Tx, since int64, limit int) ([]tried, error) {
	rows, err := tx.Query(`SELECT insert_instant, attempts FROM message WHERE insert_instant > $1 AND kind <> 'Email' ORDER BY insert_instant DESC, id DESC LIMIT $2`, since, limit)
	return db.Collect(rows, err, func(rows *sql.Rows) (m tried, err error) {
		var attempts string
		if err := rows.Scan(&m.inserted, &attempts); err != nil {
			return m, err
		}
		return m, json.Unmarshal([]byte(attempts), &m.attempts)
	})
}
