package dbtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/db"
)

// Table is all that one table of a store holds, as text. NULL is "NULL".
type Table struct {
	Name    string
	Columns []string
	Rows    [][]string // each with a value for each of the columns
}

// Lines are the rows in order, each as one text.
func (t Table) Lines() []string {
	var lines []string
	for _, row := range t.Rows {
		lines = append(lines, strings.Join(row, " | "))
	}
	slices.Sort(lines)
	return lines
}

// Everything returns all that the store holds, by the names of its tables, without those that are named. The engine's own catalogue says which tables there
// are, so that none is forgotten.
func Everything(t testing.TB, d *db.DB, without ...string) []Table {
	t.Helper()
	catalogue := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name`
	if d.Engine() == db.PostgreSQL {
		catalogue = `SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`
	}
	var tables []Table
	err := d.View(t.Context(), func(tx *db.Tx) error {
		names, err := query(tx, catalogue)
		if err != nil {
			return err
		}
		for _, name := range names.Rows {
			if slices.Contains(without, name[0]) {
				continue
			}
			table, err := query(tx, `SELECT * FROM "`+name[0]+`"`)
			if err != nil {
				return fmt.Errorf("table %s: %w", name[0], err)
			}
			table.Name = name[0]
			tables = append(tables, table)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read the store: %v", err)
	}
	if len(tables) < 10 {
		t.Fatalf("only %d tables were found", len(tables))
	}
	return tables
}

// Alike returns the rows of every table as lines that are the same on both engines, but for what belongs to the processes on a store: which of them live, and which migrations
// have run.
func Alike(t testing.TB, o db.Options) map[string][]string {
	t.Helper()
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	all := map[string][]string{}
	for _, table := range Everything(t, d, "node", db.VersionTable) {
		order := make([]int, len(table.Columns)) // the engines have their own
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return strings.Compare(table.Columns[a], table.Columns[b]) })
		for i, row := range table.Rows {
			sorted := make([]string, len(row))
			for at, from := range order {
				sorted[at] = cmp.Or(truth[row[from]], row[from])
			}
			table.Rows[i] = sorted
		}
		all[table.Name] = table.Lines()
	}
	return all
}

// truth is how the other engine writes it.
var truth = map[string]string{"true": "1", "false": "0"}

// Differ fails the test for each table whose rows, as [Alike] returns them, are not the same on both sides, and returns how many tables there are with rows in them.
func Differ(t testing.TB, what string, one, two map[string][]string) (filled int) {
	t.Helper()
	for table, lines := range one {
		if !slices.Equal(lines, two[table]) {
			t.Errorf("%s: table %s has %d rows on one side and %d on the other, or others", what, table, len(lines), len(two[table]))
		}
		if len(lines) > 0 {
			filled++
		}
	}
	if len(one) != len(two) {
		t.Errorf("%s: %d tables, and %d", what, len(one), len(two))
	}
	return filled
}

func query(tx *db.Tx, text string) (t Table, err error) {
	rows, err := tx.Query(text)
	if err != nil {
		return t, err
	}
	defer rows.Close()
	if t.Columns, err = rows.Columns(); err != nil {
		return t, err
	}
	for rows.Next() {
		values, places := make([]any, len(t.Columns)), make([]any, len(t.Columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			return t, err
		}
		row := make([]string, len(values))
		for i, value := range values {
			switch v := value.(type) {
			case nil:
				row[i] = "NULL"
			case []byte: // as it is, not as a list of numbers
				row[i] = string(v)
			default:
				row[i] = fmt.Sprint(v)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t, rows.Err()
}
