package system_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/system"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func each(t *testing.T, fn func(t *testing.T, d *db.DB, s *system.Service)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		fn(t, d, system.New(d))
	})
}

// set changes the configuration by a part of its JSON, as a merge would.
func set(t *testing.T, s *system.Service, change string) (wire.SystemConfiguration, error) {
	t.Helper()
	return s.Update(t.Context(), func(current wire.SystemConfiguration) (wire.SystemConfiguration, error) {
		return current, json.Unmarshal([]byte(change), &current)
	})
}

func mustSet(t *testing.T, s *system.Service, change string) wire.SystemConfiguration {
	t.Helper()
	c, err := set(t, s, change)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func settings(t *testing.T, s *system.Service) system.Settings {
	t.Helper()
	got, err := s.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDefaults(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *system.Service) {
		c, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"auditLogConfiguration":{"delete":{"enabled":false,"numberOfDaysToRetain":365}},"data":{},` +
			`"eventLogConfiguration":{"numberToRetain":10000},"loginRecordConfiguration":{"delete":{"enabled":false,"numberOfDaysToRetain":365}},` +
			`"reportTimezone":"Etc/UTC","trustedProxyConfiguration":{"trustPolicy":"All","trusted":[]},` +
			`"webhookEventLogConfiguration":{"delete":{"enabled":true,"numberOfDaysToRetain":30},"enabled":true}}`
		if string(text) != want {
			t.Errorf("configuration\n%s, want\n%s", text, want)
		}
		got := settings(t, s)
		if got.ReportTimezone.String() != "Etc/UTC" {
			t.Errorf("zone %v", got.ReportTimezone)
		}
		wantSettings := system.Settings{WebhookLog: system.WebhookLog{Enabled: true, RetainDays: 30}, EventLogEntries: 10_000}
		if diff := cmp.Diff(wantSettings, got, cmpopts.IgnoreFields(system.Settings{}, "ReportTimezone"), cmpopts.EquateEmpty(), addresses); diff != "" {
			t.Errorf("settings (-want +got):\n%s", diff)
		}
	})
}

var addresses = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func TestUpdate(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			now := time.UnixMilli(1_700_000_000_000)
			d := dbtest.Open(t, engine, dbtest.WithClock(func() time.Time { return now }))
			s := system.New(d)
			settings(t, s) // cached
			first := mustSet(t, s, `{"auditLogConfiguration":{"delete":{"enabled":true,"numberOfDaysToRetain":7}},"eventLogConfiguration":{"numberToRetain":20000},
				"webhookEventLogConfiguration":{"enabled":false,"delete":{"enabled":false,"numberOfDaysToRetain":1}},"reportTimezone":" Europe/Berlin ",
				"trustedProxyConfiguration":{"trustPolicy":"OnlyConfigured","trusted":[" 10.0.0.0/8","192.0.2.1","2001:db8::/32","::ffff:198.51.100.0/120"]},
				"corsConfiguration":{"enabled":true,"allowedMethods":["GET","PUT"],"n":1.50},"uiConfiguration":{"headerColor":"<&>"},
				"usageDataConfiguration":{"enabled":false},"loginRecordConfiguration":{"delete":{"enabled":true,"numberOfDaysToRetain":36500}},
				"data":{"big":12345678901234567890,"null":null}}`)
			if first.InsertInstant != 1_700_000_000_000 || first.LastUpdateInstant != first.InsertInstant {
				t.Errorf("instants %d, %d", first.InsertInstant, first.LastUpdateInstant)
			}
			got := settings(t, s)
			if got.ReportTimezone.String() != "Europe/Berlin" {
				t.Errorf("zone %v", got.ReportTimezone)
			}
			want := system.Settings{
				WebhookLog: system.WebhookLog{Enabled: false, RetainDays: 0}, EventLogEntries: 20_000, AuditLogDays: 7, LoginRecordDays: 36_500,
				TrustedProxies: system.TrustedProxies{OnlyConfigured: true, Trusted: []netip.Prefix{
					netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/32"),
					netip.MustParsePrefix("198.51.100.0/24"),
				}},
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(system.Settings{}, "ReportTimezone"), addresses); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}

			now = now.Add(time.Minute)
			second := mustSet(t, s, `{"eventLogConfiguration":{"numberToRetain":5}}`)
			if second.LastUpdateInstant != 1_700_000_060_000 || second.InsertInstant != first.InsertInstant {
				t.Errorf("instants %d, %d", second.InsertInstant, second.LastUpdateInstant)
			}
			second.LastUpdateInstant, second.EventLogConfiguration = first.LastUpdateInstant, first.EventLogConfiguration
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("a change of one member changed others:\n%s", diff)
			}
			if string(second.CORSConfiguration) != `{"enabled":true,"allowedMethods":["GET","PUT"],"n":1.50}` || string(second.UIConfiguration) != `{"headerColor":"<&>"}` {
				t.Errorf("kept are %s and %s", second.CORSConfiguration, second.UIConfiguration)
			}
			if entries := settings(t, s).EventLogEntries; entries != 5 {
				t.Errorf("%d entries, want the 5 that were just set", entries)
			}

			reopened := system.New(dbtest.Reopen(t, d))
			again, err := reopened.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			again.LastUpdateInstant, again.EventLogConfiguration = first.LastUpdateInstant, first.EventLogConfiguration
			if diff := cmp.Diff(first, again); diff != "" {
				t.Errorf("after a restart:\n%s", diff)
			}
		})
	}
}

func TestUpdate_Refuses(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *system.Service) {
		for name, test := range map[string]struct{ change, codes, says string }{
			"no day":            {`{"auditLogConfiguration":{"delete":{"numberOfDaysToRetain":0}}}`, "[invalid]systemConfiguration.auditLogConfiguration.delete.numberOfDaysToRetain", "1 to 36500"},
			"too many days":     {`{"webhookEventLogConfiguration":{"delete":{"numberOfDaysToRetain":36501}}}`, "[invalid]systemConfiguration.webhookEventLogConfiguration.delete.numberOfDaysToRetain", ""},
			"negative days":     {`{"loginRecordConfiguration":{"delete":{"numberOfDaysToRetain":-1}}}`, "[invalid]systemConfiguration.loginRecordConfiguration.delete.numberOfDaysToRetain", ""},
			"no entries":        {`{"eventLogConfiguration":{"numberToRetain":0}}`, "[invalid]systemConfiguration.eventLogConfiguration.numberToRetain", ""},
			"too many entries":  {`{"eventLogConfiguration":{"numberToRetain":10000001}}`, "[invalid]systemConfiguration.eventLogConfiguration.numberToRetain", ""},
			"no zone":           {`{"reportTimezone":" "}`, "[blank]systemConfiguration.reportTimezone", "Etc/UTC"},
			"a slip":            {`{"reportTimezone":"europe/belrin"}`, "[invalid]systemConfiguration.reportTimezone", `Did you mean "Europe/Berlin"?`},
			"a city":            {`{"reportTimezone":"New York"}`, "[invalid]systemConfiguration.reportTimezone", `Did you mean "America/New_York"?`},
			"a slip in a city":  {`{"reportTimezone":"Kathmandoo"}`, "[invalid]systemConfiguration.reportTimezone", `Did you mean "Asia/Kathmandu"?`},
			"an offset":         {`{"reportTimezone":"+05:30"}`, "[invalid]systemConfiguration.reportTimezone", "Zones are named like"},
			"this machine's":    {`{"reportTimezone":"Local"}`, "[invalid]systemConfiguration.reportTimezone", ""},
			"a file":            {`{"reportTimezone":"../../etc/passwd"}`, "[invalid]systemConfiguration.reportTimezone", ""},
			"leap seconds":      {`{"reportTimezone":"right/UTC"}`, "[invalid]systemConfiguration.reportTimezone", ""},
			"a long name":       {`{"reportTimezone":"` + strings.Repeat("A", 5000) + `"}`, "[invalid]systemConfiguration.reportTimezone", ""},
			"policy":            {`{"trustedProxyConfiguration":{"trustPolicy":"onlyConfigured"}}`, "[invalid]systemConfiguration.trustedProxyConfiguration.trustPolicy", `Did you mean "OnlyConfigured"?`},
			"another policy":    {`{"trustedProxyConfiguration":{"trustPolicy":"Somebody else"}}`, "[invalid]systemConfiguration.trustedProxyConfiguration.trustPolicy", "All or OnlyConfigured"},
			"no address":        {`{"trustedProxyConfiguration":{"trusted":["10.0.0.1","proxy.local",""]}}`, "[invalid]systemConfiguration.trustedProxyConfiguration.trusted [invalid]systemConfiguration.trustedProxyConfiguration.trusted", `"proxy.local"`},
			"no range":          {`{"trustedProxyConfiguration":{"trusted":["10.0.0.0/33"]}}`, "[invalid]systemConfiguration.trustedProxyConfiguration.trusted", ""},
			"an address's zone": {`{"trustedProxyConfiguration":{"trusted":["fe80::1%eth0"]}}`, "[invalid]systemConfiguration.trustedProxyConfiguration.trusted", ""},
			"too many proxies":  {`{"trustedProxyConfiguration":{"trusted":["10.0.0.1"` + strings.Repeat(`,"x"`, 1000) + `]}}`, "[tooMany]systemConfiguration.trustedProxyConfiguration.trusted", ""},
			"no object":         {`{"corsConfiguration":[],"uiConfiguration":"x","usageDataConfiguration":1}`, "[couldNotConvert]systemConfiguration.corsConfiguration [couldNotConvert]systemConfiguration.uiConfiguration [couldNotConvert]systemConfiguration.usageDataConfiguration", ""},
			"all at once":       {`{"reportTimezone":"","eventLogConfiguration":{"numberToRetain":-1}}`, "[blank]systemConfiguration.reportTimezone [invalid]systemConfiguration.eventLogConfiguration.numberToRetain", ""},
		} {
			_, err := set(t, s, test.change)
			p, ok := problem.As(err)
			if !ok || p.Kind != problem.Invalid {
				t.Errorf("%s: error %v", name, err)
				continue
			}
			var codes []string
			for _, f := range p.Fields {
				codes = append(codes, f.Code)
				if len(f.Message) > 300 {
					t.Errorf("%s: a message of %d bytes", name, len(f.Message))
				}
			}
			slices.Sort(codes)
			if got := strings.Join(codes, " "); got != test.codes {
				t.Errorf("%s: codes %s, want %s", name, got, test.codes)
			}
			if !strings.Contains(p.Fields[0].Message, test.says) {
				t.Errorf("%s: %q does not say %q", name, p.Fields[0].Message, test.says)
			}
		}
		if c, err := s.Load(t.Context()); err != nil || c.LastUpdateInstant != 0 {
			t.Errorf("something was saved: %+v, %v", c, err)
		}
		no := errors.New("no")
		_, err := s.Update(t.Context(), func(c wire.SystemConfiguration) (wire.SystemConfiguration, error) { return c, no })
		if !errors.Is(err, no) {
			t.Errorf("error %v, want that of the change", err)
		}
	})
}

// A null and an absent member are the default, also for those that are on by default.
func TestUpdate_OmittedIsDefault(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *system.Service) {
		before := mustSet(t, s, `{}`)
		mustSet(t, s, `{"webhookEventLogConfiguration":{"enabled":false,"delete":{"enabled":false,"numberOfDaysToRetain":3}},"eventLogConfiguration":{"numberToRetain":3},
			"trustedProxyConfiguration":{"trustPolicy":"OnlyConfigured","trusted":["10.0.0.1"]},"uiConfiguration":{"a":1}}`)
		after, err := s.Update(t.Context(), func(wire.SystemConfiguration) (wire.SystemConfiguration, error) {
			return wire.SystemConfiguration{ReportTimezone: "Etc/UTC", UIConfiguration: json.RawMessage("null")}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after, cmpopts.IgnoreFields(wire.SystemConfiguration{}, "LastUpdateInstant"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("after a replacement by nothing:\n%s", diff)
		}
	})
}

// TestUpdate_LosesNothing: of changes at the same time each is either kept or refused as stale; on SQLite they come one after the other.
func TestUpdate_LosesNothing(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *system.Service) {
		for range 2 { // the first save, and later ones
			var both sync.WaitGroup
			both.Add(2)
			meet := func() {
				if d.Engine() == db.PostgreSQL { // both have read before either writes
					both.Done()
					both.Wait()
				}
			}
			errs := make(chan error, 2)
			for range 2 {
				go func() {
					_, err := s.Update(t.Context(), func(c wire.SystemConfiguration) (wire.SystemConfiguration, error) {
						*c.EventLogConfiguration.NumberToRetain++
						meet()
						return c, nil
					})
					errs <- err
				}()
			}
			stale := 0
			for range 2 {
				err := <-errs
				if p, ok := problem.As(err); ok && p.Kind == problem.Conflict && p.General[0].Code == "[retryableConflict]" {
					stale++
				} else if err != nil {
					t.Error(err)
				}
			}
			if want := map[db.Engine]int{db.PostgreSQL: 1}[d.Engine()]; stale != want {
				t.Errorf("%d changes were refused, want %d", stale, want)
			}
		}
		want := map[db.Engine]int{db.SQLite: 10_004, db.PostgreSQL: 10_002}[d.Engine()]
		if got := settings(t, s).EventLogEntries; got != want {
			t.Errorf("%d, want %d: a change was lost", got, want)
		}
	})
}

func TestSettings_ZoneOfANewerMachine(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *system.Service) {
		mustSet(t, s, `{"reportTimezone":"Europe/Berlin"}`)
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE system_configuration SET document = REPLACE(document, 'Europe/Berlin', 'Moon/Copernicus')`)
			return errors.Join(err, tx.Bump("system"))
		})
		if err != nil {
			t.Fatal(err)
		}
		if zone := settings(t, s).ReportTimezone; zone != time.UTC {
			t.Errorf("zone %v, want UTC", zone)
		}
	})
}

func TestSettingsIn_SeesItsOwnTransaction(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *system.Service) {
		mustSet(t, s, `{"eventLogConfiguration":{"numberToRetain":7}}`)
		err := d.View(t.Context(), func(tx *db.Tx) error {
			got, err := s.SettingsIn(tx)
			if got.EventLogEntries != 7 {
				t.Errorf("%d entries, want 7", got.EventLogEntries)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
