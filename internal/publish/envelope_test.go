package publish

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/rawjson"
	"github.com/herald-events/herald/wire"
)

const (
	anID     = "0198c5d2-5f4c-7b0e-9d0a-1b2c3d4e5f60"
	aTenant  = "00000000-0000-4000-8000-000000000001"
	aUser    = "00000000-0000-4000-8000-0000000000b1"
	aGroup   = "00000000-0000-4000-8000-0000000000b2"
	anEntity = "00000000-0000-4000-8000-0000000000b3"
)

// TestParseIntake_Body shows what is sent for what came: the members of the envelope are filled in or written as Herald writes them, nothing else changes.
func TestParseIntake_Body(t *testing.T) {
	t.Parallel()
	const filled = `"id":"` + anID + `","createInstant":1700000000000,"tenantId":"` + aTenant + `",`
	for given, want := range map[string]string{
		`{"type":"test"}`:                                                `{` + filled + `"type":"test"}`,
		` { "type" : "test" } `:                                          `{` + filled + ` "type" : "test" }`,
		`{"type":"test","n":1.0,"h":1e400,"n2":-0E-7}`:                   `{` + filled + `"type":"test","n":1.0,"h":1e400,"n2":-0E-7}`,
		`{"\u0074ype":"\u0074est","a":"\/\u00e9<&>\t"}`:                  `{` + filled + `"\u0074ype":"\u0074est","a":"\/\u00e9<&>\t"}`,
		`{"type":"test","id":null,"createInstant":null,"tenantId":null}`: `{"type":"test","id":"` + anID + `","createInstant":1700000000000,"tenantId":"` + aTenant + `"}`,
		`{"id":"","createInstant":"","tenantId":"","type":"test"}`:       `{"id":"` + anID + `","createInstant":1700000000000,"tenantId":"` + aTenant + `","type":"test"}`,
		`{"b":1,"id":"` + anID + `","a":2,"type":"test"}`:                `{"createInstant":1700000000000,"tenantId":"` + aTenant + `","b":1,"id":"` + anID + `","a":2,"type":"test"}`,
		`{"type":"test","id":"` + strings.ToUpper(anID) + `","createInstant":5,"tenantId":"` + aTenant + `","linkedObjectId":"` + strings.ToUpper(aUser) + `" }`: `{"type":"test","id":"` + anID +
			`","createInstant":5,"tenantId":"` + aTenant + `","linkedObjectId":"` + aUser + `" }`,
		`{"type":"test","\u0069d":"\u0030` + anID[1:] + `","createInstant":"1700000000001","tenantId":"` + aTenant + `"}`: `{"type":"test","\u0069d":"` + anID +
			`","createInstant":1700000000001,"tenantId":"` + aTenant + `"}`,
		`{"type":"test","createInstant":1.7e12,"linkedObjectId":null}`:   `{"id":"` + anID + `","tenantId":"` + aTenant + `","type":"test","createInstant":1700000000000,"linkedObjectId":null}`,
		`{"type":"test","createInstant":253402300799999.0,"event":{}}`:   `{"id":"` + anID + `","tenantId":"` + aTenant + `","type":"test","createInstant":253402300799999,"event":{}}`,
		`{"type":"test","user":{"ID":"x","password":"","tokens":["a"]}}`: `{` + filled + `"type":"test","user":{"ID":"x","password":"","tokens":["a"]}}`,
	} {
		in, err := ParseIntake([]byte(given), Alone)
		if err != nil {
			t.Errorf("%s: %v", given, err)
			continue
		}
		if got := string(sent(in)); got != `{"event":`+want+`}` {
			t.Errorf("%s\nis sent as %s\nwant       %s", given, got, `{"event":`+want+`}`)
		}
	}
}

