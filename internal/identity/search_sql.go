package identity

import (
	"database/sql"
	"fmt"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// columns maps the members that users can be sorted by.
var columns = map[string]string{
	"id": "u.id", "active": "u.active", "birthDate": "u.birth_date", "email": "u.email", "firstName": "u.first_name",
	"fullName": "u.full_name", "insertInstant": "u.insert_instant", "lastLoginInstant": "u.last_login_instant", "lastName": "u.last_name",
	"lastUpdateInstant": "u.last_update_instant", "phoneNumber": "u.phone_number", "tenantId": "u.tenant_id", "username": "u.username",
}

// oldestFirst keeps pages stable while users are added. Where the original's order is not documented, it is ours.
const oldestFirst = "u.insert_instant ASC, u.id ASC"

func find(tx *db.Tx, scope wire.ID, c wire.UserSearch) ([]*User, int, error) {
	if len(c.IDs) > 0 {
		return searchIDs(tx, scope, c.IDs)
	}
	w := matching(scope, c.QueryString)
	limit, offset := search.Window(c.Page)
	return db.Page(tx, userColumns, `users u`+w.Where(), w.Args(), order(c), limit, offset, scanRows)
}

func searchIDs(tx *db.Tx, scope wire.ID, ids []wire.ID) ([]*User, int, error) {
	users, err := loadMany(tx, ids)
	if scope != "" {
		users = slices.DeleteFunc(users, func(u *User) bool { return u.TenantID != scope })
	}
	return users, len(users), err
}

func shown(users []*User) []wire.User {
	all := make([]wire.User, len(users))
	for i, u := range users {
		all[i] = u.User
	}
	return all
}

// matching are the conditions of a search for one term: equal, in any case, to a name or a login id. A * or nothing is everybody.
func matching(scope wire.ID, term string) (w search.Conditions) {
	w.Equals(`u.tenant_id`, string(scope))
	if term = search.Fold(term); term == "" || term == "*" {
		return w
	}
	if !problem.IsText(term) { // not every database can be asked for it, and none holds it
		w.Nothing()
		return w
	}
	// A union, because each part has an index of its own; an OR over all of them would read every user. Naming the tenants makes
	// login_id's primary key usable when the search is in all of them.
	w.Add(`u.id IN (
		SELECT user_id FROM login_id WHERE tenant_id IN (SELECT id FROM tenant) AND type IN ('email', 'phoneNumber', 'username') AND value = ?
		UNION SELECT id FROM users WHERE first_name = ?
		UNION SELECT id FROM users WHERE last_name = ?
		UNION SELECT id FROM users WHERE full_name = ?)`, term)
	return w
}

// order returns what stands behind ORDER BY.
func order(c wire.UserSearch) string {
	if order := search.SortFields(c.SortFields, columns); order != nil {
		return order.String()
	}
	return search.OrderBy(c.OrderBy, columns, oldestFirst)
}

// placesOf returns the users with these ids that exist, in the order of the ids.
func placesOf(tx *db.Tx, scope wire.ID, ids []wire.ID) ([]place, error) {
	all, err := db.ByID(tx, `SELECT id, tenant_id FROM users`, `id`, ids, scanPlace, func(p place) wire.ID { return p.user })
	return slices.DeleteFunc(all, func(p place) bool { return scope != "" && p.tenant != scope }), err
}

// placesFound returns the users that a term finds.
func placesFound(tx *db.Tx, scope wire.ID, term string, limit int) ([]place, error) {
	w := matching(scope, term)
	return places(tx.Query(`SELECT u.id, u.tenant_id FROM users u`+w.Where()+` ORDER BY `+oldestFirst+
		fmt.Sprintf(` LIMIT $%d`, len(w.Args())+1), append(w.Args(), limit)...))
}

func places(rows *sql.Rows, err error) ([]place, error) { return db.Collect(rows, err, scanPlace) }

func scanPlace(rows *sql.Rows) (p place, err error) { return p, rows.Scan(&p.user, &p.tenant) }
