package ui

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"time"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/chart"
	"github.com/herald-events/herald/internal/metrics"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/wire"
)

// figure is a number of the last hour, with the hour before.
type figure struct {
	Name, Value string
	Spark       template.HTML
	// Change says how it was in the hour before.
	Change string
}

// hourly is the last hour by the minute, drawn and as tables; or the last day of a webhook by the hour.
type hourly struct {
	// Title is the id of the text above the requests.
	Title string
	// Webhook narrows what rows lead to, "" for none.
	Webhook       wire.ID
	Figures       []figure
	Sent, Latency template.HTML
	Rows          []minute
	AsOf          wire.Instant
}

// minute is a row of the table that has the same numbers as the charts. A text is empty when nothing is known.
type minute struct {
	Start                      wire.Instant
	Delivered, Retried, Failed string
	P50, P95, P99              string
	// To leads to the events of the minute, "" for who may not see them.
	To string
}

// owedFresh is how old the backlog on the overview may be: it is counted.
const owedFresh = 5 * time.Second

// lastHour is what the overview says in numbers: of the whole installation, as it is counted for all tenants together.
func (s *server) lastHour(v *visit) (h hourly, err error) {
	now := s.Traffic.Now()
	all, err := s.Traffic.Series(v.Context(), now.Add(-2*time.Hour+time.Minute), now.Add(time.Millisecond), time.Minute, traffic.All)
	if err != nil {
		return h, err
	}
	owed, _, err := s.owed.get(owedFresh, func() (metrics.Backlog, error) { return s.Outbox.Backlog(v.Context()) })
	if err != nil {
		return h, err
	}
	half := max(len(all.Buckets)-60, 0)
	before := traffic.Series{Step: all.Step, Buckets: all.Buckets[:half]}
	last := traffic.Series{Step: all.Step, Buckets: all.Buckets[half:], AsOf: all.AsOf}
	f := frame{v: v}
	h.AsOf = wire.Instant(all.AsOf.UnixMilli())
	published := func(b *traffic.Bucket) float64 { return float64(b.Count(traffic.Published)) }
	refused := func(b *traffic.Bucket) float64 { return float64(b.Count(traffic.RolledBack)) }
	h.Figures = []figure{
		f.figure("FigurePublished", "accent", &last, &before, published, count),
		f.figure("FigureAtOnce", "good", &last, &before, atOnce, percent),
		f.figure("FigureRefused", "bad", &last, &before, refused, count),
		{Name: "Backlog", Value: count(float64(owed.Pending + owed.Retrying)), Change: f.Say("BacklogNone")},
	}
	if owed.Pending+owed.Retrying > 0 {
		h.Figures[3].Change = f.Say("BacklogOldest", "Age", f.lasting(owed.OldestAge))
	}
	h.Title = "ChartSent"
	f.draw(&h, &last)
	return h, nil
}

// atOnce is the share of requests that were answered well at the first attempt; NaN without any.
func atOnce(b *traffic.Bucket) float64 {
	return float64(b.Count(traffic.Accepted, traffic.Delivered)) / float64(b.Attempts())
}

func count(n float64) string { return fmt.Sprintf("%.0f", n) }

func percent(share float64) string {
	if math.IsNaN(share) {
		return "–"
	}
	if share < 1 && share > .999 { // all but some is not all
		return "99.9 %"
	}
	return fmt.Sprintf("%.4g %%", math.Round(share*1000)/10)
}

func (f frame) figure(name, class string, last, before *traffic.Series, of func(*traffic.Bucket) float64, shown func(float64) string) figure {
	line := chart.Spark{Class: class, Unfinished: true}
	for i := range last.Buckets {
		line.Values = append(line.Values, unlessGap(&last.Buckets[i], of))
	}
	now, then := last.Total(), before.Total()
	in := figure{Name: name, Value: shown(of(&now)), Spark: chart.Sparkline(line)}
	if then.Gap {
		in.Change = f.Say("HourBeforeUnknown")
		return in
	}
	arrow := "="
	switch a, b := of(&now), of(&then); {
	case a > b:
		arrow = "▲"
	case a < b:
		arrow = "▼"
	}
	in.Change = arrow + " " + f.Say("HourBefore", "Value", shown(of(&then)))
	return in
}

func unlessGap(b *traffic.Bucket, of func(*traffic.Bucket) float64) float64 {
	if b.Gap {
		return math.NaN()
	}
	return of(b)
}