// sent is the body of an event that gets the id, the tenant and the instant of the tests where it has none.
func sent(in *Intake) []byte {
	id, tenant, instant := in.ID, in.Tenant, in.Instant
	if id == "" {
		id = anID
	}
	if tenant == "" {
		tenant = aTenant
	}
	if instant == 0 {
		instant = 1700000000000
	}
	return in.body(id, tenant, instant)
}

func TestParseIntake_Wrong(t *testing.T) {
	t.Parallel()
	for given, want := range map[string][]string{
		``:                                      {"[missing]event"},
		`null`:                                  {"[missing]event"},
		`[]`:                                    {"[couldNotConvert]event"},
		`"user.create"`:                         {"[couldNotConvert]event"},
		`{}`:                                    {"[missing]event.type"},
		`{"type":""}`:                           {"[missing]event.type"},
		`{"type":null}`:                         {"[missing]event.type"},
		`{"type":1}`:                            {"[couldNotConvert]event.type"},
		`{"type":["a"]}`:                        {"[couldNotConvert]event.type"},
		`{"type":"test","id":"{` + anID + `}"}`: {"[couldNotConvert]event.id"},
		`{"type":"test","id":"urn:uuid:` + anID + `"}`:                                {"[couldNotConvert]event.id"},
		`{"type":"test","id":"` + strings.ReplaceAll(anID, "-", "") + `"}`:            {"[couldNotConvert]event.id"},
		`{"type":"test","id":"` + strings.ReplaceAll(anID, "-", "0") + `"}`:           {"[couldNotConvert]event.id"},
		`{"type":"test","id":"` + anID[:35] + `g"}`:                                   {"[couldNotConvert]event.id"},
		`{"type":"test","id":7}`:                                                      {"[couldNotConvert]event.id"},
		`{"type":"test","id":{"id":"` + anID + `"}}`:                                  {"[couldNotConvert]event.id"},
		`{"type":"test","tenantId":"default","linkedObjectId":true}`:                  {"[couldNotConvert]event.tenantId", "[couldNotConvert]event.linkedObjectId"},
		`{"createInstant":0,"id":1}`:                                                  {"[invalid]event.createInstant", "[couldNotConvert]event.id", "[missing]event.type"},
		`{"type":"test","createInstant":-1}`:                                          {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":-1e300}`:                                      {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":1e300}`:                                       {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":1e400}`:                                       {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":1.5}`:                                         {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":253402300800000}`:                             {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":99999999999999999999}`:                        {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":"2026-01-01T00:00:00Z"}`:                      {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":"1.7e12"}`:                                    {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":true}`:                                        {"[invalid]event.createInstant"},
		`{"type":"test","createInstant":{}}`:                                          {"[invalid]event.createInstant"},
		`{"type":"test","TYPE":"user.create"}`:                                        {"[invalid]event.TYPE"},
		`{"type":"test","Id":"` + anID + `","tenantid":null,"lin\u212aedObjectId":1}`: {"[invalid]event.Id", "[invalid]event.tenantid", "[invalid]event.lin\u212aedObjectId"},
	} {
		_, err := ParseIntake([]byte(given), Alone)
		if got := codes(t, err); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", given, got, want)
		}
	}
	_, err := ParseIntake([]byte(`{"id":1}`), Place(17))
	if got, want := codes(t, err), []string{"[couldNotConvert]events[17].id", "[missing]events[17].type"}; !slices.Equal(got, want) {
		t.Errorf("in a batch: %q, want %q", got, want)
	}
}

// codes are those of an invalid request.
func codes(t *testing.T, err error) (codes []string) {
	t.Helper()
	if err == nil {
		return nil
	}
	p, ok := problem.As(err)
	if !ok || p.Kind != problem.Invalid {
		t.Errorf("%v is no invalid request", err)
		return nil
	}
	for _, f := range p.Fields {
		codes = append(codes, f.Code)
	}
	return codes
}

