package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/herald-events/herald/internal/db"
)

// postgres is a PostgreSQL store, read in one snapshot, or filled in one transaction.
type postgres struct {
	conn *pgx.Conn
	tx   pgx.Tx
}

// connect opens a connection of our own: those of a store's pool end when they are idle in a transaction, and a copy may wait for its other side.
func connect(ctx context.Context, address string) (*pgx.Conn, error) {
	config, err := pgxpool.ParseConfig(address) // as the server reads it; its parameters of the pool mean nothing here
	if err != nil {
		return nil, errors.New("the address of the PostgreSQL database cannot be read; it looks like postgres://user:password@host:5432/database")
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		c := config.ConnConfig
		return nil, fmt.Errorf("the PostgreSQL database %q at %s:%d cannot be reached", c.Database, c.Host, c.Port) // the reason may quote the password
	}
	return conn, nil
}

// openSnapshot begins to read a store that servers may be working on.
func openSnapshot(ctx context.Context, address string) (*postgres, error) {
	conn, err := connect(ctx, address)
	if err != nil {
		return nil, err
	}
	p := &postgres{conn: conn}
	if p.tx, err = conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err != nil {
		return nil, errors.Join(err, p.close())
	}
	var version int64
	err = p.tx.QueryRow(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM `+db.VersionTable).Scan(&version)
	if err == nil {
		err = sameVersion("the PostgreSQL store", version)
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// openEmpty begins to fill a store, which has to be empty. Servers that start meanwhile wait.
func openEmpty(ctx context.Context, address string, tables []table) (_ *postgres, err error) {
	conn, err := connect(ctx, address)
	if err != nil {
		return nil, err
	}
	p := &postgres{conn: conn}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.tx, err = conn.Begin(ctx); err != nil {
		return nil, err
	}
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = quote(t.name)
		if err := p.sameColumns(ctx, t); err != nil {
			return nil, err
		}
	}
	if _, err := p.tx.Exec(ctx, "LOCK TABLE "+strings.Join(names, ", ")+" IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return nil, err
	}
	for _, t := range tables {
		var any bool
		if err := p.tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM `+quote(t.name)+`)`).Scan(&any); err != nil {
			return nil, err
		}
		if any {
			return nil, fmt.Errorf("the PostgreSQL database holds a store already (there are rows in table %s); choose an empty one, nothing is overwritten", t.name)
		}
	}
	return p, nil
}

// sameColumns makes sure that both engines' migrations have made the same table.
func (p *postgres) sameColumns(ctx context.Context, t table) error {
	rows, err := p.tx.Query(ctx, `SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1`, t.name)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(names) != len(t.columns) || slices.ContainsFunc(t.columns, func(c column) bool { return !slices.Contains(names, c.name) }) {
		return fmt.Errorf("table %s has other columns there: %s instead of %s", t.name, strings.Join(names, ", "), t.list())
	}
	return nil
}

func (p *postgres) close() error {
	ctx := context.Background()
	if p.tx != nil {
		_ = p.tx.Rollback(ctx) // of nothing, after a commit
	}
	return p.conn.Close(ctx)
}

func (p *postgres) count(ctx context.Context, t table) (n int64, err error) {
	return n, p.tx.QueryRow(ctx, `SELECT COUNT(*) FROM `+quote(t.name)).Scan(&n)
}

func (p *postgres) read(ctx context.Context, t table, row func([]any) error) error {
	rows, err := p.tx.Query(ctx, `SELECT `+t.list()+` FROM `+quote(t.name))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		if err := t.asRow(values); err != nil {
			return err
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (p *postgres) last(ctx context.Context, t table) (n int64, err error) {
	var sequence string
	if err := p.tx.QueryRow(ctx, `SELECT pg_get_serial_sequence($1, $2)`, quote(t.name), t.counter).Scan(&sequence); err != nil {
		return 0, err
	}
	return n, p.tx.QueryRow(ctx, `SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM `+sequence).Scan(&n)
}

func (p *postgres) write(ctx context.Context, t table, next func() ([]any, bool, error)) error {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	_, err := p.tx.CopyFrom(ctx, pgx.Identifier{t.name}, names, pgx.CopyFromFunc(func() ([]any, error) {
		values, more, err := next()
		if !more {
			return nil, err
		}
		return values, err
	}))
	return err
}

func (p *postgres) countFrom(ctx context.Context, t table, number int64) error {
	_, err := p.tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence($1, $2), $3)`, quote(t.name), t.counter, number)
	return err
}

func (p *postgres) commit(ctx context.Context) error { return p.tx.Commit(ctx) }

// noServers makes sure that nobody works on a store that is moved: what is done after the copy would be lost, and deliveries made twice.
func noServers(ctx context.Context, s Store) (err error) {
	conn, err := connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.Background())) }()
	living, err := livingServers(ctx, conn)
	if err == nil && living > 0 {
		err = fmt.Errorf("servers are running on the PostgreSQL store (%d); stop them first, or make a backup, which needs no stop", living)
	}
	return err
}

func livingServers(ctx context.Context, conn *pgx.Conn) (n int64, err error) {
	return n, conn.QueryRow(ctx, `SELECT COUNT(*) FROM node WHERE expire_instant > EXTRACT(EPOCH FROM clock_timestamp()) * 1000`).Scan(&n)
}
