package identity

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
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

// LoadByLoginID returns the user of a tenant who logs in with a text of a kind, or problem.ErrNotFound. Case does not matter.
func (s *Service) LoadByLoginID(ctx context.Context, tenant wire.ID, text string, kind wire.IdentityType) (*User, error) {
	u, _, err := s.find(ctx, tenant, text, []wire.IdentityType{kind}, s.complete)
	return u, err
}

// find returns the first user who logs in with a text that is taken as each of the kinds in turn, and which of them it was. what adds what the user comes with.
func (s *Service) find(ctx context.Context, tenant wire.ID, text string, kinds []wire.IdentityType, what func(*db.Tx, ...*User) error) (u *User, kind wire.IdentityType, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) (err error) {
		for _, kind = range kinds {
			u, err = findByLoginID(tx, tenant, loginID{kind, key(kind, text)})
			switch {
			case err == nil:
				return what(tx, u)
			case !errors.Is(err, problem.ErrNotFound):
				return err
			}
		}
		return problem.ErrNotFound
	})
	return u, kind, err
}

// FindByLoginID is LoadByLoginID for a request, which may name several kinds: the text is taken as each of them in turn; without any as e-mail address, then as
// user name (FusionAuth's default). It also tells what the text is. Errors: problem.Invalid, problem.ErrNotFound.
func (s *Service) FindByLoginID(ctx context.Context, tenant wire.ID, text string, kinds []wire.IdentityType) (*User, wire.IdentityType, error) {
	kinds, err := loginIDKinds(kinds)
	if err != nil {
		return nil, "", err
	}
	return s.find(ctx, tenant, text, kinds, s.complete)
}

// FindCredential is FindByLoginID for checking a password: the user comes with registrations only when one of their tokens may be what was given, and
// without memberships.
func (s *Service) FindCredential(ctx context.Context, tenant wire.ID, text string, kinds []wire.IdentityType, tokens bool) (*User, wire.IdentityType, error) {
	kinds, err := loginIDKinds(kinds)
	if err != nil {
		return nil, "", err
	}
	return s.find(ctx, tenant, text, kinds, func(tx *db.Tx, users ...*User) error {
		if !tokens {
			return nil
		}
		return s.addRegistrations(tx, users)
	})
}

// loginIDKinds checks kinds of login ids, and returns those to try, each once, when a request names them over and over, too.
func loginIDKinds(kinds []wire.IdentityType) (distinct []wire.IdentityType, err error) {
	if len(kinds) == 0 {
		return []wire.IdentityType{wire.IdentityEmail, wire.IdentityUsername}, nil
	}
	for _, kind := range kinds {
		if !slices.Contains([]wire.IdentityType{wire.IdentityEmail, wire.IdentityUsername, wire.IdentityPhoneNumber}, kind) {
			var v problem.Validation
			v.Field("loginIdTypes", "invalid", "A login id is an email, a phoneNumber or a username.")
			return nil, v.Err()
		}
		if !slices.Contains(distinct, kind) {
			distinct = append(distinct, kind)
		}
	}
	return distinct, nil
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

// Registered tells whether anybody is registered with an application.
func (s *Service) Registered(tx *db.Tx, application wire.ID) (bool, error) {
	return anybodyAt(tx, application)
}

// Any tells whether there is a user in any tenant.
func (s *Service) Any(tx *db.Tx) (bool, error) { return anybody(tx) }

// Found is a page of users.
type Found struct {
	Users []wire.User
	Total int // how many there are on all pages: exactly up to search.MaxCount, beyond it at least so many unless all were to be counted
	// Next continues the search behind this page. Empty when this is the last one, and for ids.
	Next string
}

// Search returns a page of users. scope confines it to a tenant; empty means all.
//
// IDs win over queries and are not paged; Query wins over QueryString. Without any of them the search finds everybody. Errors: problem.Invalid.
func (s *Service) Search(ctx context.Context, scope wire.ID, c wire.UserSearch) (found Found, err error) {
	var v problem.Validation
	checkSearch(&v, c)
	after := s.place(&v, &c)
	var clauses []clause
	if len(c.IDs) == 0 {
		clauses = parseQueries(&v, "search.", c.Query, c.QueryString)
	}
	if err := v.Err(); err != nil {
		return Found{}, err
	}
	var users []*User
	var next search.Place
	err = s.db.View(ctx, func(tx *db.Tx) (err error) {
		if len(c.IDs) > 0 {
			users, err = withIDs(tx, scope, c.IDs)
			found.Total = len(users)
		} else {
			users, found.Total, next, err = findPage(tx, &s.positions, scope, clauses, c, after)
		}
		if err == nil {
			err = s.expand(tx, users, c)
		}
		return err
	})
	if err != nil {
		return Found{}, err
	}
	for _, u := range users {
		found.Users = append(found.Users, u.User)
	}
	found.Next, err = s.cursor(c, next)
	return found, err
}

// Page returns one page of these users as a list for people, the newest first, from a cursor on. IDs, NextResults, the order and StartRow mean nothing, and nobody is
// counted. Errors: problem.Invalid, for a cursor of another list too.
func (s *Service) Page(ctx context.Context, scope wire.ID, c wire.UserSearch, at search.Cursor) (found []wire.User, links search.Links, err error) {
	var v problem.Validation
	checkSearch(&v, c)
	clauses := parseQueries(&v, "search.", c.Query, c.QueryString)
	if err := v.Err(); err != nil {
		return nil, links, err
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		var users []*User
		if users, links, err = list(tx, scope, clauses, c, at); err != nil {
			return err
		}
		if err = s.expand(tx, users, c); err != nil {
			return err
		}
		for _, u := range users {
			found = append(found, u.User)
		}
		return nil
	})
	return found, links, err
}

