package identity

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// insertRegistration is insertRegistrations for one, and problem.ErrNotFound when the user is gone.
func (s *Service) insertRegistration(tx *db.Tx, r *registration) error {
	if there, err := exists(tx, r.user); err != nil || !there {
		return cmp.Or(err, error(problem.ErrNotFound))
	}
	return s.insertRegistrations(tx, []*registration{r})
}

// insertRegistrations is problem.Stale when an application, or one of the roles, is gone, or when somebody made one of the registrations although
// it was reserved.
func (s *Service) insertRegistrations(tx *db.Tx, all []*registration) error {
	rows := make([][]any, len(all))
	for i, r := range all {
		document, token, err := s.closed(r)
		if err != nil {
			return err
		}
		rows[i] = []any{string(r.user), string(r.ApplicationID), document, token, r.version}
	}
	done, err := tx.ExecEach(`INSERT INTO registration (user_id, application_id, document, token, version) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, rows)
	switch {
	case db.IsForeignKey(err):
		return problem.Stale("application")
	case err == nil && slices.Contains(done, 0):
		return problem.Stale("registration")
	case err != nil:
		return err
	}
	return insertRoles(tx, all...)
}

func insertRoles(tx *db.Tx, all ...*registration) error {
	var rows [][]any
	for _, r := range all {
		for _, role := range r.roles {
			rows = append(rows, []any{string(r.user), string(r.ApplicationID), string(role)})
		}
	}
	_, err := tx.ExecEach(`INSERT INTO registration_role (user_id, application_id, role_id) VALUES ($1, $2, $3)`, rows)
	if db.IsForeignKey(err) {
		return problem.Stale("application")
	}
	return err
}

// updateRegistration writes r over original. It is problem.Stale when original is not what is stored any more.
func (s *Service) updateRegistration(tx *db.Tx, original registration, r *registration) error {
	document, token, err := s.closed(r)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE registration SET document = $1, token = $2, version = version + 1 WHERE user_id = $3 AND application_id = $4 AND version = $5`,
		document, token, r.user, r.ApplicationID, original.version)
	if err == nil && n == 0 {
		err = problem.Stale("registration")
	}
	if err != nil {
		return err
	}
	r.version = original.version + 1
	if _, err := tx.Exec(`DELETE FROM registration_role WHERE user_id = $1 AND application_id = $2`, r.user, r.ApplicationID); err != nil {
		return err
	}
	return insertRoles(tx, r)
}

// deleteRegistration is problem.Stale when r is not what is stored any more.
func deleteRegistration(tx *db.Tx, r registration) error {
	n, err := tx.Exec(`DELETE FROM registration WHERE user_id = $1 AND application_id = $2 AND version = $3`, r.user, r.ApplicationID, r.version)
	if err == nil && n == 0 {
		err = problem.Stale("registration")
	}
	return err
}

