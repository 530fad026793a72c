package login

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/risk"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// origin is what of a record nobody looks for.
type origin struct {
	Location *wire.Location `json:"location,omitempty"`
}

func insertRecord(tx *db.Tx, e *Entry) error {
	var o origin
	var latitude, longitude any
	if e.EventInfo != nil && e.EventInfo.Location != (wire.Location{}) {
		o.Location = &e.EventInfo.Location
		if p := risk.PlaceOf(*o.Location); p != nil {
			latitude, longitude = p.Latitude, p.Longitude
		}
	}
	document, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode login record: %w", err)
	}
	_, err = tx.Exec(`
		INSERT INTO login_record (id, tenant_id, user_id, application_id, instant, ip_address, login_id, login_id_type, latitude, longitude, document)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		db.NewID(), e.User.TenantID, e.User.ID, db.Null(e.ApplicationID()), tx.NowMillis(), e.IPAddress, e.LoginID, e.LoginIDType,
		latitude, longitude, string(document))
	if db.IsForeignKey(err) {
		return problem.ErrNotFound
	}
	return err
}

// lastRecord is when and where a user has logged in last, zero for never and nil for a place that is not known.
func lastRecord(tx *db.Tx, user wire.ID) (at time.Time, place *risk.Place, err error) {
	var millis int64
	var latitude, longitude sql.NullFloat64
	err = tx.QueryRow(`SELECT instant, latitude, longitude FROM login_record WHERE user_id = $1 ORDER BY instant DESC, id DESC LIMIT 1`, user).
		Scan(&millis, &latitude, &longitude)
	if errors.Is(err, db.ErrNoRows) {
		return at, nil, nil
	}
	if latitude.Valid {
		place = &risk.Place{Latitude: latitude.Float64, Longitude: longitude.Float64}
	}
	return time.UnixMilli(millis), place, err
}

// newestFirst is the order of the indexes.
var newestFirst = search.Order{{Column: "instant", Descending: true, Kind: search.Instant}, {Column: "id", Descending: true, Kind: search.Text}}

// recordColumns are those to order by.
var recordColumns = map[string]string{"id": "id", "instant": "instant"}

func searchRecords(tx *db.Tx, tenant wire.ID, c wire.LoginRecordSearch, positions *search.Positions) ([]wire.LoginRecord, int, error) {
	return db.Search(tx, recordQuery(tenant, c, search.ParseOrder(c.OrderBy, recordColumns, newestFirst)), positions, scanRecord)
}

func listRecords(tx *db.Tx, tenant wire.ID, c wire.LoginRecordSearch, at search.Cursor) ([]wire.LoginRecord, search.Links, error) {
	return db.List(tx, recordQuery(tenant, c, newestFirst), at, scanRecord)
}

func recordQuery(tenant wire.ID, c wire.LoginRecordSearch, order search.Order) search.Query {
	var w search.Conditions
	if c.UserID != "" {
		w.Add("user_id = ?", c.UserID)
	}
	if c.Start > 0 {
		w.Add("instant >= ?", int64(c.Start))
	}
	if c.End > 0 {
		w.Add("instant < ?", int64(c.End))
	}
	w.Indexed()
	if tenant != "" {
		w.Add("tenant_id = ?", tenant)
	}
	if c.ApplicationID != "" {
		w.Add("application_id = ?", c.ApplicationID)
	}
	return search.Query{
		Columns: "instant, user_id, application_id, ip_address, login_id, login_id_type, document", From: "login_record", ID: "id", Where: w,
		Order: order, Indexed: order[0].Column == "instant", Page: c.Page,
	}
}

func scanRecord(row db.Row) (r wire.LoginRecord, err error) {
	var application sql.NullString
	var document string
	if err := row.Scan(&r.Instant, &r.UserID, &application, &r.IPAddress, &r.LoginID, &r.LoginIDType, &document); err != nil {
		return r, err
	}
	r.ApplicationID = wire.ID(application.String)
	var o origin
	err = json.Unmarshal([]byte(document), &o)
	r.Location = o.Location
	return r, err
}

func trimRecords(tx *db.Tx, before int64, limit int) (int64, error) {
	return tx.Exec(`DELETE FROM login_record WHERE id IN (SELECT id FROM login_record WHERE instant < $1 ORDER BY instant LIMIT $2)`, before, limit)
}

func countRecords(tx *db.Tx, before int64) (n int64, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM login_record WHERE instant < $1`, before).Scan(&n)
	return n, err
}

// findDevice tells whether a user has logged in with a device, and with any other.
func findDevice(tx *db.Tx, user wire.ID, fingerprint string) (known, others bool, err error) {
	var n, all int
	err = tx.QueryRow(`SELECT COUNT(CASE WHEN fingerprint = $2 THEN 1 END), COUNT(*) FROM login_device WHERE user_id = $1`, user, fingerprint).Scan(&n, &all)
	return n > 0, all > n, err
}

func keepDevice(tx *db.Tx, user wire.ID, fingerprint string) error {
	_, err := tx.Exec(`INSERT INTO login_device (user_id, fingerprint, first_instant, last_instant) VALUES ($1, $2, $3, $3)
		ON CONFLICT (user_id, fingerprint) DO UPDATE SET last_instant = excluded.last_instant`, user, fingerprint, tx.NowMillis())
	if db.IsForeignKey(err) {
		return problem.ErrNotFound
	}
	return err
}

// countFailure begins anew when the last failure is longer ago than window, in milliseconds.
func countFailure(tx *db.Tx, user wire.ID, window int64) (failures int, err error) {
	err = tx.QueryRow(`INSERT INTO login_failure (user_id, failures, last_instant) VALUES ($1, 1, $2)
		ON CONFLICT (user_id) DO UPDATE SET
			failures     = CASE WHEN login_failure.last_instant > $3 THEN login_failure.failures + 1 ELSE 1 END,
			last_instant = excluded.last_instant
		RETURNING failures`, user, tx.NowMillis(), tx.NowMillis()-window).Scan(&failures)
	return failures, err
}

func forgetFailures(tx *db.Tx, user wire.ID) error {
	_, err := tx.Exec(`DELETE FROM login_failure WHERE user_id = $1`, user)
	return err
}
