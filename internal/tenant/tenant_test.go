package tenant_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	defaultID wire.ID = "00000000-0000-4000-8000-0000000000d0"
	someID    wire.ID = "00000000-0000-4000-8000-000000000001"
	otherID   wire.ID = "00000000-0000-4000-8000-000000000002"
)

func newService(d *db.DB) *tenant.Service {
	return tenant.New(d, key.NewSealer(bytes.Repeat([]byte{7}, key.Size)))
}

// each runs the test on a store after its first start, on every engine.
func each(t *testing.T, fn func(t *testing.T, d *db.DB, s *tenant.Service)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		s := newService(d)
		check(t, s.Bootstrap(t.Context(), defaultID))
		fn(t, d, s)
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// parse makes a tenant of what a client would send.
func parse(t *testing.T, text string) (parsed wire.Tenant) {
	t.Helper()
	check(t, json.Unmarshal([]byte(text), &parsed))
	return parsed
}

// tree decodes what a client would get.
func tree(t *testing.T, value any) (decoded map[string]any) {
	t.Helper()
	text, err := json.Marshal(value)
	check(t, err)
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	check(t, d.Decode(&decoded))
	return decoded
}

func create(t *testing.T, s *tenant.Service, id wire.ID, text string) wire.Tenant {
	t.Helper()
	created, err := s.Create(t.Context(), id, "", parse(t, text), nil)
	check(t, err)
	return created
}

// replace is PUT.
func replace(with wire.Tenant) func(wire.Tenant) (wire.Tenant, []wire.ID, error) {
	return func(wire.Tenant) (wire.Tenant, []wire.ID, error) { return with, nil, nil }
}

func codes(t *testing.T, err error) (found []string) {
	t.Helper()
	p, ok := problem.As(err)
	if !ok || p.Kind != problem.Invalid {
		t.Fatalf("error = %v, want an invalid request", err)
	}
	for _, f := range p.Fields {
		found = append(found, f.Code)
	}
	return found
}

func wantCodes(t *testing.T, err error, want ...string) {
	t.Helper()
	if got := codes(t, err); !cmp.Equal(got, want) {
		t.Errorf("codes = %q, want %q (%v)", got, want, err)
	}
}

func TestTenant_WholeObjectRoundTrip(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		const sent = `{
			"name": "Pied <Piper> & Söhne",
			"issuer": "https://example.com", "themeId": "00000000-0000-4000-8000-000000000007",
			"data": {"n": 12345678901234567890, "deep": {"null": null}, "list": [null, 1.50]},
			"eventConfiguration": {"events": {
				"user.create": {"enabled": true, "transactionType": "AbsoluteMajority"},
				"user.create.complete": {"enabled": true, "transactionType": "None"},
				"user.delete": {"enabled": false, "transactionType": "Any"}}},
			"emailConfiguration": {"host": "localhost", "port": 25, "unknown": [1, {"x": null}]},
			"multiFactorConfiguration": {"authenticator": {"enabled": true}, "sms": {"enabled": false}, "email": {"enabled": false}},
			"captchaConfiguration": {"enabled": true, "secretKey": "s3cret-key"},
			"jwtConfiguration": {"timeToLiveInSeconds": 3600},
			"somethingNew": {"kept": true}, "alsoNew": 1e400
		}`
		created := create(t, s, someID, sent)
		if created.ID != someID || created.State != wire.Active || created.InsertInstant == 0 || created.LastUpdateInstant != created.InsertInstant {
			t.Errorf("created %+v", created)
		}
		want := tree(t, parse(t, sent))
		want["id"], want["state"] = string(someID), "Active"
		want["insertInstant"] = json.Number(fmt.Sprint(created.InsertInstant))
		want["lastUpdateInstant"] = want["insertInstant"]

		stored, err := s.Load(t.Context(), someID)
		check(t, err)
		list, err := s.List(t.Context())
		check(t, err)
		again, err := s.Update(t.Context(), someID, func(current wire.Tenant) (wire.Tenant, []wire.ID, error) { return current, nil, nil })
		check(t, err)
		again.LastUpdateInstant = created.LastUpdateInstant
		for name, got := range map[string]wire.Tenant{"created": created, "loaded": stored, "listed": list[1], "written back": again} {
			if diff := cmp.Diff(want, tree(t, got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestTenant_Defaults(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		got := tree(t, create(t, s, "", `{"name": "  x ", "state": "Inactive", "insertInstant": 1, "themeId": null, "data": {"gone": null, "here": 0}}`))
		for _, member := range []string{"id", "insertInstant", "lastUpdateInstant"} {
			if got[member] == nil || got[member] == json.Number("1") {
				t.Errorf("%s = %v, want one made by the server", member, got[member])
			}
			delete(got, member)
		}
		want := map[string]any{
			"name": "x", "state": "Active", "issuer": "acme.com", "themeId": string(tenant.DefaultThemeID), "data": map[string]any{"here": json.Number("0")},
			"eventConfiguration": map[string]any{"events": map[string]any{}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestTenant_EventsAreNormalised(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		all := wire.Map[wire.EventSetting]{}
		for _, d := range event.All() {
			all[string(d.Type)] = wire.EventSetting{Enabled: true, TransactionType: wire.SuperMajority}
		}
		created, err := s.Create(t.Context(), someID, "", wire.Tenant{Name: "x", EventConfiguration: wire.EventConfiguration{Events: all}}, nil)
		check(t, err)
		settings, err := s.Settings(t.Context())
		check(t, err)
		for _, d := range event.All() {
			got, stored := created.EventConfiguration.Events[string(d.Type)]
			enabled, rule := settings.Event(someID, d.Type)
			want := wire.None
			if d.Transactional {
				want = wire.SuperMajority
			}
			switch {
			case d.Scope == event.ScopeSystem:
				if stored || enabled {
					t.Errorf("%s: stored %v, enabled %v; a tenant has no say in it", d.Type, stored, enabled)
				}
			case got.TransactionType != want || !enabled || rule != want:
				t.Errorf("%s: stored %q, in force %v %q; want %q", d.Type, got.TransactionType, enabled, rule, want)
			}
		}
	})
}

func TestSettings_WhatIsNotListedIsOff(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		create(t, s, someID, `{"name": "x", "eventConfiguration": {"events": {"user.create": {"enabled": true}, "user.update": {"transactionType": "Any"}}}}`)
		settings, err := s.Settings(t.Context())
		check(t, err)
		for _, tt := range []struct {
			tenant  wire.ID
			t       event.Type
			enabled bool
			rule    wire.TransactionType
		}{
			{someID, event.UserCreate, true, wire.None},
			{someID, event.UserUpdate, false, wire.Any},
			{someID, event.UserDelete, false, wire.None},
			{defaultID, event.UserCreate, false, wire.None},
			{otherID, event.UserCreate, false, wire.None},
			{"", event.UserCreate, false, wire.None},
		} {
			if enabled, rule := settings.Event(tt.tenant, tt.t); enabled != tt.enabled || rule != tt.rule {
				t.Errorf("%s of %s: %v %q, want %v %q", tt.t, tt.tenant, enabled, rule, tt.enabled, tt.rule)
			}
		}
	})
}

func TestSettings_FollowChanges(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		want := func(only wire.ID, exists bool) {
			t.Helper()
			sole, err := s.Sole(t.Context())
			check(t, err)
			got, err := s.Exists(t.Context(), someID)
			check(t, err)
			if sole != only || got != exists {
				t.Errorf("sole = %q, exists %v; want %q, %v", sole, got, only, exists)
			}
		}
		want(defaultID, false)
		created := create(t, s, someID, `{"name": "x"}`)
		want("", true)
		created.EventConfiguration.Events = wire.Map[wire.EventSetting]{"user.create": {Enabled: true, TransactionType: wire.Any}}
		_, err := s.Update(t.Context(), someID, replace(created))
		check(t, err)
		check(t, d.Update(t.Context(), func(tx *db.Tx) error {
			settings, err := s.SettingsIn(tx)
			check(t, err)
			if enabled, rule := settings.Event(someID, event.UserCreate); !enabled || rule != wire.Any {
				t.Errorf("user.create is %v %q after it was switched on", enabled, rule)
			}
			return nil
		}))
		check(t, s.Delete(t.Context(), someID, nil))
		want(defaultID, false)
	})
}

func TestCreate_Invalid(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		create(t, s, someID, `{"name": "Taken Ä"}`)
		long := strings.Repeat("ä", 192)
		tests := []struct {
			name, tenant string
			want         []string
		}{
			{"no name", `{}`, []string{"[blank]tenant.name"}},
			{"blank name", `{"name": " \t"}`, []string{"[blank]tenant.name"}},
			{"name of another, other case", `{"name": "TAKEN ä"}`, []string{"[duplicate]tenant.name"}},
			{"default tenant's name", `{"name": " default "}`, []string{"[duplicate]tenant.name"}},
			{"long name", `{"name": "` + long + `"}`, []string{"[tooLong]tenant.name"}},
			{"NUL in the name", `{"name": "a\u0000b"}`, []string{"[invalid]tenant.name"}},
			{"unknown event", `{"name": "x", "eventConfiguration": {"events": {"user.craete": {}}}}`, []string{"[invalid]tenant.eventConfiguration.events"}},
			{"custom type without a name", `{"name": "x", "eventConfiguration": {"events": {"custom.": {}}}}`, []string{"[invalid]tenant.eventConfiguration.events"}},
			{"custom type in capitals", `{"name": "x", "eventConfiguration": {"events": {"custom.Order": {}, "custom.order": {}}}}`, []string{"[invalid]tenant.eventConfiguration.events"}},
			{"unknown transaction", `{"name": "x", "eventConfiguration": {"events": {"user.create": {"transactionType": "Most"}}}}`, []string{"[invalid]tenant.eventConfiguration.events"}},
			{"codes by text message without the means", `{"name": "x", "multiFactorConfiguration": {"sms": {"enabled": true}}}`, []string{
				"[missing]tenant.multiFactorConfiguration.sms.messengerId", "[missing]tenant.multiFactorConfiguration.sms.templateId",
			}},
			{"codes by mail without the means", `{"name": "x", "multiFactorConfiguration": {"email": {"enabled": "true", "templateId": ""}}}`, []string{
				"[missing]tenant.multiFactorConfiguration.email.templateId",
			}},
			{"an id that is none", `{"name": "x", "multiFactorConfiguration": {"email": {"enabled": false, "templateId": "abc"}}}`, []string{
				"[couldNotConvert]tenant.multiFactorConfiguration.email.templateId",
			}},
			{"wrong types", `{"name": "x", "data": [], "multiFactorConfiguration": {"sms": 1}, "emailConfiguration": "smtp", "captchaConfiguration": {"secretKey": 5}}`, []string{
				"[couldNotConvert]tenant.data", "[couldNotConvert]tenant.multiFactorConfiguration.sms",
				"[couldNotConvert]tenant.emailConfiguration", "[couldNotConvert]tenant.captchaConfiguration.secretKey",
			}},
			{"all at once", `{"name": "", "eventConfiguration": {"events": {"b": {}, "a": {}}}}`, []string{
				"[blank]tenant.name", "[invalid]tenant.eventConfiguration.events", "[invalid]tenant.eventConfiguration.events",
			}},
		}
		for _, tt := range tests {
			_, err := s.Create(t.Context(), "", "", parse(t, tt.tenant), nil)
			if got := codes(t, err); !cmp.Equal(got, tt.want) {
				t.Errorf("%s: %q, want %q (%v)", tt.name, got, tt.want, err)
			}
		}
		if list, err := s.List(t.Context()); err != nil || len(list) != 2 {
			t.Errorf("%d tenants, %v; a refused one was stored", len(list), err)
		}
		_, err := s.Create(t.Context(), someID, otherID, parse(t, `{"name": "Taken Ä"}`), nil)
		wantCodes(t, err, "[invalid]sourceTenantId", "[duplicate]tenantId", "[duplicate]tenant.name")
	})
}

