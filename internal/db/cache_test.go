package db_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

const sizes = "sizes" // the topic of the tests

// total is a cache of the sum of all sizes, and counts how often that was computed.
func total(d *db.DB) (cache *db.Cache[int], loads *atomic.Int64) {
	loads = new(atomic.Int64)
	return db.NewCache(d, sizes, func(tx *db.Tx) (int, error) {
		loads.Add(1)
		return sum(tx)
	}), loads
}

func sum(tx *db.Tx) (n int, err error) {
	err = tx.QueryRow(`SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM item`).Scan(&n)
	return n, err
}

// add changes the sum.
func add(tx *db.Tx, n int) error {
	_, err := tx.Exec(`INSERT INTO item (id, size) VALUES ($1, $2)`, db.NewID(), n)
	return errors.Join(err, tx.Bump(sizes))
}

func wantTotal(t *testing.T, cache *db.Cache[int], want int) {
	t.Helper()
	if got, err := cache.Load(t.Context()); err != nil || got != want {
		t.Errorf("cached: %d, %v, want %d", got, err, want)
	}
}

func TestCache_Load(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		cache, loads := total(d)
		for range 3 {
			wantTotal(t, cache, 0)
		}
		if loads.Load() != 1 {
			t.Errorf("computed %d times, want once", loads.Load())
		}
		update(t, d, func(tx *db.Tx) error { return add(tx, 5) })
		for range 3 {
			wantTotal(t, cache, 5)
		}
		if loads.Load() != 2 {
			t.Errorf("computed %d times, want twice", loads.Load())
		}
		// Neither what failed nor another topic makes a difference.
		_ = d.Update(t.Context(), func(tx *db.Tx) error { return errors.Join(add(tx, 5), errRefused) })
		update(t, d, func(tx *db.Tx) error { return tx.Bump("other") })
		wantTotal(t, cache, 5)
		if loads.Load() != 2 {
			t.Errorf("computed %d times, want twice", loads.Load())
		}
	}, func(o *db.Options) { o.TuneStaleness(time.Hour) })
}

func TestCache_LoadIn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		cache, loads := total(d)
		want := func(tx *db.Tx, want int) {
			t.Helper()
			if got, err := cache.LoadIn(tx); err != nil || got != want {
				t.Errorf("in the transaction: %d, %v, want %d", got, err, want)
			}
		}
		update(t, d, func(tx *db.Tx) error { want(tx, 0); return nil })
		update(t, d, func(tx *db.Tx) error { want(tx, 0); return nil })
		if loads.Load() != 1 {
			t.Errorf("computed %d times, want once: what an Update computed is kept", loads.Load())
		}

		// A transaction sees its own changes, and keeps them to itself until they are committed.
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			if err := add(tx, 5); err != nil {
				return err
			}
			want(tx, 5)
			wantTotal(t, cache, 0)
			return errRefused
		})
		if !errors.Is(err, errRefused) {
			t.Error(err)
		}
		wantTotal(t, cache, 0)

		// The same when the bump follows later, or is never reached.
		update(t, d, func(tx *db.Tx) error { return tx.Bump(sizes) })
		_ = d.Update(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec(`INSERT INTO item (id, size) VALUES ('undone', 5)`); err != nil {
				return err
			}
			want(tx, 5)
			return errRefused
		})
		wantTotal(t, cache, 0)
		update(t, d, func(tx *db.Tx) error {
			want(tx, 0)
			if err := add(tx, 5); err != nil {
				return err
			}
			want(tx, 5)
			return nil
		})
		wantTotal(t, cache, 5)
		err = d.View(t.Context(), func(tx *db.Tx) error { want(tx, 5); return nil })
		if err != nil {
			t.Error(err)
		}

		// A snapshot from before a change does not get the value from after it.
		err = d.View(t.Context(), func(tx *db.Tx) error {
			if _, err := sum(tx); err != nil { // PostgreSQL takes the snapshot with the first statement
				return err
			}
			update(t, d, func(tx *db.Tx) error { return add(tx, 5) })
			wantTotal(t, cache, 10)
			want(tx, 5)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		wantTotal(t, cache, 10)
	})
}

func TestCache_LoadInABatch(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.SQLite)
	cache, _ := total(d)
	wantTotal(t, cache, 0)
	look := func(want int) func(*db.Tx) error {
		return func(tx *db.Tx) error {
			if got, err := cache.LoadIn(tx); err != nil || got != want {
				t.Errorf("in the batch: %d, %v, want %d", got, err, want)
			}
			return nil
		}
	}
	results := together(t, d,
		look(0),
		func(tx *db.Tx) error { return add(tx, 5) },
		look(5), // not committed, but what this job builds on
		func(tx *db.Tx) error { return errors.Join(add(tx, 7), errRefused) },
		look(5),
		func(*db.Tx) error { wantTotal(t, cache, 0); return nil },
	)
	results[3] = nil
	if err := errors.Join(results...); err != nil {
		t.Error(err)
	}
	wantTotal(t, cache, 5)
}

