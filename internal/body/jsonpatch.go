package body

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/problem"
)

// JSON Patch, RFC 6902. It is written here because the library for it panics on some patches; and on trees that never change,
// it is short.

// maxOperations bounds the work of one patch: each operation may copy one array or object of the document.
const maxOperations = 1000

// operation is one element of a patch.
type operation struct {
	op         string
	path, from []string // as split by splitPointer; from only for move and copy
	value      *node    // only for add, replace and test
}

// patchError says why an operation cannot be applied. It names paths, never values.
type patchError struct{ text string }

func (e patchError) Error() string { return e.text }

func cannot(format string, args ...any) error { return patchError{fmt.Sprintf(format, args...)} }

// applyOperations returns the document after a patch. limit bounds what copies may add to it, in nodes and bytes of text:
// otherwise forty operations make a document of a terabyte.
func applyOperations(document, patch *node, limit int64) (*node, error) {
	invalid := func(format string, args ...any) error {
		return problem.New(problem.Invalid, "[invalidPatch]", format, args...)
	}
	list, ok := patch.value.([]*node)
	if !ok {
		return nil, invalid("A JSON Patch is an array of operations.")
	}
	if len(list) > maxOperations {
		return nil, invalid("A JSON Patch has at most %d operations.", maxOperations)
	}
	budget := limit
	for i, element := range list {
		o, err := parseOperation(element)
		if err == nil {
			document, err = o.apply(document, &budget)
		}
		if err != nil {
			return nil, invalid("Operation %d of the patch cannot be applied: %v.", i+1, err)
		}
	}
	return document, nil
}

func parseOperation(n *node) (o operation, err error) {
	members, ok := n.value.(object)
	if !ok {
		return o, cannot("it is not an object")
	}
	text := func(name string) string {
		m := members[name]
		if m == nil {
			err = cannot("it has no %s", name)
			return ""
		}
		s, ok := m.value.(string)
		if !ok {
			err = cannot("its %s is not text", name)
		}
		return s
	}
	pointer := func(name string) []string {
		segments, ok := splitPointer(text(name))
		if !ok && err == nil {
			err = cannot("its %s is not a JSON Pointer", name)
		}
		return segments
	}
	o.op = text("op")
	o.path = pointer("path")
	switch o.op {
	case "add", "replace", "test":
		if o.value = members["value"]; o.value == nil && err == nil {
			err = cannot("it has no value")
		}
	case "move", "copy":
		o.from = pointer("from")
	case "remove":
	default:
		if err == nil {
			err = cannot("its op is none of add, remove, replace, move, copy, test")
		}
	}
	return o, err
}

// splitPointer takes a JSON Pointer (RFC 6901) apart. The pointer to the whole document has no segments.
func splitPointer(text string) (segments []string, ok bool) {
	if text == "" {
		return nil, true
	}
	rest, ok := strings.CutPrefix(text, "/")
	if !ok {
		return nil, false
	}
	for s := range strings.SplitSeq(rest, "/") {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(s), "~") {
			return nil, false
		}
		segments = append(segments, strings.NewReplacer("~1", "/", "~0", "~").Replace(s))
	}
	return segments, true
}

func (o operation) apply(document *node, budget *int64) (*node, error) {
	switch o.op {
	case "add":
		return edit(document, o.path, adding(o.value))
	case "remove":
		return edit(document, o.path, remove)
	case "replace":
		return edit(document, o.path, replacing(o.value))
	case "test":
		found, err := find(document, o.path)
		if err != nil {
			return nil, err
		}
		if !equal(found, o.value) {
			return nil, cannot("the test failed, the value is another one")
		}
		return document, nil
	}
	found, err := find(document, o.from)
	if err != nil {
		return nil, err
	}
	if o.op == "copy" {
		if *budget = found.spend(*budget); *budget < 0 {
			return nil, cannot("its copy makes the document too large")
		}
		return edit(document, o.path, adding(found))
	}
	if len(o.from) < len(o.path) && slices.Equal(o.from, o.path[:len(o.from)]) {
		return nil, cannot("a value cannot move into itself")
	}
	if slices.Equal(o.from, o.path) {
		return document, nil
	}
	without, err := edit(document, o.from, remove)
	if err != nil {
		return nil, err
	}
	return edit(without, o.path, adding(found))
}

