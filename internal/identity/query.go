package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/nearest"
)

// clause is one thing that a search asks of users. All clauses of a search must be met.
type clause struct {
	field string // a key of queryFields; "" is any name or login id
	text  wanted
	// nested tells parts of an object apart: clauses about registrations are about one registration when they have the same number.
	nested int
}

// wanted is what the value of a field must be.
type wanted struct {
	text string // as it was written, without what quotes or escapes it
	like string // the same as a LIKE pattern, when it has wildcards
}

// anything tells whether every value is wanted, as long as there is one.
func (w wanted) anything() bool { return w.like == "%" }

// Bounds of one search, so that none occupies the database for long.
const (
	maxClauses   = 20
	maxWildcards = 4 // in one value
	maxNesting   = 20
	maxQuery     = 10_000 // bytes of JSON
)

// queryFields are the members of a user that can be searched, and what can be asked of them.
var queryFields = map[string]fieldKind{
	"active": exactField, "birthDate": textField, "email": textField, "firstName": textField, "fullName": textField, "id": exactField,
	"lastName": textField, "memberships.groupId": exactField, "phoneNumber": textField, "registrations.applicationId": exactField,
	"registrations.roles": exactField, "tenantId": exactField, "username": textField,
}

type fieldKind int

const (
	textField  fieldKind = iota // in any case, with wildcards
	exactField                  // whole values
)

// queryProblem says why a query cannot be answered here, and what can be, for the one who asks.
type queryProblem string

func (p queryProblem) Error() string { return string(p) }

func unanswerable(format string, args ...any) error {
	return queryProblem(fmt.Sprintf(format, args...) + " A query is one term, or field:value, or several of them with AND between them. A value stands in double" +
		" quotes when it has spaces or characters like ( : [; * stands for any characters, ? for one. Fields: " +
		strings.Join(slices.Sorted(maps.Keys(queryFields)), ", ") + ".")
}

func unanswerableJSON(format string, args ...any) error {
	return queryProblem(fmt.Sprintf(format, args...) + " Supported are match_all; bool with must and filter; match, match_phrase, term, prefix, wildcard, exists" +
		" and query_string; and nested around them. What can be asked so can be asked with queryString as well.")
}

// parseQuery reads a queryString: the part of the language of search engines that people use to find users. Words that no operator separates are one
// term, as names have spaces. Without clauses it finds everybody. Errors: queryProblem.
func parseQuery(text string) ([]clause, error) {
	p := queryParser{rest: strings.TrimSpace(text)}
	if p.rest == "" || p.rest == "*" || p.rest == "*:*" {
		return nil, nil
	}
	var all []clause
	for {
		c, err := p.clause()
		if err != nil {
			return nil, err
		}
		if all = append(all, c); len(all) > maxClauses {
			return nil, unanswerable("There are more than %d terms.", maxClauses)
		}
		switch p.operator() {
		case "":
			if p.rest == "" {
				return all, nil
			}
			return nil, unanswerable("It is not clear what connects the terms before and after %.40q: write AND, or put a value with spaces in quotes.", p.rest)
		case "AND":
		default:
			return nil, unanswerable("OR and NOT are not supported.")
		}
	}
}

// queryParser has what is left to be read, beginning with no space.
type queryParser struct{ rest string }

func (p *queryParser) skip(n int) { p.rest = strings.TrimLeft(p.rest[n:], blanks) }

// blanks separate words. The text is read byte by byte, so none of them may be part of another character.
const blanks = " \t\r\n"

func isBlank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

// operator reads an operator if there is one: AND, or another one that nobody answers.
func (p *queryParser) operator() string {
	name := p.peekOperator()
	switch {
	case name == "":
	case strings.HasPrefix(p.rest, name):
		p.skip(len(name))
	default:
		p.skip(2) // && or ||
	}
	return name
}

func (p *queryParser) peekOperator() string {
	word := p.rest
	if end := strings.IndexAny(word, blanks); end >= 0 {
		word = word[:end]
	}
	switch word {
	case "AND", "OR", "NOT":
		return word
	case "&&":
		return "AND"
	case "||":
		return "OR"
	}
	return ""
}

// clause reads one term with its field.
func (p *queryParser) clause() (c clause, err error) {
	switch name := p.peekOperator(); {
	case name == "NOT":
		return c, unanswerable("OR and NOT are not supported.")
	case name != "", p.rest == "":
		return c, unanswerable("An operator has a term before and after it.")
	}
	if name := fieldName(p.rest); name != "" {
		if c.field, err = knownField(name); err != nil {
			return c, err
		}
		if p.rest = p.rest[len(name)+1:]; p.rest == "" || isBlank(p.rest[0]) {
			return c, unanswerable("There is no value behind %s:", c.field)
		}
	}
	if strings.HasPrefix(p.rest, `"`) {
		if c.text, err = p.quoted(); err != nil {
			return c, err
		}
		return c, checkField(c)
	}
	if strings.ContainsAny(p.rest[:1], "-!/") {
		return c, unanswerable("A term cannot begin with %.1q.", p.rest)
	}
	if c.text, err = p.bare(c.field == ""); err != nil {
		return c, err
	}
	return c, checkField(c)
}

