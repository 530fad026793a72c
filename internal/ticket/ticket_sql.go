package ticket

import (
	"database/sql"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

const columns = `hash, COALESCE(user_id, ''), content, wrong, insert_instant, expire_instant`

func scan(row db.Row) (*Ticket, error) {
	var t Ticket
	if err := row.Scan(&t.hash, &t.User, &t.content, &t.Wrong, &t.Insert, &t.Expire); err != nil {
		return nil, err
	}
	return &t, nil
}

// upsert affects no row when the id belongs to another user.
func upsert(tx *db.Tx, t *Ticket, kind Kind) (int64, error) {
	return tx.Exec(`INSERT INTO ticket (hash, kind, user_id, content, wrong, insert_instant, expire_instant) VALUES ($1, $2, $3, $4, 0, $5, $6)
		ON CONFLICT (hash) DO UPDATE SET content = excluded.content, wrong = 0, insert_instant = excluded.insert_instant, expire_instant = excluded.expire_instant
		WHERE ticket.user_id = excluded.user_id`,
		t.hash, string(kind), db.Null(string(t.User)), t.content, int64(t.Insert), int64(t.Expire))
}

func find(tx *db.Tx, hash string) (*Ticket, error) {
	return scan(tx.QueryRow(`SELECT `+columns+` FROM ticket WHERE hash = $1 AND expire_instant > $2`, hash, tx.NowMillis()))
}

// lock writes what is there already: that is the row lock which both engines have, and RETURNING sees what the one before wrote.
func lock(tx *db.Tx, hash string) (*Ticket, error) {
	return scan(tx.QueryRow(`UPDATE ticket SET wrong = wrong WHERE hash = $1 AND expire_instant > $2 RETURNING `+columns, hash, tx.NowMillis()))
}

// guard inserts t, or writes it over one that has ended, or locks the one that is there.
func guard(tx *db.Tx, t *Ticket, kind Kind) (*Ticket, error) {
	return scan(tx.QueryRow(`INSERT INTO ticket (hash, kind, user_id, content, wrong, insert_instant, expire_instant) VALUES ($1, $2, $3, $4, 0, $5, $6)
		ON CONFLICT (hash) DO UPDATE SET
			content        = CASE WHEN ticket.expire_instant > $5 THEN ticket.content        ELSE excluded.content        END,
			wrong          = CASE WHEN ticket.expire_instant > $5 THEN ticket.wrong          ELSE 0                       END,
			insert_instant = CASE WHEN ticket.expire_instant > $5 THEN ticket.insert_instant ELSE excluded.insert_instant END,
			expire_instant = CASE WHEN ticket.expire_instant > $5 THEN ticket.expire_instant ELSE excluded.expire_instant END
		RETURNING `+columns,
		t.hash, string(kind), db.Null(string(t.User)), t.content, int64(t.Insert), int64(t.Expire)))
}

func live(tx *db.Tx, user wire.ID, kind Kind) ([]*Ticket, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM ticket WHERE user_id = $1 AND kind = $2 AND expire_instant > $3 AND wrong < $4
		ORDER BY insert_instant DESC, hash`, string(user), string(kind), tx.NowMillis(), MaxWrong)
	return db.Collect(rows, err, func(rows *sql.Rows) (*Ticket, error) { return scan(rows) })
}

func replace(tx *db.Tx, t *Ticket, before string) (int64, error) {
	return tx.Exec(`UPDATE ticket SET content = $1 WHERE hash = $2 AND content = $3`, t.content, t.hash, before)
}

func countWrong(tx *db.Tx, t *Ticket) error {
	_, err := tx.Exec(`UPDATE ticket SET wrong = wrong + 1 WHERE hash = $1`, t.hash)
	return err
}

func spend(tx *db.Tx, t *Ticket) (int64, error) {
	return tx.Exec(`DELETE FROM ticket WHERE hash = $1 AND content = $2`, t.hash, t.content)
}

func revoke(tx *db.Tx, user wire.ID, kind Kind) error {
	_, err := tx.Exec(`DELETE FROM ticket WHERE user_id = $1 AND kind = $2`, string(user), string(kind))
	return err
}

func trim(tx *db.Tx, before int64, limit int) (int64, error) {
	return tx.Exec(`DELETE FROM ticket WHERE hash IN (SELECT hash FROM ticket WHERE expire_instant <= $1 ORDER BY expire_instant LIMIT $2)`, before, limit)
}
