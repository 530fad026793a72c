// Package body reads what callers send, as FusionAuth's API reads it: lenient about how a value is written, precise about what is wrong
// where. The bodies of the REST API and the forms of the admin UI are read here, so that both take the same and refuse it in the same words.
//
//	node.go       JSON, refused when it is malformed or ambiguous
//	decode.go     JSON → request struct
//	strict.go     the same, refusing members that there are none of
//	values.go     query parameters and form fields → request struct
//	patch.go      the three kinds of PATCH, all ending in decode
//	jsonpatch.go  the one of them that is a list of operations
//
// What is wrong with the input is told as a [problem.Error]; other errors are mistakes of the program. Nothing here waits for anything.
package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// Decode reads a JSON object into dst, a pointer to a struct of package wire, as FusionAuth's API reads it:
//
//   - Unknown members are ignored, and null is the same as an absent member. Names are compared exactly.
//   - Numbers and booleans may be sent as strings. An empty string for one of them, or for an id, is an absent member. A whole number
//     may be written 1.0 or 1e3.
//   - The other way round, a number where text belongs is wrong: 007 and 1.10 would not survive it.
//   - Ids are UUIDs in any case, and come out in lower case.
//   - Free-form values ([wire.Object], json.RawMessage) keep their digits.
//
// It reports all members of a wrong type at once: `[couldNotConvert]webhook.connectTimeout`. The others are in dst even then, so that the
// rules about them can be checked in the same answer. What [Check] refuses, and what is no object, is `[invalidJSON]`.
//
// It works in two steps, convert and fill. convert walks the JSON along the type and makes from it JSON that encoding/json reads
// strictly without complaint; so types with an UnmarshalJSON of their own are handed clean input, too (see typedMembers).
func Decode(data []byte, dst any) error {
	root, err := parseObject(data)
	if err != nil {
		return err
	}
	return decodeNode(root, dst, "")
}

// DecodeAt is [Decode] for a part of a body, at a path which its errors name. It need not be an object.
func DecodeAt(path string, data []byte, dst any) error {
	n, err := parse(data)
	if err != nil {
		return err
	}
	return decodeNode(n, dst, path)
}

func parseObject(data []byte) (*node, error) {
	n, err := parse(data)
	if err != nil {
		return nil, err
	}
	return n, mustBeObject(n)
}

func mustBeObject(n *node) error {
	if _, ok := n.value.(object); !ok {
		return problem.New(problem.Invalid, "[invalidJSON]", "The body must be a JSON object.")
	}
	return nil
}

// decodeNode is DecodeAt for what has been parsed.
func decodeNode(n *node, dst any, path string) error {
	var c converter
	clean, ok := c.convert(n, reflect.TypeOf(dst).Elem(), path)
	if ok {
		if err := fill(clean, dst); err != nil {
			return err
		}
	}
	return c.wrong.Err()
}

// fill cannot fail on what convert made, unless a type of package wire is new to it.
func fill(clean, dst any) error {
	data, err := Encode(clean)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(dst); err != nil {
		return fmt.Errorf("fill %T from the converted body: %w", dst, err)
	}
	return nil
}

// typedMembers describes the structs that have an UnmarshalJSON of their own, because they keep unknown members: which
// members are typed. All others are passed to them as they are. A test finds structs that are missing here.
var typedMembers = map[reflect.Type]reflect.Type{
	reflect.TypeFor[wire.Tenant](): reflect.TypeFor[struct {
		EventConfiguration wire.EventConfiguration `json:"eventConfiguration"`
		ID                 wire.ID                 `json:"id"`
		InsertInstant      wire.Instant            `json:"insertInstant"`
		LastUpdateInstant  wire.Instant            `json:"lastUpdateInstant"`
		Name               string                  `json:"name"`
		State              wire.ObjectState        `json:"state"`
	}](),
	reflect.TypeFor[wire.Application](): reflect.TypeFor[struct {
		Active            bool                   `json:"active"`
		ID                wire.ID                `json:"id"`
		InsertInstant     wire.Instant           `json:"insertInstant"`
		LastUpdateInstant wire.Instant           `json:"lastUpdateInstant"`
		Name              string                 `json:"name"`
		Roles             []wire.ApplicationRole `json:"roles"`
		State             wire.ObjectState       `json:"state"`
		TenantID          wire.ID                `json:"tenantId"`
	}](),
}

