package crash

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
)

// snapshot is what the store says.
type snapshot struct {
	events     []*storedEvent // in the order of their sequence
	deliveries map[pair]delivery
	attempts   map[pair][]attempt
	users      map[string]int // by id: the step that the last update has brought the user to
	reserved   int
}

// storedEvent is an event on record.
type storedEvent struct {
	sequence int64
	id       string
	kind     event.Type
	result   string
	object   string // linked
	step     int    // of the user in it
	body     string
}

// delivery is an event that is owed to a webhook, or was.
type delivery struct {
	state   string
	claimed bool
}

// attempt is a request on record.
type attempt struct {
	kind, outcome string
	start, end    int64 // milliseconds
}

const accepted = "accepted" // the outcome

// open says what is neither decided nor settled; nothing if there is nothing.
func (s *snapshot) open() string {
	count := map[string]int{}
	for _, e := range s.events {
		if e.result == "Running" {
			count["running events"]++
		}
	}
	for _, d := range s.deliveries {
		switch {
		case d.claimed:
			count["claimed deliveries"]++
		case d.state == "pending", d.state == "retrying":
			count[d.state+" deliveries"]++
		}
	}
	if s.reserved > 0 {
		count["reservations"] = s.reserved
	}
	if len(count) == 0 {
		return ""
	}
	return fmt.Sprint(count)
}

// open counts what is neither decided nor settled, without reading the whole store.
func (w *world) open() (n int) {
	w.t.Helper()
	w.view(func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT (SELECT COUNT(*) FROM event WHERE result = 'Running') + (SELECT COUNT(*) FROM reservation)
			+ (SELECT COUNT(*) FROM delivery WHERE state IN ('pending', 'retrying') OR claimed_by IS NOT NULL)`).Scan(&n)
	})
	return n
}

// look reads the store.
func (w *world) look() *snapshot {
	w.t.Helper()
	s := &snapshot{}
	w.view(func(tx *db.Tx) error { return s.read(tx, w.hooks) })
	return s
}

// view reads in the store. No process may be working on a SQLite one.
func (w *world) view(fn func(*db.Tx) error) {
	w.t.Helper()
	d, err := db.Open(w.t.Context(), w.store)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(d.View(w.t.Context(), fn), d.Close()); err != nil {
		w.t.Fatal(err)
	}
}

func (s *snapshot) read(tx *db.Tx, hooks []*hook) error {
	s.deliveries, s.attempts, s.users = map[pair]delivery{}, map[pair][]attempt{}, map[string]int{}
	ids := map[int64]string{}
	names := map[string]string{}
	for _, h := range hooks {
		names[h.id] = h.name
	}
	err := each(tx, func(rows *sql.Rows) error {
		e := &storedEvent{}
		if err := rows.Scan(&e.sequence, &e.id, &e.kind, &e.result, &e.object, &e.body); err != nil {
			return err
		}
		var body struct {
			Event struct{ User user } `json:"event"`
		}
		if err := json.Unmarshal([]byte(e.body), &body); err != nil {
			return err
		}
		e.step = body.Event.User.Data.Step
		ids[e.sequence] = e.id
		s.events = append(s.events, e)
		return nil
	}, `SELECT sequence, id, type, result, COALESCE(linked_object_id, ''), body FROM event ORDER BY sequence`)
	if err != nil {
		return err
	}
	err = each(tx, func(rows *sql.Rows) error {
		var sequence int64
		var hook string
		var d delivery
		if err := rows.Scan(&sequence, &hook, &d.state, &d.claimed); err != nil {
			return err
		}
		s.deliveries[pair{ids[sequence], names[hook]}] = d
		return nil
	}, `SELECT event_sequence, webhook_id, state, claimed_by IS NOT NULL FROM delivery`)
	if err != nil {
		return err
	}
	err = each(tx, func(rows *sql.Rows) error {
		var id, hook string
		var a attempt
		if err := rows.Scan(&id, &hook, &a.kind, &a.outcome, &a.start, &a.end); err != nil {
			return err
		}
		// An attempt's id begins with the sequence of its event, as twelve digits of which the last four follow a hyphen.
		sequence, err := strconv.ParseInt(strings.Replace(id[:13], "-", "", 1), 16, 64)
		if err != nil {
			return err
		}
		p := pair{ids[sequence], names[hook]}
		s.attempts[p] = append(s.attempts[p], a)
		return nil
	}, `SELECT id, webhook_id, kind, outcome, start_instant, end_instant FROM attempt ORDER BY end_instant`)
	if err != nil {
		return err
	}
	err = each(tx, func(rows *sql.Rows) error {
		var id, document string
		if err := rows.Scan(&id, &document); err != nil {
			return err
		}
		var u user
		if err := json.Unmarshal([]byte(document), &u); err != nil {
			return err
		}
		s.users[id] = u.Data.Step
		return nil
	}, `SELECT id, document FROM users`)
	if err != nil {
		return err
	}
	return tx.QueryRow(`SELECT COUNT(*) FROM reservation`).Scan(&s.reserved)
}

func each(tx *db.Tx, fn func(*sql.Rows) error, query string) error {
	rows, err := tx.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// user is as much of a user as the callers care about.
type user struct {
	Email string `json:"email,omitempty"`
	Data  struct {
		Step int `json:"step"`
	} `json:"data"`
}
