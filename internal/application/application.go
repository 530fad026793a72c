// Package application owns applications: what users register for and log in to, their roles, their settings over those of the tenant, and which
// keys sign for them. It does not own registrations (package identity), tokens (package token), or the settings of tenants.
//
//	application.go operations on applications, and the built-in one
//	role.go        operations on roles
//	validate.go    the rules, and what is changed on save
//	settings.go    the cached registry: what the settings say, the tenant's where an application says nothing
//	keys.go        jwt.public-key.update: whose tokens are verified with another key from now on
//
// Events: jwt.public-key.update, when the public key changes with which the tokens of an application are verified.
package application

import (
	"cmp"
	"context"
	"slices"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with. All are required but the hook.
type Options struct {
	DB      *db.DB
	Events  publish.Doer
	Tenants *tenant.Service
	Keys    *key.Service
	Sealer  sealed.Sealer
	// HasEmailTemplate and HasMessageTemplate tell whether there is such an object. Nil accepts any id.
	HasEmailTemplate   func(tx *db.Tx, id wire.ID) (bool, error)
	HasMessageTemplate func(tx *db.Tx, id wire.ID, of wire.MessageType) (bool, error)
}

// Service manages applications. It is safe for concurrent use once its exported fields are set.
type Service struct {
	Options
	registry *db.Cache[*Registry]

	// OnDelete removes what belongs to an application, in the transaction that removes it.
	OnDelete []func(tx *db.Tx, application wire.ID) error
}

// New returns the applications in a store.
func New(o Options) *Service {
	s := &Service{Options: o}
	s.registry = db.NewCache(o.DB, tenant.Topic, s.loadRegistry)
	return s
}

// AdminID is the id of the built-in application, whose roles say what an administrator may do. It is FusionAuth's, because kickstart files and client
// tests name it.
const AdminID wire.ID = "3c219e58-ed0e-4b18-ad48-f4f92793ae32"

// adminRoles are the roles of the built-in application. The first includes all others.
var adminRoles = []wire.ApplicationRole{
	{Name: "admin", Description: "May do everything", IsSuperRole: true},
	{Name: "api_key_manager", Description: "May manage API keys"},
	{Name: "application_deleter", Description: "May delete applications"},
	{Name: "application_manager", Description: "May manage applications"},
	{Name: "audit_log_viewer", Description: "May read the audit log"},
	{Name: "auditor", Description: "May see everything and change nothing"},
	{Name: "email_template_deleter", Description: "May delete e-mail templates"},
	{Name: "email_template_manager", Description: "May manage e-mail templates"},
	{Name: "event_log_viewer", Description: "May read the event log"},
	{Name: "group_deleter", Description: "May delete groups"},
	{Name: "group_manager", Description: "May manage groups"},
	{Name: "key_manager", Description: "May manage keys"},
	{Name: "message_template_deleter", Description: "May delete message templates"},
	{Name: "message_template_manager", Description: "May manage message templates"},
	{Name: "messenger_deleter", Description: "May delete messengers"},
	{Name: "messenger_manager", Description: "May manage messengers"},
	{Name: "system_manager", Description: "May change the settings of the system"},
	{Name: "tenant_deleter", Description: "May delete tenants"},
	{Name: "tenant_manager", Description: "May manage tenants"},
	{Name: "user_deleter", Description: "May delete users"},
	{Name: "user_manager", Description: "May manage users"},
	{Name: "webhook_event_log_viewer", Description: "May read which events were sent, and what came back"},
	{Name: "webhook_manager", Description: "May manage webhooks"},
}

// IsAdminRole tells whether a role of the built-in application opens something by its name: without it, or called otherwise, nobody would get in there.
func IsAdminRole(name string) bool {
	return slices.ContainsFunc(adminRoles, func(r wire.ApplicationRole) bool { return r.Name == name })
}

// Bootstrap makes the built-in application in the default tenant, if it does not exist. Several processes may call it at once.
func (s *Service) Bootstrap(ctx context.Context) error {
	err := s.DB.Update(ctx, func(tx *db.Tx) error {
		all, err := s.RegistryIn(tx)
		if err != nil || all.Find(AdminID) != nil {
			return err
		}
		settings, err := s.Tenants.SettingsIn(tx)
		if err != nil {
			return err
		}
		d := &draft{tenant: settings.Default(), Application: wire.Application{ID: AdminID, Name: "Herald", Roles: adminRoles}}
		if err := d.checkAll(s, tx, nil, true); err != nil {
			return err
		}
		return s.insert(tx, d)
	})
	if p, ok := problem.As(err); !ok || p.Kind != problem.Conflict {
		return err
	}
	return s.DB.View(ctx, func(tx *db.Tx) error {
		if exists, failed := applicationExists(tx, AdminID); failed != nil || exists { // another process was faster
			return failed
		}
		return err
	})
}

// Create stores a of a tenant under id, or under a new one if that is empty, and returns it as stored. With source, all but id, name and what must be
// unique comes from that application, and of a only the name counts.
//
// Errors: problem.Invalid with everything that is wrong with the request; publish.ErrRefused. Event: jwt.public-key.update.
func (s *Service) Create(ctx context.Context, tenantID, id, source wire.ID, a wire.Application, info *wire.EventInfo) (created wire.Application, err error) {
	var d *draft
	err = s.Events.Do(ctx, publish.Operation{
		Tenant: tenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) error {
			d = &draft{tenant: tenantID, Application: a}
			d.ID = cmp.Or(id, wire.ID(db.NewID()))
			var v problem.Validation
			if source != "" {
				if err := s.copyInto(tx, &v, d, source); err != nil {
					return err
				}
			}
			exists, err := applicationExists(tx, d.ID)
			if err != nil {
				return err
			}
			v.Check(!exists, "applicationId", "duplicate", "There is an application with the id %s already.", d.ID)
			if err := v.Merge(d.checkAll(s, tx, nil, true)); err != nil {
				return err
			}
			if err := v.Err(); err != nil {
				return err
			}
			if err := s.reserve(tx, plan, d, nil); err != nil {
				return err
			}
			return s.planKeys(tx, plan, nil, d)
		},
		Commit: func(tx *db.Tx) error {
			if exists, err := s.Tenants.ExistsIn(tx, tenantID); err != nil || !exists {
				return cmp.Or(err, tenant.ErrGone)
			}
			return s.insert(tx, d)
		},
	})
	if err != nil {
		return created, err
	}
	return s.Load(ctx, d.ID)
}

