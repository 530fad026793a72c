package risk

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

var (
	berlin = &Place{52.52, 13.40}
	munich = &Place{48.14, 11.58}
	tokyo  = &Place{35.68, 139.69}
)

func TestThreats(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	all := `{"enabled":true,"blocklistedIps":["192.0.2.0/24","2001:db8::1"],"suspiciousUserAgents":["EvilBot"]}`
	for _, c := range []struct {
		name, settings string
		facts          Facts
		want           []event.Threat
	}{
		{"nothing known", all, Facts{}, nil},
		{"all is well", all, Facts{Address: "198.51.100.1", UserAgent: "Browser", LastLogin: ago(day), PasswordChanged: ago(30 * day), Here: berlin, There: munich}, nil},
		{"blocked address", all, Facts{Address: "192.0.2.77"}, []event.Threat{event.ThreatBlocklistedIP}},
		{"blocked address, mapped", all, Facts{Address: "::ffff:192.0.2.77"}, []event.Threat{event.ThreatBlocklistedIP}},
		{"blocked address of version 6", all, Facts{Address: "2001:db8::1"}, []event.Threat{event.ThreatBlocklistedIP}},
		{"agent", all, Facts{UserAgent: "Mozilla evilBOT/1"}, []event.Threat{event.ThreatSuspiciousUserAgent}},
		{"bot", all, Facts{BotScore: 80}, []event.Threat{event.ThreatBotDetected}},
		{"perhaps a bot", all, Facts{BotScore: 79}, nil},
		{"dormant", all, Facts{LastLogin: ago(181 * day), PasswordChanged: ago(366 * day)}, []event.Threat{event.ThreatDormantAccount, event.ThreatDormantPassword}},
		{"new password on a known device", all, Facts{PasswordChanged: ago(time.Hour)}, nil},
		{"new password on a new device", all, Facts{PasswordChanged: ago(time.Hour), NewDevice: true}, []event.Threat{event.ThreatRecentPasswordChange, event.ThreatUnrecognizedDevice}},
		{"new address on a new device", all, Facts{IdentityChanged: ago(23 * time.Hour), NewDevice: true}, []event.Threat{event.ThreatRecentIdentityChange, event.ThreatUnrecognizedDevice}},
		{"to Tokyo in an hour", all, Facts{LastLogin: ago(time.Hour), Here: tokyo, There: berlin}, []event.Threat{event.ThreatImpossibleTravel}},
		{"to Tokyo in twelve", all, Facts{LastLogin: ago(12 * time.Hour), Here: tokyo, There: berlin}, nil},
		{"around the corner at once", all, Facts{LastLogin: now, Here: &Place{52.6, 13.5}, There: berlin}, nil},
		{"switched off", `{"enabled":true,"impossibleTravel":{"enabled":false},"unrecognizedDevice":false}`, Facts{LastLogin: ago(time.Hour), Here: tokyo, There: berlin, NewDevice: true}, nil},
		{"without settings", ``, Facts{LastLogin: ago(time.Hour), Here: tokyo, There: berlin, NewDevice: true, BotScore: 100}, []event.Threat{event.ThreatImpossibleTravel}},
		{"off", `{"enabled":false}`, Facts{NewDevice: true}, nil},
	} {
		c.facts.Now = now
		if got := SettingsOf(json.RawMessage(c.settings)).Threats(c.facts); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for raw, code := range map[string]string{
		`{}`: "", `null`: "", `{"enabled":"true","blocklistedIps":["10.0.0.1"]}`: "", `[]`: "[couldNotConvert]tenant.clientRiskConfiguration",
		`{"enabled":3}`: "[couldNotConvert]tenant.clientRiskConfiguration.enabled", `{"blocklistedIps":["x","y"]}`: "[invalid]tenant.clientRiskConfiguration.blocklistedIps",
	} {
		var v problem.Validation
		Check(&v, "tenant.clientRiskConfiguration", json.RawMessage(raw))
		got := ""
		if p, ok := problem.As(v.Err()); ok {
			got = p.Fields[0].Code
		}
		if got != code {
			t.Errorf("%s: %q, want %q", raw, got, code)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	write := func(name, text string) *List {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := NewList(path)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	none, err := NewList("")
	if err != nil {
		t.Fatal(err)
	}
	plain := write("plain", "ada@example.com:tea time 4\nLovelace!\n\nsome:thing\n")
	ids := []string{"Ada+shop@example.com", "ada"}
	for _, c := range []struct {
		list     *List
		ids      []string
		password string
		want     wire.BreachedPasswordStatus
	}{
		{none, ids, "Password123!", wire.BreachedCommonPassword},
		{none, ids, "tea time 4", wire.BreachedNone},
		{plain, []string{"ADA@example.com"}, "tea time 4", wire.BreachedExactMatch},
		{plain, ids, "tea time 4", wire.BreachedSubAddressMatch},
		{plain, []string{"bob@example.com"}, "tea time 4", wire.BreachedPasswordOnly},
		{plain, ids, "Lovelace!", wire.BreachedPasswordOnly},
		{plain, ids, "some:thing", wire.BreachedPasswordOnly},
		{plain, ids, "lovelace!", wire.BreachedNone},
		{plain, ids, "", wire.BreachedNone},
	} {
		if got, err := c.list.Check(c.ids, c.password); err != nil || got != c.want {
			t.Errorf("%v %q: %v, %v; want %v", c.ids, c.password, got, err, c.want)
		}
	}
	if _, err := NewList(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a file that is missing is no error")
	}

	// Hashes: each of many is found, nothing else is, whatever the lines look like.
	for _, form := range []string{"%s:%d\n", "%s\n", "%s:%d\r\n"} {
		var lines []string
		for i := range 1000 {
			sum := sha1.Sum(fmt.Appendf(nil, "secret %d", i))
			line := strings.Replace(form, "%s", strings.ToUpper(hex.EncodeToString(sum[:])), 1)
			lines = append(lines, strings.Replace(line, "%d", strconv.Itoa(i), 1))
		}
		slices.Sort(lines)
		hashed := write("hashes", strings.Join(lines, ""))
		for i := range 1100 {
			got, err := hashed.Check(nil, fmt.Sprintf("secret %d", i))
			if want := i < 1000; err != nil || (got == wire.BreachedPasswordOnly) != want {
				t.Fatalf("%q: secret %d: %v, %v", form, i, got, err)
			}
		}
	}
}
