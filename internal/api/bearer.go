package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Names of the cookies that browsers keep after a login.
const (
	accessCookie  = "access_token"
	refreshCookie = "refresh_token"
	trustCookie   = "fusionauth.trust"
)

// bearer returns the access token of a request: from the header Authorization with the scheme Bearer or JWT, or, when there is no such header at all, from
// a cookie. An API key has no scheme, and wins.
func (c *call) bearer() (string, bool) {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		text := c.cookie(accessCookie)
		return text, text != ""
	}
	scheme, text, found := strings.Cut(header, " ")
	if found && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "JWT")) {
		return strings.TrimSpace(text), true
	}
	return "", false
}

func (c *call) cookie(name string) string {
	cookie, err := c.r.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// admitUser lets a request in that has the access token of a user who is active and has not expired. Actions that keep users from logging in do not end what
// they are in already: anybody could lock a user out of that, by trying passwords.
func (c *call) admitUser(bearer string) (err error) {
	if c.claims, err = c.s.Tokens.Verify(c.ctx(), bearer); err != nil {
		return err
	}
	if !c.claims.OfUser {
		return problem.ErrUnauthenticated
	}
	u, err := c.s.Users.Load(c.ctx(), c.claims.Subject)
	if errors.Is(err, problem.ErrNotFound) || err == nil && (u.TenantID != c.claims.Tenant || !u.Active || u.Expired(wire.Instant(c.s.Clock().UnixMilli()))) {
		return problem.ErrUnauthenticated
	}
	if err != nil {
		return err
	}
	c.user = u
	return c.confine(u.TenantID)
}

// setCookie gives a browser something to keep, for as long as it is open. Scripts do not see it.
func (c *call) setCookie(w http.ResponseWriter, name, value string) {
	secure := c.r.TLS != nil || strings.EqualFold(c.r.Header.Get("X-Forwarded-Proto"), "https")
	cookie := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// withCookies is a result that also sets cookies, in the order given.
type withCookies struct {
	c       *call
	cookies [][2]string
	code    int
	body    any
}

func (r withCookies) send(w http.ResponseWriter) error {
	for _, cookie := range r.cookies {
		r.c.setCookie(w, cookie[0], cookie[1])
	}
	return coded{r.code, r.body}.send(w)
}
