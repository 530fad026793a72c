package app

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/api"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/keep"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// connect ties the packages together where a lower one causes something that a higher one does: changes of webhooks reach their lanes,
// log entries become events, tenants lead to webhooks, and the end of a tenant to the end of what belongs to it.
func (a *App) connect() {
	a.webhooks.Sinks = a.sinks.Targets
	a.webhooks.Listeners, a.events.Listeners = a.listeners.Listeners, a.listeners
	a.webhooks.OnChange = a.outbox.WebhookChanged
	a.outbox.Moved = a.live.Moved
	a.webhooks.DeliveryGates = api.DeliveryGates(a.outbox.Flow)
	a.journal.OnEventLog = func(tx *db.Tx, e wire.EventLog) error {
		return a.events.Announce(tx, "", nil, &event.EventLogEvent{Header: event.Header{Type: event.EventLogCreate}, EventLog: e})
	}
	a.journal.OnAuditLog = func(tx *db.Tx, entry wire.AuditLog, info *wire.EventInfo) error {
		return a.events.Announce(tx, entry.TenantID, info, &event.AuditLogEvent{Header: event.Header{Type: event.AuditLogCreate}, AuditLog: entry})
	}
	a.journal.Retention = func(ctx context.Context) (journal.Retention, error) {
		settings, err := a.system.Settings(ctx)
		return journal.Retention{EventLogEntries: settings.EventLogEntries, AuditLogDays: settings.AuditLogDays}, err
	}
	a.journal.Zone = func(ctx context.Context) (*time.Location, error) {
		settings, err := a.system.Settings(ctx)
		return settings.ReportTimezone, err
	}
	a.users.Groups, a.users.Factors, a.users.Verifications = a.groups, a.factors, a.verifying
	a.logins.Factors, a.logins.GroupRoles = a.factors, a.groups.Roles
	a.users.OnPasswordChange = append(a.users.OnPasswordChange, a.endLockout, a.endSessions, a.admins.EndSessions)
	a.actions.Revoke = func(tx *db.Tx, plan *publish.Plan, u *wire.User) (func(*db.Tx) error, error) {
		return a.tokens.RevokeOfUserIn(tx, plan, u, "")
	}
	a.actions.Definitions().Used = a.tenants.UsesUserAction
	a.tenants.HasLockingAction = a.actions.Definitions().CanLock
	a.tenants.Bindings = a.webhooks
	a.tenants.HasMessenger = a.messengers.Carries
	a.tenants.HasMessageTemplate, a.tenants.HasEmailTemplate = a.templates.HasMessage, a.templates.HasEmail
	a.messengers.Used = a.tenants.UsesMessenger
	a.applications.HasMessageTemplate, a.applications.HasEmailTemplate = a.templates.HasMessage, a.templates.HasEmail
	a.templates.MessageUsed = both(a.tenants.UsesMessageTemplate, a.applications.UsesMessageTemplate)
	a.templates.EmailUsed = both(a.tenants.UsesEmailTemplate, both(a.applications.UsesEmailTemplate, a.actions.Definitions().UsesEmailTemplate))
	a.kept.TenantOf = map[keep.Owner]func(tx *db.Tx, id wire.ID) (wire.ID, error){
		keep.Tenant: func(tx *db.Tx, id wire.ID) (wire.ID, error) {
			exists, err := a.tenants.ExistsIn(tx, id)
			if err == nil && !exists {
				err = problem.ErrNotFound
			}
			return id, err
		},
		keep.Application: func(tx *db.Tx, id wire.ID) (wire.ID, error) {
			all, err := a.applications.RegistryIn(tx)
			if err != nil {
				return "", err
			}
			if found := all.Find(id); found != nil {
				return found.TenantID, nil
			}
			return "", problem.ErrNotFound
		},
		keep.User: func(tx *db.Tx, id wire.ID) (wire.ID, error) {
			u, err := a.users.LoadIn(tx, id)
			if err != nil {
				return "", err
			}
			return u.TenantID, nil
		},
	}
	a.tenants.BeforeDelete = append(a.tenants.BeforeDelete, a.users.DeleteOfTenant)
	a.tenants.OnDelete = append(a.tenants.OnDelete, a.keys.DeleteOfTenant, a.webhooks.TenantDeleted, a.messages.TenantDeleted)
}

// endLockout lets a user in again who has chosen a new password.
func (a *App) endLockout(tx *db.Tx, plan *publish.Plan, u *wire.User, reset bool) (commit func(*db.Tx) error, err error) {
	if !reset {
		return nil, nil //nolint:nilnil // nothing to do
	}
	return a.actions.CancelLockIn(tx, plan, u)
}

