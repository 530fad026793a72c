package outbox

import (
	"database/sql"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/metrics"
	"github.com/herald-events/herald/wire"
)

// carried is the due time of a delivery that a process carries.
const carried = math.MaxInt64

// largestKept is the size in bytes up to which a body waits in memory with its delivery.
const largestKept = 8 << 10

// A condition on one state also says that it is not 'delivered': SQLite uses a partial index only when its condition stands there.
const stillOwed = `state <> 'delivered' AND state IN ('pending', 'retrying')`

func insertDeliveries(tx *db.Tx, rows [][]any) error {
	_, err := tx.ExecEach(`INSERT INTO delivery (event_sequence, webhook_id, state, attempts, replays, due_instant, claim, claimed_by, ordering_key, insert_instant, last_update_instant)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`, rows)
	return err
}

// settleDeliveries stores what became of claimed deliveries, each with its fence. The numbers are 0 where the claim was lost: somebody else's result counts then.
func settleDeliveries(tx *db.Tx, rows [][]any) (ours []int64, err error) {
	return tx.ExecEach(`UPDATE delivery SET state = $1, attempts = $2, due_instant = $3, claimed_by = NULL, last_update_instant = $4
		WHERE event_sequence = $5 AND webhook_id = $6 AND claim = $7 AND state IN ('pending', 'retrying')`, rows)
}

// returnDeliveries makes claimed deliveries due at once.
func returnDeliveries(tx *db.Tx, claimed []*delivery) error {
	rows := make([][]any, len(claimed))
	for i, d := range claimed {
		rows[i] = []any{tx.NowMillis(), d.sequence, d.webhook, d.claim}
	}
	_, err := tx.ExecEach(`UPDATE delivery SET due_instant = $1, claim = claim + 1, claimed_by = NULL
		WHERE event_sequence = $2 AND webhook_id = $3 AND claim = $4 AND state IN ('pending', 'retrying')`, rows)
	return err
}

// claimDue claims up to limit due deliveries of one webhook, the longest due first, and returns them in the order of their events. Claims of different processes never overlap.
//
// With ordered, a delivery waits for all earlier ones of its object.
func claimDue(tx *db.Tx, webhook wire.ID, state State, claimer string, ordered bool, limit int) ([]*delivery, error) {
	if limit <= 0 {
		return nil, nil
	}
	// MATERIALIZED, because PostgreSQL may otherwise run the sub-select once for each row of the table, each time with a limit of its own.
	n, err := tx.Exec(`WITH due AS MATERIALIZED (
			SELECT event_sequence FROM delivery d WHERE webhook_id = $1 AND state <> 'delivered' AND state = $2 AND due_instant <= $3`+inSequence(ordered)+`
			ORDER BY due_instant, event_sequence LIMIT $4`+tx.ForUpdateSkipLocked()+`)
		UPDATE delivery SET due_instant = $5, claim = claim + 1, claimed_by = $6
		WHERE webhook_id = $1 AND event_sequence IN (SELECT event_sequence FROM due)`,
		webhook, state, tx.NowMillis(), limit, int64(carried), claimer)
	if err != nil || n == 0 {
		return nil, err
	}
	return collectDeliveries(tx, webhook, `d.state = $3 AND d.due_instant = $4 AND d.claimed_by = $5 ORDER BY e.sequence`, state, int64(carried), claimer)
}

// pickDue reads up to limit due deliveries behind a place in the order of due times.
func pickDue(tx *db.Tx, webhook wire.ID, state State, behind place, ordered bool, limit int) ([]*delivery, error) {
	return collectDeliveries(tx, webhook, `d.state = $3 AND d.due_instant <= $4 AND (d.due_instant, d.event_sequence) > ($5, $6)`+inSequence(ordered)+`
		ORDER BY d.due_instant, d.event_sequence LIMIT $7`, state, tx.NowMillis(), behind.due, behind.sequence, limit)
}

// behindPassed is the place of the last of those due deliveries, in the order of due times, that come before the first one that was not passed.
func behindPassed(tx *db.Tx, webhook wire.ID, state State, passed map[int64]bool) (at place, err error) {
	rows, err := tx.Query(`SELECT due_instant, event_sequence FROM delivery WHERE webhook_id = $1 AND state <> 'delivered' AND state = $2 AND due_instant <= $3
		ORDER BY due_instant, event_sequence LIMIT $4`, webhook, state, tx.NowMillis(), len(passed))
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (p place, err error) { return p, rows.Scan(&p.due, &p.sequence) })
	for _, p := range all {
		if !passed[p.sequence] {
			break
		}
		at = p
	}
	return at, err
}

