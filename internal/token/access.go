package token

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// ErrNoTenant says that the tenant is gone.
var ErrNoTenant = errors.New("token: there is no such tenant")

// Grant is what an access token says.
type Grant struct {
	User *wire.User
	// Application is what the user uses. Nil for none: the token then says who the user is, and no more.
	Application *application.Application
	// Roles are those in the application, from the registration and from groups.
	Roles []string
	Type  event.AuthenticationType
	// Session is the refresh token it goes with. May be empty.
	Session wire.ID
	// Scope is what an OAuth client asked for. May be empty.
	Scope string
	// Lifetime shortens that of the settings. Zero keeps it.
	Lifetime time.Duration
}

// Signed is a token and when it ends.
type Signed struct {
	Token   string
	Expires wire.Instant
}

// Sign makes an access token. Errors: [ErrNoTenant]; a key that cannot sign (any more).
func (s *Service) Sign(ctx context.Context, g Grant) (Signed, error) {
	rules, flows, err := s.rules(ctx, g.User.TenantID, g.Application)
	if err != nil {
		return Signed{}, err
	}
	lifetime := rules.AccessToken
	if g.Lifetime > 0 {
		lifetime = min(lifetime, g.Lifetime)
	}
	claims := claimsOf(g, flows.Issuer, s.DB.Now(), lifetime)
	return s.sign(ctx, rules.AccessTokenKeyID, claims)
}

// SignID makes an id token for an OAuth client: who the user is.
func (s *Service) SignID(ctx context.Context, g Grant) (Signed, error) {
	rules, flows, err := s.rules(ctx, g.User.TenantID, g.Application)
	if err != nil {
		return Signed{}, err
	}
	claims := claimsOf(g, flows.Issuer, s.DB.Now(), rules.AccessToken)
	claims["tty"] = "id"
	delete(claims, "scope")
	maps.Copy(claims, Profile(g.User))
	return s.sign(ctx, rules.IDTokenKeyID, claims)
}

// Profile are the claims of OpenID Connect about a user, as far as they are known.
func Profile(u *wire.User) map[string]any {
	claims := map[string]any{}
	for name, text := range map[string]string{
		"given_name": u.FirstName, "middle_name": u.MiddleName, "family_name": u.LastName, "name": u.FullName, "picture": u.ImageURL, "birthdate": u.BirthDate,
		"phone_number": cmp.Or(u.PhoneNumber, u.MobilePhone), "zoneinfo": u.Timezone,
	} {
		if text != "" {
			claims[name] = text
		}
	}
	if len(u.PreferredLanguages) > 0 {
		claims["locale"] = strings.ReplaceAll(u.PreferredLanguages[0], "_", "-")
	}
	return claims
}

// accessToken is the claim tty of a token that lets its user in.
const accessToken = "at"

// claimsOf are the claims of an access token: identity.md, section 9.
func claimsOf(g Grant, issuer string, now time.Time, lifetime time.Duration) map[string]any {
	u := g.User
	claims := map[string]any{
		"iss": issuer, "sub": u.ID, "tid": u.TenantID, "jti": db.NewID(), "tty": accessToken, "authenticationType": g.Type,
		"iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "auth_time": now.Unix(),
	}
	if u.Email != "" {
		claims["email"], claims["email_verified"] = u.Email, u.Verified
	}
	if u.Username != "" {
		claims["preferred_username"] = u.Username
	}
	if u.PhoneNumber != "" {
		claims["phone_number"] = u.PhoneNumber
		for _, i := range u.Identities {
			if i.Type == wire.IdentityPhoneNumber {
				claims["phone_number_verified"] = i.Verified
			}
		}
	}
	if a := g.Application; a != nil {
		claims["aud"], claims["applicationId"], claims["roles"] = a.OAuth.ClientID, a.ID, wire.List[string](g.Roles)
	}
	if g.Session != "" {
		claims["sid"] = g.Session
	}
	if g.Scope != "" {
		claims["scope"] = g.Scope
	}
	return claims
}

