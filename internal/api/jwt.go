package api

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/login"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/wire"
)

// tokenHandlers are the handlers of access and refresh tokens.
type tokenHandlers struct {
	*server

	tokens *token.Service
	logins *login.Service
}

func (s *server) tokenRoutes(tokens *token.Service, of *login.Service) []route {
	h := tokenHandlers{s, tokens, of}
	return []route{
		{"POST", "/api/jwt/refresh", "", open, h.refresh},
		{"GET", "/api/jwt/refresh", "/api/jwt/refresh", userOrKey, h.list},
		{"GET", "/api/jwt/refresh/{tokenId}", "/api/jwt/refresh", userOrKey, h.load},
		{"DELETE", "/api/jwt/refresh", "/api/jwt/refresh", userOrKey, h.revoke},
		{"DELETE", "/api/jwt/refresh/{tokenId}", "/api/jwt/refresh", userOrKey, h.revoke},
		{"POST", "/api/user/refresh-token/import", "/api/user/refresh-token/import", tenantKey, h.importTokens},
		{"GET", "/api/jwt/issue", "", userOnly, h.issue},
		{"GET", "/api/jwt/validate", "", open, h.validate},
		{"POST", "/api/jwt/vend", "/api/jwt/vend", tenantKey, h.vend},
		{"GET", "/api/jwt/public-key", "", open, h.publicKeys},
	}
}

func (h tokenHandlers) refresh(c *call) (any, error) {
	var request wire.RefreshRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	request.RefreshToken = cmp.Or(c.cookie(refreshCookie), request.RefreshToken)
	request.Token = cmp.Or(request.Token, c.cookie(accessCookie))
	out, err := h.logins.Refresh(c.ctx(), request, false, c.eventInfo(request.EventInfo))
	if err != nil {
		return nil, err
	}
	return withCookies{
		c: c, code: http.StatusOK, cookies: [][2]string{{accessCookie, out.Token}, {refreshCookie, out.RefreshToken}},
		body: wire.JWTRefreshResponse{Token: out.Token, RefreshToken: out.RefreshToken, RefreshTokenID: out.RefreshTokenID},
	}, nil
}

func (h tokenHandlers) list(c *call) (any, error) {
	id, err := c.queryID("userId")
	if err != nil {
		return nil, err
	}
	if id == "" && c.user == nil {
		return nil, invalidField("userId", "missing", "Say whose tokens: userId.")
	}
	u, err := h.sessionOf(c, id)
	if err != nil {
		return nil, err
	}
	all, err := h.tokens.List(c.ctx(), u.ID)
	return wire.RefreshTokenResponse{RefreshTokens: append([]wire.RefreshToken{}, all...)}, err
}

func (h tokenHandlers) load(c *call) (any, error) {
	r, err := h.byID(c)
	if err != nil {
		return nil, err
	}
	return wire.RefreshTokenResponse{RefreshToken: &r.RefreshToken}, nil
}

