// Package tenant owns tenants: their settings, above all which events a tenant sends and how many webhooks must agree to each,
// the default tenant that exists from the first start, and the identity of the installation.
//
// It does not own what lives in a tenant (users, keys, bindings of webhooks). Packages above register what is to happen to that when
// a tenant is deleted.
//
//	tenant.go    operations
//	validate.go  the rules, and what is changed on save
//	secrets.go   which members are sealed before they are stored
//	settings.go  the cached snapshot that the path of every event reads
//	flows.go     what the settings say about second factors, passwords and messages; flows_check.go the rules for that
//	mail.go      what they say about the mail server
//	limits.go    what they say about how many messages are sent
//	lockout.go   what they say about failed logins
//	jwt.go       what they say about tokens
//	bootstrap.go the first start
package tenant

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// Bindings is the part of the webhook registry that a tenant's webhookIds change.
type Bindings interface {
	// Bind makes exactly these webhooks the ones bound to the tenant. An unknown id is a problem of kind Invalid.
	Bind(tx *db.Tx, tenant wire.ID, webhooks []wire.ID) error
}

// Service manages tenants. It is safe for concurrent use once its exported fields are set.
type Service struct {
	db       *db.DB
	sealer   sealed.Sealer
	settings *db.Cache[*Settings]

	// Bindings are the webhooks'. Nil means that there are no webhooks to bind.
	Bindings Bindings
	// HasMessenger, HasMessageTemplate and HasEmailTemplate tell whether there is such an object, able to carry (or being a text of) messages
	// of that type. Nil accepts any id.
	HasMessenger       func(tx *db.Tx, id wire.ID, carries wire.MessageType) (bool, error)
	HasMessageTemplate func(tx *db.Tx, id wire.ID, of wire.MessageType) (bool, error)
	HasEmailTemplate   func(tx *db.Tx, id wire.ID) (bool, error)
	// HasLockingAction tells whether there is a user action with that id that can lock users out. Nil accepts any id.
	HasLockingAction func(tx *db.Tx, id wire.ID) (bool, error)
	// BeforeDelete removes what belongs to a tenant about to be deleted and is too much, or has too many consequences, for one transaction
	// (users, whose deletion are events). The tenant counts as gone by then, so nothing is added. Called again after a crash.
	BeforeDelete []func(ctx context.Context, tenant wire.ID, info *wire.EventInfo) error
	// OnDelete removes the rest, in the transaction that removes the tenant.
	OnDelete []func(tx *db.Tx, tenant wire.ID) error
}

// ErrGone is what the caller of another package is told whose tenant does not exist any more.
var ErrGone = gone()

func gone() error {
	var v problem.Validation
	v.Field("tenantId", "invalid", "There is no such tenant.")
	return v.Err()
}

// New returns the tenants in d.
func New(d *db.DB, sealer sealed.Sealer) *Service {
	s := &Service{db: d, sealer: sealer}
	s.settings = db.NewCache(d, Topic, s.loadSettings)
	return s
}

// Create stores t under id, or under a new one if that is empty, binds the webhooks to it and returns it as stored. With source, all but
// id, name and the password of the mail server comes from that tenant, and of t only the name counts.
func (s *Service) Create(ctx context.Context, id, source wire.ID, t wire.Tenant, webhooks []wire.ID) (created wire.Tenant, err error) {
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		var v problem.Validation
		draft := t
		if source != "" {
			draft, err = s.copyOf(tx, source)
			if errors.Is(err, problem.ErrNotFound) {
				v.Field("sourceTenantId", "invalid", "There is no tenant with the id %s to copy.", source)
			} else if err != nil {
				return err
			}
			draft.Name = t.Name
		}
		draft.ID = cmp.Or(id, wire.ID(db.NewID()))
		draft.InsertInstant, draft.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
		if err := checkNew(tx, &v, draft); err != nil {
			return err
		}
		check(&v, &draft)
		if err := s.checkReferences(tx, &v, draft, nil); err != nil {
			return err
		}
		if v.Err() != nil {
			return s.alsoBindings(tx, &v, draft.ID, webhooks)
		}
		r, err := s.seal(draft, nil)
		if err != nil {
			return err
		}
		inserted, err := insertTenant(tx, r)
		if err != nil {
			return err
		}
		if !inserted { // by somebody else, after we looked
			return cmp.Or(checkNew(tx, &v, draft), v.Err(), error(problem.Stale("tenant")))
		}
		if err := s.bind(tx, draft.ID, webhooks); err != nil {
			return err
		}
		if created, err = s.open(r); err != nil {
			return err
		}
		return tx.Bump(Topic)
	})
	return created, err
}

