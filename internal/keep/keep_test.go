package keep_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/keep"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	idA     = "a0000000-0000-4000-8000-00000000000a"
	idB     = "b0000000-0000-4000-8000-00000000000b"
	nowhere = "00000000-0000-4000-8000-0000000000ff"
	ada     = "aaaaaaaa-0000-4000-8000-000000000001" // users of the default tenant
	ben     = "bbbbbbbb-0000-4000-8000-000000000002"
	eve     = "eeeeeeee-0000-4000-8000-000000000003" // a user of the other one
	consent = "cccccccc-0000-4000-8000-000000000001"

	planted = "planted-credential" // must not be readable in the store
)

type object = map[string]any

// samples has for each kind an object with everything that is demanded, and something that nobody demands.
var samples = map[string]string{
	"theme":     `{"name":"Blue","defaultMessages":"a=b\n","templates":{"helpers":"[#ftl/] <b>&amp;</b>"}}`,
	"form":      `{"name":"Sign up","steps":[{"fields":["` + idA + `"]}]}`,
	"formField": `{"name":"Given name","key":"user.firstName","confirm":"true","required":false,"validator":{"enabled":true,"expression":"^\\w+$"}}`,
	"lambda":    `{"name":"Populate","type":"JWTPopulate","body":"function populate(jwt) {\n\treturn \"x\";\n}","debug":"false"}`,
	"consent":   `{"name":"Newsletter","defaultMinimumAgeForSelfConsent":"13","multipleValuesAllowed":true,"values":["daily"]}`,
	"userConsent": `{"consentId":"` + strings.ToUpper(consent) + `","giverUserId":"` + ada + `","userId":"` + ada + `","values":["daily"],"name":"unused",
		"consent":{"name":"what the server says about it counts"}}`,
	"scope": `{"name":"read:mail","required":"true","applicationId":"` + nowhere + `"}`,
	"identityProvider": `{"name":"Corporate","type":"OpenIDConnect","enabled":true,"oauth2":{"client_id":"c","client_secret":"` + planted + `"},
		"applicationConfiguration":{"` + string(application.AdminID) + `":{"enabled":true,"oauth2":{"client_secret":"` + planted + `"}}}}`,
	"connector":           `{"name":"LDAP","type":"LDAP","connectTimeout":"1000","readTimeout":2000,"systemAccountPassword":"` + planted + `"}`,
	"ipAccessControlList": `{"name":"Office","entries":[{"action":"Allow","startIPAddress":"*"}]}`,
}

// normal has the members of the samples that come out as another type than they were sent, or not as sent.
var normal = map[string]object{
	"theme":       {"type": "advanced"},
	"form":        {"type": "registration"},
	"formField":   {"confirm": true, "type": "string", "control": "text"},
	"lambda":      {"debug": false, "engineType": "GraalJS"},
	"consent":     {"defaultMinimumAgeForSelfConsent": json.Number("13")},
	"userConsent": {"consentId": consent, "status": "Active"},
	"scope":       {"required": true, "applicationId": string(application.AdminID)},
	"connector":   {"connectTimeout": json.Number("1000")},
}

// extra are members that no kind knows.
const extra = `"unheardOf":{"number":12345678901234567890.10,"null":null,"markup":"<a href=\"?b&c\">"},"data":{"n":1.50}`

// herald is a server with users, another tenant and something to refer to.
type herald struct {
	*apptest.Server
	t     *testing.T
	other wire.ID // a tenant
	// of keys bound to the default tenant and to the other one
	tenantKey, otherKey string
}