func TestCreate_UnknownEventSuggestsANeighbour(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		_, err := s.Create(t.Context(), "", "", parse(t, `{"name": "x", "eventConfiguration": {"events": {"user.craete": {}}}}`), nil)
		if text := fmt.Sprint(err); !strings.Contains(text, `"user.craete"`) || !strings.Contains(text, `"user.create"`) {
			t.Errorf("error = %s, want it to name both", text)
		}
	})
}

func TestCreate_FromAnother(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		source := create(t, s, someID, `{"name": "Source", "issuer": "example.com", "custom": {"a": [1]},
			"eventConfiguration": {"events": {"user.create": {"enabled": true, "transactionType": "Any"}}},
			"captchaConfiguration": {"secretKey": "captcha"}, "emailConfiguration": {"host": "mail", "password": "s3cret"}}`)
		copied, err := s.Create(t.Context(), otherID, someID, parse(t, `{"name": "Copy", "issuer": "ignored.com", "emailConfiguration": {"host": ""}}`), nil)
		check(t, err)
		if copied.ID != otherID || copied.Name != "Copy" {
			t.Errorf("id %s, name %q", copied.ID, copied.Name)
		}
		if diff := cmp.Diff(source.EventConfiguration, copied.EventConfiguration); diff != "" {
			t.Errorf("events:\n%s", diff)
		}
		if diff := cmp.Diff(source.Extra, copied.Extra); diff != "" {
			t.Errorf("other members:\n%s", diff)
		}
		if got := secretsOf(t, d, s, otherID); !cmp.Equal(got, []string{"captcha"}) {
			t.Errorf("secrets of the copy: %q; the password of the mail server is not copied", got)
		}
	})
}

