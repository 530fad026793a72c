package keep

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

// check brings o into the form in which it is stored and adds what cannot be accepted; whether names are taken and others exist is not looked
// at here. current is the object so far, nil for a new one.
//
// No more is demanded than the documentation of the original demands of every object of the kind: nobody acts on the rest.
func (k *Kind) check(v *problem.Validation, o, current Object) {
	maps.DeleteFunc(o, func(name string, value json.RawMessage) bool {
		return loose.IsNull(value) || k.setByServer(name) // null is how clients say that a member is absent
	})
	for _, name := range slices.Concat(k.Booleans, k.Integers, k.IDs) {
		if blank, isText := loose.Text(o[name]); isText && blank == "" { // as absent as null
			delete(o, name)
		}
	}
	for _, name := range k.Booleans {
		loose.CheckBool(v, k.path(name), o[name])
		if value, ok := loose.ParseBool(o[name]); ok {
			o[name] = json.RawMessage(strconv.FormatBool(value))
		}
	}
	for _, name := range k.Integers {
		loose.CheckInt(v, k.path(name), o[name], 0, 1<<31-1)
		if value, ok := loose.ParseInt(o[name]); ok {
			o[name] = json.RawMessage(strconv.Itoa(value))
		}
	}
	for _, name := range k.IDs {
		if loose.CheckID(v, k.path(name), o[name]) {
			o[name] = text(string(loose.ID(o[name])))
		}
	}
	loose.CheckText(v, k.path("type"), o["type"])
	k.checkName(v, o)
	if current != nil {
		k.checkFixed(v, o, current)
	}
	for name, value := range k.Presets {
		if isEmpty(o[name]) {
			o[name] = value
		}
	}
	k.checkRequired(v, o)
}

// setByServer tells which members are no part of what is stored: clients send back what they were given.
func (k *Kind) setByServer(name string) bool {
	switch name {
	case "id", "insertInstant", "lastUpdateInstant":
		return true
	case string(Application):
		return k.Owner == Application
	}
	return name == k.Refers
}

func (k *Kind) checkName(v *problem.Validation, o Object) {
	path := k.path("name")
	loose.CheckText(v, path, o["name"])
	if o["name"] == nil || v.Has(path) {
		return
	}
	name := k.name(o)
	v.Text(path, &name, problem.LongestName)
	o["name"] = text(name)
}

func (k *Kind) checkFixed(v *problem.Validation, o, current Object) {
	for _, name := range k.Fixed {
		if isEmpty(o[name]) {
			o[name] = current[name]
		}
		was, _ := loose.Text(current[name])
		is, _ := loose.Text(o[name])
		v.Check(is == was || v.Has(k.path(name)), k.path(name), "invalid", "This cannot change. It is %q.", was)
	}
}

func (k *Kind) checkRequired(v *problem.Validation, o Object) {
	for _, required := range k.Required {
		name, word := required[0], required[1]
		path := k.path(name)
		switch {
		case v.Has(path):
		case isEmpty(o[name]):
			v.Field(path, word, "%s needs this.", strings.ToUpper(k.Noun[:1])+k.Noun[1:])
		case word == "blank":
			loose.CheckText(v, path, o[name])
		case word == "empty":
			v.Check(loose.Elements(o[name]) != nil, path, "couldNotConvert", "This is an array.")
		}
	}
}

// isEmpty tells whether a member is absent, a text without content, or a list without elements.
func isEmpty(raw json.RawMessage) bool {
	blank, isText := loose.Text(raw)
	if isText {
		return strings.TrimSpace(blank) == ""
	}
	return loose.IsNull(raw) || raw[0] == '[' && len(loose.Elements(raw)) == 0
}

// id returns a member that is an id, "" without one.
func (k *Kind) id(o Object, name string) wire.ID {
	var none problem.Validation
	if !loose.CheckID(&none, name, o[name]) {
		return ""
	}
	return loose.ID(o[name])
}

// uniqueKey is what no two objects may share, "" where they may share everything.
func (k *Kind) uniqueKey(r row) string {
	if !k.Unique {
		return ""
	}
	return string(r.application) + "/" + search.Fold(k.name(r.object))
}

// searched is what a search looks for beside the name: the body of a lambda, the applications for which an identity provider is configured.
func (k *Kind) searched(o Object) string {
	switch {
	case slices.Contains(k.Search, "body"):
		body, _ := loose.Text(o["body"])
		return search.Fold(body)
	case slices.Contains(k.Search, "applicationId"):
		return strings.ToLower(strings.Join(slices.Sorted(maps.Keys(loose.Members(o["applicationConfiguration"]))), " "))
	}
	return ""
}
