package tenant

import (
	"encoding/json"
	"time"

	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Lockout is what failedAuthenticationConfiguration says about users who fail to log in too often.
type Lockout struct {
	// UserActionID is the action that is taken on such a user. Empty: nobody is locked out.
	UserActionID wire.ID
	// TooManyAttempts is how many failures within Window are too many. Defaults to 5 in 60 s.
	TooManyAttempts int
	Window          time.Duration
	// EmailUser tells the user by e-mail, where the action allows that.
	EmailUser bool
	// EndOnPasswordReset lets a user in again who has chosen a new password.
	EndOnPasswordReset bool
	// Duration in Unit is how long it lasts. Defaults to 3 minutes.
	Duration int
	Unit     LockoutUnit
}

// LockoutUnit is what the duration of a lockout is counted in.
type LockoutUnit string

// The units.
const (
	Minutes LockoutUnit = "MINUTES"
	Hours   LockoutUnit = "HOURS"
	Days    LockoutUnit = "DAYS"
	Weeks   LockoutUnit = "WEEKS"
	Months  LockoutUnit = "MONTHS"
	Years   LockoutUnit = "YEARS"
)

var lockoutUnits = []LockoutUnit{Minutes, Hours, Days, Weeks, Months, Years}

// maxLockout keeps the end of a lockout within the calendar, in any unit.
const maxLockout = 1_000

// Until is when a lockout ends that begins, or begins anew, at an instant. Months and years are those of the calendar, in UTC.
func (l Lockout) Until(from time.Time) time.Time {
	from = from.UTC()
	switch l.Unit {
	case Hours:
		return from.Add(time.Duration(l.Duration) * time.Hour)
	case Days:
		return from.AddDate(0, 0, l.Duration)
	case Weeks:
		return from.AddDate(0, 0, 7*l.Duration)
	case Months:
		return from.AddDate(0, l.Duration, 0)
	case Years:
		return from.AddDate(l.Duration, 0, 0)
	default:
		return from.Add(time.Duration(l.Duration) * time.Minute)
	}
}

// lockoutOf reads a failedAuthenticationConfiguration. Its defaults are FusionAuth's.
func lockoutOf(raw json.RawMessage) Lockout {
	m := loose.Members(raw)
	return Lockout{
		UserActionID:    loose.ID(m["userActionId"]),
		TooManyAttempts: loose.Int(m["tooManyAttempts"], 5, 1, maxLimit),
		Window:          time.Duration(loose.Int(m["resetCountInSeconds"], 60, 1, maxLifetime)) * time.Second,
		EmailUser:       loose.Bool(m["emailUser"], false),

		EndOnPasswordReset: loose.Bool(loose.Members(m["actionCancelPolicy"])["onPasswordReset"], false),

		Duration: loose.Int(m["actionDuration"], 3, 1, maxLockout),
		Unit:     loose.OneOf(m["actionDurationUnit"], Minutes, lockoutUnits),
	}
}

// checkLockout adds what is wrong with a failedAuthenticationConfiguration. While it names no action the numbers may be zero, which is how the Go
// client says that they are not set.
func checkLockout(v *problem.Validation, raw json.RawMessage) {
	const path = "tenant.failedAuthenticationConfiguration"
	m, _ := loose.CheckObject(v, path, raw)
	least := 0
	if loose.CheckID(v, path+".userActionId", m["userActionId"]) {
		least = 1
	}
	loose.CheckInt(v, path+".tooManyAttempts", m["tooManyAttempts"], least, maxLimit)
	loose.CheckInt(v, path+".resetCountInSeconds", m["resetCountInSeconds"], least, maxLifetime)
	loose.CheckInt(v, path+".actionDuration", m["actionDuration"], least, maxLockout)
	loose.CheckOneOf(v, path+".actionDurationUnit", m["actionDurationUnit"], lockoutUnits)
	loose.CheckBool(v, path+".emailUser", m["emailUser"])
	policy, _ := loose.CheckObject(v, path+".actionCancelPolicy", m["actionCancelPolicy"])
	loose.CheckBool(v, path+".actionCancelPolicy.onPasswordReset", policy["onPasswordReset"])
}
