package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// ExecEach runs one statement for each row of arguments, in order, and returns how many table rows each run touched. It is for many rows at once:
// on SQLite it saves the way through database/sql, on PostgreSQL a round trip per row. After an error nothing is known about the other rows,
// and the transaction is to be given up.
func (tx *Tx) ExecEach(query string, rows [][]any) (affected []int64, err error) {
	return tx.each(query, rows, false)
}

// InsertEach is ExecEach for an INSERT … RETURNING one integer, which it returns for each row.
func (tx *Tx) InsertEach(query string, rows [][]any) (returned []int64, err error) {
	return tx.each(query, rows, true)
}

func (tx *Tx) each(query string, rows [][]any, returning bool) (numbers []int64, err error) {
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
			numbers, failed = conn.each(tx.ctx, query, rows, returning)
		case *stdlib.Conn:
			numbers, failed = eachPostgres(tx.ctx, conn.Conn(), query, rows, returning)
		default:
			failed = fmt.Errorf("db: unknown connection %T", conn)
		}
		return nil
	})
	return numbers, errors.Join(failed, err)
}

func eachPostgres(ctx context.Context, conn *pgx.Conn, query string, rows [][]any, returning bool) (numbers []int64, err error) {
	batch := &pgx.Batch{}
	for _, row := range rows {
		batch.Queue(query, row...)
	}
	results := conn.SendBatch(ctx, batch)
	defer func() { err = errors.Join(err, results.Close()) }()
	numbers = make([]int64, len(rows))
	for i := range rows {
		if returning {
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

func (c *cachingConn) each(ctx context.Context, query string, rows [][]any, returning bool) ([]int64, error) {
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
		if returning {
			numbers[i], err = queryNumber(ctx, stmt.Stmt, values)
		} else {
			numbers[i], err = execAffected(ctx, stmt.Stmt, values)
		}
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

func execAffected(ctx context.Context, stmt driver.Stmt, values []driver.NamedValue) (int64, error) {
	result, err := stmt.(driver.StmtExecContext).ExecContext(ctx, values)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func queryNumber(ctx context.Context, stmt driver.Stmt, values []driver.NamedValue) (number int64, err error) {
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, values)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var row [1]driver.Value
	if err := rows.Next(row[:]); err != nil {
		return 0, err
	}
	number, ok := row[0].(int64)
	if !ok {
		return 0, fmt.Errorf("db: RETURNING gave %T, not an integer", row[0])
	}
	// An INSERT is done when its rows are read to the end.
	if err := rows.Next(row[:]); !errors.Is(err, io.EOF) {
		return 0, errors.Join(err, errors.New("db: RETURNING gave more than one row"))
	}
	return number, nil
}