// endSessions ends the sessions of a user with a new password, if the tenant wants that.
func (a *App) endSessions(tx *db.Tx, plan *publish.Plan, u *wire.User, _ bool) (commit func(*db.Tx) error, err error) {
	settings, err := a.tenants.SettingsIn(tx)
	if err != nil {
		return nil, err
	}
	if flows, ok := settings.Flows(u.TenantID); !ok || !flows.JWT.Revoke.OnPasswordChanged {
		return nil, nil //nolint:nilnil // nothing to do
	}
	return a.tokens.RevokeOfUserIn(tx, plan, u, "")
}

// users tells in words who uses an object.
type users = func(tx *db.Tx, id wire.ID) (by []string, err error)

func both(one, other users) users {
	return func(tx *db.Tx, id wire.ID) ([]string, error) {
		by, err := one(tx, id)
		if err != nil {
			return nil, err
		}
		more, err := other(tx, id)
		return append(by, more...), err
	}
}

// tenantOfUser returns the tenant of a user, or problem.ErrNotFound.
func (a *App) tenantOfUser(tx *db.Tx, id wire.ID) (wire.ID, error) {
	u, err := a.users.LoadIn(tx, id)
	if err != nil {
		return "", err
	}
	return u.TenantID, nil
}

// messageModelIn is messageModel, of no application, as tx sees it.
func (a *App) messageModelIn(tx *db.Tx, u *wire.User) (map[string]any, error) {
	settings, err := a.tenants.SettingsIn(tx)
	if err != nil {
		return nil, err
	}
	t, _ := settings.Find(u.TenantID)
	return template.Model(u, &t, nil)
}

// messageModel makes the variables that every message to a user has.
func (a *App) messageModel(ctx context.Context, u *wire.User, application wire.ID) (map[string]any, error) {
	settings, err := a.tenants.Settings(ctx)
	if err != nil {
		return nil, err
	}
	t, _ := settings.Find(u.TenantID)
	if application == "" {
		return template.Model(u, &t, nil)
	}
	all, err := a.applications.Registry(ctx)
	if err != nil {
		return nil, err
	}
	named := all.In(u.TenantID, application)
	if named == nil {
		return nil, problem.ErrNotFound
	}
	return template.Model(u, &t, &named.Application)
}

// tendEvery is how often the logs are trimmed.
const tendEvery = time.Minute

// tend keeps the logs at their size, in small steps beside the work.
func (a *App) tend() {
	ctx, cancel := context.WithCancel(context.Background())
	a.tending, a.tended = cancel, make(chan struct{})
	go func() {
		defer close(a.tended)
		tick := time.NewTicker(tendEvery)
		defer tick.Stop()
		for {
			if err := a.trim(ctx); err != nil && ctx.Err() == nil {
				a.logger.Error("the logs could not be trimmed", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// trim removes from the logs what is older than the system's settings want.
func (a *App) trim(ctx context.Context) error { return a.trimTo(ctx, 0) }

// trimmable is how many rows of each table trimTo would remove, of those tables that [backup.Inspect] counts.
func (a *App) trimmable(ctx context.Context, days int) (map[string]int64, error) {
	settings, err := a.system.Settings(ctx)
	if err != nil {
		return nil, err
	}
	days = cmp.Or(days, settings.WebhookLog.RetainDays)
	sent, err := a.log.Trimmable(ctx, webhooklog.Retention{Days: days, Off: !settings.WebhookLog.Enabled})
	if err != nil {
		return nil, err
	}
	rows := map[string]int64{"event": sent.Events, "attempt": sent.Attempts, "delivery": sent.Deliveries}
	if rows["event_log"], rows["audit_log"], err = a.journal.Trimmable(ctx); err != nil {
		return nil, err
	}
	if rows["message"], err = a.messages.Trimmable(ctx, days); err != nil {
		return nil, err
	}
	rows["login_record"], err = a.logins.Trimmable(ctx, settings.LoginRecordDays)
	return rows, err
}

// trimTo is trim, but for what was sent: the webhook log and the message log keep days, unless that is 0.
func (a *App) trimTo(ctx context.Context, days int) error {
	settings, err := a.system.Settings(ctx)
	if err != nil {
		return err
	}
	days = cmp.Or(days, settings.WebhookLog.RetainDays)
	return errors.Join(
		a.journal.Trim(ctx), a.log.Trim(ctx, webhooklog.Retention{Days: days, Off: !settings.WebhookLog.Enabled}),
		a.messages.Tend(ctx, days), a.factors.Trim(ctx),
		a.tokens.Trim(ctx), a.logins.Trim(ctx, settings.LoginRecordDays), a.admins.Trim(ctx), a.traffic.Trim(ctx))
}