func TestParseIntake_LinkedObject(t *testing.T) {
	t.Parallel()
	const all = `"entity":{"id":"` + anEntity + `"},"group":{"name":"g","id":"` + aGroup + `"},"user":{"id":"` + aUser + `"}`
	for given, want := range map[string]wire.ID{
		`{"type":"user.create",` + all + `}`:                                         aUser,
		`{"type":"group.member.add",` + all + `}`:                                    aGroup,
		`{` + all + `,"type":"entity.update"}`:                                       anEntity,
		`{"type":"custom.x",` + all + `}`:                                            aUser,
		`{"type":"custom.x","entity":{"id":"` + anEntity + `"},"user":{}}`:           anEntity,
		`{"type":"group.create","user":{"id":"` + aUser + `"}}`:                      "",
		`{"type":"user.create",` + all + `,"linkedObjectId":"` + aGroup + `"}`:       aGroup,
		`{"type":"user.create","linkedObjectId":"` + aGroup + `",` + all + `}`:       aGroup,
		`{"type":"user.create",` + all + `,"linkedObjectId":null}`:                   aUser,
		`{"type":"user.create","user":{"\u0069d":"` + strings.ToUpper(aUser) + `"}}`: aUser,
		`{"type":"user.create","user":{"id":42}}`:                                    "",
		`{"type":"user.create","user":{"id":"auth0|42"}}`:                            "",
		`{"type":"user.create","user":"` + aUser + `"}`:                              "",
		`{"type":"user.create","user":null}`:                                         "",
		`{"type":"user.create","user":[{"id":"` + aUser + `"}]}`:                     "",
		`{"type":"user.create","user":{"data":{"id":"` + aUser + `"}}}`:              "",
	} {
		in, err := ParseIntake([]byte(given), Alone)
		if err != nil || in.LinkedObject != want {
			t.Errorf("%s is about %q (%v), want %q", given, in.LinkedObject, err, want)
		}
	}
}

func TestParseIntake_Secrets(t *testing.T) {
	t.Parallel()
	for given, want := range map[string][]string{
		`{"type":"user.create","user":{"password":"pl4nted","email":"a@example.com"}}`: {"[secret]event.user.password"},
		`{"type":"custom.x","user":{"pass\u0077ord":"pl4nted"}}`:                       {"[secret]event.user.password"},
		`{"type":"user.create","\u0075ser":{"salt":1,"twoFactorSecret":false}}`:        {"[secret]event.user.salt", "[secret]event.user.twoFactorSecret"},
		`{"type":"user.update","user":{"twoFactor":{"recoveryCodes":["pl4nted"],"methods":[{"id":"a"},{"secret":"pl4nted"}]}}}`: {
			"[secret]event.user.twoFactor.recoveryCodes", "[secret]event.user.twoFactor.methods.secret",
		},
		`{"type":"user.update","original":{"registrations":[{"tokens":{"idp":"pl4nted"}},{"authenticationToken":"pl4nted","tokens":{"b":""}}]}}`: {
			"[secret]event.original.registrations.tokens", "[secret]event.original.registrations.authenticationToken",
		},
		`{"type":"user.bulk.create","users":[{"password":"pl4nted"},{},{"password":"pl4nted"}]}`:     {"[secret]event.users.password"},
		`{"type":"user.loginId.duplicate.create","existing":{"password":{"hash":"pl4nted"}}}`:        {"[secret]event.existing.password"},
		`{"type":"user.registration.create","registration":{"authenticationToken":"pl4nted"}}`:       {"[secret]event.registration.authenticationToken"},
		`{"type":"user.registration.update","original":{"authenticationToken":"pl4nted"}}`:           {"[secret]event.original.authenticationToken"},
		`{"type":"entity.update","original":{"clientSecret":"pl4nted"},"entity":{"clientSecret":9}}`: {"[secret]event.original.clientSecret", "[secret]event.entity.clientSecret"},
		`{"type":"user.two-factor.method.add","method":{"secret":"pl4nted"}}`:                        {"[secret]event.method.secret"},
		`{"type":"user.identity-provider.link","identityProviderLink":{"token":"pl4nted"}}`:          {"[secret]event.identityProviderLink.token"},
		`{"type":"jwt.refresh-token.revoke","refreshToken":{"token":"pl4nted"}}`:                     {"[secret]event.refreshToken.token"},
		// Who reads them may not tell upper case from lower.
		`{"type":"user.create","User":{"PASSWORD":"pl4nted","twofactor":{"RecoveryCodes":["pl4nted"]}}}`: {"[secret]event.User.PASSWORD", "[secret]event.User.twofactor.RecoveryCodes"},
		`{"type":"user.create","u\u017fer":{"pa\u017fsword":"pl4nted"},"REFRESHTO\u212aEN":{"Token":"pl4nted"}}`: {
			"[secret]event.u\u017fer.pa\u017fsword", "[secret]event.REFRESHTO\u212aEN.Token",
		},
		`{"type":"user.create","user":{"passwordpasswordpasswordpasswordpassword":"p","passwörd":"p","Pass":"p"}}`: nil,
		// What is there and says nothing, is free form, or belongs to the event.
		`{"type":"user.create","user":{"password":"","salt":null,"registrations":[{"tokens":{ }}],"twoFactor":{"recoveryCodes":[ ],"methods":[]}}}`: nil,
		`{"type":"user.create","user":{"data":{"password":"p"}},"password":"p","data":{"user":{"password":"p"}}}`:                                   nil,
		`{"type":"jwt.refresh","refreshToken":"r","token":"t","original":"o"}`:                                                                      nil,
		`{"type":"user.create","user":"password","users":{},"original":7,"registration":null}`:                                                      nil,
	} {
		_, err := ParseIntake([]byte(given), Alone)
		if got := codes(t, err); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", given, got, want)
		}
		if err != nil && strings.Contains(err.Error(), "pl4nted") {
			t.Errorf("the error says the secret: %v", err)
		}
	}
}

