package body

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/nearest"
	"github.com/herald-events/herald/internal/problem"
)

// DecodeStrict is [Decode] that refuses members which dst does not have: `[unknown]search.webhookID`. A single value where a list belongs
// is a list of one.
func DecodeStrict(data []byte, dst any) error {
	root, err := parseObject(data)
	if err != nil {
		return err
	}
	var v problem.Validation
	u := unknowns{v: &v}
	root = u.checkMembers(root, reflect.TypeOf(dst).Elem(), "")
	if err := v.Merge(decodeNode(root, dst, "")); err != nil {
		return err
	}
	return v.Err()
}

// unknowns collects members that there are none of, up to maxWrong of them.
type unknowns struct {
	v     *problem.Validation
	count int
}

// checkMembers adds a problem for each member that is none of those of t, and returns n with lists where t has lists.
func (u *unknowns) checkMembers(n *node, t reflect.Type, path string) *node {
	given, ok := n.value.(object)
	if !ok || t.Kind() != reflect.Struct {
		return n // what is of the wrong kind is found by decode
	}
	members := membersOf(t)
	all := make(object, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value := given[name]
		if m, ok := u.checkMember(members, name, join(path, name), "member"); ok {
			switch value.value.(type) {
			case nil, []*node:
			default:
				if m.kind.Kind() == reflect.Slice {
					value = &node{value: []*node{value}}
				}
			}
			value = u.checkMembers(value, m.kind, join(path, name))
		}
		all[name] = value
	}
	return &node{value: all}
}

// checkMember finds the member with that name, or adds the problem that there is none.
func (u *unknowns) checkMember(members []member, name, path, what string) (member, bool) {
	names := make([]string, len(members))
	for i, m := range members {
		if m.name == name {
			return m, true
		}
		names[i] = m.name
	}
	if u.count++; u.count > maxWrong {
		return member{}, false
	}
	// The path is part of the answer, and what is unknown may be anything.
	path = strings.TrimSuffix(path, name) + Shortened(name)
	if near := nearest.Name(name, names); near != "" {
		u.v.Field(path, "unknown", "There is no such %s. Did you mean %q?", what, near)
	} else {
		u.v.Field(path, "unknown", "There is no such %s. %s", what, nearest.Known(names))
	}
	return member{}, false
}
