package publish

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"

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
	Place        Place

	raw   []byte // the object, sound JSON
	named [members]bool
	cuts  [members]cut // what is replaced in raw, in order
	count int          // of cuts
}

// Place is where an event stands in its request: its index in a batch, or Alone.
type Place int

// Alone is the place of an event that is a request by itself.
const Alone Place = -1

// String is the path by which errors call the event.
func (p Place) String() string {
	if p == Alone {
		return "event"
	}
	return "events[" + strconv.Itoa(int(p)) + "]"
}

// member is a member of the envelope that can be replaced.
type member int

const (
	idMember member = iota
	instantMember
	tenantMember
	linkedMember
	members

	// filledIn ends the members that are put in where they are missing.
	filledIn = linkedMember
)

var memberNames = [members]string{idMember: "id", instantMember: "createInstant", tenantMember: "tenantId", linkedMember: "linkedObjectId"}

var headNames = [][]byte{[]byte("id"), []byte("createInstant"), []byte("tenantId"), []byte("linkedObjectId"), []byte("type")}

// cut is a stretch of the raw object that what we would write for the member takes the place of.
type cut struct {
	from, to int
	of       member
}

// ParseIntake reads the envelope of an event. raw must be sound JSON ([rawjson.Sound]); that it is an object is checked. All that is wrong is reported at once.
func ParseIntake(raw []byte, at Place) (*Intake, error) {
	in := &Intake{Place: at, raw: bytes.TrimSpace(raw)}
	p := parser{Intake: in}
	switch {
	case len(in.raw) == 0 || string(in.raw) == "null":
		p.wrong.Field(at.String(), "missing", "There is no event to publish.")
		return nil, p.wrong.Err()
	case in.raw[0] != '{':
		p.wrong.Field(at.String(), "couldNotConvert", "An event is a JSON object.")
		return nil, p.wrong.Err()
	}
	for m := range rawjson.Members(in.raw) {
		p.take(m)
	}
	if in.Type == "" && !p.wrong.Has(at.String()+".type") {
		p.reject("type", "missing", "An event needs its type, such as user.create or a custom one of the tenant.")
	}
	if in.LinkedObject == "" {
		in.LinkedObject = p.about()
	}
	return in, p.wrong.Err()
}

// parser is an Intake that is being read.
type parser struct {
	*Intake
	user, group, entity []byte // the ids of what the event may be about, if they are texts
	wrong               problem.Validation
}

func (p *parser) reject(name, kind, format string, args ...any) {
	p.wrong.Field(p.Place.String()+"."+name, kind, format, args...)
}

// take reads one member of the event.
func (p *parser) take(m rawjson.Member) {
	switch string(m.Name) {
	case "type":
		if text, ok := rawjson.Text(m.Value); ok {
			p.Type = event.Type(text)
		} else if string(m.Value) != "null" {
			p.reject("type", "couldNotConvert", "The type of an event is a text.")
		}
	case "id":
		p.ID = p.takeID(idMember, m)
	case "tenantId":
		p.Tenant = p.takeID(tenantMember, m)
	case "linkedObjectId":
		p.LinkedObject = p.takeID(linkedMember, m)
	case "createInstant":
		p.takeInstant(m)
	case "user":
		p.user = idIn(m.Value)
	case "group":
		p.group = idIn(m.Value)
	case "entity":
		p.entity = idIn(m.Value)
	default:
		// Many decoders do not tell upper case from lower. They would take this member for the one that is checked and filled in here.
		for _, name := range headNames {
			if bytes.EqualFold(m.Name, name) {
				p.reject(string(m.Name), "invalid", "The name of this member is written %s.", name)
			}
		}
	}
	if inside, ok := secrets.at(m.Name); ok {
		for _, path := range inside.find(m.Value) {
			if path = string(m.Name) + "." + path; !p.wrong.Has(p.Place.String() + "." + path) {
				p.reject(path, "secret", "This is a secret. It would be on record and go to every receiver, so an event cannot carry it. Leave it out.")
			}
		}
	}
}

func (p *parser) takeID(is member, m rawjson.Member) wire.ID {
	p.named[is] = true
	if absent(m.Value) {
		if is < filledIn {
			p.replace(is, m)
		}
		return ""
	}
	text, _ := rawjson.Text(m.Value)
	id, canonical := idOf(text)
	if id == "" {
		p.reject(memberNames[is], "couldNotConvert", "This must be a UUID.")
	}
	if !canonical || len(m.Value) != len(id)+2 { // receivers compare ids as texts
		p.replace(is, m)
	}
	return id
}

