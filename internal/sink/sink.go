package sink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with. All are required.
type Options struct {
	DB       *db.DB
	Sealer   sealed.Sealer
	Egress   *egress.Egress
	Webhooks *webhook.Service
	// Dir is the folder below which sinks write files. It is made when it is needed.
	Dir string
	// Stdout is where sinks of the type stdout write.
	Stdout io.Writer
	// Clock stamps attempts.
	Clock func() time.Time
}

// Service manages sinks. It is safe for concurrent use.
type Service struct {
	Options
	lines lines
}

// New returns a Service. Its sinks are receivers once webhook.Options.Sinks is [Service.Targets].
func New(o Options) *Service {
	s := &Service{Options: o}
	s.lines.init()
	return s
}

// Close ends all connections. Deliveries that are still under way fail.
func (s *Service) Close() { s.lines.close() }

// Targets are the sinks as receivers, as tx sees them.
func (s *Service) Targets(tx *db.Tx) ([]*webhook.Target, error) {
	all, err := s.all(tx)
	if err != nil {
		return nil, err
	}
	targets := make([]*webhook.Target, len(all))
	for i := range all {
		w := &all[i]
		r := s.compile(w)
		targets[i] = s.Webhooks.NewSink(w.ID, w.Name, r.url, subscriptionOf(w), webhook.Pace{
			Delays: webhook.DelaysOf(w.RetryConfiguration), Concurrency: orDefault(w.Concurrency, DefaultConcurrency), RateLimit: w.RateLimit,
			Ordered: w.Ordering != wire.SinkUnordered, Patience: r.connect + r.patience,
		}, r)
	}
	return targets, nil
}

func subscriptionOf(w *wire.Sink) webhook.Subscription {
	return webhook.Subscription{Enabled: enabled(w), All: w.AllEvents, Events: w.EventsEnabled, Global: w.Global, Tenants: w.TenantIDs, Filter: webhook.FilterOf(w.Filter)}
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// compile makes a sink ready for sending. One that cannot be sent to yields a route whose every attempt fails with the reason.
func (s *Service) compile(w *wire.Sink) *route {
	r := &route{
		sink: *w, driver: drivers[w.Type], service: s,
		connect:  time.Duration(orDefault(w.ConnectTimeout, DefaultConnectTimeout)) * time.Millisecond,
		patience: time.Duration(orDefault(w.SendTimeout, DefaultSendTimeout)) * time.Millisecond,
	}
	if w.Kafka != nil { // where the sink says nothing, Kafka's own words count
		p := producerOf(&problem.Validation{}, "", w.Kafka.Producer)
		if w.ConnectTimeout == 0 && p.block > 0 {
			r.connect = p.block
		}
		if w.SendTimeout == 0 && p.delivery > 0 {
			r.patience = p.delivery
		}
	}
	open := *w
	secrets := take(&open)
	r.known = slices.Collect(maps.Values(secrets))
	for _, text := range r.known {
		if _, password, ok := jaasLogin(text); ok { // the property holds more than the password
			r.known = append(r.known, password)
		}
	}
	r.secrets = egress.NewMasker(r.known)
	// What a connection depends on, and nothing else: a sink that changes its events goes on with the one it has.
	settings, err := json.Marshal([]any{w.Type, open.Kafka, open.NATS, open.RabbitMQ, open.Redis, open.File, secrets, r.connect, r.patience})
	if err != nil || r.driver == nil {
		r.fault = fail(egress.Invalid, "the settings of the sink cannot be used")
		return r
	}
	sum := sha256.Sum256(settings)
	r.version, r.url = hex.EncodeToString(sum[:]), r.driver.address(&open)
	return r
}

// enabled tells whether anything may be sent to the sink.
func enabled(w *wire.Sink) bool { return w.Enabled == nil || *w.Enabled }

// Create stores w under id, or under a new id if that is empty, and returns it as stored, without its secrets.
func (s *Service) Create(ctx context.Context, id wire.ID, w wire.Sink) (wire.Sink, error) {
	given := w
	err := s.DB.Update(ctx, func(tx *db.Tx) error {
		w = given // it may run again
		unshare(&w)
		w.ID, w.BuiltIn = id, false
		if w.ID == "" {
			w.ID = wire.ID(db.NewID())
		}
		return s.create(tx, &w, "", false)
	})
	take(&w)
	return w, err
}

func (s *Service) create(tx *db.Tx, w *wire.Sink, tenant wire.ID, integration bool) error {
	w.InsertInstant, w.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
	var v problem.Validation
	taken, err := tx.Exists(sinkExists, w.ID)
	if err != nil {
		return err
	}
	v.Check(!taken, "sinkId", "duplicate", "There is a sink with the id %s already.", w.ID)
	if err := s.check(tx, &v, w); err != nil {
		return err
	}
	switch err := s.insert(tx, w, tenant, integration); {
	case db.IsDuplicate(err): // created after we looked
		v.Field("sink.name", "duplicate", "There is a sink with the name %q already.", w.Name)
		return v.Err()
	case err != nil:
		return err
	}
	return s.changed(tx, w)
}

// Load returns the sink without its secrets, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (w wire.Sink, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		w, _, err = s.load(tx, id)
		return err
	})
	take(&w)
	return w, err
}

