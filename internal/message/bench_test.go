package message_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/wire"
)

// BenchmarkSend sends to a receiver on this machine. It shows what sending adds to the attempt itself, as the median: rendering, limits and two commits. That
// must not depend on how much is on record: with -full the recipient has had hundreds of messages, and the tenant has sent tens of thousands.
func BenchmarkSend(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		for name, full := range map[string]bool{"": false, "-full": true} {
			b.Run(string(engine)+name, func(b *testing.B) {
				for range b.N {
					benchmarkSend(b, engine, full)
				}
			})
		}
	}
}

func benchmarkSend(b *testing.B, engine db.Engine, full bool) {
	now := &atomic.Int64{}
	now.Store(noon.UnixMilli())
	d := dbtest.Open(b, engine)
	r := newRig(b, d, now, "node-1")
	if err := r.tenants.Bootstrap(b.Context(), home); err != nil {
		b.Fatal(err)
	}
	r.limit(`{"perRecipient":{"limit":1000,"timePeriodInSeconds":86400},"perTenant":{"limit":100000,"timePeriodInSeconds":86400}}`)
	id := r.messenger("Main", egresstest.NewReceiver(b))
	target, err := r.messengers.Registry(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	median := func(do func() error) time.Duration {
		times := make([]time.Duration, 150)
		for i := range times {
			begin := time.Now()
			if err := do(); err != nil {
				b.Fatal(err)
			}
			times[i] = time.Since(begin)
		}
		slices.Sort(times)
		return times[len(times)/2]
	}
	send := func() error {
		_, err := r.Send(b.Context(), request(id))
		return err
	}
	_ = median(send)
	if full {
		r.fill(40_000, "", "'somebody else' || i % 4000")
		r.fill(500, "x", "recipient_hash")
	}
	_ = median(send)
	bare := median(func() error {
		if a := target.Target(id).Send(b.Context(), messenger.Message{Kind: wire.KindSMS, PhoneNumber: number, Text: "x"}); !a.Accepted() {
			return message.ErrNotSent
		}
		return nil
	})
	b.ReportMetric(float64((median(send) - bare).Microseconds()), "added-µs")
	b.ReportMetric(float64(bare.Microseconds()), "attempt-µs")
}

// fill puts n messages on record that are like the newest one, but for their ids and their recipient.
func (r *rig) fill(n int, ids, recipient string) {
	r.t.Helper()
	r.exec(fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO message (id, tenant_id, kind, purpose, recipient, recipient_hash, template_name, locale, locale_reason, state, counted, failure, attempts, node, insert_instant, last_update_instant)
		SELECT '%s' || i, tenant_id, kind, purpose, recipient, %s, template_name, locale, locale_reason, state, counted, failure, attempts, node, insert_instant - i, last_update_instant
		FROM n, (SELECT * FROM message ORDER BY insert_instant DESC LIMIT 1) AS newest`, n, ids, recipient))
}
