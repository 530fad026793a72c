package listen

import (
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
)

// patterns says which event types are meant; empty means all.
type patterns []string

const mostPatterns = 200

// checkPatterns tidies what a request has asked for, and adds to v what no event type can match.
func checkPatterns(v *problem.Validation, given []string) (p patterns) {
	const path = "listener.events"
	if v.Check(len(given) <= mostPatterns, path, "tooMany", "A listener names %d event types at most; a * stands for many.", mostPatterns); v.Has(path) {
		return nil
	}
	for _, text := range given {
		text = strings.TrimSpace(text)
		switch {
		case text == "":
			v.Field(path, "blank", "An event type is empty.")
		case event.CanMatch(text):
		case event.IsPattern(text):
			v.Field(path, "invalid", "%.128q matches no event type.", text)
		default:
			webhook.UnknownType(v, path, text)
		}
		p = append(p, text)
	}
	slices.Sort(p)
	return slices.Compact(p)
}

func (p patterns) want(t event.Type) bool {
	return len(p) == 0 || slices.ContainsFunc(p, func(one string) bool { return event.Matches(one, t) })
}

// types are those of the catalogue that are wanted, in its order.
func (p patterns) types() (all []event.Descriptor) {
	for _, d := range event.All() {
		if p.want(d.Type) {
			all = append(all, d)
		}
	}
	return all
}
