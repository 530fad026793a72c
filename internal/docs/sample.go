package docs

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// inPath is a segment of a path that has an id.
var inPath = regexp.MustCompile(`\{([^}]+)\}`)

// Curl is a command that makes the request. HERALD is the address of the server, KEY an API key, TOKEN the access token of a user; ids are variables, too.
func (o *operation) Curl() string {
	path := inPath.ReplaceAllStringFunc(o.Path, func(segment string) string {
		if segment == "{grant}" {
			return "grant"
		}
		return "$" + variable(segment[1:len(segment)-1])
	})
	parts := []string{"curl"}
	if o.Method != http.MethodGet {
		parts[0] += " -X " + o.Method
	}
	parts[0] += ` "$HERALD` + path + `"`
	switch o.Access {
	case "open":
	case "user":
		parts = append(parts, `-H "Authorization: Bearer $TOKEN"`)
	default:
		parts = append(parts, `-H "Authorization: $KEY"`)
	}
	parts = append(parts, o.data()...)
	return strings.Join(parts, " \\\n  ")
}

// variable is how an id is called in a shell: USER_ID.
func variable(name string) string {
	return strings.ToUpper(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "${1}_$2"))
}

// data are the parts of the command that send the body, none where it may be left out.
func (o *operation) data() (parts []string) {
	if o.RequestBody == nil || !o.RequestBody.Required {
		return nil
	}
	if form := o.RequestBody.Content["application/x-www-form-urlencoded"]; form != nil {
		of := o.spec.named(last(form.Schema.Ref))
		for _, name := range of.Required {
			parts = append(parts, "-d '"+name+"=…'")
		}
		return parts
	}
	c := o.RequestBody.Content["application/json"]
	text := indented(c.Example)
	if len(c.Example) == 0 {
		made, _ := json.Marshal(o.spec.sample(c.Schema, "", true)) // of texts, numbers and maps
		text = indented(made)
	}
	return []string{"-H 'Content-Type: application/json'", "-d '" + strings.ReplaceAll(text, "'", `'\''`) + "'"}
}

// demanded finds members that a request must have.
var demanded = regexp.MustCompile(`(^|[.;] |[^t] )[Rr]equired\b`)

// sample is a value of a schema with the members that must be there. wrapper says that it is what a request consists of, all of whose objects are shown.
func (s *spec) sample(of *schema, name string, wrapper bool) any {
	if of == nil {
		return map[string]any{}
	}
	if of.Ref != "" {
		return s.sample(s.named(last(of.Ref)), name, wrapper)
	}
	if len(of.Enum) > 0 {
		return of.Enum[0]
	}
	switch of.Type {
	case "array":
		return []any{s.sample(of.Items, strings.TrimSuffix(name, "s"), false)}
	case "boolean":
		return true
	case "integer", "number":
		return 1000
	case "string":
		if of.Format == "uuid" {
			return "00000000-0000-0000-0000-000000000000"
		}
		if text, ok := usual[name]; ok {
			return text
		}
		return "…"
	}
	all := map[string]any{}
	for _, member := range slices.Sorted(maps.Keys(of.Properties)) {
		inner := of.Properties[member]
		isObject := inner.Ref != "" && s.named(last(inner.Ref)).Type == "object"
		if wrapper && isObject && member != "eventInfo" || demanded.MatchString(inner.Description) {
			all[member] = s.sample(inner, member, false)
		}
	}
	return all
}

// usual are texts that say more than an ellipsis.
var usual = map[string]string{"email": "ada@example.com", "loginId": "ada@example.com", "name": "Example", "url": "https://example.com/events", "password": "correct horse battery"}
