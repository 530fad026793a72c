package chart

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Stacked draws the series on top of each other, a bar for each bucket.
func Stacked(c Chart) template.HTML { return both(&c, true) }

// Lines draws a line for each series.
func Lines(c Chart) template.HTML { return both(&c, false) }

// size is a place that a chart is drawn for. The width is that of the view box; a chart that is drawn for 328 has letters of full size on a phone that is 360 wide.
type size struct {
	name          string
	width, height float64 // of the height, what is below the plot with a legend comes on top
	ticks         int     // of values, beside zero
}

var sizes = []size{{"wide", 800, 240, 4}, {"middle", 500, 220, 4}, {"narrow", 328, 200, 3}}

const (
	lineHeight  = 16.0
	gapToText   = 6.0
	swatch      = 14.0 // what stands before a label to show its pattern
	topMargin   = 10.0
	belowPlot   = lineHeight + gapToText
	patternSide = 6.0
)

func both(c *Chart, stacked bool) template.HTML {
	var b strings.Builder
	b.WriteString(`<div class="chart">`)
	for _, s := range sizes {
		d := drawing{Chart: c, size: s, stacked: stacked, n: c.buckets(), id: safeID(c.ID) + "-" + s.name}
		b.WriteString(d.svg())
	}
	b.WriteString(`</div>`)
	return template.HTML(b.String()) //nolint:gosec // all that is given is escaped
}

// drawing is a chart for one size.
type drawing struct {
	*Chart
	size
	stacked bool
	n       int // buckets
	id      string

	highest                  float64 // at the upper edge
	left, right, top, bottom float64 // of the plot
	b                        strings.Builder
}

func (d *drawing) svg() string {
	ticks := valueTicks(d.largest(), d.ticks, d.Whole)
	d.highest = ticks[len(ticks)-1]
	d.top, d.bottom = topMargin, d.height-belowPlot
	for _, tick := range ticks {
		d.left = max(d.left, widthOf(d.value(tick))+gapToText)
	}
	d.left = min(d.left, d.width/2)

	// Labels stand at the ends of their lines where there is room for them, else below.
	labels := 0.0
	for _, s := range d.Series {
		labels = max(labels, widthOf(s.Label)+swatch+2*gapToText)
	}
	atEnd := labels <= d.width*.32 && float64(len(d.Series))*lineHeight <= d.bottom-d.top
	d.right = d.width - gapToText
	if atEnd {
		d.right = d.width - labels
	}
	legend, height := d.legend(atEnd)

	p := func(format string, args ...any) { fmt.Fprintf(&d.b, format, args...) }
	p(`<svg class="%s" role="img" aria-labelledby="%s-title" aria-describedby="%s-desc" viewBox="0 0 %s %s" font-size="%d"%s>`,
		d.name, d.id, d.id, num(d.width), num(height), fontSize, d.place())
	p(`<title id="%s-title">%s</title><desc id="%s-desc">%s</desc>`, d.id, safe(d.Title), d.id, safe(d.Desc))
	d.patterns()
	d.grid(ticks)
	d.unfinished("hatch")
	if d.anything() {
		for i := range d.Series {
			d.series(i)
		}
		if atEnd {
			d.endLabels()
		}
	} else {
		for i, text := range wrap(d.Empty, d.right-d.left) {
			p(`<text class="nothing" fill="currentColor" text-anchor="middle" x="%s" y="%s">%s</text>`,
				num((d.left+d.right)/2), num((d.top+d.bottom)/2+float64(i)*lineHeight), safe(text))
		}
	}
	if d.stacked {
		d.unfinished("hatched") // a bar would hide what is behind it
	}
	d.b.WriteString(legend + `</svg>`)
	return d.b.String()
}

// place is where the plot is in the view box, and its buckets are in time, in milliseconds.
func (d *drawing) place() string {
	if !d.Selects || d.n == 0 {
		return ""
	}
	return fmt.Sprintf(` data-left="%s" data-right="%s" data-top="%s" data-bottom="%s" data-start="%d" data-step="%d" data-buckets="%d"`,
		num(d.left), num(d.right), num(d.top), num(d.bottom), d.Start.UnixMilli(), d.Step.Milliseconds(), d.n)
}

// unfinished lays a pattern over the last bucket, if it has not ended.
func (d *drawing) unfinished(pattern string) {
	if d.Unfinished && d.n > 0 {
		fmt.Fprintf(&d.b, `<rect class="unfinished" x="%s" y="%s" width="%s" height="%s" fill="url(#%s-%s)"/>`,
			num(d.x(d.n-1)), num(d.top), num(d.x(d.n)-d.x(d.n-1)), num(d.bottom-d.top), d.id, pattern)
	}
}

