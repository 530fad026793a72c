// Package webhook is the registry of webhooks: what they are, which of them wants which event, and how one attempt to send to one
// of them goes. When and how often attempts are made is decided by package publish.
package webhook

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with; all but the hooks are required.
type Options struct {
	DB     *db.DB
	Sealer sealed.Sealer
	// Traced says whether attempts are traced. Optional.
	Traced Traced
	Egress *egress.Egress
	// Keys are those that webhooks name by id, to sign with or as their certificate. Nil means that there are none.
	Keys *key.Service
	// Clock stamps attempts. Required.
	Clock func() time.Time
	// Sinks, if set, are the other receivers of the registry, those that [Service.NewSink] makes. Whoever changes one calls Changed.
	Sinks func(tx *db.Tx) ([]*Target, error)
	// OnChange, if set, runs in the transaction that created, changed or deleted a receiver.
	OnChange func(tx *db.Tx, id wire.ID) error
	// Deleting, if set, runs in the transaction that is about to delete a webhook.
	Deleting func(tx *db.Tx, id wire.ID) error
	// Listeners, if set, are the temporary webhooks that have a say, as tx sees them. Whoever changes them calls ListenersChanged.
	Listeners func(tx *db.Tx) ([]*Listener, error)
	// DeliveryGates, if set, tells what else can keep deliveries from a webhook, for Explain.
	DeliveryGates func(ctx context.Context, id wire.ID) ([]wire.ExplainedGate, error)
}

// Service manages webhooks. It is safe for concurrent use.
type Service struct {
	Options
	registry *db.Cache[*Registry]
	tokens   tokens
}

// topic of the cached registry. Deleting a tenant changes it too, as bindings go with their tenant.
const topic = "webhook"

// New returns a Service.
func New(o Options) *Service {
	s := &Service{Options: o}
	s.registry = db.NewCache(o.DB, topic, func(tx *db.Tx) (*Registry, error) {
		webhooks, err := s.all(tx)
		if err != nil {
			return nil, err
		}
		// A key that a webhook names can neither change nor go, so only a change of webhooks makes a registry out of date.
		keys, err := s.keys(tx)
		if err != nil {
			return nil, err
		}
		r := &Registry{byID: make(map[wire.ID]*Target, len(webhooks))}
		for _, w := range webhooks {
			t := s.newTarget(w, keys)
			r.targets = append(r.targets, t)
			r.byID[t.ID] = t
		}
		if s.Listeners != nil {
			if r.listeners, err = s.Listeners(tx); err != nil {
				return nil, err
			}
		}
		if s.Sinks == nil {
			return r, nil
		}
		sinks, err := s.Sinks(tx)
		if err != nil {
			return nil, err
		}
		for _, t := range sinks {
			r.targets = append(r.targets, t)
			r.byID[t.ID] = t
		}
		return r, nil
	})
	return s
}

func (s *Service) keys(tx *db.Tx) (*key.Set, error) {
	if s.Keys == nil {
		return &key.Set{}, nil
	}
	return s.Keys.SetIn(tx)
}

// Registry returns the webhooks ready to be sent to. It follows this process's changes at once, other processes' within a second.
func (s *Service) Registry(ctx context.Context) (*Registry, error) { return s.registry.Load(ctx) }

// RegistryIn returns the webhooks exactly as tx sees them.
func (s *Service) RegistryIn(tx *db.Tx) (*Registry, error) { return s.registry.LoadIn(tx) }

// Create stores w under id, or under a new id if that is empty, and returns it as stored.
func (s *Service) Create(ctx context.Context, id wire.ID, w wire.Webhook) (wire.Webhook, error) {
	err := s.DB.Update(ctx, func(tx *db.Tx) error {
		w.ID = id
		if w.ID == "" {
			w.ID = wire.ID(db.NewID())
		}
		w.InsertInstant, w.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
		w.DisabledReason, w.DisabledInstant = "", 0
		var v problem.Validation
		taken, err := webhookExists(tx, w.ID)
		if err != nil {
			return err
		}
		v.Check(!taken, "webhookId", "duplicate", "There is a webhook with the id %s already.", w.ID)
		if err := s.check(tx, &v, &w); err != nil {
			return err
		}
		switch err := s.insert(tx, &w); {
		case db.IsDuplicate(err): // created after we looked
			v.Field("webhookId", "duplicate", "There is a webhook with the id %s already.", w.ID)
			return v.Err()
		case err != nil:
			return err
		}
		return s.Changed(tx, w.ID)
	})
	return w, err
}

