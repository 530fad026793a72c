package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// literal are the parameters in which null and undefined are what they say, because people may be called so. Elsewhere they stand for none: FusionAuth's
// TypeScript client writes them where its caller passes nothing.
var literal = []string{"email", "username", "loginId", "queryString"}

// parseQuery reads the query string once, before the handler runs, so that no text reaches the store that a database refuses.
func (c *call) parseQuery() error {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return problem.New(problem.Invalid, "[invalidQuery]", "The query string of the URL cannot be read.")
	}
	var v problem.Validation
	for name, all := range values {
		for _, text := range all {
			if !storable(text) {
				v.Field(strings.ToValidUTF8(name, "\uFFFD"), "invalid", "This must be UTF-8 text without the character U+0000.")
				break
			}
		}
		if !slices.Contains(literal, name) {
			values[name] = slices.DeleteFunc(all, func(text string) bool { return text == "null" || text == "undefined" })
		}
	}
	c.values = values
	return v.Err()
}

// storable tells whether both engines take a text.
func storable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// query returns the first value of a query parameter, "" without one.
func (c *call) query(name string) string { return c.values.Get(name) }

// queryAll returns all values of a repeated parameter.
func (c *call) queryAll(name string) []string { return c.values[name] }

// queryBool returns a parameter that is true or false. It is false without one.
func (c *call) queryBool(name string) (bool, error) {
	var value bool
	return value, c.queryValue(name, &value)
}

// queryID returns a parameter that is a UUID, in lower case. It is "" without one.
func (c *call) queryID(name string) (wire.ID, error) {
	var id wire.ID
	return id, c.queryValue(name, &id)
}

// queryIDs returns all values of a repeated parameter of UUIDs.
func (c *call) queryIDs(name string) ([]wire.ID, error) {
	var ids []wire.ID
	return ids, c.queryValue(name, &ids)
}

// queryValue converts a parameter as decode converts a member of a body.
func (c *call) queryValue(name string, dst any) error {
	return body.DecodeValue(name, c.values[name], dst)
}

// decodeQuery fills dst, a pointer to a struct of package wire, from the query parameters with the names of its members.
func (c *call) decodeQuery(dst any) error { return body.DecodeValues(c.values, dst) }

// search fills dst, a pointer to the criteria of a search (wire.WebhookSearch), from the query of a GET or from the member
// "search" of a body, and checks the page.
func (c *call) search(dst any) error {
	prefix := ""
	if c.r.Method == http.MethodPost {
		prefix = "search."
		var request struct {
			Search json.RawMessage `json:"search"`
		}
		if err := c.decode(&request); err != nil {
			return err
		}
		if len(request.Search) > 0 {
			if err := body.DecodeAt("search", request.Search, dst); err != nil {
				return err
			}
		}
	} else if err := c.decodeQuery(dst); err != nil {
		return err
	}
	var v problem.Validation
	if page := reflect.ValueOf(dst).Elem().FieldByName("Page"); page.IsValid() {
		search.Check(&v, prefix, page.Interface().(wire.Page))
	}
	return v.Err()
}