// x is where a bucket begins, y where a value is.
func (d *drawing) x(i int) float64 {
	return d.left + (d.right-d.left)*float64(i)/float64(max(d.n, 1))
}

func (d *drawing) y(v float64) float64 {
	return d.bottom - (d.bottom-d.top)*v/d.highest
}

// largest is the highest value, or sum of values where they are stacked.
func (d *drawing) largest() (highest float64) {
	for i := range d.n {
		sum := 0.0
		for k := range d.Series {
			v, _ := d.Series[k].at(i)
			if sum += v; !d.stacked {
				highest, sum = max(highest, v), 0
			}
		}
		highest = max(highest, sum)
	}
	return highest
}

func (d *drawing) anything() bool {
	for i := range d.n {
		if d.known(i) {
			return true
		}
	}
	return false
}

// known tells whether any series has a value there.
func (d *drawing) known(i int) bool {
	return slices.ContainsFunc(d.Series, func(s Series) bool { _, known := s.at(i); return known })
}

// grid draws what the values and the times can be read from. The axis at zero is interrupted where nothing is known.
func (d *drawing) grid(ticks []float64) {
	var lines strings.Builder
	for _, tick := range ticks {
		y := d.y(tick)
		if tick > 0 {
			lines.WriteString("M" + num(d.left) + " " + num(y) + "H" + num(d.right))
		}
		text := d.value(tick)
		x, anchor := d.left-gapToText, "end"
		if widthOf(text) > x { // not cut, if it lies over the plot
			x, anchor = 0, "start"
		}
		fmt.Fprintf(&d.b, `<text class="tick" fill="currentColor" text-anchor="%s" x="%s" y="%s">%s</text>`, anchor, num(x), num(y+fontSize/3), safe(text))
	}
	widest := 0.0
	for i := range d.n {
		widest = max(widest, widthOf(d.time(d.start(i))))
	}
	bucket := (d.right - d.left) / float64(max(d.n, 1))
	for _, i := range timeTicks(d.Chart, d.n, (widest+2*gapToText)/bucket) {
		text := d.time(d.start(i))
		half := widthOf(text) / 2
		x := min(max(d.x(i), half), max(d.width-half, half))
		fmt.Fprintf(&d.b, `<text class="tick" fill="currentColor" text-anchor="middle" x="%s" y="%s">%s</text>`, num(x), num(d.bottom+lineHeight+2), safe(text))
		lines.WriteString("M" + num(d.x(i)) + " " + num(d.bottom) + "v4")
	}
	fmt.Fprintf(&d.b, `<path class="grid" fill="none" stroke="currentColor" d="%s"/>`, lines.String())
	var axis strings.Builder
	for i := range d.n {
		if d.known(i) {
			if i == 0 || !d.known(i-1) {
				axis.WriteString("M" + num(d.x(i)) + " " + num(d.bottom))
			}
			if i == d.n-1 || !d.known(i+1) {
				axis.WriteString("H" + num(d.x(i+1)))
			}
		}
	}
	if axis.Len() > 0 {
		fmt.Fprintf(&d.b, `<path class="axis" fill="none" stroke="currentColor" d="%s"/>`, axis.String())
	}
}

// dashes tell lines apart, in the order of the series.
var dashes = []string{"", "6 3", "2 2", "8 3 2 3", "12 4", "4 6"}

// fills tell bars apart. The first are solid.
var fills = []string{"", "M0 6L6 0", "M0 3H6M3 0V6", "M0 0L6 6", "M0 3H6", "M3 0V6"}

func (d *drawing) patterns() {
	pattern := func(id, class, path string, width float64, back string) {
		fmt.Fprintf(&d.b, `<pattern id="%s-%s" class="%s" width="%s" height="%s" patternUnits="userSpaceOnUse">%s<path fill="none" stroke="currentColor" stroke-width="%s" d="%s"/></pattern>`,
			d.id, id, class, num(patternSide), num(patternSide), back, num(width), path)
	}
	d.b.WriteString(`<defs>`)
	pattern("hatch", "hatch", "M-1 1L1 -1M0 6L6 0M5 7L7 5", 1, "")
	if d.stacked {
		pattern("hatched", "hatched", "M0 3L3 0M3 6L6 3", 1.5, "") // between the lines of the other one
		for i, s := range d.Series {
			if path := fills[i%len(fills)]; path != "" {
				back := fmt.Sprintf(`<rect width="%s" height="%s" fill="currentColor" fill-opacity="0.25"/>`, num(patternSide), num(patternSide))
				pattern(strconv.Itoa(i), safe(s.Class), path, 2, back)
			}
		}
	}
	d.b.WriteString(`</defs>`)
}

