package db

import (
	"errors"
	"slices"
)

// revision returns how often the topic was bumped, as the transaction sees it. SQLite has one process, which counts in
// memory.
func (tx *Tx) revision(topic string) (number int64, err error) {
	if tx.d.engine == SQLite {
		return 0, nil
	}
	err = tx.QueryRow(`SELECT number FROM revision WHERE topic = $1`, topic).Scan(&number)
	if errors.Is(err, ErrNoRows) {
		return 0, nil
	}
	return number, err
}

// writeBumps counts up the revisions of the topics the transaction bumped. It is the last thing before the commit, because
// the rows stay locked until then, and in the order of the names, so that two transactions cannot block each other.
func (tx *Tx) writeBumps() error {
	for _, topic := range slices.Sorted(slices.Values(tx.bumped)) {
		if _, err := tx.Exec(`
			INSERT INTO revision (topic, number) VALUES ($1, 1)
			ON CONFLICT (topic) DO UPDATE SET number = revision.number + 1`, topic); err != nil {
			return err
		}
	}
	return nil
}