// secretsOf opens what is stored for a tenant, as a thief with the master key would.
func secretsOf(t *testing.T, d *db.DB, _ *tenant.Service, id wire.ID) (found []string) {
	t.Helper()
	check(t, d.View(t.Context(), func(tx *db.Tx) error {
		var document, sealed string
		if err := tx.QueryRow(`SELECT document, secrets FROM tenant WHERE id = $1`, string(id)).Scan(&document, &sealed); err != nil {
			return err
		}
		if strings.Contains(document+sealed, "s3cret") || strings.Contains(document+sealed, `captcha"`) {
			t.Errorf("the store shows a secret: %s %s", document, sealed)
		}
		if sealed == "" {
			return nil
		}
		plain, err := key.NewSealer(bytes.Repeat([]byte{7}, key.Size)).Open("tenant/secrets/"+string(id), sealed)
		if err != nil {
			return err
		}
		values := map[string]string{}
		if err := json.Unmarshal(plain, &values); err != nil {
			return err
		}
		for _, value := range values {
			found = append(found, value)
		}
		slices.Sort(found)
		return nil
	}))
	return found
}

func TestSecrets(t *testing.T) {
	certificate := egresstest.NewAuthority(t).PEM()
	quoted := func(text string) string {
		raw, err := json.Marshal(text)
		check(t, err)
		return string(raw)
	}
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		steps := []struct {
			name, tenant string
			want         []string
		}{
			{"set", `{"name": "x", "emailConfiguration": {"host": "mail", "password": "s3cret-1", "sslCertificate": ` + quoted(certificate) + `}, "captchaConfiguration": {"secretKey": "captcha"}}`, []string{certificate, "captcha", "s3cret-1"}},
			{"not mentioned: the hidden one stays", `{"name": "x", "emailConfiguration": {"host": "mail2"}}`, []string{"s3cret-1"}},
			{"its object not mentioned", `{"name": "x"}`, []string{"s3cret-1"}},
			{"changed", `{"name": "x", "emailConfiguration": {"password": "s3cret-2"}}`, []string{"s3cret-2"}},
			{"null is not mentioned", `{"name": "x", "emailConfiguration": {"password": null}}`, []string{"s3cret-2"}},
			{"removed", `{"name": "x", "emailConfiguration": {"password": ""}}`, nil},
		}
		create(t, s, someID, `{"name": "x"}`)
		for _, step := range steps {
			given := parse(t, step.tenant)
			updated, err := s.Update(t.Context(), someID, replace(given))
			check(t, err)
			if got := secretsOf(t, d, s, someID); !cmp.Equal(got, step.want) {
				t.Errorf("%s: stored %q, want %q", step.name, got, step.want)
			}
			loaded, err := s.Load(t.Context(), someID)
			check(t, err)
			text, err := json.Marshal([]wire.Tenant{updated, loaded})
			check(t, err)
			if strings.Contains(string(text), "s3cret") {
				t.Errorf("%s: the answer shows the password: %s", step.name, text)
			}
			for member, value := range map[string]string{"secretKey": "captcha", "sslCertificate": certificate} {
				if shown := strings.Count(string(text), `"`+member+`":`+quoted(value)); shown == 2 != slices.Contains(step.want, value) {
					t.Errorf("%s: %s is shown %d times", step.name, member, shown)
				}
			}
		}
	})
}

