package api

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/system"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/wire"
)

// call is one request on its way through a handler. It is not safe for concurrent use.
type call struct {
	s      *server
	r      *http.Request
	route  route
	key    *access.Key    // nil on open routes, with the token of a user, and on metrics and status that are read from this machine
	user   *identity.User // whose access token the request has, nil without one; see bearer.go
	claims token.Claims   // of that token

	// scope is the tenant the request is confined to: that of its key, else of its header, else "".
	scope wire.ID

	values url.Values // of the query; see parseQuery
	body   []byte     // see read
}

// tenantHeader names the tenant of a request whose key is bound to none.
const tenantHeader = "X-FusionAuth-TenantId"

func (c *call) ctx() context.Context { return c.r.Context() }

// pathID returns the id in the segment {name} of the path, lower-cased. It is "" when the route has no such segment, which is
// how "create with this id" and "create with any id" share a handler.
func (c *call) pathID(name string) (wire.ID, error) {
	text := c.r.PathValue(name)
	if text == "" {
		return "", nil
	}
	id, ok := body.ParseID(text)
	if !ok {
		return "", couldNotConvert(name, "The %s in the path must be a UUID.", name)
	}
	return id, nil
}

// tenant returns the tenant that an operation without an id of its own belongs to (create a user, find one by e-mail): that
// of the key, else the one the tenant header names, else the only one there is.
func (c *call) tenant() (wire.ID, error) {
	if c.scope == "" {
		id, err := c.s.Tenancy.Sole(c.ctx())
		if err != nil {
			return "", err
		}
		if id == "" {
			return "", problem.New(problem.Invalid, "[TenantIdRequired]",
				"There is more than one tenant. Name one in the header %s, or use an API key that is bound to one.", tenantHeader)
		}
		return id, nil
	}
	exists, err := c.s.Tenancy.Exists(c.ctx(), c.scope)
	switch {
	case err != nil:
		return "", err
	case exists:
		return c.scope, nil
	case c.key != nil && c.key.Tenant() != "": // the tenant is gone, and with it the right to do anything
		return "", problem.ErrUnauthenticated
	}
	return "", invalidField("tenantId", "invalid", "There is no tenant with the id in the header %s.", tenantHeader)
}

// narrow refuses an object found by its id that belongs to another tenant than the key or the tenant header say, exactly as
// if it did not exist. An object of no tenant ("") is reached by keys and headers of every tenant.
func (c *call) narrow(owner wire.ID) error {
	if c.scope != "" && owner != "" && owner != c.scope {
		return problem.ErrNotFound
	}
	return nil
}

// eventInfo returns the origin of the change for its events: what the caller sent with the request, when it says anything,
// else the address and user agent of the request itself. It is never nil.
func (c *call) eventInfo(given *wire.EventInfo) *wire.EventInfo {
	if given != nil {
		said := *given
		if len(said.Data) == 0 { // {} is no content either: the Go client always sends some
			said.Data = nil
		}
		if !reflect.ValueOf(said).IsZero() {
			return given
		}
	}
	return &wire.EventInfo{
		IPAddress: c.clientAddress(),
		UserAgent: strings.ToValidUTF8(c.r.UserAgent(), "\uFFFD"),
	}
}

// clientAddress is the address of the client, as far as proxies are believed. Without an answer from the store nobody is.
func (c *call) clientAddress() string {
	var proxies system.TrustedProxies
	if c.s.System != nil {
		settings, err := c.s.System.Settings(c.ctx())
		if proxies = settings.TrustedProxies; err != nil {
			proxies = system.TrustedProxies{OnlyConfigured: true}
		}
	}
	return system.ClientAddress(proxies, c.r.RemoteAddr, c.r.Header.Values("X-Forwarded-For"))
}

func couldNotConvert(path, format string, args ...any) error {
	return invalidField(path, "couldNotConvert", format, args...)
}

func invalidField(path, kind, format string, args ...any) error {
	var v problem.Validation
	v.Field(path, kind, format, args...)
	return v.Err()
}
