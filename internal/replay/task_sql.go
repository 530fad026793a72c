package replay

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

const taskColumns = `id, kind, state, document, total, done, skipped, waits_for, error, COALESCE(claimed_by, ''), step_instant, insert_instant, last_update_instant, finish_instant`

func scanTask(row db.Row) (t task, err error) {
	var document string
	err = row.Scan(&t.ID, &t.plan.kind, &t.State, &document, &t.Total, &t.Done, &t.Skipped, &t.WaitsFor, &t.Error, &t.claimedBy, &t.step,
		&t.InsertInstant, &t.LastUpdateInstant, &t.FinishInstant)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(document), &t.plan); err != nil {
		return t, fmt.Errorf("replay: document of task %s: %w", t.ID, err)
	}
	return t, nil
}

func loadTask(tx *db.Tx, id wire.ID) (task, error) {
	t, err := scanTask(tx.QueryRow(`SELECT `+taskColumns+` FROM task WHERE id = $1`, id))
	return t, db.Found(err)
}

func insertTask(tx *db.Tx, t *task, webhooks []wire.ID) error {
	document, err := json.Marshal(&t.plan)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO task (id, kind, state, document, total, done, skipped, waits_for, error, claimed_by, lease_instant, step_instant,
			insert_instant, last_update_instant, finish_instant)
		VALUES ($1, $2, $3, $4, NULL, 0, 0, '', '', NULL, 0, 0, $5, $5, 0)`, t.ID, t.plan.kind, t.State, string(document), t.InsertInstant)
	if err != nil {
		return err
	}
	rows := make([][]any, len(webhooks))
	for i, id := range webhooks {
		rows[i] = []any{t.ID, id, t.plan.Span.After}
	}
	_, err = tx.ExecEach(`INSERT INTO task_part (task_id, webhook_id, position, finished) VALUES ($1, $2, $3, FALSE)`, rows)
	return err
}

// listTasks reads a page; there are few tasks.
func listTasks(tx *db.Tx, c wire.DeliveryTaskSearch) ([]task, int, error) {
	from, args := `task`, []any(nil)
	for i, state := range c.States {
		from += map[bool]string{true: ` WHERE state IN (`, false: `, `}[i == 0] + fmt.Sprintf(`$%d`, i+1)
		args = append(args, state)
	}
	if len(c.States) > 0 {
		from += `)`
	}
	limit, offset := search.Window(c.Page)
	return db.Page(tx, taskColumns, from, args, `insert_instant DESC, id DESC`, limit, offset, func(rows *sql.Rows) (task, error) { return scanTask(rows) })
}

func countTasks(tx *db.Tx) (n int, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM task WHERE state IN ('running', 'paused')`).Scan(&n)
	return n, err
}

// forgetTasks removes those that ended before an instant.
func forgetTasks(tx *db.Tx, before int64) error {
	_, err := tx.Exec(`DELETE FROM task WHERE state IN ('done', 'cancelled', 'failed') AND finish_instant < $1`, before)
	return err
}

// touchTask locks the row until the end of the transaction.
func touchTask(tx *db.Tx, id wire.ID) error {
	_, err := tx.Exec(`UPDATE task SET id = id WHERE id = $1`, id)
	return err
}

// saveState writes the task's state and whatever goes with it, and ends its claim.
func saveState(tx *db.Tx, t *task) error {
	_, err := tx.Exec(`UPDATE task SET state = $1, skipped = $2, waits_for = $3, error = $4, claimed_by = NULL, lease_instant = 0, last_update_instant = $5, finish_instant = $6
		WHERE id = $7`, t.State, t.Skipped, t.WaitsFor, t.Error, t.LastUpdateInstant, t.FinishInstant, t.ID)
	return err
}

// freeTasks are the running tasks that nobody carries.
func freeTasks(tx *db.Tx) ([]wire.ID, error) {
	rows, err := tx.Query(`SELECT id FROM task WHERE state = 'running' AND (claimed_by IS NULL OR lease_instant < $1) ORDER BY insert_instant, id`, tx.NowMillis())
	return db.Collect(rows, err, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
}

// claimTask tells whether the task is ours now.
func claimTask(tx *db.Tx, id wire.ID, claim string, until int64) (bool, error) {
	n, err := tx.Exec(`UPDATE task SET claimed_by = $1, lease_instant = $2 WHERE id = $3 AND state = 'running' AND (claimed_by IS NULL OR lease_instant < $4)`,
		claim, until, id, tx.NowMillis())
	return n == 1, err
}

func releaseTask(tx *db.Tx, id wire.ID, claim string) error {
	_, err := tx.Exec(`UPDATE task SET claimed_by = NULL, lease_instant = 0 WHERE id = $1 AND claimed_by = $2`, id, claim)
	return err
}

// releaseAll ends all claims.
func releaseAll(tx *db.Tx) error {
	_, err := tx.Exec(`UPDATE task SET claimed_by = NULL, lease_instant = 0 WHERE claimed_by IS NOT NULL`)
	return err
}

// keepTask renews the claim and writes how far the task has come. It tells whether the claim still holds.
func keepTask(tx *db.Tx, t *task, until int64) (bool, error) {
	n, err := tx.Exec(`UPDATE task SET total = $1, done = $2, skipped = $3, waits_for = $4, step_instant = $5, lease_instant = $6, last_update_instant = $7
		WHERE id = $8 AND state = 'running' AND claimed_by = $9`,
		t.Total, t.Done, t.Skipped, t.WaitsFor, t.step, until, tx.NowMillis(), t.ID, t.claimedBy)
	return n == 1, err
}

func loadParts(tx *db.Tx, task wire.ID) ([]*part, error) {
	rows, err := tx.Query(`SELECT webhook_id, position, finished FROM task_part WHERE task_id = $1 ORDER BY webhook_id`, task)
	return db.Collect(rows, err, func(rows *sql.Rows) (*part, error) {
		p := &part{}
		err := rows.Scan(&p.webhook, &p.position, &p.finished)
		p.reached = p.position
		return p, err
	})
}

func savePart(tx *db.Tx, task, webhook wire.ID, position int64, finished bool) error {
	_, err := tx.Exec(`UPDATE task_part SET position = $1, finished = $2 WHERE task_id = $3 AND webhook_id = $4`, position, finished, task, webhook)
	return err
}
