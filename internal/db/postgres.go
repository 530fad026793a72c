package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresConnections = 32
	postgresRetries     = 3

	// commitPatience bounds the wait for the answer to COMMIT, which no caller can cancel.
	commitPatience = 30 * time.Second
)

type postgresStore struct {
	d     *DB
	pool  *pgxpool.Pool
	sql   *sql.DB // the same connections behind database/sql
	clock *clockFollower
}

func openPostgres(ctx context.Context, d *DB, address string) (*postgresStore, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		// Without the reason: it may quote the address, and the address may contain the password.
		return nil, &StartupError{Sentence: "The address of the PostgreSQL database cannot be read; it looks like postgres://user:password@host:5432/database."}
	}
	if !strings.Contains(address, "pool_max_conns") {
		config.MaxConns = postgresConnections
	}
	// Its statements are short; compiling one takes longer than running it.
	config.ConnConfig.RuntimeParams["jit"] = "off"
	// A process that is suspended in the middle of a transaction must not keep its locks, least of all that on the row by which others see whether it lives.
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "10s"
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, unreachable(config.ConnConfig.Config, err)
	}
	s := &postgresStore{d: d, pool: pool, sql: stdlib.OpenDBFromPool(pool)}
	if err := s.ping(ctx); err != nil {
		_ = s.close()
		return nil, unreachable(config.ConnConfig.Config, err)
	}
	var synchronous string
	if err := pool.QueryRow(ctx, "SHOW synchronous_commit").Scan(&synchronous); err == nil && synchronous == "off" {
		d.logger.Warn("PostgreSQL is set to synchronous_commit=off: a crash of the server loses changes that were answered as done")
	}
	if err := d.migrate(ctx, s.sql, migrationFiles); err != nil {
		_ = s.close()
		return nil, err
	}
	if d.ownClock {
		if s.clock, err = followClock(ctx, d, pool); err != nil {
			_ = s.close()
			return nil, unreachable(config.ConnConfig.Config, err)
		}
	}
	return s, nil
}

// unreachable says in a sentence that the server did not answer as hoped; the password is in none of its parts.
func unreachable(config pgconn.Config, err error) error {
	reason := err.Error()
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		reason = e.Message
	} else if e, ok := errors.AsType[*net.OpError](err); ok {
		reason = e.Err.Error()
	} else if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		reason = "there is no such host"
	} else if errors.Is(err, context.DeadlineExceeded) {
		reason = "it did not answer in time"
	}
	return &StartupError{
		Sentence: fmt.Sprintf("The PostgreSQL database %q at %s cannot be reached: %s.",
			config.Database, net.JoinHostPort(config.Host, fmt.Sprint(config.Port)), strings.Join(strings.Fields(reason), " ")),
		Err: err,
	}
}

func (s *postgresStore) update(ctx context.Context, fn func(*Tx) error) (after []func(), err error) {
	for attempt := range postgresRetries + 1 {
		if attempt > 0 {
			s.d.stats.retries.Add(1)
			select {
			case <-ctx.Done():
				return nil, err
			case <-time.After(rand.N(10 * time.Millisecond << attempt)):
			}
		}
		if after, err = s.attempt(ctx, fn); !IsRetryable(err) {
			break
		}
	}
	return after, err
}

// attempt runs fn in one read-write transaction.
func (s *postgresStore) attempt(ctx context.Context, fn func(*Tx) error) ([]func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	seen := s.d.bumps.now()

	// The transaction ends with ctx until the commit begins. From then on nobody can call it off, because its outcome would
	// be unknown.
	txCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	unlink := context.AfterFunc(ctx, cancel)
	defer unlink()
	conn, err := s.sql.Conn(txCtx)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", cause(ctx, err))
	}
	defer conn.Close()
	sqlTx, err := conn.BeginTx(txCtx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, fmt.Errorf("begin: %w", cause(ctx, err))
	}
	defer sqlTx.Rollback() // after a commit it does nothing

	tx := s.d.newTx(ctx, sqlTx, true)
	defer tx.end()
	tx.seen, tx.raw = seen, conn.Raw
	tx.seen.stable = true
	if err := fn(tx); err != nil {
		return nil, err
	}
	for _, rows := range tx.rows {
		_ = rows.Close() // the connection is busy with them
	}
	if err := tx.writeBumps(); err != nil {
		return nil, err
	}
	if !unlink() {
		return nil, ctx.Err()
	}
	defer time.AfterFunc(commitPatience, cancel).Stop()

	topics := make(map[string]bool, len(tx.bumped))
	for _, topic := range tx.bumped {
		topics[topic] = true
	}
	defer s.d.bumps.commit(topics)()
	if err := sqlTx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	s.d.stats.commits.Add(1)
	return tx.after, nil
}

func (s *postgresStore) view(ctx context.Context, fn func(*Tx) error) error {
	seen := s.d.bumps.now()
	sqlTx, err := s.sql.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin: %w", cause(ctx, err))
	}
	defer sqlTx.Rollback()
	tx := s.d.newTx(ctx, sqlTx, false)
	defer tx.end()
	tx.seen = seen
	tx.seen.stable = true
	return fn(tx)
}

func (s *postgresStore) ping(ctx context.Context) error { return s.pool.Ping(ctx) }

func (s *postgresStore) close() error {
	if s.clock != nil {
		s.clock.stop()
	}
	err := s.sql.Close()
	s.pool.Close()
	return err
}

// cause prefers the reason the caller's context ended for over what the ended connection says.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
