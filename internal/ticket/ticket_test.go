package ticket_test

import (
	"bytes"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/ticket"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	ada   = wire.ID("a0000000-0000-4000-8000-00000000000a")
	bob   = wire.ID("b0000000-0000-4000-8000-00000000000b")
	life  = time.Minute
	plain = "the planted content"
)

var start = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// store is a store with two users, and a clock that stands still until it is moved.
type store struct {
	*db.DB

	t      *testing.T
	now    *atomic.Int64
	office *ticket.Office
}

func each(t *testing.T, fn func(t *testing.T, s *store)) {
	t.Helper()
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			s := &store{t: t, now: &atomic.Int64{}}
			s.now.Store(start.UnixMilli())
			s.DB = dbtest.Open(t, engine, dbtest.WithClock(func() time.Time { return time.UnixMilli(s.now.Load()) }))
			sealer := key.NewSealer(bytes.Repeat([]byte{7}, key.Size))
			s.office = ticket.NewOffice(sealer)
			if err := tenant.New(s.DB, sealer).Bootstrap(t.Context(), "d0000000-0000-4000-8000-00000000000d"); err != nil {
				t.Fatal(err)
			}
			s.do(func(tx *db.Tx) error {
				for _, id := range []wire.ID{ada, bob} {
					if _, err := tx.Exec(`INSERT INTO users (id, tenant_id, active, document, version, insert_instant, last_update_instant)
						VALUES ($1, 'd0000000-0000-4000-8000-00000000000d', TRUE, '{}', 1, 0, 0)`, string(id)); err != nil {
						return err
					}
				}
				return nil
			})
			fn(t, s)
		})
	}
}

func (s *store) do(fn func(tx *db.Tx) error) {
	s.t.Helper()
	if err := s.Update(s.t.Context(), fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) issue(id string, user wire.ID) {
	s.t.Helper()
	s.do(func(tx *db.Tx) error {
		_, err := s.office.Issue(tx, ticket.Challenge, id, user, map[string]string{"what": plain}, life)
		return err
	})
}

// found tells whether a ticket is worth anything.
func (s *store) found(kind ticket.Kind, id string) bool {
	s.t.Helper()
	err := s.View(s.t.Context(), func(tx *db.Tx) error {
		t, err := s.office.Find(tx, kind, id)
		if err != nil {
			return err
		}
		var content map[string]string
		if err := t.Content(&content); err != nil {
			return err
		}
		if content["what"] != plain {
			s.t.Errorf("content %v", content)
		}
		return nil
	})
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		s.t.Fatal(err)
	}
	return err == nil
}

func TestTicket_Life(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		id := ticket.NewID()
		if len(id) != 43 || id == ticket.NewID() {
			t.Errorf("id %q", id)
		}
		s.issue(id, ada)
		if !s.found(ticket.Challenge, id) || s.found(ticket.Trust, id) || s.found(ticket.Challenge, id+"x") {
			t.Error("the ticket is not found as what it is")
		}
		s.do(func(tx *db.Tx) error {
			rows, err := tx.Query(`SELECT hash || content FROM ticket`)
			all, err := db.Collect(rows, err, func(rows *sql.Rows) (one string, err error) { return one, rows.Scan(&one) })
			for _, row := range all {
				if strings.Contains(row, plain) || strings.Contains(row, id) {
					t.Errorf("the store can be read: %s", row)
				}
			}
			return err
		})
		s.now.Store(start.Add(life).UnixMilli())
		if s.found(ticket.Challenge, id) {
			t.Error("the ticket has not ended")
		}
		s.do(func(tx *db.Tx) error {
			if _, err := s.office.Lock(tx, ticket.Challenge, id); !errors.Is(err, problem.ErrNotFound) {
				t.Errorf("a ticket that has ended can be locked: %v", err)
			}
			n, err := ticket.Trim(tx)
			if n != 1 {
				t.Errorf("trimmed %d", n)
			}
			return err
		})
		err := s.Update(t.Context(), func(tx *db.Tx) error {
			_, err := s.office.Issue(tx, ticket.Code, "x", "c0000000-0000-4000-8000-00000000000c", nil, life)
			return err
		})
		if !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("a ticket for nobody: %v", err)
		}
	})
}

func TestTicket_IsSpentOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		s.issue("id", ada)
		var spent, lost atomic.Int64
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				err := s.Update(t.Context(), func(tx *db.Tx) error {
					c, err := s.office.Find(tx, ticket.Challenge, "id")
					if err != nil {
						return err
					}
					return c.Spend(tx)
				})
				switch {
				case err == nil:
					spent.Add(1)
				case errors.Is(err, problem.ErrNotFound):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if spent.Load() != 1 || lost.Load() != 7 {
			t.Errorf("%d spent it, %d were too late", spent.Load(), lost.Load())
		}
	})
}

