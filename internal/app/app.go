// Package app is the composition root: it wires a whole Herald out of its packages, starts it and stops it. The command line, the
// end-to-end tests and whoever embeds Herald in a test use it in the same way:
//
//	a, err := app.New(ctx, app.Options{Settings: settings})
//	err = a.Start(ctx)   // listens, carries on what a crash left, runs the kickstart file
//	…                    // a.Addr() tells the bound address
//	a.Stop(ctx)          // drains: requests, votes and deliveries under way finish, the rest stays in the outbox
package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	herald "github.com/herald-events/herald"
	"github.com/herald-events/herald/internal/access"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/api"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/docs"
	"github.com/herald-events/herald/internal/doctor"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/entity"
	"github.com/herald-events/herald/internal/feed"
	"github.com/herald-events/herald/internal/group"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/idp"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/keep"
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
	"github.com/herald-events/herald/internal/risk"
	"github.com/herald-events/herald/internal/sink"
	"github.com/herald-events/herald/internal/system"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/internal/token"
	"github.com/herald-events/herald/internal/trace"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/internal/twofactor"
	"github.com/herald-events/herald/internal/ui"
	"github.com/herald-events/herald/internal/useraction"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
)

// Options are what an App is made with. Settings are required and must be valid.
type Options struct {
	Settings config.Serve
	// Version of the binary, shown by the API. Defaults to "dev".
	Version string
	// Logger defaults to one that discards.
	Logger *slog.Logger
	// Trace is the URL that spans are posted to. Defaults to what the environment says, and else to none.
	Trace string
	// Clock defaults to time.Now.
	Clock func() time.Time
	// Stdout is where sinks of the type stdout write. Defaults to the standard output of the process.
	Stdout io.Writer
	// Unsynced is for stores that are thrown away: see db.Options.
	Unsynced bool
	// Outbox overrides defaults of the outbox: Schedule, Concurrency, Queue, Poll, Lease. Defaults to the product's.
	Outbox outbox.Options
	// Listen overrides the durations of listening. Defaults to the product's.
	Listen listen.Options
}

// App is a whole Herald. Its methods are called once each, in the order New, Start, Stop.
type App struct {
	o            Options
	logger       *slog.Logger
	store        *db.DB
	egress       *egress.Egress
	journal      *journal.Journal
	system       *system.Service
	tenants      *tenant.Service
	applications *application.Service
	keys         *access.Service
	signing      *key.Service
	webhooks     *webhook.Service
	sinks        *sink.Service
	log          *webhooklog.Log
	outbox       *outbox.Outbox
	metrics      *metrics.Metrics
	tracer       *trace.Tracer
	traffic      *traffic.Traffic
	events       *publish.Publisher
	replay       *replay.Service
	users        *identity.Service
	groups       *group.Service
	resets       *identity.Resets
	verifying    *identity.Verifications
	tokens       *token.Service
	actions      *useraction.Service
	logins       *login.Service
	factors      *twofactor.Service
	kept         *keep.Service
	entities     *entity.Service
	links        *idp.Service
	messengers   *messenger.Service
	templates    *template.Service
	messages     *message.Sender
	admins       *admin.Service
	feed         *feed.Service
	live         *live.Service
	listeners    *listen.Service
	doctor       *doctor.Service
	handler      http.Handler
	server       *http.Server
	listener     net.Listener
	served       chan error
	// tending ends the housekeeping that Start began.
	tending context.CancelFunc
	tended  chan struct{}
}