func checkSearch(v *problem.Validation, c wire.UserSearch) {
	search.CheckCriteria(v, "Users", c.IDs, nil, c.SortFields, columns)
	search.CheckOneOf(v, "search.expand", "part of a user that can be left out", userParts, c.Expand...)
}

// expand adds to users what a search wants them to come with.
func (s *Service) expand(tx *db.Tx, users []*User, c wire.UserSearch) (err error) {
	if c.Expand == nil || slices.Contains(c.Expand, partRegistrations) {
		err = s.addRegistrations(tx, users)
	}
	if err == nil && (c.Expand == nil || slices.Contains(c.Expand, partMemberships)) {
		err = s.addMemberships(tx, users)
	}
	return err
}

// What users come with unless a search says otherwise.
const partRegistrations, partMemberships = "registrations", "memberships"

var userParts = []string{partMemberships, partRegistrations}

// parseQueries reads the query of a search, and adds what is wrong with it. prefix is put before the names of the members.
func parseQueries(v *problem.Validation, prefix string, query json.RawMessage, queryString string) []clause {
	search.CheckText(v, prefix+"queryString", queryString)
	if v.Has(prefix + "queryString") {
		return nil
	}
	if !isEmpty(query) {
		clauses, err := parseJSONQuery(query)
		if err != nil {
			v.Field(prefix+"query", "invalid", "%v", err)
		}
		return clauses
	}
	clauses, err := parseQuery(queryString)
	if err != nil {
		v.Field(prefix+"queryString", "invalid", "%v", err)
	}
	return clauses
}

// isEmpty tells whether there is no query in JSON.
func isEmpty(query json.RawMessage) bool { return loose.IsNull(query) || string(query) == `""` }

// asks tells whether a search looks for anything, be it everybody.
func asks(query json.RawMessage, queryString string) bool {
	return !isEmpty(query) || strings.TrimSpace(queryString) != ""
}

// cursor is what continues a search, as far as the caller need not know: what is looked for, in which order, and the last user so far.
type cursor struct {
	Query       json.RawMessage  `json:"q,omitempty"`
	QueryString string           `json:"s,omitempty"`
	SortFields  []wire.SortField `json:"f,omitempty"`
	OrderBy     string           `json:"o,omitempty"`
	Row         int              `json:"n"`
	Key         []any            `json:"k"`
}

// cursorPlace binds cursors to their purpose. They are sealed, because they hold what is known of a user and are taken at their word.
const cursorPlace = "search of users"

// cursor returns the text that continues a search behind a place, "" without one.
func (s *Service) cursor(c wire.UserSearch, next search.Place) (string, error) {
	if next.Key == nil {
		return "", nil
	}
	return sealed.SealJSON(s.sealer, cursorPlace, cursor{c.Query, c.QueryString, c.SortFields, c.OrderBy, next.Row, next.Key})
}

// place returns where a search goes on that continues another one, and puts what that one looked for into c. A caller may repeat it, but not change it.
func (s *Service) place(v *problem.Validation, c *wire.UserSearch) search.Place {
	const path = "search.nextResults"
	if c.NextResults == "" || len(c.IDs) > 0 {
		return search.Place{}
	}
	var at cursor
	plain, err := s.sealer.Open(cursorPlace, c.NextResults)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(plain))
		d.UseNumber()
		err = d.Decode(&at)
	}
	if err != nil {
		v.Field(path, "invalid", "This is no nextResults that a search has returned, or the server has got other keys since.")
		return search.Place{}
	}
	changed := c.StartRow != 0 || !loose.IsNull(c.Query) && string(c.Query) != string(at.Query) || c.QueryString != "" && c.QueryString != at.QueryString ||
		len(c.SortFields) > 0 && !slices.Equal(c.SortFields, at.SortFields) || c.OrderBy != "" && c.OrderBy != at.OrderBy
	v.Check(!changed, path, "invalid", "nextResults continues the search that it came from, without startRow. Leave out what it looks for and its order, or repeat them.")
	c.Query, c.QueryString, c.SortFields, c.OrderBy = at.Query, at.QueryString, at.SortFields, at.OrderBy
	for i, value := range at.Key {
		if n, ok := value.(json.Number); ok {
			at.Key[i], _ = n.Int64() // all numbers in orders are integers
		}
	}
	return search.Place{Row: at.Row, Key: at.Key}
}
