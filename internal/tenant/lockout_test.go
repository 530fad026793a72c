package tenant_test

import (
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

func TestLockout_Until(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 31, 23, 30, 0, 0, time.UTC)
	for unit, want := range map[tenant.LockoutUnit]string{
		tenant.Minutes: "2026-01-31T23:32:00Z", tenant.Hours: "2026-02-01T01:30:00Z", tenant.Days: "2026-02-02T23:30:00Z",
		tenant.Weeks: "2026-02-14T23:30:00Z", tenant.Months: "2026-03-31T23:30:00Z", tenant.Years: "2028-01-31T23:30:00Z",
	} {
		got := tenant.Lockout{Duration: 2, Unit: unit}.Until(from.In(time.FixedZone("", -3600)))
		if got.Format(time.RFC3339) != want {
			t.Errorf("2 %s: until %s, want %s", unit, got.Format(time.RFC3339), want)
		}
	}
}

func TestLockout_NamesAnAction(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, s *tenant.Service) {
		s.HasLockingAction = func(_ *db.Tx, id wire.ID) (bool, error) { return id == textA, nil }
		members := func(action string) string {
			return `{"name": "Locks", "failedAuthenticationConfiguration": {"userActionId": "` + action + `", "tooManyAttempts": "7", "resetCountInSeconds": 30,
				"actionDuration": 2, "actionDurationUnit": "DAYS", "emailUser": "true", "actionCancelPolicy": {"onPasswordReset": true}}}`
		}
		_, err := s.Create(t.Context(), otherID, "", parse(t, members(messengerA)), nil)
		wantCodes(t, err, "[invalid]tenant.failedAuthenticationConfiguration.userActionId")
		_, err = s.Create(t.Context(), otherID, "", parse(t, members(textA)), nil)
		check(t, err)
		want := tenant.Lockout{
			UserActionID: textA, TooManyAttempts: 7, Window: 30 * time.Second, EmailUser: true, EndOnPasswordReset: true, Duration: 2, Unit: tenant.Days,
		}
		if got := flowsOf(t, s, otherID).Lockout; got != want {
			t.Errorf("lockout %+v, want %+v", got, want)
		}
		check(t, d.View(t.Context(), func(tx *db.Tx) error {
			by, err := s.UsesUserAction(tx, textA)
			if len(by) != 1 || by[0] != `tenant "Locks": failedAuthenticationConfiguration.userActionId` {
				t.Errorf("used by %v", by)
			}
			return err
		}))
	})
}
