package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// each is dbtest.Each with a table to write to, and with SQLite's batches as large as they get.
func each(t *testing.T, fn func(t *testing.T, d *db.DB), options ...dbtest.Option) {
	t.Helper()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			fn(t, withTable(t, engine, options...))
		})
	}
}

func withTable(t testing.TB, engine db.Engine, options ...dbtest.Option) *db.DB {
	t.Helper()
	d := dbtest.Open(t, engine, append(options, (*db.Options).TuneBatches)...)
	update(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`CREATE TABLE item (
			id     TEXT PRIMARY KEY,
			name   TEXT UNIQUE,
			parent TEXT REFERENCES item (id),
			size   BIGINT NOT NULL DEFAULT 0)`)
		return err
	})
	return d
}

func update(t testing.TB, d *db.DB, fn func(*db.Tx) error) {
	t.Helper()
	if err := d.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func insert(tx *db.Tx, id string) error {
	_, err := tx.Exec(`INSERT INTO item (id) VALUES ($1)`, id)
	return err
}

// ids returns what is committed.
func ids(t testing.TB, d *db.DB) (all []string) {
	t.Helper()
	err := d.View(t.Context(), func(tx *db.Tx) (err error) {
		all, err = idsIn(tx)
		return err
	})
	if err != nil {
		t.Fatalf("View: %v", err)
	}
	return all
}

func idsIn(tx *db.Tx) ([]string, error) {
	rows, err := tx.Query(`SELECT id FROM item ORDER BY id`)
	return db.Collect(rows, err, func(rows *sql.Rows) (id string, err error) {
		return id, rows.Scan(&id)
	})
}

func wantIDs(t testing.TB, d *db.DB, want ...string) {
	t.Helper()
	if got := ids(t, d); !slices.Equal(got, want) {
		t.Errorf("stored: %q, want %q", got, want)
	}
}

var errRefused = errors.New("refused")

// together runs the jobs in one batch of SQLite's writer (on PostgreSQL at the same time) and returns their results. An
// additional first job keeps the writer until all the others wait for it.
func together(t *testing.T, d *db.DB, jobs ...func(*db.Tx) error) []error {
	t.Helper()
	begun, open := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = d.Update(t.Context(), func(*db.Tx) error {
			close(begun)
			<-open
			return nil
		})
	})
	<-begun
	results := make([]error, len(jobs))
	for i, job := range jobs {
		wg.Go(func() { results[i] = d.Update(t.Context(), job) })
		if d.Engine() == db.SQLite {
			waitFor(t, func() bool { return d.Waiting() == i+1 }) // one after the other: their order is known
		}
	}
	close(open)
	wg.Wait()
	return results
}

// waitFor waits for something that has no signal.
func waitFor(t testing.TB, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !happened(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

func TestUpdate_CommitsOnNilAndOnlyThen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		update(t, d, func(tx *db.Tx) error { return insert(tx, "kept") })
		wantIDs(t, d, "kept")

		err := d.Update(t.Context(), func(tx *db.Tx) error {
			if err := insert(tx, "undone"); err != nil {
				return err
			}
			if own, err := idsIn(tx); err != nil || len(own) != 2 {
				t.Errorf("the transaction sees %q of its own changes, %v", own, err)
			}
			return errRefused
		})
		if !errors.Is(err, errRefused) {
			t.Errorf("Update = %v, want fn's error", err)
		}
		wantIDs(t, d, "kept")
	})
}

func TestUpdate_SharesCommits(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.SQLite)
	before := d.Stats()
	jobs := make([]func(*db.Tx) error, 50)
	for i := range jobs {
		jobs[i] = func(tx *db.Tx) error { return insert(tx, fmt.Sprint(i)) }
	}
	for i, err := range together(t, d, jobs...) {
		if err != nil {
			t.Errorf("job %d: %v", i, err)
		}
	}
	after := d.Stats()
	if updates, commits := after.Updates-before.Updates, after.Commits-before.Commits; updates != 51 || commits != 1 {
		t.Errorf("%d updates took %d commits, want 51 and 1", updates, commits)
	}
	if got := ids(t, d); len(got) != 50 {
		t.Errorf("%d rows are stored, want 50", len(got))
	}
}