func (s *Service) sign(ctx context.Context, by wire.ID, claims map[string]any) (Signed, error) {
	keys, err := s.Keys.Set(ctx)
	if err != nil {
		return Signed{}, err
	}
	k := keys.Key(by)
	if k == nil {
		return Signed{}, fmt.Errorf("token: the signing key %s does not exist", by)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return Signed{}, err
	}
	signed, err := k.JWT(text)
	if err != nil {
		return Signed{}, err
	}
	exp, _ := claims["exp"].(int64)
	return Signed{signed, wire.Instant(exp * 1000)}, nil
}

// Vend signs claims for whoever has an API key: what JWTs are used for elsewhere. Claims that the server sets win over those that are given.
//
// Errors: problem.Invalid.
func (s *Service) Vend(ctx context.Context, of wire.ID, req wire.JWTVendRequest) (Signed, error) {
	rules, flows, err := s.rules(ctx, of, nil)
	if err != nil {
		return Signed{}, err
	}
	by := cmp.Or(req.KeyID, rules.AccessTokenKeyID)
	keys, err := s.Keys.Set(ctx)
	if err != nil {
		return Signed{}, err
	}
	var v problem.Validation
	k := keys.Key(by)
	v.Check(k != nil && k.CanSign(), "keyId", "invalid", "There is no key with the id %s that can sign.", by)
	v.Check(req.TimeToLiveInSeconds >= 0, "timeToLiveInSeconds", "invalid", "A lifetime is a number of seconds.")
	if err := v.Err(); err != nil {
		return Signed{}, err
	}
	now, lifetime := s.DB.Now(), rules.AccessToken
	if req.TimeToLiveInSeconds > 0 {
		lifetime = time.Duration(min(req.TimeToLiveInSeconds, maxVended)) * time.Second
	}
	claims := maps.Clone(map[string]any(req.Claims))
	if claims == nil {
		claims = map[string]any{}
	}
	delete(claims, "tty") // who may vend tokens may not log in as any user
	delete(claims, "gty") // nor pass for an entity
	claims["tid"], claims["iss"], claims["jti"], claims["iat"], claims["exp"] = of, flows.Issuer, db.NewID(), now.Unix(), now.Add(lifetime).Unix()
	return s.sign(ctx, by, claims)
}

// SignClaims signs claims for a client that acts for no user, in the name of a tenant, with a key and for a time. Zero values mean those of the tenant.
func (s *Service) SignClaims(ctx context.Context, of wire.ID, claims map[string]any, by wire.ID, lifetime time.Duration) (Signed, error) {
	rules, flows, err := s.rules(ctx, of, nil)
	if err != nil {
		return Signed{}, err
	}
	now := s.DB.Now()
	claims = maps.Clone(claims)
	claims["iss"], claims["tid"], claims["jti"], claims["iat"], claims["exp"] = flows.Issuer, of, db.NewID(), now.Unix(), now.Add(cmp.Or(lifetime, rules.AccessToken)).Unix()
	return s.sign(ctx, cmp.Or(by, rules.AccessTokenKeyID), claims)
}

// maxVended is ten years, in seconds.
const maxVended = 10 * 365 * 24 * 60 * 60

// Claims are those of a token whose signature and lifetime are good.
type Claims struct {
	Subject, Tenant, Application, Session wire.ID
	Type                                  event.AuthenticationType
	Scope                                 string
	IssuedAt, Expires                     wire.Instant
	// OfUser tells whether the token lets its subject, a user, in. An ID token does not, nor one that was made for a client or with claims that somebody chose.
	OfUser bool
	// All are all there are, numbers exact.
	All wire.Object
}