func each(t *testing.T, fn func(t *testing.T, h *herald)) {
	t.Helper()
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		h := &herald{Server: s, t: t}
		var other wire.TenantResponse
		s.Call("POST", "/api/tenant", `{"tenant":{"name":"Other"}}`).Want(200).Decode(&other)
		h.other = other.Tenant.ID
		h.tenantKey, h.otherKey = h.KeyOf(s.Tenant), h.KeyOf(h.other)
		for id, of := range map[string]wire.ID{ada: s.Tenant, ben: s.Tenant, eve: h.other} {
			body := object{"user": object{"username": id}, "sendSetPasswordIdentityType": "doNotSend"}
			s.Call("POST", "/api/user/"+id, body, "X-FusionAuth-TenantId", string(of)).Want(200)
		}
		fn(t, h)
	})
}

// member decodes one member of an answer, numbers exactly.
func member(a apptest.Answer, name string) (value object) {
	var all map[string]json.RawMessage
	a.Want(200).Decode(&all)
	return decoded(string(all[name]))
}

func decoded(text string) (value object) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		panic(fmt.Sprintf("%v in %s", err, text))
	}
	return value
}

// ids are those of the objects in a list, in its order.
func ids(a apptest.Answer, name string) []string {
	var all map[string]json.RawMessage
	a.Want(200).Decode(&all)
	found := []string{}
	if len(all[name]) == 0 || all[name][0] != '[' {
		return append(found, "no list "+name)
	}
	for _, o := range decoded(`{"all":` + string(all[name]) + `}`)["all"].([]any) {
		found = append(found, o.(object)["id"].(string))
	}
	return found
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestKinds takes an object of every kind through its life.
func TestKinds(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.Call("POST", "/api/consent/"+consent, `{"consent":{"name":"Given","defaultMinimumAgeForSelfConsent":1}}`).Want(200)
		for _, k := range keep.Kinds {
			(&life{herald: h, t: t, k: k}).lead()
		}
	})
}

// life is one object of a kind.
type life struct {
	*herald
	t     *testing.T
	k     *keep.Kind
	path  string // of all
	list  string // with what it takes to list them
	one   string // of the object
	there []string
}

func (l *life) body(object string) string { return `{"` + l.k.One + `":` + object + `}` }

// sent is a sample with something else in it.
func (l *life) sent() string { return strings.TrimSuffix(samples[l.k.Name], "}") + "," + extra + "}" }

// kept is what GET says about an object, without what only the server knows.
func (l *life) kept(a apptest.Answer) object {
	l.t.Helper()
	if a.Header.Get("X-Herald-Stored-Only") != "true" {
		l.t.Errorf("nothing says that this is stored only: %v", a.Header)
	}
	o := member(a, l.k.One)
	for _, name := range []string{"insertInstant", "lastUpdateInstant"} {
		if at, ok := o[name].(json.Number); !ok || len(at) != 13 {
			l.t.Errorf("%s is %v", name, o[name])
		}
		delete(o, name)
	}
	if l.k.Refers != "" {
		if o[l.k.Refers].(object)["name"] != "Given" {
			l.t.Errorf("%s is %v", l.k.Refers, o[l.k.Refers])
		}
		delete(o, l.k.Refers)
	}
	return o
}

// want is what is to become of an object that was sent.
func (l *life) want(id, sent string) object {
	o := decoded(sent)
	for name, value := range normal[l.k.Name] {
		o[name] = value
	}
	if l.k.Refers != "" {
		delete(o, l.k.Refers)
	}
	o["id"] = id
	return o
}

func (l *life) lead() {
	if samples[l.k.Name] == "" {
		l.t.Fatalf("there is no sample of the kind %s", l.k.Name)
	}
	l.path = strings.ReplaceAll(l.k.Path, "{applicationId}", string(application.AdminID))
	l.one, l.list = l.path+"/"+idA, l.path
	if l.k.Owner == keep.User {
		l.list += "?userId=" + ada
	}
	l.there = ids(l.Call("GET", l.list, nil), l.k.Many)
	l.isCreated()
	l.isRefused()
	l.isConfined()
	l.isChanged()
	l.isFound()
	l.isDeleted()
}

