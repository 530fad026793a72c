package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
)

// maxStatements bounds the prepared statements kept per connection. Herald has fewer texts than that; a loop that builds
// texts must not grow the memory without end.
const maxStatements = 500

// cachingConnector makes connections that keep their prepared statements, because the driver compiles the text again at
// each call: that is half of the time of a small statement. It works below database/sql, where it is known when
// a statement is in use.
type cachingConnector struct {
	driver.Connector
	setup []string // statements run on each new connection, in this order
}

func (c cachingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	raw, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := raw.(innerConn)
	if !ok {
		return nil, errors.Join(errors.New("db: the SQLite driver lacks an interface it had"), raw.Close())
	}
	for _, statement := range c.setup {
		if _, err := inner.ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
	}
	return &cachingConn{innerConn: inner, statements: map[string]*cachedStmt{}}, nil
}

// innerConn is what we use of the driver's connection.
type innerConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
	driver.Pinger
}

// cachingConn is used by one goroutine at a time, as database/sql sees to.
type cachingConn struct {
	innerConn
	statements map[string]*cachedStmt
	open       map[*cachedRows]struct{}
}

type cachedStmt struct {
	driver.Stmt
	inUse bool
}

func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	stmt, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return c.innerConn.ExecContext(ctx, query, args)
	}
	return stmt.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	stmt, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	var rows driver.Rows
	if stmt == nil {
		rows, err = c.innerConn.QueryContext(ctx, query, args)
	} else {
		rows, err = stmt.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	}
	if err != nil {
		return nil, err
	}
	if stmt != nil {
		stmt.inUse = true
	}
	wrapped := &cachedRows{Rows: rows, conn: c, stmt: stmt}
	if c.open == nil {
		c.open = map[*cachedRows]struct{}{}
	}
	c.open[wrapped] = struct{}{}
	return wrapped, nil
}

// statement returns the prepared statement of the text, or nil when it is running already: running it again would end the
// first run, so that case takes the driver's slow way.
func (c *cachingConn) statement(ctx context.Context, query string) (*cachedStmt, error) {
	if stmt, ok := c.statements[query]; ok {
		if stmt.inUse {
			return nil, nil
		}
		return stmt, nil
	}
	if len(c.statements) >= maxStatements {
		c.evict()
	}
	inner, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	stmt := &cachedStmt{Stmt: inner}
	c.statements[query] = stmt
	return stmt, nil
}

// evict drops a tenth of the statements, whichever the map gives first. Which ones hardly matters: the bound is there for
// programs that have left the path where the cache helps.
func (c *cachingConn) evict() {
	left := maxStatements / 10
	for query, stmt := range c.statements {
		if left == 0 {
			return
		}
		if !stmt.inUse {
			_ = stmt.Close()
			delete(c.statements, query)
			left--
		}
	}
}

// closeRows closes the rows that are still open and reports whether there were any.
func (c *cachingConn) closeRows() bool {
	found := len(c.open) > 0
	for rows := range c.open {
		_ = rows.Close()
	}
	return found
}

func (c *cachingConn) Close() error {
	c.closeRows()
	for _, stmt := range c.statements {
		_ = stmt.Close()
	}
	c.statements = nil
	return c.innerConn.Close()
}

type cachedRows struct {
	driver.Rows
	conn   *cachingConn
	stmt   *cachedStmt
	closed bool
}

func (r *cachedRows) Next(dest []driver.Value) error {
	if r.closed {
		return io.ErrUnexpectedEOF
	}
	return r.Rows.Next(dest)
}

func (r *cachedRows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	delete(r.conn.open, r)
	if r.stmt != nil {
		r.stmt.inUse = false
	}
	return r.Rows.Close()
}
