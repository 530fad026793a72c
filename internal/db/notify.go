package db

import (
	"context"
	"time"
)

// Notify tells every process that listens to the channel, after the commit. On SQLite there is no other process and nothing to do. Equal
// notifications of one transaction arrive once. It is a hint, not a message: who is not connected at the moment misses it.
func (tx *Tx) Notify(channel, payload string) error {
	if tx.d.engine == SQLite {
		return nil
	}
	_, err := tx.Exec("SELECT pg_notify($1, $2)", channel, payload)
	return err
}

// Listen calls heard with the payload of every [Tx.Notify] of any process, this one included, until ctx ends. After each connection to the server
// it calls heard with "", because notifications may have been missed. On SQLite it returns at once.
func (d *DB) Listen(ctx context.Context, channel string, heard func(payload string)) {
	s, ok := d.store.(*postgresStore)
	if !ok {
		return
	}
	for ctx.Err() == nil {
		err := s.listen(ctx, channel, heard)
		if ctx.Err() != nil {
			return
		}
		d.logger.Warn("the connection that listens for notifications was lost; another one is made", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (s *postgresStore) listen(ctx context.Context, channel string, heard func(string)) error {
	pooled, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	conn := pooled.Hijack() // it listens for ever, so it must not go back to the pool
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `LISTEN "`+channel+`"`); err != nil {
		return err
	}
	heard("")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		heard(n.Payload)
	}
}