// Herald's own events can be published by another Herald.
func TestParseIntake_TakesTheCatalogue(t *testing.T) {
	t.Parallel()
	for _, d := range event.All() {
		document, err := event.Example(d.Type)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := event.Decode(document)
		if err != nil {
			t.Fatal(err)
		}
		body, err := event.Encode(payload)
		if err != nil {
			t.Fatal(err)
		}
		in, err := ParseIntake(body[len(`{"event":`):len(body)-1], Alone)
		if err != nil {
			t.Errorf("%s: %v", d.Type, err)
			continue
		}
		if head := payload.Head(); in.ID != head.ID || in.Type != head.Type || in.Tenant != head.TenantID && head.TenantID != "" || in.LinkedObject != head.LinkedObjectID && head.LinkedObjectID != "" {
			t.Errorf("%s: read %+v", d.Type, in)
		}
		if d.Scope == event.ScopeTenant && !bytes.Equal(sent(in), body) {
			t.Errorf("%s is sent as %s\nwant %s", d.Type, sent(in), body)
		}
	}
}

func TestIntake_Equals(t *testing.T) {
	t.Parallel()
	before := sent(parsed(t, `{"id":"`+anID+`","type":"test","a":{"x":1,"y":[1.0]}}`))
	for given, want := range map[string]bool{
		`{"id":"` + anID + `","type":"test","a":{"x":1,"y":[1.0]}}`:                                                   true,
		`{"type":"test","a":{"y":[ 1.0 ], "x":1},"\u0069d":"` + strings.ToUpper(anID) + `"}`:                          true,
		`{"id":"` + anID + `","type":"test","a":{"x":1,"y":[1.0]},"createInstant":42}`:                                true,
		`{"id":"` + anID + `","type":"test","a":{"x":1,"y":[1.0]},"tenantId":"` + aTenant + `","createInstant":null}`: true,
		`{"id":"` + anID + `","type":"test","a":{"x":1,"y":[1]}}`:                                                     false,
		`{"id":"` + anID + `","type":"test","a":{"x":1,"y":[1.0]},"b":null}`:                                          false,
		`{"id":"` + anID + `","type":"test","a":{"x":1}}`:                                                             false,
		`{"id":"` + anID + `","type":"test"}`:                                                                         false,
	} {
		in := parsed(t, given)
		in.Tenant = aTenant // as the API does
		if got := in.equals(before); got != want {
			t.Errorf("%s is the event on record: %t, want %t", given, got, want)
		}
	}
	if got := instantOf(before); got != 1700000000000 {
		t.Errorf("the instant on record is %d", got)
	}
}

