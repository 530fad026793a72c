package api

import (
	"cmp"

	"github.com/herald-events/herald/internal/idp"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// links are the handlers of which accounts at identity providers are those of which users. The providers are kept objects; see keep.go.
type links struct {
	*server
	links *idp.Service
}

func (s *server) linkRoutes(service *idp.Service) []route {
	h := links{s, service}
	const path = "/api/identity-provider/link"
	return []route{
		{"POST", path, path, tenantKey, h.link},
		{"GET", path, path, tenantKey, h.find},
		{"DELETE", path, path, tenantKey, h.unlink},
	}
}

func (h links) link(c *call) (any, error) {
	var request wire.IdentityProviderLinkRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if request.PendingIDPLinkID != "" {
		return nil, problem.New(problem.Invalid, "[InvalidPendingIdPLinkId]", "No login through an identity provider waits for its user under this id, or not any more.")
	}
	given, flat := request.Link, request.IdentityProviderLink
	given.IdentityProviderID = cmp.Or(given.IdentityProviderID, flat.IdentityProviderID)
	given.IdentityProviderUserID = cmp.Or(given.IdentityProviderUserID, flat.IdentityProviderUserID)
	given.UserID = cmp.Or(given.UserID, flat.UserID)
	given.DisplayName = cmp.Or(given.DisplayName, flat.DisplayName)
	given.Token = cmp.Or(given.Token, flat.Token)
	if given.Data == nil {
		given.Data = flat.Data
	}
	link, err := h.links.Link(c.ctx(), c.scope, given, c.eventInfo(request.EventInfo))
	return wire.IdentityProviderLinkResponse{IdentityProviderLink: &link}, err
}

// linkNamed is the link that the query names. Each part may be missing.
func (c *call) linkNamed() (provider wire.ID, account string, user wire.ID, err error) {
	if provider, err = c.queryID("identityProviderId"); err != nil {
		return "", "", "", err
	}
	user, err = c.queryID("userId")
	return provider, c.query("identityProviderUserId"), user, err
}

// find answers with one link when the query names an account, else with those of a user. An account without a user is looked for in the tenant of
// the request.
func (h links) find(c *call) (any, error) {
	provider, account, user, err := c.linkNamed()
	if err != nil {
		return nil, err
	}
	var v problem.Validation
	v.Check(account == "" || provider != "", "identityProviderId", "missing", "Say at which identity provider the account is.")
	v.Check(account != "" || user != "", "userId", "missing", "Say of which user, or of which account: userId, or identityProviderId with identityProviderUserId.")
	if err := v.Err(); err != nil {
		return nil, err
	}
	if account == "" {
		all, err := h.links.Of(c.ctx(), c.scope, user, provider)
		return wire.IdentityProviderLinksResponse{IdentityProviderLinks: all}, err
	}
	tenant, err := h.tenantOf(c, user)
	if err != nil {
		return nil, err
	}
	link, err := h.links.Load(c.ctx(), tenant, provider, account)
	if err == nil && user != "" && link.UserID != user {
		err = problem.ErrNotFound
	}
	return wire.IdentityProviderLinkResponse{IdentityProviderLink: &link}, err
}

// tenantOf is the tenant of a user, or without one that of the request.
func (h links) tenantOf(c *call, user wire.ID) (wire.ID, error) {
	if user == "" {
		return c.tenant()
	}
	u, err := h.Users.Load(c.ctx(), user)
	if err != nil {
		return "", err
	}
	return u.TenantID, c.narrow(u.TenantID)
}

// unlink answers with an object, because the official clients decode one.
func (h links) unlink(c *call) (any, error) {
	provider, account, user, err := c.linkNamed()
	if err != nil {
		return nil, err
	}
	var v problem.Validation
	v.Check(provider != "", "identityProviderId", "missing", "Say at which identity provider the account is.")
	v.Check(account != "", "identityProviderUserId", "missing", "Say which account.")
	v.Check(user != "", "userId", "missing", "Say whose account it is.")
	if err := v.Err(); err != nil {
		return nil, err
	}
	return wire.IdentityProviderLinkResponse{}, h.links.Unlink(c.ctx(), c.scope, provider, account, user, c.eventInfo(nil))
}