// inSequence is the condition under which a delivery may be sent to a webhook that wants the events of one object one after the other.
func inSequence(ordered bool) string {
	if !ordered {
		return ""
	}
	return ` AND (ordering_key IS NULL OR NOT EXISTS (SELECT 1 FROM delivery earlier WHERE earlier.webhook_id = d.webhook_id
		AND earlier.ordering_key = d.ordering_key AND earlier.event_sequence < d.event_sequence AND earlier.state <> 'delivered' AND earlier.state IN ('pending', 'retrying')))`
}

// pickHeads reads the heads of the objects: of each the earliest delivery that has not ended, if it is due and not behind that place in the order of due times.
func pickHeads(tx *db.Tx, webhook wire.ID, objects []wire.ID, until place) ([]*delivery, error) {
	heads, args := headsOf(tx, objects, until, 3)
	return collectDeliveries(tx, webhook, `d.event_sequence IN (`+heads+`) ORDER BY d.event_sequence`, args...)
}

// claimHeads claims what pickHeads reads.
func claimHeads(tx *db.Tx, webhook wire.ID, objects []wire.ID, until place, claimer string) ([]*delivery, error) {
	heads, args := headsOf(tx, objects, until, 2)
	rows, err := tx.Query(heads, append([]any{webhook}, args...)...)
	sequences, err := db.Collect(rows, err, func(rows *sql.Rows) (s sql.NullInt64, err error) { return s, rows.Scan(&s) })
	if err != nil {
		return nil, err
	}
	var claims [][]any
	for _, s := range sequences {
		if s.Valid {
			claims = append(claims, []any{int64(carried), claimer, s.Int64, webhook, tx.NowMillis()})
		}
	}
	if len(claims) == 0 {
		return nil, nil
	}
	// Each by its key: in one statement PostgreSQL may come past all that is due once for each head.
	_, err = tx.ExecEach(`UPDATE delivery SET due_instant = $1, claim = claim + 1, claimed_by = $2
		WHERE event_sequence = $3 AND webhook_id = $4 AND state IN ('pending', 'retrying') AND due_instant <= $5`, claims)
	if err != nil {
		return nil, err
	}
	return collectDeliveries(tx, webhook, `d.state IN ('pending', 'retrying') AND d.due_instant = $3 AND d.claimed_by = $4 ORDER BY e.sequence`, int64(carried), claimer)
}

// headsOf is the query for the sequences of heads, in their order, NULL for what is none, and its parameters, of which the first has the given number. $1 is the webhook.
func headsOf(tx *db.Tx, objects []wire.ID, until place, first int) (query string, args []any) {
	args = []any{tx.NowMillis(), until.due, until.sequence}
	values := make([]string, 1<<bits.Len(uint(len(objects)-1))) // few different numbers, so that it is prepared once for each
	for i := range values {
		object := wire.ID("") // fills the statement up: nothing has it
		if i < len(objects) {
			object = objects[i]
		}
		values[i] = fmt.Sprintf("($%d)", first+len(args))
		args = append(args, object)
	}
	return fmt.Sprintf(`WITH turn (object) AS (VALUES %[1]s)
		SELECT (SELECT CASE WHEN due_instant <= $%[2]d AND (due_instant, event_sequence) <= ($%[3]d, $%[4]d) THEN event_sequence END FROM delivery
			WHERE webhook_id = $1 AND ordering_key = turn.object AND %[5]s ORDER BY event_sequence LIMIT 1) AS head FROM turn ORDER BY head`,
		strings.Join(values, ", "), first, first+1, first+2, stillOwed), args
}

// collectDeliveries reads deliveries with what it takes to send them. Bodies that are too large to wait in memory are left out.
func collectDeliveries(tx *db.Tx, webhook wire.ID, condition string, args ...any) ([]*delivery, error) {
	rows, err := tx.Query(`SELECT e.sequence, d.due_instant, d.attempts, d.replays, d.claim, e.id, e.type, e.operation_id, COALESCE(e.linked_object_id, ''),
			CASE WHEN OCTET_LENGTH(e.body) <= $2 THEN e.body END, d.insert_instant, COALESCE(e.trace, '')
		FROM delivery d JOIN event e ON e.sequence = d.event_sequence
		WHERE d.webhook_id = $1 AND d.state <> 'delivered' AND `+condition, append([]any{webhook, largestKept}, args...)...)
	return db.Collect(rows, err, func(rows *sql.Rows) (*delivery, error) {
		d := &delivery{webhook: webhook}
		var since int64
		err := rows.Scan(&d.sequence, &d.place.due, &d.attempts, &d.replays, &d.claim, &d.event, &d.kind, &d.operation, &d.object, &d.body, &since, &d.trace)
		d.place.sequence, d.since = d.sequence, time.UnixMilli(since)
		return d, err
	})
}

