package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/wire"
)

// moment is an instant on the command line: an age, a day or an instant.
type moment struct{ time.Time }

var momentForms = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"}

// UnmarshalText is called by kong.
func (m *moment) UnmarshalText(text []byte) error {
	given := string(text)
	if age, ok := parseAge(given); ok {
		m.Time = time.Now().Add(-age)
		return nil
	}
	for _, form := range momentForms {
		if at, err := time.ParseInLocation(form, given, time.Local); err == nil {
			m.Time = at
			return nil
		}
	}
	return fmt.Errorf("%q must be an age (90m, 2h, 7d), a day (2026-11-20) or an instant (2026-11-20T09:00Z)", given)
}

// parseAge reads a duration, in days as well.
func parseAge(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * 24 * float64(time.Hour)), err == nil && n >= 0
	}
	age, err := time.ParseDuration(text)
	return age, err == nil && age >= 0
}

// instant is the moment on the wire, 0 when none was given.
func (m moment) instant() wire.Instant {
	if m.IsZero() {
		return 0
	}
	return wire.Instant(m.UnixMilli())
}

// period are the flags of lists of what happened.
type period struct {
	Since moment `placeholder:"WHEN" help:"Only what happened since then: 2h, 7d, 2026-11-20, 2026-11-20T09:00Z."`
	Until moment `placeholder:"WHEN" help:"Only what happened before then."`
}

func (p period) wire() wire.Period {
	return wire.Period{Start: p.Since.instant(), End: p.Until.instant()}
}

// span is the period for people: 24 h, or from when to when; empty without one.
func (p period) span() string {
	const form = "2006-01-02 15:04"
	switch {
	case p.Since.IsZero() && p.Until.IsZero():
		return ""
	case p.Until.IsZero():
		return roughly(time.Since(p.Since.Time))
	case p.Since.IsZero():
		return "until " + p.Until.Format(form)
	default:
		return p.Since.Format(form) + " to " + p.Until.Format(form)
	}
}

// justCount is the page of a search that is only to tell how many there are.
var justCount = wire.Page{NumberOfResults: 1}

// limited is the flag of lists that may be long.
type limited struct {
	Limit int `placeholder:"N" default:"25" help:"Show so many at most, 0 for all (default: ${default})."`
}

// ago is an instant for people, as a table shows it: "42 s", "3 min", "2 h", and the day for what is longer ago.
func ago(i wire.Instant) string {
	if i == 0 {
		return ""
	}
	at := time.UnixMilli(int64(i))
	if age := time.Since(at); age >= 7*24*time.Hour {
		return at.Format("2006-01-02")
	} else if age >= 0 {
		return roughly(age)
	}
	return in(i)
}

// in is an instant to come: "in 42 s".
func in(i wire.Instant) string {
	if i == 0 {
		return ""
	}
	if d := time.Until(time.UnixMilli(int64(i))); d > 0 {
		return "in " + roughly(d)
	}
	return "now"
}

func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
}

// exactly is an instant with its age: "2026-11-20 09:00:00 (2 h)".
func exactly(i wire.Instant) string {
	if i == 0 {
		return ""
	}
	text := time.UnixMilli(int64(i)).Format("2006-01-02 15:04:05")
	if age := time.Since(time.UnixMilli(int64(i))); age > 0 && age < 7*24*time.Hour {
		text += " (" + roughly(age) + " ago)"
	}
	return text
}

// expiry is an instant to come on the command line: how long from now, a day or an instant.
type expiry struct{ moment }

// UnmarshalText is called by kong.
func (e *expiry) UnmarshalText(text []byte) error {
	if age, ok := parseAge(string(text)); ok {
		e.Time = time.Now().Add(age)
		return nil
	}
	return e.moment.UnmarshalText(text)
}
