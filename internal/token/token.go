// Package token owns what a user carries after a login: access tokens (JWT), which nobody can take back and which live for an hour, and refresh
// tokens, which are rows, are exchanged for new access tokens, and can be revoked. It knows users as its callers give them to it; who may have a
// token is decided by package login.
//
//	token.go    the service
//	access.go   access tokens: what they say, signing, checking
//	refresh.go  refresh tokens: issue, find, use, list
//	revoke.go   revocation, in all its forms
//	import.go   refresh tokens of another system
//
// Events: jwt.refresh (planned by package login, which knows the user), jwt.refresh-token.revoke.
package token

import (
	"context"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service is made of. All are required.
type Options struct {
	DB           *db.DB
	Events       publish.Doer
	Tenants      *tenant.Service
	Applications *application.Service
	Keys         *key.Service
}

// Service issues tokens and takes them back. It is safe for concurrent use.
type Service struct{ Options }

// New returns the tokens of a store.
func New(o Options) *Service { return &Service{o} }

// rules is what a tenant, or one of its applications, says about tokens.
func (s *Service) rules(ctx context.Context, of wire.ID, a *application.Application) (tenant.JWT, *tenant.Flows, error) {
	settings, err := s.Tenants.Settings(ctx)
	if err != nil {
		return tenant.JWT{}, nil, err
	}
	flows, ok := settings.Flows(of)
	if !ok {
		return tenant.JWT{}, nil, ErrNoTenant
	}
	return Rules(flows, a), flows, nil
}

// Rules is what an application says about tokens, or, where that is nil, its tenant.
func Rules(flows *tenant.Flows, a *application.Application) tenant.JWT {
	if a != nil {
		return a.JWT
	}
	return flows.JWT
}
