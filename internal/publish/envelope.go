package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/rawjson"
	"github.com/herald-events/herald/wire"
)

// Intake is an event that another system publishes, as it came.
//
// Only its envelope is read. The rest is between the sender and its receivers and is passed on byte by byte: decoding and encoding it again would be the
// dearest part of taking it in, and could change what a number or an unknown member looks like.
type Intake struct {
	ID           wire.ID // empty: one is given
	Type         event.Type
	Tenant       wire.ID // empty when the event names none; to be set before the event is published
	Instant      int64   // zero: now
	LinkedObject wire.ID

	raw      []byte // the object, valid JSON
	cuts     []cut  // what is replaced in it, in order
	homeless bool   // the event names no tenant
}

// cut is a stretch of the raw object that something else takes the place of.
type cut struct {
	from, to int
	text     string
}

// maxInstant is the last millisecond of the year 9999.
const maxInstant = 253402300799999

// ParseIntake reads the envelope of an event. raw must be valid JSON in UTF-8; that it is an object is checked. path is how it is called in errors: event, events[3].
func ParseIntake(raw []byte, path string) (*Intake, error) {
	var v problem.Validation
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
		v.Field(path, "missing", "There is no event to publish.")
		return nil, v.Err()
	case raw[0] != '{':
		v.Field(path, "invalid", "An event is a JSON object.")
		return nil, v.Err()
	}
	in := &Intake{raw: raw}
	seen := map[string]bool{}
	for m := range rawjson.Members(raw) {
		if _, ours := envelope[m.Name]; !ours {
			continue
		}
		if seen[m.Name] {
			v.Field(path+"."+m.Name, "invalid", "This member is there twice.")
			continue
		}
		seen[m.Name] = true
		in.take(&v, path, m)
	}
	if in.Type == "" && !v.Has(path+".type") {
		v.Field(path+".type", "missing", "An event needs its type, such as user.create or a custom one of the tenant.")
	}
	in.homeless = in.Tenant == ""
	return in, v.Err()
}

// envelope is the members that are read, and for those that hold what the event is about, the types they do that for.
var envelope = map[string]string{"id": "", "type": "", "tenantId": "", "createInstant": "", "linkedObjectId": "", "user": "user.", "group": "group.", "entity": "entity."}

// take reads one member of the envelope.
func (in *Intake) take(v *problem.Validation, path string, m rawjson.Member) {
	value := m.Value
	name := path + "." + m.Name
	if string(value) == "null" {
		switch m.Name {
		case "id", "tenantId", "createInstant": // as if it were not there; Body puts the real one in its place
			in.cuts = append(in.cuts, cut{m.From, m.To, m.Name})
		}
		return
	}
	switch m.Name {
	case "type":
		var text string
		if json.Unmarshal(value, &text) != nil {
			v.Field(name, "couldNotConvert", "The type of an event is a text.")
			return
		}
		in.Type = event.Type(text)
	case "createInstant":
		instant, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || instant < 1 || instant > maxInstant {
			v.Field(name, "invalid", "An instant is a whole number of milliseconds since 1970, up to the year 9999.")
			return
		}
		in.Instant = instant
	case "id", "tenantId", "linkedObjectId":
		id, canonical, ok := idOf(value)
		if !ok {
			v.Field(name, "couldNotConvert", "This must be a UUID.")
			return
		}
		switch m.Name {
		case "id":
			in.ID = id
		case "tenantId":
			in.Tenant = id
		default:
			in.LinkedObject = id
		}
		if !canonical { // receivers compare ids as texts
			in.cuts = append(in.cuts, cut{m.From, m.To, strconv.Quote(string(id))})
		}
	default:
		if value[0] != '{' || in.LinkedObject != "" {
			return
		}
		for inner := range rawjson.Members(value) {
			if inner.Name == "id" {
				if id, _, ok := idOf(inner.Value); ok {
					in.LinkedObject = id
				}
				return
			}
		}
	}
}

// idOf reads a UUID out of a JSON string. canonical tells whether it stands there as we would write it.
func idOf(value []byte) (id wire.ID, canonical, ok bool) {
	var text string
	if json.Unmarshal(value, &text) != nil || len(text) != 36 {
		return "", false, false
	}
	parsed, err := uuid.Parse(text)
	if err != nil {
		return "", false, false
	}
	id = wire.ID(parsed.String())
	return id, len(value) == 38 && string(value[1:37]) == string(id), true
}

// body is what is sent: the event as it came, with what was missing in its envelope.
func (in *Intake) body(id, tenant wire.ID, instant int64) []byte {
	given := map[string]string{"id": strconv.Quote(string(id)), "tenantId": strconv.Quote(string(tenant)), "createInstant": strconv.FormatInt(instant, 10)}
	b := make([]byte, 0, len(in.raw)+160)
	b = append(b, `{"event":{`...)
	missing := map[string]bool{"id": in.ID == "", "tenantId": in.homeless, "createInstant": in.Instant == 0}
	at := 1 // behind the brace
	rest := make([]byte, 0, len(in.raw))
	for _, c := range in.cuts {
		text, isMember := given[c.text]
		if !isMember {
			text = c.text
		}
		missing[c.text] = false
		rest = append(append(rest, in.raw[at:c.from]...), text...)
		at = c.to
	}
	rest = append(rest, in.raw[at:]...)
	for _, name := range []string{"id", "createInstant", "tenantId"} {
		if missing[name] {
			b = fmt.Appendf(b, "%q:%s,", name, given[name])
		}
	}
	return append(append(b, rest...), '}')
}
