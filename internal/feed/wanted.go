package feed

import (
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
)

// wanted are the types a consumer asked for. The zero value is all of them.
type wanted struct {
	types    map[event.Type]bool
	patterns []string
}

// parseTypes reads names of types, and patterns of such names: user.*. Several may stand in one text, with commas in between.
func parseTypes(texts []string) (w wanted, err error) {
	var v problem.Validation
	for _, text := range texts {
		for name := range strings.SplitSeq(text, ",") {
			w.take(strings.TrimSpace(name), &v)
		}
	}
	return w, v.Err()
}

func (w *wanted) take(name string, v *problem.Validation) {
	many := event.IsPattern(name)
	switch {
	case !event.CanMatch(name) && many:
		v.Field("type", "invalid", "%.128q matches no type of event.", name)
	case !event.CanMatch(name):
		hint := ""
		if near := event.Suggest(name); near != "" {
			hint = " Did you mean " + string(near) + "?"
		}
		v.Field("type", "invalid", "%.128q is no type of event.%s", name, hint)
	case many:
		w.patterns = append(w.patterns, name)
	default:
		if w.types == nil {
			w.types = map[event.Type]bool{}
		}
		w.types[event.Type(name)] = true
	}
}

func (w wanted) has(t event.Type) bool {
	return w.types == nil && w.patterns == nil || w.types[t] || slices.ContainsFunc(w.patterns, func(one string) bool { return event.Matches(one, t) })
}