func (l *life) isCreated() {
	t := l.t
	created := l.kept(l.Call("POST", l.path+"/"+strings.ToUpper(idA), l.body(l.sent())))
	same(t, "created", created, l.want(idA, l.sent()))
	same(t, "loaded", l.kept(l.Call("GET", l.one, nil)), created)

	second := strings.Replace(l.sent(), `"name":"`, `"name":"Second `, 1)
	id, _ := l.kept(l.Call("POST", l.path, l.body(second)))["id"].(string)
	if len(id) != 36 || id == idA {
		t.Errorf("chosen id %q", id)
	}
	want := slices.Sorted(slices.Values(append(slices.Clone(l.there), idA, id)))
	same(t, "all", slices.Sorted(slices.Values(ids(l.Call("GET", l.list, nil), l.k.Many))), want)
	l.Call("DELETE", l.path+"/"+id, nil).Want(200)

	for _, row := range l.Strings(`SELECT document FROM kept`) {
		if strings.Contains(row, planted) {
			t.Errorf("a credential can be read in the store: %s", row)
		}
	}
}

func (l *life) isRefused() {
	t, k := l.t, l.k
	duplicate := []string{"[duplicate]" + k.ID}
	if k.Unique {
		duplicate = append(duplicate, "[duplicate]"+k.One+".name")
	}
	upper := strings.Replace(l.sent(), `"name":"`+decoded(l.sent())["name"].(string), `"name":" `+strings.ToUpper(decoded(l.sent())["name"].(string))+" ", 1)
	l.Call("POST", l.one, l.body(upper)).WantCodes(duplicate...)
	var absent []string
	for _, required := range k.Required {
		absent = append(absent, "["+required[1]+"]"+k.One+"."+required[0])
	}
	if len(absent) > 0 {
		l.Call("POST", l.path, `{}`).WantCodes(absent...)
	}
	l.Call("POST", l.path, l.body(`[]`)).WantCodes("[couldNotConvert]" + k.One)
	for _, name := range slices.Concat(k.Booleans, k.Integers, k.IDs) {
		with := decoded(samples[k.Name])
		with["name"], with[name] = "Another", "perhaps"
		text, _ := json.Marshal(with)
		l.Call("POST", l.path, l.body(string(text))).WantCodes("[couldNotConvert]" + k.One + "." + name)
	}
	l.Call("POST", l.path, l.body(strings.Replace(l.sent(), `"name":"`, `"name":"`+strings.Repeat("x", 192), 1))).WantCodes("[tooLong]" + k.One + ".name")
	l.Call("GET", l.path+"/x", nil).WantCodes("[couldNotConvert]" + k.ID)
	l.Call("PATCH", l.one, `[`).WantCodes("[invalidJSON]")
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		if a := l.Call(method, l.path+"/"+nowhere, l.body(l.sent())).Want(404); len(a.Body) > 0 {
			t.Errorf("%s of what is not there says %s", method, a.Body)
		}
	}
	for id := range k.Defaults {
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			l.Call(method, l.path+"/"+string(id), l.body(l.sent())).WantCodes("[invalid]" + k.ID)
		}
	}
}

// isConfined: what all tenants share takes a key of none; what is a tenant's is nothing to the key, or with the header, of another.
func (l *life) isConfined() {
	shared := l.k.Owner == keep.Installation || l.k.Owner == keep.Tenant
	for _, try := range []struct {
		header []string
		status int
	}{
		{[]string{"Authorization", l.otherKey}, 404},
		{[]string{"X-FusionAuth-TenantId", string(l.other)}, 404},
		{[]string{"Authorization", l.tenantKey}, 200},
	} {
		want := try.status
		switch {
		case shared && try.header[0] == "Authorization":
			want = 401
		case shared:
			want = 200 // a header means nothing to what is shared
		}
		l.Call("GET", l.one, nil, try.header...).Want(want)
		l.Call("GET", l.list, nil, try.header...).Want(want)
		if want != 200 {
			for _, method := range []string{"PUT", "PATCH", "DELETE"} {
				l.Call(method, l.one, l.body(l.sent()), try.header...).Want(want)
			}
		}
	}
	l.Call("GET", l.one, nil, "Authorization", "nobody's key").Want(http.StatusUnauthorized)
	same(l.t, "after all that", l.kept(l.Call("GET", l.one, nil)), l.want(idA, l.sent()))
}

