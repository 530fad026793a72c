package message

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/wire"
)

// Limit allows so many messages within a period.
type Limit struct {
	Count  int
	Period time.Duration
}

// Limits are those of a tenant. They are against strangers who make us send: to a number that they earn with, or to somebody whom they annoy.
type Limits struct {
	// Recipient has those of each recipient; all of them count.
	Recipient []Limit
	// Tenant is that of all messages together.
	Tenant Limit
}

// DefaultLimits are those of a tenant that has none of its own.
func DefaultLimits() Limits {
	return Limits{
		Recipient: []Limit{{5, 10 * time.Minute}, {20, 24 * time.Hour}},
		Tenant:    Limit{1000, time.Minute},
	}
}

const (
	// mostToRecipient bounds what is counted for each message: a recipient's are counted one by one, those of a tenant as they come and go.
	mostToRecipient = 1_000
	mostOfTenant    = 100_000
	// longestPeriod is how long the record is needed.
	longestPeriod = 24 * time.Hour
	// mostLimited is how many messages that are not sent are recorded within a period at most.
	mostLimited = 1_000
)

// ParseLimits reads the member messageLimits of a tenant:
//
//	{"perRecipient": {"limit": 5, "timePeriodInSeconds": 600}, "perTenant": {"limit": 1000, "timePeriodInSeconds": 60}}
//
// What is not said keeps its default. perRecipient replaces both defaults, that of ten minutes and that of a day. A limit is
// 1 to 1,000 for a recipient and 1 to 100,000 for a tenant, a period 1 to 86,400 seconds; the error names what is not.
func ParseLimits(raw json.RawMessage) (Limits, error) {
	limits := DefaultLimits()
	if len(raw) == 0 {
		return limits, nil
	}
	type given struct {
		Limit               json.Number `json:"limit"` // also takes a number in quotes, as the rest of the API does
		TimePeriodInSeconds json.Number `json:"timePeriodInSeconds"`
	}
	var settings struct {
		PerRecipient *given `json:"perRecipient"`
		PerTenant    *given `json:"perTenant"`
	}
	if err := json.Unmarshal(raw, &settings); err != nil {
		return DefaultLimits(), fmt.Errorf("messageLimits: %w", err)
	}
	read := func(name string, g *given, standard Limit, most int64) (l Limit, err error) {
		count, err := cmp.Or(g.Limit, json.Number(fmt.Sprint(standard.Count))).Int64()
		if err != nil || count < 1 || count > most {
			return l, fmt.Errorf("messageLimits.%s.limit must be a number from 1 to %d", name, most)
		}
		seconds, err := cmp.Or(g.TimePeriodInSeconds, json.Number(fmt.Sprint(int64(standard.Period.Seconds())))).Int64()
		if err != nil || seconds < 1 || seconds > int64(longestPeriod.Seconds()) {
			return l, fmt.Errorf("messageLimits.%s.timePeriodInSeconds must be a number from 1 to %d", name, int64(longestPeriod.Seconds()))
		}
		return Limit{int(count), time.Duration(seconds) * time.Second}, nil
	}
	if settings.PerRecipient != nil {
		l, err := read("perRecipient", settings.PerRecipient, limits.Recipient[0], mostToRecipient)
		if err != nil {
			return DefaultLimits(), err
		}
		limits.Recipient = []Limit{l}
	}
	if settings.PerTenant != nil {
		l, err := read("perTenant", settings.PerTenant, limits.Tenant, mostOfTenant)
		if err != nil {
			return DefaultLimits(), err
		}
		limits.Tenant = l
	}
	return limits, nil
}

// breach is a limit that a message would exceed.
type breach struct {
	Limit

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
func (s *Sender) admit(tx *db.Tx, tenant wire.ID, recipient string, limits Limits) (b *breach, tell bool, err error) {
	g, err := enterGate(tx, tenant)
	if err != nil {
		return nil, false, err
	}
	if b, err = g.breach(tx, tenant, recipient, limits); err != nil {
		return nil, false, err
	}
	if now := tx.NowMillis(); b == nil {
		g.counted++
	} else if tell = now-g.reported >= reportEvery.Milliseconds(); tell {
		g.reported = now
	}
	return b, tell, updateGate(tx, tenant, g)
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
func (g *gate) breach(tx *db.Tx, tenant wire.ID, recipient string, limits Limits) (*breach, error) {
	if err := g.move(tx, tenant, limits.Tenant.Period); err != nil {
		return nil, err
	}
	instants, err := nthNewest(tx, tenant, recipient, limits.Recipient)
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
	leaves, err := nthOldest(tx, tenant, g.since, g.counted-limits.Tenant.Count+1)
	return breachOf(limits.Tenant, "the tenant", leaves, tx.Now()), err
}

// breachOf is a limit that is exceeded until the message of that instant is older than its period.
func breachOf(l Limit, what string, instant int64, now time.Time) *breach {
	return &breach{l, what, max(time.UnixMilli(instant).Add(l.Period).Sub(now).Round(time.Second), time.Second)}
}

// move makes the gate count the period that ends now. Each message is looked at when it comes into the period and when it leaves it, so this takes as long for a
// tenant that sends many as for one that sends few.
func (g *gate) move(tx *db.Tx, tenant wire.ID, period time.Duration) error {
	before, sign := g.since, -1
	g.since = tx.Now().Add(-period).UnixMilli()
	from, to := before, g.since
	switch far := g.since - before; {
	case before == 0 || max(far, -far) > period.Milliseconds(): // all that was counted has left, or the period is another one
		g.counted, from, to, sign = 0, g.since, math.MaxInt64, 1
	case far < 0: // the clock of another process is behind
		from, to, sign = g.since, before, 1
	}
	n, err := countBetween(tx, tenant, from, to)
	g.counted += sign * n
	return err
}
