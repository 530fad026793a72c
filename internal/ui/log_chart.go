package ui

import (
	"html/template"
	"time"

	"github.com/herald-events/herald/internal/chart"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/wire"
)

// chartSpan is what the chart above the webhook log shows when the list is not narrowed in time.
const chartSpan = 24 * time.Hour

// chartSteps are how long the bars of a chart may be, for stretches of time up to so long.
var chartSteps = []struct{ span, step time.Duration }{
	{2 * time.Hour, time.Minute},
	{10 * time.Hour, 5 * time.Minute},
	{25 * time.Hour, 15 * time.Minute},
	{5 * 24 * time.Hour, time.Hour},
	{30 * 24 * time.Hour, 6 * time.Hour},
	{traffic.KeepHours, 24 * time.Hour},
}

// logChart draws the requests to webhooks, or to one, in the time that a list is narrowed to; "" where nothing is known of it.
func (s *server) logChart(v *visit, p wire.Period, webhook wire.ID) (template.HTML, error) {
	now := s.Traffic.Now()
	from, to := now.Add(-chartSpan), now
	if end := time.UnixMilli(int64(p.End)); p.End != 0 && end.Before(now) {
		from, to = end.Add(-chartSpan), end
	}
	if p.Start > 1 {
		from = time.UnixMilli(int64(p.Start))
	}
	if earliest := now.Add(-traffic.KeepHours); from.Before(earliest) {
		from = earliest
	}
	if !from.Before(to) {
		return "", nil
	}
	step := 24 * time.Hour
	for _, one := range chartSteps {
		if to.Sub(from) <= one.span && (one.step >= time.Hour || from.After(now.Add(-traffic.KeepMinutes))) {
			step = one.step
			break
		}
	}
	series, err := s.Traffic.Series(v.Context(), from, to.Add(time.Millisecond), step, webhook)
	if err != nil {
		return "", err
	}
	c := frame{v: v}.sent(series)
	c.ID, c.Title, c.Selects = "log-chart", v.text.say("LogChart"), true
	if step >= time.Hour {
		c.Time = func(t time.Time) string { return t.Format("01-02 15:04") }
	}
	return chart.Stacked(c), nil
}