func (l *life) isChanged() {
	t, k := l.t, l.k
	before := l.kept(l.Call("GET", l.one, nil))
	patched := func(kind, body string) object { return l.kept(l.Call("PATCH", l.one, body, "Content-Type", kind)) }
	same(t, "an empty patch", patched("application/json", `{}`), before)

	const merge, operations = "application/merge-patch+json", "application/json-patch+json"
	got := patched("application/json", l.body(`{"data":{"list":[1]},"unheardOf":null}`))
	same(t, "patched data", got["data"], any(object{"n": json.Number("1.50"), "list": []any{json.Number("1")}}))
	if got["unheardOf"] != nil {
		t.Errorf("null removes nothing: %v", got["unheardOf"])
	}
	same(t, "an appended list", patched("application/json", l.body(`{"data":{"list":[2]}}`))["data"].(object)["list"], any([]any{json.Number("1"), json.Number("2")}))
	same(t, "a replaced list", patched(merge, l.body(`{"data":{"list":[3.0]}}`))["data"].(object)["list"], any([]any{json.Number("3.0")}))
	got = patched(operations, `[{"op":"add","path":"/`+k.One+`/data/x~1y","value":true},{"op":"remove","path":"/`+k.One+`/data/n"}]`)
	same(t, "operations", got["data"], any(object{"x/y": true, "list": []any{json.Number("3.0")}}))

	same(t, "replaced", l.kept(l.Call("PUT", l.one, l.body(samples[k.Name]))), l.want(idA, samples[k.Name]))
	for _, name := range k.Fixed {
		other := `"something else"`
		if slices.Contains(k.IDs, name) {
			other = `"` + idB + `"`
		}
		codes := l.Call("PATCH", l.one, l.body(`{"`+name+`":`+other+`}`)).Want(400).Codes()
		if !slices.Contains(codes, "[invalid]"+k.One+"."+name) {
			t.Errorf("another %s: %v", name, codes)
		}
		without := decoded(samples[k.Name])
		delete(without, name)
		text, _ := json.Marshal(without)
		same(t, "a change that is silent about "+name, l.kept(l.Call("PUT", l.one, l.body(string(text)))), l.want(idA, samples[k.Name]))
	}
	if k.Unique {
		l.Call("POST", l.path+"/"+idB, l.body(strings.Replace(l.sent(), `"name":"`, `"name":"B`, 1))).Want(200)
		l.Call("PUT", l.path+"/"+idB, l.body(l.sent())).WantCodes("[duplicate]" + k.One + ".name")
		l.Call("PUT", l.one, l.body(strings.Replace(samples[k.Name], `"name":"`, `"name":" `, 1))).Want(200) // its own name
		l.Call("DELETE", l.path+"/"+idB, nil).Want(200)
	}
}

func (l *life) isFound() {
	if l.k.Search == nil {
		l.Call("GET", l.path+"/search", nil).Want(400) // "search" is no id
		return
	}
	name := decoded(samples[l.k.Name])["name"].(string)
	for _, a := range []apptest.Answer{
		l.Call("GET", l.path+"/search?name="+strings.ToUpper(name[1:]), nil),
		l.Call("POST", l.path+"/search", object{"search": object{"name": name[:2] + "*", "numberOfResults": "5", "orderBy": "insertInstant DESC"}}),
	} {
		same(l.t, "found", ids(a, l.k.Many), []string{idA})
		var all struct{ Total int }
		if a.Decode(&all); all.Total != 1 {
			l.t.Errorf("total %d", all.Total)
		}
	}
	same(l.t, "not found", ids(l.Call("POST", l.path+"/search", `{"search":{"name":"nobody has this"}}`), l.k.Many), []string{})
	l.Call("GET", l.path+"/search?startRow=-1", nil).WantCodes("[invalid]startRow")
	l.Call("GET", l.path+"/search", nil, "Authorization", l.otherKey).Want(401)
}

