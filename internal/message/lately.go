package message

import (
	"context"
	"slices"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/wire"
)

// Lately is what came of the messages that one messenger was tried with.
type Lately struct {
	// Sent and Failed count messages, not attempts. A message that the messenger took in the end counts as sent.
	Sent, Failed int
	// Error is what went wrong the last time, Instant when. Empty when nothing did.
	Error   string
	Instant wire.Instant
}

// How far back, and how many messages at most, are looked at.
const (
	lately     = 24 * time.Hour
	mostLately = 1000
)

// Lately sums up the messages of the last day by their messengers, and says since when: of a busy day only the last 1,000 messages count.
func (s *Sender) Lately(ctx context.Context) (by map[wire.ID]Lately, since wire.Instant, err error) {
	by = map[wire.ID]Lately{}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		since = wire.Instant(tx.Now().Add(-lately).UnixMilli())
		newest, err := attemptsSince(tx, int64(since), mostLately)
		if err != nil {
			return err
		}
		if len(newest) == mostLately {
			since = newest[len(newest)-1].inserted
		}
		for _, m := range newest {
			var seen []wire.ID
			for _, a := range slices.Backward(m.attempts) { // the last one with each messenger decides
				sum, took := by[a.MessengerID], egress.Outcome(a.Outcome).Success()
				if !took && sum.Error == "" {
					sum.Error, sum.Instant = summary(a), a.StartInstant
				}
				if !slices.Contains(seen, a.MessengerID) {
					seen = append(seen, a.MessengerID)
					if took {
						sum.Sent++
					} else {
						sum.Failed++
					}
				}
				by[a.MessengerID] = sum
			}
		}
		return nil
	})
	delete(by, "") // mail servers, and messengers that were not stored
	return by, since, err
}