// begun leaves out the time before anything was counted, as far as three quarters of the chart: what an installation did in its first minutes is not
// squeezed against the edge.
func begun(s *traffic.Series) *traffic.Series {
	first := slices.IndexFunc(s.Buckets, func(b traffic.Bucket) bool { return !b.Gap })
	out := *s
	out.Buckets = s.Buckets[min(max(first, 0), len(s.Buckets)*3/4):]
	return &out
}

// draw makes the charts, and the table that says the same.
func (f frame) draw(h *hourly, last *traffic.Series) {
	last = begun(last)
	latency := []chart.Series{{Label: "p50", Class: "accent"}, {Label: "p95", Class: "wait"}, {Label: "p99", Class: "bad"}}
	for i := range last.Buckets {
		b := &last.Buckets[i]
		for k, d := range []time.Duration{b.P50(), b.P95(), b.P99()} {
			took := math.NaN()
			if b.Attempts() > 0 {
				took = float64(d.Microseconds()) / 1000
			}
			latency[k].Values = append(latency[k].Values, took)
		}
	}
	total := last.Total()
	sent := f.sent(last)
	took := chart.Chart{Empty: sent.Empty, Start: sent.Start, Step: sent.Step, Unfinished: true}
	sent.ID, sent.Title = "sent", f.Say(h.Title)
	took.ID, took.Title, took.Series = "latency", f.Say("ChartLatency"), latency
	took.Desc = f.Say("ChartLatencyAbout", "P50", milliseconds(float64(total.P50().Microseconds())/1000), "P99", milliseconds(float64(total.P99().Microseconds())/1000))
	took.Value = milliseconds
	h.Sent, h.Latency = chart.Stacked(sent), chart.Lines(took)
	a, b := chart.Tabulate(sent), chart.Tabulate(took)
	for i := len(a.Rows) - 1; i >= 0; i-- { // the newest first, as in all lists
		m := minute{
			Start:     wire.Instant(a.Rows[i].Start.UnixMilli()),
			Delivered: a.Rows[i].Cells[0].Text, Retried: a.Rows[i].Cells[1].Text, Failed: a.Rows[i].Cells[2].Text,
			P50: b.Rows[i].Cells[0].Text, P95: b.Rows[i].Cells[1].Text, P99: b.Rows[i].Cells[2].Text,
		}
		if f.v.session.May(admin.WebhookLog, admin.View) {
			m.To = fmt.Sprintf("/admin/log?from=%d&until=%d", m.Start, int64(m.Start)+last.Step.Milliseconds()-1)
			if h.Webhook != "" {
				m.To += "&webhook=" + string(h.Webhook)
			}
		}
		h.Rows = append(h.Rows, m)
	}
}

// sent is the chart of the requests to webhooks, by what came of them.
func (f frame) sent(of *traffic.Series) chart.Chart {
	c := chart.Chart{Empty: f.Say("NothingSent"), Start: of.Buckets[0].Start.UTC(), Step: of.Step, Whole: true, Unfinished: of.Buckets[len(of.Buckets)-1].Unfinished}
	for _, one := range []struct {
		text, class string
		results     []traffic.Result
	}{
		{"SeriesDelivered", "good", []traffic.Result{traffic.Accepted, traffic.Delivered, traffic.Late}},
		{"SeriesRetried", "wait", []traffic.Result{traffic.Retried}},
		{"SeriesFailed", "bad", []traffic.Result{traffic.Refused, traffic.Failed}},
	} {
		series := chart.Series{Label: f.Say(one.text), Class: one.class}
		for i := range of.Buckets {
			series.Values = append(series.Values, unlessGap(&of.Buckets[i], func(b *traffic.Bucket) float64 { return float64(b.Count(one.results...)) }))
		}
		c.Series = append(c.Series, series)
	}
	total := of.Total()
	c.Desc = f.Say("ChartSentAbout", "Good", total.Successes(), "Retried", total.Count(traffic.Retried), "Failed", total.Count(traffic.Refused, traffic.Failed))
	return c
}

// milliseconds is a duration for people, to three digits.
func milliseconds(ms float64) string {
	if ms >= 999.5 { // or it would be written as 1e+03
		return fmt.Sprintf("%.3g s", ms/1000)
	}
	return fmt.Sprintf("%.3g ms", ms)
}
