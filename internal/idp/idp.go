// Package idp owns the links between users and their accounts at identity providers. The providers themselves are kept objects (package keep):
// nobody logs in through them here, but who is linked with whom is known, changed by requests, and announced.
//
// An account is one user's in a tenant, and a user may have several. A link goes with its user, its provider or its tenant, without an event of
// its own.
//
// Events: user.identity-provider.link, user.identity-provider.unlink. Neither is transactional.
package idp

import (
	"cmp"
	"context"
	"errors"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/keep"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with. All are required.
type Options struct {
	DB        *db.DB
	Events    publish.Doer
	Users     *identity.Service
	Providers *keep.Service
	Sealer    sealed.Sealer
}

// Service manages links. It is safe for concurrent use.
type Service struct{ Options }

// New returns a Service.
func New(o Options) *Service { return &Service{o} }

// Link links a user with an account and returns the link. What is linked already stays so, without an event; a display name, a token or data that
// given has replace the old ones. scope is the only tenant whose users may be linked; empty means any.
//
// Errors: problem.Invalid with everything that is wrong with given; a problem of kind Conflict when the account is linked with another user.
func (s *Service) Link(ctx context.Context, scope wire.ID, given wire.IdentityProviderLink, info *wire.EventInfo) (link wire.IdentityProviderLink, err error) {
	if err := check(&given); err != nil {
		return link, err
	}
	u, err := s.user(ctx, scope, given.UserID)
	if errors.Is(err, problem.ErrNotFound) {
		return link, unknown("userId", "user", given.UserID)
	}
	if err != nil {
		return link, err
	}
	// Between the look and the insert somebody may have linked the account, or removed the provider or the user: the second time that is found.
	for range 2 {
		link, err = s.link(ctx, u, given, info)
		if !db.IsDuplicate(err) && !db.IsForeignKey(err) {
			break
		}
	}
	return link, err
}

func (s *Service) link(ctx context.Context, of *identity.User, given wire.IdentityProviderLink, info *wire.EventInfo) (link wire.IdentityProviderLink, err error) {
	var isNew bool
	err = s.Events.Do(ctx, publish.Operation{
		Tenant: of.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			u, err := s.Users.LoadIn(tx, of.ID)
			if errors.Is(err, problem.ErrNotFound) {
				return unknown("userId", "user", of.ID)
			}
			if err != nil {
				return err
			}
			link = given
			link.TenantID, link.InsertInstant, link.LastLoginInstant = u.TenantID, wire.Instant(tx.NowMillis()), 0
			err = s.name(tx, keep.Within{Tenant: u.TenantID}, &link)
			if errors.Is(err, problem.ErrNotFound) {
				return unknown("identityProviderId", "identity provider", link.IdentityProviderID)
			}
			if err != nil {
				return err
			}
			old, err := s.load(tx, u.TenantID, link.IdentityProviderID, link.IdentityProviderUserID)
			if isNew = errors.Is(err, problem.ErrNotFound); isNew {
				plan.Publish(&event.UserIdentityProviderLinkEvent{
					Header: event.About(event.UserIdentityProviderLink, u.ID), IdentityProviderLink: link, User: u.User,
				})
				return nil
			}
			if err != nil {
				return err
			}
			if old.UserID != u.ID {
				return problem.New(problem.Conflict, "[duplicate]identityProviderLink.identityProviderUserId",
					"This account is linked with another user. Remove that link first.")
			}
			link.InsertInstant, link.LastLoginInstant = old.InsertInstant, old.LastLoginInstant
			link.DisplayName, link.Token = cmp.Or(given.DisplayName, old.DisplayName), cmp.Or(given.Token, old.Token)
			if given.Data == nil {
				link.Data = old.Data
			}
			return nil
		},
		Commit: func(tx *db.Tx) error {
			if isNew {
				return s.insert(tx, link)
			}
			return s.update(tx, link)
		},
	})
	return link, err
}

// Unlink removes a link. It is problem.ErrNotFound when the user is not linked with that account.
func (s *Service) Unlink(ctx context.Context, scope, provider wire.ID, account string, user wire.ID, info *wire.EventInfo) error {
	of, err := s.user(ctx, scope, user)
	if err != nil {
		return err
	}
	return s.Events.Do(ctx, publish.Operation{
		Tenant: of.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			u, err := s.Users.LoadIn(tx, user)
			if err != nil {
				return err
			}
			link, err := s.load(tx, u.TenantID, provider, account)
			if err != nil {
				return err
			}
			if link.UserID != user {
				return problem.ErrNotFound
			}
			if err := s.name(tx, keep.Within{}, &link); err != nil {
				return err
			}
			plan.Publish(&event.UserIdentityProviderLinkEvent{
				Header: event.About(event.UserIdentityProviderUnlink, u.ID), IdentityProviderLink: link, User: u.User,
			})
			return nil
		},
		Commit: func(tx *db.Tx) error { return remove(tx, of.TenantID, provider, account, user) },
	})
}

// Load returns the link of an account in a tenant, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, tenant, provider wire.ID, account string) (link wire.IdentityProviderLink, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		if link, err = s.load(tx, tenant, provider, account); err != nil {
			return err
		}
		return s.name(tx, keep.Within{}, &link)
	})
	return link, err
}

// Of returns the links of a user, the oldest first: all, or with a provider those with accounts there. It is problem.ErrNotFound when there is no
// such user in scope.
func (s *Service) Of(ctx context.Context, scope, user, provider wire.ID) (links []wire.IdentityProviderLink, err error) {
	if _, err := s.user(ctx, scope, user); err != nil {
		return nil, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		if links, err = s.linksOf(tx, user, provider); err != nil {
			return err
		}
		for i := range links {
			if err := s.name(tx, keep.Within{}, &links[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return links, err
}

// user is problem.ErrNotFound when there is no such user in scope.
func (s *Service) user(ctx context.Context, scope, id wire.ID) (*identity.User, error) {
	u, err := s.Users.Load(ctx, id)
	if err == nil && scope != "" && u.TenantID != scope {
		err = problem.ErrNotFound
	}
	return u, err
}

// name fills in what the provider of a link is called and of which type it is. It is problem.ErrNotFound when there is none within reach.
func (s *Service) name(tx *db.Tx, within keep.Within, link *wire.IdentityProviderLink) error {
	provider, err := s.Providers.LoadIn(tx, keep.IdentityProviders, within, link.IdentityProviderID)
	if err != nil {
		return err
	}
	link.IdentityProviderType, _ = loose.Text(provider["type"])
	name, _ := loose.Text(provider["name"])
	link.IdentityProviderName = cmp.Or(name, link.IdentityProviderType) // those of which there is one of a type may have no name
	return nil
}

// longestText in characters, of what an account and its user are called.
const longestText = 255

func check(given *wire.IdentityProviderLink) error {
	const path = "identityProviderLink."
	var v problem.Validation
	v.Check(given.IdentityProviderID != "", path+"identityProviderId", "missing", "Say at which identity provider.")
	v.Text(path+"identityProviderUserId", &given.IdentityProviderUserID, longestText)
	v.Check(given.IdentityProviderUserID != "", path+"identityProviderUserId", "blank", "Say which account.")
	v.Check(given.UserID != "", path+"userId", "missing", "Say which user.")
	v.Text(path+"displayName", &given.DisplayName, longestText)
	return v.Err()
}

func unknown(member, what string, id wire.ID) error {
	var v problem.Validation
	v.Field("identityProviderLink."+member, "invalid", "There is no %s with the id %s.", what, id)
	return v.Err()
}
