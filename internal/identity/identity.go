package identity

import (
	"context"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with. All are required.
type Options struct {
	DB           *db.DB
	Events       publish.Doer
	Tenants      *tenant.Service
	Applications *application.Service
	Sealer       sealed.Sealer
}

// Service manages users and their registrations. It is safe for concurrent use once its exported fields are set.
type Service struct {
	db           *db.DB
	events       publish.Doer
	tenants      *tenant.Service
	applications *application.Service
	sealer       sealed.Sealer
	hasher       hasher
	positions    search.Positions // of the pages of searches

	// Groups are those that users can be in. Nil means that there are none.
	Groups Groups
	// Factors read the second factors of users who are imported. Nil ignores them.
	Factors Factors
	// Breaches know stolen passwords. Nil knows none.
	Breaches Breaches
	// OnPasswordChange plan what follows from a new password, in their order: other packages know what.
	OnPasswordChange []PasswordChange
	// Verifications ask users to prove what they bring. Nil asks nothing.
	Verifications *Verifications
}

// New returns the users in a store.
func New(o Options) *Service {
	return &Service{db: o.DB, events: o.Events, tenants: o.Tenants, applications: o.Applications, sealer: o.Sealer, hasher: newHasher()}
}

// Groups are what is known here of package group.
type Groups interface {
	// Memberships returns those of each of the users, without the user's id.
	Memberships(tx *db.Tx, users []wire.ID) (map[wire.ID][]wire.GroupMember, error)
	// Exist returns those of the ids that are groups of a tenant.
	Exist(tx *db.Tx, tenant wire.ID, ids []wire.ID) (map[wire.ID]bool, error)
	// Join stores new memberships, without events. It is problem.Stale when a group is gone.
	Join(tx *db.Tx, members []wire.GroupMember) error
}

// Factors is what is known here of package twofactor.
type Factors interface {
	// Imported reads the second factors that a user has elsewhere, and adds what is wrong with them. shown is what the user has then. store
	// keeps what is not shown, once the user is stored; it is nil when there is nothing.
	Imported(v *problem.Validation, path string, given wire.ImportedTwoFactor) (shown wire.TwoFactor, store func(tx *db.Tx, user wire.ID) error)
}

// User is a user as stored: what may be shown, and around it what may not.
type User struct {
	wire.User
	// Asked are the verifications of addresses and numbers that a change has begun; nil for a user who was only read.
	Asked []wire.VerificationID

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

// flows returns what a tenant says about flows.
func (s *Service) flows(ctx context.Context, id wire.ID) (*tenant.Flows, error) {
	settings, err := s.tenants.Settings(ctx)
	if err != nil {
		return nil, err
	}
	flows, ok := settings.Flows(id)
	if !ok {
		return nil, noTenant()
	}
	return flows, nil
}

// noTenant is what a caller is told whose tenant does not exist any more.
func noTenant() error { return tenant.ErrGone }
