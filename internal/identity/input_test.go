package identity

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

func codes(err error) []string {
	p, ok := problem.As(err)
	if !ok {
		return nil
	}
	var all []string
	for _, f := range p.Fields {
		all = append(all, f.Code)
	}
	for _, g := range p.General {
		all = append(all, g.Code)
	}
	return all
}

func TestReadNew_Codes(t *testing.T) {
	t.Parallel()
	const mail, pass = `"email":"a@example.com"`, `"password":"a long password"`
	for _, row := range []struct {
		body string
		want []string
	}{
		{`{"user":{` + mail + `,` + pass + `}}`, nil},
		{`{}`, []string{"[blank]user.email", "[blank]user.username", "[blank]user.phoneNumber", "[blank]user.password"}},
		{`{"user":{"email":" ",` + pass + `}}`, []string{"[blank]user.email"}},
		{`{"user":{"username":" ",` + pass + `}}`, []string{"[blank]user.username"}},
		{`{"user":{` + mail + `}}`, []string{"[blank]user.password"}},
		{`{"sendSetPasswordEmail":true,"user":{` + mail + `}}`, nil},
		{`{"sendSetPasswordEmail":true,"user":{` + mail + `,"password":"x"}}`, nil}, // ignored
		{`{"sendSetPasswordEmail":true,"user":{"username":"bob"}}`, []string{"[required]user.email"}},
		{`{"sendSetPasswordIdentityType":"phone","user":{"username":"bob"}}`, []string{"[required]user.phoneNumber"}},
		{`{"sendSetPasswordIdentityType":"doNotSend","user":{"username":"bob"}}`, nil},
		{`{"sendSetPasswordIdentityType":"pigeon","user":{` + mail + `,` + pass + `}}`, []string{"[invalid]sendSetPasswordIdentityType"}},

		{`{"user":{"email":"nobody",` + pass + `}}`, []string{"[notEmail]user.email"}},
		{`{"user":{"email":"a b@example.com",` + pass + `}}`, []string{"[notEmail]user.email"}},
		{`{"user":{"email":"A <a@example.com>",` + pass + `}}`, []string{"[notEmail]user.email"}},
		{`{"user":{"email":"a@b@example.com",` + pass + `}}`, []string{"[notEmail]user.email"}},
		{`{"user":{"email":"a\u0000@example.com",` + pass + `}}`, []string{"[notEmail]user.email"}},
		{`{"user":{"email":"` + strings.Repeat("a", 180) + `@example.com",` + pass + `}}`, []string{"[tooLong]user.email"}},
		{`{"user":{"email":"root@localhost",` + pass + `}}`, nil},
		{`{"user":{"email":"ü+x@exämple.com",` + pass + `}}`, nil},
		{`{"user":{"username":"a\u0000b",` + pass + `}}`, []string{"[invalid]user.username"}},
		{`{"user":{"username":"` + strings.Repeat("ä", 191) + `",` + pass + `}}`, nil},
		{`{"user":{"username":"` + strings.Repeat("ä", 192) + `",` + pass + `}}`, []string{"[tooLong]user.username"}},
		{`{"user":{"phoneNumber":"12",` + pass + `}}`, []string{"[invalidPhone]user.phoneNumber"}},

		{`{"user":{` + mail + `,"password":"short"}}`, []string{"[tooShort]user.password"}},
		{`{"user":{` + mail + `,"password":"ääääääää"}}`, nil}, // characters, not bytes
		{`{"user":{` + mail + `,"password":"` + strings.Repeat("x", 257) + `"}}`, []string{"[tooLong]user.password"}},

		{`{"user":{` + mail + `,` + pass + `,"birthDate":"1815-12-10"}}`, nil},
		{`{"user":{` + mail + `,` + pass + `,"birthDate":"10.12.1815"}}`, []string{"[couldNotConvert]user.birthDate"}},
		{`{"user":{` + mail + `,` + pass + `,"birthDate":"1815-02-30"}}`, []string{"[couldNotConvert]user.birthDate"}},
		{`{"user":{` + mail + `,` + pass + `,"firstName":"\u0000"}}`, []string{"[invalid]user.firstName"}},
		{`{"user":{` + mail + `,` + pass + `,"fullName":"` + strings.Repeat("x", 256) + `"}}`, []string{"[tooLong]user.fullName"}},
		{`{"user":{` + mail + `,` + pass + `,"mobilePhone":"call me"}}`, []string{"[invalid]user.mobilePhone"}},
		{`{"user":{` + mail + `,` + pass + `,"parentEmail":"nobody"}}`, []string{"[notEmail]user.parentEmail"}},
		{`{"user":{` + mail + `,` + pass + `,"preferredLanguages":["en","no such language"]}}`, []string{"[couldNotConvert]user.preferredLanguages"}},
		{`{"user":{` + mail + `,` + pass + `,"timezone":"America/Denver;"}}`, []string{"[couldNotConvert]user.timezone"}},
		{`{"user":{` + mail + `,` + pass + `,"passwordChangeReason":"Whim"}}`, []string{"[couldNotConvert]user.passwordChangeReason"}},
		{`{"user":{` + mail + `,` + pass + `,"usernameStatus":"GOOD"}}`, []string{"[couldNotConvert]user.usernameStatus"}},

		// All at once, in the order of the members.
		{
			`{"user":{"email":"nobody","phoneNumber":"1","birthDate":"x","password":"x"}}`,
			[]string{"[notEmail]user.email", "[invalidPhone]user.phoneNumber", "[couldNotConvert]user.birthDate", "[tooShort]user.password"},
		},
	} {
		var req wire.UserRequest
		if err := json.Unmarshal([]byte(row.body), &req); err != nil {
			t.Fatalf("%s: %v", row.body, err)
		}
		var v problem.Validation
		readNew(&v, req, RulesOf(wire.Tenant{}, &tenant.Flows{}))
		if got := codes(v.Err()); !slices.Equal(got, row.want) {
			t.Errorf("%.120s\n got %v\nwant %v", row.body, got, row.want)
		}
	}
}