// copyOf is a tenant's settings for another tenant.
func (s *Service) copyOf(tx *db.Tx, source wire.ID) (wire.Tenant, error) {
	r, err := loadTenant(tx, source)
	if err != nil {
		return wire.Tenant{}, err
	}
	return s.open(r)
}

// Load returns the tenant, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (t wire.Tenant, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		r, err := loadTenant(tx, id)
		if err != nil {
			return err
		}
		t, err = s.open(r)
		return err
	})
	return t, err
}

// List returns all tenants by name.
func (s *Service) List(ctx context.Context) (tenants []wire.Tenant, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		rows, err := allTenants(tx)
		if err != nil {
			return err
		}
		tenants, err = s.openAll(rows)
		return err
	})
	return tenants, err
}

// Search returns one page of the tenants that match, and how many match in all.
func (s *Service) Search(ctx context.Context, c wire.TenantSearch) (tenants []wire.Tenant, total int, err error) {
	var v problem.Validation
	search.CheckText(&v, "search.name", c.Name)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		var rows []row
		if rows, total, err = searchTenants(tx, c); err != nil {
			return err
		}
		tenants, err = s.openAll(rows)
		return err
	})
	return tenants, total, err
}

// Change is what somebody may make of a tenant: what it will be, and the webhooks to be bound; nil leaves the bindings as they are. It gets the
// tenant as it is, may run more than once, and may fail.
type Change func(current wire.Tenant) (changed wire.Tenant, webhooks []wire.ID, err error)

// Update replaces the tenant by what change makes of it. A hidden secret that change does not mention stays as it is.
func (s *Service) Update(ctx context.Context, id wire.ID, change Change) (updated wire.Tenant, err error) {
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		d, err := s.Draft(tx, id, change)
		if err != nil {
			return err
		}
		updated, err = d.Write(tx)
		return err
	})
	return updated, err
}

// Draft is a tenant about to be changed: checked, and not yet written.
type Draft struct {
	Current, Changed wire.Tenant

	s        *Service
	row      row
	webhooks []wire.ID
}

// Draft checks what change makes of a tenant. Webhooks to be bound are only looked at when something else is wrong: else Write does.
func (s *Service) Draft(tx *db.Tx, id wire.ID, change Change) (*Draft, error) {
	r, err := loadTenant(tx, id)
	if err != nil {
		return nil, err
	}
	d := &Draft{s: s, row: r}
	if d.Current, err = s.open(r); err != nil {
		return nil, err
	}
	if r.deleting {
		return nil, problem.New(problem.Conflict, "[PendingDelete]", "The tenant is being deleted.")
	}
	if d.Changed, d.webhooks, err = change(d.Current); err != nil {
		return nil, err
	}
	d.Changed.ID, d.Changed.InsertInstant, d.Changed.LastUpdateInstant = id, d.Current.InsertInstant, wire.Instant(tx.NowMillis())

	var v problem.Validation
	if err := checkName(tx, &v, d.Changed.Name, id); err != nil {
		return nil, err
	}
	check(&v, &d.Changed)
	if err := s.checkReferences(tx, &v, d.Changed, &d.Current); err != nil {
		return nil, err
	}
	if v.Err() != nil {
		return nil, s.alsoBindings(tx, &v, id, d.webhooks)
	}
	return d, nil
}

// Write stores the change, and returns the tenant as stored. It is problem.Stale when the tenant is no longer what Draft saw.
func (d *Draft) Write(tx *db.Tx) (wire.Tenant, error) {
	next, err := d.s.seal(d.Changed, &d.row)
	if err != nil {
		return wire.Tenant{}, err
	}
	switch updated, err := updateTenant(tx, next, d.row.version); {
	case db.IsDuplicate(err): // created after we looked
		var v problem.Validation
		duplicateName(&v, d.Changed.Name)
		return wire.Tenant{}, v.Err()
	case err != nil:
		return wire.Tenant{}, err
	case !updated:
		return wire.Tenant{}, problem.Stale("tenant")
	}
	if err := d.s.bind(tx, d.Changed.ID, d.webhooks); err != nil {
		return wire.Tenant{}, err
	}
	updated, err := d.s.open(next)
	if err != nil {
		return wire.Tenant{}, err
	}
	return updated, tx.Bump(Topic)
}