// copyInto fills d with the settings and the roles of another application of the tenant.
func (s *Service) copyInto(tx *db.Tx, v *problem.Validation, d *draft, source wire.ID) error {
	all, err := s.RegistryIn(tx)
	if err != nil {
		return err
	}
	from := all.Find(source)
	if from == nil || from.TenantID != d.tenant {
		v.Field("sourceApplicationId", "invalid", "There is no application with the id %s in the tenant to copy.", source)
		return nil
	}
	d.Extra = withoutClient(from.Extra)
	d.Roles = nil
	for _, r := range from.Roles {
		d.Roles = append(d.Roles, wire.ApplicationRole{Name: r.Name, Description: r.Description, IsDefault: r.IsDefault, IsSuperRole: r.IsSuperRole})
	}
	return nil
}

// Update replaces an application by what change makes of it. Its roles stay: they have operations of their own. change gets the application as it is, may
// run more than once, and may fail.
//
// Errors: those of change; problem.Invalid, problem.ErrNotFound, problem.Stale; publish.ErrRefused. Event: jwt.public-key.update.
func (s *Service) Update(ctx context.Context, id wire.ID, info *wire.EventInfo, change func(current wire.Application) (wire.Application, error)) (wire.Application, error) {
	current, err := s.Load(ctx, id)
	if err != nil {
		return current, err
	}
	var before row
	var d *draft
	err = s.Events.Do(ctx, publish.Operation{
		Tenant: current.TenantID,
		Info:   info,
		Prepare: func(tx *db.Tx, plan *publish.Plan) (err error) {
			if before, err = loadRow(tx, id); err != nil {
				return err
			}
			was, err := s.open(before)
			if err != nil {
				return err
			}
			d = &draft{tenant: was.TenantID}
			if d.Application, err = change(was); err != nil {
				return err
			}
			d.ID, d.Roles = id, was.Roles
			if err := d.checkAll(s, tx, &was, false); err != nil {
				return err
			}
			if err := s.reserve(tx, plan, d, &was); err != nil {
				return err
			}
			return s.planKeys(tx, plan, &was, d)
		},
		Commit: func(tx *db.Tx) error { return s.write(tx, before, d) },
	})
	if err != nil {
		return wire.Application{}, err
	}
	return s.Load(ctx, id)
}