func TestRead_CanonicalForm(t *testing.T) {
	t.Parallel()
	var req wire.UserRequest
	req.User.User = wire.User{
		ID: "x", TenantID: "x", Active: false, Verified: true, InsertInstant: 1, LastLoginInstant: 1, ConnectorID: "x",
		Identities: []wire.UserIdentity{{Value: "x"}}, Registrations: []wire.Registration{{}}, Memberships: []wire.GroupMember{{}},
		Email: " Ada@EXAMPLE.com ", Username: " Ada L ", PhoneNumber: "(415) 555-0123", FirstName: " Ada ",
		PreferredLanguages: []string{"en-us", "en_US", "zh-hant-tw", "de"}, PasswordChangeRequired: true,
		Data: wire.Object{"n": json.Number("12345678901234567890")},
	}
	var v problem.Validation
	got := read(&v, "user", req, Rules{}).user
	if err := v.Err(); err != nil {
		t.Fatal(err)
	}
	want := wire.User{
		Email: "ada@example.com", Username: "Ada L", PhoneNumber: "+14155550123", FirstName: "Ada",
		PreferredLanguages: []string{"en_US", "zh_TW_#Hant", "de"}, PasswordChangeRequired: true, PasswordChangeReason: wire.PasswordChangeAdministrative,
		UsernameStatus: wire.ContentActive, Data: wire.Object{"n": json.Number("12345678901234567890")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what only the server sets must be ignored, the rest brought into form (-want +got):\n%s", diff)
	}
}

func TestE164(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"+49 30 901820": "+4930901820", "+1 (415) 555-0123": "+14155550123", "415.555.0123": "+14155550123", "14155550123": "+14155550123",
		"": "", "+": "", "12": "", "+0301234567": "", "0301234567": "", "+1234567890123456": "", "555-CALL": "", "+1+4155550123": "", "++14155550123": "",
		"٠١٢٣٤٥٦٧٨٩": "",
	} {
		got, ok := e164(text)
		if !ok {
			got = ""
		}
		if got != want || ok != (want != "") {
			t.Errorf("e164(%q) = %q, %v, want %q", text, got, ok, want)
		}
	}
}

func TestLocale(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"en": "en", "EN": "en", "en-US": "en_US", "en_us": "en_US", "es-419": "es_419", "zh-Hant": "zh__#Hant", "zh-Hant-TW": "zh_TW_#Hant",
		"zh_TW_#Hant": "zh_TW_#Hant", "zh__#Hant": "zh__#Hant", "de_DE_POSIX": "de_DE_POSIX", " fr ": "fr",
		"": "", "e": "", "english!": "", "en-U": "", "en-US-US-US": "", "12": "", "en\x00": "",
	} {
		got, ok := locale(text)
		if got != want || ok != (want != "") {
			t.Errorf("locale(%q) = %q, %v, want %q", text, got, ok, want)
		}
		if again, _ := locale(got); ok && again != got {
			t.Errorf("locale(%q) = %q, not itself", got, again)
		}
	}
}