// New opens the store, migrates it and wires everything. It is one long straight function on purpose: the order of the wiring is the order
// of its lines, and a reader sees all of it at once. Errors are plain sentences for the operator.
func New(ctx context.Context, o Options) (*App, error) {
	o.Version = cmp.Or(o.Version, "dev")
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	storeClock := o.Clock // nil leaves it to the store, which may follow its server's
	if o.Clock == nil {
		o.Clock = time.Now
	}
	a := &App{o: o, logger: o.Logger, served: make(chan error, 1)}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	settings := o.Settings

	var err error
	a.store, err = db.Open(ctx, db.Options{Dir: settings.Data, URL: settings.DatabaseURL.Reveal(), Clock: storeClock, Logger: o.Logger, Unsynced: o.Unsynced})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = a.store.Close()
		}
	}()

	masters, err := loadMasters(settings.Store)
	if err != nil {
		return nil, err
	}
	if path, exposed := key.Exposed(settings.Data); exposed && !settings.EncryptionKey.IsSet() {
		a.logger.Warn("other users of this machine can read the encryption key; make it readable to its owner only", "file", path)
	}
	sealer := key.NewSealer(masters[0], masters[1:]...)

	a.egress, err = egress.New(egress.Options{
		Policy: egress.Policy{AllowPrivate: !settings.Hardened, Allow: settings.Egress.Allow, Deny: settings.Egress.Deny},
		Proxy:  proxy(settings.Proxy), UserAgent: "Herald/" + o.Version, Clock: o.Clock,
	})
	if err != nil {
		return nil, err
	}

	node := nodeName()
	if a.tracer, err = trace.New(ctx, trace.Options{
		Endpoint: o.Trace, Version: o.Version, Instance: node, Failed: func(err error) { o.Logger.Warn("traces could not be sent", "error", err) },
	}); err != nil {
		return nil, err
	}
	a.metrics = metrics.New()
	a.metrics.SetVersion(o.Version)
	a.metrics.WatchStore(a.store.Stats)
	a.traffic = traffic.New(traffic.Options{DB: a.store, Logger: o.Logger})

	a.journal = journal.New(a.store)
	a.system = system.New(a.store)
	a.tenants = tenant.New(a.store, sealer)
	if err = a.tenants.Bootstrap(ctx, ""); err != nil {
		return nil, err
	}
	if err = a.checkMaster(ctx, sealer); err != nil { // before anything that is sealed is read
		return nil, err
	}
	a.keys = access.New(a.store, sealer, o.Clock, a.tenants.ExistsIn)
	a.signing = key.NewService(a.store, sealer, tenant.DefaultSigningKeyID)
	a.webhooks = webhook.New(webhook.Options{
		DB: a.store, Sealer: sealer, Egress: a.egress, Keys: a.signing, Clock: o.Clock, Traced: webhook.Traced{Tracer: a.tracer, Tells: !settings.NoTraceparent},
	})
	a.sinks = sink.New(sink.Options{
		DB: a.store, Sealer: sealer, Egress: a.egress, Webhooks: a.webhooks, Dir: filepath.Join(settings.Data, "sinks"), Stdout: o.Stdout, Clock: o.Clock,
	})

	o.Outbox.Node, o.Outbox.Keys = node, sealer.IDs()
	a.log = webhooklog.New(a.store, o.Outbox.Node)
	o.Outbox.DB, o.Outbox.Webhooks, o.Outbox.Journal, o.Outbox.Log = a.store, a.webhooks, a.journal, a.log
	o.Outbox.Logger, o.Outbox.Metrics, o.Outbox.Traffic = o.Logger, a.metrics, a.traffic
	o.Outbox.Lease = cmp.Or(o.Outbox.Lease, settings.NodeLease)
	a.outbox = outbox.New(o.Outbox)
	a.metrics.WatchBacklog(a.outbox.Backlog)
	a.events = publish.New(publish.Options{
		DB: a.store, Webhooks: a.webhooks, Tenants: a.tenants, Log: a.log, Outbox: a.outbox, Logger: o.Logger, Metrics: a.metrics, Traffic: a.traffic, Trace: a.tracer,
		Deadline: settings.TransactionTimeout,
	})
	a.replay = replay.New(replay.Options{
		DB: a.store, Outbox: a.outbox, Webhooks: a.webhooks, Tenants: a.tenants, Journal: a.journal, Logger: o.Logger, Node: o.Outbox.Node, Lease: o.Outbox.Lease,
	})
	a.applications = application.New(application.Options{DB: a.store, Events: a.events, Tenants: a.tenants, Keys: a.signing, Sealer: sealer})
	breaches, err := risk.NewList(settings.BreachedPasswords)
	if err != nil {
		return nil, err
	}
	a.entities = entity.New(entity.Options{
		DB: a.store, Events: a.events, Tenants: a.tenants, Keys: a.signing, Sealer: sealer, TenantOfUser: a.tenantOfUser,
	})
	a.users = identity.New(identity.Options{DB: a.store, Events: a.events, Tenants: a.tenants, Applications: a.applications, Sealer: sealer})
	a.groups = group.New(group.Options{DB: a.store, Events: a.events, Tenants: a.tenants, Applications: a.applications, Users: a.users})
	a.messengers = messenger.New(messenger.Options{DB: a.store, Sealer: sealer, Egress: a.egress, Clock: o.Clock})
	a.templates = template.New(a.store)
	recipients, err := a.recipientKey(ctx, sealer, masters)
	if err != nil {
		return nil, err
	}
	a.messages = message.New(message.Options{
		DB: a.store, Journal: a.journal, Tenants: a.tenants, Ways: message.Through{Messengers: a.messengers, Tenants: a.tenants},
		Templates: message.Rendering{Templates: a.templates}, RecipientKey: recipients, Node: o.Outbox.Node, Metrics: a.metrics, Logger: o.Logger,
	})
	office := ticket.NewOffice(sealer)
	told := identity.ResetOptions{Tickets: office, Sender: a.messages, Model: a.messageModel, Logger: o.Logger}
	a.resets, a.verifying = identity.NewResets(a.users, told), identity.NewVerifications(a.users, told)
	a.tokens = token.New(token.Options{DB: a.store, Events: a.events, Tenants: a.tenants, Applications: a.applications, Keys: a.signing})
	a.actions = useraction.New(useraction.Options{
		DB: a.store, Events: a.events, Tenants: a.tenants, Applications: a.applications, Users: a.users, Templates: a.templates, Sender: a.messages,
		Model: a.messageModelIn, Logger: o.Logger,
	})
	a.logins = login.New(login.Options{
		DB: a.store, Events: a.events, Tenants: a.tenants, Applications: a.applications, Users: a.users, Resets: a.resets, Tokens: a.tokens, Tickets: office,
		Sender: a.messages, Actions: a.actions, Verifications: a.verifying, Model: a.messageModel,
	})
	a.factors = twofactor.New(twofactor.Options{
		DB: a.store, Events: a.events, Tenants: a.tenants, Applications: a.applications, Users: a.users, Logins: a.logins, Tokens: a.tokens, Tickets: office, Sealer: sealer, Sender: a.messages, Model: a.messageModel,
	})
	a.kept = keep.New(a.store, sealer)
	a.links = idp.New(idp.Options{DB: a.store, Events: a.events, Users: a.users, Providers: a.kept, Sealer: sealer})

	a.feed = feed.New(feed.Options{DB: a.store, Tenants: a.tenants})
	a.live = live.New(live.Options{DB: a.store, Webhooks: a.webhooks, Flow: a.outbox.Flow})
	o.Listen.DB, o.Listen.Webhooks, o.Listen.Tenants, o.Listen.Keys, o.Listen.Log, o.Listen.Journal = a.store, a.webhooks, a.tenants, a.signing, a.log, a.journal
	o.Listen.Logger, o.Listen.Node = o.Logger, o.Outbox.Node
	a.listeners = listen.New(o.Listen)
	a.doctor = doctor.New(doctor.Options{
		DB: a.store, Tenants: a.tenants, Webhooks: a.webhooks, Outbox: a.outbox, Keys: a.signing, Messengers: a.messengers, System: a.system, Traffic: a.traffic, Clock: o.Clock,
		Setup: doctor.Setup{
			Data: settings.Data, KeyGiven: settings.EncryptionKey.IsSet(), Hardened: settings.Hardened, Proxy: settings.Proxy.Address(), Deadline: settings.TransactionTimeout,
		},
	})
	a.admins = admin.New(admin.Options{DB: a.store, Users: a.users, Applications: a.applications, Factors: a.factors, Tickets: office})

	a.users.Breaches = breaches
	a.connect()

	if err = a.applications.Bootstrap(ctx); err != nil {
		return nil, err
	}
	if err = a.templates.Bootstrap(ctx); err != nil {
		return nil, err
	}
	if err = a.signing.Bootstrap(ctx); err != nil {
		return nil, err
	}
	if err = a.kept.Bootstrap(ctx); err != nil {
		return nil, err
	}
	record := webhooklog.NewReader(a.store)
	rest := api.New(api.Services{
		Keys: a.keys, SigningKeys: a.signing, Tenancy: a.tenants, Tenants: a.tenants, Applications: a.applications, System: a.system, Users: a.users, Groups: a.groups, Resets: a.resets, Verifications: a.verifying, Logins: a.logins, Tokens: a.tokens, TwoFactor: a.factors,
		UserActions: a.actions, Entities: a.entities, Doctor: a.doctor, SetUp: a.exportSetUp,
		Messaging: api.Messaging{Messengers: a.messengers, Mail: a.tenants, Trials: a.messages}, Templates: a.templates, Messages: a.messages,
		Kept: a.kept, Links: a.links,
		Webhooks: a.webhooks, Sinks: a.sinks, Trier: a.events, Intake: a.events, Feed: a.feed, Replay: a.replay, Listeners: a.listeners, WebhookLog: record, Journal: a.journal,
		Trace: a.tracer, Metrics: a.metrics, LocalMetrics: settings.LocalMetrics, Limits: api.Limits{Login: settings.Limit.Login, Publish: settings.Limit.Publish}, Healthy: a.store.Ping, Version: o.Version, Log: o.Logger, Clock: o.Clock,
	})
	pages := ui.New(ui.Services{
		Admins: a.admins, APIKeys: a.keys, Applications: a.applications, Entities: a.entities, Events: a.events, Factors: a.factors, Groups: a.groups, Journal: a.journal,
		Keys: a.signing, Logins: a.logins, Messages: a.messages, Messengers: a.messengers, Outbox: a.outbox, Replay: a.replay, System: a.system,
		Doctor: a.doctor, Live: a.live, Listeners: a.listeners, Traffic: a.traffic, Resets: a.resets, UserActions: a.actions, Verifying: a.verifying, Templates: a.templates, Tenants: a.tenants, Users: a.users, Webhooks: a.webhooks, Sinks: a.sinks, WebhookLog: record, Log: o.Logger, Version: o.Version,
		SetUp: a.exportSetUp, Endpoints: api.Endpoints(), Engine: settings.Database(), Settings: effective(settings),
	})
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	mux.Handle("/admin", http.RedirectHandler("/admin/", http.StatusSeeOther))
	mux.Handle("/admin/", pages)
	mux.Handle("/docs", http.RedirectHandler("/docs/", http.StatusSeeOther))
	mux.Handle("/docs/", docs.New(docs.Options{Guide: herald.Guide(), Document: api.Document(), Stylesheet: ui.Asset("style.css"), Icon: ui.Asset("icon.svg"), Version: o.Version}))
	a.handler = mux
	return a, nil
}

