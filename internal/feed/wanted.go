package feed

import (
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
)

// wanted are the types a consumer asked for. The zero value is all of them.
type wanted struct {
	types    map[event.Type]bool
	prefixes []string
}

// parseTypes reads names of types, and beginnings of names that end in an asterisk: user.*. Several may stand in one text, with commas in between.
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
	if prefix, ok := strings.CutSuffix(name, "*"); ok {
		v.Check(!strings.Contains(prefix, "*"), "type", "invalid", "%q: an asterisk stands at the end.", name)
		v.Check(begins(prefix), "type", "invalid", "No type of event begins with %q.", prefix)
		w.prefixes = append(w.prefixes, prefix)
		return
	}
	t := event.Type(name)
	if _, ok := event.Lookup(t); !ok {
		hint := ""
		if near := event.Suggest(name); near != "" {
			hint = " Did you mean " + string(near) + "?"
		}
		v.Field("type", "invalid", "%q is no type of event.%s", name, hint)
		return
	}
	if w.types == nil {
		w.types = map[event.Type]bool{}
	}
	w.types[t] = true
}

// begins tells whether there is, or may be, a type whose name begins so.
func begins(prefix string) bool {
	if strings.HasPrefix(prefix, event.CustomPrefix) || strings.HasPrefix(event.CustomPrefix, prefix) {
		return true
	}
	for _, d := range event.All() {
		if strings.HasPrefix(string(d.Type), prefix) {
			return true
		}
	}
	return false
}

func (w wanted) has(t event.Type) bool {
	if w.types == nil && w.prefixes == nil || w.types[t] {
		return true
	}
	for _, prefix := range w.prefixes {
		if strings.HasPrefix(string(t), prefix) {
			return true
		}
	}
	return false
}
