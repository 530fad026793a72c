package event

import "github.com/herald-events/herald/internal/nearest"

// Suggest returns the type whose name is nearest to name, for "did you mean". Case, dots, hyphens and underscores do not count, so the
// constant names of FusionAuth's clients (UserCreate) find their type. It returns "" when no type is close.
func Suggest(name string) Type { return nearest.Name(name, types) }

// types are the names of all types, in the order of the catalogue.
var types = func() []Type {
	all := make([]Type, len(catalogue))
	for i, d := range catalogue {
		all[i] = d.Type
	}
	return all
}()