// effective are the settings as the admin UI shows them.
func effective(settings config.Serve) (all []ui.Setting) {
	for _, v := range settings.Effective() {
		all = append(all, ui.Setting{Name: v.Name, Value: v.Text, Default: v.Default})
	}
	return all
}

// Handler serves the API and the admin UI. It works as soon as New has returned.
func (a *App) Handler() http.Handler { return a.handler }

// Start listens, carries on with what a crash left behind, begins to deliver, and runs the kickstart file if the store is untouched. When
// it returns, requests are served.
func (a *App) Start(ctx context.Context) error {
	file, err := a.loadKickstart(ctx) // first, so that a mistake in it is found before anything has happened
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", a.o.Settings.Addr)
	if err != nil {
		return listenError(a.o.Settings.Addr, err)
	}
	err = a.listeners.Start(ctx)
	if err == nil {
		err = a.events.Start(ctx)
	}
	if err == nil {
		err = a.outbox.Start(ctx)
	}
	if err == nil {
		err = a.replay.Start(ctx)
	}
	if err == nil {
		err = a.messages.Start(ctx)
	}
	if err != nil {
		_ = listener.Close()
		return err
	}
	a.actions.Start()
	// Both run before the door opens: a request from outside could otherwise touch the store first.
	err = a.tenants.ResumeDeletes(ctx)
	if err == nil && file != nil {
		err = a.runKickstart(ctx, file)
	}
	if err != nil {
		_ = listener.Close()
		now, cancel := context.WithCancel(ctx)
		cancel()
		a.actions.Stop()
		a.messages.Drain(now)
		a.replay.Stop()
		a.events.Stop(now) // the start has failed: receivers that hang are not waited for
		a.outbox.Stop(now)
		return err
	}
	a.listener = listener
	a.server = &http.Server{
		Handler:           a.handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug),
	}
	go func() { a.served <- a.server.Serve(listener) }()
	// Read once, before the first https request would wait for it within its connect timeout.
	go func() { _, _ = x509.SystemCertPool() }()
	a.traffic.Start()
	a.tend()
	return nil
}