// List returns all sinks by their names, without their secrets.
func (s *Service) List(ctx context.Context) (sinks []wire.Sink, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		sinks, err = s.all(tx)
		return err
	})
	for i := range sinks {
		take(&sinks[i])
	}
	return sinks, err
}

// Update replaces the sink by what change makes of it, except for secrets that it does not mention. change gets the sink as it is, without its secrets, may run more
// than once, and may fail.
func (s *Service) Update(ctx context.Context, id wire.ID, change func(current wire.Sink) (wire.Sink, error)) (w wire.Sink, err error) {
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		current, _, err := s.load(tx, id)
		if err != nil {
			return err
		}
		if current.BuiltIn {
			return problem.New(problem.Invalid, "[builtIn]", "This sink belongs to the integrations. Change it with PUT or PATCH /api/integration.")
		}
		w, err = s.update(tx, id, change)
		return err
	})
	take(&w)
	return w, err
}

func (s *Service) update(tx *db.Tx, id wire.ID, change func(current wire.Sink) (wire.Sink, error)) (w wire.Sink, err error) {
	current, version, err := s.load(tx, id)
	if err != nil {
		return w, err
	}
	shown := current
	secrets := take(&shown)
	if w, err = change(shown); err != nil {
		return w, err
	}
	put(&w, secrets)
	var v problem.Validation
	v.Check(w.Type == "" || w.Type == current.Type, "sink.type", "invalid", "The type of a sink cannot change. Make another sink.")
	w.ID, w.Type, w.BuiltIn, w.InsertInstant, w.LastUpdateInstant = id, current.Type, current.BuiltIn, current.InsertInstant, wire.Instant(tx.NowMillis())
	if err := s.check(tx, &v, &w); err != nil {
		return w, err
	}
	switch err := s.store(tx, &w, version); {
	case db.IsDuplicate(err):
		v.Field("sink.name", "duplicate", "There is a sink with the name %q already.", w.Name)
		return w, v.Err()
	case err != nil:
		return w, err
	}
	return w, s.changed(tx, &w)
}

// changed makes it known that tx has changed the sink.
func (s *Service) changed(tx *db.Tx, w *wire.Sink) error {
	version := s.compile(w).version
	tx.AfterCommit(func() { s.lines.retire(w.ID, version) })
	return s.Webhooks.Changed(tx, w.ID)
}

// Check reports what Create, or Update of the sink with that id, would say about w, without storing it.
func (s *Service) Check(ctx context.Context, id wire.ID, w wire.Sink) error {
	return s.DB.View(ctx, func(tx *db.Tx) error {
		unshare(&w)
		w.ID = id
		var v problem.Validation
		return s.check(tx, &v, &w)
	})
}

// Delete removes the sink. What is still owed to it is cancelled.
func (s *Service) Delete(ctx context.Context, id wire.ID) error {
	return s.DB.Update(ctx, func(tx *db.Tx) error {
		w, _, err := s.load(tx, id)
		if err != nil {
			return err
		}
		if w.BuiltIn {
			return problem.New(problem.Invalid, "[builtIn]", "This sink belongs to the integrations. Switch it off with PATCH /api/integration.")
		}
		if err := remove(tx, id); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.lines.retire(id, "") })
		return s.Webhooks.Changed(tx, id)
	})
}

// Search returns a page of the sinks that match, without their secrets, and how many match in all.
func (s *Service) Search(ctx context.Context, c wire.SinkSearch) (sinks []wire.Sink, total int, err error) {
	var v problem.Validation
	search.Check(&v, "search.", c.Page)
	search.CheckText(&v, "search.name", c.Name)
	search.CheckOneOf(&v, "search.type", "type of sink", types, search.Given(c.Type)...)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		sinks, total, err = s.search(tx, c)
		return err
	})
	for i := range sinks {
		take(&sinks[i])
	}
	return sinks, total, err
}

// Explain tells whether the sink gets the events in question, and why. Errors: problem.ErrNotFound without such a sink.
func (s *Service) Explain(ctx context.Context, id wire.ID, q webhook.Question) (wire.Explanation, error) {
	w, err := s.Load(ctx, id)
	if err != nil {
		return wire.Explanation{}, err
	}
	e, err := s.Webhooks.ExplainReceiver(ctx, webhook.Explained{Kind: webhook.Sink, ID: id, Wants: subscriptionOf(&w)}, q)
	if w.BuiltIn {
		for i := range e.Gates {
			e.Gates[i].Fix = fixOfIntegration(&w, e.Gates[i])
		}
	}
	return e, err
}

// fixOfIntegration is the request that opens a gate of the sink of an integration: the sink itself takes no change.
func fixOfIntegration(w *wire.Sink, g wire.ExplainedGate) string {
	switch {
	case !strings.HasPrefix(g.Fix, "PATCH /api/sink/"):
		return g.Fix
	case enabled(w): // the integration of one tenant never gets the events of another
		return ""
	}
	path := "/api/integration"
	if len(w.TenantIDs) > 0 {
		path += "?tenantId=" + string(w.TenantIDs[0])
	}
	return "PATCH " + path + ` {"integrations":{"kafka":{"enabled":true}}}`
}

// Address is where the sink is, without secrets.
func Address(w *wire.Sink) string {
	if d := drivers[w.Type]; d != nil {
		return d.address(w)
	}
	return ""
}