// Load returns the webhook, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (w wire.Webhook, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		w, _, err = s.load(tx, id)
		return err
	})
	return w, err
}

// List returns all webhooks, the newest first.
func (s *Service) List(ctx context.Context) (webhooks []wire.Webhook, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		webhooks, err = s.all(tx)
		return err
	})
	return webhooks, err
}

// Update replaces the webhook by what change makes of it. change gets the webhook as it is, may run more than once, and may fail.
func (s *Service) Update(ctx context.Context, id wire.ID, change func(current wire.Webhook) (wire.Webhook, error)) (w wire.Webhook, err error) {
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		current, version, err := s.load(tx, id)
		if err != nil {
			return err
		}
		if w, err = change(current); err != nil {
			return err
		}
		w.ID, w.InsertInstant, w.LastUpdateInstant = id, current.InsertInstant, wire.Instant(tx.NowMillis())
		w.DisabledReason, w.DisabledInstant = "", 0
		if !enabled(&w) { // otherwise the reason is gone with the state it explains
			w.DisabledReason, w.DisabledInstant = current.DisabledReason, current.DisabledInstant
		}
		var v problem.Validation
		if err := s.check(tx, &v, &w); err != nil {
			return err
		}
		if err := s.update(tx, &w, version); err != nil {
			return err
		}
		return s.Changed(tx, id)
	})
	return w, err
}

// Check reports what Create, or Update of the webhook with that id, would say about w, without storing it.
func (s *Service) Check(ctx context.Context, _ wire.ID, w wire.Webhook) error {
	return s.DB.View(ctx, func(tx *db.Tx) error {
		var v problem.Validation
		return s.check(tx, &v, &w)
	})
}

// Disable switches the webhook off because the server has found a reason to, which people will read. One that is off already stays as it
// is; problem.ErrNotFound without such a webhook.
func (s *Service) Disable(tx *db.Tx, id wire.ID, reason string) error {
	// First, so that nobody else changes the row between our reading and writing it.
	if err := touch(tx, id); err != nil {
		return err
	}
	w, version, err := s.load(tx, id)
	if err != nil || !enabled(&w) {
		return err
	}
	now := wire.Instant(tx.NowMillis())
	w.Enabled, w.DisabledReason, w.DisabledInstant, w.LastUpdateInstant = new(false), reason, now, now
	if err := s.update(tx, &w, version); err != nil {
		return err
	}
	return s.Changed(tx, id)
}

// enabled tells whether anything may be sent to the webhook.
func enabled(w *wire.Webhook) bool { return w.Enabled == nil || *w.Enabled }

// Delete removes the webhook. What is still owed to it is cancelled.
func (s *Service) Delete(ctx context.Context, id wire.ID) error {
	return s.DB.Update(ctx, func(tx *db.Tx) error {
		if s.Deleting != nil {
			if err := s.Deleting(tx, id); err != nil {
				return err
			}
		}
		if err := remove(tx, id); err != nil {
			return err
		}
		return s.Changed(tx, id)
	})
}

// Bind makes webhooks the ones that are bound to the tenant. Global webhooks need no binding and are passed over. An unknown id is a
// field problem of `webhookIds`.
func (s *Service) Bind(tx *db.Tx, tenant wire.ID, webhooks []wire.ID) error {
	registry, err := s.RegistryIn(tx)
	if err != nil {
		return err
	}
	var v problem.Validation
	for _, id := range webhooks {
		target := registry.Target(id)
		v.Check(target != nil && target.kind == Webhook, "webhookIds", "invalid", "There is no webhook with the id %s.", id)
	}
	if err := v.Err(); err != nil {
		return err
	}
	if err := s.rebind(tx, tenant, slices.DeleteFunc(slices.Clone(webhooks), func(id wire.ID) bool {
		return registry.Target(id).wants.Global
	})); err != nil {
		return err
	}
	return tx.Bump(topic)
}

// Changed makes it known that tx has created, changed or deleted the receiver.
func (s *Service) Changed(tx *db.Tx, id wire.ID) error {
	if err := tx.Bump(topic); err != nil {
		return err
	}
	if s.OnChange != nil {
		return s.OnChange(tx, id)
	}
	return nil
}

