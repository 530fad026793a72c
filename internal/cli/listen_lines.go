package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// lineShower prints a line for each event, and below it what was asked for.
type lineShower struct {
	e      *ear
	bodies bool
}

func (l *lineShower) say(text string) { fmt.Fprintln(l.e.talk, text) }

func (l *lineShower) event(h *heard) {
	fmt.Fprint(l.e, l.e.text(h, l.bodies))
}

// text is all that is printed about an event.
func (e *ear) text(h *heard, body bool) string {
	var b strings.Builder
	fmt.Fprintln(&b, strings.TrimRight(e.line(h), " "))
	if h.note != "" {
		fmt.Fprintln(&b, "          "+e.paint(warn, h.note))
	}
	if e.c.Headers {
		for _, name := range sortedNames(h.exchange.Headers) {
			fmt.Fprintf(&b, "          %s %s\n", e.paint(faint, printable(name)+":"), printable(h.exchange.Headers[name]))
		}
	}
	if body {
		fmt.Fprintln(&b, indented(h.exchange.Body))
	}
	return b.String()
}

// line is the line of an event.
func (e *ear) line(h *heard) string {
	x, a := &h.exchange, &h.answer
	tx := "  "
	if isTransactional(x) {
		tx = "TX"
	}
	columns := []string{h.at.Format("15:04:05"), fmt.Sprintf("%-*s", 22, x.EventType), tx}
	if e.forward != nil {
		status := strconv.Itoa(a.StatusCode)
		if a.StatusCode == 0 {
			status = "---"
		}
		t := good
		if h.failed() {
			t = bad
		}
		columns = append(columns, e.paint(t, status), fmt.Sprintf("%4d ms", a.DurationMicros/1000))
	}
	columns = append(columns, aboutOf(x), e.paint(faint, short(x.EventID)))
	switch {
	case x.EventResult == wire.EventFailed:
		columns = append(columns, e.paint(warn, "rolled back"))
	case x.OffAtTenant:
		columns = append(columns, e.paint(faint, "off at tenant: webhooks will not get this"))
	}
	if e.forward != nil && h.failed() {
		if said := cmp.Or(a.Exception, firstLine(a.Body)); said != "" {
			columns = append(columns, strconv.Quote(said))
		}
	}
	return strings.Join(columns, "  ")
}

// isTransactional tells whether webhooks can be asked about such an event.
func isTransactional(x *wire.ListenerExchange) bool {
	d, _ := event.Lookup(event.Type(x.EventType))
	return d.Transactional
}

// nounOf is what an event is about to do, in a word: the login of user.login.success.
func nounOf(eventType string) string {
	switch {
	case strings.HasPrefix(eventType, "user.login."):
		return "login"
	default:
		return "change"
	}
}

// aboutOf names for people what an event is about.
func aboutOf(x *wire.ListenerExchange) string { return aboutBody([]byte(x.Body), x.LinkedObjectID) }

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return cut(printable(line), 80)
}

// indented is a JSON text for people.
func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return printable(text)
	}
	return printableLines(b.String())
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// jsonShower prints a JSON object for each event.
type jsonShower struct{ s *session }

func (j *jsonShower) say(text string) { fmt.Fprintln(j.s.talk, text) }

func (j *jsonShower) event(h *heard) {
	_ = j.s.line(struct { // a pipe that nobody reads ends the command by itself
		Exchange wire.ListenerExchange `json:"exchange"`
		Answer   wire.ListenerAnswer   `json:"answer"`
		Note     string                `json:"note,omitempty"`
	}{h.exchange, h.answer, h.note})
}
