package group

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// insertMembers is problem.Stale when a group or a user is gone, or a user is in the group already.
func insertMembers(tx *db.Tx, members []wire.GroupMember) error {
	rows := make([][]any, len(members))
	for i, m := range members {
		data, err := encode(m.Data)
		if err != nil {
			return err
		}
		rows[i] = []any{string(m.ID), string(m.GroupID), string(m.UserID), data, int64(m.InsertInstant)}
	}
	done, err := tx.ExecEach(`INSERT INTO group_member (id, group_id, user_id, data, insert_instant) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, rows)
	if db.IsForeignKey(err) || err == nil && slices.Contains(done, 0) {
		return problem.Stale("group")
	}
	return err
}

// write makes r the members of its group. It is problem.Stale when they are not any more who they were.
func (r *roster) write(tx *db.Tx) error {
	n, err := tx.Exec(`UPDATE user_group SET roster = roster + 1 WHERE id = $1 AND roster = $2`, r.group.ID, r.group.roster)
	if err == nil && n == 0 {
		err = problem.Stale("group")
	}
	if err != nil {
		return err
	}
	rows := make([][]any, len(r.kept))
	for i, m := range r.kept {
		data, err := encode(m.Data)
		if err != nil {
			return err
		}
		rows[i] = []any{data, string(m.ID)}
	}
	done, err := tx.ExecEach(`UPDATE group_member SET data = $1 WHERE id = $2`, rows)
	if err == nil && slices.Contains(done, 0) {
		err = problem.Stale("group")
	}
	if err != nil {
		return err
	}
	if _, err := deleteMembers(tx, r.removed); err != nil {
		return err
	}
	return insertMembers(tx, r.added)
}

func deleteMembers(tx *db.Tx, ids []wire.ID) (removed int, err error) {
	rows := make([][]any, len(ids))
	for i, id := range ids {
		rows[i] = []any{string(id)}
	}
	done, err := tx.ExecEach(`DELETE FROM group_member WHERE id = $1`, rows)
	for _, n := range done {
		removed += int(n)
	}
	return removed, err
}

const (
	memberColumns = `m.id, m.group_id, m.user_id, m.data, m.insert_instant`
	selectMembers = `SELECT ` + memberColumns + ` FROM group_member m`
	oldestFirst   = ` ORDER BY m.insert_instant, m.id`
)

// atOnce is how many ids one statement names.
const atOnce = 500

func scanMember(row db.Row) (m wire.GroupMember, err error) {
	var data string
	if err := row.Scan(&m.ID, &m.GroupID, &m.UserID, &data, &m.InsertInstant); err != nil {
		return m, err
	}
	if err := json.Unmarshal([]byte(data), &m.Data); err != nil {
		return m, fmt.Errorf("group: the data of membership %s cannot be read: %w", m.ID, err)
	}
	return m, nil
}

func scanMembers(rows *sql.Rows) (wire.GroupMember, error) { return scanMember(rows) }

func membersOf(tx *db.Tx, group wire.ID) ([]wire.GroupMember, error) {
	rows, err := tx.Query(selectMembers+` WHERE m.group_id = $1`+oldestFirst, group)
	return db.Collect(rows, err, scanMembers)
}

// membersWho returns those of the users who are in a group.
func membersWho(tx *db.Tx, group wire.ID, users map[wire.ID]bool) (all []wire.GroupMember, err error) {
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(users)), atOnce) {
		var w search.Conditions
		w.Equals("m.group_id", string(group))
		w.OneOf("m.user_id", chunk)
		rows, err := tx.Query(selectMembers+w.Where()+oldestFirst, w.Args()...)
		found, err := db.Collect(rows, err, scanMembers)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func membersByID(tx *db.Tx, ids []wire.ID) ([]wire.GroupMember, error) {
	return db.ByID(tx, selectMembers, `m.id`, ids, scanMembers, func(m wire.GroupMember) wire.ID { return m.ID })
}

func membershipsOf(tx *db.Tx, users []wire.ID) (map[wire.ID][]wire.GroupMember, error) {
	all := map[wire.ID][]wire.GroupMember{}
	for chunk := range slices.Chunk(users, atOnce) {
		var w search.Conditions
		w.OneOf("m.user_id", chunk)
		rows, err := tx.Query(selectMembers+w.Where()+oldestFirst, w.Args()...)
		found, err := db.Collect(rows, err, scanMembers)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			user := m.UserID
			m.UserID = ""
			all[user] = append(all[user], m)
		}
	}
	return all, nil
}

// rolesOf returns the ids of all roles that a user has through groups.
func rolesOf(tx *db.Tx, user wire.ID) ([]wire.ID, error) {
	rows, err := tx.Query(`SELECT DISTINCT r.role_id FROM group_member m JOIN group_role r ON r.group_id = m.group_id WHERE m.user_id = $1`, user)
	return db.Collect(rows, err, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
}

// memberOrders maps the members that memberships can be sorted by.
var memberOrders = map[string]string{"id": "m.id", "groupId": "m.group_id", "insertInstant": "m.insert_instant", "userId": "m.user_id"}

func searchMembers(tx *db.Tx, of wire.ID, c wire.GroupMemberSearch, positions *search.Positions) ([]wire.GroupMember, int, error) {
	var w search.Conditions
	w.Equals("m.group_id", string(c.GroupID))
	w.Equals("m.user_id", string(c.UserID))
	for _, tenant := range []wire.ID{of, c.TenantID} {
		if tenant != "" {
			w.Add("m.group_id IN (SELECT id FROM user_group WHERE tenant_id = ?)", string(tenant))
		}
	}
	byAge := search.Order{{Column: "m.insert_instant"}, {Column: "m.id"}}
	order := search.ParseOrder(c.OrderBy, memberOrders, byAge)
	return db.Search(tx, search.Query{
		Columns: memberColumns, From: "group_member m", ID: "m.id", Where: w, Order: order, Indexed: c.GroupID != "" && slices.Equal(order, byAge), Page: c.Page,
	}, positions, scanMember)
}
