package chart

import (
	"html/template"
	"strings"
)

// Spark is a small line without axes, beside a number.
type Spark struct {
	// Title is the line as a text. Without one it is hidden from those who do not see it, because the number beside it says enough.
	Title string
	// Class gives it its colour, as Series.Class.
	Class string
	// Values are as those of a Series.
	Values []float64
	// Max is the value at the upper edge. Defaults to the highest one.
	Max float64
	// Unfinished tells that the last value may still grow; the line towards it is dashed.
	Unfinished bool
}

// The size of a sparkline, which is also that of its view box: it is not scaled.
const sparkWidth, sparkHeight = 120.0, 28.0

// Sparkline draws a line from zero at the lower edge.
func Sparkline(s Spark) template.HTML {
	highest, known := clean(s.Max)
	if !known || highest == 0 {
		for _, v := range s.Values {
			v, _ := clean(v)
			highest = max(highest, v)
		}
	}
	var b strings.Builder
	b.WriteString(`<svg class="spark ` + safe(s.Class) + `" viewBox="0 0 ` + num(sparkWidth) + ` ` + num(sparkHeight) + `" width="` + num(sparkWidth) + `" height="` + num(sparkHeight) + `" `)
	if s.Title == "" {
		b.WriteString(`aria-hidden="true">`)
	} else {
		b.WriteString(`role="img"><title>` + safe(s.Title) + `</title>`)
	}
	const edge = 2.0
	low := sparkHeight - edge
	b.WriteString(`<path class="axis" fill="none" stroke="currentColor" d="M0 ` + num(low) + `H` + num(sparkWidth) + `"/>`)
	points := make([]point, len(s.Values))
	for i, v := range s.Values {
		v, known := clean(v)
		x := sparkWidth / 2
		if len(s.Values) > 1 {
			x = edge + (sparkWidth-2*edge)*float64(i)/float64(len(s.Values)-1)
		}
		points[i] = point{x, low, known}
		if highest > 0 {
			points[i].y = low - (low-edge)*min(v/highest, 1)
		}
	}
	finished, rest := points, []point(nil)
	if s.Unfinished && len(points) > 0 {
		finished, rest = points[:len(points)-1], points[max(len(points)-2, 0):]
	}
	if d := line(finished); d != "" {
		b.WriteString(`<path class="line" fill="none" stroke="currentColor" stroke-width="1.5" d="` + d + `"/>`)
	}
	if len(rest) > 0 && !rest[len(rest)-1].known {
		rest = nil
	}
	if d := line(rest); d != "" {
		b.WriteString(`<path class="line unfinished" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="2 2" d="` + d + `"/>`)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // all that is given is escaped
}

type point struct {
	x, y  float64
	known bool
}

// line is the path through points that are known, interrupted at others. A point for itself is a short dash.
func line(points []point) string {
	var b strings.Builder
	for i, p := range points {
		if !p.known {
			continue
		}
		before, after := i > 0 && points[i-1].known, i+1 < len(points) && points[i+1].known
		switch {
		case before:
			b.WriteString("L" + num(p.x) + " " + num(p.y))
		case after:
			b.WriteString("M" + num(p.x) + " " + num(p.y))
		default:
			b.WriteString("M" + num(p.x-1.5) + " " + num(p.y) + "h3")
		}
	}
	return b.String()
}
