package system

import (
	"context"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Settings is the part of the system configuration that Herald acts on, in the form in which it is used. It is shared: nobody changes it.
type Settings struct {
	WebhookLog WebhookLog
	// EventLogEntries is how many entries of the event log are kept, the newest. Never 0.
	EventLogEntries int
	// AuditLogDays is how many days entries of the audit log are kept. 0 means for ever.
	AuditLogDays int
	// TrustedProxies decide which address is the client's; see ClientAddress.
	TrustedProxies TrustedProxies
	// ReportTimezone is the zone of what is made for people. Never nil.
	ReportTimezone *time.Location
	// LoginRecordDays is for how many days login records are kept. 0 means for ever.
	LoginRecordDays int
}

// WebhookLog says what is kept of events and of the attempts to deliver them.
type WebhookLog struct {
	// Enabled keeps events and attempts after they are done with.
	Enabled bool
	// RetainDays is for how many days. 0 means for ever.
	RetainDays int
}

// topic of the cached settings.
const topic = "system"

// Settings returns the settings. They are cached: changes by another process may be missing for a second.
func (s *Service) Settings(ctx context.Context) (Settings, error) { return s.settings.Load(ctx) }

// SettingsIn returns the settings as the transaction sees them.
func (s *Service) SettingsIn(tx *db.Tx) (Settings, error) { return s.settings.LoadIn(tx) }

func loadSettings(tx *db.Tx) (Settings, error) {
	r, err := loadConfiguration(tx)
	if err != nil {
		return Settings{}, err
	}
	c, err := r.open()
	if err != nil {
		return Settings{}, err
	}
	return settingsOf(c), nil
}

// settingsOf makes the settings of a stored configuration. A zone that this process does not know, because another one that has saved it runs on a
// machine with newer zones, is UTC.
func settingsOf(c wire.SystemConfiguration) Settings {
	zone, ok := loadZone(c.ReportTimezone)
	if !ok {
		zone = time.UTC
	}
	var checked problem.Validation // when it was saved
	return Settings{
		WebhookLog:      WebhookLog{Enabled: *c.WebhookEventLogConfiguration.Enabled, RetainDays: days(c.WebhookEventLogConfiguration.Delete)},
		EventLogEntries: *c.EventLogConfiguration.NumberToRetain,
		LoginRecordDays: days(c.LoginRecordConfiguration.Delete),
		AuditLogDays:    days(c.AuditLogConfiguration.Delete),
		TrustedProxies: TrustedProxies{
			OnlyConfigured: c.TrustedProxyConfiguration.TrustPolicy == wire.TrustOnlyConfigured,
			Trusted:        parseTrusted(&checked, "", c.TrustedProxyConfiguration.Trusted),
		},
		ReportTimezone: zone,
	}
}

func days(d wire.DeleteConfiguration) int {
	if !*d.Enabled {
		return 0
	}
	return *d.NumberOfDaysToRetain
}