func TestUpdate_Refuses(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		create(t, s, someID, `{"name": "One"}`)
		create(t, s, otherID, `{"name": "Two"}`)
		_, err := s.Update(t.Context(), someID, replace(wire.Tenant{Name: "tWO"}))
		wantCodes(t, err, "[duplicate]tenant.name")
		if _, err = s.Update(t.Context(), someID, replace(wire.Tenant{Name: "ONE"})); err != nil {
			t.Errorf("another spelling of its own name: %v", err)
		}
		_, err = s.Update(t.Context(), "00000000-0000-4000-8000-00000000ffff", replace(wire.Tenant{Name: "x"}))
		if !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("unknown tenant: %v", err)
		}
		no := errors.New("no")
		_, err = s.Update(t.Context(), someID, func(wire.Tenant) (wire.Tenant, []wire.ID, error) { return wire.Tenant{}, nil, no })
		if !errors.Is(err, no) {
			t.Errorf("error = %v, want that of the change", err)
		}
	})
}

func TestCreate_ConcurrentlyOneName(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		const n = 8
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { _, errs[i] = s.Create(t.Context(), "", "", wire.Tenant{Name: "Same"}, nil) })
		}
		wg.Wait()
		created := 0
		for _, err := range errs {
			if err == nil {
				created++
				continue
			}
			wantCodes(t, err, "[duplicate]tenant.name")
		}
		if created != 1 {
			t.Errorf("%d created, want 1", created)
		}
	})
}

