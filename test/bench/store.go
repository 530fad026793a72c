package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

// store is an empty, durable store for one server, or for several on PostgreSQL, and a look into it beside them.
type store struct {
	engine db.Engine
	folder string // data of the server
	url    string // of the database, on PostgreSQL
	remove func()
	look   *sql.DB // nil until the first question
}

func newStore(ctx context.Context, engine db.Engine) (*store, error) {
	o, remove, err := dbtest.Temporary(ctx, engine)
	if err != nil {
		return nil, err
	}
	s := &store{engine: engine, folder: o.Dir, url: o.URL, remove: remove}
	if engine == db.SQLite {
		return s, nil
	}
	// The tests' address has a small pool, so that many fit on one server. Here the default counts.
	address, err := url.Parse(o.URL)
	if err == nil {
		query := address.Query()
		query.Del("pool_max_conns")
		address.RawQuery = query.Encode()
		s.url = address.String()
		s.folder, err = os.MkdirTemp("", "herald-")
	}
	if err != nil {
		remove()
		return nil, err
	}
	s.remove = func() {
		remove()
		_ = os.RemoveAll(s.folder)
	}
	return s, nil
}

// close removes the store. Its servers must have ended.
func (s *store) close() {
	if s.look != nil {
		_ = s.look.Close()
	}
	s.remove()
}

// open is a connection that only reads; the servers do not know of it.
func (s *store) open() (*sql.DB, error) {
	if s.look != nil {
		return s.look, nil
	}
	driver, source := "pgx", s.url
	if s.engine == db.SQLite {
		driver = "sqlite"
		source = (&url.URL{Scheme: "file", Path: filepath.Join(s.folder, "herald.db"), RawQuery: "mode=ro&_pragma=busy_timeout(10000)"}).String()
	}
	look, err := sql.Open(driver, source)
	if err != nil {
		return nil, err
	}
	look.SetMaxOpenConns(1)
	s.look = look
	return look, nil
}

// owes tells whether a delivery to the webhook is not on record as done.
func (s *store) owes(ctx context.Context, webhook string) (owes bool, err error) {
	look, err := s.open()
	if err != nil {
		return false, err
	}
	// The condition repeats that of the index of what is open, so that SQLite uses it.
	err = look.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM delivery WHERE webhook_id = $1 AND state <> 'delivered' AND state IN ('pending', 'retrying'))`,
		webhook).Scan(&owes)
	return owes, err
}

// describe says for an error what is still owed to the webhook.
func (s *store) describe(ctx context.Context, webhook string) string {
	look, err := s.open()
	if err != nil {
		return err.Error()
	}
	rows, err := look.QueryContext(ctx, `SELECT state, attempts, COALESCE(claimed_by, 'nobody'), MIN(due_instant), COUNT(*) FROM delivery
		WHERE webhook_id = $1 AND state <> 'delivered' GROUP BY state, attempts, COALESCE(claimed_by, 'nobody')`, webhook)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	said := "on record as open:"
	for rows.Next() {
		var state, claimer string
		var attempts, due, n int64
		if err := rows.Scan(&state, &attempts, &claimer, &due, &n); err != nil {
			return err.Error()
		}
		said += fmt.Sprintf(" %d %s after %d attempts, claimed by %s, due from %d;", n, state, attempts, claimer, due)
	}
	if err := rows.Err(); err != nil {
		return err.Error()
	}
	return said
}

// attempts is how many attempts are on record.
func (s *store) attempts(ctx context.Context, webhook string) (n int64, err error) {
	look, err := s.open()
	if err != nil {
		return 0, err
	}
	err = look.QueryRowContext(ctx, `SELECT COUNT(*) FROM attempt WHERE webhook_id = $1`, webhook).Scan(&n)
	return n, err
}

// cpu is what the database server has used so far: all of its processes. It is 0 on SQLite, which is part of Herald, and unknown for a server elsewhere.
func (s *store) cpu(ctx context.Context) (time.Duration, bool) {
	if s.engine == db.SQLite {
		return 0, false
	}
	look, err := s.open()
	if err != nil {
		return 0, false
	}
	var ours int
	if err := look.QueryRowContext(ctx, `SELECT pg_backend_pid()`).Scan(&ours); err != nil {
		return 0, false
	}
	process, ok := statOf(ours)
	if !ok || process.name != "postgres" {
		return 0, false
	}
	return cpuOfFamily(process.parent)
}