// byID returns the token that the path names, unless it is out of the caller's reach.
func (h tokenHandlers) byID(c *call) (*token.Refresh, error) {
	id, err := c.pathID("tokenId")
	if err != nil {
		return nil, err
	}
	r, err := h.tokens.Load(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	if c.user != nil && c.user.ID != r.UserID {
		return nil, problem.ErrNotFound
	}
	return r, c.narrow(r.TenantID)
}

// revoke ends a token, or many; reference/identity.md, section 9, has the variants. With a token of a user only that user's own can be ended, one at a time.
func (h tokenHandlers) revoke(c *call) (any, error) {
	var request wire.RefreshTokenRevokeRequest
	if err := c.decodeQuery(&request); err != nil {
		return nil, err
	}
	if form, ok := c.form(); ok {
		request.Token = cmp.Or(request.Token, form.Get("token"))
	} else if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	info := c.eventInfo(request.EventInfo)
	if c.r.PathValue("tokenId") != "" {
		r, err := h.byID(c)
		if err != nil {
			return nil, err
		}
		return nil, h.end(c, r, info)
	}
	switch {
	case request.Token != "":
		p, err := h.tokens.Present(c.ctx(), request.Token)
		if err != nil {
			return nil, err
		}
		if c.user != nil && c.user.ID != p.UserID {
			return nil, problem.ErrNotFound
		}
		if err := c.narrow(p.TenantID); err != nil {
			return nil, err
		}
		return nil, h.end(c, p.Refresh, info)
	case c.user != nil:
		return nil, problem.ErrUnauthenticated
	case request.UserID != "":
		u, err := h.sessionOf(c, request.UserID)
		if err != nil {
			return nil, err
		}
		return nil, h.tokens.RevokeOfUser(c.ctx(), &u.User, request.ApplicationID, info)
	case request.ApplicationID != "":
		all, err := h.Applications.Registry(c.ctx())
		if err != nil {
			return nil, err
		}
		a := all.Find(request.ApplicationID)
		if a == nil {
			return nil, problem.ErrNotFound
		}
		if err := c.narrow(a.TenantID); err != nil {
			return nil, err
		}
		return nil, h.tokens.RevokeOfApplication(c.ctx(), a.TenantID, a.ID, info)
	}
	return nil, invalidField("token", "missing", "Say which tokens: an id in the path, token, userId or applicationId.")
}

func (h tokenHandlers) end(c *call, r *token.Refresh, info *wire.EventInfo) error {
	u, err := h.Users.Load(c.ctx(), r.UserID)
	if err != nil {
		return err
	}
	return h.tokens.Revoke(c.ctx(), &u.User, r.ID, info)
}

// form returns the body as an HTML form, if it is one, of text that can be stored.
func (c *call) form() (url.Values, bool) {
	if kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, false
	}
	values, err := url.ParseQuery(string(c.body))
	for _, all := range values {
		if slices.ContainsFunc(all, func(text string) bool { return !storable(text) }) {
			return nil, false
		}
	}
	return values, err == nil
}

func (h tokenHandlers) importTokens(c *call) (any, error) {
	var request wire.RefreshTokenImportRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	return nil, h.tokens.Import(c.ctx(), tenant, request)
}

// issue makes a token for another application out of one.
func (h tokenHandlers) issue(c *call) (any, error) {
	application, err := c.queryID("applicationId")
	if err != nil {
		return nil, err
	}
	if application == "" {
		return nil, invalidField("applicationId", "missing", "Say which application: applicationId.")
	}
	out, err := h.logins.Issue(c.ctx(), c.user, application, c.claims, cmp.Or(c.cookie(refreshCookie), c.query("refreshToken")))
	if errors.Is(err, login.ErrNotRegistered) {
		return status(http.StatusAccepted), nil
	}
	if err != nil {
		return nil, err
	}
	return *out, nil
}

// validate is open because an invalid token is 401 whoever brings it.
func (h tokenHandlers) validate(c *call) (any, error) {
	bearer, ok := c.bearer()
	if !ok {
		return nil, problem.ErrUnauthenticated
	}
	claims, err := h.tokens.Verify(c.ctx(), bearer)
	return wire.JWTValidateResponse{JWT: claims.All}, err
}

func (h tokenHandlers) vend(c *call) (any, error) {
	var request wire.JWTVendRequest
	if err := c.decodeOptional(&request); err != nil {
		return nil, err
	}
	tenant, err := c.tenant()
	if err != nil {
		return nil, err
	}
	signed, err := h.tokens.Vend(c.ctx(), tenant, request)
	return wire.JWTResponse{Token: signed.Token}, err
}

// publicKeys are the keys that verify: all, that of an application, or the one that tokens call kid. A secret is none, so that is 404.
func (h tokenHandlers) publicKeys(c *call) (any, error) {
	application, err := c.queryID("applicationId")
	if err != nil {
		return nil, err
	}
	kid := cmp.Or(c.query("kid"), c.query("keyId"))
	keys, err := h.tokens.PublicKeys(c.ctx(), application, kid)
	if err != nil {
		return nil, err
	}
	if application == "" && kid == "" {
		return wire.PublicKeyResponse{PublicKeys: keys}, nil
	}
	for _, pem := range keys {
		return wire.PublicKeyResponse{PublicKey: pem}, nil
	}
	return nil, problem.ErrNotFound
}