func TestCreate_ConcurrentlyOneID(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		const n = 8
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				_, errs[i] = s.Create(t.Context(), someID, "", wire.Tenant{Name: fmt.Sprint("Tenant ", i)}, nil)
			})
		}
		wg.Wait()
		created := 0
		for _, err := range errs {
			if err == nil {
				created++
				continue
			}
			wantCodes(t, err, "[duplicate]tenantId")
		}
		if created != 1 {
			t.Errorf("%d created, want 1", created)
		}
	})
}

func TestUpdate_ConcurrentlyOneName(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		const n = 6
		ids := make([]wire.ID, n)
		for i := range n {
			ids[i] = create(t, s, "", fmt.Sprintf(`{"name": "Tenant %d"}`, i)).ID
		}
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i, id := range ids {
			wg.Go(func() { _, errs[i] = s.Update(t.Context(), id, replace(wire.Tenant{Name: "Same"})) })
		}
		wg.Wait()
		renamed := 0
		for _, err := range errs {
			if err == nil {
				renamed++
				continue
			}
			wantCodes(t, err, "[duplicate]tenant.name")
		}
		if renamed != 1 {
			t.Errorf("%d renamed, want 1", renamed)
		}
	})
}

func TestUpdate_LosesNothing(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		create(t, s, someID, `{"name": "x", "count": 0}`)
		const n = 10
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				_, errs[i] = s.Update(t.Context(), someID, func(current wire.Tenant) (wire.Tenant, []wire.ID, error) {
					var count int
					if err := json.Unmarshal(current.Extra["count"], &count); err != nil {
						return current, nil, err
					}
					current.Extra["count"] = json.RawMessage(fmt.Sprint(count + 1))
					return current, nil, nil
				})
			})
		}
		wg.Wait()
		done := 0
		for _, err := range errs {
			p, _ := problem.As(err)
			switch {
			case err == nil:
				done++
			case p == nil || p.Kind != problem.Conflict || p.General[0].Code != "[retryableConflict]":
				t.Errorf("error = %v, want a conflict", err)
			}
		}
		got, err := s.Load(t.Context(), someID)
		check(t, err)
		if string(got.Extra["count"]) != fmt.Sprint(done) || done == 0 {
			t.Errorf("count = %s after %d changes that were accepted", got.Extra["count"], done)
		}
	})
}

// meeting is a sealer at which transactions wait for each other. Sealing comes after the checks and before the row is written, so
// whoever gets past it has looked, and found the name free.
type meeting struct {
	sealed.Sealer
	all *sync.WaitGroup
}

func (m meeting) Seal(context string, plain []byte) (string, error) {
	m.all.Done()
	m.all.Wait()
	return m.Sealer.Seal(context, plain)
}

