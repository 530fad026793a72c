package ui

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// delaysFor are the pauses between the attempts of a delivery, the server's if the webhook has none of its own.
func delaysFor(r *wire.RetryConfiguration) (all []time.Duration) {
	if r == nil || r.Delays == nil {
		return outbox.DefaultDelays()
	}
	for _, seconds := range r.Delays {
		all = append(all, time.Duration(seconds)*time.Second)
	}
	return all
}

// schedule is when deliveries to a receiver are tried again, as forms have it: nil is the server's own.
type schedule struct{ *wire.RetryConfiguration }

// Text is what the input has.
func (s schedule) Text() string {
	if s.RetryConfiguration == nil {
		return ""
	}
	var all []string
	for _, delay := range s.Delays {
		all = append(all, strconv.Itoa(delay))
	}
	return cmp.Or(strings.Join(all, ", "), "-")
}

// Sentence and Drawing say when a delivery is tried.
func (s schedule) Sentence(at frame) string { return at.retries(delaysFor(s.RetryConfiguration)) }

func (s schedule) Drawing(at frame) template.HTML {
	return at.retriesDrawing(delaysFor(s.RetryConfiguration))
}

// schedule is what the form says about retries, nil for the server's own.
func (v *visit) schedule(wrong *problem.Validation) *wire.RetryConfiguration {
	text := strings.TrimSpace(v.PostFormValue("delays"))
	if text == "" {
		return nil
	}
	delays, ok := delaysOf(text)
	wrong.Check(ok, "delays", "invalid", "%s", v.text.say("RetryDelaysWrong"))
	return &wire.RetryConfiguration{Delays: delays}
}

func (f frame) retries(delays []time.Duration) string {
	if len(delays) == 0 {
		return f.Say("RetriesNone")
	}
	var pauses []string
	var total time.Duration
	for _, d := range delays {
		total += d
		pauses = append(pauses, f.lasting(d))
	}
	if len(pauses) > mostPauses {
		pauses = append(pauses[:mostPauses], "…")
	}
	return f.Say("RetriesSentence", "Count", len(delays)+1, "Pauses", strings.Join(pauses, ", "), "Total", f.lasting(total))
}

// mostPauses is how many a sentence lists.
const mostPauses = 12

// lasting is a duration for people, in the largest unit that leaves at least two of it, or one exactly.
func (f frame) lasting(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		text string
	}{{24 * time.Hour, "LastsDays"}, {time.Hour, "LastsHours"}, {time.Minute, "LastsMinutes"}} {
		if d >= 2*unit.size || d == unit.size {
			return f.Say(unit.text, "Count", int(math.Round(float64(d)/float64(unit.size))))
		}
	}
	return f.Say("LastsSeconds", "Count", int(math.Round(d.Seconds())))
}

// The drawing of a schedule, in units of its view box. Time is logarithmic, as pauses grow.
const retriesWidth, retriesHeight, retriesEdge = 560.0, 44.0, 12.0

// retriesDrawing shows when a delivery is tried, as dots on a line from the first attempt to when it is given up. The sentence beside it says the same.
func (f frame) retriesDrawing(delays []time.Duration) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="retries" viewBox="0 0 %g %g" aria-hidden="true"><path d="M%g 14H%g" stroke="currentColor" class="faint"/>`, retriesWidth, retriesHeight, retriesEdge, retriesWidth-retriesEdge)
	var at time.Duration
	total := time.Duration(0)
	for _, d := range delays {
		total += d
	}
	x := func(t time.Duration) float64 {
		if total <= 0 {
			return retriesEdge
		}
		return retriesEdge + (retriesWidth-2*retriesEdge)*math.Log1p(t.Seconds())/math.Log1p(total.Seconds())
	}
	free := 0.0 // where there is room for another text
	for i := 0; i <= len(delays); i++ {
		if i > 0 {
			at += delays[i-1]
		}
		class := "good"
		if i == len(delays) {
			class = "bad"
		}
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="14" r="5" fill="currentColor" class="%s"/>`, x(at), class)
		if left := x(at) - 30; i > 0 && (left >= free || i == len(delays)) && left+30 < retriesWidth {
			anchor := "middle"
			if i == len(delays) {
				anchor = "end"
			} else if x(at) > retriesWidth-110 {
				continue
			}
			fmt.Fprintf(&b, `<text x="%.1f" y="38" font-size="11" fill="currentColor" text-anchor="%s">%s</text>`, x(at), anchor, template.HTMLEscapeString(f.lasting(at)))
			free = x(at) + 34
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers, and texts that are escaped
}

// units of the pauses, in seconds.
var units = map[string]int{"": 1, "s": 1, "m": 60, "min": 60, "h": 60 * 60, "d": 24 * 60 * 60}

// longestPause is far beyond what the domain allows, so that nothing overflows.
const longestPause = 1_000_000

// delaysOf reads "10, 60, 600" and "10s, 1m, 2h". A dash stands for no retry at all.
func delaysOf(text string) (delays []int, ok bool) {
	delays = []int{}
	if text == "-" {
		return delays, true
	}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		digits := strings.TrimRight(part, "smindh")
		n, err := strconv.Atoi(digits)
		unit, known := units[part[len(digits):]]
		if err != nil || !known || n < -longestPause || n > longestPause {
			return nil, false
		}
		delays = append(delays, n*unit)
	}
	return delays, true
}
