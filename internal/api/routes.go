package api

import (
	"maps"
	"slices"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/template"
)

// route is one row of the table: a method and a pattern of [http.ServeMux], the endpoint a key's permissions name (the path
// without its ids), who may call, and what happens.
type route struct {
	method, pattern string
	permission      string
	access          accessKind
	handle          func(*call) (any, error)
}

// accessKind says which keys a route takes. Every kind but open and keyManager also requires the permission.
type accessKind string

const (
	open        accessKind = "open"         // no key at all
	tenantKey   accessKind = "tenant key"   // a global key, or one bound to a tenant, which then stays inside it
	optionalKey accessKind = "optional key" // as tenantKey with a key; as open without one, when the tenant header names the tenant
	userOrKey   accessKind = "user or key"  // as tenantKey, or with the access token of a user instead of a key
	userOrOpen  accessKind = "user or open" // as optionalKey, or with the access token of a user
	userOnly    accessKind = "user"         // only with the access token of a user
	globalKey   accessKind = "global key"   // only a key that is bound to no tenant; the tenant header means nothing
	instanceKey accessKind = "instance key" // as globalKey, and a tenant header is refused
	keyManager  accessKind = "key manager"  // a key with the flag; see access.Service for what it may do to which keys
	metricsKey  accessKind = "metrics key"  // for those who watch: as globalKey, also as a Basic password; none from this machine with Services.LocalMetrics
)

// routes is the table of contents of the API.
func (s *server) routes() []route {
	return slices.Concat(
		s.keyRoutes(),
		s.signingKeyRoutes(s.SigningKeys),
		s.tenantRoutes(),
		s.applicationRoutes(),
		s.userRoutes(),
		s.loginRoutes(s.Logins),
		s.tokenRoutes(s.Tokens, s.Logins),
		s.oauthRoutes(s.Tokens, s.Logins),
		s.registrationRoutes(),
		s.groupRoutes(s.Groups),
		s.passwordRoutes(s.Resets),
		s.verificationRoutes(s.Verifications),
		s.twoFactorRoutes(s.TwoFactor),
		s.entityRoutes(s.Entities),
		s.userActionRoutes(s.UserActions),
		s.messengerRoutes(s.Messaging),
		messageRoutes(s.Messages),
		templateRoutes(s.Templates),
		s.keepRoutes(s.Kept),
		s.linkRoutes(s.Links),
		s.webhookRoutes(),
		s.sinkRoutes(s.Sinks),
		integrationRoutes(s.Sinks),
		s.eventRoutes(),
		s.webhookLogRoutes(s.WebhookLog),
		deliveryRoutes(s.Replay),
		listenerRoutes(s.Listeners),
		s.eventLogRoutes(),
		s.auditLogRoutes(),
		s.systemRoutes(s.System),
		s.statusRoutes(),
		s.doctorRoutes(),
		s.kickstartRoutes(),
		metricsRoutes(s.Metrics, s.Log),
	)
}

// table is the table of contents without anything behind it, for those who only read it.
func table() []route {
	return newServer(Services{Templates: new(template.Service)}).routes()
}

// Endpoints are what the permissions of an API key can name, by path: the endpoints of all routes that look at them.
func Endpoints() []access.Endpoint {
	methods := map[string][]string{}
	for _, row := range table() {
		if row.access == open || row.access == userOnly || row.permission == "" || slices.Contains(methods[row.permission], row.method) {
			continue
		}
		methods[row.permission] = append(methods[row.permission], row.method)
	}
	var all []access.Endpoint
	for _, path := range slices.Sorted(maps.Keys(methods)) {
		all = append(all, access.Endpoint{Path: path, Methods: methods[path]})
	}
	return all
}

// Route is a row of the table, for those who describe the API.
type Route struct {
	Method, Pattern string
	// Permission is the endpoint that the permissions of a key name, "" where no permission is asked for.
	Permission string
	// Access says who may call: "tenant key", "global key", "open" and so on.
	Access string
	// Limited tells that a server may be set to take only so many such requests from one caller.
	Limited bool
}

// Routes are all rows of the table, in its order.
func Routes() []Route {
	var all []Route
	for _, row := range table() {
		all = append(all, Route{row.method, row.pattern, row.permission, string(row.access), limited(row)})
	}
	return all
}