// TestTicket_LockIsHeld has a transaction that looks at the count, waits until others want the ticket as well, and counts then. With a look that
// does not lock all of them would see the same count.
func TestTicket_LockIsHeld(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		s.issue("id", ada)
		var tries, void atomic.Int64
		var wait sync.WaitGroup
		inside := &atomic.Int64{}
		for range 12 {
			wait.Go(func() {
				err := s.Update(t.Context(), func(tx *db.Tx) error {
					c, err := s.office.Lock(tx, ticket.Challenge, "id")
					if err != nil {
						return err
					}
					if n := inside.Add(1); n != 1 {
						t.Errorf("%d have the ticket at once", n)
					}
					defer inside.Add(-1)
					if _, err := tx.Exists(`SELECT 1 FROM users`); err != nil { // a way to the database and back, for others to come between
						return err
					}
					return c.CountWrong(tx)
				})
				switch {
				case err == nil:
					tries.Add(1)
				case errors.Is(err, problem.ErrNotFound):
					void.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if tries.Load() != ticket.MaxWrong || void.Load() != 12-ticket.MaxWrong {
			t.Errorf("%d tries, %d refused", tries.Load(), void.Load())
		}
	})
}

func TestTicket_NewContentVoidsTheOld(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		s.issue("id", ada)
		s.do(func(tx *db.Tx) error {
			old, err := s.office.Find(tx, ticket.Challenge, "id")
			if err != nil {
				return err
			}
			other, err := s.office.Find(tx, ticket.Challenge, "id")
			if err != nil {
				return err
			}
			if err := other.Replace(tx, map[string]string{"what": plain}); err != nil {
				return err
			}
			if err := old.Spend(tx); !errors.Is(err, problem.ErrNotFound) {
				t.Errorf("an old code was spent: %v", err)
			}
			if err := old.Replace(tx, "x"); !errors.Is(err, problem.ErrNotFound) {
				t.Errorf("an old code was replaced: %v", err)
			}
			return other.CountWrong(tx)
		})
		s.issue("id", ada) // anew: the tries begin anew as well
		s.do(func(tx *db.Tx) error {
			c, err := s.office.Find(tx, ticket.Challenge, "id")
			if err == nil && c.Wrong != 0 {
				t.Errorf("%d wrong tries", c.Wrong)
			}
			return err
		})
		err := s.Update(t.Context(), func(tx *db.Tx) error {
			_, err := s.office.Issue(tx, ticket.Challenge, "id", bob, nil, life)
			return err
		})
		if !errors.Is(err, ticket.ErrTaken) {
			t.Errorf("somebody else's id: %v", err)
		}
		s.issue("other", bob)
		s.do(func(tx *db.Tx) error { return ticket.Revoke(tx, ada, ticket.Challenge, ticket.Trust) })
		if s.found(ticket.Challenge, "id") || !s.found(ticket.Challenge, "other") {
			t.Error("the wrong tickets were revoked")
		}
	})
}

func TestTicket_GuardCountsWhereNothingWasIssued(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		guard := func() (void bool) {
			s.do(func(tx *db.Tx) error {
				c, err := s.office.Guard(tx, ticket.Code, "id", ada, life)
				if err != nil {
					return err
				}
				void = c.Void()
				return c.CountWrong(tx)
			})
			return void
		}
		for i := range ticket.MaxWrong {
			if guard() {
				t.Fatalf("void after %d", i)
			}
		}
		if !guard() {
			t.Error("not void")
		}
		s.now.Store(start.Add(life).UnixMilli())
		if guard() {
			t.Error("void for ever")
		}
	})
}

func TestSame(t *testing.T) {
	t.Parallel()
	if ticket.Same("", "") || ticket.Same("1", "2") || !ticket.Same("12", "12") {
		t.Error("codes are compared wrongly")
	}
}

// A ticket may be nobody's, and those of a user are found, the newest first.
func TestTicket_Live(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		s.issue("nobody's", "")
		for i, id := range []string{"first", "second", "void", "third"} {
			s.now.Store(start.Add(time.Duration(i) * time.Second).UnixMilli())
			s.issue(id, ada)
		}
		s.issue("bob's", bob)
		live := func() (ids []string) {
			t.Helper()
			s.do(func(tx *db.Tx) error {
				all, err := s.office.Live(tx, ticket.Challenge, ada)
				ids = nil
				for _, found := range all {
					if found.User != ada {
						t.Errorf("a ticket of %q", found.User)
					}
					var content map[string]string
					if err := found.Content(&content); err != nil || content["what"] != plain {
						t.Errorf("content %v, %v", content, err)
					}
					for _, id := range []string{"first", "second", "third", "void", "bob's", "nobody's"} {
						if same, err := s.office.Find(tx, ticket.Challenge, id); err == nil && same.Name() == found.Name() {
							ids = append(ids, id)
						}
					}
				}
				return err
			})
			return ids
		}
		if got := live(); !slices.Equal(got, []string{"third", "void", "second", "first"}) {
			t.Errorf("live %v", got)
		}
		s.do(func(tx *db.Tx) error {
			for range ticket.MaxWrong {
				void, err := s.office.Lock(tx, ticket.Challenge, "void")
				if err != nil {
					return err
				}
				if err := void.CountWrong(tx); err != nil {
					return err
				}
			}
			return nil
		})
		s.now.Store(start.Add(life).UnixMilli()) // of the first
		if got := live(); !slices.Equal(got, []string{"third", "second"}) {
			t.Errorf("live %v", got)
		}
		s.now.Store(start.UnixMilli())
		s.do(func(tx *db.Tx) error {
			found, err := s.office.Lock(tx, ticket.Challenge, "nobody's")
			if err != nil {
				return err
			}
			if found.User != "" {
				t.Errorf("nobody's ticket is that of %q", found.User)
			}
			return found.Spend(tx)
		})
		if s.found(ticket.Challenge, "nobody's") {
			t.Error("a ticket that was spent is there")
		}
	})
}
