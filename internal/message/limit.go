package message

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
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
	// mostCount and longestPeriod bound what is counted for each message, and how long the record is needed.
	mostCount     = 100_000
	longestPeriod = 24 * time.Hour
)

// ParseLimits reads the member messageLimits of a tenant:
//
//	{"perRecipient": {"limit": 5, "timePeriodInSeconds": 600}, "perTenant": {"limit": 1000, "timePeriodInSeconds": 60}}
//
// What is not said keeps its default. perRecipient replaces both defaults, that of ten minutes and that of a day. A limit is 1 to 100,000, a period
// 1 to 86,400 seconds; the error names what is not.
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
	read := func(name string, g *given, standard Limit) (l Limit, err error) {
		count, err := cmp.Or(g.Limit, json.Number(fmt.Sprint(standard.Count))).Int64()
		if err != nil || count < 1 || count > mostCount {
			return l, fmt.Errorf("messageLimits.%s.limit must be a number from 1 to %d", name, mostCount)
		}
		seconds, err := cmp.Or(g.TimePeriodInSeconds, json.Number(fmt.Sprint(int64(standard.Period.Seconds())))).Int64()
		if err != nil || seconds < 1 || seconds > int64(longestPeriod.Seconds()) {
			return l, fmt.Errorf("messageLimits.%s.timePeriodInSeconds must be a number from 1 to %d", name, int64(longestPeriod.Seconds()))
		}
		return Limit{int(count), time.Duration(seconds) * time.Second}, nil
	}
	if settings.PerRecipient != nil {
		l, err := read("perRecipient", settings.PerRecipient, limits.Recipient[0])
		if err != nil {
			return DefaultLimits(), err
		}
		limits.Recipient = []Limit{l}
	}
	if settings.PerTenant != nil {
		l, err := read("perTenant", settings.PerTenant, limits.Tenant)
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

// admit counts what the tenant and the recipient have had, and returns the limit that another message would exceed, nil without one. What it has found stays
// true until the transaction ends: others who ask for the tenant wait. tell says that the event log should hear of the breach.
func (s *Sender) admit(tx *db.Tx, tenant wire.ID, recipient string, limits Limits) (b *breach, tell bool, err error) {
	reported, err := enterGate(tx, tenant)
	if err != nil {
		return nil, false, err
	}
	all := append(slices.Clone(limits.Recipient), limits.Tenant)
	instants, err := nthNewest(tx, tenant, recipient, all)
	if err != nil {
		return nil, false, err
	}
	now := tx.Now()
	for i, l := range all {
		if instants[i] == 0 {
			continue
		}
		what := "this recipient"
		if i == len(all)-1 {
			what = "the tenant"
		}
		b = &breach{l, what, max(time.UnixMilli(instants[i]).Add(l.Period).Sub(now).Round(time.Second), time.Second)}
		break
	}
	if b == nil || now.UnixMilli()-reported < reportEvery.Milliseconds() {
		return b, false, nil
	}
	return b, true, setReported(tx, tenant, now.UnixMilli())
}
