// Package ui is the admin UI: pages under /admin that are rendered here, in one binary, and work without JavaScript. It is an edge like package api:
// it reads forms, asks the domain packages, which check the same rules for both, and shows what they say.
//
//	ui.go           the routes, and what every request goes through
//	visit.go        one request on its way through a handler
//	render.go       pages: templates, texts, assets
//	form.go         forms, read as changes to objects of the API
//	field.go        their inputs
//	change.go       changes, on their way into the audit log
//	menu.go         the map of the pages
//	preferences.go  how somebody likes the pages
//	signin.go       signing in and out, the first administrator
//	…               a file per screen
//
//	page/   templates: frame.html around all, parts.html shared by several, and one or more per screen
//	text/   what people read, a file per part of the UI and language
//	asset/  styles and scripts; they are served under the hash of their content, for ever
package ui

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/internal/entity"
	"github.com/herald-events/herald/internal/group"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/listen"
	"github.com/herald-events/herald/internal/live"
	"github.com/herald-events/herald/internal/login"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/metrics"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/replay"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/system"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/internal/twofactor"
	"github.com/herald-events/herald/internal/useraction"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
)

// Services is what the admin UI shows and changes. All must be set but Log and Version.
type Services struct {
	Admins       *admin.Service
	APIKeys      *access.Service
	Applications *application.Service
	Doctor       *doctor.Service
	Entities     *entity.Service
	Events       *publish.Publisher
	Factors      *twofactor.Service
	Groups       *group.Service
	Journal      *journal.Journal
	Keys         *key.Service
	Listeners    *listen.Service
	Live         *live.Service
	Logins       *login.Service
	Messages     *message.Sender
	Messengers   *messenger.Service
	Outbox       *outbox.Outbox
	Replay       *replay.Service
	Resets       *identity.Resets
	System       *system.Service
	Templates    *template.Service
	Tenants      *tenant.Service
	Traffic      *traffic.Traffic
	UserActions  *useraction.Service
	Users        *identity.Service
	Verifying    *identity.Verifications
	Webhooks     *webhook.Service
	Sinks        *sink.Service
	WebhookLog   *webhooklog.Reader
	Log          *slog.Logger // defaults to slog.Default()
	Version      string       // of the binary
	// SetUp is the set-up as a kickstart file, without secrets.
	SetUp func(ctx context.Context) ([]byte, error)
	// Endpoints are those that the permissions of API keys can name.
	Endpoints []access.Endpoint
	// Engine is where the data is, for people; Settings are how the process was started.
	Engine   string
	Settings []Setting
}

type server struct {
	Services
	pages pages
	// byPath are the routes that show a page, by the path of their pattern.
	byPath map[string]route
	// attention is what the doctor found a moment ago.
	attention memo[[]doctor.Finding]
	mux       *http.ServeMux
	owed      memo[metrics.Backlog]
	streams   streams
}

// New returns the handler of everything under /admin. It is safe for concurrent use.
func New(services Services) http.Handler {
	s := &server{Services: services, pages: allPages(), byPath: map[string]route{}}
	s.Log = cmp.Or(s.Log, slog.Default())
	mux := http.NewServeMux()
	s.mux = mux
	for _, row := range s.routes() {
		mux.Handle(row.pattern, s.serve(row))
		if path, ok := strings.CutPrefix(row.pattern, "GET "); ok {
			s.byPath[strings.TrimSuffix(path, "{$}")] = row
		}
	}
	mux.Handle("GET /admin/asset/", http.StripPrefix("/admin/asset/", assets))
	mux.Handle("/admin/", s.serve(route{handle: (*server).missing}))
	// Nothing under /admin is meant for other sites: a form of theirs is refused, whatever cookie the browser sends along.
	return http.NewCrossOriginProtection().Handler(s.guard(mux))
}

// showsPage tells whether there is a page at a path, whoever may see it.
func (s *server) showsPage(path string) bool {
	_, pattern := s.mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
	return strings.HasPrefix(pattern, "GET ")
}

// audience says who may make a request.
type audience int

const (
	anybody  audience = iota // also who has not signed in
	signedIn                 // every administrator; with an area: those whose roles open it
	watching                 // the same, and the request is made by a page that is left open: it does not keep the session from ending
)

type route struct {
	pattern string
	access  audience
	area    admin.Area
	right   admin.Right
	handle  func(s *server, v *visit) error
}

// routes is the table of all pages and forms. Each file that has a screen has its rows.
func (s *server) routes() []route {
	return slices.Concat(
		signInRoutes,
		preferenceRoutes,
		overviewRoutes, healthRoutes, liveRoutes,
		logRoutes, receiverRoutes,
		attemptRoutes,
		replayRoutes,
		backlogRoutes,
		webhookRoutes,
		sinkRoutes, integrationRoutes,
		keyRoutes, apiKeyRoutes, eventRoutes, aboutRoutes, journalRoutes, systemRoutes, exportRoutes,
		tenantRoutes,
		userRoutes,
		messengerRoutes,
		applicationRoutes,
		groupRoutes,
		accountRoutes,
		findRoutes,
		messageRoutes,
		templateRoutes,
	)
}

// policy allows what comes from here and nothing else. Pages have no inline script or style.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'"

// guard sets the headers that every answer has.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // pages hold personal data; assets say otherwise
		r.Body = http.MaxBytesReader(w, r.Body, largestForm)
		next.ServeHTTP(w, r)
	})
}

// largestForm is in bytes: a form with an event or a template in it.
const largestForm = 2 << 20

// requestTime bounds what a page may take.
var requestTime = 30 * time.Second
