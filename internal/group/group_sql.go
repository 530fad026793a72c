package group

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

func encode(data wire.Object) (string, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return "", fmt.Errorf("encode data of a group: %w", err)
	}
	return string(text), nil
}

func insert(tx *db.Tx, g *Group) error {
	data, err := encode(g.Data)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`
		INSERT INTO user_group (id, tenant_id, name, name_key, data, version, roster, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8) ON CONFLICT DO NOTHING`,
		g.ID, g.TenantID, g.Name, search.Fold(g.Name), data, g.version, int64(g.InsertInstant), int64(g.LastUpdateInstant))
	if db.IsForeignKey(err) {
		return tenant.ErrGone
	}
	if err == nil && n == 0 { // although id and name were reserved: somebody was faster
		err = problem.Stale("group")
	}
	if err != nil {
		return err
	}
	return insertRoles(tx, g)
}

func insertRoles(tx *db.Tx, g *Group) error {
	for _, role := range g.RoleIDs {
		_, err := tx.Exec(`INSERT INTO group_role (group_id, role_id) VALUES ($1, $2)`, g.ID, role)
		if db.IsForeignKey(err) { // the role is gone
			return problem.Stale("application")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// update writes g over original. It is problem.Stale when original is not what is stored any more.
func update(tx *db.Tx, original, g *Group) error {
	data, err := encode(g.Data)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE user_group SET name = $1, name_key = $2, data = $3, last_update_instant = $4, version = $5 WHERE id = $6 AND version = $7`,
		g.Name, search.Fold(g.Name), data, int64(g.LastUpdateInstant), g.version, g.ID, original.version)
	if db.IsDuplicate(err) || err == nil && n == 0 {
		return problem.Stale("group")
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM group_role WHERE group_id = $1`, g.ID); err != nil {
		return err
	}
	return insertRoles(tx, g)
}

// remove is problem.Stale when g is not what is stored any more.
func remove(tx *db.Tx, g *Group) error {
	n, err := tx.Exec(`DELETE FROM user_group WHERE id = $1 AND version = $2`, g.ID, g.version)
	if err == nil && n == 0 {
		err = problem.Stale("group")
	}
	return err
}

// unmoved is problem.Stale when g is not what is stored any more, problem.ErrNotFound when it is gone.
func unmoved(tx *db.Tx, g *Group) error {
	var version int64
	err := tx.QueryRow(`SELECT version FROM user_group WHERE id = $1`, g.ID).Scan(&version)
	if err == nil && version != g.version {
		return problem.Stale("group")
	}
	return db.Found(err)
}

func exists(tx *db.Tx, id wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM user_group WHERE id = $1`, id)
}

// nameTaken tells whether another group of the tenant has the name of g.
func nameTaken(tx *db.Tx, g *Group) (bool, error) {
	return tx.Exists(`SELECT 1 FROM user_group WHERE tenant_id = $1 AND name_key = $2 AND id <> $3`, g.TenantID, search.Fold(g.Name), g.ID)
}

// columns is what scan reads; the ids of the roles are one text.
const columns = `g.id, g.tenant_id, g.name, g.data, g.version, g.roster, g.insert_instant, g.last_update_instant,
	(SELECT STRING_AGG(r.role_id, ',') FROM group_role r WHERE r.group_id = g.id)`

const selectGroups = `SELECT ` + columns + ` FROM user_group g `

func scan(row db.Row) (*Group, error) {
	var g Group
	var data string
	var roles sql.NullString
	if err := row.Scan(&g.ID, &g.TenantID, &g.Name, &data, &g.version, &g.roster, &g.InsertInstant, &g.LastUpdateInstant, &roles); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(data), &g.Data); err != nil {
		return nil, fmt.Errorf("group: the data of group %s cannot be read: %w", g.ID, err)
	}
	if roles.Valid {
		for id := range strings.SplitSeq(roles.String, ",") {
			g.RoleIDs = append(g.RoleIDs, wire.ID(id))
		}
		slices.Sort(g.RoleIDs)
	}
	return &g, nil
}

func scanRows(rows *sql.Rows) (*Group, error) { return scan(rows) }

func (s *Service) load(tx *db.Tx, id wire.ID) (*Group, error) {
	g, err := scan(tx.QueryRow(selectGroups+`WHERE g.id = $1`, id))
	if err != nil {
		return nil, db.Found(err)
	}
	return g, s.complete(tx, g)
}

// loadMany returns the groups with these ids, each once, in their order, without those that do not exist.
func (s *Service) loadMany(tx *db.Tx, ids []wire.ID) ([]*Group, error) {
	found, err := db.ByID(tx, selectGroups, `g.id`, ids, scanRows, func(g *Group) wire.ID { return g.ID })
	if err != nil {
		return nil, err
	}
	return found, s.complete(tx, found...)
}

func (s *Service) list(tx *db.Tx, tenant wire.ID) ([]*Group, error) {
	rows, err := tx.Query(selectGroups+`WHERE $1 = '' OR g.tenant_id = $1 ORDER BY g.name_key, g.id`, string(tenant))
	found, err := db.Collect(rows, err, scanRows)
	if err != nil {
		return nil, err
	}
	return found, s.complete(tx, found...)
}

func (s *Service) search(tx *db.Tx, of wire.ID, c wire.GroupSearch) ([]*Group, int, error) {
	var w search.Conditions
	w.Equals("g.tenant_id", string(of))
	w.Equals("g.tenant_id", string(c.TenantID))
	w.Contains("g.name_key", c.Name)
	order := search.OrderBy(c.OrderBy, map[string]string{"id": "g.id", "insertInstant": "g.insert_instant", "name": "g.name_key", "tenant": "g.tenant_id"}, "g.name_key ASC, g.id ASC")
	limit, offset := search.Window(c.Page)
	found, total, err := db.Page(tx, columns, "user_group g"+w.Where(), w.Args(), order, limit, offset, scanRows)
	if err != nil {
		return nil, 0, err
	}
	return found, total, s.complete(tx, found...)
}

// complete shows the roles under the names that their applications give them now.
func (s *Service) complete(tx *db.Tx, groups ...*Group) error {
	if len(groups) == 0 {
		return nil
	}
	all, err := s.Applications.RegistryIn(tx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		g.showRoles(all)
	}
	return nil
}
