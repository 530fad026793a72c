package system

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/nearest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// initialTimezone is the report time zone until somebody sets one. It has no default afterwards: whoever saves says it.
const initialTimezone = "Etc/UTC"

const (
	// maxDays is a hundred years.
	maxDays = 36_500
	// maxEntries of the event log: to find those that are too many they are counted once a minute, which takes a moment for so many.
	maxEntries = 10_000_000
)

// retention is a place where it is said how long something is kept, with its defaults. These are FusionAuth's; where its sources disagree, on
// the webhook log, they are those of its Terraform provider.
type retention struct {
	path          string
	configuration *wire.DeleteConfiguration
	enabled       bool
	days          int
}

func retentions(c *wire.SystemConfiguration) []retention {
	return []retention{
		{"auditLogConfiguration.delete", &c.AuditLogConfiguration.Delete, false, 365},
		{"loginRecordConfiguration.delete", &c.LoginRecordConfiguration.Delete, false, 365},
		{"webhookEventLogConfiguration.delete", &c.WebhookEventLogConfiguration.Delete, true, 30},
	}
}

// complete fills in the defaults.
func complete(c *wire.SystemConfiguration) {
	for _, r := range retentions(c) {
		fallback(&r.configuration.Enabled, r.enabled)
		fallback(&r.configuration.NumberOfDaysToRetain, r.days)
	}
	fallback(&c.EventLogConfiguration.NumberToRetain, 10_000)
	fallback(&c.WebhookEventLogConfiguration.Enabled, true)
	if c.TrustedProxyConfiguration.TrustPolicy == "" {
		c.TrustedProxyConfiguration.TrustPolicy = wire.TrustAll
	}
}

func fallback[T any](value **T, standard T) {
	if *value == nil {
		*value = &standard
	}
}

// check brings c into the form in which it is stored. The error is a problem of kind Invalid with all that is wrong.
func check(c *wire.SystemConfiguration) error {
	const root = "systemConfiguration."
	var v problem.Validation
	complete(c)
	for _, r := range retentions(c) {
		n := *r.configuration.NumberOfDaysToRetain
		v.Check(n >= 1 && n <= maxDays, root+r.path+".numberOfDaysToRetain", "invalid", "Something can be kept for 1 to %d days.", maxDays)
	}
	n := *c.EventLogConfiguration.NumberToRetain
	v.Check(n >= 1 && n <= maxEntries, root+"eventLogConfiguration.numberToRetain", "invalid", "The event log keeps 1 to %d entries.", maxEntries)

	c.ReportTimezone = strings.TrimSpace(c.ReportTimezone)
	checkZone(&v, root+"reportTimezone", c.ReportTimezone)
	checkProxies(&v, root+"trustedProxyConfiguration", &c.TrustedProxyConfiguration)

	for _, kept := range []struct {
		name  string
		value *json.RawMessage
	}{
		{"corsConfiguration", &c.CORSConfiguration},
		{"uiConfiguration", &c.UIConfiguration},
		{"usageDataConfiguration", &c.UsageDataConfiguration},
	} {
		switch value := bytes.TrimSpace(*kept.value); {
		case len(value) == 0, string(value) == "null":
			*kept.value = nil
		case value[0] != '{':
			v.Field(root+kept.name, "couldNotConvert", "This must be an object.")
		}
	}
	return v.Err()
}

func checkZone(v *problem.Validation, path, name string) {
	if name == "" {
		v.Field(path, "blank", "Name the time zone of reports, such as %s or Europe/Berlin.", initialTimezone)
		return
	}
	if _, ok := loadZone(name); ok {
		return
	}
	if near := suggestZone(name); near != "" {
		v.Field(path, "invalid", "There is no time zone %.60q. Did you mean %q?", name, near)
		return
	}
	v.Field(path, "invalid", "There is no time zone %.60q. Zones are named like Europe/Berlin.", name)
}

func checkProxies(v *problem.Validation, path string, c *wire.TrustedProxyConfiguration) {
	if policies := []wire.ProxyTrustPolicy{wire.TrustAll, wire.TrustOnlyConfigured}; !slices.Contains(policies, c.TrustPolicy) {
		if near := nearest.Name(string(c.TrustPolicy), policies); near != "" {
			v.Field(path+".trustPolicy", "invalid", "There is no policy %.60q. Did you mean %q?", c.TrustPolicy, near)
		} else {
			v.Field(path+".trustPolicy", "invalid", "The policy is %s or %s, not %.60q.", policies[0], policies[1], c.TrustPolicy)
		}
	}
	c.Trusted = slices.Clone(c.Trusted)
	for i, one := range c.Trusted {
		c.Trusted[i] = strings.TrimSpace(one)
	}
	parseTrusted(v, path+".trusted", c.Trusted)
}
