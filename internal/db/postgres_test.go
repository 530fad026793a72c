package db_test

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

func TestPostgres_Unreachable(t *testing.T) {
	t.Parallel()
	const password = "planted-secret"
	for name, address := range map[string]string{
		"nobody listens": "postgres://herald:" + password + "@127.0.0.1:1/herald",
		"no socket":      "postgres:///herald?user=herald&password=" + password + "&host=" + url.QueryEscape(filepath.Join(t.TempDir(), "none")),
	} {
		_, err := db.Open(t.Context(), db.Options{URL: address})
		wantSentence(t, err, `The PostgreSQL database "herald" at`, "cannot be reached")
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), password) {
				t.Errorf("%s: the error contains the password: %v", name, err)
			}
		}
	}
	for _, address := range []string{
		"postgres://herald:" + password + "@host:port/herald",
		"postgres://herald:" + password + "%zz@host/herald",
		"password=" + password + " nonsense",
	} {
		_, err := db.Open(t.Context(), db.Options{URL: address})
		wantSentence(t, err, "The address of the PostgreSQL database cannot be read")
		if strings.Contains(err.Error(), password) {
			t.Errorf("the error contains the password: %v", err)
		}
	}
}

func TestPostgres_NoSuchDatabase(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(dbtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	address.Path = "/missing"
	_, err = db.Open(t.Context(), db.Options{URL: address.String()})
	wantSentence(t, err, `database "missing" does not exist`)
}

func TestPostgres_ConcurrentStart(t *testing.T) {
	t.Parallel()
	o := dbtest.Options(t, db.PostgreSQL)
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	update(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`DROP SCHEMA public CASCADE`)
		if err == nil {
			_, err = tx.Exec(`CREATE SCHEMA public`)
		}
		return err
	})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d, err := db.Open(t.Context(), o)
			if err != nil {
				t.Errorf("Open beside others: %v", err)
				return
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestPostgres_RetriesWhatOthersBroke(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		d := withTable(t, db.PostgreSQL)
		conflict := &pgconn.PgError{Code: code}
		attempts := 0
		update(t, d, func(tx *db.Tx) error {
			attempts++
			if attempts < 3 {
				tx.AfterCommit(func() { t.Error("an attempt that failed has been committed") })
				return errors.Join(insert(tx, "x"), conflict)
			}
			return insert(tx, "x")
		})
		if attempts != 3 || d.Stats().Retries != 2 {
			t.Errorf("%s: %d attempts, %d retries, want 3 and 2", code, attempts, d.Stats().Retries)
		}
		wantIDs(t, d, "x")

		attempts = 0
		err := d.Update(t.Context(), func(tx *db.Tx) error { attempts++; return conflict })
		if !db.IsRetryable(err) || attempts != 4 {
			t.Errorf("%s: Update = %v after %d attempts, want the conflict after 4", code, err, attempts)
		}
	}
}

func TestPostgres_IgnoredErrorIsNotCommitted(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.PostgreSQL)
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		_ = insert(tx, "x")
		_ = insert(tx, "x")
		return nil
	})
	if err == nil {
		t.Error("Update = nil, although the server has rolled back")
	}
	wantIDs(t, d)
}