func TestName_TakenAfterBothLooked(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.PostgreSQL) // SQLite has one writer, so nobody can look in between
	s := newService(d)
	check(t, s.Bootstrap(t.Context(), defaultID))
	create(t, s, someID, `{"name": "One"}`)
	create(t, s, otherID, `{"name": "Two"}`)

	same := parse(t, `{"name": "Same", "captchaConfiguration": {"secretKey": "something to seal"}}`)
	createNew := func(s *tenant.Service, _ wire.ID) error {
		_, err := s.Create(t.Context(), "", "", same, nil)
		return err
	}
	rename := func(s *tenant.Service, id wire.ID) error {
		_, err := s.Update(t.Context(), id, replace(same))
		return err
	}
	for name, pair := range map[string][2]func(*tenant.Service, wire.ID) error{
		"create and create": {createNew, createNew},
		"create and rename": {createNew, rename},
		"rename and rename": {rename, rename},
	} {
		var all sync.WaitGroup
		all.Add(2)
		meet := tenant.New(d, meeting{key.NewSealer(bytes.Repeat([]byte{7}, key.Size)), &all})
		var errs [2]error
		var wg sync.WaitGroup
		for i, id := range []wire.ID{someID, otherID} {
			wg.Go(func() { errs[i] = pair[i](meet, id) })
		}
		wg.Wait()
		loser := errs[0]
		if loser == nil {
			loser = errs[1]
		}
		if errs[0] != nil && errs[1] != nil || loser == nil {
			t.Fatalf("%s: %v and %v, want one to succeed", name, errs[0], errs[1])
		}
		wantCodes(t, loser, "[duplicate]tenant.name")

		list, err := s.List(t.Context())
		check(t, err)
		for _, tt := range list { // make the name free again
			if tt.Name == "Same" {
				_, err := s.Update(t.Context(), tt.ID, replace(wire.Tenant{Name: string(tt.ID)}))
				check(t, err)
			}
		}
	}
}

// bindings remembers what is bound; only the ids in known exist.
type bindings struct {
	known []wire.ID
	bound map[wire.ID][]wire.ID
}

func (b *bindings) Bind(_ *db.Tx, tenant wire.ID, webhooks []wire.ID) error {
	var v problem.Validation
	for _, id := range webhooks {
		v.Check(slices.Contains(b.known, id), "webhookIds", "invalid", "unknown")
	}
	if err := v.Err(); err != nil {
		return err
	}
	b.bound[tenant] = webhooks
	return nil
}

func TestWebhookIDs(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		b := &bindings{known: []wire.ID{"a", "b"}, bound: map[wire.ID][]wire.ID{}}
		s.Bindings = b
		want := func(ids []wire.ID) {
			t.Helper()
			if !cmp.Equal(b.bound[someID], ids) {
				t.Errorf("bound %q, want %q", b.bound[someID], ids)
			}
		}
		change := func(ids []wire.ID, name string) error {
			_, err := s.Update(t.Context(), someID, func(wire.Tenant) (wire.Tenant, []wire.ID, error) { return wire.Tenant{Name: name}, ids, nil })
			return err
		}
		_, err := s.Create(t.Context(), someID, "", wire.Tenant{Name: "x"}, []wire.ID{"a"})
		check(t, err)
		want([]wire.ID{"a"})
		check(t, change(nil, "x"))
		want([]wire.ID{"a"})
		check(t, change([]wire.ID{"b"}, "x"))
		want([]wire.ID{"b"})
		wantCodes(t, change([]wire.ID{"b", "c"}, "x"), "[invalid]webhookIds")
		wantCodes(t, change([]wire.ID{"c"}, ""), "[blank]tenant.name", "[invalid]webhookIds")
		want([]wire.ID{"b"})
		check(t, change([]wire.ID{}, "x"))
		want([]wire.ID{})

		_, err = s.Create(t.Context(), otherID, "", wire.Tenant{Name: "y"}, []wire.ID{"c"})
		wantCodes(t, err, "[invalid]webhookIds")
		if _, err := s.Load(t.Context(), otherID); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("a tenant with unknown webhooks was stored (%v)", err)
		}
	})
}

func TestDelete_EmptiesFirst(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		var steps []string
		s.BeforeDelete = append(s.BeforeDelete, func(ctx context.Context, id wire.ID, _ *wire.EventInfo) error {
			exists, err := s.Exists(ctx, id)
			check(t, err)
			got, err := s.Load(ctx, id)
			check(t, err)
			steps = append(steps, fmt.Sprintf("before %s %v %s", id, exists, got.State))
			_, err = s.Update(ctx, id, replace(wire.Tenant{Name: "still here"}))
			if p, ok := problem.As(err); !ok || p.Kind != problem.Conflict {
				t.Errorf("change of a tenant in deletion: %v, want a conflict", err)
			}
			return nil
		})
		s.OnDelete = append(s.OnDelete, func(_ *db.Tx, id wire.ID) error {
			steps = append(steps, "on "+string(id))
			return nil
		})
		create(t, s, someID, `{"name": "x"}`)
		check(t, s.Delete(t.Context(), someID, nil))
		if want := []string{"before " + string(someID) + " false PendingDelete", "on " + string(someID)}; !cmp.Equal(steps, want) {
			t.Errorf("steps %q, want %q", steps, want)
		}
		if _, err := s.Load(t.Context(), someID); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("Load = %v, want not found", err)
		}
		if err := s.Delete(t.Context(), someID, nil); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("second Delete = %v, want not found", err)
		}
		create(t, s, someID, `{"name": "x"}`) // id and name are free again
	})
}

