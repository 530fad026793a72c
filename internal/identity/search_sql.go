package identity

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// columns maps the members that users can be sorted by to what stands for them. None of it is NULL, as a page has to begin behind its value.
var columns = map[string]string{
	"id": "u.id", "active": "u.active", "birthDate": "COALESCE(u.birth_date, '')", "email": "COALESCE(u.email, '')",
	"firstName": "COALESCE(u.first_name, '')", "fullName": "COALESCE(u.full_name, '')", "insertInstant": "u.insert_instant",
	"lastLoginInstant": "COALESCE(u.last_login_instant, 0)", "lastName": "COALESCE(u.last_name, '')", "lastUpdateInstant": "u.last_update_instant",
	"phoneNumber": "COALESCE(u.phone_number, '')", "tenantId": "u.tenant_id", "username": "COALESCE(u.username, '')",
}

// lacking maps the members that users may lack to the condition that says so.
var lacking = map[string]string{
	"birthDate": "(u.birth_date IS NULL)", "email": "(u.email IS NULL)", "firstName": "(u.first_name IS NULL)", "fullName": "(u.full_name IS NULL)",
	"lastLoginInstant": "(u.last_login_instant IS NULL)", "lastName": "(u.last_name IS NULL)", "phoneNumber": "(u.phone_number IS NULL)",
	"username": "(u.username IS NULL)",
}

// oldestFirst keeps pages stable while users are added. Where the original's order is not documented, it is ours.
var oldestFirst = search.Order{{Column: "u.insert_instant"}, {Column: "u.id"}}

// newestFirst is the order of lists.
var newestFirst = search.Order{{Column: "u.insert_instant", Descending: true, Kind: search.Instant}, {Column: "u.id", Descending: true, Kind: search.Text}}

// order is that of a search.
func order(c wire.UserSearch) search.Order {
	if order := search.SortFields(c.SortFields, columns, lacking); order != nil {
		return order
	}
	return search.ParseOrder(c.OrderBy, columns, oldestFirst)
}

// indexed tells whether an index has rows in the order.
func indexed(order search.Order) bool {
	return len(order) <= 2 && order[0].Column == "u.insert_instant" || order[0].Column == "u.id"
}

// findPage returns a page of the users who meet all clauses, and where the next one begins.
func findPage(tx *db.Tx, positions *search.Positions, scope wire.ID, clauses []clause, c wire.UserSearch, after search.Place) ([]*User, int, search.Place, error) {
	order := order(c)
	return db.SearchOn(tx, search.Query{
		Columns: userColumns, From: "users u", ID: "u.id", Where: matching(scope, clauses), Order: order, Indexed: indexed(order),
		Page: c.Page, After: after, CountAll: c.AccurateTotal,
	}, positions, scan)
}

// mostSorted is up to how many users who meet a selective clause are sorted for a page of a list.
const mostSorted = 1000

// list returns a page of the users who meet all clauses, the newest first. The few that an index finds are sorted; of more, the newest are looked through. The plus keeps
// SQLite from going through everybody in the order of the list for the sake of the few.
func list(tx *db.Tx, scope wire.ID, clauses []clause, c wire.UserSearch, at search.Cursor) ([]*User, search.Links, error) {
	q := search.Query{Columns: userColumns, From: "users u", ID: "u.id", Where: matching(scope, clauses), Order: newestFirst, Page: c.Page}
	if slices.ContainsFunc(clauses, clause.isSelective) {
		many, err := tx.Exists(fmt.Sprintf(`SELECT 1 FROM users u%s LIMIT 1 OFFSET %d`, q.Where.Where(), mostSorted), q.Where.Args()...)
		if err != nil {
			return nil, search.Links{}, err
		}
		if !many {
			q.Where.Indexed()
			q.Order = slices.Clone(newestFirst)
			q.Order[0].Column = "+" + q.Order[0].Column
		}
	}
	return db.List(tx, q, at, scan)
}

// withIDs returns those of the users that scope has.
func withIDs(tx *db.Tx, scope wire.ID, ids []wire.ID) ([]*User, error) {
	users, err := loadMany(tx, ids)
	if scope != "" {
		users = slices.DeleteFunc(users, func(u *User) bool { return u.TenantID != scope })
	}
	return users, err
}

// textColumns are those of the fields with text.
var textColumns = map[string]string{
	"birthDate": "birth_date", "email": "email", "firstName": "first_name", "fullName": "full_name", "lastName": "last_name",
	"phoneNumber": "phone_number", "username": "username",
}

// isSelective tells whether an index finds the few users who meet the clause.
func (c clause) isSelective() bool {
	return c.text.like == "" && (c.field == "" || c.field == "id" || c.field != "birthDate" && textColumns[c.field] != "")
}

// matching are the conditions of a search.
func matching(scope wire.ID, clauses []clause) (w search.Conditions) {
	switch {
	case scope == "":
	case slices.ContainsFunc(clauses, clause.isSelective):
		// Without statistics the engines take a tenant for a few users and would read all of them; so its index is out of the question.
		w.Add(`u.tenant_id || '' = ?`, string(scope))
	default:
		w.Equals(`u.tenant_id`, string(scope))
		w.Indexed()
	}
	var registrations []int // the numbers of those that are looked for
	for _, c := range clauses {
		if !problem.IsText(c.text.text) { // not every database can be asked for it, and none holds it
			w.Nothing()
			continue
		}
		switch c.field {
		case "":
			matchAny(&w, scope, c.text)
		case "active":
			w.Add(`u.active = ?`, strings.EqualFold(c.text.text, "true"))
		case "id", "tenantId":
			if !c.text.anything() {
				w.Add(map[string]string{"id": `u.id`, "tenantId": `u.tenant_id`}[c.field]+` = ?`, strings.ToLower(c.text.text))
			}
		case "memberships.groupId":
			if c.text.anything() {
				w.AddEach(`EXISTS (SELECT 1 FROM group_member m WHERE m.user_id = u.id)`)
			} else {
				w.Add(`EXISTS (SELECT 1 FROM group_member m WHERE m.group_id = ? AND m.user_id = u.id)`, strings.ToLower(c.text.text))
			}
		case "registrations.applicationId", "registrations.roles":
			if !slices.Contains(registrations, c.nested) {
				registrations = append(registrations, c.nested)
				matchRegistration(&w, clauses, c.nested)
			}
		case "email", "phoneNumber", "username":
			matchLoginID(&w, scope, c)
		default:
			matchText(&w, c)
		}
	}
	return w
}

