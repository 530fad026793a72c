package token

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// document is what of a token is kept as it was written.
type document struct {
	MetaData wire.RefreshTokenMetaData `json:"metaData,omitzero"`
	Data     wire.Object               `json:"data,omitzero"`
}

// selectTokens begins statements that read whole tokens.
const selectTokens = `SELECT t.id, t.hash, t.user_id, u.tenant_id, t.application_id, t.document, t.start_instant, t.insert_instant, t.expire_instant
	FROM refresh_token t JOIN users u ON u.id = t.user_id `

func scan(row db.Row, more ...any) (*Refresh, error) {
	var r Refresh
	var application sql.NullString
	var text string
	into := append([]any{&r.ID, &r.hash, &r.UserID, &r.TenantID, &application, &text, &r.StartInstant, &r.InsertInstant, &r.Expires}, more...)
	if err := row.Scan(into...); err != nil {
		return nil, err
	}
	var doc document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, fmt.Errorf("decode refresh token %s: %w", r.ID, err)
	}
	r.ApplicationID, r.MetaData, r.Data = wire.ID(application.String), doc.MetaData, doc.Data
	return &r, nil
}

func (r *Refresh) document() (string, error) {
	text, err := json.Marshal(document{r.MetaData, r.Data})
	return string(text), err
}

const insertToken = `INSERT INTO refresh_token (id, hash, user_id, application_id, document, start_instant, insert_instant, expire_instant)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

func (r *Refresh) values() ([]any, error) {
	text, err := r.document()
	return []any{r.ID, r.hash, r.UserID, db.Null(r.ApplicationID), text, int64(r.StartInstant), int64(r.InsertInstant), int64(r.Expires)}, err
}

func insert(tx *db.Tx, r *Refresh) error {
	values, err := r.values()
	if err != nil {
		return err
	}
	_, err = tx.Exec(insertToken, values...)
	if db.IsForeignKey(err) {
		return problem.ErrNotFound
	}
	return err
}

// insertNew reports false when there is a token with the same id or value.
func insertNew(tx *db.Tx, r *Refresh) (inserted bool, err error) {
	values, err := r.values()
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(insertToken+` ON CONFLICT DO NOTHING`, values...)
	return n == 1, err
}

// find returns the token that has a value, or had it: then grace is until when that is still taken.
func find(tx *db.Tx, hash string) (r *Refresh, grace int64, err error) {
	r, err = scan(tx.QueryRow(selectTokens+`WHERE t.hash = $1`, hash))
	if !errors.Is(err, db.ErrNoRows) {
		return r, 0, err
	}
	var id wire.ID
	if err := tx.QueryRow(`SELECT token_id, grace_instant FROM refresh_token_used WHERE hash = $1`, hash).Scan(&id, &grace); err != nil {
		return nil, 0, err
	}
	r, err = load(tx, id)
	return r, grace, err
}

func load(tx *db.Tx, id wire.ID) (*Refresh, error) {
	return scan(tx.QueryRow(selectTokens+`WHERE t.id = $1 AND t.expire_instant > $2`, id, tx.NowMillis()))
}

// ofUser returns the tokens of a user that are good, the newest first: all, or those for one application.
func ofUser(tx *db.Tx, user, application wire.ID) ([]*Refresh, error) {
	rows, err := tx.Query(selectTokens+`WHERE t.user_id = $1 AND ($2 = '' OR t.application_id = $2) AND t.expire_instant > $3 ORDER BY t.insert_instant DESC, t.id DESC`,
		user, string(application), tx.NowMillis())
	return db.Collect(rows, err, func(rows *sql.Rows) (*Refresh, error) { return scan(rows) })
}

func anyOfApplication(tx *db.Tx, application wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM refresh_token WHERE application_id = $1 AND expire_instant > $2`, application, tx.NowMillis())
}

func tokenExists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM refresh_token WHERE id = $1`, id)
}

// update reports false when the token is gone, or has another value than before.
func update(tx *db.Tx, r *Refresh, before, after string) (updated bool, err error) {
	text, err := r.document()
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`UPDATE refresh_token SET hash = $1, document = $2, expire_instant = $3 WHERE id = $4 AND hash = $5`, after, text, int64(r.Expires), r.ID, before)
	return n == 1, err
}

func keepUsed(tx *db.Tx, hash string, token wire.ID, grace int64) error {
	_, err := tx.Exec(`INSERT INTO refresh_token_used (hash, token_id, grace_instant) VALUES ($1, $2, $3)`, hash, token, grace)
	return err
}

func deleteToken(tx *db.Tx, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM refresh_token WHERE id = $1`, id)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

func deleteOfUser(tx *db.Tx, user, application wire.ID) error {
	_, err := tx.Exec(`DELETE FROM refresh_token WHERE user_id = $1 AND ($2 = '' OR application_id = $2)`, user, string(application))
	return err
}

func deleteOfApplication(tx *db.Tx, application wire.ID) error {
	_, err := tx.Exec(`DELETE FROM refresh_token WHERE application_id = $1`, application)
	return err
}

func userExists(tx *db.Tx, tenant, user wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM users WHERE id = $1 AND tenant_id = $2`, user, tenant)
}

func trim(tx *db.Tx, before int64, limit int) (int64, error) {
	return tx.Exec(`DELETE FROM refresh_token WHERE id IN (SELECT id FROM refresh_token WHERE expire_instant <= $1 ORDER BY expire_instant LIMIT $2)`, before, limit)
}
