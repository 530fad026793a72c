package body

import (
	"maps"
	"reflect"
	"slices"

	"github.com/herald-events/herald/internal/problem"
)

// DecodeValue reads a query parameter or a form field into dst, a pointer to what a member of a struct of package wire may be, as [Decode]
// reads a member that is sent as text. It has all values for a slice and else the first one; without any dst stays as it is. Errors name it.
func DecodeValue(name string, values []string, dst any) error {
	n := valueNode(values, reflect.TypeOf(dst).Elem())
	if n == nil {
		return nil
	}
	return decodeNode(n, dst, name)
}

// DecodeValues reads query parameters or form fields into dst, a pointer to a struct of package wire, from those with the names of its
// members. See [DecodeValue].
func DecodeValues(values map[string][]string, dst any) error {
	given := object{}
	for _, m := range membersOf(reflect.TypeOf(dst).Elem()) {
		if n := valueNode(values[m.name], m.kind); n != nil {
			given[m.name] = n
		}
	}
	return decodeNode(&node{value: given}, dst, "")
}

// DecodeValuesStrict is [DecodeValues] that refuses parameters which dst does not have.
func DecodeValuesStrict(values map[string][]string, dst any) error {
	var v problem.Validation
	u := unknowns{v: &v}
	members := membersOf(reflect.TypeOf(dst).Elem())
	for _, name := range slices.Sorted(maps.Keys(values)) {
		u.checkMember(members, name, name, "parameter")
	}
	if err := v.Merge(DecodeValues(values, dst)); err != nil {
		return err
	}
	return v.Err()
}

// valueNode is the JSON a body would hold, nil without a value. Everything is text, which decode accepts.
func valueNode(values []string, t reflect.Type) *node {
	if len(values) == 0 {
		return nil
	}
	if t.Kind() != reflect.Slice || t == rawType {
		return textNode(values[0])
	}
	var all []*node
	for _, text := range values {
		all = append(all, textNode(text))
	}
	return &node{value: all}
}