var (
	idType  = reflect.TypeFor[wire.ID]()
	rawType = reflect.TypeFor[json.RawMessage]()
)

// maxWrong is how many wrong members are reported. The caller of a body with a million mistakes has seen enough.
const maxWrong = 100

// converter collects what is wrong on the way.
type converter struct {
	wrong problem.Validation
	count int
}

func (c *converter) reject(path, want string) (any, bool) {
	if c.count++; c.count <= maxWrong {
		c.wrong.Field(path, "couldNotConvert", "This must be %s.", want)
	}
	return nil, false
}

// convert returns the value to encode in the place of n, and whether there is one.
func (c *converter) convert(n *node, t reflect.Type, path string) (any, bool) {
	if n == nil || n.value == nil {
		return nil, false
	}
	if members, ok := typedMembers[t]; ok {
		return c.structure(n, members, path, true)
	}
	switch {
	case t.Kind() == reflect.Pointer:
		return c.convert(n, t.Elem(), path)
	case t == rawType || t.Kind() == reflect.Interface:
		return json.RawMessage(n.raw), true
	case t == idType:
		return c.id(n, path)
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Interface:
		if _, ok := n.value.(object); !ok {
			return c.reject(path, "an object")
		}
		return json.RawMessage(n.raw), true
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.structure(n, t, path, false)
	case reflect.Map:
		return c.mapping(n, t, path)
	case reflect.Slice:
		return c.list(n, t, path)
	case reflect.String:
		if _, ok := n.value.(string); !ok {
			return c.reject(path, "text")
		}
		return n.value, true
	case reflect.Bool:
		return c.boolean(n, path)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return c.integer(n, t, path)
	case reflect.Float64:
		return c.float(n, path)
	}
	panic(fmt.Sprintf("body: decode does not know %v, at %s", t, path)) // a test walks all request types
}

func (c *converter) structure(n *node, t reflect.Type, path string, keepUnknown bool) (any, bool) {
	given, ok := n.value.(object)
	if !ok {
		return c.reject(path, "an object")
	}
	known := membersOf(t)
	clean := make(map[string]any, len(given))
	for _, m := range known {
		if v, ok := c.convert(given[m.name], m.kind, join(path, m.name)); ok {
			clean[m.name] = v
		}
	}
	if !keepUnknown {
		return clean, true
	}
	for name, v := range given {
		// encoding/json would take "NAME" for "name" in the type's UnmarshalJSON.
		isKnown := slices.ContainsFunc(known, func(m member) bool { return strings.EqualFold(m.name, name) })
		if !isKnown && v.value != nil {
			clean[name] = json.RawMessage(v.raw)
		}
	}
	return clean, true
}

func (c *converter) mapping(n *node, t reflect.Type, path string) (any, bool) {
	given, ok := n.value.(object)
	if !ok {
		return c.reject(path, "an object")
	}
	clean := make(map[string]any, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if v, ok := c.convert(given[name], t.Elem(), path+"["+Shortened(name)+"]"); ok {
			clean[name] = v
		}
	}
	return clean, true
}

func (c *converter) list(n *node, t reflect.Type, path string) (any, bool) {
	given, ok := n.value.([]*node)
	if !ok {
		return c.reject(path, "an array")
	}
	clean := make([]any, 0, len(given))
	for i, element := range given {
		if v, ok := c.convert(element, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); ok {
			clean = append(clean, v)
		}
	}
	return clean, true
}

