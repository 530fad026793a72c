package messenger

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// secrets are the members of a messenger that are sealed at rest.
type secrets struct {
	Password    string            `json:"password,omitempty"`
	Token       string            `json:"token,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Certificate string            `json:"certificate,omitempty"` // may hold a private key
}

// split separates m into the document and the sealed secrets that its row holds.
func (s *Service) split(m *wire.Messenger) (document, secret string, err error) {
	open := *m
	open.HTTPAuthenticationPassword, open.AuthToken, open.Headers, open.SSLCertificate = "", "", nil, ""
	plain, err := json.Marshal(open)
	if err != nil {
		return "", "", err
	}
	secret, err = sealed.SealJSON(s.Sealer, place(m.ID), secrets{m.HTTPAuthenticationPassword, m.AuthToken, m.Headers, m.SSLCertificate})
	return string(plain), secret, err
}

// join is the reverse of split.
func (s *Service) join(id wire.ID, document, secret string) (m wire.Messenger, err error) {
	if err := json.Unmarshal([]byte(document), &m); err != nil {
		return m, fmt.Errorf("messenger %s: %w", id, err)
	}
	var hidden secrets
	if err := sealed.OpenJSON(s.Sealer, place(id), secret, &hidden); err != nil {
		return m, fmt.Errorf("messenger %s: %w", id, err)
	}
	m.HTTPAuthenticationPassword, m.AuthToken, m.Headers, m.SSLCertificate = hidden.Password, hidden.Token, hidden.Headers, hidden.Certificate
	return m, nil
}

// place is what binds the sealed secrets to their row.
func place(id wire.ID) string { return "messenger/secrets/" + string(id) }

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "messenger", Column: "secrets", Key: []string{"id"}, Context: func(key []string) string { return place(wire.ID(key[0])) },
}}

func (s *Service) insert(tx *db.Tx, m *wire.Messenger) error {
	document, secret, err := s.split(m)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO messenger (id, name, name_key, document, secrets, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $6)`, string(m.ID), m.Name, search.Fold(m.Name), document, secret, tx.NowMillis())
	return err
}

func (s *Service) update(tx *db.Tx, m *wire.Messenger, version int64) error {
	document, secret, err := s.split(m)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE messenger SET name = $1, name_key = $2, document = $3, secrets = $4, version = version + 1, last_update_instant = $5
		WHERE id = $6 AND version = $7`, m.Name, search.Fold(m.Name), document, secret, tx.NowMillis(), string(m.ID), version)
	if err == nil && n == 0 {
		err = problem.Stale("messenger")
	}
	return err
}

func remove(tx *db.Tx, id wire.ID) error {
	n, err := tx.Exec(`DELETE FROM messenger WHERE id = $1`, string(id))
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

// hold is for one who is about to refer to the messenger. It writes, though nothing new, so that a deletion waits for the end of tx. It reports
// false when there is no such messenger.
func hold(tx *db.Tx, id wire.ID) (held bool, err error) {
	n, err := tx.Exec(`UPDATE messenger SET version = version WHERE id = $1`, string(id))
	return n == 1, err
}

func messengerExists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM messenger WHERE id = $1`, string(id))
}

// nameTaken tells whether a messenger other than self has the name.
func nameTaken(tx *db.Tx, name string, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM messenger WHERE name_key = $1 AND id <> $2`, search.Fold(name), string(self))
}

// messengerColumns is what scan reads.
const messengerColumns = `id, document, secrets, version`

func (s *Service) scan(row db.Row) (m wire.Messenger, version int64, err error) {
	var id wire.ID
	var document, secret string
	if err := row.Scan(&id, &document, &secret, &version); err != nil {
		return m, 0, err
	}
	m, err = s.join(id, document, secret)
	return m, version, err
}

func (s *Service) load(tx *db.Tx, id wire.ID) (m wire.Messenger, version int64, err error) {
	m, version, err = s.scan(tx.QueryRow(`SELECT `+messengerColumns+` FROM messenger WHERE id = $1`, string(id)))
	return m, version, db.Found(err)
}

func (s *Service) all(tx *db.Tx) ([]wire.Messenger, error) {
	rows, err := tx.Query(`SELECT ` + messengerColumns + ` FROM messenger ORDER BY name_key, id`)
	return db.Collect(rows, err, func(rows *sql.Rows) (wire.Messenger, error) {
		m, _, err := s.scan(rows)
		return m, err
	})
}
