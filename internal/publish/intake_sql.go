package publish

import (
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// onRecord is what has an id already.
type onRecord struct {
	id     wire.ID
	result webhooklog.Result
	body   []byte
}

// eachOnRecord calls do with what has one of the ids, one after the other: all of them together may be large.
func eachOnRecord(tx *db.Tx, ids []wire.ID, do func(onRecord)) error {
	for some := range slices.Chunk(ids, mostAtOnce) {
		n := len(some)
		if n > 1 {
			n = mostAtOnce // so that there are two statements only, which stay prepared
		}
		args, marks := make([]any, n), make([]string, n)
		for i := range n {
			args[i], marks[i] = string(some[min(i, len(some)-1)]), "$"+strconv.Itoa(i+1)
		}
		rows, err := tx.Query(`SELECT id, result, body FROM event WHERE id IN (`+strings.Join(marks, ", ")+`)`, args...)
		_, err = db.Collect(rows, err, func(rows *sql.Rows) (none struct{}, err error) {
			var one onRecord
			if err = rows.Scan(&one.id, &one.result, &one.body); err == nil {
				do(one)
			}
			return none, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const mostAtOnce = 64
