package ui

import (
	"maps"
	"slices"
	"strings"
)

// pairs are rows of a name and a value, as of headers, for the part "pairs". Path is that of the object they make.
type pairs struct {
	Path string
	Rows []pair
}

// pair is one row. Was is the name that it has now, "" for a new row. Of a Hidden one the value is likely to be a secret: it is not shown, and kept when nothing
// is entered.
type pair struct {
	Was, Name, Value string
	Hidden           bool
}

// emptyRows are for more.
const emptyRows = 2

func pairsOf(path string, object map[string]string) pairs {
	p := pairs{Path: path}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		row := pair{Was: name, Name: name, Value: object[name], Hidden: isSecretHeader(name)}
		if row.Hidden {
			row.Value = ""
		}
		p.Rows = append(p.Rows, row)
	}
	for range emptyRows {
		p.Rows = append(p.Rows, pair{})
	}
	return p
}

// isSecretHeader tells whether a header of that name is likely to hold a secret.
func isSecretHeader(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "token", "secret", "key", "cookie", "signature", "password"}, func(part string) bool { return strings.Contains(name, part) })
}
