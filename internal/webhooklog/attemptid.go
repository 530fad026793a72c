package webhooklog

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/herald-events/herald/wire"
)

// An attempt's id is a UUID of version 8 (RFC 9562, section 5.8) that begins with the sequence of its event, so that the attempts of one event are
// one range of the table, which then needs no second index.

// sequenceBits is how many bits of an id hold the sequence: enough for a billion events a day during seven centuries.
const sequenceBits = 48

// attemptID returns a new id for an attempt about the event with that sequence.
func attemptID(sequence int64) wire.ID {
	id := firstAttemptID(sequence)
	_, _ = rand.Read(id[6:]) // never fails, see its documentation
	return finish(id)
}

// AttemptRange is the ids that attempts about the event with that sequence can have: from the first up to, not including, the second.
func AttemptRange(sequence int64) (from, to string) {
	first, next := firstAttemptID(sequence), firstAttemptID(sequence+1)
	return first.String(), next.String()
}

// SequenceOf returns the sequence of the event that an attempt with this id is about.
func SequenceOf(attempt wire.ID) (int64, bool) {
	id, err := uuid.Parse(string(attempt))
	if err != nil || id.Version() != 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(id[:8]) >> (64 - sequenceBits)), true
}

func firstAttemptID(sequence int64) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], uint64(sequence)<<(64-sequenceBits))
	return id
}

func finish(id uuid.UUID) wire.ID {
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return wire.ID(id.String())
}