func TestRulesOf(t *testing.T) {
	t.Parallel()
	flows := &tenant.Flows{Email: tenant.EmailFlows{Verify: true}, Phone: tenant.PhoneFlows{Verify: true}}
	for given, want := range map[string]PasswordRules{
		``:                       {MinLength: 8, MaxLength: 256},
		`null`:                   {MinLength: 8, MaxLength: 256},
		`{"minLength":"twelve"}`: {MinLength: 8, MaxLength: 256},
		`{"minLength":12,"maxLength":9999,"requireNumber":true}`: {MinLength: 12, MaxLength: 256, RequireNumber: true},
	} {
		want.Breach.Match, want.Breach.OnLogin = BreachHigh, BreachIgnored
		got := RulesOf(wire.Tenant{Extra: map[string]json.RawMessage{"passwordValidationRules": json.RawMessage(given)}}, flows)
		if got != (Rules{Password: want, VerifyEmail: true, VerifyPhoneNumber: true, flows: flows}) {
			t.Errorf("%s: %+v, want %+v", given, got, want)
		}
	}
}

func TestPasswordRules(t *testing.T) {
	t.Parallel()
	strict := PasswordRules{MinLength: 8, MaxLength: 12, RequireMixedCase: true, RequireNonAlpha: true, RequireNumber: true}
	for password, want := range map[string][]string{
		"Abcdefg1":      nil,
		"Abcdefg!":      {"[requireNumber]p"},
		"abcdefg1":      {"[singleCase]p"},
		"Abcdefgh":      {"[onlyAlpha]p", "[requireNumber]p"},
		"Ab1":           {"[tooShort]p"},
		"Abcdefghijkl1": {"[tooLong]p"},
	} {
		var v problem.Validation
		strict.check(&v, "p", password)
		if got := codes(v.Err()); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", password, got, want)
		}
		if err := v.Err(); err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	u := wire.User{Email: "a@example.com", Username: "Ada", PhoneNumber: "+14155550123", UsernameStatus: wire.ContentActive}
	type facts struct {
		kind     wire.IdentityType
		reason   wire.VerifiedReason
		verified bool
	}
	for name, row := range map[string]struct {
		in       input
		rules    Rules
		want     []facts
		verified bool
	}{
		"nobody asks": {input{}, Rules{}, []facts{
			{wire.IdentityEmail, wire.VerifiedDisabled, false}, {wire.IdentityUsername, wire.VerifiedUnverifiable, false}, {wire.IdentityPhoneNumber, wire.VerifiedDisabled, false},
		}, true},
		"skipped": {input{skip: true}, Rules{VerifyEmail: true, VerifyPhoneNumber: true}, []facts{
			{wire.IdentityEmail, wire.VerifiedSkipped, false}, {wire.IdentityUsername, wire.VerifiedUnverifiable, false}, {wire.IdentityPhoneNumber, wire.VerifiedSkipped, false},
		}, true},
		"to be verified": {input{}, Rules{VerifyEmail: true, VerifyPhoneNumber: true}, []facts{
			{wire.IdentityEmail, wire.VerifiedPending, false}, {wire.IdentityUsername, wire.VerifiedUnverifiable, false}, {wire.IdentityPhoneNumber, wire.VerifiedPending, false},
		}, false},
	} {
		made := identities(&u, nil, row.in, row.rules, 7)
		var got []facts
		for _, i := range made {
			got = append(got, facts{i.Type, i.VerifiedReason, i.Verified})
		}
		if !slices.Equal(got, row.want) || verified(made) != row.verified {
			t.Errorf("%s: %v, verified %v", name, got, verified(made))
		}
	}

	// An update keeps what is known of a value that stays, and starts anew with one that changes.
	old := identities(&u, nil, input{}, Rules{}, 7)
	old[0].Verified, old[0].VerifiedReason = true, wire.VerifiedCompleted
	changed := u
	changed.PhoneNumber = "+14155550199"
	got := identities(&changed, old, input{}, Rules{VerifyPhoneNumber: true}, 9)
	if diff := cmp.Diff(old[:2], got[:2]); diff != "" {
		t.Errorf("unchanged identities changed:\n%s", diff)
	}
	if got[2].Value != "+14155550199" || got[2].InsertInstant != 9 || got[2].VerifiedReason != wire.VerifiedPending {
		t.Errorf("the changed one: %+v", got[2])
	}
}