func (l *life) isDeleted() {
	a := l.Call("DELETE", l.one, nil).Want(200)
	if len(a.Body) > 0 {
		l.t.Errorf("a deletion says %s", a.Body)
	}
	if l.k.Revoked {
		if status := l.kept(l.Call("GET", l.one, nil))["status"]; status != "Revoked" {
			l.t.Errorf("status %v", status)
		}
		return
	}
	l.Call("GET", l.one, nil).Want(404)
	l.Call("DELETE", l.one, nil).Want(404)
	same(l.t, "what is left", ids(l.Call("GET", l.list, nil), l.k.Many), l.there)
}

func TestThemes_AreCopied(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const path = "/api/theme"
		same(t, "the default one", member(h.Call("GET", path+"/"+string(tenant.DefaultThemeID), nil), "theme")["name"], any("Herald"))
		h.Call("POST", path+"/"+idA, `{"theme":{"name":"Source","stylesheet":"a{}","data":{"x":1}}}`).Want(200)
		copied := member(h.Call("POST", path, `{"sourceThemeId":"`+strings.ToUpper(idA)+`","theme":{"name":"Copy","stylesheet":"b{}"}}`), "theme")
		if copied["name"] != "Copy" || copied["stylesheet"] != "a{}" || copied["id"] == idA {
			t.Errorf("the copy is %v", copied)
		}
		h.Call("POST", path, `{"sourceThemeId":"`+nowhere+`","theme":{"name":"x"}}`).WantCodes("[invalid]sourceThemeId")
		h.Call("POST", path, `{"sourceThemeId":"x","theme":{"name":"x"}}`).WantCodes("[couldNotConvert]sourceThemeId")
		h.Call("POST", path, `{"sourceThemeId":"`+idA+`","theme":{"stylesheet":"b{}"}}`).WantCodes("[blank]theme.name")
		same(t, "those of a type", len(ids(h.Call("GET", path+"/search?type=advanced&numberOfResults=2", nil), "themes")), 2)
		same(t, "those of another", ids(h.Call("GET", path+"/search?type=simple", nil), "themes"), []string{})
	})
}

// Of what is demanded, the type counts as well.
func TestRequired_OfTheRightType(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		for body, want := range map[string][]string{
			`{"lambda":{"name":1,"type":true,"body":[]}}`:              {"[couldNotConvert]lambda.name", "[couldNotConvert]lambda.type", "[blank]lambda.body"},
			`{"lambda":{"name":" ","type":"","body":{}}}`:              {"[blank]lambda.name", "[missing]lambda.type", "[couldNotConvert]lambda.body"},
			`{"form":{"name":"f","steps":"one"}}`:                      {"[couldNotConvert]form.steps"},
			`{"form":{"name":"f","steps":[]}}`:                         {"[empty]form.steps"},
			`{"connector":{"name":"c","type":"Generic","debug":""}}`:   nil,
			`{"connector":{"name":"d","type":"X","readTimeout":-1}}`:   {"[invalid]connector.readTimeout"},
			`{"connector":{"name":"e","type":"X","readTimeout":"1s"}}`: {"[couldNotConvert]connector.readTimeout"},
		} {
			kind := strings.SplitN(body, `"`, 3)[1]
			a := h.Call("POST", "/api/"+kind, body)
			if want == nil {
				a.Want(200)
				continue
			}
			a.WantCodes(want...)
		}
	})
}