// tenants is the condition that makes the primary key of login_id usable: when the search is in all tenants, they must be named.
func tenants(scope wire.ID) (condition string, args []any) {
	if scope == "" {
		return `tenant_id IN (SELECT id FROM tenant)`, nil
	}
	return `tenant_id = ?`, []any{string(scope)}
}

// comparison compares a column with folded text with what is wanted. A NULL is never wanted.
func comparison(column string, w wanted) (condition string, args []any) {
	switch {
	case w.anything():
		return column + ` IS NOT NULL`, nil
	case w.like != "":
		return column + ` LIKE ?` + search.Escape, []any{search.Fold(w.like)}
	}
	return column + ` = ?`, []any{search.Fold(w.text)}
}

// matchAny looks for a name or a login id. One value is looked up in a union, because each part has an index of its own. Patterns are compared on the way
// through the users, as they may be everybody's: where many match the page is full soon, and collecting all of them would take longer.
func matchAny(w *search.Conditions, scope wire.ID, text wanted) {
	if text.anything() {
		return
	}
	var parts []string
	var args []any
	add := func(part, column string) {
		same, arg := comparison(column, text)
		parts, args = append(parts, part+same), append(args, arg...)
	}
	if text.like != "" {
		for _, column := range []string{`u.email`, `u.phone_number`, `u.username`, `u.first_name`, `u.last_name`, `u.full_name`} {
			add(``, column)
		}
		w.AddEach(`(`+strings.Join(parts, ` OR `)+`)`, args...)
		return
	}
	all, args := tenants(scope)
	add(`SELECT user_id FROM login_id WHERE `+all+` AND type IN ('email', 'phoneNumber', 'username') AND `, `value`)
	for _, column := range []string{`first_name`, `last_name`, `full_name`} {
		add(`SELECT id FROM users WHERE `, column)
	}
	w.AddEach(`u.id IN (`+strings.Join(parts, ` UNION `)+`)`, args...)
}

func matchLoginID(w *search.Conditions, scope wire.ID, c clause) {
	if c.text.like != "" {
		matchText(w, c)
		return
	}
	all, args := tenants(scope)
	text := c.text.text
	if c.field == "phoneNumber" {
		if number := key(wire.IdentityPhoneNumber, text); number != "" {
			text = number
		}
	}
	w.AddEach(`u.id IN (SELECT user_id FROM login_id WHERE `+all+` AND type = ? AND value = ?)`, append(args, c.field, search.Fold(text))...)
}

func matchText(w *search.Conditions, c clause) {
	condition, args := comparison(`u.`+textColumns[c.field], c.text)
	w.AddEach(condition, args...)
}

// matchRegistration looks for users with a registration that meets all clauses about it.
func matchRegistration(w *search.Conditions, clauses []clause, nested int) {
	from, where, args := `registration r`, ` WHERE r.user_id = u.id`, []any(nil)
	and := func(term string, arg any) {
		where += ` AND ` + term
		args = append(args, arg)
	}
	roles := 0
	for _, c := range clauses {
		if c.nested != nested {
			continue
		}
		switch {
		case c.field == "registrations.applicationId" && !c.text.anything():
			and(`r.application_id = ?`, strings.ToLower(c.text.text))
		case c.field == "registrations.roles":
			roles++
			rr, role := fmt.Sprintf(`rr%d`, roles), fmt.Sprintf(`role%d`, roles)
			from += ` JOIN registration_role ` + rr + ` ON ` + rr + `.user_id = r.user_id AND ` + rr + `.application_id = r.application_id` +
				` JOIN application_role ` + role + ` ON ` + role + `.id = ` + rr + `.role_id`
			if !c.text.anything() {
				and(role+`.name = ?`, c.text.text)
			}
		}
	}
	w.AddEach(`EXISTS (SELECT 1 FROM `+from+where+`)`, args...)
}

// placesOf returns the users with these ids that exist, in the order of the ids.
func placesOf(tx *db.Tx, scope wire.ID, ids []wire.ID) ([]place, error) {
	all, err := db.ByID(tx, `SELECT id, tenant_id FROM users`, `id`, ids, scanPlace, func(p place) wire.ID { return p.user })
	return slices.DeleteFunc(all, func(p place) bool { return scope != "" && p.tenant != scope }), err
}

// placesFound returns the users who meet all clauses.
func placesFound(tx *db.Tx, scope wire.ID, clauses []clause, limit int) ([]place, error) {
	w := matching(scope, clauses)
	return places(tx.Query(`SELECT u.id, u.tenant_id FROM users u`+w.Where()+` ORDER BY `+oldestFirst.String()+
		fmt.Sprintf(` LIMIT $%d`, len(w.Args())+1), append(w.Args(), limit)...))
}

func places(rows *sql.Rows, err error) ([]place, error) { return db.Collect(rows, err, scanPlace) }

func scanPlace(rows *sql.Rows) (p place, err error) { return p, rows.Scan(&p.user, &p.tenant) }
