package ui_test

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// busy gives the charts something to show: it counts what a day of requests to the first webhook would have been, all well but for a while in which
// the receiver was down. The hour that has begun is left to what really happens.
func busy(s *stage) {
	var columns, rows strings.Builder
	for i := range 36 {
		fmt.Fprintf(&columns, ", d%02d", i)
	}
	add := func(webhook string, span time.Duration, at time.Time, result string, n, slot int) {
		if n <= 0 {
			return
		}
		if rows.Len() > 0 {
			rows.WriteString(", ")
		}
		fmt.Fprintf(&rows, "('%s', %d, %d, '%s', %d", webhook, int(span.Seconds()), at.UnixMilli(), result, n)
		for i := range 36 {
			share := 0 // most answers in the middle slot, a few in slower ones
			if slot > 0 {
				share = int(math.Round(float64(n) * map[int]float64{-2: .2, 0: .6, 2: .15, 5: .05}[i-slot]))
			}
			fmt.Fprintf(&rows, ", %d", share)
		}
		rows.WriteString(")")
	}
	for _, span := range []time.Duration{time.Minute, time.Hour} {
		now := time.Now().Truncate(span)
		for back := 1; back < 24 || span == time.Minute && back < 120; back++ {
			at := now.Add(-time.Duration(back) * span)
			n := int((30 + 18*math.Sin(float64(back)/5) + float64(back*7%11)) * math.Sqrt(span.Minutes()))
			down := back >= 20 && back <= 24
			if span == time.Hour {
				down = back == 7
			}
			for _, webhook := range []string{"", s.noted["webhook"]} {
				if down {
					add(webhook, span, at, "retried", n*2/3, 15)
					add(webhook, span, at, "failed", n/20, 16)
					n /= 3
				}
				add(webhook, span, at, "delivered", n, 10+back%2)
				add(webhook, span, at, "accepted", n/4, 9)
			}
			add("", span, at, "published", n*2, 0)
			add("", span, at, "committed", n/4, 0)
			if down {
				add("", span, at, "rolledBack", 1+back%2, 0)
			}
		}
	}
	s.Exec("INSERT INTO traffic (webhook_id, span, instant, result, count" + columns.String() + ") VALUES " + rows.String() + " ON CONFLICT DO NOTHING")
}
