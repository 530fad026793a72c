package db

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"

	"modernc.org/sqlite"
)

// A log this many times as long as the checkpoint's threshold shows that writers never pause: a checkpoint beside them
// then never reaches the log's end, which alone lets the next writer start again at its beginning.
const checkpointPatience = 4

// checkpointer copies SQLite's write-ahead log back into the file, on a connection of its own and beside the commits. Only
// when the log grows all the same, the writer is held up for it, between two batches.
type checkpointer struct {
	d    *DB
	pool *sql.DB
	conn *sql.Conn

	written atomic.Int64  // pages the writer wrote since the last checkpoint began
	overdue atomic.Bool   // the log is too long: the next checkpoint is the writer's
	wake    chan struct{} // of one
	stopped chan struct{}
	cancel  context.CancelFunc
}

func startCheckpointer(ctx context.Context, d *DB, file string) (*checkpointer, error) {
	pool, err := openPool(file, d.synced(checkpointerSetup), 1)
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	c := &checkpointer{d: d, pool: pool, conn: conn, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go c.run(ctx)
	return c, nil
}

// afterCommit is called by the writer between two batches.
func (c *checkpointer) afterCommit(conn *sql.Conn) {
	written := c.written.Add(pagesWritten(conn))
	if c.overdue.Load() {
		c.restart(conn)
		return
	}
	if written >= c.d.tuning.checkpointPages {
		select {
		case c.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

// restart empties the log on the writer's connection. It waits for readers of old snapshots, but not for long: while it
// does, nobody can write.
func (c *checkpointer) restart(conn *sql.Conn) {
	ctx := context.Background()
	_, _ = conn.ExecContext(ctx, "PRAGMA busy_timeout = 50")
	c.written.Store(0)
	c.checkpoint(ctx, conn, "RESTART")
	_, _ = conn.ExecContext(ctx, "PRAGMA busy_timeout = 10000")
	c.d.stats.restarts.Add(1)
	c.overdue.Store(false)
}

func (c *checkpointer) run(ctx context.Context) {
	defer close(c.stopped)
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		if c.overdue.Load() {
			continue // the writer's turn; two checkpoints at a time do not work
		}
		c.written.Store(0)
		if length := c.checkpoint(ctx, c.conn, "PASSIVE"); length > checkpointPatience*c.d.tuning.checkpointPages {
			c.overdue.Store(true)
		}
	}
}

// checkpoint returns the length of the log in pages. A failure is no harm to what is committed: the log only stays longer.
func (c *checkpointer) checkpoint(ctx context.Context, conn *sql.Conn, mode string) (length int64) {
	var busy, copied int64
	err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &length, &copied)
	if err != nil && ctx.Err() == nil {
		c.d.logger.Warn("copying the write-ahead log into the database", "mode", mode, "error", err)
	}
	c.d.stats.checkpoints.Add(1)
	return length
}

func (c *checkpointer) stop() {
	c.cancel()
	<-c.stopped
	_ = c.conn.Close()
	_ = c.pool.Close()
}

// pagesWritten returns how many pages the connection wrote since the last call.
func pagesWritten(conn *sql.Conn) (pages int64) {
	_ = conn.Raw(func(driverConn any) error {
		status, ok := driverConn.(*cachingConn).innerConn.(sqlite.DBStatus)
		if ok {
			current, _, _ := status.Status(sqlite.DBStatusCacheWrite, true)
			pages = int64(current)
		}
		return nil
	})
	return pages
}
