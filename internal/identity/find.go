package identity

import (
	"context"
	"errors"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Load returns a user, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (u *User, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		u, err = load(tx, id)
		return err
	})
	return u, err
}

// LoadByLoginID returns the user of a tenant who logs in with a text, which is taken as each kind of login id in turn; without kinds as
// e-mail address, then as user name (FusionAuth's default). It is problem.ErrNotFound when there is none. Case does not matter.
func (s *Service) LoadByLoginID(ctx context.Context, tenant wire.ID, text string, kinds ...wire.IdentityType) (*User, error) {
	if len(kinds) == 0 {
		kinds = []wire.IdentityType{wire.IdentityEmail, wire.IdentityUsername}
	}
	var u *User
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		for _, k := range kinds {
			u, err = findByLoginID(tx, tenant, loginID{k, key(k, text)})
			if !errors.Is(err, problem.ErrNotFound) {
				return err
			}
		}
		return problem.ErrNotFound
	})
	return u, err
}

// key brings a text that somebody typed into the form in which a login id is stored. It is "" when it cannot be one.
func key(kind wire.IdentityType, text string) string {
	if !clean(text) {
		return ""
	}
	if kind == wire.IdentityPhoneNumber {
		number, _ := e164(text)
		return number
	}
	return strings.ToLower(strings.TrimSpace(text))
}

// Any tells whether there is a user in any tenant.
func (s *Service) Any(tx *db.Tx) (bool, error) { return anybody(tx) }

// Search returns a page of users, and how many there are on all pages. scope confines it to a tenant; empty means all.
//
// IDs win over the query and are not paged. Without either the search finds everybody. Errors: problem.Invalid.
func (s *Service) Search(ctx context.Context, scope wire.ID, c wire.UserSearch) (users []wire.User, total int, err error) {
	if err := checkSearch(c); err != nil {
		return nil, 0, err
	}
	err = s.db.View(ctx, func(tx *db.Tx) (err error) {
		users, total, err = search(tx, scope, c)
		return err
	})
	return users, total, err
}

// maxSortFields is more than there are members to sort by that decide anything.
const maxSortFields = 10

func checkSearch(c wire.UserSearch) error {
	var v problem.Validation
	v.Check(len(c.IDs) <= bulkLimit, "search.ids", "tooMany", "One search names at most %d users.", bulkLimit)
	v.Check(len(c.IDs) > 0 || len(c.Query) == 0 || string(c.Query) == "null" || string(c.Query) == `""`, "search.query", "invalid",
		"Queries of a search engine are not supported. Use queryString.")
	v.Check(len(c.SortFields) <= maxSortFields, "search.sortFields", "tooMany", "A search has at most %d sort fields.", maxSortFields)
	for _, f := range c.SortFields {
		_, known := columns[f.Name]
		v.Check(known || v.Has("search.sortFields"), "search.sortFields", "invalid", "Users cannot be sorted by %q.", f.Name)
		_, known = directions[strings.ToLower(f.Order)]
		v.Check(known || v.Has("search.sortFields"), "search.sortFields", "invalid", "The order of a sort field is asc or desc.")
	}
	return v.Err()
}
