package keep

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// putMember adds a member, or replaces what is known about one.
func putMember(tx *db.Tx, family, tenant wire.ID, m wire.FamilyMember) error {
	data, err := json.Marshal(m.Data)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO family_member (family_id, user_id, tenant_id, role, owner, data, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
		ON CONFLICT (family_id, user_id) DO UPDATE SET
			role = excluded.role, owner = excluded.owner, data = excluded.data, last_update_instant = excluded.last_update_instant`,
		string(family), string(m.UserID), string(tenant), string(m.Role), m.Owner, string(data), tx.NowMillis())
	return err
}

func removeMember(tx *db.Tx, family, user wire.ID) error {
	n, err := tx.Exec(`DELETE FROM family_member WHERE family_id = $1 AND user_id = $2`, string(family), string(user))
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}

// members are those of a family, the oldest first.
func members(tx *db.Tx, family wire.ID) ([]wire.FamilyMember, error) {
	rows, err := tx.Query(`SELECT user_id, role, owner, data, insert_instant, last_update_instant FROM family_member
		WHERE family_id = $1 ORDER BY insert_instant, user_id`, string(family))
	return db.Collect(rows, err, func(rows *sql.Rows) (m wire.FamilyMember, err error) {
		var data string
		if err := rows.Scan(&m.UserID, &m.Role, &m.Owner, &data, &m.InsertInstant, &m.LastUpdateInstant); err != nil {
			return m, err
		}
		if err := json.Unmarshal([]byte(data), &m.Data); err != nil {
			return m, fmt.Errorf("keep: the data of a member of family %s: %w", family, err)
		}
		return m, nil
	})
}

// tenantOfFamily is "" when there is no such family.
func tenantOfFamily(tx *db.Tx, family wire.ID) (tenant wire.ID, err error) {
	err = tx.QueryRow(`SELECT tenant_id FROM family_member WHERE family_id = $1 LIMIT 1`, string(family)).Scan(&tenant)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return tenant, err
}

func familiesOf(tx *db.Tx, user wire.ID) ([]wire.ID, error) {
	rows, err := tx.Query(`SELECT family_id FROM family_member WHERE user_id = $1 ORDER BY insert_instant, family_id`, string(user))
	return db.Collect(rows, err, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
}
