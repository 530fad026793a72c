package entity

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// grant is a grant as its row has it, without its permissions, and the entity it is on.
type grant struct {
	wire.EntityGrant
	on      row
	version int64
}

// grantColumns is what scanGrant reads of grantsAndEntities.
const (
	grantColumns = entityColumns + `, g.id, COALESCE(g.user_id, ''), COALESCE(g.recipient_entity_id, ''), g.data, g.version, g.insert_instant,
	g.last_update_instant`
	grantsAndEntities = `entity_grant g JOIN entity e ON e.id = g.entity_id`
)

func scanGrant(from db.Row) (*grant, error) {
	g := new(grant)
	var data string
	err := g.on.scan(from, &g.ID, &g.UserID, &g.RecipientEntityID, &data, &g.version, &g.InsertInstant, &g.LastUpdateInstant)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(data), &g.Data); err != nil {
		return nil, fmt.Errorf("grant %s: %w", g.ID, err)
	}
	return g, nil
}

// mine is the condition for the grant that a recipient has on an entity, with its arguments.
func mine(on wire.ID, to Recipient) (condition string, args []any) {
	if to.UserID != "" {
		return `entity_id = $1 AND user_id = $2`, []any{string(on), string(to.UserID)}
	}
	return `entity_id = $1 AND recipient_entity_id = $2`, []any{string(on), string(to.EntityID)}
}

func loadGrant(tx *db.Tx, on wire.ID, to Recipient) (*grant, error) {
	condition, args := mine(on, to)
	g, err := scanGrant(tx.QueryRow(`SELECT `+grantColumns+` FROM `+grantsAndEntities+` WHERE g.`+condition, args...))
	return g, db.Found(err)
}

func listGrants(tx *db.Tx, on wire.ID) ([]*grant, error) {
	rows, err := tx.Query(`SELECT `+grantColumns+` FROM `+grantsAndEntities+` WHERE g.entity_id = $1 ORDER BY g.insert_instant, g.id`, string(on))
	return db.Collect(rows, err, func(rows *sql.Rows) (*grant, error) { return scanGrant(rows) })
}

// grantOrders maps the members that grants can be ordered by.
var grantOrders = map[string]string{
	"id": "g.id", "insertInstant": "g.insert_instant", "lastUpdateInstant": "g.last_update_instant", "name": "e.name_key",
}

func findGrants(tx *db.Tx, positions *search.Positions, scope wire.ID, c wire.EntityGrantSearch) ([]*grant, int, error) {
	var w search.Conditions
	w.Equals(`e.tenant_id`, string(scope))
	w.Equals(`g.entity_id`, string(c.EntityID))
	w.Equals(`g.user_id`, string(c.UserID))
	w.Equals(`g.recipient_entity_id`, string(c.RecipientEntityID))
	w.Contains(`e.name_key`, c.Name)
	fallback := search.Order{{Column: "g.insert_instant"}, {Column: "g.id"}}
	order := search.ParseOrder(c.OrderBy, grantOrders, fallback)
	return db.Search(tx, search.Query{
		Columns: grantColumns, From: grantsAndEntities, ID: "g.id", Where: w, Order: order, Indexed: order[0] == fallback[0], Page: c.Page,
	}, positions, scanGrant)
}

// permissionsOf returns the names of what grants permit, in order, by the ids of the grants.
func permissionsOf(tx *db.Tx, grants []*grant) (map[wire.ID][]string, error) {
	names := make(map[wire.ID][]string, len(grants))
	for chunk := range slices.Chunk(grants, 500) {
		ids := make([]wire.ID, len(chunk))
		for i, g := range chunk {
			ids[i] = g.ID
		}
		var w search.Conditions
		w.OneOf(`gp.grant_id`, ids)
		rows, err := tx.Query(`SELECT gp.grant_id, p.name FROM entity_grant_permission gp JOIN entity_permission p ON p.id = gp.permission_id`+
			w.Where()+` ORDER BY p.name_key`, w.Args()...)
		_, err = db.Collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
			var of wire.ID
			var name string
			err := rows.Scan(&of, &name)
			names[of] = append(names[of], name)
			return struct{}{}, err
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

func insertGrant(tx *db.Tx, on wire.ID, to Recipient, data wire.Object, permissions []wire.ID) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	id := wire.ID(db.NewID())
	n, err := tx.Exec(`INSERT INTO entity_grant (id, entity_id, user_id, recipient_entity_id, data, version, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $6) ON CONFLICT DO NOTHING`,
		string(id), string(on), db.Null(to.UserID), db.Null(to.EntityID), string(text), tx.NowMillis())
	if err := movedGrant(n, err); err != nil {
		return err
	}
	return permit(tx, id, permissions)
}

func updateGrant(tx *db.Tx, current *grant, data wire.Object, permissions []wire.ID) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE entity_grant SET data = $1, version = version + 1, last_update_instant = $2 WHERE id = $3 AND version = $4`,
		string(text), tx.NowMillis(), string(current.ID), current.version)
	if err := movedGrant(n, err); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM entity_grant_permission WHERE grant_id = $1`, string(current.ID)); err != nil {
		return err
	}
	return permit(tx, current.ID, permissions)
}

// permit gives permissions to a grant that has none.
func permit(tx *db.Tx, id wire.ID, permissions []wire.ID) error {
	rows := make([][]any, len(permissions))
	for i, p := range permissions {
		rows[i] = []any{string(id), string(p)}
	}
	_, err := tx.ExecEach(`INSERT INTO entity_grant_permission (grant_id, permission_id) VALUES ($1, $2)`, rows)
	if db.IsForeignKey(err) { // deleted after we looked
		err = problem.Stale("permission")
	}
	return err
}

// movedGrant is problem.Stale when another request made or changed the grant, or deleted one of its two ends.
func movedGrant(n int64, err error) error {
	if db.IsForeignKey(err) || err == nil && n == 0 {
		return problem.Stale("grant")
	}
	return err
}

func deleteGrant(tx *db.Tx, on wire.ID, to Recipient) error {
	condition, args := mine(on, to)
	n, err := tx.Exec(`DELETE FROM entity_grant WHERE `+condition, args...)
	if err == nil && n == 0 {
		err = problem.ErrNotFound
	}
	return err
}