func TestSearch_Criteria(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.Call("POST", "/api/lambda/"+idA, `{"lambda":{"name":"a","type":"JWTPopulate","body":"// 100% \"ÄRGER\"\n"}}`).Want(200)
		h.Call("POST", "/api/lambda/"+idB, `{"lambda":{"name":"a","type":"LoginValidation","body":"// nothing"}}`).Want(200) // names may repeat
		h.Call("POST", "/api/identity-provider/"+idA, `{"identityProvider":{"type":"Google","tenantId":"`+string(h.other)+`"}}`).Want(200)
		h.Call("POST", "/api/identity-provider/"+idB, `{"identityProvider":{"type":"SAMLv2","applicationConfiguration":{"`+strings.ToUpper(nowhere)+`":{}}}}`).Want(200)
		for path, want := range map[string][]string{
			"/api/lambda?type=LoginValidation":                                  {idB},
			"/api/lambda/search?type=JWTPopulate":                               {idA},
			"/api/lambda/search?body=100%25+%22%C3%A4rger":                      {idA},
			"/api/lambda/search?body=*nothing":                                  {idB},
			"/api/lambda/search?orderBy=type+DESC":                              {idB, idA},
			"/api/lambda/search?orderBy=id+DESC&startRow=1":                     {idA},
			"/api/identity-provider?type=SAMLv2":                                {idB},
			"/api/identity-provider/search?applicationId=" + nowhere:            {idB},
			"/api/identity-provider/search?tenantId=" + string(h.other):         {idA},
			"/api/identity-provider/search?type=Google":                         {idA},
			"/api/identity-provider/search?source=System&applicationId=":        {idA, idB},
			"/api/identity-provider/search?numberOfResults=1&orderBy=id":        {idA},
			"/api/identity-provider/search?tenantId=" + string(h.Server.Tenant): {},
		} {
			many := "lambdas"
			if strings.Contains(path, "identity-provider") {
				many = "identityProviders"
			}
			h.Odd = strings.Contains(path, "source=") // a parameter of FusionAuth's, which is ignored
			same(t, path, ids(h.Call("GET", path, nil), many), want)
		}
		h.Call("POST", "/api/identity-provider", `{"identityProvider":{"type":"Google","tenantId":"`+nowhere+`"}}`).WantCodes("[invalid]identityProvider.tenantId")
		h.Call("GET", "/api/lambda/search?body="+strings.Repeat("x", 1001), nil).WantCodes("[tooLong]search.body")
	})
}