func registrationExists(tx *db.Tx, user, application wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM registration WHERE user_id = $1 AND application_id = $2`, user, application)
}

// selectRegistrations begins statements that read whole registrations, with the ids of their roles in one text.
const selectRegistrations = `SELECT r.user_id, r.application_id, r.document, r.token, r.version, r.last_login_instant,
	(SELECT STRING_AGG(o.role_id, ',') FROM registration_role o WHERE o.user_id = r.user_id AND o.application_id = r.application_id)
	FROM registration r`

// registrationRow is a registration before it was opened.
type registrationRow struct {
	registration
	document     string
	token, roles sql.NullString
	lastLogin    sql.NullInt64
}

func scanRegistration(row db.Row) (r registrationRow, err error) {
	return r, row.Scan(&r.user, &r.ApplicationID, &r.document, &r.token, &r.version, &r.lastLogin, &r.roles)
}

func (s *Service) loadRegistration(tx *db.Tx, user, application wire.ID) (registration, error) {
	row, err := scanRegistration(tx.QueryRow(selectRegistrations+` WHERE r.user_id = $1 AND r.application_id = $2`, user, application))
	if err != nil {
		return registration{}, db.Found(err)
	}
	return s.open(row, s.registry(tx))
}

// addRegistrations reads the registrations of all the users at once, in the order of their applications' ids.
func (s *Service) addRegistrations(tx *db.Tx, users []*User) error {
	byID := make(map[wire.ID]*User, len(users))
	for _, u := range users {
		byID[u.ID], u.Registrations = u, nil
	}
	registry := s.registry(tx)
	for chunk := range slices.Chunk(users, usersAtOnce) {
		ids := make([]wire.ID, len(chunk))
		for i, u := range chunk {
			ids[i] = u.ID
		}
		var w search.Conditions
		w.OneOf(`r.user_id`, ids)
		rows, err := tx.Query(selectRegistrations+w.Where()+` ORDER BY r.user_id, r.application_id`, w.Args()...)
		found, err := db.Collect(rows, err, func(rows *sql.Rows) (registrationRow, error) { return scanRegistration(rows) })
		if err != nil {
			return err
		}
		for _, row := range found {
			r, err := s.open(row, registry)
			if err != nil {
				return err
			}
			u := byID[r.user]
			u.Registrations = append(u.Registrations, r.Registration)
		}
	}
	return nil
}

// usersAtOnce is of how many users one statement reads what they have.
const usersAtOnce = 500

func tokenPlace(user, application wire.ID) string {
	return "registration/token/" + string(user) + "/" + string(application)
}

// Sealed are the places where secrets stand.
var Sealed = []sealed.Place{{
	Table: "registration", Column: "token", Key: []string{"user_id", "application_id"}, Context: func(key []string) string { return tokenPlace(wire.ID(key[0]), wire.ID(key[1])) },
}}

// closed makes the document and the sealed token of a registration.
func (s *Service) closed(r *registration) (document string, token any, err error) {
	shown := r.Registration
	shown.Roles, shown.AuthenticationToken, shown.LastLoginInstant = nil, "", 0
	text, err := json.Marshal(shown)
	if err != nil {
		return "", nil, fmt.Errorf("encode registration: %w", err)
	}
	if r.AuthenticationToken == "" {
		return string(text), nil, nil
	}
	token, err = s.sealer.Seal(tokenPlace(r.user, r.ApplicationID), []byte(r.AuthenticationToken))
	return string(text), token, err
}

// registry returns the applications when somebody asks for them, and the same ones again.
func (s *Service) registry(tx *db.Tx) func() (*application.Registry, error) {
	return sync.OnceValues(func() (*application.Registry, error) { return s.applications.RegistryIn(tx) })
}

// open makes a registration of a row. The names of the roles are those that the application gives them now.
func (s *Service) open(row registrationRow, registry func() (*application.Registry, error)) (registration, error) {
	r := row.registration
	user, id := r.user, r.ApplicationID
	if err := json.Unmarshal([]byte(row.document), &r.Registration); err != nil {
		return r, fmt.Errorf("identity: the registration of user %s for %s cannot be read: %w", user, id, err)
	}
	r.ApplicationID, r.LastLoginInstant = id, wire.Instant(row.lastLogin.Int64)
	if row.token.Valid {
		token, err := s.sealer.Open(tokenPlace(user, id), row.token.String)
		if err != nil {
			return r, err
		}
		r.AuthenticationToken = string(token)
	}
	if row.roles.Valid {
		all, err := registry()
		if err != nil {
			return r, err
		}
		var roles []wire.ApplicationRole
		for id := range strings.SplitSeq(row.roles.String, ",") {
			if role, ok := all.Role(wire.ID(id)); ok {
				roles = append(roles, role.ApplicationRole)
			}
		}
		r.setRoles(roles)
	}
	return r, nil
}

func anybodyAt(tx *db.Tx, application wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM registration WHERE application_id = $1`, application)
}
