package entity

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

// place is what binds a sealed client secret to its row.
func place(id wire.ID) string { return "entity/client_secret/" + string(id) }

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "entity", Column: "client_secret", Key: []string{"id"}, Context: func(key []string) string { return place(wire.ID(key[0])) },
}}

// stored returns the columns of e that are not members of it as they are: data and the sealed secret.
func (s *Service) stored(e *wire.Entity) (data, sealed string, err error) {
	text, err := json.Marshal(e.Data)
	if err != nil {
		return "", "", err
	}
	sealed, err = s.Sealer.Seal(place(e.ID), []byte(e.ClientSecret))
	return string(text), sealed, err
}

// insert is problem.Stale when somebody got the id or the client id although they were reserved, or type or parent are gone.
func (s *Service) insert(tx *db.Tx, e *wire.Entity) error {
	data, sealed, err := s.stored(e)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO entity (id, tenant_id, type_id, parent_id, name, name_key, client_id, client_key, client_secret, data, version, insert_instant,
			last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12) ON CONFLICT DO NOTHING`,
		string(e.ID), string(e.TenantID), string(e.Type.ID), db.Null(e.ParentID), e.Name, search.Fold(e.Name), e.ClientID, search.Fold(e.ClientID), sealed, data,
		int64(e.InsertInstant), int64(e.LastUpdateInstant))
	return moved(n, err)
}

// update writes e over original. It is problem.Stale when original is not what is stored any more, or as insert.
func (s *Service) update(tx *db.Tx, original *Entity, e *wire.Entity) error {
	data, sealed, err := s.stored(e)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE entity SET parent_id = $1, name = $2, name_key = $3, client_id = $4, client_key = $5, client_secret = $6, data = $7,
			version = version + 1, last_update_instant = $8
		WHERE id = $9 AND version = $10`,
		db.Null(e.ParentID), e.Name, search.Fold(e.Name), e.ClientID, search.Fold(e.ClientID), sealed, data, int64(e.LastUpdateInstant), string(e.ID),
		original.version)
	return moved(n, err)
}

// moved is problem.Stale when a change of one row did not happen.
func moved(n int64, err error) error {
	switch {
	case db.IsForeignKey(err):
		return problem.Stale("type or the parent of the entity")
	case db.IsDuplicate(err), err == nil && n == 0:
		return problem.Stale("entity")
	}
	return err
}

// remove is problem.Stale when e is not what is stored any more.
func remove(tx *db.Tx, e *Entity) error {
	n, err := tx.Exec(`DELETE FROM entity WHERE id = $1 AND version = $2`, string(e.ID), e.version)
	if err == nil && n == 0 {
		err = problem.Stale("entity")
	}
	return err
}

// unmoved is problem.Stale when e is not what is stored any more, problem.ErrNotFound when it is gone.
func unmoved(tx *db.Tx, e *Entity) error {
	var version int64
	err := tx.QueryRow(`SELECT version FROM entity WHERE id = $1`, string(e.ID)).Scan(&version)
	if err == nil && version != e.version {
		return problem.Stale("entity")
	}
	return db.Found(err)
}

func exists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM entity WHERE id = $1`, string(id))
}

// clientIDTaken tells whether an entity of the tenant other than self has the client id.
func clientIDTaken(tx *db.Tx, e *wire.Entity, self wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM entity WHERE client_key = $1 AND tenant_id = $2 AND id <> $3`, search.Fold(e.ClientID), string(e.TenantID), string(self))
}

