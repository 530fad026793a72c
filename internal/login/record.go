package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/risk"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// device is what somebody logs in with, as far as it is known.
type device struct {
	user        wire.ID
	fingerprint string // empty when nothing is known
	// isNew says that the user has logged in before, and never with this one. The first of all devices is not new: there is nothing it differs from.
	isNew bool
}

// fingerprintOf tells devices apart by what the caller, or the request itself, says of them. It is not a proof: who copies all of it is the same device.
func fingerprintOf(e *Entry) string {
	d, info := e.MetaData.Device, e.EventInfo
	parts := []string{d.Name, d.Type, d.Description}
	if info != nil {
		parts = append(parts, info.DeviceName, info.DeviceType, info.DeviceDescription, info.OS, info.UserAgent)
	}
	if strings.Join(parts, "") == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func (s *Service) deviceOf(tx *db.Tx, e *Entry) (device, error) {
	d := device{user: e.User.ID, fingerprint: fingerprintOf(e)}
	if d.fingerprint == "" {
		return d, nil
	}
	known, others, err := findDevice(tx, d.user, d.fingerprint)
	d.isNew = !known && others
	return d, err
}

func (d device) keep(tx *db.Tx) error {
	if d.fingerprint == "" {
		return nil
	}
	return keepDevice(tx, d.user, d.fingerprint)
}

// threatsTo returns the signals that the login may be by somebody else.
func (s *Service) threatsTo(tx *db.Tx, e *Entry, known device, flows *tenant.Flows) ([]event.Threat, error) {
	f := risk.Facts{
		Now: tx.Now(), Address: e.IPAddress, BotScore: e.BotDetectionScore, NewDevice: e.NewDevice || known.isNew,
		PasswordChanged: instant(e.User.PasswordLastUpdateInstant),
	}
	if info := e.EventInfo; info != nil {
		f.UserAgent, f.Here = info.UserAgent, risk.PlaceOf(info.Location)
	}
	for _, i := range e.User.Identities {
		if i.InsertInstant > e.User.InsertInstant { // those a user begins with are no change
			f.IdentityChanged = later(f.IdentityChanged, instant(i.InsertInstant))
		}
	}
	var err error
	if f.LastLogin, f.There, err = lastRecord(tx, e.User.ID); err != nil {
		return nil, err
	}
	return flows.Risk.Threats(f), nil
}

func instant(i wire.Instant) time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(i))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// CountFailure counts one more failed attempt of a user, in a transaction of its own, and returns how many there were since the last success with no pause of
// a window's length between them.
func (s *Service) CountFailure(ctx context.Context, user wire.ID, window time.Duration) (failures int, err error) {
	err = s.DB.Update(ctx, func(tx *db.Tx) (err error) {
		failures, err = countFailure(tx, user, window.Milliseconds())
		return err
	})
	if db.IsForeignKey(err) { // deleted at this moment
		err = problem.ErrNotFound
	}
	return failures, err
}

// Records returns one page of the record of logins of a tenant, or of all if that is empty, the newest first, and how many there are.
//
// Errors: problem.Invalid.
func (s *Service) Records(ctx context.Context, of wire.ID, c wire.LoginRecordSearch) (records []wire.LoginRecord, total int, err error) {
	records, err = s.records(ctx, c, func(tx *db.Tx) (found []wire.LoginRecord, err error) {
		found, total, err = searchRecords(tx, of, c, &s.positions)
		return found, err
	})
	return records, total, err
}

// PageRecords returns one page of these records as a list for people, from a cursor on. OrderBy and StartRow mean nothing. Errors: problem.Invalid, for a cursor of
// another list too.
func (s *Service) PageRecords(ctx context.Context, of wire.ID, c wire.LoginRecordSearch, at search.Cursor) (records []wire.LoginRecord, links search.Links, err error) {
	records, err = s.records(ctx, c, func(tx *db.Tx) (found []wire.LoginRecord, err error) {
		found, links, err = listRecords(tx, of, c, at)
		return found, err
	})
	return records, links, err
}

// records checks what is looked for, and adds to what is found what it lacks.
func (s *Service) records(ctx context.Context, c wire.LoginRecordSearch, find func(*db.Tx) ([]wire.LoginRecord, error)) (records []wire.LoginRecord, err error) {
	var v problem.Validation
	search.Check(&v, "search.", c.Page)
	v.Check(c.End == 0 || c.Start <= c.End, "search.start", "invalid", "The start is after the end.")
	if err := v.Err(); err != nil {
		return nil, err
	}
	all, err := s.Applications.Registry(ctx)
	if err != nil {
		return nil, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) {
		records, err = find(tx)
		return err
	})
	for i, r := range records {
		if a := all.Find(r.ApplicationID); a != nil {
			records[i].ApplicationName = a.Name
		}
	}
	return records, err
}

// trimPatience bounds one call of Trim, trimStep one of its transactions.
const (
	trimPatience = 20 * time.Second
	trimStep     = 500
)

// Trimmable is how many records are older than so many days, which Trim would remove. 0 days keep them all.
func (s *Service) Trimmable(ctx context.Context, days int) (n int64, err error) {
	if days == 0 {
		return 0, nil
	}
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) {
		n, err = countRecords(tx, tx.Now().AddDate(0, 0, -days).UnixMilli())
		return err
	})
	return n, err
}

// Trim removes records that are older than so many days, in small steps beside the work. 0 keeps them all.
func (s *Service) Trim(ctx context.Context, days int) error {
	if days == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, trimPatience)
	defer cancel()
	for {
		var removed int64
		err := s.DB.Update(ctx, func(tx *db.Tx) (err error) {
			removed, err = trimRecords(tx, tx.Now().AddDate(0, 0, -days).UnixMilli(), trimStep)
			return err
		})
		if err != nil || removed == 0 {
			return err
		}
	}
}