func TestDelete_NotTheDefaultTenant(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		wantCodes(t, s.Delete(t.Context(), defaultID, nil), "[invalid]tenantId")
		if exists, err := s.Exists(t.Context(), defaultID); err != nil || !exists {
			t.Errorf("the default tenant is gone (%v)", err)
		}
	})
}

func TestDelete_RefusedLeavesTheTenant(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		no := problem.New(problem.Refused, "[WebhookTransactionException]", "no")
		s.BeforeDelete = append(s.BeforeDelete, func(context.Context, wire.ID, *wire.EventInfo) error { return no })
		create(t, s, someID, `{"name": "x"}`)
		if err := s.Delete(t.Context(), someID, nil); !errors.Is(err, no) {
			t.Fatalf("Delete = %v, want the hook's error", err)
		}
		got, err := s.Load(t.Context(), someID)
		check(t, err)
		if exists, err := s.Exists(t.Context(), someID); err != nil || !exists || got.State != wire.Active {
			t.Errorf("exists %v, state %s (%v); want the tenant as it was", exists, got.State, err)
		}
	})
}

func TestDelete_BeginsAgainForLateComers(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		create(t, s, someID, `{"name": "x"}`)
		const late = `INSERT INTO users (id, tenant_id, active, document, version, insert_instant, last_update_instant) VALUES ('u', $1, TRUE, '{}', 1, 0, 0)`
		calls := 0
		s.BeforeDelete = append(s.BeforeDelete, func(ctx context.Context, id wire.ID, _ *wire.EventInfo) error {
			calls++
			return d.Update(ctx, func(tx *db.Tx) error {
				if calls == 1 {
					_, err := tx.Exec(late, string(id)) // commits after we have looked for users
					return err
				}
				_, err := tx.Exec(`DELETE FROM users WHERE tenant_id = $1`, string(id))
				return err
			})
		})
		check(t, s.Delete(t.Context(), someID, nil))
		if calls != 2 {
			t.Errorf("emptied %d times, want 2", calls)
		}
	})
}

func TestResumeDeletes_AfterACrash(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		create(t, s, someID, `{"name": "x"}`)
		crash := func(context.Context, wire.ID, *wire.EventInfo) error { panic("killed") }
		s.BeforeDelete = append(s.BeforeDelete, crash)
		func() {
			defer func() { _ = recover() }()
			_ = s.Delete(t.Context(), someID, nil)
		}()

		restarted := newService(d)
		emptied := false
		restarted.BeforeDelete = append(restarted.BeforeDelete, func(context.Context, wire.ID, *wire.EventInfo) error {
			emptied = true
			return nil
		})
		check(t, restarted.ResumeDeletes(t.Context()))
		if _, err := restarted.Load(t.Context(), someID); !errors.Is(err, problem.ErrNotFound) || !emptied {
			t.Errorf("after the restart: %v, emptied %v; want it finished", err, emptied)
		}
		check(t, restarted.ResumeDeletes(t.Context()))
	})
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		for _, name := range []string{"beta", "Alpha", "ÄRA 100%"} {
			create(t, s, "", fmt.Sprintf(`{"name": %q}`, name))
		}
		tests := []struct {
			name  string
			c     wire.TenantSearch
			want  []string
			total int
		}{
			{"all by name", wire.TenantSearch{}, []string{"Alpha", "beta", "Default", "ÄRA 100%"}, 4},
			{"contains", wire.TenantSearch{Name: "A"}, []string{"Alpha", "beta", "Default", "ÄRA 100%"}, 4},
			{"any case beyond ASCII", wire.TenantSearch{Name: "ära*"}, []string{"ÄRA 100%"}, 1},
			{"percent", wire.TenantSearch{Name: "%"}, []string{"ÄRA 100%"}, 1},
			{"page and order", wire.TenantSearch{Page: wire.Page{NumberOfResults: 1, StartRow: 1, OrderBy: "insertInstant"}}, nil, 4},
			{"nothing", wire.TenantSearch{Name: "zzz"}, nil, 0},
		}
		for _, tt := range tests {
			found, total, err := s.Search(t.Context(), tt.c)
			check(t, err)
			var names []string
			for _, f := range found {
				names = append(names, f.Name)
			}
			slices.Sort(names) // engines collate ä differently
			want := slices.Clone(tt.want)
			slices.Sort(want)
			if tt.c.NumberOfResults == 0 && !cmp.Equal(names, want) || total != tt.total || tt.c.NumberOfResults == 1 && len(found) != 1 {
				t.Errorf("%s: %q, total %d; want %q, %d", tt.name, names, total, want, tt.total)
			}
		}
		_, _, err := s.Search(t.Context(), wire.TenantSearch{Name: strings.Repeat("x", 60_000)})
		wantCodes(t, err, "[tooLong]search.name")
	})
}