func parsed(t testing.TB, raw string) *Intake {
	t.Helper()
	in, err := ParseIntake([]byte(raw), Alone)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// FuzzParseIntake compares what would be sent with what came, as encoding/json reads both.
func FuzzParseIntake(f *testing.F) {
	for _, seed := range []string{
		intake, `{"type":"test"}`, ` { "type" : "test" , "\u0069d" : null, "createInstant":"17","tenantId":"" } `, `{"type":"test","createInstant":1.7e12,"x":[1.0,1e400,{"a":"}"}]}`,
		`{"type":"test","id":"` + strings.ToUpper(anID) + `","linkedObjectId":"` + strings.ToUpper(aUser) + `"}`, `{"type":"user.create","user":{"id":"` + aUser + `","password":"p"}}`,
		`{"type":"x","users":[{"registrations":[{"tokens":{"a":1}}],"twoFactor":{"methods":[{"secret":1}]}}]}`, `{"ID":1}`, `{"type":"test","original":[[{"password":{}}]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !rawjson.Sound(raw, 100) {
			return
		}
		in, err := ParseIntake(raw, Alone)
		if err != nil {
			return
		}
		body := sent(in)
		if !rawjson.Sound(body, 101) {
			t.Fatalf("%s is sent as %s", raw, body)
		}
		var came map[string]json.RawMessage
		var went struct{ Event map[string]json.RawMessage }
		if err := json.Unmarshal(raw, &came); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(body, &went); err != nil {
			t.Fatal(err)
		}
		// What was sent is what came, and the envelope.
		want := maps.Clone(came)
		for name, value := range map[string]any{"id": wire.ID(anID), "tenantId": wire.ID(aTenant), "createInstant": 1700000000000} {
			given := came[name]
			switch {
			case name == "id" && in.ID != "":
				value = in.ID
			case name == "tenantId" && in.Tenant != "":
				value = in.Tenant
			case name == "createInstant" && in.Instant != 0:
				value = in.Instant
			case given != nil && string(given) != "null" && string(given) != `""`:
				t.Fatalf("%s of %s was not read", name, raw)
			}
			want[name], _ = json.Marshal(value)
		}
		if linked, ok := came["linkedObjectId"]; ok && string(linked) != "null" && string(linked) != `""` {
			want["linkedObjectId"], _ = json.Marshal(in.LinkedObject)
		}
		if !reflect.DeepEqual(went.Event, want) {
			t.Errorf("%s is sent as %s", raw, body)
		}
		// In the same order.
		var order []string
		for m := range rawjson.Members(body[len(`{"event":`) : len(body)-1]) {
			order = append(order, string(m.Name))
		}
		i := len(went.Event) - len(came)
		for m := range rawjson.Members(raw) {
			if order[i] != string(m.Name) {
				t.Errorf("the members of %s are sent as %q", raw, order)
			}
			i++
		}
		var head struct{ Type *string }
		if json.Unmarshal(want["type"], &head.Type) != nil || head.Type == nil || *head.Type != string(in.Type) {
			t.Errorf("the type of %s is read as %q", raw, in.Type)
		}
		var whole map[string]any
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&whole); err != nil {
			t.Fatal(err)
		}
		for _, path := range secretPaths {
			if reaches(whole, path) {
				t.Errorf("%s has a secret at %q", raw, path)
			}
		}
		if in.ID == "" {
			in.ID, in.Tenant = anID, aTenant // as somebody who repeats it knows them
		}
		in.Tenant = wire.ID(strings.Trim(string(want["tenantId"]), `"`))
		if !in.equals(body) {
			t.Errorf("%s does not equal itself", raw)
		}
		_, _ = event.Decode(body)
	})
}

// secretPaths are some of the places where no accepted event has anything.
var secretPaths = [][]string{
	{"user", "password"}, {"users", "password"}, {"original", "password"}, {"user", "registrations", "tokens"}, {"user", "twoFactor", "methods", "secret"}, {"entity", "clientSecret"},
}

// reaches tells whether there is something at the path. Arrays are looked through.
func reaches(v any, path []string) bool {
	switch v := v.(type) {
	case []any:
		if len(path) == 0 {
			return len(v) > 0
		}
		return slices.ContainsFunc(v, func(element any) bool { return reaches(element, path) })
	case map[string]any:
		if len(path) == 0 {
			return len(v) > 0
		}
		inside, ok := v[path[0]]
		return ok && reaches(inside, path[1:])
	}
	return len(path) == 0 && v != nil && v != ""
}

// intake is an event of 1.5 KB.
const intake = `{"id":"0198c5d2-5f4c-7b0e-9d0a-1b2c3d4e5f60","type":"user.login.success","createInstant":1700000600123,"tenantId":"00000000-0000-4000-8000-000000000001",` +
	`"linkedObjectId":"00000000-0000-4000-8000-0000000000b1","info":{"ipAddress":"192.0.2.10","userAgent":"ExampleAgent/1.0","deviceName":"Example Browser",` +
	`"deviceDescription":"Example laptop","deviceType":"BROWSER","os":"ExampleOS","location":{"city":"Springfield","country":"US","displayString":"Springfield, EX, US",` +
	`"latitude":39.5,"longitude":-104.5,"region":"EX","zipcode":"00000"},"data":{}},"applicationId":"00000000-0000-4000-8000-0000000000a1","authenticationType":"PASSWORD",` +
	`"connectorId":"e3306678-a53a-4964-9040-1c96f36dda72","user":{"id":"00000000-0000-4000-8000-0000000000b1","tenantId":"00000000-0000-4000-8000-000000000001","active":true,` +
	`"email":"user@example.com","usernameStatus":"ACTIVE","identities":[{"type":"email","value":"user@example.com","displayValue":"user@example.com","primary":true,` +
	`"moderationStatus":"ACTIVE","verified":true,"verifiedInstant":1700000300000,"verifiedReason":"Completed","insertInstant":1700000000000,"lastUpdateInstant":1700000300000}],` +
	`"firstName":"Sam","lastName":"Example","preferredLanguages":["en"],"data":{},"memberships":[],"verified":true,"verifiedInstant":1700000300000,"twoFactor":{},` +
	`"passwordChangeRequired":false,"passwordLastUpdateInstant":1700000000000,"connectorId":"e3306678-a53a-4964-9040-1c96f36dda72","lastLoginInstant":1700000600000,` +
	`"insertInstant":1700000000000,"lastUpdateInstant":1700000300000}}`

func BenchmarkIntake(b *testing.B) {
	raw := []byte(intake)
	for _, each := range []struct {
		name string
		do   func()
	}{
		{"json.Valid, to compare with", func() { json.Valid(raw) }},
		{"sound", func() { rawjson.Sound(raw, 100) }},
		{"parse", func() { _, _ = ParseIntake(raw, Alone) }},
		{"parse and body", func() {
			in, _ := ParseIntake(raw, Alone)
			sent(in)
		}},
	} {
		b.Run(each.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				each.do()
			}
		})
	}
}