// fieldName returns what stands before a colon at the beginning, when it has the form of a name.
func fieldName(text string) string {
	name, _, found := strings.Cut(text, ":")
	unlike := func(r rune) bool {
		return r >= unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != '_'
	}
	if !found || strings.ContainsFunc(name, unlike) {
		return ""
	}
	return name
}

func knownField(name string) (string, error) {
	if _, ok := queryFields[name]; ok {
		return name, nil
	}
	if near := nearest.Name(name, slices.Sorted(maps.Keys(queryFields))); near != "" {
		return "", unanswerable("There is no field %.64q. Did you mean %q?", name, near)
	}
	return "", unanswerable("Users cannot be searched by %.64q; if it belongs to the value, put the value in quotes.", name)
}

// checkField refuses wildcards where a field has none.
func checkField(c clause) error {
	if c.text.like != "" && !c.text.anything() && c.field != "" && queryFields[c.field] == exactField {
		return unanswerable("%s has no wildcards but * alone, which means that there is one.", c.field)
	}
	if text := strings.ToLower(c.text.text); c.field == "active" && text != "true" && text != "false" {
		return unanswerable("active is true or false.")
	}
	return nil
}

// quoted reads a value in double quotes, in which only \ and " mean anything.
func (p *queryParser) quoted() (wanted, error) {
	var w wantedBuilder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '\\' && i+1 < len(p.rest):
			i++
			w.literal(p.rest[i])
		case c == '"':
			end := i + 1
			if rest := p.rest[end:]; rest != "" && !isBlank(rest[0]) {
				return wanted{}, unanswerable("Behind a quoted value there is %.1q.", rest)
			}
			p.skip(end)
			return w.wanted()
		default:
			w.literal(c)
		}
	}
	return wanted{}, unanswerable("A quote is not closed.")
}

// bare reads a value that is not quoted, several words if they may be one.
func (p *queryParser) bare(words bool) (wanted, error) {
	var w wantedBuilder
	for i := 0; ; i++ {
		if i == len(p.rest) {
			p.rest = ""
			return w.wanted()
		}
		switch c := p.rest[i]; {
		case isBlank(c):
			after := queryParser{p.rest}
			after.skip(i)
			if !words || after.peekOperator() != "" || fieldName(after.rest) != "" || strings.HasPrefix(after.rest, `"`) {
				*p = after
				return w.wanted()
			}
			w.literal(c)
		case c == '\\' && i+1 < len(p.rest):
			i++
			w.literal(p.rest[i])
		case c == '*', c == '?':
			w.wildcard(c)
		case strings.IndexByte(`()[]{}":^~<>`, c) >= 0:
			return wanted{}, unanswerable("%q has a meaning that is not supported here; if it belongs to the value, put the value in quotes.", c)
		default:
			w.literal(c)
		}
	}
}

// wantedBuilder builds both forms of a value, byte by byte.
type wantedBuilder struct {
	text, like strings.Builder
	wildcards  int
}

func (w *wantedBuilder) literal(c byte) {
	w.text.WriteByte(c)
	if c == '%' || c == '_' || c == '\\' {
		w.like.WriteByte('\\')
	}
	w.like.WriteByte(c)
}

func (w *wantedBuilder) wildcard(c byte) {
	w.wildcards++
	w.text.WriteByte(c)
	w.like.WriteByte(map[byte]byte{'*': '%', '?': '_'}[c])
}

func (w *wantedBuilder) wanted() (wanted, error) {
	switch {
	case w.wildcards > maxWildcards:
		return wanted{}, unanswerable("A value has at most %d wildcards.", maxWildcards)
	case w.wildcards > 0:
		return wanted{w.text.String(), w.like.String()}, nil
	}
	return wanted{text: w.text.String()}, nil
}

// exactly is a value without wildcards, pattern one in which * and ? are such.
func exactly(text string) wanted { return wanted{text: text} }

func pattern(text string) (wanted, error) {
	var w wantedBuilder
	for i := range len(text) {
		if c := text[i]; c == '*' || c == '?' {
			w.wildcard(c)
		} else {
			w.literal(c)
		}
	}
	return w.wanted()
}