func TestUpdate_LargeBatchesEnd(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.SQLite)
	before := d.Stats().Commits
	jobs := make([]func(*db.Tx) error, 256) // and the one that makes them wait: one more than a batch takes
	for i := range jobs {
		jobs[i] = func(tx *db.Tx) error { return insert(tx, fmt.Sprint(i)) }
	}
	if err := errors.Join(together(t, d, jobs...)...); err != nil {
		t.Fatal(err)
	}
	if commits := d.Stats().Commits - before; commits != 2 {
		t.Errorf("257 updates took %d commits, want 2", commits)
	}
}

func TestUpdate_ErrorConcernsNobodyElse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		results := together(t, d,
			func(tx *db.Tx) error { return insert(tx, "a") },
			func(tx *db.Tx) error { return errors.Join(insert(tx, "refused"), errRefused) },
			func(tx *db.Tx) error { return insert(tx, "b") },
			func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO item (id, parent) VALUES ('orphan', 'x')`)
				return err
			},
			func(tx *db.Tx) error { _, err := tx.Exec(`not SQL`); return err },
			func(tx *db.Tx) error { return insert(tx, "c") },
		)
		for _, i := range []int{0, 2, 5} {
			if results[i] != nil {
				t.Errorf("job %d: %v", i, results[i])
			}
		}
		if !errors.Is(results[1], errRefused) || !db.IsForeignKey(results[3]) || results[4] == nil {
			t.Errorf("the failed jobs got %v; %v; %v", results[1], results[3], results[4])
		}
		wantIDs(t, d, "a", "b", "c")
	})
}

func TestUpdate_AllFail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		refuse := func(tx *db.Tx) error { return errors.Join(insert(tx, "x"), errRefused) }
		if err := d.Update(t.Context(), refuse); !errors.Is(err, errRefused) {
			t.Errorf("Update = %v", err)
		}
		update(t, d, func(tx *db.Tx) error { return insert(tx, "after") })
		wantIDs(t, d, "after")
	})
}

func TestUpdate_PanicStaysWithItsCaller(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		var recovered any
		results := together(t, d,
			func(tx *db.Tx) error { return insert(tx, "a") },
		)
		func() {
			defer func() { recovered = recover() }()
			_ = d.Update(t.Context(), func(tx *db.Tx) error {
				_ = insert(tx, "undone")
				panic("broken")
			})
		}()
		if recovered != "broken" {
			t.Errorf("recovered %v, want the panic's value", recovered)
		}
		// What t.FailNow does in a test's fn.
		exited := make(chan struct{})
		go func() {
			defer close(exited)
			_ = d.Update(context.WithoutCancel(t.Context()), func(tx *db.Tx) error {
				_ = insert(tx, "undone, too")
				runtime.Goexit()
				return nil
			})
		}()
		<-exited
		update(t, d, func(tx *db.Tx) error { return insert(tx, "b") })
		if results[0] != nil {
			t.Error(results[0])
		}
		wantIDs(t, d, "a", "b")
	})
}

func TestUpdate_PanicInABatch(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.SQLite)
	var inside error
	results := together(t, d,
		func(tx *db.Tx) error { return insert(tx, "a") },
		func(tx *db.Tx) error { return insert(tx, "b") },
	)
	begun, open, done := make(chan struct{}), make(chan struct{}), make(chan any)
	go func() {
		defer func() { done <- recover() }()
		_ = d.Update(context.WithoutCancel(t.Context()), func(tx *db.Tx) error {
			inside = insert(tx, "undone")
			close(begun)
			<-open
			panic("broken")
		})
	}()
	<-begun
	other := make(chan error)
	go func() {
		other <- d.Update(context.WithoutCancel(t.Context()), func(tx *db.Tx) error { return insert(tx, "c") })
	}()
	waitFor(t, func() bool { return d.Waiting() == 1 })
	close(open)
	if got := <-done; got != "broken" {
		t.Errorf("recovered %v", got)
	}
	if err := errors.Join(append(results, inside, <-other)...); err != nil {
		t.Error(err)
	}
	wantIDs(t, d, "a", "b", "c")
}

func TestUpdate_ContextEndedBeforeItBegan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 50 { // it once depended on which goroutine was first
			err := d.Update(ctx, func(*db.Tx) error { t.Error("fn ran"); return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Update = %v", err)
			}
		}
	})
}

func TestUpdate_ContextEndedWhileItWaited(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.SQLite)
	begun, open, first := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		first <- d.Update(context.WithoutCancel(t.Context()), func(tx *db.Tx) error {
			close(begun)
			<-open
			return insert(tx, "first")
		})
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	go func() { second <- d.Update(ctx, func(*db.Tx) error { t.Error("fn ran"); return nil }) }()
	waitFor(t, func() bool { return d.Waiting() == 1 })
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) { // while the first still holds the writer
		t.Errorf("Update = %v", err)
	}
	close(open)
	if err := <-first; err != nil {
		t.Error(err)
	}
	wantIDs(t, d, "first")
}

func TestUpdate_ContextEndedAfterItBegan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := d.Update(ctx, func(tx *db.Tx) error {
			if err := insert(tx, "before"); err != nil {
				return err
			}
			cancel()
			return insert(tx, "after")
		})
		if d.Engine() == db.SQLite {
			// Others are in the same commit: what began is finished, and the caller told so.
			if err != nil {
				t.Errorf("Update = %v", err)
			}
			wantIDs(t, d, "after", "before")
		} else {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Update = %v", err)
			}
			wantIDs(t, d)
		}
	})
}

func TestUpdate_ContextEndedBeforeTheCommit(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.PostgreSQL)
	ctx, cancel := context.WithCancel(t.Context())
	err := d.Update(ctx, func(tx *db.Tx) error {
		defer cancel()
		return insert(tx, "x")
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v", err)
	}
	wantIDs(t, d)
}

func TestAfterCommit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		var ran []string
		update(t, d, func(tx *db.Tx) error {
			tx.AfterCommit(func() {
				wantIDs(t, d, "a") // committed, for others to see
				ran = append(ran, "first")
			})
			tx.AfterCommit(func() {
				// A transaction of its own is fine here.
				update(t, d, func(tx *db.Tx) error { return insert(tx, "b") })
				ran = append(ran, "second")
			})
			if len(ran) != 0 {
				t.Error("a function ran before the commit")
			}
			return insert(tx, "a")
		})
		if want := []string{"first", "second"}; !slices.Equal(ran, want) {
			t.Errorf("ran %q before Update returned, want %q", ran, want)
		}

		never := func() { t.Error("ran although nothing was committed") }
		_ = d.Update(t.Context(), func(tx *db.Tx) error { tx.AfterCommit(never); return errRefused })
		_ = d.Update(t.Context(), func(tx *db.Tx) error { tx.AfterCommit(never); return insert(tx, "a") })
		_ = d.View(t.Context(), func(tx *db.Tx) error { tx.AfterCommit(never); return nil })
		update(t, d, func(tx *db.Tx) error {
			_ = tx.Savepoint(func() error { tx.AfterCommit(never); return errRefused })
			return nil
		})
	})
}

func TestSavepoint(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		update(t, d, func(tx *db.Tx) error {
			if err := insert(tx, "outer"); err != nil {
				return err
			}
			err := tx.Savepoint(func() error {
				if err := tx.Savepoint(func() error { return insert(tx, "inner, kept by its own part") }); err != nil {
					return err
				}
				return errRefused
			})
			if !errors.Is(err, errRefused) {
				t.Errorf("Savepoint = %v", err)
			}
			// A duplicate does not end the transaction, on PostgreSQL neither.
			if err := tx.Savepoint(func() error { return insert(tx, "outer") }); !db.IsDuplicate(err) {
				t.Errorf("Savepoint = %v, want a duplicate", err)
			}
			return tx.Savepoint(func() error { return insert(tx, "kept") })
		})
		wantIDs(t, d, "kept", "outer")
	})
}

func TestIsDuplicate_IsForeignKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		update(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO item (id, name) VALUES ('parent', 'taken')`)
			return err
		})
		update(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO item (id, name, parent) VALUES ('child', 'free', 'parent')`)
			return err
		})
		for _, c := range []struct {
			name, statement       string
			duplicate, foreignKey bool
		}{
			{"primary key", `INSERT INTO item (id) VALUES ('parent')`, true, false},
			{"unique", `INSERT INTO item (id, name) VALUES ('other', 'taken')`, true, false},
			{"unique by update", `UPDATE item SET name = 'taken' WHERE id = 'child'`, true, false},
			{"no parent", `INSERT INTO item (id, parent) VALUES ('other', 'nobody')`, false, true},
			{"has children", `DELETE FROM item WHERE id = 'parent'`, false, true},
			{"null", `UPDATE item SET size = NULL`, false, false},
			{"syntax", `INSERT INTO`, false, false},
		} {
			err := d.Update(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(c.statement)
				return fmt.Errorf("wrapped: %w", err)
			})
			if db.IsDuplicate(err) != c.duplicate || db.IsForeignKey(err) != c.foreignKey || db.IsRetryable(err) {
				t.Errorf("%s: duplicate %t, foreign key %t, retryable %t: %v",
					c.name, db.IsDuplicate(err), db.IsForeignKey(err), db.IsRetryable(err), err)
			}
		}
		if db.IsDuplicate(nil) || db.IsForeignKey(errRefused) || db.IsRetryable(nil) {
			t.Error("nil and other errors are classified")
		}
	})
}

func TestView_SeesOneSnapshot(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		update(t, d, func(tx *db.Tx) error { return insert(tx, "a") })
		err := d.View(t.Context(), func(tx *db.Tx) error {
			if d.Engine() == db.PostgreSQL { // whose snapshot is taken by the first statement
				if _, err := idsIn(tx); err != nil {
					return err
				}
			}
			update(t, d, func(tx *db.Tx) error { return insert(tx, "b") })
			if got, err := idsIn(tx); err != nil || !slices.Equal(got, []string{"a"}) {
				t.Errorf("the snapshot moved: %q, %v", got, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		wantIDs(t, d, "a", "b")
	})
}

func TestView_DoesNotWaitForWriters(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		update(t, d, func(tx *db.Tx) error {
			if err := insert(tx, "a"); err != nil {
				return err
			}
			wantIDs(t, d) // in the middle of the change
			return nil
		})
		wantIDs(t, d, "a")
	})
}

func TestView_CannotWrite(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		err := d.View(t.Context(), func(tx *db.Tx) error {
			if err := tx.Bump("topic"); err == nil {
				t.Error("Bump works in a View")
			}
			return insert(tx, "a")
		})
		if err == nil {
			t.Error("an insert works in a View")
		}
		wantIDs(t, d)
	})
}

func TestView_ContextEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		for range 20 { // more than there are connections: they are not lost
			ctx, cancel := context.WithCancel(t.Context())
			err := d.View(ctx, func(tx *db.Tx) error {
				cancel()
				_, err := idsIn(tx)
				return err
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("View = %v", err)
			}
		}
		wantIDs(t, d)
	})
}

func TestTx_OneInstant(t *testing.T) {
	t.Parallel()
	instant := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.FixedZone("", 3600))
	each(t, func(t *testing.T, d *db.DB) {
		want := time.Date(2026, 3, 1, 11, 0, 0, 123_000_000, time.UTC)
		look := func(tx *db.Tx) error {
			if again := tx.Now(); tx.Now() != want || tx.NowMillis() != want.UnixMilli() || again != want {
				t.Errorf("Now = %v, NowMillis = %d", tx.Now(), tx.NowMillis())
			}
			if tx.Engine() != d.Engine() {
				t.Errorf("Engine = %s", tx.Engine())
			}
			return nil
		}
		update(t, d, look)
		if err := d.View(t.Context(), look); err != nil {
			t.Error(err)
		}
	}, dbtest.WithClock(func() time.Time { instant = instant.Add(1); return instant }))
}

func TestTx_CannotBeKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		var kept *db.Tx
		update(t, d, func(tx *db.Tx) error { kept = tx; return nil })
		check := func() {
			t.Helper()
			var n int
			_, query := kept.Query(`SELECT id FROM item`)
			if insert(kept, "x") == nil || query == nil || kept.QueryRow(`SELECT 1`).Scan(&n) == nil || kept.Bump("x") == nil {
				t.Error("a transaction works after its end")
			}
		}
		check()
		if err := d.View(t.Context(), func(tx *db.Tx) error { kept = tx; return nil }); err != nil {
			t.Error(err)
		}
		check()
		wantIDs(t, d)
	})
}

func TestTx_RowsLeftOpen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		update(t, d, func(tx *db.Tx) error { return errors.Join(insert(tx, "a"), insert(tx, "b")) })
		leave := func(tx *db.Tx) error {
			rows, err := tx.Query(`SELECT id FROM item`)
			if err == nil {
				rows.Next()
			}
			return err
		}
		for range 20 {
			if err := errors.Join(d.Update(t.Context(), leave), d.View(t.Context(), leave)); err != nil {
				t.Fatal(err)
			}
		}
		update(t, d, func(tx *db.Tx) error { return insert(tx, "c") })
		wantIDs(t, d, "a", "b", "c")
	})
}

func TestTx_TheSameQueryWithinItself(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.SQLite) // PostgreSQL's connections run one query at a time
	update(t, d, func(tx *db.Tx) error {
		for _, id := range []string{"a", "b", "c"} {
			if err := insert(tx, id); err != nil {
				return err
			}
		}
		var pairs []string
		const query = `SELECT id FROM item ORDER BY id`
		outer, err := tx.Query(query)
		if err != nil {
			return err
		}
		defer outer.Close()
		for outer.Next() {
			var a string
			if err := outer.Scan(&a); err != nil {
				return err
			}
			inner, err := idsIn(tx)
			if err != nil {
				return err
			}
			for _, b := range inner {
				pairs = append(pairs, a+b)
			}
		}
		if want := []string{"aa", "ab", "ac", "ba", "bb", "bc", "ca", "cb", "cc"}; !slices.Equal(pairs, want) {
			t.Errorf("pairs: %q, want %q", pairs, want)
		}
		return outer.Err()
	})
}

func TestTx_ManyStatements(t *testing.T) {
	t.Parallel()
	d := withTable(t, db.SQLite)
	update(t, d, func(tx *db.Tx) error {
		for i := range 1500 {
			var n int
			if err := tx.QueryRow(fmt.Sprintf(`SELECT %d`, i)).Scan(&n); err != nil || n != i {
				return fmt.Errorf("SELECT %d = %d, %w", i, n, err)
			}
		}
		return nil
	})
	if n := d.WriterStatements(); n > 500 {
		t.Errorf("%d statements are kept", n)
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		update(t, d, func(tx *db.Tx) error { return errors.Join(insert(tx, "a"), insert(tx, "b")) })
		err := d.View(t.Context(), func(tx *db.Tx) error {
			rows, err := tx.Query(`SELECT id FROM item`)
			if _, err = db.Collect(rows, err, func(*sql.Rows) (int, error) { return 0, errRefused }); !errors.Is(err, errRefused) {
				t.Errorf("Collect = %v, want scan's error", err)
			}
			rows, err = tx.Query(`SELECT id FROM item WHERE id = $1`, "nobody")
			none, err := db.Collect(rows, err, func(*sql.Rows) (int, error) { return 0, nil })
			if none != nil || err != nil {
				t.Errorf("Collect of nothing = %v, %v", none, err)
			}
			if err := tx.QueryRow(`SELECT id FROM item WHERE id = $1`, "nobody").Scan(new(string)); !errors.Is(err, db.ErrNoRows) {
				t.Errorf("Scan of nothing = %v", err)
			}
			rows, err = tx.Query(`SELECT nonsense FROM item`)
			if _, err := db.Collect(rows, err, func(*sql.Rows) (int, error) { return 0, nil }); err == nil {
				t.Error("Collect lost the query's error")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestByID(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		var all []wire.ID // more than one statement names
		update(t, d, func(tx *db.Tx) error {
			for i := range 1200 {
				id := fmt.Sprintf("%04d", i)
				all = append(all, wire.ID(id))
				if err := insert(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		slices.Reverse(all)
		asked := slices.Concat([]wire.ID{"nobody", "0007"}, all, []wire.ID{"0007"})
		want := slices.Concat([]wire.ID{"0007"}, slices.DeleteFunc(slices.Clone(all), func(id wire.ID) bool { return id == "0007" }))
		err := d.View(t.Context(), func(tx *db.Tx) error {
			read := func(ids []wire.ID) ([]wire.ID, error) {
				return db.ByID(tx, `SELECT id FROM item`, `id`, ids, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) },
					func(id wire.ID) wire.ID { return id })
			}
			got, err := read(asked)
			if !slices.Equal(got, want) {
				t.Errorf("%d ids found %d rows, beginning with %v", len(asked), len(got), got[:min(5, len(got))])
			}
			none, errNone := read(nil)
			if len(none) != 0 {
				t.Errorf("no ids found %v", none)
			}
			return errors.Join(err, errNone)
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestForUpdateSkipLocked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		update(t, d, func(tx *db.Tx) error { return errors.Join(insert(tx, "a"), insert(tx, "b")) })
		claim := func(tx *db.Tx) (id string, err error) {
			err = tx.QueryRow(`UPDATE item SET size = 1 WHERE id =
				(SELECT id FROM item WHERE size = 0 ORDER BY id LIMIT 1` + tx.ForUpdateSkipLocked() + `) RETURNING id`).Scan(&id)
			return id, err
		}
		update(t, d, func(tx *db.Tx) error {
			first, err := claim(tx)
			if err != nil {
				return err
			}
			if d.Engine() == db.PostgreSQL {
				update(t, d, func(other *db.Tx) error { // does not wait, and does not get the same
					second, err := claim(other)
					if second == first {
						t.Errorf("%q was claimed twice", first)
					}
					return err
				})
			}
			return nil
		})
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		begun, open := make(chan struct{}), make(chan struct{})
		running, closed := make(chan error), make(chan error)
		go func() {
			running <- d.Update(context.WithoutCancel(t.Context()), func(tx *db.Tx) error {
				close(begun)
				<-open
				return insert(tx, "a")
			})
		}()
		<-begun
		go func() { closed <- d.Close() }()
		// Refused as soon as Close has begun, which has no signal of its own.
		waitFor(t, func() bool {
			return errors.Is(d.View(t.Context(), func(*db.Tx) error { return nil }), db.ErrClosed)
		})
		select {
		case <-closed:
			t.Error("Close did not wait for the transaction under way")
		default:
		}
		if err := d.Update(t.Context(), func(*db.Tx) error { return nil }); !errors.Is(err, db.ErrClosed) {
			t.Errorf("Update while closing = %v", err)
		}
		close(open)
		if err := errors.Join(<-running, <-closed); err != nil {
			t.Error(err)
		}
		if err := d.Update(t.Context(), func(*db.Tx) error { return nil }); !errors.Is(err, db.ErrClosed) {
			t.Errorf("Update after Close = %v", err)
		}
		if err := d.Ping(t.Context()); !errors.Is(err, db.ErrClosed) {
			t.Errorf("Ping after Close = %v", err)
		}
		wantIDs(t, dbtest.Reopen(t, d), "a")
	})
}

func TestPing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		if err := d.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestNewID(t *testing.T) {
	t.Parallel()
	all := make([]string, 10_000)
	for i := range all {
		all[i] = db.NewID()
	}
	if !slices.IsSorted(all) || len(slices.Compact(all)) != 10_000 {
		t.Error("ids are not unique, or not in the order in which they were made")
	}
}

func TestTx_RowNotScanned(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB) {
		leave := func(tx *db.Tx) error {
			tx.QueryRow(`SELECT id FROM item`)
			return insert(tx, "x")
		}
		err := d.Update(t.Context(), leave)
		if d.Engine() == db.SQLite && err == nil { // which has one connection, and would keep the row for ever
			t.Error("Update = nil")
		}
		err = d.View(t.Context(), func(tx *db.Tx) error {
			tx.QueryRow(`SELECT id FROM item`)
			return nil
		})
		if err != nil {
			t.Errorf("View = %v", err)
		}
		if d.Engine() == db.SQLite {
			wantIDs(t, d)
		}
	})
}