// countOpen counts what is open and finds how old the oldest of it is. It groups by webhook, the order of the index, because SQLite would otherwise sort everything.
func countOpen(tx *db.Tx) (b metrics.Backlog, err error) {
	type group struct {
		state        State
		count, first int64
	}
	rows, err := tx.Query(`SELECT state, COUNT(*), MIN(event_sequence) FROM delivery WHERE state <> 'delivered' GROUP BY webhook_id, state`)
	groups, err := db.Collect(rows, err, func(rows *sql.Rows) (g group, err error) { return g, rows.Scan(&g.state, &g.count, &g.first) })
	if err != nil {
		return b, err
	}
	oldest := int64(math.MaxInt64)
	for _, g := range groups {
		switch g.state {
		case Pending:
			b.Pending += g.count
			oldest = min(oldest, g.first)
		case Retrying:
			b.Retrying += g.count
			oldest = min(oldest, g.first)
		case Dead:
			b.Dead += g.count
		}
	}
	if oldest == math.MaxInt64 {
		return b, nil
	}
	var since int64
	// What was begun anew waits since then.
	err = tx.QueryRow(`SELECT MIN(CASE WHEN replays > 0 THEN last_update_instant ELSE insert_instant END) FROM delivery WHERE event_sequence = $1 AND state IN ('pending', 'retrying')`, oldest).Scan(&since)
	b.OldestAge = time.Duration(tx.NowMillis()-since) * time.Millisecond
	return b, err
}

// nextDue is the earliest instant after the given one at which a delivery is due; [carried] without any.
func nextDue(tx *db.Tx, webhook wire.ID, after int64) (next int64, err error) {
	const earliest = `SELECT MIN(due_instant) AS next FROM delivery WHERE webhook_id = $1 AND due_instant > $2 AND state <> 'delivered' AND state = `
	err = tx.QueryRow(`SELECT COALESCE(MIN(next), $3) FROM (`+earliest+`'pending' UNION ALL `+earliest+`'retrying') AS earliest`,
		webhook, after, int64(carried)).Scan(&next)
	return next, err
}

func anyDue(tx *db.Tx, webhook wire.ID) (bool, error) {
	return tx.Exists(`SELECT 1 FROM delivery WHERE webhook_id = $1 AND `+stillOwed+` AND due_instant <= $2`, webhook, tx.NowMillis())
}

// dueWebhooks are the webhooks, deleted ones included, that something is due for until the given instant.
func dueWebhooks(tx *db.Tx, until int64) ([]wire.ID, error) {
	rows, err := tx.Query(openWebhooks+` AND (
			EXISTS (SELECT 1 FROM delivery d WHERE d.webhook_id = owed.id AND d.state <> 'delivered' AND d.state = 'pending' AND d.due_instant <= $1)
			OR EXISTS (SELECT 1 FROM delivery d WHERE d.webhook_id = owed.id AND d.state <> 'delivered' AND d.state = 'retrying' AND d.due_instant <= $1))`, until)
	return db.Collect(rows, err, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
}

// claimedBy are the sequences of the webhook's deliveries that are marked as carried by the node.
func claimedBy(tx *db.Tx, webhook wire.ID, node string) ([]int64, error) {
	rows, err := tx.Query(`SELECT event_sequence FROM delivery WHERE webhook_id = $1 AND `+stillOwed+` AND due_instant = $2 AND `+claimedBySome("CAST($3 AS TEXT)"),
		webhook, int64(carried), node)
	return db.Collect(rows, err, func(rows *sql.Rows) (s int64, err error) { return s, rows.Scan(&s) })
}

// claimedBySome is the condition that a node has claimed a delivery. It compares for equality, because how texts sort depends on the database.
func claimedBySome(node string) string {
	return `SUBSTR(delivery.claimed_by, 1, LENGTH(` + node + `) + 1) = ` + node + ` || '/'`
}

const freeRows = `UPDATE delivery SET due_instant = $1, claim = claim + 1, claimed_by = NULL WHERE ` + stillOwed + ` AND due_instant = $2 `

// freeDeliveries makes due what the node is marked to carry of the webhook's deliveries.
func freeDeliveries(tx *db.Tx, webhook wire.ID, sequences []int64, node string) error {
	rows := make([][]any, len(sequences))
	for i, s := range sequences {
		rows[i] = []any{tx.NowMillis(), int64(carried), webhook, s, node}
	}
	_, err := tx.ExecEach(freeRows+`AND webhook_id = $3 AND event_sequence = $4 AND `+claimedBySome("CAST($5 AS TEXT)"), rows)
	return err
}

// all is no limit.
const all = math.MaxInt32

// freeClaims makes due what the node has claimed, up to limit.
func freeClaims(tx *db.Tx, node string, limit int64) (int64, error) {
	return tx.Exec(freeRows+`AND (event_sequence, webhook_id) IN (SELECT event_sequence, webhook_id FROM delivery WHERE `+stillOwed+` AND due_instant = $2 AND `+
		claimedBySome("CAST($3 AS TEXT)")+` LIMIT $4)`, tx.NowMillis(), int64(carried), node, limit)
}

// freeUnknown makes everything due that was claimed by a process that has no lease, and returns to which webhooks. It looks webhook by webhook, for the index.
func freeUnknown(tx *db.Tx) (freed []wire.ID, err error) {
	rows, err := tx.Query(openWebhooks)
	owed, err := db.Collect(rows, err, func(rows *sql.Rows) (id wire.ID, err error) { return id, rows.Scan(&id) })
	for _, id := range owed {
		n, err := tx.Exec(freeRows+`AND webhook_id = $3 AND NOT EXISTS (SELECT 1 FROM node WHERE `+claimedBySome("node.id")+`)`, tx.NowMillis(), int64(carried), id)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			freed = append(freed, id)
		}
	}
	return freed, err
}