// Verify checks a token that this installation signed: its signature, its lifetime and, when it lets a user in, that it was signed by a key that may do
// that. The issuer is not checked: a tenant may call itself something else from now on.
//
// Errors: problem.ErrUnauthenticated when it is not good, and never why.
func (s *Service) Verify(ctx context.Context, jwt string) (Claims, error) {
	keys, err := s.Keys.Set(ctx)
	if err != nil {
		return Claims{}, err
	}
	by, text, ok := verified(keys, jwt)
	if !ok {
		return Claims{}, problem.ErrUnauthenticated
	}
	var c struct {
		Subject     wire.ID                  `json:"sub"`
		Tenant      wire.ID                  `json:"tid"`
		Application wire.ID                  `json:"applicationId"`
		Session     wire.ID                  `json:"sid"`
		Type        event.AuthenticationType `json:"authenticationType"`
		Scope       string                   `json:"scope"`
		IssuedAt    int64                    `json:"iat"`
		Expires     int64                    `json:"exp"`
		NotBefore   int64                    `json:"nbf"`
	}
	claims := Claims{}
	if json.Unmarshal(text, &c) != nil || json.Unmarshal(text, &claims.All) != nil {
		return Claims{}, problem.ErrUnauthenticated
	}
	if now := s.DB.Now().Unix(); c.Expires <= now || c.NotBefore > now {
		return Claims{}, problem.ErrUnauthenticated
	}
	claims.Subject, claims.Tenant, claims.Application, claims.Session = c.Subject, c.Tenant, c.Application, c.Session
	claims.Type, claims.Scope, claims.OfUser = c.Type, c.Scope, claims.All["tty"] == accessToken // of exactly this name
	claims.IssuedAt, claims.Expires = wire.Instant(c.IssuedAt*1000), wire.Instant(c.Expires*1000)
	if claims.OfUser && by.Type == wire.KeyTypeHMAC {
		if ok, err := s.mayLetIn(ctx, by.ID, claims); err != nil || !ok {
			return Claims{}, cmp.Or(err, error(problem.ErrUnauthenticated))
		}
	}
	return claims, nil
}

// mayLetIn tells whether a secret may have signed a token of a user. Others have secrets as well: the receivers of a webhook, the programs of an application.
// So it must be the one that signs for the application of the token, or without one for its tenant. Nobody else has a private key, which may therefore have
// signed while it was in use.
func (s *Service) mayLetIn(ctx context.Context, secret wire.ID, c Claims) (bool, error) {
	all, err := s.Applications.Registry(ctx)
	if err != nil {
		return false, err
	}
	rules, _, err := s.rules(ctx, c.Tenant, all.In(c.Tenant, c.Application))
	if errors.Is(err, ErrNoTenant) {
		return false, nil
	}
	return secret == rules.AccessTokenKeyID, err
}

// verified returns the claims of a token, and the key that signed it: the one of ours that its header names.
func verified(keys *key.Set, jwt string) (by *key.Key, claims []byte, ok bool) {
	head, _, found := strings.Cut(jwt, ".")
	if !found || len(jwt) > longestJWT {
		return nil, nil, false
	}
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return nil, nil, false
	}
	var header struct {
		KID string `json:"kid"`
	}
	if json.NewDecoder(bytes.NewReader(text)).Decode(&header) != nil {
		return nil, nil, false
	}
	if by = keys.ByKID(header.KID); by == nil {
		return nil, nil, false
	}
	claims, err = by.Verify(jwt)
	return by, claims, err == nil
}

// longestJWT in bytes: far more than a user with a thousand roles needs.
const longestJWT = 64 << 10

// PublicKeys are the public keys that verify tokens, in PEM form by their kid: all whose private key is here, those of an application, or the one that tokens
// call kid. Secrets are none.
//
// Errors: problem.ErrNotFound when there is no such application or key.
func (s *Service) PublicKeys(ctx context.Context, application wire.ID, kid string) (wire.Map[string], error) {
	keys, err := s.Keys.Set(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Applications.Registry(ctx)
	if err != nil {
		return nil, err
	}
	found := wire.Map[string]{}
	add := func(k *key.Key) {
		if k != nil && k.HasPrivateKey {
			found[k.KID] = k.PublicKey
		}
	}
	switch {
	case application != "":
		a := all.Find(application)
		if a == nil {
			return nil, problem.ErrNotFound
		}
		add(keys.Key(a.JWT.AccessTokenKeyID))
	case kid != "":
		add(keys.ByKID(kid))
	default:
		for _, k := range keys.All() {
			add(k)
		}
		return found, nil
	}
	if len(found) == 0 {
		return nil, problem.ErrNotFound
	}
	return found, nil
}
