package backup_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/backup"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

// TestBackup_BesideWriters backs a store up while others write as fast as they can: in the backup is what was there at one instant, nobody has waited for it, and SQLite's log, which grows as long as
// the backup reads, is short again soon after.
func TestBackup_BesideWriters(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			o := dbtest.Options(t, engine)
			d, err := db.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			// Each transaction adds an entry and counts it in two rows: before it and after it.
			text := strings.Repeat("x", 4000)
			write := func(entries int) error {
				return d.Update(t.Context(), func(tx *db.Tx) error {
					count := func(topic string) error {
						_, err := tx.Exec(`INSERT INTO revision (topic, number) VALUES ($1, $2) ON CONFLICT (topic) DO UPDATE SET number = revision.number + $2`, topic, entries)
						return err
					}
					if err := count("before"); err != nil {
						return err
					}
					for range entries {
						if _, err := tx.Exec(`INSERT INTO event_log (type, message, message_fold, insert_instant) VALUES ('Debug', $1, $1, $2)`, text, tx.NowMillis()); err != nil {
							return err
						}
					}
					return count("behind")
				})
			}
			for range 10 { // 40 MB, so that a backup takes its time
				if err := write(500); err != nil {
					t.Fatal(err)
				}
			}
			log := func() int64 {
				info, err := os.Stat(filepath.Join(o.Dir, db.SQLiteFile+"-wal"))
				if errors.Is(err, fs.ErrNotExist) {
					return 0
				}
				if err != nil {
					t.Fatal(err)
				}
				return info.Size()
			}
			begun, stop, stopped := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			var writes, slowest, longest atomic.Int64
			go func() {
				for {
					began := time.Now()
					if err := write(1); err != nil {
						stopped <- err
						return
					}
					slowest.Store(max(slowest.Load(), int64(time.Since(began))))
					longest.Store(max(longest.Load(), log()))
					if writes.Add(1) == 1 {
						close(begun)
					}
					select {
					case <-stop:
						stopped <- nil
						return
					default:
					}
				}
			}()
			<-begun
			began, before := time.Now(), writes.Load()
			file := filepath.Join(t.TempDir(), "herald.backup")
			if _, err := backup.Backup(t.Context(), at(o), file, silent); err != nil {
				t.Fatal(err)
			}
			during := writes.Load() - before
			took := time.Since(began)
			close(stop)
			if err := <-stopped; err != nil {
				t.Fatal(err)
			}
			if engine == db.SQLite {
				for range 5 { // more than what begins the log anew
					if err := write(500); err != nil {
						t.Fatal(err)
					}
				}
			}
			t.Logf("%d transactions while the backup took %v, the slowest %v; the log had %.1f MB at most, and %.1f MB afterwards", during, took, time.Duration(slowest.Load()), float64(longest.Load())/1e6, float64(log())/1e6)
			if during == 0 {
				t.Error("nobody could write while the backup was made")
			}
			const limit = 64 << 20 // to which it shrinks when it is begun anew
			if now := log(); now > limit {
				t.Errorf("the log still has %d bytes", now)
			}

			copied := db.Options{Dir: t.TempDir()}
			if _, err := backup.Restore(t.Context(), file, at(copied), silent); err != nil {
				t.Fatal(err)
			}
			pool := dbtest.Raw(t, copied)
			defer pool.Close()
			var ahead, behind, entries int64
			err = pool.QueryRow(`SELECT (SELECT number FROM revision WHERE topic = 'before'), (SELECT number FROM revision WHERE topic = 'behind'), (SELECT COUNT(*) FROM event_log)`).Scan(&ahead, &behind, &entries)
			if err != nil || ahead != entries || behind != entries || entries < 5000 {
				t.Errorf("the backup is of no instant: %d, %d and %d entries, %v", ahead, behind, entries, err)
			}
		})
	}
}
