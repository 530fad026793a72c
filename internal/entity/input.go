package entity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

const (
	// maxSecret and maxDescription are in characters.
	maxSecret      = 255
	maxDescription = 255
	// maxPermissions is how many a type may have: all of them are in every answer and event about an entity of it.
	maxPermissions = 1000
	// maxTokenSeconds is what the databases of the original can hold.
	maxTokenSeconds = math.MaxInt32
)

// check brings what a caller sent about the type self, or about a new one if that is empty, into canonical form, permissions excepted, and adds what is
// wrong with it.
func (t *Types) check(tx *db.Tx, v *problem.Validation, all *catalogue, given *wire.EntityType, self wire.ID) error {
	if v.Name("entityType.name", "An entity type", &given.Name) {
		other := all.named(given.Name)
		v.Check(other == nil || other.ID == self, "entityType.name", "duplicate",
			"There is an entity type with the name %q already; case does not count.", given.Name)
	}
	const path = "entityType.jwtConfiguration"
	c := *cmp.Or(given.JWTConfiguration, &wire.EntityJWTConfiguration{})
	given.JWTConfiguration = &c
	switch {
	case c.TimeToLiveInSeconds < 0 || c.TimeToLiveInSeconds > maxTokenSeconds:
		v.Field(path+".timeToLiveInSeconds", "invalid", "A token lives for 1 to %d seconds.", maxTokenSeconds)
	case c.Enabled && c.TimeToLiveInSeconds == 0:
		v.Field(path+".timeToLiveInSeconds", "missing", "Say for how many seconds a token lives.")
	}
	if c.AccessTokenKeyID == "" {
		return nil
	}
	keys, err := t.keys.SetIn(tx)
	if err != nil {
		return err
	}
	k := keys.Key(c.AccessTokenKeyID)
	v.Check(k != nil && k.CanSign(), path+".accessTokenKeyId", "invalid", "There is no key with the id %s that can sign.", c.AccessTokenKeyID)
	return nil
}

// newPermissions are the permissions that are created together with their type.
func newPermissions(v *problem.Validation, all *catalogue, given []wire.EntityTypePermission, now wire.Instant) []wire.EntityTypePermission {
	v.Check(len(given) <= maxPermissions, "entityType.permissions", "tooMany", "An entity type has at most %d permissions.", maxPermissions)
	permissions := make([]wire.EntityTypePermission, 0, len(given))
	for i, p := range given[:min(len(given), maxPermissions)] {
		path := fmt.Sprintf("entityType.permissions[%d]", i)
		p.ID = cmp.Or(p.ID, wire.ID(db.NewID()))
		p.InsertInstant, p.LastUpdateInstant = now, now
		taken := all.hasPermission(p.ID) || slices.ContainsFunc(permissions, func(other wire.EntityTypePermission) bool { return other.ID == p.ID })
		v.Check(!taken, path+".id", "duplicate", "There is a permission with the id %s already.", p.ID)
		checkPermission(v, path, &p, permissions)
		permissions = append(permissions, p)
	}
	return permissions
}

// checkPermission brings a permission of a type into canonical form and adds what is wrong with it. siblings are the type's, perhaps with p itself.
func checkPermission(v *problem.Validation, path string, p *wire.EntityTypePermission, siblings []wire.EntityTypePermission) {
	v.Text(path+".description", &p.Description, maxDescription)
	if !v.Name(path+".name", "A permission", &p.Name) {
		return
	}
	taken := slices.ContainsFunc(siblings, func(other wire.EntityTypePermission) bool {
		return other.ID != p.ID && search.Fold(other.Name) == search.Fold(p.Name)
	})
	v.Check(!taken, path+".name", "duplicate", "The entity type has a permission with the name %q already; case does not count.", p.Name)
}

// checkMembers brings the members of an entity that depend on nothing else into canonical form and adds what is wrong with them.
func checkMembers(v *problem.Validation, e *wire.Entity) {
	v.Name("entity.name", "An entity", &e.Name)
	e.ClientID = cmp.Or(strings.TrimSpace(e.ClientID), string(e.ID))
	v.Text("entity.clientId", &e.ClientID, problem.LongestName)
	secret := e.ClientSecret
	v.Text("entity.clientSecret", &secret, maxSecret)
	v.Check(secret == e.ClientSecret, "entity.clientSecret", "invalid", "A secret does not begin or end with a blank.")
}