// reserve keeps name and client id free until the commit. was is the application before the change, nil for a new one.
func (s *Service) reserve(tx *db.Tx, plan *publish.Plan, d *draft, was *wire.Application) error {
	var v problem.Validation
	v.Field("application.name", "duplicate", "There is an application with the name %q already; case does not count.", d.Name)
	if was == nil || search.Fold(was.Name) != search.Fold(d.Name) {
		if err := plan.Reserve(tx, "application/name/"+string(d.tenant)+"/"+search.Fold(d.Name), v.Err()); err != nil {
			return err
		}
	}
	var w problem.Validation
	w.Field("application.oauthConfiguration.clientId", "duplicate", "There is an application with this client id already.")
	return plan.Reserve(tx, "application/client/"+d.clientID, w.Err())
}

// SetActive deactivates an application, or activates it again. Nothing happens when it is so already.
func (s *Service) SetActive(ctx context.Context, id wire.ID, active bool) (a wire.Application, err error) {
	if id == AdminID && !active {
		return a, builtIn()
	}
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		if err := setActive(tx, id, active); err != nil {
			return err
		}
		r, err := loadRow(tx, id)
		if err != nil {
			return err
		}
		if a, err = s.open(r); err != nil {
			return err
		}
		return tx.Bump(tenant.Topic)
	})
	return a, err
}

// Delete removes an application with everything that belongs to it: roles, registrations, refresh tokens. There are no events about these.
func (s *Service) Delete(ctx context.Context, id wire.ID) error {
	if id == AdminID {
		return builtIn()
	}
	return s.DB.Update(ctx, func(tx *db.Tx) error {
		for _, on := range s.OnDelete {
			if err := on(tx, id); err != nil {
				return err
			}
		}
		if err := deleteApplication(tx, id); err != nil {
			return err
		}
		return tx.Bump(tenant.Topic)
	})
}

func builtIn() error {
	var v problem.Validation
	v.Field("applicationId", "invalid", "The built-in application cannot be deactivated or deleted.")
	return v.Err()
}

// Load returns an application, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, id wire.ID) (a wire.Application, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		r, err := loadRow(tx, id)
		if err != nil {
			return err
		}
		a, err = s.open(r)
		return err
	})
	return a, err
}

// List returns the active or the inactive applications of a tenant, or of all tenants when that is empty, by name.
func (s *Service) List(ctx context.Context, of wire.ID, active bool) (all []wire.Application, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		rows, err := rowsOf(tx, of, active)
		if err != nil {
			return err
		}
		all, err = s.openAll(rows)
		return err
	})
	return all, err
}

// Search returns one page of the applications that match, of a tenant if one is given, and how many match in all.
func (s *Service) Search(ctx context.Context, of wire.ID, c wire.ApplicationSearch) (all []wire.Application, total int, err error) {
	var v problem.Validation
	search.CheckText(&v, "search.name", c.Name)
	search.CheckOneOf(&v, "search.state", "state", []wire.ObjectState{"", wire.Active, wire.Inactive}, c.State)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	if of != "" {
		if c.TenantID != "" && c.TenantID != of {
			return nil, 0, nil
		}
		c.TenantID = of
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		rows, n, err := searchRows(tx, c)
		if err != nil {
			return err
		}
		total = n
		all, err = s.openAll(rows)
		return err
	})
	return all, total, err
}
