package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/internal/entity"
	"github.com/herald-events/herald/internal/feed"
	"github.com/herald-events/herald/internal/group"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/idp"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/keep"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/listen"
	"github.com/herald-events/herald/internal/login"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/metrics"
	"github.com/herald-events/herald/internal/replay"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/system"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/internal/twofactor"
	"github.com/herald-events/herald/internal/useraction"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// Services is what the API is made of. The fields of the resources must be set; what is optional says so.
type Services struct {
	Keys         *access.Service
	Tenancy      Tenancy
	Tenants      *tenant.Service
	Applications *application.Service
	Webhooks     *webhook.Service
	Sinks        *sink.Service
	Trier        Trier
	Intake       Intake
	Feed         *feed.Service
	SigningKeys  *key.Service
	WebhookLog   *webhooklog.Reader
	Replay       *replay.Service
	Listeners    *listen.Service
	Users        *identity.Service
	Groups       *group.Service
	Resets       *identity.Resets
	// Verifications prove what users bring.
	Verifications *identity.Verifications
	Logins        *login.Service
	Tokens        *token.Service
	TwoFactor     *twofactor.Service
	Entities      *entity.Service
	UserActions   *useraction.Service
	Messaging     Messaging
	Messages      *message.Sender
	Templates     *template.Service
	Kept          *keep.Service
	Links         *idp.Service
	Journal       *journal.Journal
	System        *system.Service
	Doctor        *doctor.Service
	// SetUp is the set-up as a kickstart file, without secrets.
	SetUp func(ctx context.Context) ([]byte, error)

	// Healthy answers GET /api/health and GET /api/status: nil, or why Herald cannot work (the store does not answer). The
	// reason is logged. Optional.
	Healthy func(ctx context.Context) error
	// Metrics is what GET /api/prometheus/metrics shows, and where requests are counted. Optional: without it, that is 404.
	Metrics *metrics.Metrics
	// LocalMetrics shows metrics and status to programs on this machine without a key.
	LocalMetrics bool
	// Trace begins a span for each request. Optional.
	Trace *trace.Tracer
	// Limits are how many requests one caller may make. Optional: no limits.
	Limits Limits
	// Version is what GET /api/system/version answers.
	Version string

	Log *slog.Logger // Defaults to slog.Default().
	// Clock measures durations for the log. Defaults to time.Now.
	Clock func() time.Time
	// BodyLimit is the size in bytes above which a request body is refused with 413. Defaults to 5 MiB.
	BodyLimit int64
}

// Tenancy is what it takes to find the tenant of a request.
type Tenancy interface {
	// Sole returns the only tenant, or "" when there are several.
	Sole(ctx context.Context) (wire.ID, error)
	// Exists tells whether there is a tenant with that id.
	Exists(ctx context.Context, id wire.ID) (bool, error)
}

// DefaultBodyLimit is 5 MiB: a hundred such bodies at once do not fill the memory.
const DefaultBodyLimit = 5 << 20

// importFactor is how much larger the body of an import may be, so that 10,000 users fit with 4 KiB each.
const importFactor = 8

type server struct {
	Services
	importing sync.Mutex
	// of requests, see limit.go
	logins, publishing *limiter
}

// New returns the handler of everything under /api. It answers 404 for all other paths. It is safe for concurrent use.
func New(services Services) http.Handler {
	s := newServer(services)
	return s.handler(s.routes())
}

func newServer(services Services) *server {
	s := &server{Services: services}
	s.Log = cmp.Or(s.Log, slog.Default())
	s.logins, s.publishing = newLimiter(s.Limits.Login, maxCallers), newLimiter(s.Limits.Publish, maxCallers)
	s.BodyLimit = cmp.Or(s.BodyLimit, DefaultBodyLimit)
	if s.Clock == nil {
		s.Clock = time.Now
	}
	return s
}

func (s *server) handler(rows []route) http.Handler {
	mux := http.NewServeMux()
	patterns := make([]string, 0, len(rows))
	for _, row := range rows {
		patterns = append(patterns, row.pattern)
		mux.Handle(row.method+" "+row.pattern, s.serve(row))
	}
	for pattern, methods := range refused(rows) {
		for _, method := range methods {
			mux.HandleFunc(method+" "+pattern, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) })
		}
	}
	s.Metrics.SetRoutes(patterns)
	return s.record(mux)
}

// refused are the methods that a path without wildcards does not have, and a pattern that also matches it does: `POST /api/user/bulk` is not
// the creation of a user with the id "bulk".
func refused(rows []route) map[string][]string {
	has := map[string]map[string]bool{}
	for _, row := range rows {
		if has[row.pattern] == nil {
			has[row.pattern] = map[string]bool{}
		}
		has[row.pattern][row.method] = true
	}
	missing := map[string][]string{}
	for pattern := range has {
		if strings.Contains(pattern, "{") {
			continue
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if !has[pattern][method] {
				missing[pattern] = append(missing[pattern], method)
			}
		}
	}
	return missing
}