func hasChildren(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM entity WHERE parent_id = $1`, string(id))
}

// tenantOf returns the tenant of an entity, or problem.ErrNotFound.
func tenantOf(tx *db.Tx, id wire.ID) (tenant wire.ID, err error) {
	err = tx.QueryRow(`SELECT tenant_id FROM entity WHERE id = $1`, string(id)).Scan(&tenant)
	return tenant, db.Found(err)
}

// belongsTo tells whether an entity is another one, or belongs to it, however far above.
func belongsTo(tx *db.Tx, id, other wire.ID) (bool, error) {
	return tx.Exists(`
		WITH RECURSIVE above (id) AS (
			SELECT CAST($1 AS TEXT)
			UNION SELECT e.parent_id FROM entity e JOIN above a ON e.id = a.id WHERE e.parent_id IS NOT NULL)
		SELECT 1 FROM above WHERE id = $2`, string(id), string(other))
}

// entityColumns is what scanRow reads.
const entityColumns = `e.id, e.tenant_id, e.type_id, COALESCE(e.parent_id, ''), e.name, e.client_id, e.client_secret, e.data, e.version, e.insert_instant,
	e.last_update_instant`

// selectEntities begins statements that read whole entities.
const selectEntities = `SELECT ` + entityColumns + ` FROM entity e`

// row is an entity as its row has it: of its type the id alone, its secret sealed.
type row struct {
	Entity
	sealed string
}

func (r *row) scan(from db.Row, more ...any) error {
	var data string
	if err := from.Scan(append([]any{
		&r.ID, &r.TenantID, &r.Type.ID, &r.ParentID, &r.Name, &r.ClientID, &r.sealed, &data, &r.version, &r.InsertInstant, &r.LastUpdateInstant,
	}, more...)...); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(data), &r.Data); err != nil {
		return fmt.Errorf("entity %s: %w", r.ID, err)
	}
	return nil
}

func scanRow(from db.Row) (*row, error) {
	r := new(row)
	return r, r.scan(from)
}

// open returns the entities of rows, complete.
func (s *Service) open(tx *db.Tx, rows []*row) ([]*Entity, error) {
	types, err := s.types.cache.LoadIn(tx)
	if err != nil {
		return nil, err
	}
	all := make([]*Entity, len(rows))
	for i, r := range rows {
		secret, err := s.Sealer.Open(place(r.ID), r.sealed)
		if err != nil {
			return nil, err
		}
		r.ClientSecret, r.Type = string(secret), types.of(r.Type.ID)
		all[i] = &r.Entity
	}
	return all, nil
}

func (s *Service) load(tx *db.Tx, id wire.ID) (*Entity, error) {
	r, err := scanRow(tx.QueryRow(selectEntities+` WHERE e.id = $1`, string(id)))
	if err != nil {
		return nil, db.Found(err)
	}
	all, err := s.open(tx, []*row{r})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// loadMany returns the entities with these ids in the order of the ids, without those that do not exist.
func loadMany(tx *db.Tx, ids []wire.ID) ([]*row, error) {
	return db.ByID(tx, selectEntities, `e.id`, ids, func(rows *sql.Rows) (*row, error) { return scanRow(rows) }, func(r *row) wire.ID { return r.ID })
}

// withClientID returns the entities of all tenants with a client id, in any case.
func withClientID(tx *db.Tx, clientID string) ([]*row, error) {
	rows, err := tx.Query(selectEntities+` WHERE e.client_key = $1`, search.Fold(clientID))
	return db.Collect(rows, err, func(rows *sql.Rows) (*row, error) { return scanRow(rows) })
}

// entityOrders maps the members that entities can be ordered by.
var entityOrders = map[string]string{
	"clientId": "e.client_key", "id": "e.id", "insertInstant": "e.insert_instant", "lastUpdateInstant": "e.last_update_instant", "name": "e.name_key",
}

// oldestFirst keeps pages stable while entities are added. Where the original's order is not documented, it is ours.
var oldestFirst = search.Order{{Column: "e.insert_instant"}, {Column: "e.id"}}

// indexed tells whether an index has rows in the order.
func indexed(order search.Order) bool {
	return order[0] == oldestFirst[0] || len(order) == 1 // of ids
}

// find returns a page of the entities of a tenant, or of all if that is empty, that a term finds: a name or a client id, in any case.
func find(tx *db.Tx, positions *search.Positions, scope wire.ID, c wire.EntitySearch) ([]*row, int, error) {
	var w search.Conditions
	w.Equals(`e.tenant_id`, string(scope))
	if term := search.Fold(c.QueryString); term != "" && term != "*" {
		// A union, because each part has an index of its own.
		w.Add(`e.id IN (SELECT id FROM entity WHERE name_key = ? UNION SELECT id FROM entity WHERE client_key = ?)`, term)
	}
	order := search.SortFields(c.SortFields, entityOrders, nil)
	if order == nil {
		order = search.ParseOrder(c.OrderBy, entityOrders, oldestFirst)
	}
	return db.Search(tx, search.Query{
		Columns: entityColumns, From: "entity e", ID: "e.id", Where: w, Order: order, Indexed: indexed(order), Page: c.Page,
	}, positions, scanRow)
}
