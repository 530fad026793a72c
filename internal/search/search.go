// Package search translates what callers may write into a search (text with wildcards, an order, a page) into pieces of SQL
// that are safe to put together. It is pure: it knows no table and opens no database, and nothing a caller wrote becomes part of the
// SQL text, only a parameter or one of the columns it is given.
package search

import (
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Escape belongs behind every LIKE whose pattern is from [Pattern]: name LIKE $1 followed by Escape.
const Escape = ` ESCAPE '\'`

// Fold brings text into the form in which [Pattern] looks for it: trimmed, in lower case.
//
// A column that is searched should hold folded text: the engines' LOWER disagree beyond ASCII (SQLite leaves Ä as it is).
func Fold(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// Pattern returns the LIKE pattern for the text of a search, or "" when there is nothing to look for.
//
// A * stands for any run of characters, ** for the character *. Text without such a run matches wherever it is contained.
// What LIKE itself would take as a wildcard, % and _, is literal.
func Pattern(text string) string {
	text = Fold(text)
	if text == "" {
		return ""
	}
	var b strings.Builder
	wildcard := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '*':
			if strings.HasPrefix(text[i:], "**") {
				b.WriteByte('*')
				i++
				continue
			}
			b.WriteByte('%')
			wildcard = true
		case '%', '_', '\\':
			b.WriteByte('\\')
			b.WriteByte(text[i])
		default:
			b.WriteByte(text[i])
		}
	}
	if wildcard {
		return b.String()
	}
	return "%" + b.String() + "%"
}

// OrderBy returns what stands behind ORDER BY. columns maps the names callers use to expressions; fallback is such a list in
// SQL. Text looks like "name", "insertInstant DESC, id"; asc and desc in any case. All of it is ignored, and fallback returned,
// when something in it does not fit: callers of FusionAuth rely on a bad order being no error.
//
// When columns has "id" and text does not name it, it decides last, so that pages neither overlap nor leave gaps.
func OrderBy(text string, columns map[string]string, fallback string) string {
	var terms, seen []string
	for term := range strings.SplitSeq(text, ",") {
		words := strings.Fields(term)
		if len(words) == 0 || len(words) > 2 {
			return fallback
		}
		column, ok := columns[words[0]]
		if !ok {
			return fallback
		}
		direction := "ASC"
		if len(words) == 2 {
			if direction = strings.ToUpper(words[1]); direction != "ASC" && direction != "DESC" {
				return fallback
			}
		}
		if slices.Contains(seen, words[0]) { // means nothing, and the engines limit the number of terms
			continue
		}
		seen = append(seen, words[0])
		terms = append(terms, column+" "+direction)
	}
	if id, ok := columns["id"]; ok && !slices.Contains(seen, "id") {
		terms = append(terms, id+" ASC")
	}
	return strings.Join(terms, ", ")
}

const (
	// DefaultResults is the size of a page when the caller names none.
	DefaultResults = 25
	// MaxResults is the largest page. Asking for more is an error, because quietly giving less would pass for everything.
	MaxResults = 10_000
)

// Check adds a field problem for each member of the page that is out of range. prefix is put before the names of the members
// ("search." for criteria in a body).
func Check(v *problem.Validation, prefix string, page wire.Page) {
	v.Check(page.StartRow >= 0, prefix+"startRow", "invalid", "startRow counts from 0.")
	v.Check(page.NumberOfResults >= 0 && page.NumberOfResults <= MaxResults, prefix+"numberOfResults", "invalid",
		"A page has 1 to %d results.", MaxResults)
}

// longestText in bytes; SQLite refuses to compare with patterns of more than 50,000.
const longestText = 1000

// CheckText adds a field problem for a text that is too long to look for.
func CheckText(v *problem.Validation, path, text string) {
	v.Check(len(text) <= longestText, path, "tooLong", "The text to search for has at most %d bytes.", longestText)
}

// Window returns the LIMIT and OFFSET of a page, with the default size for zero.
func Window(page wire.Page) (limit, offset int) {
	limit = page.NumberOfResults
	if limit <= 0 {
		limit = DefaultResults
	}
	return min(limit, MaxResults), max(page.StartRow, 0)
}