func (c *converter) id(n *node, path string) (any, bool) {
	text, ok := n.value.(string)
	if ok && text == "" {
		return nil, false
	}
	id, valid := ParseID(text)
	if !ok || !valid {
		return c.reject(path, "a UUID")
	}
	return id, true
}

// ParseID returns a UUID in lower case, and whether the text is one. It accepts the form of 36 characters only; uuid.Parse also takes
// braces, URNs and 32 digits.
func ParseID(text string) (wire.ID, bool) {
	if len(text) != 36 {
		return "", false
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return "", false
	}
	return wire.ID(id.String()), true
}

func (c *converter) boolean(n *node, path string) (any, bool) {
	switch v := n.value.(type) {
	case bool:
		return v, true
	case string:
		switch strings.TrimSpace(v) {
		case "true":
			return true, true
		case "false":
			return false, true
		case "":
			return nil, false
		}
	}
	return c.reject(path, "true or false")
}

func (c *converter) integer(n *node, t reflect.Type, path string) (any, bool) {
	text, present, ok := numberText(n)
	if !ok {
		return c.reject(path, "a whole number")
	}
	if !present {
		return nil, false
	}
	i, err := strconv.ParseInt(text, 10, t.Bits())
	if err == nil {
		return i, true
	}
	if !errors.Is(err, strconv.ErrRange) {
		// Up to 2^53 a float64 is exact about being whole.
		f, err := strconv.ParseFloat(text, 64)
		if whole := int64(f); err == nil && math.Abs(f) <= 1<<53 && float64(whole) == f && !reflect.Zero(t).OverflowInt(whole) {
			return whole, true
		}
	}
	return c.reject(path, "a whole number of at most "+strconv.Itoa(t.Bits())+" bits")
}

func (c *converter) float(n *node, path string) (any, bool) {
	text, present, ok := numberText(n)
	if ok && !present {
		return nil, false
	}
	f, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil {
		return c.reject(path, "a number")
	}
	return f, true
}

// numberText returns the digits of a number, or of a string that would be one. An empty string is an absent number.
func numberText(n *node) (text string, present, ok bool) {
	switch v := n.value.(type) {
	case json.Number:
		return string(v), true, true
	case string:
		text = strings.TrimSpace(v)
		if text == "" {
			return "", false, true
		}
		// strconv takes more than JSON: "0x10", "1_000", "Inf".
		number := strings.ContainsAny(text[:1], "-0123456789") && json.Valid([]byte(text))
		return text, number, number
	}
	return "", false, false
}

// member is one member of a JSON object.
type member struct {
	name string
	kind reflect.Type
}

var memberCache sync.Map // reflect.Type → []member

// membersOf lists the members of a struct in the order of its fields, those of embedded structs in their place. Of two
// members with one name the outer one counts, as for encoding/json.
func membersOf(t reflect.Type) []member {
	if cached, ok := memberCache.Load(t); ok {
		return cached.([]member)
	}
	var members []member
	add := func(m member) {
		if i := slices.IndexFunc(members, func(other member) bool { return other.name == m.name }); i >= 0 {
			members[i] = m
			return
		}
		members = append(members, m)
	}
	// Embedded ones first, so that the outer ones replace them.
	for _, embedded := range []bool{true, false} {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			flat := f.Anonymous && name == ""
			switch {
			case flat != embedded || !f.IsExported() || f.Tag.Get("json") == "-":
			case flat:
				for _, m := range membersOf(f.Type) {
					add(m)
				}
			case name == "":
				add(member{f.Name, f.Type})
			default:
				add(member{name, f.Type})
			}
		}
	}
	memberCache.Store(t, members)
	return members
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// longestKey is how much of a key of the caller's choosing an error repeats, in characters.
const longestKey = 64

// Shortened returns a key of the caller's choosing as errors repeat it: its beginning, when it is long.
func Shortened(key string) string {
	if runes := []rune(key); len(runes) > longestKey {
		return string(runes[:longestKey]) + "…"
	}
	return key
}
