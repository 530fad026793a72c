package identity

import (
	"context"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Service manages users. It is safe for concurrent use once its exported fields are set.
type Service struct {
	db      *db.DB
	events  publish.Doer
	tenants *tenant.Service
	hasher  hasher

	// Breaches know stolen passwords. Nil knows none.
	Breaches Breaches
	// OnPasswordChange plan what follows from a new password, in their order: other packages know what.
	OnPasswordChange []PasswordChange
}

// New returns the users in d.
func New(d *db.DB, events publish.Doer, tenants *tenant.Service) *Service {
	return &Service{db: d, events: events, tenants: tenants, hasher: newHasher()}
}

// User is a user as stored: what may be shown, and around it what may not.
type User struct {
	wire.User
	password credential
	version  int64
}

// rules returns what a tenant demands of its users.
func (s *Service) rules(ctx context.Context, id wire.ID) (Rules, error) {
	settings, err := s.tenants.Settings(ctx)
	if err != nil {
		return Rules{}, err
	}
	t, ok := settings.Find(id)
	if !ok {
		return Rules{}, noTenant()
	}
	flows, _ := settings.Flows(id) // of all that are found
	return RulesOf(t, flows), nil
}

// noTenant is what a caller is told whose tenant does not exist any more.
func noTenant() error { return tenant.ErrGone }
