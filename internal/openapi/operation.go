package openapi

import (
	"net/http"
	"regexp"
	"strings"
)

// group is a part of the API.
type group struct {
	name string
	// about says in a sentence or two what the part is for.
	about      string
	operations [][]operation
}

// operation is what is said about one route.
type operation struct {
	method, pattern string
	// summary says in a few words what the request does, about whatever else a caller has to know.
	summary, about string
	body           *body
	parameters     []parameter
	answers        []answer
	// votes says that events are put to the vote of webhooks before anything is committed.
	votes bool
	// tenant says that the tenant header counts although no API key is looked at.
	tenant bool
	// chosen says that the last segment is the id of something that is made, chosen by the caller.
	chosen bool
	// calm says that the request changes nothing that somebody else could change at the same time.
	calm bool
}

// body is what a request carries.
type body struct {
	of       any // a value of the type
	kind     string
	optional bool
	example  string // in JSON, "" without one
}

// parameter is one of the query.
type parameter struct {
	name, about string
	of          any // a value of the type
	required    bool
}

// answer is one of those a caller has to expect.
type answer struct {
	status int
	about  string
	// of is a value of the type of the body; alternatives for one that may have several; nil without a body.
	of   any
	kind string // of the body, application/json unless given
}

// alternatives are values of the types that a body may have.
type alternatives []any

// detail is one thing that is said about a route.
type detail func(o *operation)

// on describes a route, "GET /api/user/{userId}". A last segment in brackets, "POST /api/user[/{userId}]", is about two routes at once.
func on(route, summary string, details ...detail) []operation {
	method, pattern, _ := strings.Cut(route, " ")
	patterns := []string{pattern}
	if short, last, found := strings.Cut(strings.TrimSuffix(pattern, "]"), "["); found {
		patterns = []string{short, short + last}
	}
	var all []operation
	for i, pattern := range patterns {
		o := operation{method: method, pattern: pattern, summary: summary}
		o.chosen = i > 0 && method == http.MethodPost && making.MatchString(summary)
		for _, say := range details {
			say(&o)
		}
		all = append(all, o)
	}
	return all
}

// making are the summaries of what makes something.
var making = regexp.MustCompile(`^(Add|Begin|Create|Define|Generate|Import) `)

// search describes the two routes of a search, which takes its criteria from the query or from a body.
func search(path, summary string, criteria, request, response any, details ...detail) []operation {
	details = append(details, gives(response), calm)
	return append(
		on("GET "+path, summary, append(details, asks(criteria))...),
		on("POST "+path, summary, append(details, takes(request))...)...)
}

// objects describes the seven routes of objects that are created, read, replaced, patched and deleted. path is that of one of them; its last segment is
// the id. The nouns are those of the summaries: "a webhook", "webhooks".
func objects(path, noun, nouns string, request, one, all any, details ...detail) []operation {
	short := path[:strings.LastIndex(path, "/")]
	changing := append([]detail{takes(request), gives(one)}, details...)
	reading := func(of any) []detail { return append([]detail{gives(of)}, details...) }
	operations := on("POST "+short+"[/{"+path[len(short)+2:]+"]", "Create "+noun, changing...)
	operations = append(operations, on("GET "+short, "List "+nouns, reading(all)...)...)
	operations = append(operations, on("GET "+path, "Read "+noun, reading(one)...)...)
	operations = append(operations, on("PUT "+path, "Replace "+noun, changing...)...)
	operations = append(operations, on("PATCH "+path, "Change "+noun, changing...)...)
	return append(operations, on("DELETE "+path, "Delete "+noun, details...)...)
}

// takes says of which type the body is. In a PATCH it is what is patched.
func takes(of any) detail { return func(o *operation) { o.body = &body{of: of} } }

// mayTake is takes for a body that may be left out.
func mayTake(of any) detail { return func(o *operation) { o.body = &body{of: of, optional: true} } }

// example shows a body, in JSON. The tests send it.
func example(json string) detail { return func(o *operation) { o.body.example = json } }

// created shows the body of the creation among several routes.
func created(json string) detail {
	return func(o *operation) {
		if o.method == http.MethodPost {
			example(json)(o)
		}
	}
}

// form says that the body is a form with the members of a type.
func form(of any) detail {
	return func(o *operation) { o.body = &body{of: of, kind: "application/x-www-form-urlencoded"} }
}

// gives says of which type the body of a 200 is. Without it there is none.
func gives(of any) detail { return answers(http.StatusOK, "Done.", of) }

// answers adds an answer; of is nil when it has no body.
func answers(status int, about string, of any) detail {
	return func(o *operation) { o.answers = append(o.answers, answer{status: status, about: about, of: of}) }
}

// file adds an answer that is no JSON.
func file(kind, about string) detail {
	return func(o *operation) {
		o.answers = append(o.answers, answer{status: http.StatusOK, about: about, of: "", kind: kind})
	}
}

// lines adds an answer that is JSON, one object on each line.
func lines(of any, about string) detail {
	return func(o *operation) {
		o.answers = append(o.answers, answer{status: http.StatusOK, about: about, of: of, kind: "application/x-ndjson"})
	}
}

// asks says that the members of a type may stand in the query.
func asks(of any) detail {
	return func(o *operation) { o.parameters = append(o.parameters, parameter{of: of}) }
}

// may says what else may stand in the query; of is a value of its type.
func may(name string, of any, about string) detail {
	return func(o *operation) { o.parameters = append(o.parameters, parameter{name: name, about: about, of: of}) }
}

// must is may for what has to stand there.
func must(name string, of any, about string) detail {
	return func(o *operation) {
		o.parameters = append(o.parameters, parameter{name: name, about: about, of: of, required: true})
	}
}

// about adds a sentence or more.
func about(text string) detail {
	return func(o *operation) { o.about = strings.TrimSpace(o.about + " " + text) }
}

func votes(o *operation)  { o.votes = true }
func tenant(o *operation) { o.tenant = true }
func calm(o *operation)   { o.calm = true }
