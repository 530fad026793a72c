package key

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/sealed"
)

// sealedRow is a sealed text and the values that find its row.
type sealedRow struct {
	key  []string
	text string
	anew string
}

// sealedByOthers are the next rows behind after whose text another key has sealed.
func sealedByOthers(tx *db.Tx, s *Sealer, p sealed.Place, after []string, limit int) ([]sealedRow, error) {
	columns := strings.Join(p.Key, ", ")
	args := make([]any, len(after))
	places := make([]string, len(after))
	for i := range after {
		args[i], places[i] = after[i], fmt.Sprintf("$%d", i+1)
	}
	rows, err := tx.Query(fmt.Sprintf(`SELECT %[1]s, %[2]s FROM %[3]s
		WHERE %[2]s LIKE '%[4]s.%%' AND %[2]s NOT LIKE '%[4]s.%[5]s.%%' AND (%[1]s) > (%[6]s) ORDER BY %[1]s LIMIT %[7]d`,
		columns, p.Column, p.Table, version, s.ID(), strings.Join(places, ", "), limit), args...)
	return db.Collect(rows, err, func(rows *sql.Rows) (sealedRow, error) {
		r := sealedRow{key: make([]string, len(p.Key))}
		into := []any{}
		for i := range r.key {
			into = append(into, &r.key[i])
		}
		return r, rows.Scan(append(into, &r.text)...)
	})
}

// storeResealed replaces texts that are still what they were.
func storeResealed(tx *db.Tx, p sealed.Place, anew []sealedRow) (changed int64, err error) {
	conditions := []string{fmt.Sprintf("%s = $2", p.Column)}
	for i, column := range p.Key {
		conditions = append(conditions, fmt.Sprintf("%s = $%d", column, i+3))
	}
	query := fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE %s`, p.Table, p.Column, strings.Join(conditions, " AND "))
	for _, row := range anew {
		args := []any{row.anew, row.text}
		for _, value := range row.key {
			args = append(args, value)
		}
		n, err := tx.Exec(query, args...)
		if err != nil {
			return 0, err
		}
		changed += n
	}
	return changed, nil
}
