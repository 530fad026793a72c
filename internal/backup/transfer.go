package backup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
)

// table is a table of the schema, as SQLite's catalogue has it.
type table struct {
	name    string
	columns []column
	// counter is the column that the engine numbers, "" when there is none.
	counter string
	// refers are the other tables that rows refer to. They are filled first.
	refers []string
}

type column struct {
	name string
	kind kind
}

// kind is what values of a column are in Go.
type kind int

const (
	text    kind = iota // string
	integer             // int64
	boolean             // bool
	float               // float64
	bytes               // []byte
)

// volatile are tables whose rows mean nothing in another store: which processes live.
var volatile = []string{"node"}

// source gives everything in one snapshot of a store.
type source interface {
	count(ctx context.Context, t table) (int64, error)
	// read calls row for each row, with a value for each column, or nil. The values are the row's until it returns.
	read(ctx context.Context, t table, row func(values []any) error) error
	// last is the largest number that the engine has given in the counter of t, 0 when none.
	last(ctx context.Context, t table) (int64, error)
}

// target is an empty store that keeps what it is given when commit is called, and nothing otherwise.
type target interface {
	source
	// write stores the rows that next returns until its second result is false. The values are good until the next call.
	write(ctx context.Context, t table, next func() ([]any, bool, error)) error
	// count on from the number.
	countFrom(ctx context.Context, t table, number int64) error
	// commit makes sure that no row refers to what is not there, and that all is durable.
	commit(ctx context.Context) error
}

// transfer brings all rows from one side to the other, and commits when what is read there is what was sent.
func transfer(ctx context.Context, tables []table, from source, to target, progress Progress) (s Summary, err error) {
	for _, t := range inOrder(tables) {
		if slices.Contains(volatile, t.name) {
			continue
		}
		sent, err := transferTable(ctx, t, from, to, progress)
		if err != nil {
			return s, fmt.Errorf("table %s: %w", t.name, err)
		}
		s.Tables, s.Rows = s.Tables+1, s.Rows+sent
	}
	s.Version = db.Version()
	crashpoint.Here("copy-committing")
	err = to.commit(ctx)
	crashpoint.Here("copy-committed")
	return s, err
}

// every is after how many rows the progress is told.
const every = 1000

func transferTable(ctx context.Context, t table, from source, to target, progress Progress) (rows int64, err error) {
	total, err := from.count(ctx, t)
	if err != nil {
		return 0, err
	}
	progress(t.name, 0, total)
	crashpoint.Here("copy-table")
	if total > 0 {
		var sent, arrived sum
		if sent, err = send(ctx, t, from, to, func(done int64) { progress(t.name, done, max(done, total)) }); err != nil {
			return 0, err
		}
		if err := to.read(ctx, t, func(values []any) error { arrived.add(t, values); return nil }); err != nil {
			return 0, err
		}
		if sent != arrived {
			return 0, fmt.Errorf("%d rows were sent and %d arrived, or not the same ones; nothing is kept", sent.rows, arrived.rows)
		}
		rows = sent.rows
	}
	if t.counter != "" {
		last, err := from.last(ctx, t)
		if err == nil && last > 0 {
			err = to.countFrom(ctx, t, last)
		}
		if err != nil {
			return 0, err
		}
	}
	progress(t.name, rows, rows)
	return rows, nil
}

// batch is how many rows are on their way between the reader and the writer.
const batch = 256

