package db

import (
	"context"
	"time"
)

// TuneCheckpoints makes the write-ahead log be copied after this many pages.
func (o *Options) TuneCheckpoints(pages int64) { o.tuning.checkpointPages = pages }

// TuneStaleness sets how long Cache.Load relies on the last look at PostgreSQL.
func (o *Options) TuneStaleness(d time.Duration) { o.tuning.staleness = d }

// TuneBatches makes SQLite's writer commit only when nobody waits any more.
func (o *Options) TuneBatches() { o.tuning.batchTime = time.Hour }

// BeginCommit does to the caches what the begin of a commit that bumps the topic does, and end what its end does.
func (d *DB) BeginCommit(topic string) (end func()) {
	return d.bumps.commit(map[string]bool{topic: true})
}

// Waiting returns how many calls of Update wait for SQLite's writer.
func (d *DB) Waiting() int { return len(d.store.(*sqliteStore).writer.jobs) }

// WriterStatements returns how many prepared statements SQLite's writer keeps.
func (d *DB) WriterStatements() (n int) {
	_ = d.store.(*sqliteStore).writer.conn.Raw(func(conn any) error {
		n = len(conn.(*cachingConn).statements)
		return nil
	})
	return n
}

// ReaderPragma reads a setting of a reading connection.
func (d *DB) ReaderPragma(name string) (value string, err error) {
	err = d.store.(*sqliteStore).reading.QueryRowContext(context.Background(), "PRAGMA "+name).Scan(&value)
	return value, err
}