// What something belongs to takes it along.
func TestOwners(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const path = "/api/user/consent"
		given := func(id, consent, user string, header ...string) apptest.Answer {
			return h.Call("POST", path+"/"+id, `{"userConsent":{"consentId":"`+consent+`","giverUserId":"`+user+`","userId":"`+user+`"}}`, header...)
		}
		for _, id := range []string{idA, idB} {
			h.Call("POST", "/api/consent/"+id, `{"consent":{"name":"`+id+`","defaultMinimumAgeForSelfConsent":0}}`).Want(200)
		}
		given(nowhere, nowhere, nowhere).WantCodes("[invalid]userConsent.consentId", "[invalid]userConsent.userId")
		given(nowhere, idA, eve, "Authorization", h.tenantKey).WantCodes("[invalid]userConsent.userId")
		h.Call("GET", path, nil).WantCodes("[missing]userId")
		h.Call("GET", path+"?userId="+nowhere, nil).Want(404)
		const first, second, third = "10000000-0000-4000-8000-000000000001", "20000000-0000-4000-8000-000000000001", "30000000-0000-4000-8000-000000000001"
		given(first, idA, ada).Want(200)
		given(second, idB, ada).Want(200)
		given(third, idA, eve).Want(200)
		all := func() []string { return h.Strings(`SELECT id FROM kept WHERE kind = 'userConsent' ORDER BY id`) }
		same(t, "a user's", ids(h.Call("GET", path+"?userId="+ada, nil), "userConsents"), []string{first, second})
		same(t, "reactivated", member(h.Call("PATCH", path+"/"+first, `{"userConsent":{"status":"Revoked"}}`), "userConsent")["status"], any("Revoked"))

		h.Call("DELETE", "/api/consent/"+idB, nil).Want(200)
		same(t, "without the consent", all(), []string{first, third})
		h.Call("DELETE", "/api/user/"+ada+"?hardDelete=true", nil).Want(200)
		same(t, "without the user", all(), []string{third})

		h.Call("POST", "/api/identity-provider/"+idA, `{"identityProvider":{"type":"Google","tenantId":"`+string(h.other)+`"}}`).Want(200)
		h.Call("DELETE", "/api/tenant/"+string(h.other), nil).Want(200)
		same(t, "without the tenant", all(), []string(nil))
		h.Call("GET", "/api/identity-provider/"+idA, nil).Want(404)

		h.Call("GET", "/api/application/"+nowhere+"/scope", nil).Want(404)
		h.Call("POST", "/api/application/"+nowhere+"/scope", `{"scope":{"name":"x"}}`).Want(404)
		h.Call("POST", "/api/application/"+idB, `{"application":{"name":"Gone soon"}}`).Want(200)
		for application, scope := range map[string]string{string(application.AdminID): first, idB: second} {
			h.Call("POST", "/api/application/"+application+"/scope/"+scope, `{"scope":{"name":"x"}}`).Want(200) // the same name in each
		}
		for _, other := range []string{nowhere, idB} {
			h.Call("GET", "/api/application/"+other+"/scope/"+first, nil).Want(404)
			h.Call("DELETE", "/api/application/"+other+"/scope/"+first, nil).Want(404)
		}
		h.Call("DELETE", "/api/application/"+idB+"?hardDelete=true", nil).Want(200)
		same(t, "without the application", h.Strings(`SELECT id FROM kept WHERE kind = 'scope'`), []string{first})
	})
}

// An application shows its scopes, and takes none.
func TestScopes_OfApplications(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, h *apptest.Server) {
		const shop, forum, path = "a9000000-0000-4000-8000-000000000001", "a9000000-0000-4000-8000-000000000002", "/api/application"
		h.Call("POST", path+"/"+forum, `{"application":{"name":"Forum"}}`).Want(200)
		h.Call("POST", path+"/"+shop, `{"application":{"name":"Shop","scopes":[{"name":"theirs"}]}}`).Want(200)
		for _, name := range []string{"write", "read"} {
			h.Call("POST", path+"/"+shop+"/scope", `{"scope":{"name":"`+name+`"}}`).Want(200)
		}
		type application struct {
			ID     wire.ID
			Scopes []struct{ Name string }
		}
		check := func(what string, a apptest.Answer) {
			t.Helper()
			var got struct {
				Application  *application
				Applications []application
			}
			a.Want(200).Decode(&got)
			if got.Application != nil {
				got.Applications = append(got.Applications, *got.Application)
			}
			seen := false
			for _, a := range got.Applications {
				var names string
				for _, s := range a.Scopes {
					names += s.Name + " "
				}
				want := ""
				if a.ID == shop {
					want, seen = "read write ", true
				}
				if names != want {
					t.Errorf("%s: the scopes of %s are %q", what, a.ID, names)
				}
			}
			if !seen {
				t.Errorf("%s: the application is missing", what)
			}
		}
		check("read", h.Call("GET", path+"/"+shop, nil))
		check("list", h.Call("GET", path, nil))
		check("search", h.Call("GET", path+"/search", nil))
		check("replace", h.Call("PUT", path+"/"+shop, `{"application":{"name":"Shop","scopes":[]}}`))
		check("patch", h.Call("PATCH", path+"/"+shop, `{"application":{"scopes":[{"name":"theirs"}]}}`))
		h.Call("DELETE", path+"/"+shop, nil).Want(200)
		check("reactivate", h.Call("PUT", path+"/"+shop+"?reactivate=true", nil))
	})
}