// parseJSONQuery reads the forms of a search engine's JSON that ask what a queryString can ask. It may come as JSON or as a text that holds
// JSON. Errors: queryProblem.
func parseJSONQuery(raw json.RawMessage) ([]clause, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	if len(raw) > maxQuery {
		return nil, unanswerableJSON("It has more than %d bytes.", maxQuery)
	}
	var p jsonQuery
	if err := p.read(raw, 0, 0); err != nil {
		return nil, err
	}
	if len(p.all) > maxClauses {
		return nil, unanswerableJSON("There are more than %d conditions.", maxClauses)
	}
	return p.all, nil
}

// jsonQuery collects the clauses of a query in JSON.
type jsonQuery struct {
	all    []clause
	nested int // how many objects were asked about so far
}

// read reads one query. nested is the object that it is about, depth how deep it stands.
func (p *jsonQuery) read(raw json.RawMessage, nested, depth int) error {
	var query map[string]json.RawMessage
	if depth > maxNesting {
		return unanswerableJSON("It is nested too deeply.")
	}
	if json.Unmarshal(raw, &query) != nil || len(query) != 1 {
		return unanswerableJSON("A query is a JSON object with one member, which says what kind of query it is.")
	}
	for kind, body := range query {
		switch kind {
		case "match_all":
			return nil
		case "bool":
			return p.readBool(body, nested, depth)
		case "nested":
			var n struct {
				Path  string          `json:"path"`
				Query json.RawMessage `json:"query"`
			}
			if err := strictly(body, &n); err != nil {
				return unanswerableJSON("nested has a path and a query.")
			}
			p.nested++
			return p.read(n.Query, p.nested, depth+1)
		case "query_string":
			var q struct {
				Query string `json:"query"`
			}
			if err := strictly(body, &q); err != nil {
				return unanswerableJSON("query_string has a query.")
			}
			found, err := parseQuery(q.Query)
			for _, c := range found {
				c.nested = nested
				p.all = append(p.all, c)
			}
			return err
		case "match", "match_phrase", "term", "prefix", "wildcard", "exists":
			c, err := readLeaf(kind, body)
			c.nested = nested
			p.all = append(p.all, c)
			return err
		default:
			return unanswerableJSON("%.64q is not supported.", kind)
		}
	}
	return nil
}

// strictly decodes what has no other members than into.
func strictly(raw json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// readBool reads the parts of a conjunction.
func (p *jsonQuery) readBool(raw json.RawMessage, nested, depth int) error {
	var parts struct {
		Must   json.RawMessage `json:"must"`
		Filter json.RawMessage `json:"filter"`
	}
	if err := strictly(raw, &parts); err != nil {
		return unanswerableJSON("bool has must and filter, and nothing else here.")
	}
	conditions := 0
	for _, part := range []json.RawMessage{parts.Must, parts.Filter} {
		var queries []json.RawMessage
		switch {
		case loose.IsNull(part):
		case json.Unmarshal(part, &queries) != nil:
			queries = []json.RawMessage{part}
		}
		conditions += len(queries)
		for _, q := range queries {
			if err := p.read(q, nested, depth+1); err != nil {
				return err
			}
		}
	}
	if conditions == 0 { // a program that left them out by mistake would find, or delete, everybody
		return unanswerableJSON("bool has at least one condition.")
	}
	return nil
}

// readLeaf reads a query about one field.
func readLeaf(kind string, raw json.RawMessage) (c clause, err error) {
	var about map[string]json.RawMessage
	if json.Unmarshal(raw, &about) != nil || len(about) != 1 {
		return c, unanswerableJSON("%s is about one field.", kind)
	}
	for name, value := range about {
		if kind == "exists" {
			if err := json.Unmarshal(value, &c.field); name != "field" || err != nil {
				return c, unanswerableJSON("exists has a field.")
			}
			name, value = c.field, json.RawMessage(`"*"`)
		}
		if c.field, err = knownField(name); err != nil {
			return c, err
		}
		text, ok := leafText(value)
		if !ok {
			return c, unanswerableJSON("%s has no text to look for.", kind)
		}
		switch kind {
		case "exists", "wildcard":
			c.text, err = pattern(text)
		case "prefix":
			var w wantedBuilder
			for i := range len(text) {
				w.literal(text[i])
			}
			w.wildcard('*')
			c.text, err = w.wanted()
		default:
			c.text = exactly(text)
		}
		if err != nil {
			return c, err
		}
	}
	return c, checkField(c)
}

// leafText is what a field is compared with: a text, number or truth value, by itself or in the member that stands for it.
func leafText(raw json.RawMessage) (string, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) == nil {
		for _, name := range []string{"query", "value", "wildcard"} {
			if value, ok := members[name]; ok && len(members) == 1 {
				return leafText(value)
			}
		}
		return "", false
	}
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return "", false
	}
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return fmt.Sprint(v), true
	case float64:
		return strings.TrimSpace(string(raw)), true
	}
	return "", false
}
