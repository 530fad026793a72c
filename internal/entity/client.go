package entity

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// targetPrefix begins the part of a scope that names an entity: target-entity:{id}, or target-entity:{id}:{permission},{permission}.
const targetPrefix = "target-entity:"

// ClientCredentials returns what the access token of an entity says that acts for itself: who it is, and what the grants that it has permit with the entities
// that the scope names. Source: FusionAuth's client credentials grant for entities.
//
// Errors: problem.ErrNotFound when there is no such client or its secret is another one; problem.Invalid for a scope that asks for more than is granted.
func (s *Service) ClientCredentials(ctx context.Context, clientID, secret string, scope []string) (claims map[string]any, tenant wire.ID, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		all, err := s.byClient(tx, clientID)
		if err != nil {
			return err
		}
		right := slices.IndexFunc(all, func(e *Entity) bool { return subtle.ConstantTimeCompare([]byte(secret), []byte(e.ClientSecret)) == 1 })
		if right < 0 {
			return problem.ErrNotFound
		}
		e := all[right]
		tenant = e.TenantID
		claims = map[string]any{"sub": e.ID, "aud": e.ClientID, "tty": "at", "use": "access_token"}
		permissions, targets := map[wire.ID][]string{}, []wire.ID{}
		for _, part := range scope {
			text, ok := strings.CutPrefix(part, targetPrefix)
			if !ok {
				continue // scopes that mean something elsewhere
			}
			target, wanted, err := s.permitted(tx, e, text)
			if err != nil {
				return err
			}
			permissions[target], targets = wanted, append(targets, target)
		}
		if len(targets) > 0 {
			claims["permissions"] = permissions
			claims["scope"] = strings.Join(scope, " ")
			claims["aud"] = targets[0]
			if len(targets) > 1 {
				claims["aud"] = targets
			}
		}
		return nil
	})
	return claims, tenant, err
}

// permitted returns the entity that a part of a scope names, and what e may do with it: what the scope asks for, or all that is granted.
func (s *Service) permitted(tx *db.Tx, e *Entity, text string) (target wire.ID, permissions []string, err error) {
	var v problem.Validation
	id, asked, narrowed := strings.Cut(text, ":")
	if len(id) != len(uuid.UUID{}.String()) || uuid.Validate(id) != nil {
		v.Field("scope", "invalid", "An entity is named as target-entity:{id}, with the permissions behind another colon.")
		return "", nil, v.Err()
	}
	target = wire.ID(strings.ToLower(id))
	g, err := loadGrant(tx, target, Recipient{EntityID: e.ID})
	if err != nil {
		if errors.Is(err, problem.ErrNotFound) {
			v.Field("scope", "invalid", "Nothing with the entity %s is granted to this client.", target)
			err = v.Err()
		}
		return "", nil, err
	}
	granted, err := permissionsOf(tx, []*grant{g})
	if err != nil {
		return "", nil, err
	}
	if !narrowed {
		return target, granted[g.ID], nil
	}
	for name := range strings.SplitSeq(asked, ",") {
		if !slices.Contains(granted[g.ID], name) {
			v.Field("scope", "invalid", "The permission %.64q for the entity %s is not granted to this client.", name, target)
			return "", nil, v.Err()
		}
		permissions = append(permissions, name)
	}
	return target, permissions, nil
}
