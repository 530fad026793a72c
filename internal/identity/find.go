package identity

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Load returns a user, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (u *User, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		u, err = s.load(tx, id)
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
				return cmp.Or(err, s.complete(tx, u))
			}
		}
		return problem.ErrNotFound
	})
	return u, err
}

// FindByLoginID is LoadByLoginID for a request, and also tells what the text is. Errors: problem.Invalid, problem.ErrNotFound.
func (s *Service) FindByLoginID(ctx context.Context, tenant wire.ID, text string, kinds []wire.IdentityType) (*User, wire.IdentityType, error) {
	if len(kinds) == 0 {
		kinds = []wire.IdentityType{wire.IdentityEmail, wire.IdentityUsername}
	}
	for _, kind := range kinds {
		if !slices.Contains([]wire.IdentityType{wire.IdentityEmail, wire.IdentityUsername, wire.IdentityPhoneNumber}, kind) {
			var v problem.Validation
			v.Field("loginIdTypes", "invalid", "A login id is an email, a phoneNumber or a username.")
			return nil, "", v.Err()
		}
		u, err := s.LoadByLoginID(ctx, tenant, text, kind)
		if !errors.Is(err, problem.ErrNotFound) {
			return u, kind, err
		}
	}
	return nil, "", problem.ErrNotFound
}

// load returns a whole user.
func (s *Service) load(tx *db.Tx, id wire.ID) (*User, error) {
	u, err := load(tx, id)
	if err != nil {
		return nil, err
	}
	return u, s.complete(tx, u)
}

// Present returns those of the ids that are users of a tenant.
func (s *Service) Present(tx *db.Tx, tenant wire.ID, ids []wire.ID) (map[wire.ID]bool, error) {
	found, err := placesOf(tx, tenant, ids)
	present := make(map[wire.ID]bool, len(found))
	for _, p := range found {
		present[p.user] = true
	}
	return present, err
}

// complete adds to users what is stored apart from them, and shown with them: their registrations and memberships. That is one query for each,
// however many users there are.
func (s *Service) complete(tx *db.Tx, users ...*User) error {
	return cmp.Or(s.addRegistrations(tx, users), s.addMemberships(tx, users))
}

func (s *Service) addMemberships(tx *db.Tx, users []*User) error {
	if s.Groups == nil || len(users) == 0 {
		return nil
	}
	ids := make([]wire.ID, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	all, err := s.Groups.Memberships(tx, ids)
	for _, u := range users {
		u.Memberships = all[u.ID]
	}
	return err
}

// key brings a text that somebody typed into the form in which a login id is stored. It is "" when it cannot be one.
func key(kind wire.IdentityType, text string) string {
	if !problem.IsText(text) {
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
	var v problem.Validation
	search.CheckCriteria(&v, "Users", c.IDs, c.Query, c.SortFields, columns)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		found, n, err := find(tx, scope, c)
		if err == nil {
			err = s.complete(tx, found...)
		}
		users, total = shown(found), n
		return err
	})
	return users, total, err
}
