package ui

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/problem"
)

// A form is a change to an object of the API, and is read as one: its inputs are called as the members they change, so that what the domain says
// about a member finds its input again.
//
//	webhook.url                          a text; empty means absent
//	webhook.eventsEnabled[user.create]   a member whose name is in brackets; digits are a place in a list
//	webhook.tenantIds[]                  a list, from all inputs of that name
//	webhook.headers{}                    an object, from pairs of inputs: …{name} and …{value}; …{was} are the names it has
//	….port:number, ….enabled:bool        what shall be a number or a boolean also where the API keeps what it is given
//	….expirationInstant:instant          an instant as browsers write it, in UTC
//	….data:json                          a text that is JSON; it takes the place of what is there, of which nothing stays
//	….preferredLanguages:list            a list, as a text with commas
//	….agents:lines                       a list of texts, one in each line
//	….password:secret                    a text that is kept when nothing is entered; ….password:clear removes it, or ….password:empty where that takes an empty text
//
// Of several inputs with one name the last counts, so that a hidden one before a check box stands for "off".

// fill applies the form to current, a request of the API that would leave the object as it is, and decodes the result into dst.
func (v *visit) fill(current, dst any) error {
	change, err := v.document()
	if err != nil {
		return err
	}
	text, err := body.Encode(change)
	if err != nil {
		return err
	}
	before, err := v.without(current)
	if err != nil {
		return err
	}
	return body.Patch(body.MergePatch, before, text, dst, largestForm)
}

// without is current without what the form has as JSON: a merge patch would leave the members that the new value lacks.
func (v *visit) without(current any) (any, error) {
	text, err := body.Encode(current)
	if err != nil {
		return nil, err
	}
	before, _ := decodeJSON(text)
	for name := range v.PostForm {
		path, kind := split(name)
		if kind != "json" {
			continue
		}
		steps := stepsOf(path)
		at, ok := before.(map[string]any)
		for _, step := range steps[:len(steps)-1] {
			if ok {
				at, ok = at[step].(map[string]any)
			}
		}
		if ok {
			delete(at, steps[len(steps)-1])
		}
	}
	return before, nil
}

// document is the form as a JSON merge patch.
func (v *visit) document() (map[string]any, error) {
	if err := v.ParseForm(); err != nil {
		return nil, problem.New(problem.Invalid, "[invalidForm]", "The form could not be read: %v.", err)
	}
	var wrong problem.Validation
	root := map[string]any{}
	names := make([]string, 0, len(v.PostForm))
	for name := range v.PostForm {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := v.PostForm[name]
		last := strings.ReplaceAll(values[len(values)-1], "\r\n", "\n")
		path, kind := split(name)
		switch {
		case strings.HasSuffix(path, "[]"):
			put(root, strings.TrimSuffix(path, "[]"), listOf(values))
		case strings.HasSuffix(path, "{name}"):
			put(root, strings.TrimSuffix(path, "{name}"), v.pairs(strings.TrimSuffix(path, "{name}")))
		case strings.HasSuffix(path, "}"):
		case kind == "secret" && last == "":
		case kind == "list":
			put(root, path, listOf(strings.FieldsFunc(last, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })))
		case kind == "instant" && last != "":
			at, err := time.Parse("2006-01-02T15:04", last[:min(len(last), len("2006-01-02T15:04"))])
			if err != nil {
				wrong.Field(path, "invalid", "%s", v.text.say("ExpirationWrong"))
				continue
			}
			put(root, path, at.UnixMilli())
		case kind == "lines":
			put(root, path, linesOf(last))
		case kind == "clear":
			put(root, path, nil)
		case kind == "empty":
			put(root, path, "")
		case kind == "json" && last != "":
			if err := body.Check([]byte(last)); err != nil {
				wrong.Field(path, "invalidJSON", "This is not JSON: %s", reasonOf(err))
				continue
			}
			put(root, path, json.RawMessage(last))
		default:
			put(root, path, scalar(kind, last))
		}
	}
	listed(root)
	return root, wrong.Err()
}

func reasonOf(err error) string {
	if p, ok := problem.As(err); ok {
		return messageOf(p)
	}
	return err.Error()
}

// scalar is the value of one input.
func scalar(kind, text string) any {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return nil
	case kind == "bool":
		return trimmed == "true"
	case kind == "number" && json.Valid([]byte(trimmed)):
		return json.RawMessage(trimmed)
	}
	return text
}

func listOf(values []string) []any {
	all := []any{}
	for _, value := range values {
		if value != "" {
			all = append(all, value)
		}
	}
	return all
}

func linesOf(text string) []any {
	all := []any{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// pairs is an object from rows of a name and a value. A name that was there and is not any more is removed.
func (v *visit) pairs(path string) map[string]any {
	all := map[string]any{}
	for _, name := range v.PostForm[path+"{was}"] {
		all[name] = nil
	}
	values := v.PostForm[path+"{value}"]
	for i, name := range v.PostForm[path+"{name}"] {
		if name = strings.TrimSpace(name); name == "" || i >= len(values) {
			continue
		}
		if _, had := all[name]; had && values[i] == "" && isSecretHeader(name) {
			delete(all, name) // it was not shown, so it stays
			continue
		}
		all[name] = values[i]
	}
	return all
}

// split parts the name of an input into path and kind. A name in brackets may have a colon of its own.
func split(name string) (path, kind string) {
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, ']') {
		return name[:at], name[at+1:]
	}
	return name, ""
}

// put sets the member at a path. Of two inputs that contradict each other, a text and a part of it, the first stays.
func put(root map[string]any, path string, value any) {
	steps := stepsOf(path)
	at := root
	for _, step := range steps[:len(steps)-1] {
		if _, ok := at[step]; !ok {
			at[step] = map[string]any{}
		}
		inner, ok := at[step].(map[string]any)
		if !ok {
			return
		}
		at = inner
	}
	at[steps[len(steps)-1]] = value
}

// place marks a step that is a place in a list until listed makes the list of it.
const place = "\x00"

// stepsOf are the names of a path: a.b[c.d] is a, b, c.d.
func stepsOf(path string) (steps []string) {
	for path != "" {
		step, rest := path, ""
		if inside, ok := strings.CutPrefix(path, "["); ok {
			step, rest, _ = strings.Cut(inside, "]")
			if _, err := strconv.Atoi(step); err == nil {
				step = place + step
			}
		} else if end := strings.IndexAny(path, ".["); end > 0 {
			step, rest = path[:end], path[end:]
		}
		steps, path = append(steps, step), strings.TrimPrefix(rest, ".")
	}
	return steps
}

// listed makes lists of the objects whose members are places, in the order of these. A row of which every input is empty is left out.
func listed(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	isList := len(object) > 0
	for name, member := range object {
		object[name] = listed(member)
		isList = isList && strings.HasPrefix(name, place)
	}
	if !isList {
		return object
	}
	places := slices.SortedFunc(maps.Keys(object), func(a, b string) int {
		x, _ := strconv.Atoi(a[len(place):])
		y, _ := strconv.Atoi(b[len(place):])
		return cmp.Compare(x, y)
	})
	list := []any{}
	for _, name := range places {
		if !isEmpty(object[name]) {
			list = append(list, object[name])
		}
	}
	return list
}

func isEmpty(value any) bool {
	object, ok := value.(map[string]any)
	if !ok {
		return value == nil
	}
	for _, member := range object {
		if !isEmpty(member) {
			return false
		}
	}
	return true
}