// bringForward makes due what is due later than anybody can have meant: first attempts due after firstUntil, retries due after retryUntil.
func bringForward(tx *db.Tx, webhook wire.ID, firstUntil, retryUntil int64) error {
	for state, until := range map[State]int64{Pending: firstUntil, Retrying: retryUntil} {
		_, err := tx.Exec(`UPDATE delivery SET due_instant = $1 WHERE webhook_id = $2 AND state <> 'delivered' AND state = $3 AND due_instant > $4 AND due_instant < $5`,
			tx.NowMillis(), webhook, state, until, int64(carried))
		if err != nil {
			return err
		}
	}
	return nil
}

// endSome ends up to limit open deliveries of a webhook that meet the condition.
func endSome(tx *db.Tx, state State, condition string, args ...any) (int64, error) {
	return tx.Exec(`WITH chosen AS MATERIALIZED (SELECT event_sequence FROM delivery WHERE webhook_id = $1 AND `+stillOwed+` `+condition+` LIMIT $2)
		UPDATE delivery SET state = '`+string(state)+`', due_instant = $3, claim = claim + 1, claimed_by = NULL, last_update_instant = $3
		WHERE webhook_id = $1 AND event_sequence IN (SELECT event_sequence FROM chosen) AND `+stillOwed, args...)
}

// cancelSome ends what is owed to a webhook that does not exist.
func cancelSome(tx *db.Tx, webhook wire.ID, limit int) (int64, error) {
	return endSome(tx, Cancelled, `AND NOT EXISTS (SELECT 1 FROM webhook w WHERE w.id = $1) AND NOT EXISTS (SELECT 1 FROM sink s WHERE s.id = $1)`, webhook, limit, tx.NowMillis())
}

// expireDeliveries gives up what has been due since before the given instant.
func expireDeliveries(tx *db.Tx, webhook wire.ID, since int64, limit int) (int64, error) {
	return endSome(tx, Dead, `AND due_instant < $4`, webhook, limit, tx.NowMillis(), since)
}

func registerNode(tx *db.Tx, id, keys string, until int64) error {
	_, err := tx.Exec(`INSERT INTO node (id, started_instant, expire_instant, keys) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET expire_instant = excluded.expire_instant`, id, tx.NowMillis(), until, keys)
	return err
}

// renewNode tells whether the lease still held: others may have begun to free what the process has claimed once it has ended.
func renewNode(tx *db.Tx, id string, until int64) (bool, error) {
	n, err := tx.Exec(`UPDATE node SET expire_instant = $1 WHERE id = $2 AND expire_instant >= $3`, until, id, tx.NowMillis())
	return n == 1, err
}