// check normalizes w and reports every member that cannot be accepted, together with what v holds already.
func (s *Service) check(tx *db.Tx, v *problem.Validation, w *wire.Webhook) error {
	egress.CheckURLMember(v, "webhook.url", "A webhook", &w.URL)
	egress.CheckTimeout(v, "webhook.connectTimeout", w.ConnectTimeout)
	egress.CheckTimeout(v, "webhook.readTimeout", w.ReadTimeout)
	CheckTypes(v, "webhook.eventsEnabled", w.EventsEnabled)
	if err := CheckTenants(tx, v, "webhook.tenantIds", &w.TenantIDs); err != nil {
		return err
	}
	w.Headers = egress.CheckHeaders(v, "webhook.headers", w.Headers)
	egress.CheckLogin(v, "webhook", &w.HTTPAuthenticationUsername, &w.HTTPAuthenticationPassword)
	egress.CheckPEM(v, "webhook.sslCertificate", &w.SSLCertificate)
	if err := s.checkKeys(tx, v, w); err != nil {
		return err
	}
	CheckPace(v, "webhook.", &w.RetryConfiguration, w.Concurrency, w.RateLimit)
	v.Check(w.Ordering == "" || w.Ordering == wire.OrderedByLinkedObject, "webhook.ordering", "invalid",
		"The ordering is %q, or absent.", wire.OrderedByLinkedObject)
	CheckFilter(v, "webhook.filter", &w.Filter)
	v.Check(len(w.Description) <= maxDescription, "webhook.description", "tooLong", "The description is longer than %d bytes.", maxDescription)
	if enabled(w) {
		w.Enabled = nil // the default is left out
	}
	return v.Err()
}

// CheckTypes refuses event types that do not exist, in the member at that path. A custom type need not be registered with any tenant yet.
func CheckTypes(v *problem.Validation, path string, events map[string]bool) {
	// What there is too much of is not looked at, in a transaction that others wait for.
	if v.Check(len(events) <= mostEvents, path, "tooMany", "There are %d event types at most.", mostEvents); v.Has(path) {
		return
	}
	unknown := 0
	for _, name := range slices.Sorted(maps.Keys(events)) {
		if _, ok := event.Lookup(event.Type(name)); ok {
			continue
		}
		if unknown++; unknown > mostUnknown {
			v.Field(path, "invalid", "There are more event types that do not exist.")
			return
		}
		UnknownType(v, path, name)
	}
}

// UnknownType adds that there is no such event type, and what may have been meant, which takes some thinking: it is for a few names.
func UnknownType(v *problem.Validation, path, name string) {
	switch near := event.Suggest(name); {
	case strings.HasPrefix(name, event.CustomPrefix):
		v.Field(path, "invalid", "%.128q is no name for a custom event type: %s.", name, event.CustomNaming)
	case near != "":
		v.Field(path, "invalid", "There is no event type %.128q. Did you mean %q?", name, near)
	default:
		v.Field(path, "invalid", "There is no event type %.128q.", name)
	}
}

const (
	maxDescription = 64 << 10
	mostEvents     = 1000
	mostTenants    = 10_000
	// mostUnknown is how many names of one list that mean nothing are reported one by one.
	mostUnknown = 20
)

// CheckTenants sorts the tenant ids of the member at that path and refuses unknown ones.
func CheckTenants(tx *db.Tx, v *problem.Validation, path string, ids *[]wire.ID) error {
	if v.Check(len(*ids) <= mostTenants, path, "tooMany", "There are %d tenants at most.", mostTenants); v.Has(path) {
		return nil
	}
	slices.Sort(*ids)
	*ids = slices.Compact(*ids)
	unknown := 0
	for _, id := range *ids {
		known, err := tenantExists(tx, id)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		if unknown++; unknown > mostUnknown {
			v.Field(path, "invalid", "There are more tenants that do not exist.")
			return nil
		}
		v.Field(path, "invalid", "There is no tenant with the id %s.", id)
	}
	return nil
}

// Search returns a page of the webhooks that match, and how many match in all.
func (s *Service) Search(ctx context.Context, c wire.WebhookSearch) (webhooks []wire.Webhook, total int, err error) {
	var v problem.Validation
	search.Check(&v, "search.", c.Page)
	search.CheckText(&v, "search.description", c.Description)
	search.CheckText(&v, "search.url", c.URL)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		webhooks, total, err = s.search(tx, c)
		return err
	})
	return webhooks, total, err
}

// TenantDeleted refreshes what is known about webhooks after the tenant's bindings went with it.
func (s *Service) TenantDeleted(tx *db.Tx, _ wire.ID) error { return tx.Bump(topic) }