// Addr is the address that is listened on, with the port that was chosen. Valid after Start.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Served yields the error that ended serving, http.ErrServerClosed after Stop.
func (a *App) Served() <-chan error { return a.served }

// Stop takes no more requests, waits for those under way with their votes, waits for the deliveries under way, and closes the store. What
// has not been sent stays in the outbox. When ctx ends first, the rest is cut off; nothing is lost by that either.
func (a *App) Stop(ctx context.Context) error {
	var errs []error
	a.live.Stop() // first: who watches, waits or listens is a request that would not end by itself
	a.feed.Stop()
	a.listeners.Stop()
	if a.server != nil {
		errs = append(errs, a.server.Shutdown(ctx))
	}
	a.messages.Stop()
	if a.tending != nil {
		a.tending()
		<-a.tended
	}
	a.actions.Stop()
	a.messages.Drain(ctx)
	a.replay.Stop()
	a.events.Stop(ctx)
	a.outbox.Stop(ctx)
	if a.server != nil && ctx.Err() != nil { // calls whose votes were just cut off are still to be answered
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = a.server.Shutdown(grace)
	}
	a.traffic.Stop(ctx)
	_ = a.tracer.Stop(ctx) // what could not be sent is no failure of ours
	a.sinks.Close()
	a.egress.Close()
	return errors.Join(append(errs, a.store.Close())...)
}

