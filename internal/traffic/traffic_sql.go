package traffic

import (
	"database/sql"
	"fmt"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// addRow has a term for each bucket of the histogram. The histogram is read as one text, of one row or the sum of several: 36 columns for each of thousands of rows take
// three times as long to hand over.
var addRow, histogramText, histogramSum = func() (insert, single, summed string) {
	var columns, values, additions, sums strings.Builder
	for i := range slots {
		fmt.Fprintf(&columns, ", d%02d", i)
		fmt.Fprintf(&values, ", $%d", 6+i)
		fmt.Fprintf(&additions, ", d%02d = traffic.d%02d + excluded.d%02d", i, i, i)
		fmt.Fprintf(&sums, ", SUM(d%02d)", i)
	}
	return `INSERT INTO traffic (webhook_id, span, instant, result, count` + columns.String() + `) VALUES ($1, $2, $3, $4, $5` + values.String() + `)
		ON CONFLICT (webhook_id, span, instant, result) DO UPDATE SET count = traffic.count + excluded.count` + additions.String(),
		`concat_ws(','` + columns.String() + `)`, `concat_ws(','` + sums.String() + `)`
}()

func addRows(tx *db.Tx, rows []row, added map[row]*counted) error {
	all := make([][]any, len(rows))
	for i, r := range rows {
		c := added[r]
		values := append(make([]any, 0, 5+slots), string(r.webhook), r.span, r.instant, names[r.result], c.count)
		for _, n := range c.durations {
			values = append(values, n)
		}
		all[i] = values
	}
	_, err := tx.ExecEach(addRow, all)
	return err
}

// found is a sum that was read: of a webhook, in the bucket of this number.
type found struct {
	webhook wire.ID
	bucket  int64
	result  string
	counted
}

func scanFound(rows *sql.Rows) (found, error) {
	var f found
	var text sql.RawBytes
	if err := rows.Scan(&f.webhook, &f.bucket, &f.result, &f.count, &text); err != nil {
		return f, err
	}
	i := 0
	for _, c := range text {
		if c == ',' {
			i++
		} else {
			f.durations[i] = 10*f.durations[i] + int64(c-'0')
		}
	}
	return f, nil
}

// sumsOf are those of one webhook, or over all of them, in buckets of step milliseconds that begin at from.
func sumsOf(tx *db.Tx, webhook wire.ID, span, from, to, step int64) ([]found, error) {
	rows, err := tx.Query(`SELECT webhook_id, (instant - $1) / $2 AS bucket, result, CAST(SUM(count) AS BIGINT), `+histogramSum+` FROM traffic
		WHERE webhook_id = $3 AND span = $4 AND instant >= $1 AND instant < $5 GROUP BY webhook_id, bucket, result`, from, step, webhook, span, to)
	return db.Collect(rows, err, scanFound)
}

// aliveIn are the buckets in which somebody was there to count: something was, if only that.
func aliveIn(tx *db.Tx, span, from, to, step int64) ([]int64, error) {
	rows, err := tx.Query(`SELECT DISTINCT (instant - $1) / $2 FROM traffic WHERE webhook_id = '' AND span = $3 AND instant >= $1 AND instant < $4`,
		from, step, span, to)
	return db.Collect(rows, err, func(rows *sql.Rows) (n int64, err error) { return n, rows.Scan(&n) })
}

// sumsOfAll are those of every webhook, as sumsOf, and over all of them.
func sumsOfAll(tx *db.Tx, span, from, to, step int64) ([]found, error) {
	rows, err := tx.Query(`SELECT webhook_id, (instant - $1) / $2, result, count, `+histogramText+` FROM traffic WHERE span = $3 AND instant >= $1 AND instant < $4`,
		from, step, span, to)
	return db.Collect(rows, err, scanFound)
}

// oldestInstant is where what is older than before begins.
func oldestInstant(tx *db.Tx, span, before int64) (oldest int64, found bool, err error) {
	var instant sql.NullInt64
	err = tx.QueryRow(`SELECT MIN(instant) FROM traffic WHERE span = $1 AND instant < $2`, span, before).Scan(&instant)
	return instant.Int64, instant.Valid, err
}

func deleteUntil(tx *db.Tx, span, before int64) error {
	_, err := tx.Exec(`DELETE FROM traffic WHERE span = $1 AND instant < $2`, span, before)
	return err
}
