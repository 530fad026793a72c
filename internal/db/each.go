package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// ExecEach runs one statement for each row of arguments, in order, and returns how many table rows each run touched. It is for many rows at once:
// on SQLite it saves the way through database/sql, on PostgreSQL a round trip per row. After an error nothing is known about the other rows,
// and the transaction is to be given up.
func (tx *Tx) ExecEach(query string, rows [][]any) (affected []int64, err error) {
	return tx.each(query, rows, false)
}

// InsertEach is ExecEach for an INSERT of one row into a table whose integer key counts by itself. It returns the key of each new row.
func (tx *Tx) InsertEach(query, key string, rows [][]any) (keys []int64, err error) {
	if tx.d.engine == PostgreSQL {
		query += ` RETURNING ` + key
	}
	// SQLite knows the key of the last row without that, and would open a temporary table for each run.
	return tx.each(query, rows, true)
}

// each returns the key of the new row of each run, or how many rows it touched.
func (tx *Tx) each(query string, rows [][]any, keys bool) (numbers []int64, err error) {
	switch {
	case tx.ended:
		return nil, errEnded
	case tx.raw == nil:
		return nil, errors.New("db: ExecEach in a read-only transaction")
	case len(rows) == 0:
		return nil, nil
	}
	var failed error // kept from database/sql, which would take some errors as a reason to drop the connection, and the transaction with it
	err = tx.raw(func(conn any) error {
		switch conn := conn.(type) {
		case *cachingConn:
			numbers, failed = conn.each(tx.ctx, query, rows, keys)
		case *stdlib.Conn:
			numbers, failed = eachPostgres(tx.ctx, conn.Conn(), query, rows, keys)
		default:
			failed = fmt.Errorf("db: unknown connection %T", conn)
		}
		return nil
	})
	return numbers, errors.Join(failed, err)
}

func eachPostgres(ctx context.Context, conn *pgx.Conn, query string, rows [][]any, keys bool) (numbers []int64, err error) {
	batch := &pgx.Batch{}
	for _, row := range rows {
		batch.Queue(query, row...)
	}
	results := conn.SendBatch(ctx, batch)
	defer func() { err = errors.Join(err, results.Close()) }()
	numbers = make([]int64, len(rows))
	for i := range rows {
		if keys {
			if err := results.QueryRow().Scan(&numbers[i]); err != nil {
				return nil, err
			}
			continue
		}
		tag, err := results.Exec()
		if err != nil {
			return nil, err
		}
		numbers[i] = tag.RowsAffected()
	}
	return numbers, nil
}

func (c *cachingConn) each(ctx context.Context, query string, rows [][]any, keys bool) ([]int64, error) {
	stmt, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return nil, errors.New("db: the statement is still being read from")
	}
	numbers, values := make([]int64, len(rows)), make([]driver.NamedValue, len(rows[0]))
	for i, row := range rows {
		for k, v := range row {
			value, err := driverValue(v)
			if err != nil {
				return nil, fmt.Errorf("argument %d: %w", k+1, err)
			}
			values[k] = driver.NamedValue{Ordinal: k + 1, Value: value}
		}
		numbers[i], err = run(ctx, stmt.Stmt, values, keys)
		if err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

// driverValue is what the driver takes for v. The usual types need no reflection.
func driverValue(v any) (driver.Value, error) {
	switch v := v.(type) {
	case nil, string, int64, bool:
		return v, nil
	case int:
		return int64(v), nil
	default:
		return driver.DefaultParameterConverter.ConvertValue(v)
	}
}

func run(ctx context.Context, stmt driver.Stmt, values []driver.NamedValue, key bool) (int64, error) {
	result, err := stmt.(driver.StmtExecContext).ExecContext(ctx, values)
	switch {
	case err != nil:
		return 0, err
	case key:
		return result.LastInsertId()
	default:
		return result.RowsAffected()
	}
}