// find returns the value that a pointer names.
func find(n *node, path []string) (*node, error) {
	for _, segment := range path {
		switch v := n.value.(type) {
		case object:
			n = v[segment]
		case []*node:
			i, err := index(segment, len(v)-1)
			if err != nil {
				return nil, err
			}
			n = v[i]
		default:
			n = nil
		}
		if n == nil {
			return nil, cannot("there is no %q where its path leads", segment)
		}
	}
	return n, nil
}

// A change turns what a pointer names into something else. It is given the container and the last segment; for the whole
// document, which is in none, the container is nil.
type change func(container *node, last string) (*node, error)

// edit returns a copy of the document in which a change has been made at the place a pointer names. What is not on the way
// there is shared with the original.
func edit(n *node, path []string, make change) (*node, error) {
	switch len(path) {
	case 0:
		return make(nil, "")
	case 1:
		return make(n, path[0])
	}
	child, err := find(n, path[:1])
	if err != nil {
		return nil, err
	}
	child, err = edit(child, path[1:], make)
	if err != nil {
		return nil, err
	}
	return replacing(child)(n, path[0])
}

func adding(value *node) change {
	return func(container *node, last string) (*node, error) {
		if container == nil {
			return value, nil
		}
		switch v := container.value.(type) {
		case object:
			return &node{value: v.with(last, value)}, nil
		case []*node:
			i := len(v)
			if last != "-" {
				var err error
				if i, err = index(last, len(v)); err != nil {
					return nil, err
				}
			}
			return &node{value: slices.Insert(slices.Clone(v), i, value)}, nil
		}
		return nil, cannot("%q would be inside of what is neither object nor array", last)
	}
}

func replacing(value *node) change {
	return func(container *node, last string) (*node, error) {
		if container == nil {
			return value, nil
		}
		if _, err := find(container, []string{last}); err != nil {
			return nil, err
		}
		if v, ok := container.value.([]*node); ok {
			i, err := index(last, len(v)-1)
			if err != nil {
				return nil, err
			}
			changed := slices.Clone(v)
			changed[i] = value
			return &node{value: changed}, nil
		}
		return adding(value)(container, last)
	}
}

func remove(container *node, last string) (*node, error) {
	if container == nil {
		return nil, cannot("the whole document cannot be removed")
	}
	if _, err := find(container, []string{last}); err != nil {
		return nil, err
	}
	if v, ok := container.value.([]*node); ok {
		i, err := index(last, len(v)-1)
		if err != nil {
			return nil, err
		}
		return &node{value: slices.Delete(slices.Clone(v), i, i+1)}, nil
	}
	changed := container.value.(object).with(last, nil) // find has been in it, so it is no third thing
	delete(changed, last)
	return &node{value: changed}, nil
}

// index reads the position in an array, from 0 to largest.
func index(segment string, largest int) (int, error) {
	i, err := strconv.Atoi(segment)
	if err != nil || i < 0 || i > largest || strconv.Itoa(i) != segment {
		return 0, cannot("%q is no position in the array where its path leads", segment)
	}
	return i, nil
}

// with returns a copy that has the member.
func (o object) with(name string, value *node) object {
	changed := make(object, len(o)+1)
	for n, v := range o {
		changed[n] = v
	}
	changed[name] = value
	return changed
}

// spend subtracts the size of a value, and gives up as soon as nothing is left.
func (n *node) spend(budget int64) int64 {
	budget--
	switch v := n.value.(type) {
	case string:
		budget -= int64(len(v))
	case json.Number:
		budget -= int64(len(v))
	case object:
		for name, member := range v {
			if budget < 0 {
				break
			}
			budget = member.spend(budget - int64(len(name)))
		}
	case []*node:
		for _, element := range v {
			if budget < 0 {
				break
			}
			budget = element.spend(budget)
		}
	}
	return budget
}

// equal is the equality of RFC 6902 section 4.6.
func equal(a, b *node) bool {
	switch x := a.value.(type) {
	case object:
		y, ok := b.value.(object)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, member := range x {
			if other := y[name]; other == nil || !equal(member, other) {
				return false
			}
		}
		return true
	case []*node:
		y, ok := b.value.([]*node)
		return ok && slices.EqualFunc(x, y, equal)
	case json.Number:
		y, ok := b.value.(json.Number)
		return ok && sameNumber(string(x), string(y))
	}
	switch b.value.(type) {
	case object, []*node: // cannot be compared with ==
		return false
	}
	return a.value == b.value
}

// sameNumber compares whole numbers by their digits, of which a float64 would lose some.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	if !strings.ContainsAny(a, ".eE") && !strings.ContainsAny(b, ".eE") {
		return false
	}
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && x == y
}