func (p *parser) takeInstant(m rawjson.Member) {
	p.named[instantMember] = true
	if absent(m.Value) {
		p.replace(instantMember, m)
		return
	}
	text, isText := rawjson.Text(m.Value)
	if !isText {
		text = m.Value
	}
	instant, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil && !isText { // 1.7e12, or no number at all
		var f float64
		if f, err = strconv.ParseFloat(string(text), 64); f != math.Trunc(f) {
			f = 0
		}
		instant = int64(max(0, min(f, float64(wire.LastInstant)+1)))
	}
	if err != nil || instant < 1 || wire.Instant(instant) > wire.LastInstant {
		p.reject("createInstant", "invalid", "An instant is a whole number of milliseconds since 1970, up to the year 9999.")
		return
	}
	p.Instant = instant
	if string(m.Value) != strconv.FormatInt(instant, 10) {
		p.replace(instantMember, m)
	}
}

// absent tells whether the value is one that stands for none.
func absent(value []byte) bool { return string(value) == "null" || string(value) == `""` }

// about is the id of what the event is about. Empty when that is no UUID: other systems have other ids.
func (p *parser) about() wire.ID {
	var text []byte
	switch {
	case strings.HasPrefix(string(p.Type), "user."):
		text = p.user
	case strings.HasPrefix(string(p.Type), "group."):
		text = p.group
	case strings.HasPrefix(string(p.Type), "entity."):
		text = p.entity
	default:
		for _, text = range [][]byte{p.user, p.group, p.entity} {
			if text != nil {
				break
			}
		}
	}
	id, _ := idOf(text)
	return id
}

// idIn is the id of a user, a group, an entity. Nil when it has none, or one that is no text.
func idIn(object []byte) (id []byte) {
	if object[0] == '{' {
		for m := range rawjson.Members(object) {
			if string(m.Name) == "id" {
				id, _ = rawjson.Text(m.Value)
				break
			}
		}
	}
	return id
}

// idOf is the UUID that the text is, empty when it is none. canonical tells whether it is written as we would.
func idOf(text []byte) (id wire.ID, canonical bool) {
	if len(text) != 36 {
		return "", false
	}
	canonical = true
	for i, c := range text {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return "", false
			}
		case 'A' <= c && c <= 'F':
			canonical = false
		case !('0' <= c && c <= '9' || 'a' <= c && c <= 'f'):
			return "", false
		}
	}
	if !canonical {
		text = bytes.ToLower(text)
	}
	return wire.ID(text), canonical
}

func (p *parser) replace(is member, m rawjson.Member) {
	p.cuts[p.count] = cut{m.From, m.To, is}
	p.count++
}

// body is what is sent: the event as it came, with what was missing in its envelope.
func (in *Intake) body(id, tenant wire.ID, instant int64) []byte {
	value := func(b []byte, of member) []byte {
		switch of {
		case idMember:
			return strconv.AppendQuote(b, string(id))
		case tenantMember:
			return strconv.AppendQuote(b, string(tenant))
		case instantMember:
			return strconv.AppendInt(b, instant, 10)
		default:
			return strconv.AppendQuote(b, string(in.LinkedObject))
		}
	}
	b := make([]byte, 0, len(in.raw)+160)
	b = append(b, `{"event":{`...)
	for of := range filledIn {
		if !in.named[of] {
			b = append(strconv.AppendQuote(b, memberNames[of]), ':')
			b = append(value(b, of), ',')
		}
	}
	at := 1 // behind the brace
	for _, c := range in.cuts[:in.count] {
		b = value(append(b, in.raw[at:c.from]...), c.of)
		at = c.to
	}
	return append(append(b, in.raw[at:]...), '}')
}

// isSent tells whether the body, of an event on record, is byte by byte what this one would be sent as at the same instant.
func (in *Intake) isSent(body []byte) bool {
	return bytes.Equal(body, in.body(in.ID, in.Tenant, instantOf(body)))
}

// equals tells whether the body, of an event on record, says the same as this one. The instant does not count: a sender may stamp anew what it sends again; nor do
// space and the order of members, which some encoders choose at random.
func (in *Intake) equals(body []byte) bool {
	return in.isSent(body) || reflect.DeepEqual(contentOf(body), contentOf(in.body(in.ID, in.Tenant, 0)))
}

// instantOf is the instant of an event on record.
func instantOf(body []byte) (instant int64) {
	_ = json.Unmarshal(memberOf(memberOf(body, "event"), "createInstant"), &instant) // zero without one
	return instant
}

// contentOf is an event on record without its instant.
func contentOf(body []byte) (content map[string]any) {
	d := json.NewDecoder(bytes.NewReader(memberOf(body, "event")))
	d.UseNumber()
	_ = d.Decode(&content) // it has been sent, or will be
	delete(content, "createInstant")
	return content
}

func memberOf(object []byte, name string) []byte {
	if len(object) > 0 && rawjson.IsObject(object) {
		for m := range rawjson.Members(object) {
			if string(m.Name) == name {
				return m.Value
			}
		}
	}
	return nil
}
