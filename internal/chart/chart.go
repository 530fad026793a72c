// Package chart draws series as SVG: pure functions from numbers to markup, with no script, no style of its own and nothing from outside.
//
//	chart.go   what is drawn, and the same as a table
//	draw.go    time series: stacked bars, lines
//	spark.go   sparklines
//	scale.go   ticks of values and of time
//	text.go    how wide a text is, and what of it is safe
//
// Colours and visibility are the page's: `internal/ui/asset/chart.css` has the rules. Series differ by their class (colour) and, without any colour, by the dashes of
// their line or the pattern of their bars. Texts are never cut: a time series is drawn three times, for wide, middle and narrow places, and the style sheet shows the one that fits;
// so letters keep their size. Zero is on the axis. What is not known is a gap. All texts and classes are escaped, whatever they are.
package chart

import (
	"math"
	"strconv"
	"time"
)

// Chart is a time series of one or several values.
type Chart struct {
	// ID begins the ids in the markup. It must be unique on the page; other characters than letters, digits, _ and - are left out.
	ID string
	// Title and Desc are the chart as a text, for those who do not see it: what it shows, and the gist of it.
	Title, Desc string
	// Empty is shown in place of data when there is none.
	Empty string

	// Start is where the first bucket begins, in the time zone that its ticks are to be in; Step is how long each is.
	Start time.Time
	Step  time.Duration
	// Unfinished tells that the last bucket has not ended. It is hatched.
	Unfinished bool

	// Selects writes into the markup where the plot and its buckets are, for a script that lets people choose a stretch of time.
	Selects bool

	// Series are drawn in their order, when stacked from the bottom. Those that are shorter than others are unknown at their end.
	Series []Series

	// Whole tells that values are numbers of things: no tick is between two of them.
	Whole bool
	// Value is the text of a value, at ticks and in tables. Defaults to a number of four digits, or more of what is whole.
	Value func(float64) string
	// Time is the text of an instant, at ticks. Defaults to hours and minutes.
	Time func(time.Time) string
}

// Series is one of a chart.
type Series struct {
	Label string
	// Class gives it its colour: good, wait, bad, accent, ink or faint, or one of the page's own.
	Class string
	// Values has one for each bucket. NaN is a gap, as is what is infinite; less than zero counts as zero.
	Values []float64
}

// mostValue bounds values, so that sums of them stay numbers; what is below leastValue is zero.
const mostValue, leastValue = 1e15, 1e-9

// at is the value of a bucket. It is not known where the series has none.
func (s *Series) at(i int) (value float64, known bool) {
	if i >= len(s.Values) {
		return 0, false
	}
	return clean(s.Values[i])
}

func clean(v float64) (value float64, known bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	if v < leastValue {
		return 0, true
	}
	return min(v, mostValue), true
}

// buckets is how many the longest series has.
func (c *Chart) buckets() (n int) {
	for _, s := range c.Series {
		n = max(n, len(s.Values))
	}
	return n
}

func (c *Chart) start(i int) time.Time { return c.Start.Add(time.Duration(i) * c.Step) }

func (c *Chart) value(v float64) string {
	if c.Value != nil {
		return c.Value(v)
	}
	if v == math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func (c *Chart) time(t time.Time) string {
	if c.Time != nil {
		return c.Time(t)
	}
	return t.Format("15:04")
}

// Table is a chart in words, with the same numbers.
type Table struct {
	Head []string // the labels of the series
	Rows []Row    // one for each bucket, the oldest first
}

// Row is one bucket.
type Row struct {
	Start      time.Time
	Cells      []Cell // one for each series
	Unfinished bool
}

// Cell is a value as text, which is empty in a gap.
type Cell struct {
	Text string
	Gap  bool
}

// Tabulate returns the table of a chart.
func Tabulate(c Chart) Table {
	t := Table{}
	for _, s := range c.Series {
		t.Head = append(t.Head, s.Label)
	}
	n := c.buckets()
	for i := range n {
		row := Row{Start: c.start(i), Unfinished: c.Unfinished && i == n-1}
		for k := range c.Series {
			v, known := c.Series[k].at(i)
			cell := Cell{Gap: !known}
			if known {
				cell.Text = c.value(v)
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