func livingNodes(tx *db.Tx) (n int64, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM node WHERE expire_instant >= $1`, tx.NowMillis()).Scan(&n)
	return n, err
}

// Living is a process that works on the store now.
type Living struct {
	ID string
	// Keys names those it can open secrets with, with blanks between them.
	Keys string
}

// LivingNodes are the processes that work on the store now; on SQLite nobody is counted.
func LivingNodes(tx *db.Tx) ([]Living, error) {
	rows, err := tx.Query(`SELECT id, keys FROM node WHERE expire_instant >= $1 ORDER BY id`, tx.NowMillis())
	return db.Collect(rows, err, func(rows *sql.Rows) (l Living, err error) { return l, rows.Scan(&l.ID, &l.Keys) })
}

// longestLease is more than anybody means by one: what ends later was written under a clock that was ahead.
const longestLease = 24 * time.Hour

// expiredNodes are the processes whose lease has ended, except those that another process is just sweeping up.
func expiredNodes(tx *db.Tx) ([]string, error) {
	rows, err := tx.Query(`SELECT id FROM node WHERE expire_instant < $1 OR expire_instant > $2`+tx.ForUpdateSkipLocked(), tx.NowMillis(), tx.Now().Add(longestLease).UnixMilli())
	return db.Collect(rows, err, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
}

func removeNode(tx *db.Tx, id string) error {
	_, err := tx.Exec(`DELETE FROM node WHERE id = $1`, id)
	return err
}

const flowColumns = `webhook_id, paused, paused_instant, pause_reason, open, opened_instant, probe_instant, probes, failure`

func scanFlow(row db.Row) (id wire.ID, f Flow, err error) {
	err = row.Scan(&id, &f.Paused, &f.PausedInstant, &f.PauseReason, &f.Open, &f.OpenedInstant, &f.ProbeInstant, &f.Probes, &f.Failure)
	return id, f, err
}

func loadFlows(tx *db.Tx) (map[wire.ID]Flow, error) {
	all := map[wire.ID]Flow{}
	rows, err := tx.Query(`SELECT ` + flowColumns + ` FROM webhook_flow WHERE paused OR open`)
	_, err = db.Collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		id, f, err := scanFlow(rows)
		all[id] = f
		return struct{}{}, err
	})
	return all, err
}

func loadFlow(tx *db.Tx, id wire.ID) (Flow, error) {
	_, f, err := scanFlow(tx.QueryRow(`SELECT `+flowColumns+` FROM webhook_flow WHERE webhook_id = $1`, id))
	if err == db.ErrNoRows {
		return Flow{}, nil
	}
	return f, err
}

// setFlow writes one side of a flow; the other keeps its values.
func setFlow(tx *db.Tx, assignments string, id wire.ID, f Flow) (int64, error) {
	return tx.Exec(`INSERT INTO webhook_flow (`+flowColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (webhook_id) DO UPDATE SET `+assignments,
		id, f.Paused, f.PausedInstant, f.PauseReason, f.Open, f.OpenedInstant, f.ProbeInstant, f.Probes, f.Failure)
}

// openBreaker tells whether it was closed before.
func openBreaker(tx *db.Tx, id wire.ID, failure string, probe int64) (bool, error) {
	n, err := setFlow(tx, `open = TRUE, opened_instant = excluded.opened_instant, probe_instant = excluded.probe_instant, probes = 0, failure = excluded.failure
		WHERE NOT webhook_flow.open`, id, Flow{Open: true, OpenedInstant: tx.NowMillis(), ProbeInstant: probe, Failure: strings.ToValidUTF8(failure, "\uFFFD")})
	return n == 1, err
}

// shutBreaker tells whether it was open before.
func shutBreaker(tx *db.Tx, id wire.ID) (bool, error) {
	n, err := tx.Exec(`UPDATE webhook_flow SET open = FALSE WHERE webhook_id = $1 AND open`, id)
	return n == 1, err
}

func moveProbe(tx *db.Tx, id wire.ID, from, to int64) (bool, error) {
	n, err := tx.Exec(`UPDATE webhook_flow SET probe_instant = $1, probes = probes + 1 WHERE webhook_id = $2 AND open AND probe_instant = $3`, to, id, from)
	return n == 1, err
}

func pauseFlow(tx *db.Tx, id wire.ID, reason string) error {
	_, err := setFlow(tx, `paused = TRUE, paused_instant = excluded.paused_instant, pause_reason = excluded.pause_reason`, id,
		Flow{Paused: true, PausedInstant: tx.NowMillis(), PauseReason: reason})
	return err
}

func resumeFlow(tx *db.Tx, id wire.ID) error {
	if _, err := tx.Exec(`UPDATE webhook_flow SET paused = FALSE WHERE webhook_id = $1 AND open`, id); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM webhook_flow WHERE webhook_id = $1 AND NOT open`, id)
	return err
}

// forgetFlow removes what is known about a webhook that is gone.
func forgetFlow(tx *db.Tx, id wire.ID) error {
	_, err := tx.Exec(`DELETE FROM webhook_flow WHERE webhook_id = $1`, id)
	return err
}
