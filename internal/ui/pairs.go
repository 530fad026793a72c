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

// copied are the rows for a new object: it has no header yet, so none is kept.
func (p pairs) copied() pairs {
	for i := range p.Rows {
		p.Rows[i].Was, p.Rows[i].Hidden = "", false
	}
	return p
}

// PairRows are the rows of a form, as they were entered when it is shown again.
func (f frame) PairRows(p pairs) []pair {
	names, values := f.v.PostForm[p.Path+"{name}"], f.v.PostForm[p.Path+"{value}"]
	if f.v.problem == nil || len(names) == 0 {
		return p.Rows
	}
	hidden := map[string]bool{}
	for _, row := range p.Rows {
		hidden[row.Was] = row.Hidden
	}
	var rows []pair
	known := f.v.PostForm[p.Path+"{was}"]
	for i, name := range names {
		row := pair{Name: name}
		if i < len(known) { // they come first, in the same order
			row.Was = known[i]
		}
		if i < len(values) && !isSecretHeader(name) { // what is secret is never shown, as in any other input
			row.Value = values[i]
		}
		row.Hidden = row.Was != "" && hidden[row.Was] && isSecretHeader(name)
		rows = append(rows, row)
	}
	return rows
}