// send lets one side read while the other writes.
func send(ctx context.Context, t table, from source, to target, progress func(done int64)) (sent sum, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan [][]any, 4)
	read := make(chan error, 1)
	go func() {
		defer close(batches)
		var rows [][]any
		push := func() error {
			select {
			case batches <- rows:
				rows = nil
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := from.read(ctx, t, func(values []any) error {
			sent.add(t, values)
			if rows = append(rows, slices.Clone(values)); len(rows) < batch {
				return nil
			}
			return push()
		})
		if err == nil && len(rows) > 0 {
			err = push()
		}
		read <- err
	}()
	var rows [][]any
	var done int64
	err = to.write(ctx, t, func() ([]any, bool, error) {
		if len(rows) == 0 {
			var more bool
			if rows, more = <-batches; !more {
				err := <-read
				read <- err
				return nil, false, err
			}
		}
		row := rows[0]
		rows = rows[1:]
		if done++; done%every == 0 {
			progress(done)
		}
		return row, true, nil
	})
	cancel()
	for range batches { // the reader may be waiting for its turn
	}
	if reading := <-read; err == nil {
		err = reading
	}
	return sent, err
}

// sum is the same for the same rows, in whatever order they come.
type sum struct {
	rows int64
	a, b uint64
}

func (s *sum) add(t table, values []any) {
	h := sha256.New()
	var head [9]byte
	for i, value := range values {
		switch v := value.(type) {
		case nil:
			head[0] = 'n'
			h.Write(head[:1])
		case int64:
			head[0] = 'i'
			binary.BigEndian.PutUint64(head[1:], uint64(v)) //nolint:gosec // the bits matter
			h.Write(head[:])
		case bool:
			head[0] = 'f'
			if v {
				head[0] = 't'
			}
			h.Write(head[:1])
		case float64:
			head[0] = 'd'
			binary.BigEndian.PutUint64(head[1:], math.Float64bits(v))
			h.Write(head[:])
		case string:
			head[0] = 's'
			binary.BigEndian.PutUint64(head[1:], uint64(len(v)))
			h.Write(head[:])
			h.Write([]byte(v))
		case []byte:
			head[0] = 'b'
			binary.BigEndian.PutUint64(head[1:], uint64(len(v)))
			h.Write(head[:])
			h.Write(v)
		default:
			panic(fmt.Sprintf("backup: a value of type %T in %s.%s", v, t.name, t.columns[i].name))
		}
	}
	digest := h.Sum(nil)
	s.rows++
	s.a += binary.BigEndian.Uint64(digest)
	s.b += binary.BigEndian.Uint64(digest[8:])
}

// inOrder puts every table behind those it refers to. A schema in which tables refer to each other in a circle has no order: the tests would see it.
func inOrder(tables []table) (ordered []table) {
	done := map[string]bool{}
	for len(ordered) < len(tables) {
		before := len(ordered)
		for _, t := range tables {
			if !done[t.name] && !slices.ContainsFunc(t.refers, func(other string) bool { return !done[other] && other != t.name }) {
				done[t.name] = true
				ordered = append(ordered, t)
			}
		}
		if len(ordered) == before {
			panic("backup: tables refer to each other in a circle")
		}
	}
	return ordered
}

// as makes the value that an engine returned for a column what its kind says.
func (c column) as(value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil //nolint:nilnil // NULL
	case int64:
		switch c.kind {
		case integer:
			return v, nil
		case boolean:
			return v != 0, nil
		case float:
			return float64(v), nil
		}
	case bool:
		if c.kind == boolean {
			return v, nil
		}
	case float64:
		if c.kind == float {
			return v, nil
		}
	case string:
		if c.kind == text {
			return v, nil
		}
		if c.kind == bytes {
			return []byte(v), nil
		}
	case []byte:
		if c.kind == text {
			return string(v), nil
		}
		if c.kind == bytes {
			return slices.Clone(v), nil
		}
	}
	return nil, fmt.Errorf("column %s: a value of type %T is not what the schema says", c.name, value)
}

// asRow converts the values of a row in place.
func (t table) asRow(values []any) (err error) {
	for i, c := range t.columns {
		if values[i], err = c.as(values[i]); err != nil {
			return err
		}
	}
	return nil
}

// list is the columns as SQL has them.
func (t table) list() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = quote(c.name)
	}
	return strings.Join(names, ", ")
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
