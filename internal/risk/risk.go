// Package risk decides, from what is known about a login, whether it may be by somebody else than the user. It does no input or output.
//
// FusionAuth names the signals and publishes no thresholds; those here are our choice (docs/compatibility.md). A signal counts when it is high.
package risk

import (
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Settings say which signals are looked at: a tenant's clientRiskConfiguration. The zero value looks at ImpossibleTravel alone, which needs no setting up.
type Settings struct {
	Signals map[event.Threat]bool
	// Blocked are addresses, Agents parts of user agents in lower case, that are bad by themselves. Ours.
	Blocked []netip.Prefix
	Agents  []string
}

// signals are the names of the members that switch a signal off.
var signals = map[string]event.Threat{
	"blocklistedIp": event.ThreatBlocklistedIP, "botDetected": event.ThreatBotDetected, "dormantAccount": event.ThreatDormantAccount,
	"dormantPassword": event.ThreatDormantPassword, "impossibleTravel": event.ThreatImpossibleTravel, "recentIdentityChange": event.ThreatRecentIdentityChange,
	"recentPasswordChange": event.ThreatRecentPasswordChange, "suspiciousUserAgent": event.ThreatSuspiciousUserAgent, "unrecognizedDevice": event.ThreatUnrecognizedDevice,
}

// SettingsOf reads a clientRiskConfiguration. A signal is a boolean, or an object with a member enabled; without either it is on.
func SettingsOf(raw json.RawMessage) Settings {
	m := loose.Members(raw)
	if !loose.Bool(m["enabled"], false) {
		return Settings{}
	}
	s := Settings{Signals: map[event.Threat]bool{}}
	for name, threat := range signals {
		s.Signals[threat] = loose.Bool(m[name], loose.Bool(loose.Members(m[name])["enabled"], true))
	}
	for _, text := range loose.Texts(m["blocklistedIps"]) {
		if p, ok := prefix(text); ok {
			s.Blocked = append(s.Blocked, p)
		}
	}
	for _, text := range loose.Texts(m["suspiciousUserAgents"]) {
		s.Agents = append(s.Agents, strings.ToLower(text))
	}
	return s
}

// Check adds what is wrong with a clientRiskConfiguration.
func Check(v *problem.Validation, path string, raw json.RawMessage) {
	m, _ := loose.CheckObject(v, path, raw)
	loose.CheckBool(v, path+".enabled", m["enabled"])
	for i, text := range loose.Texts(m["blocklistedIps"]) {
		if _, ok := prefix(text); !ok && !v.Has(path+".blocklistedIps") {
			v.Field(path+".blocklistedIps", "invalid", "Element %d is neither an address nor a network (192.0.2.0/24).", i)
		}
	}
}

func prefix(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
}

// Facts are what is known about a login. Zero means unknown.
type Facts struct {
	Now       time.Time
	Address   string
	UserAgent string
	BotScore  int // from 0 to 100
	// NewDevice says that the user has logged in before, and never with this device.
	NewDevice bool
	// LastLogin, PasswordChanged and IdentityChanged are when that happened last, before this login.
	LastLogin, PasswordChanged, IdentityChanged time.Time
	// Here is where the login comes from, There where the one before it came from, at LastLogin.
	Here, There *Place
}

// Place is a point on earth, in degrees.
type Place struct{ Latitude, Longitude float64 }

// PlaceOf returns the place of a location, nil when that has none.
func PlaceOf(l wire.Location) *Place {
	if l.Latitude == 0 && l.Longitude == 0 {
		return nil
	}
	return &Place{l.Latitude, l.Longitude}
}

// Thresholds.
const (
	botScore        = 80
	dormantAccount  = 180 * 24 * time.Hour
	dormantPassword = 365 * 24 * time.Hour
	recent          = 24 * time.Hour // together with a device that nobody knows
	fastest         = 1000.0         // km/h, faster than an airliner from door to door
	nearby          = 100.0          // km: what databases of addresses are wrong by
)

// Threats returns the signals that are high, in the order of their names.
func (s Settings) Threats(f Facts) (threats []event.Threat) {
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			return -1
		}
		return f.Now.Sub(t)
	}
	fresh := func(t time.Time) bool { d := since(t); return d >= 0 && d < recent && f.NewDevice }
	high := map[event.Threat]bool{
		event.ThreatBlocklistedIP:        s.isBlocked(f.Address),
		event.ThreatBotDetected:          f.BotScore >= botScore,
		event.ThreatDormantAccount:       since(f.LastLogin) > dormantAccount,
		event.ThreatDormantPassword:      since(f.PasswordChanged) > dormantPassword,
		event.ThreatImpossibleTravel:     impossible(f),
		event.ThreatRecentIdentityChange: fresh(f.IdentityChanged),
		event.ThreatRecentPasswordChange: fresh(f.PasswordChanged),
		event.ThreatSuspiciousUserAgent:  s.isSuspicious(f.UserAgent),
		event.ThreatUnrecognizedDevice:   f.NewDevice,
	}
	for threat := range high {
		if high[threat] && s.looksAt(threat) {
			threats = append(threats, threat)
		}
	}
	slices.Sort(threats)
	return threats
}

func (s Settings) looksAt(t event.Threat) bool {
	if s.Signals == nil {
		return t == event.ThreatImpossibleTravel
	}
	return s.Signals[t]
}

func (s Settings) isBlocked(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(s.Blocked, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

func (s Settings) isSuspicious(agent string) bool {
	agent = strings.ToLower(agent)
	return slices.ContainsFunc(s.Agents, func(part string) bool { return part != "" && strings.Contains(agent, part) })
}

// impossible tells whether nobody could have come from one place to the other in the time between.
func impossible(f Facts) bool {
	if f.Here == nil || f.There == nil || f.LastLogin.IsZero() {
		return false
	}
	km := distance(*f.Here, *f.There)
	hours := max(f.Now.Sub(f.LastLogin).Hours(), 0)
	return km > nearby && km > fastest*hours
}

// distance is that along a great circle, in km (haversine formula).
func distance(a, b Place) float64 {
	const radius, degree = 6371.0, math.Pi / 180
	latitude, longitude := (b.Latitude-a.Latitude)*degree/2, (b.Longitude-a.Longitude)*degree/2
	h := math.Pow(math.Sin(latitude), 2) + math.Cos(a.Latitude*degree)*math.Cos(b.Latitude*degree)*math.Pow(math.Sin(longitude), 2)
	return 2 * radius * math.Asin(math.Sqrt(min(h, 1)))
}