func (s *Service) bind(tx *db.Tx, id wire.ID, webhooks []wire.ID) error {
	if webhooks == nil || s.Bindings == nil {
		return nil
	}
	return s.Bindings.Bind(tx, id, webhooks)
}

// alsoBindings returns the problems in v together with those of webhookIds, so that a caller learns all at once. What binding does besides
// finding problems is undone with the transaction, which fails in any case.
func (s *Service) alsoBindings(tx *db.Tx, v *problem.Validation, id wire.ID, webhooks []wire.ID) error {
	_ = v.Merge(s.bind(tx, id, webhooks)) // other errors: the tenant does not exist yet
	return v.Err()
}

// Delete removes the tenant and everything in it. The default tenant cannot be deleted.
//
// It takes three steps, because users are many and each has its events: the tenant is marked, from when on it counts as gone;
// BeforeDelete; then the tenant is removed. An error in between takes the mark away again; after a crash ResumeDeletes goes on, and does not know info any
// more.
func (s *Service) Delete(ctx context.Context, id wire.ID, info *wire.EventInfo) error {
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		instance, err := loadInstance(tx)
		if err != nil {
			return err
		}
		if id == instance.defaultTenant {
			var v problem.Validation
			v.Field("tenantId", "invalid", "The default tenant cannot be deleted.")
			return v.Err()
		}
		return s.mark(tx, id, true)
	})
	if err != nil {
		return err
	}
	// Half a tenant is of no use to anybody, so a caller who hangs up does not stop it any more.
	return s.finishDelete(context.WithoutCancel(ctx), id, info)
}

// ResumeDeletes finishes the deletions that a crash interrupted. To be called at the start, when the hooks are set and events can be
// published.
func (s *Service) ResumeDeletes(ctx context.Context) error {
	var ids []wire.ID
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		ids, err = tenantsInDeletion(tx)
		return err
	})
	for _, id := range ids {
		err = errors.Join(err, s.finishDelete(ctx, id, nil))
	}
	return err
}

func (s *Service) finishDelete(ctx context.Context, id wire.ID, info *wire.EventInfo) error {
	if err := s.remove(ctx, id, info); err != nil {
		unmark := s.db.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error { return s.mark(tx, id, false) })
		if errors.Is(unmark, problem.ErrNotFound) { // another request was faster
			unmark = nil
		}
		return errors.Join(err, unmark)
	}
	return nil
}

// lateComers is how often remove begins again because something was added to the tenant while it was emptied.
const lateComers = 5

func (s *Service) remove(ctx context.Context, id wire.ID, info *wire.EventInfo) (err error) {
	for range lateComers {
		for _, before := range s.BeforeDelete {
			if err := before(ctx, id, info); err != nil {
				return err
			}
		}
		// An operation that began before the tenant was marked may have finished only now. Its object still refers to the tenant.
		if err = s.removeRow(ctx, id); !db.IsForeignKey(err) {
			return err
		}
	}
	return err
}

func (s *Service) removeRow(ctx context.Context, id wire.ID) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		for _, on := range s.OnDelete {
			if err := on(tx, id); err != nil {
				return err
			}
		}
		if err := deleteTenant(tx, id); err != nil {
			return err
		}
		return tx.Bump(Topic)
	})
}

func (s *Service) mark(tx *db.Tx, id wire.ID, deleting bool) error {
	marked, err := markTenant(tx, id, deleting)
	if err != nil {
		return err
	}
	if !marked {
		return problem.ErrNotFound
	}
	return tx.Bump(Topic)
}

// PasswordRules returns what a password in the tenant must look like: the tenant's rules over FusionAuth's defaults.
func (s *Service) PasswordRules(ctx context.Context, tenant wire.ID) (rules wire.Object, err error) {
	t, err := s.Load(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var set wire.Object
	if raw, ok := t.Extra["passwordValidationRules"]; ok {
		if err := json.Unmarshal(raw, &set); err != nil {
			return nil, err
		}
	}
	rules = defaultPasswordRules()
	maps.Copy(rules, set)
	return rules, nil
}

func defaultPasswordRules() wire.Object {
	return wire.Object{
		"breachDetection":           map[string]any{"enabled": false, "matchMode": "High", "onLogin": "Off"},
		"maxLength":                 256,
		"minLength":                 8,
		"rememberPreviousPasswords": map[string]any{"count": 1, "enabled": false},
		"requireMixedCase":          false,
		"requireNonAlpha":           false,
		"requireNumber":             false,
		"validateOnLogin":           false,
	}
}
