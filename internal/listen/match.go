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
		case !strings.Contains(text, "*"):
			if _, known := event.Lookup(event.Type(text)); !known {
				webhook.UnknownType(v, path, text)
			}
		case !strings.HasPrefix(text, event.CustomPrefix) && !slices.ContainsFunc(event.All(), func(d event.Descriptor) bool { return matches(text, string(d.Type)) }):
			v.Field(path, "invalid", "%.128q matches no event type.", text)
		}
		p = append(p, text)
	}
	slices.Sort(p)
	return slices.Compact(p)
}

func (p patterns) want(t event.Type) bool {
	return len(p) == 0 || slices.ContainsFunc(p, func(one string) bool { return matches(one, string(t)) })
}

// matches tells whether the text is what the pattern says, in which a * stands for any text.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == text
	}
	rest, ok := strings.CutPrefix(text, first)
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		rest, ok = after, ok && found
	}
	return ok && strings.HasSuffix(rest, last)
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
