package tenant

import (
	"context"
	"encoding/json"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// Topic of the cached settings, and of what is derived from them: whoever changes an application bumps it too.
const Topic = "tenant"

// Settings is a snapshot of all tenants, and of what the installation is. It is shared: nobody may change what it returns.
//
// A tenant that is being deleted exists no longer for new objects (Exists, Only), but the events of its deletion follow its settings.
type Settings struct {
	tenants  map[wire.ID]*wire.Tenant
	flows    map[wire.ID]*Flows
	alive    []wire.ID
	instance instance
}

func (s *Service) loadSettings(tx *db.Tx) (*Settings, error) {
	rows, err := allTenants(tx)
	if err != nil {
		return nil, err
	}
	settings := &Settings{tenants: make(map[wire.ID]*wire.Tenant, len(rows)), flows: make(map[wire.ID]*Flows, len(rows))}
	for _, r := range rows {
		t, err := s.open(r)
		if err != nil {
			return nil, err
		}
		settings.tenants[t.ID], settings.flows[t.ID] = &t, FlowsOf(&t)
		if !r.deleting {
			settings.alive = append(settings.alive, t.ID)
		}
	}
	settings.instance, err = loadInstance(tx)
	return settings, err
}

// Settings returns the snapshot. It contains every change that returned in this process; those of another process may be missing for a
// second.
func (s *Service) Settings(ctx context.Context) (*Settings, error) { return s.settings.Load(ctx) }

// SettingsIn returns the snapshot as tx sees it.
func (s *Service) SettingsIn(tx *db.Tx) (*Settings, error) { return s.settings.LoadIn(tx) }

// Event tells whether the tenant sends events of the type, and how many webhooks must agree. Everything unknown is not sent; the rule of a
// type that is not transactional is None.
func (s *Settings) Event(tenant wire.ID, t event.Type) (enabled bool, rule wire.TransactionType) {
	found, ok := s.tenants[tenant]
	if !ok {
		return false, wire.None
	}
	setting, ok := found.EventConfiguration.Events[string(t)]
	if !ok || setting.TransactionType == "" {
		return setting.Enabled, wire.None
	}
	return setting.Enabled, setting.TransactionType
}

// Lists tells whether the tenant's event settings name the type, switched on or off. That is how a tenant registers a type of its own.
func (s *Settings) Lists(tenant wire.ID, t event.Type) bool {
	found, ok := s.tenants[tenant]
	if !ok {
		return false
	}
	_, listed := found.EventConfiguration.Events[string(t)]
	return listed
}

// Exists tells whether there is such a tenant.
func (s *Settings) Exists(id wire.ID) bool {
	t, ok := s.tenants[id]
	return ok && t.State != wire.PendingDelete
}

// Only returns the single tenant, if there is no other.
func (s *Settings) Only() (wire.ID, bool) {
	if len(s.alive) != 1 {
		return "", false
	}
	return s.alive[0], true
}

// Find returns the tenant, for settings that have no method of their own.
func (s *Settings) Find(id wire.ID) (wire.Tenant, bool) {
	t, ok := s.tenants[id]
	if !ok {
		return wire.Tenant{}, false
	}
	return *t, true
}

// Default is the tenant that exists from the first start.
func (s *Settings) Default() wire.ID { return s.instance.defaultTenant }

// Issuer is what the default tenant calls itself in tokens and certificates, "" when it says nothing.
func (s *Settings) Issuer() (issuer string) {
	t, _ := s.Find(s.Default())
	_ = json.Unmarshal(t.Extra["issuer"], &issuer) // "" when it is no text, which is possible, and a certificate without a name then
	return issuer
}

// Sole returns the single tenant, or "" when there are several.
func (s *Service) Sole(ctx context.Context) (wire.ID, error) {
	settings, err := s.Settings(ctx)
	if err != nil {
		return "", err
	}
	id, _ := settings.Only()
	return id, nil
}

// Exists tells whether there is such a tenant.
func (s *Service) Exists(ctx context.Context, id wire.ID) (bool, error) {
	settings, err := s.Settings(ctx)
	return err == nil && settings.Exists(id), err
}

// ExistsIn is Exists as tx sees it.
func (s *Service) ExistsIn(tx *db.Tx, id wire.ID) (bool, error) {
	settings, err := s.SettingsIn(tx)
	return err == nil && settings.Exists(id), err
}

// DefaultID returns the default tenant's id.
func (s *Service) DefaultID(ctx context.Context) (wire.ID, error) {
	settings, err := s.Settings(ctx)
	if err != nil {
		return "", err
	}
	return settings.Default(), nil
}

// InstanceID returns the id of this installation, made at its first start.
func (s *Service) InstanceID(tx *db.Tx) (wire.ID, error) {
	settings, err := s.SettingsIn(tx)
	if err != nil {
		return "", err
	}
	return settings.instance.id, nil
}

// IDs are the ids of all tenants that exist.
func (s *Settings) IDs() []wire.ID { return s.alive }
