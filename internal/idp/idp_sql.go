package idp

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/keep"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// sealedAt is what binds a sealed token to its row.
func sealedAt(l wire.IdentityProviderLink) string {
	return "identity_provider_link/token/" + string(l.IdentityProviderID) + "/" + string(l.UserID) + "/" + l.IdentityProviderUserID
}

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "identity_provider_link", Column: "token", Key: []string{"identity_provider_id", "user_id", "provider_user_id"}, Context: func(key []string) string {
		return sealedAt(wire.IdentityProviderLink{IdentityProviderID: wire.ID(key[0]), UserID: wire.ID(key[1]), IdentityProviderUserID: key[2]})
	},
}}

// stored are the columns of a link that are not plain: its data as JSON, and its token sealed, "" without one.
func (s *Service) stored(l wire.IdentityProviderLink) (data, token string, err error) {
	text, err := json.Marshal(l.Data)
	if err != nil || l.Token == "" {
		return string(text), "", err
	}
	token, err = s.Sealer.Seal(sealedAt(l), []byte(l.Token))
	return string(text), token, err
}

func (s *Service) insert(tx *db.Tx, l wire.IdentityProviderLink) error {
	data, token, err := s.stored(l)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO identity_provider_link (provider_kind, identity_provider_id, tenant_id, provider_user_id, user_id, display_name, data, token, insert_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		keep.IdentityProviders.Name, string(l.IdentityProviderID), string(l.TenantID), l.IdentityProviderUserID, string(l.UserID), l.DisplayName, data, token,
		int64(l.InsertInstant))
	return err
}

func (s *Service) update(tx *db.Tx, l wire.IdentityProviderLink) error {
	data, token, err := s.stored(l)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE identity_provider_link SET display_name = $1, data = $2, token = $3
		WHERE identity_provider_id = $4 AND tenant_id = $5 AND provider_user_id = $6 AND user_id = $7`,
		l.DisplayName, data, token, string(l.IdentityProviderID), string(l.TenantID), l.IdentityProviderUserID, string(l.UserID))
	if err == nil && n == 0 {
		err = problem.Stale("link")
	}
	return err
}

// remove is problem.ErrNotFound when somebody was faster.
func remove(tx *db.Tx, tenant, provider wire.ID, account string, user wire.ID) error {
	n, err := tx.Exec(`DELETE FROM identity_provider_link WHERE identity_provider_id = $1 AND tenant_id = $2 AND provider_user_id = $3 AND user_id = $4`,
		string(provider), string(tenant), account, string(user))
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

// columns is what scan reads.
const columns = `identity_provider_id, tenant_id, provider_user_id, user_id, display_name, data, token, insert_instant`

func (s *Service) scan(row db.Row) (l wire.IdentityProviderLink, err error) {
	var data, token string
	if err := row.Scan(&l.IdentityProviderID, &l.TenantID, &l.IdentityProviderUserID, &l.UserID, &l.DisplayName, &data, &token, &l.InsertInstant); err != nil {
		return l, err
	}
	if err := json.Unmarshal([]byte(data), &l.Data); err != nil {
		return l, fmt.Errorf("idp: the data of a link of user %s: %w", l.UserID, err)
	}
	if len(l.Data) == 0 { // as absent as when it was stored
		l.Data = nil
	}
	if token == "" {
		return l, nil
	}
	plain, err := s.Sealer.Open(sealedAt(l), token)
	l.Token = string(plain)
	return l, err
}

func (s *Service) load(tx *db.Tx, tenant, provider wire.ID, account string) (wire.IdentityProviderLink, error) {
	l, err := s.scan(tx.QueryRow(`SELECT `+columns+` FROM identity_provider_link
		WHERE identity_provider_id = $1 AND tenant_id = $2 AND provider_user_id = $3`, string(provider), string(tenant), account))
	return l, db.Found(err)
}

func (s *Service) linksOf(tx *db.Tx, user, provider wire.ID) ([]wire.IdentityProviderLink, error) {
	var w search.Conditions
	w.Equals("user_id", string(user))
	w.Equals("identity_provider_id", string(provider))
	rows, err := tx.Query(`SELECT `+columns+` FROM identity_provider_link`+w.Where()+` ORDER BY insert_instant, identity_provider_id, provider_user_id`, w.Args()...)
	return db.Collect(rows, err, func(rows *sql.Rows) (wire.IdentityProviderLink, error) { return s.scan(rows) })
}