// nodeName names this process in claims and attempts: people recognize the machine, and no two processes have the same.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "herald"
	}
	host = strings.ReplaceAll(host, "/", "-")
	return fmt.Sprintf("%.40s-%s", host, strings.ToLower(rand.Text()[:8]))
}

func proxy(p config.Proxy) *egress.Proxy {
	if p.Host == "" {
		return nil
	}
	return &egress.Proxy{Host: p.Host, Port: p.Port, Username: p.Username, Password: egress.Secret(p.Password.Reveal())}
}

// Outbox is the part that delivers.
func (a *App) Outbox() *outbox.Outbox { return a.outbox }

// Events is the part that asks webhooks and publishes.
func (a *App) Events() publish.Doer { return a.events }

// Actions are those that are taken on users.
func (a *App) Actions() *useraction.Service { return a.actions }

// Live is the stream of what happens.
func (a *App) Live() *live.Service { return a.live }

// Users are those of all tenants, and Logins their logins. The lists of the admin UI are methods of theirs.
func (a *App) Users() *identity.Service { return a.users }
func (a *App) Logins() *login.Service   { return a.logins }

// Journal are event log and audit log.
func (a *App) Journal() *journal.Journal { return a.journal }

// Doctor examines the installation.
func (a *App) Doctor() *doctor.Service { return a.doctor }
