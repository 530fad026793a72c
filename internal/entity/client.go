package entity

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Access is what an entity may do that has proved to be what it says: the client credentials grant (RFC 6749, section 4.4).
type Access struct {
	ID, TenantID wire.ID
	// Permissions are the names of what it may do, by the ids of the entities it asked for.
	Permissions map[wire.ID][]string
	// KeyID and Lifetime are how its type wants its token to be made. Zero means as the tenant does.
	KeyID    wire.ID
	Lifetime time.Duration
}

// Targets are the ids of the entities it asked for, in order.
func (a Access) Targets() []wire.ID {
	return slices.Sorted(maps.Keys(a.Permissions))
}

// Scope is the scope that was granted, written as it is asked for.
func (a Access) Scope() string {
	var parts []string
	for _, id := range a.Targets() {
		parts = append(parts, targetPrefix+string(id)+":"+strings.Join(a.Permissions[id], ","))
	}
	return strings.Join(parts, " ")
}

// Authorize checks a client's id and secret and finds out what it may do. scope names the entities it wants to act on, "target-entity:<id>" for all that
// it may do there, or "target-entity:<id>:read,write"; what has another form is ignored.
//
// Errors: problem.ErrNotFound when there is no such client or its secret is another one; problem.Invalid when it asks for more than it was granted.
func (s *Service) Authorize(ctx context.Context, clientID, secret string, scope []string) (access Access, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		client, err := s.client(tx, clientID, secret)
		if err != nil {
			return err
		}
		access = Access{ID: client.ID, TenantID: client.TenantID, Permissions: map[wire.ID][]string{}}
		if c := client.Type.JWTConfiguration; c != nil && c.Enabled {
			access.KeyID, access.Lifetime = c.AccessTokenKeyID, time.Duration(c.TimeToLiveInSeconds)*time.Second
		}
		var v problem.Validation
		for _, text := range scope {
			if target, ok := parseTarget(text); ok {
				if err := s.grants.authorize(tx, &v, access, target); err != nil {
					return err
				}
			}
		}
		return v.Err()
	})
	return access, err
}

// client returns the entity with that client id and secret. A client id may exist in several tenants; the secret decides.
func (s *Service) client(tx *db.Tx, clientID, secret string) (*Entity, error) {
	rows, err := withClientID(tx, clientID)
	if err != nil {
		return nil, err
	}
	all, err := s.open(tx, rows)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.ClientID == clientID && subtle.ConstantTimeCompare([]byte(e.ClientSecret), []byte(secret)) == 1 {
			return e, nil
		}
	}
	return nil, problem.ErrNotFound
}

// target is an entity that a client asks for. No permissions are all it has there.
type target struct {
	id          wire.ID
	permissions []string
}

const targetPrefix = "target-entity:"

func parseTarget(scope string) (t target, ok bool) {
	rest, ok := strings.CutPrefix(scope, targetPrefix)
	if !ok {
		return t, false
	}
	id, permissions, _ := strings.Cut(rest, ":")
	if t.id = wire.ID(strings.ToLower(id)); permissions != "" {
		t.permissions = strings.Split(permissions, ",")
	}
	return t, true
}

// authorize adds to access what it may do with the target, or to v that it asks for too much. It does not tell what there is and not granted.
func (g *Grants) authorize(tx *db.Tx, v *problem.Validation, access Access, t target) error {
	refuse := func(what string) { v.Field("scope", "invalid", "The client was not granted %s.", what) }
	if uuid.Validate(string(t.id)) != nil {
		refuse(fmt.Sprintf("anything on %.64q, which is no id of an entity", t.id))
		return nil
	}
	found, err := loadGrant(tx, t.id, Recipient{EntityID: access.ID})
	if err == nil {
		var granted map[wire.ID][]string
		if granted, err = permissionsOf(tx, []*grant{found}); err == nil {
			access.Permissions[t.id] = permitted(access.Permissions[t.id], granted[found.ID], t.permissions, refuse)
		}
	}
	if errors.Is(err, problem.ErrNotFound) {
		refuse("anything on the entity " + string(t.id))
		return nil
	}
	return err
}

// permitted adds to before what is wanted of what is granted, or all that is granted when nothing is named.
func permitted(before, granted, wanted []string, refuse func(what string)) []string {
	if len(wanted) == 0 {
		wanted = granted
	}
	all := slices.Clone(before)
	for _, name := range wanted {
		switch {
		case !slices.Contains(granted, name):
			refuse(fmt.Sprintf("the permission %.64q", name))
		case !slices.Contains(all, name):
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
