package event

import (
	"slices"
	"strings"
)

// Matches tells whether a pattern names the type. A * in it stands for any text, also for none: user.* names user.create and user.create.complete, *.complete all that are
// sent after a commit, * all types. Everything else stands for itself, so that a pattern without * names the type that it is.
func Matches(pattern string, t Type) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == string(t)
	}
	rest, ok := strings.CutPrefix(string(t), parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] { // each as early as possible, which leaves the most to those that follow
		if _, rest, ok = strings.Cut(rest, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[last])
}

// Matching returns the types of the catalogue that a pattern names, in its order.
func Matching(pattern string) (types []Type) {
	for _, d := range catalogue {
		if Matches(pattern, d.Type) {
			types = append(types, d.Type)
		}
	}
	return types
}

// IsPattern tells whether the text can name several types.
func IsPattern(text string) bool { return strings.Contains(text, "*") }

// CanMatch tells whether there is a type that the pattern names: in the catalogue, or among those of other systems as far as its beginning tells. It is false for a name, or a
// beginning of names, that was mistyped.
func CanMatch(pattern string) bool {
	before, _, many := strings.Cut(pattern, "*")
	switch {
	case !many:
		_, known := Lookup(Type(pattern))
		return known
	case strings.HasPrefix(before, CustomPrefix), before != "" && strings.HasPrefix(CustomPrefix, before):
		return true
	}
	return slices.ContainsFunc(catalogue, func(d Descriptor) bool { return Matches(pattern, d.Type) })
}