func TestFamilies(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		const path, one = "/api/user/family", "/api/user/family/" + idA
		said := func(user, role, more string) string {
			return `{"familyMember":{"userId":"` + user + `","role":"` + role + `"` + more + `}}`
		}
		begun := h.Call("POST", path+"/"+strings.ToUpper(idA), said(strings.ToUpper(ada), "Adult", `,"owner":"true","data":{"n":1.0},"unheardOf":1`)).Want(200)
		if begun.Header.Get("X-Herald-Stored-Only") != "true" {
			t.Errorf("nothing says that this is stored only: %v", begun.Header)
		}
		family := member(begun, "family")
		first := family["members"].([]any)[0].(object)
		same(t, "the instants of the family", []any{family["insertInstant"], family["lastUpdateInstant"]}, []any{first["insertInstant"], first["lastUpdateInstant"]})
		delete(first, "insertInstant")
		delete(first, "lastUpdateInstant")
		same(t, "the first member", first, object{"userId": ada, "role": "Adult", "owner": true, "data": object{"n": json.Number("1.0")}})

		h.Call("POST", one, said(nowhere, "Uncle", "")).WantCodes("[duplicate]familyId", "[invalid]familyMember.role", "[invalid]familyMember.userId")
		h.Call("POST", path, `{}`).WantCodes("[missing]familyMember.role", "[missing]familyMember.userId")
		h.Call("PUT", one, said(eve, "Child", "")).WantCodes("[invalid]familyMember.userId")
		h.Call("PUT", path+"/x", said(ben, "Child", "")).WantCodes("[couldNotConvert]familyId")
		h.Call("PUT", path+"/"+nowhere, said(ben, "Child", "")).Want(404)
		h.Call("GET", path, nil).WantCodes("[missing]userId")
		h.Call("GET", path+"?userId="+nowhere, nil).Want(404)

		roles := func(a apptest.Answer) (all []string) {
			for _, m := range member(a, "family")["members"].([]any) {
				all = append(all, fmt.Sprint(m.(object)["userId"].(string)[:1], " ", m.(object)["role"]))
			}
			return all
		}
		same(t, "two", roles(h.Call("PUT", one, said(ben, "Child", ""))), []string{"a Adult", "b Child"})
		same(t, "one has grown", roles(h.Call("PUT", one, said(ben, "Teen", ""))), []string{"a Adult", "b Teen"})
		same(t, "read", roles(h.Call("GET", one, nil)), []string{"a Adult", "b Teen"})
		same(t, "of a user", ids(h.Call("GET", path+"?userId="+ben, nil), "families"), []string{idA})
		same(t, "of one without", ids(h.Call("GET", path+"?userId="+eve, nil), "families"), []string{})

		for _, header := range [][2]string{{"Authorization", h.otherKey}, {"X-FusionAuth-TenantId", string(h.other)}} {
			h.Call("GET", one, nil, header[0], header[1]).Want(404)
			h.Call("GET", path+"?userId="+ben, nil, header[0], header[1]).Want(404)
			h.Call("PUT", one, said(eve, "Adult", ""), header[0], header[1]).Want(404)
			h.Call("DELETE", one+"/"+ben, nil, header[0], header[1]).Want(404)
			h.Call("POST", path, said(ben, "Adult", ""), header[0], header[1]).WantCodes("[invalid]familyMember.userId")
		}

		if left := h.Call("DELETE", one+"/"+ben, nil).Want(200); len(left.Body) > 0 {
			t.Errorf("leaving says %s", left.Body)
		}
		h.Call("DELETE", one+"/"+ben, nil).Want(404)
		same(t, "one is left", roles(h.Call("GET", one, nil)), []string{"a Adult"})
		h.Call("DELETE", "/api/user/"+ada+"?hardDelete=true", nil).Want(200)
		h.Call("GET", one, nil).Want(404)
		same(t, "published", slices.Compact(h.Strings(`SELECT type FROM event ORDER BY type`)), []string{"user.create", "user.create.complete", "user.delete", "user.delete.complete"})
	})
}
