// Package search translates what callers may write into a search (text with wildcards, an order, a page) into pieces of SQL
// that are safe to put together. It is pure: it knows no table and opens no database, and nothing a caller wrote becomes part of the
// SQL text, only a parameter or one of the columns it is given.
//
//	search.go      text, pages
//	conditions.go  WHERE
//	order.go       ORDER BY
//	query_sql.go   a page of a table that may have millions of rows
//	positions.go   where its pages end
//	list_sql.go    such a table as a list for people, newest first, without numbers of rows
//	cursor.go      where a page of a list begins
//
// A small table is read with db.Page. A large one has a Query, a [Positions] beside the database handle, and an index for its default order that
// ends with the id:
//
//	var w search.Conditions
//	w.Contains("message_fold", c.Message)
//	order := search.ParseOrder(c.OrderBy, columns, newestFirst)
//	return db.Search(tx, search.Query{
//		Columns: "id, message", From: "event_log", ID: "id", Where: w, Order: order, Indexed: indexed(order), Page: c.Page,
//	}, &s.positions, scan)
//
// What it costs: a page in the order of an index and the count beside it are read in milliseconds, wherever the page begins, as long as the page before was
// read a moment ago; a jump reads the index up to there. A text is looked for in every row, the newest first, until the page is full
// and MaxCount more are found: rare texts want a period.
//
// A list for people takes the same Query to db.List. Its pages begin at a [Cursor] and nothing is counted. What is looked for in every row is looked for during
// [Patience] only; then the page says how far it has got, and has the cursor from which to go on.
package search

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/nearest"
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

// Instants between these are most likely seconds: as milliseconds they are from 1970 to 1973.
const looksLikeSeconds, looksLikeMillis = wire.Instant(100_000_000), wire.Instant(100_000_000_000)

// CheckInstant adds a field problem for an instant that cannot be meant. Zero is none.
func CheckInstant(v *problem.Validation, path string, i wire.Instant) {
	switch {
	case i < 0 || i > wire.LastInstant:
		v.Field(path, "invalid", "This must be an instant in milliseconds since 1970, before the year 10000.")
	case i >= looksLikeSeconds && i < looksLikeMillis:
		v.Field(path, "invalid", "Instants are in milliseconds since 1970, so this is %s. Is it meant to be in seconds?", i.Shown())
	}
}

// CheckPeriod adds a field problem for bounds that cannot be meant, and for an end before the start.
func CheckPeriod(v *problem.Validation, prefix string, p wire.Period) {
	CheckInstant(v, prefix+"start", p.Start)
	CheckInstant(v, prefix+"end", p.End)
	if p.End != 0 && !v.Has(prefix+"start") && !v.Has(prefix+"end") {
		v.Check(p.Start <= p.End, prefix+"end", "invalid", "The end, %s, is before the start, %s.", p.End.Shown(), p.Start.Shown())
	}
}

// longestText in bytes; SQLite refuses to compare with patterns of more than 50,000.
const longestText = 1000

// CheckText adds a field problem for a text that is too long to look for.
func CheckText(v *problem.Validation, path, text string) {
	v.Check(len(text) <= longestText, path, "tooLong", "The text to search for has at most %d bytes.", longestText)
}

const (
	// MaxIDs is how many objects a search can name.
	MaxIDs = 10_000
	// maxSortFields is more than there are members to sort by that decide anything.
	maxSortFields = 10
)

// CheckCriteria adds a field problem for what a search of the kind that FusionAuth's search engine answers cannot do here: too many ids, a query in the
// language of that engine, sort fields that are not in columns. what are the objects, for people: "Users".
func CheckCriteria(v *problem.Validation, what string, ids []wire.ID, query json.RawMessage, fields []wire.SortField, columns map[string]string) {
	v.Check(len(ids) <= MaxIDs, "search.ids", "tooMany", "One search names at most %d ids.", MaxIDs)
	v.Check(len(ids) > 0 || len(query) == 0 || string(query) == "null" || string(query) == `""`, "search.query", "invalid",
		"Queries of a search engine are not supported. Use queryString.")
	v.Check(len(fields) <= maxSortFields, "search.sortFields", "tooMany", "A search has at most %d sort fields.", maxSortFields)
	for _, f := range fields {
		_, known := columns[f.Name]
		v.Check(known || v.Has("search.sortFields"), "search.sortFields", "invalid", "%s cannot be sorted by %.64q.", what, f.Name)
		_, known = directions[strings.ToLower(f.Order)]
		v.Check(known || v.Has("search.sortFields"), "search.sortFields", "invalid", "The order of a sort field is asc or desc.")
	}
}

// longestList is how many names an error lists to choose from.
const longestList = 20

// CheckOneOf adds a field problem for the first of the values that is none of those there are, with what may have been meant. what says what they are: "state of a delivery".
func CheckOneOf[T ~string](v *problem.Validation, path, what string, all []T, values ...T) {
	for _, value := range values {
		if slices.Contains(all, value) {
			continue
		}
		switch near := nearest.Name(string(value), all); {
		case near != "":
			v.Field(path, "invalid", "There is no %s %.64q. Did you mean %q?", what, value, near)
		case len(all) > longestList:
			v.Field(path, "invalid", "There is no %s %.64q.", what, value)
		default:
			v.Field(path, "invalid", "There is no %s %.64q. %s", what, value, nearest.Known(all))
		}
		return
	}
}

// Given is what a caller looks for, nothing when that is empty: the values of [CheckOneOf] for a criterion that is optional.
func Given[T ~string](value T) []T {
	if value == "" {
		return nil
	}
	return []T{value}
}

// Window returns the LIMIT and OFFSET of a page, with the default size for zero.
func Window(page wire.Page) (limit, offset int) {
	limit = page.NumberOfResults
	if limit <= 0 {
		limit = DefaultResults
	}
	return min(limit, MaxResults), max(page.StartRow, 0)
}