func TestBootstrap_OnlyOnce(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		check(t, newService(d).Bootstrap(t.Context(), otherID))
		list, err := s.List(t.Context())
		check(t, err)
		if len(list) != 1 || list[0].ID != defaultID || list[0].Name != "Default" || len(list[0].EventConfiguration.Events) != 0 {
			t.Errorf("tenants = %+v, want the default one alone", list)
		}
	})
}

func TestBootstrap_Race(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const n = 6
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { errs[i] = newService(d).Bootstrap(t.Context(), "") })
		}
		wg.Wait()
		check(t, errors.Join(errs...))
		s := newService(d)
		list, err := s.List(t.Context())
		check(t, err)
		id, err := s.DefaultID(t.Context())
		check(t, err)
		if len(list) != 1 || list[0].ID != id {
			t.Errorf("%d tenants, default %s; want one", len(list), id)
		}
	})
}

func TestInstance_KeepsItsID(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		id := func(s *tenant.Service) (id wire.ID) {
			check(t, d.View(t.Context(), func(tx *db.Tx) (err error) {
				id, err = s.InstanceID(tx)
				return err
			}))
			return id
		}
		first := id(s)
		if again := id(newService(d)); first == "" || again != first {
			t.Errorf("instance %q, then %q", first, again)
		}
	})
}

func TestSetDefaultID(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		_, err := s.Update(t.Context(), defaultID, replace(parse(t, `{"name": "Default", "captchaConfiguration": {"secretKey": "captcha"}}`)))
		check(t, err)
		check(t, s.SetDefaultID(t.Context(), someID))
		check(t, s.SetDefaultID(t.Context(), someID))
		id, err := s.DefaultID(t.Context())
		check(t, err)
		sole, err := s.Sole(t.Context())
		check(t, err)
		if id != someID || sole != someID {
			t.Errorf("default %s, sole %s; want %s", id, sole, someID)
		}
		if got := secretsOf(t, d, s, someID); !cmp.Equal(got, []string{"captcha"}) {
			t.Errorf("secrets after the change: %q", got)
		}
		wantCodes(t, s.Delete(t.Context(), someID, nil), "[invalid]tenantId")

		create(t, s, otherID, `{"name": "x"}`)
		if p, ok := problem.As(s.SetDefaultID(t.Context(), defaultID)); !ok || p.Kind != problem.Invalid {
			t.Errorf("with two tenants: %v, want a refusal", p)
		}
	})
}

func TestKeyCheck_StoresTheFirst(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		for i, service := range []*tenant.Service{s, s, newService(d)} {
			got, err := service.KeyCheck(t.Context(), func() (string, error) { return fmt.Sprint("sealed ", i), nil })
			check(t, err)
			if got != "sealed 0" {
				t.Errorf("call %d returns %q, want what the first one stored", i, got)
			}
		}
	})
}

func TestPasswordRules(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, s *tenant.Service) {
		create(t, s, someID, `{"name": "x", "passwordValidationRules": {"minLength": 12, "own": true}}`)
		rules, err := s.PasswordRules(t.Context(), someID)
		check(t, err)
		got := tree(t, rules)
		if got["minLength"] != json.Number("12") || got["maxLength"] != json.Number("256") || got["own"] != true || got["requireNumber"] != false {
			t.Errorf("rules = %v", got)
		}
		if _, err := s.PasswordRules(t.Context(), otherID); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("unknown tenant: %v", err)
		}
	})
}