// While a commit that bumps is under way, its number does not tell yet whether a snapshot contains it.
func TestCache_LoadInDuringACommit(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.SQLite)
	cache, loads := total(d)
	look := func(tx *db.Tx) error { _, err := cache.LoadIn(tx); return err }
	view := func(fn func(tx *db.Tx) error) {
		t.Helper()
		if err := d.View(t.Context(), fn); err != nil {
			t.Error(err)
		}
	}
	view(func(before *db.Tx) error {
		end := d.BeginCommit(sizes)
		view(look)
		err := look(before)
		if loads.Load() != 2 {
			t.Errorf("computed %d times, want twice: a value of uncertain age is not for an older snapshot", loads.Load())
		}
		view(look)
		if loads.Load() != 3 {
			t.Errorf("computed %d times, want 3: nor is the older one's for a snapshot of uncertain age", loads.Load())
		}
		end()
		return err
	})
	view(look)
	view(look)
	if loads.Load() != 4 {
		t.Errorf("computed %d times, want 4: the commit has changed the value, nothing after it", loads.Load())
	}
}

func TestCache_LoadFails(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		fail := true
		cache := db.NewCache(d, sizes, func(*db.Tx) (int, error) {
			if fail {
				return 0, errRefused
			}
			return 7, nil
		})
		if _, err := cache.Load(t.Context()); !errors.Is(err, errRefused) {
			t.Errorf("Load = %v", err)
		}
		fail = false
		wantTotal(t, cache, 7)
	})
}

// While others change the sum, nobody ever gets a value that is older than what was committed when he asked, or another one
// than the tables of his transaction give.
func TestCache_BesideWriters(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		cache, _ := total(d)
		var committed atomic.Int64 // a lower bound of the sum
		var writers, readers sync.WaitGroup
		writing := make(chan struct{})
		for range 2 {
			writers.Go(func() {
				for range 60 {
					update(t, d, func(tx *db.Tx) error { return add(tx, 1) })
					committed.Add(1)
				}
			})
		}
		go func() { writers.Wait(); close(writing) }()
		for range 3 {
			readers.Go(func() {
				for done := false; !done; {
					select {
					case <-writing:
						done = true
					default:
					}
					least := int(committed.Load())
					if got, err := cache.Load(t.Context()); err != nil || got < least {
						t.Errorf("Load = %d, %v after %d were committed", got, err, least)
					}
					exact := func(tx *db.Tx) error {
						before, err := sum(tx)
						if err != nil {
							return err
						}
						got, err := cache.LoadIn(tx)
						if err != nil {
							return err
						}
						after, err := sum(tx)
						if got < before || got > after {
							t.Errorf("LoadIn = %d, but the tables say %d, then %d", got, before, after)
						}
						return err
					}
					if err := errors.Join(d.View(t.Context(), exact), d.Update(t.Context(), exact)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		readers.Wait()
		wantTotal(t, cache, 120)
	}, func(o *db.Options) { o.TuneStaleness(time.Hour) })
}

func TestCache_ChangedByAnotherProcess(t *testing.T) {
	t.Parallel()
	mine := withTable(t, db.PostgreSQL, func(o *db.Options) { o.TuneStaleness(time.Hour) })
	other := second(t, mine)
	cache, loads := total(mine)
	wantTotal(t, cache, 0)
	update(t, other, func(tx *db.Tx) error { return add(tx, 5) })

	wantTotal(t, cache, 0) // allowed for a while, which is an hour here
	update(t, mine, func(tx *db.Tx) error {
		if got, err := cache.LoadIn(tx); err != nil || got != 5 {
			t.Errorf("LoadIn = %d, %v, want 5: it is exact", got, err)
		}
		return nil
	})
	wantTotal(t, cache, 5)
	if loads.Load() != 2 {
		t.Errorf("computed %d times, want twice", loads.Load())
	}
}

func TestCache_StalenessEnds(t *testing.T) {
	t.Parallel()
	mine := withTable(t, db.PostgreSQL, func(o *db.Options) { o.TuneStaleness(time.Nanosecond) })
	other := second(t, mine)
	cache, loads := total(mine)
	wantTotal(t, cache, 0)
	wantTotal(t, cache, 0)
	if loads.Load() != 1 {
		t.Errorf("computed %d times, want once: a look at the revision is enough", loads.Load())
	}
	update(t, other, func(tx *db.Tx) error { return add(tx, 5) })
	wantTotal(t, cache, 5)
}

// second opens the same PostgreSQL database once more, as another process would.
func second(t *testing.T, d *db.DB) *db.DB {
	t.Helper()
	other, err := db.Open(t.Context(), dbtest.OptionsOf(t, d))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	return other
}
