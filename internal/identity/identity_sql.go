package identity

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// insert writes a new user and the login ids, which are reserved.
func insert(tx *db.Tx, u *User) error {
	row, err := rowOf(u)
	if err != nil {
		return err
	}
	_, err = tx.Exec(insertUser, row...)
	if db.IsForeignKey(err) { // the tenant is gone
		return noTenant()
	}
	if err != nil {
		return err
	}
	return insertLoginIDs(tx, u, loginIDs(&u.User))
}

// insertAll is insert for many users, who may have ids of others' choice: it is problem.Stale when somebody got one of them although they were
// reserved.
func insertAll(tx *db.Tx, users []*User) error {
	rows := make([][]any, len(users))
	var logins [][]any
	for i, u := range users {
		var err error
		if rows[i], err = rowOf(u); err != nil {
			return err
		}
		for _, l := range loginIDs(&u.User) {
			logins = append(logins, []any{string(u.TenantID), string(l.kind), l.key, string(u.ID)})
		}
	}
	_, err := tx.ExecEach(insertUser, rows)
	switch {
	case db.IsForeignKey(err):
		return noTenant()
	case db.IsDuplicate(err):
		return problem.Stale("user")
	case err != nil:
		return err
	}
	done, err := tx.ExecEach(insertLoginID, logins)
	if err == nil && slices.Contains(done, 0) {
		err = problem.Stale("login id")
	}
	return err
}

const (
	insertUser = `INSERT INTO users (id, tenant_id, active, email, username, phone_number, first_name, last_name, full_name, birth_date,
			document, password_scheme, password_hash, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`
	insertLoginID = `INSERT INTO login_id (tenant_id, type, value, user_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
)

// rowOf are the arguments of insertUser.
func rowOf(u *User) ([]any, error) {
	document, err := documentOf(u)
	return []any{
		string(u.ID), string(u.TenantID), u.Active, text0(u.Email), text0(u.Username), text0(u.PhoneNumber), text0(u.FirstName), text0(u.LastName),
		text0(u.FullName), text0(u.BirthDate), document, text0(string(u.password.scheme)), db.Null(u.password.encoded), u.version,
		int64(u.InsertInstant), int64(u.LastUpdateInstant),
	}, err
}

// takenLoginIDs returns those of the login ids that somebody in the tenant has.
func takenLoginIDs(tx *db.Tx, tenant wire.ID, all []loginID) (taken []loginID, err error) {
	byKind := map[wire.IdentityType][]string{}
	for _, l := range all {
		byKind[l.kind] = append(byKind[l.kind], l.key)
	}
	for kind, keys := range byKind {
		for chunk := range slices.Chunk(keys, usersAtOnce) {
			args := []any{string(tenant), string(kind)}
			values := make([]string, len(chunk))
			for i, value := range chunk {
				args = append(args, value)
				values[i] = fmt.Sprintf("($%d)", len(args))
			}
			// Not IN: as long as PostgreSQL has no statistics of a table that grows quickly, it would compare each row with each value.
			rows, err := tx.Query(`SELECT l.value FROM (VALUES `+strings.Join(values, ", ")+`) AS wanted
				JOIN login_id l ON l.tenant_id = $1 AND l.type = $2 AND l.value = wanted.column1`, args...)
			found, err := db.Collect(rows, err, func(rows *sql.Rows) (loginID, error) {
				l := loginID{kind: kind}
				err := rows.Scan(&l.key)
				return l, err
			})
			if err != nil {
				return nil, err
			}
			taken = append(taken, found...)
		}
	}
	return taken, nil
}

// documentOf leaves out what has tables of its own.
func documentOf(u *User) (string, error) {
	shown := u.User
	shown.Registrations, shown.Memberships = nil, nil
	document, err := json.Marshal(shown)
	if err != nil {
		return "", fmt.Errorf("encode user: %w", err)
	}
	return string(document), nil
}

// insertLoginIDs is problem.Stale when somebody got one of them although they were reserved: the reservation ran out.
func insertLoginIDs(tx *db.Tx, u *User, all []loginID) error {
	for _, l := range all {
		n, err := tx.Exec(insertLoginID, u.TenantID, l.kind, l.key, u.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return problem.Stale("login id")
		}
	}
	return nil
}

// update writes u over original. It is problem.Stale when original is not what is stored any more.
func update(tx *db.Tx, original, u *User) error {
	document, err := documentOf(u)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE users SET email = $1, username = $2, phone_number = $3, first_name = $4, last_name = $5, full_name = $6,
			birth_date = $7, document = $8, password_scheme = $9, password_hash = $10, last_update_instant = $11, version = version + 1
		WHERE id = $12 AND version = $13`,
		text0(u.Email), text0(u.Username), text0(u.PhoneNumber), text0(u.FirstName), text0(u.LastName), text0(u.FullName),
		text0(u.BirthDate), document, text0(string(u.password.scheme)), db.Null(u.password.encoded), int64(u.LastUpdateInstant),
		u.ID, original.version)
	if err != nil {
		return err
	}
	if n == 0 {
		return problem.Stale("user")
	}
	u.version = original.version + 1

	before, after := loginIDs(&original.User), loginIDs(&u.User)
	if err := deleteLoginIDs(tx, u, without(slices.Clone(before), after)); err != nil {
		return err
	}
	return insertLoginIDs(tx, u, without(after, before))
}