// fill is how the bars of a series are filled.
func (d *drawing) fill(i int) string {
	if fills[i%len(fills)] == "" {
		return "currentColor"
	}
	return "url(#" + d.id + "-" + strconv.Itoa(i) + ")"
}

func (d *drawing) series(i int) {
	s := &d.Series[i]
	if !d.stacked {
		points := make([]point, d.n)
		for k := range points {
			v, known := s.at(k)
			points[k] = point{(d.x(k) + d.x(k+1)) / 2, d.y(v), known}
		}
		if path := line(points); path != "" {
			fmt.Fprintf(&d.b, `<path class="series %s" fill="none" stroke="currentColor" stroke-width="2"%s d="%s"/>`, safe(s.Class), dashed(i), path)
		}
		return
	}
	var path strings.Builder
	for k := range d.n {
		low, high := d.part(i, k)
		if high <= low {
			continue
		}
		width := d.x(k+1) - d.x(k)
		space := min(width*.15, 2)
		y, height := d.y(high), d.y(low)-d.y(high)
		if height < 1 && low == 0 { // few among many are still some
			y, height = y-(1-height), 1
		}
		path.WriteString("M" + num(d.x(k)+space/2) + " " + num(y) + "h" + num(width-space) + "v" + num(height) + "h-" + num(width-space) + "z")
	}
	if path.Len() > 0 {
		fmt.Fprintf(&d.b, `<path class="series %s" fill="%s" stroke="currentColor" stroke-width="0.5" d="%s"/>`, safe(s.Class), d.fill(i), path.String())
	}
}

// part is from where to where a series reaches in a bucket of a stack.
func (d *drawing) part(i, bucket int) (low, high float64) {
	for k := range i {
		v, _ := d.Series[k].at(bucket)
		low += v
	}
	v, _ := d.Series[i].at(bucket)
	return low, low + v
}

func dashed(i int) string {
	if dash := dashes[i%len(dashes)]; dash != "" {
		return ` stroke-dasharray="` + dash + `"`
	}
	return ""
}

// endLabels puts the label of each series beside its end, moved apart as far as they must.
func (d *drawing) endLabels() {
	type label struct {
		series int
		y      float64
	}
	var all []label
	for i := range d.Series {
		y := d.bottom
		for k := d.n - 1; k >= 0; k-- {
			if v, known := d.Series[i].at(k); known {
				y = d.y(v)
				if d.stacked {
					low, high := d.part(i, k)
					y = d.y((low + high) / 2)
				}
				break
			}
		}
		all = append(all, label{i, y})
	}
	slices.SortStableFunc(all, func(a, b label) int { // of equal ones the first is at the bottom, as in a stack
		if a.y != b.y {
			if a.y < b.y {
				return -1
			}
			return 1
		}
		return b.series - a.series
	})
	highest := d.top + lineHeight/2
	for i := range all { // down, so that they do not overlap
		all[i].y = max(all[i].y, highest)
		highest = all[i].y + lineHeight
	}
	lowest := d.bottom
	for i := len(all) - 1; i >= 0; i-- { // and up again, so that the last are inside
		all[i].y = min(all[i].y, lowest)
		lowest = all[i].y - lineHeight
	}
	for _, l := range all {
		d.label(&d.b, l.series, d.right+gapToText, l.y, []string{d.Series[l.series].Label})
	}
}

// legend is the labels below the plot, and how high the whole is with them. With labels at the ends there is none.
func (d *drawing) legend(atEnd bool) (markup string, height float64) {
	if atEnd || !d.anything() {
		return "", d.height
	}
	var b strings.Builder
	y := d.height + lineHeight/2
	for i, s := range d.Series {
		lines := wrap(s.Label, d.width-swatch-2*gapToText)
		d.label(&b, i, 0, y, lines)
		y += float64(max(len(lines), 1)) * lineHeight
	}
	return b.String(), math.Ceil(y)
}

// label draws what a series looks like and what it is called, the first line at the height y.
func (d *drawing) label(b *strings.Builder, i int, x, y float64, lines []string) {
	fmt.Fprintf(b, `<g class="label %s">`, safe(d.Series[i].Class))
	if d.stacked {
		fmt.Fprintf(b, `<rect x="%s" y="%s" width="10" height="10" fill="%s" stroke="currentColor"/>`, num(x), num(y-5), d.fill(i))
	} else {
		fmt.Fprintf(b, `<path fill="none" stroke="currentColor" stroke-width="2"%s d="M%s %sh%s"/>`, dashed(i), num(x), num(y), num(swatch))
	}
	for k, text := range lines {
		fmt.Fprintf(b, `<text fill="currentColor" x="%s" y="%s">%s</text>`, num(x+swatch+gapToText/2), num(y+fontSize/3+float64(k)*lineHeight), safe(text))
	}
	b.WriteString(`</g>`)
}
