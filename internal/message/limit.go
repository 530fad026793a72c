package message

import (
	"fmt"
	"math"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// mostLimited is how many messages that are not sent are recorded within a period at most.
const mostLimited = 1_000

// breach is a limit that a message would exceed.
type breach struct {
	tenant.MessageLimit

	what  string        // whose limit it is
	until time.Duration // when the next message is allowed
}

func (b breach) String() string {
	return fmt.Sprintf("%s has had %d messages within %v; the next is allowed in %v", b.what, b.Count, b.Period, b.until)
}

// reportEvery is how often the event log tells that a tenant's limits are reached. An attack makes thousands of messages; one entry is enough.
const reportEvery = 10 * time.Minute

// admit counts what the tenant and the recipient have had, and returns the limit that another message would exceed. Without one it counts this message, which
// is to be inserted. What it has found stays true until the transaction ends: others who ask for the tenant wait. tell says that the event log should
// hear of the breach.
func (s *Sender) admit(tx *db.Tx, of wire.ID, recipient string, limits tenant.MessageLimits) (b *breach, tell bool, err error) {
	g, err := enterGate(tx, of)
	if err != nil {
		return nil, false, err
	}
	if b, err = g.breach(tx, of, recipient, limits); err != nil {
		return nil, false, err
	}
	if now := tx.NowMillis(); b == nil {
		g.counted++
	} else if tell = now-g.reported >= reportEvery.Milliseconds(); tell {
		g.reported = now
	}
	return b, tell, updateGate(tx, of, g)
}

// gate is what all messages of a tenant pass, one after the other.
type gate struct {
	// counted is how many of them count that are younger than since, in milliseconds; 0 means that nobody knows how many.
	counted int
	since   int64
	// reported is when the event log last heard of a breach, in milliseconds.
	reported int64
}

// breach is the first limit that another message would exceed, nil without one.
func (g *gate) breach(tx *db.Tx, of wire.ID, recipient string, limits tenant.MessageLimits) (*breach, error) {
	if err := g.move(tx, of, limits.Tenant.Period); err != nil {
		return nil, err
	}
	instants, err := nthNewest(tx, of, recipient, limits.Recipient)
	if err != nil {
		return nil, err
	}
	for i, l := range limits.Recipient {
		if instants[i] != 0 {
			return breachOf(l, "this recipient", instants[i], tx.Now()), nil
		}
	}
	if g.counted < limits.Tenant.Count {
		return nil, nil
	}
	leaves, err := nthOldest(tx, of, g.since, g.counted-limits.Tenant.Count+1)
	return breachOf(limits.Tenant, "the tenant", leaves, tx.Now()), err
}

// breachOf is a limit that is exceeded until the message of that instant is older than its period.
func breachOf(l tenant.MessageLimit, what string, instant int64, now time.Time) *breach {
	return &breach{l, what, max(time.UnixMilli(instant).Add(l.Period).Sub(now).Round(time.Second), time.Second)}
}

// move makes the gate count the period that ends now. Each message is looked at when it comes into the period and when it leaves it, so this takes as long for a
// tenant that sends many as for one that sends few.
func (g *gate) move(tx *db.Tx, of wire.ID, period time.Duration) error {
	before, sign := g.since, -1
	g.since = tx.Now().Add(-period).UnixMilli()
	from, to := before, g.since
	switch far := g.since - before; {
	case before == 0 || max(far, -far) > period.Milliseconds(): // all that was counted has left, or the period is another one
		g.counted, from, to, sign = 0, g.since, math.MaxInt64, 1
	case far < 0: // the clock of another process is behind
		from, to, sign = g.since, before, 1
	}
	n, err := countBetween(tx, of, from, to)
	g.counted += sign * n
	return err
}