func deleteLoginIDs(tx *db.Tx, u *User, ids []loginID) error {
	for _, l := range ids {
		if _, err := tx.Exec(`DELETE FROM login_id WHERE tenant_id = $1 AND type = $2 AND value = $3`, u.TenantID, l.kind, l.key); err != nil {
			return err
		}
	}
	return nil
}

// write writes what apply did to u. It is problem.Stale when u is not what was stored any more.
func (k kind) write(tx *db.Tx, u *User) (err error) {
	var n int64
	if k == deletion {
		if n, err = tx.Exec(`DELETE FROM users WHERE id = $1 AND version = $2`, u.ID, u.version); err == nil && n == 1 {
			err = deleteLoginIDs(tx, u, loginIDs(&u.User))
		}
	} else {
		n, err = tx.Exec(`UPDATE users SET active = $1, last_update_instant = $2, version = version + 1 WHERE id = $3 AND version = $4`,
			u.Active, int64(u.LastUpdateInstant), u.ID, u.version)
	}
	if err == nil && n == 0 {
		err = problem.Stale("user")
	}
	return err
}

// text0 is a text to find and order by: in lower case, NULL for none.
func text0(text string) any { return db.Null(strings.ToLower(text)) }

// unmoved is problem.Stale when u is not what is stored any more, problem.ErrNotFound when it is gone.
func unmoved(tx *db.Tx, u *User) error {
	var version int64
	err := tx.QueryRow(`SELECT version FROM users WHERE id = $1`, u.ID).Scan(&version)
	if err == nil && version != u.version {
		return problem.Stale("user")
	}
	return db.Found(err)
}

func exists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM users WHERE id = $1`, id)
}

func anybody(tx *db.Tx) (bool, error) { return tx.Exists(`SELECT 1 FROM users`) }

// userColumns is what scan reads.
const userColumns = `u.id, u.tenant_id, u.active, u.document, u.password_scheme, u.password_hash, u.version, u.last_login_instant,
	u.insert_instant, u.last_update_instant`

// selectUsers begins statements that read whole users.
const selectUsers = `SELECT ` + userColumns + ` FROM users u `

// scan reads a row of userColumns. Columns win over the document: they can change without it.
func scan(row db.Row) (*User, error) {
	var u User
	var id, tenant wire.ID
	var active bool
	var document string
	var passwordScheme, passwordHash sql.NullString
	var lastLogin sql.NullInt64
	var inserted, updated int64
	if err := row.Scan(&id, &tenant, &active, &document, &passwordScheme, &passwordHash, &u.version, &lastLogin, &inserted, &updated); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(document), &u.User); err != nil {
		return nil, fmt.Errorf("identity: the document of user %s cannot be read: %w", id, err)
	}
	u.ID, u.TenantID, u.Active = id, tenant, active
	u.LastLoginInstant, u.InsertInstant, u.LastUpdateInstant = wire.Instant(lastLogin.Int64), wire.Instant(inserted), wire.Instant(updated)
	u.password = credential{scheme(passwordScheme.String), passwordHash.String}
	return &u, nil
}

func one(row *sql.Row) (*User, error) {
	u, err := scan(row)
	return u, db.Found(err)
}

func many(rows *sql.Rows, err error) ([]*User, error) {
	return db.Collect(rows, err, scanRows)
}

func scanRows(rows *sql.Rows) (*User, error) { return scan(rows) }

func load(tx *db.Tx, id wire.ID) (*User, error) {
	return one(tx.QueryRow(selectUsers+`WHERE u.id = $1`, id))
}

func findByLoginID(tx *db.Tx, tenant wire.ID, l loginID) (*User, error) {
	return one(tx.QueryRow(selectUsers+`JOIN login_id l ON l.user_id = u.id WHERE l.tenant_id = $1 AND l.type = $2 AND l.value = $3`,
		tenant, l.kind, l.key))
}

// loadMany returns the users with these ids in the order of the ids, each once, without those that do not exist.
func loadMany(tx *db.Tx, ids []wire.ID) ([]*User, error) {
	return db.ByID(tx, selectUsers, `u.id`, ids, scanRows, func(u *User) wire.ID { return u.ID })
}

// oldest returns up to limit users of a tenant.
func oldest(tx *db.Tx, tenant wire.ID, limit int) ([]*User, error) {
	return many(tx.Query(selectUsers+`WHERE u.tenant_id = $1 ORDER BY u.insert_instant, u.id LIMIT $2`, tenant, limit))
}
