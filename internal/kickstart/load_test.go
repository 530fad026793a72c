package kickstart_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/herald-events/herald/internal/kickstart"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// planted is in every secret of the fixtures and must be in no error, report or log.
const planted = "pl4nted"

var environment = map[string]string{"ADMIN_PASSWORD": `pl4nted "#{domain}" @{x}`, "STAGE": "test", "OUTSIDE": "../good/kickstart.json"}

func env(name string) (string, bool) { v, ok := environment[name]; return v, ok }

// builtIns makes ids that count up, so that tests can tell which ones are the same.
func builtIns() kickstart.BuiltIns {
	n := 0
	return kickstart.BuiltIns{
		Values: map[string]string{
			"FUSIONAUTH_APPLICATION_ID": "3c219e58-ed0e-4b18-ad48-f4f92793ae32",
			"FUSIONAUTH_TENANT_ID":      "11111111-0000-4000-8000-000000000000",
		},
		NewUUID: func() string { n++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) },
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad_Good(t *testing.T) {
	t.Parallel()
	path := "testdata/good/kickstart.json"
	got, err := kickstart.Load(path, env, builtIns())
	if err != nil {
		t.Fatal(err)
	}
	const (
		tenant = "30663132-6464-6665-3032-326466613934"
		other  = "aaaaaaaa-6464-6665-3032-326466613934"
		hook   = "00000000-0000-4000-8000-000000000001"
		fresh  = "00000000-0000-4000-8000-000000000002"
	)
	greeting := "Dear \"admin@example.com\",\n\ta literal #{x} and a ${user.name}.\n"
	user := `{"user":{"email":"admin@example.com","password":"pl4nted \"#{domain}\" @{x}","data":{"literal":"#{domain}","big":12345678901234567890,"nothing":null}},` +
		`"fromexample.com":["` + fresh + `","` + hook + `","part of example.com"],` +
		`"text":"Dear \"admin@example.com\",\n\ta literal #{x} and a ${user.name}.\n","env":"on test","noInclude":"@{x}","noInclude2":"@{x} or @{y}",` +
		`"app":"3c219e58-ed0e-4b18-ad48-f4f92793ae32","tenant":"` + tenant + `","port":"8080","html":"<a href=\"${user.link}\">&amp;</a>"}`
	want := &kickstart.File{
		Path: path,
		Variables: map[string]string{
			"defaultTenantId": tenant, "adminEmail": "admin@example.com", "domain": "example.com", "adminPassword": environment["ADMIN_PASSWORD"],
			"hookId": hook, "otherTenant": other, "port": "8080", "greeting": greeting, "template": "Hello ${user.name}",
		},
		APIKeys: []kickstart.APIKey{
			{Key: "first-key-is-super", Description: "super"},
			{
				Key: "second-test", KeyManager: true, TenantID: other, Permissions: map[string][]string{"/api/user": {"GET", "POST"}},
				ExpirationInstant: 4102444800000, Retrievable: new(false),
			},
		},
		Requests: []kickstart.Request{
			{Method: "POST", URL: "/api/tenant/" + other, Body: []byte(`{"tenant":{"name":"Other"}}`), ContentType: "application/json"},
			{Method: "POST", URL: "/api/webhook/" + hook, Body: []byte(`{"webhook":{"url":"http://localhost:8080/","part":"part of example.com"}}`), ContentType: "application/json"},
			{Method: "POST", URL: "/api/user", Body: []byte(user), TenantID: other, ContentType: "application/json"},
			{Method: "PATCH", URL: "/api/tenant/" + tenant + "?x=1", Body: []byte(`[{"op":"remove","path":"/tenant/data"}]`), ContentType: "application/json-patch+json"},
			{Method: "PUT", URL: "/api/plain", Body: []byte(`as "it" is`), ContentType: "text/plain; charset=utf-8"},
		},
		Settings: kickstart.Settings{ConnectTimeout: time.Second, ReadTimeout: 2 * time.Second},
		Warnings: []kickstart.Problem{{
			File: path, Line: 12, Where: "variables.template",
			Message: `"${user.name}" will be sent literally; kickstart variables are written #{user.name}`,
		}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(kickstart.Request{}), cmp.Transformer("text", func(b []byte) string { return string(b) })); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	if got.DefaultTenantID() != tenant || got.TenantManagerApplicationID() != "" {
		t.Error("the special variables are wrong")
	}
}

// Everything that can be wrong, one fixture each. The golden file beside it is what a person reads.
func TestLoad_Bad(t *testing.T) {
	t.Parallel()
	fixtures, err := filepath.Glob("testdata/bad/*.json")
	if err != nil || len(fixtures) < 20 {
		t.Fatalf("%d fixtures, error %v", len(fixtures), err)
	}
	for _, path := range fixtures {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			t.Parallel()
			f, err := kickstart.Load(path, env, builtIns())
			bad, ok := errors.AsType[*kickstart.LoadError](err)
			if f != nil || !ok || bad.Path != path || len(bad.Problems) == 0 {
				t.Fatalf("file %v, error %v", f, err)
			}
			if strings.Contains(err.Error(), planted) {
				t.Errorf("the error shows a secret: %v", err)
			}
			golden := strings.TrimSuffix(path, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

const anyKey = `"apiKeys": [{"key": "k"}]`

func TestLoad_Warnings(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, want string }{
		{"unknown member", `{` + anyKey + `, "request": []}`, `member "request" means nothing here and is ignored; did you mean requests?`},
		{"unknown member of a request", `{` + anyKey + `, "requests": [{"method": "POST", "url": "/", "tenantID": ""}]}`, `did you mean tenantId?`},
		{"unknown member of a key", `{"apiKeys": [{"key": "k", "colour": 1}]}`, `API key 1: member "colour" means nothing here and is ignored`},
		{"member twice", `{` + anyKey + `, "requests": [{"method": "POST", "url": "/", "body": {"a": 1, "a": 2}}]}`, `request 1 body: member "a" is there twice`},
		{"variable twice", `{"variables": {"x": "1", "x": "2"}, ` + anyKey + `}`, `variables: "x" is defined twice; the last one counts`},
		{"no slash", `{` + anyKey + `, "requests": [{"method": "POST", "url": "api/user"}]}`, `request 1 url: does not begin with a slash`},
		{"key outside ASCII", `{"apiKeys": [{"key": "kéy"}]}`, `API key 1 key: has characters outside ASCII`},
		{"dollar in a URL", `{` + anyKey + `, "requests": [{"method": "POST", "url": "/api/tenant/${tenant}"}]}`, `"${tenant}" will be sent literally; kickstart variables are written #{tenant}`},
		{"dollar in a body, known name", `{"variables": {"x": "1"}, ` + anyKey + `, "requests": [{"method": "POST", "url": "/", "body": "${x}"}]}`, `"${x}" will be sent literally`},
		{"dollar in a body, built-in", `{` + anyKey + `, "requests": [{"method": "POST", "url": "/", "body": ["${FUSIONAUTH_TENANT_ID}"]}]}`, `request 1 body[0]: "${FUSIONAUTH_TENANT_ID}" will`},
		{"dollar in a body, environment", `{` + anyKey + `, "requests": [{"method": "POST", "url": "/", "body": {"a": {"b": "${ENV.HOME}"}}}]}`, `request 1 body.a.b: "${ENV.HOME}" will`},
		{"dollar in a body, a template's own", `{` + anyKey + `, "requests": [{"method": "POST", "url": "/", "body": "${user.name} ${ } ${a b}"}]}`, ``},
		{"license", `{` + anyKey + `, "license": "x", "licenseId": "y"}`, ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := kickstart.Load(write(t, t.TempDir(), "k.json", tt.file), env, builtIns())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range f.Warnings {
				got = append(got, w.String())
			}
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("warnings %q", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want) || !strings.Contains(got[0], "k.json:1: ")):
				t.Errorf("warnings %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestLoad_Defaults(t *testing.T) {
	t.Parallel()
	f, err := kickstart.Load(write(t, t.TempDir(), "k.json", "\ufeff{"+anyKey+`, "requests": null, "variables": null, "settings": {}}`), env, kickstart.BuiltIns{})
	if err != nil {
		t.Fatal(err)
	}
	if f.Settings.ReadTimeout != 5*time.Second || f.Settings.ConnectTimeout != 5*time.Second {
		t.Errorf("settings %+v", f.Settings)
	}
	if len(f.Requests) != 0 || len(f.Warnings) != 0 || f.DefaultTenantID() != "" {
		t.Errorf("file %v, warnings %v", f, f.Warnings)
	}
}

func TestLoad_RandomIDs(t *testing.T) {
	t.Parallel()
	path := write(t, t.TempDir(), "k.json", `{"variables": {"once": "#{UUID()}"}, `+anyKey+`, "requests": [
		{"method": "POST", "url": "/", "body": "#{UUID()} #{UUID()} #{once} #{once}"}]}`)
	f, err := kickstart.Load(path, env, kickstart.BuiltIns{})
	if err != nil {
		t.Fatal(err)
	}
	ids := strings.Fields(strings.Trim(string(f.Requests[0].Body), `"`))
	valid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, id := range ids {
		if !valid.MatchString(id) {
			t.Errorf("%q is no random UUID", id)
		}
	}
	if ids[0] == ids[1] || ids[2] != ids[3] || ids[2] == ids[0] {
		t.Errorf("a written id must be fresh each time, a variable's must not: %q", ids)
	}
}

func TestLoad_SymbolicLinks(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	write(t, outside, "secret.txt", planted)
	dir := t.TempDir()
	write(t, dir, "real/text.txt", "inside")
	for link, target := range map[string]string{
		"file":   filepath.Join(outside, "secret.txt"),
		"dir":    outside,
		"up":     "..",
		"inside": "real", // as Kubernetes mounts a ConfigMap
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, include := range []string{"file", "dir/secret.txt", "up/" + filepath.Base(outside) + "/secret.txt", "inside/../../" + filepath.Base(outside) + "/secret.txt"} {
		for _, sigil := range []string{"@", "&"} {
			path := write(t, dir, "k.json", `{`+anyKey+`, "requests": [{"method": "POST", "url": "/", "body": "`+sigil+`{`+include+`}"}]}`)
			f, err := kickstart.Load(path, env, builtIns())
			if err == nil {
				t.Errorf("%s{%s} was read: %s", sigil, include, f.Requests[0].Body)
			} else if strings.Contains(err.Error(), planted) || !strings.Contains(err.Error(), "escapes") {
				t.Errorf("%s{%s}: %v", sigil, include, err)
			}
		}
	}
	path := write(t, dir, "k.json", `{`+anyKey+`, "requests": [{"method": "POST", "url": "/", "body": "@{inside/text.txt}"}]}`)
	f, err := kickstart.Load(path, env, builtIns())
	if err != nil || string(f.Requests[0].Body) != `"inside"` {
		t.Errorf("a link that stays inside: %v, %v", f, err)
	}
}

func TestLoad_Sizes(t *testing.T) {
	t.Parallel()
	mega := strings.Repeat("x", 1<<20)
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"a file too large", map[string]string{"k.json": strings.Repeat(" ", 10<<20+1)}, "is larger than 10 MB"},
		{"an include too large", map[string]string{"k.json": `{` + anyKey + `, "requests": [{"method": "POST", "url": "/", "body": "@{big}"}]}`, "big": strings.Repeat(mega, 10) + "x"}, `includes "big", which is larger than 10 MB`},
		{"nested too deep", map[string]string{"k.json": `{"requests": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`}, "is nested deeper than 100 levels"},
		{"nested far too deep", map[string]string{"k.json": strings.Repeat("[", 100_000)}, "is no JSON"},
		{"variables that double", map[string]string{"k.json": doubling(60)}, "variables and includes add up to more than 64 MB"},
		{"includes that fan out", map[string]string{
			"k.json": `{` + anyKey + `, "requests": [{"method": "POST", "url": "/", "body": "&{a}"}]}`,
			"a":      `["&{b}"` + strings.Repeat(`,"&{b}"`, 99) + `]`, "b": `["@{c}"` + strings.Repeat(`,"@{c}"`, 99) + `]`, "c": mega,
		}, "variables and includes add up to more than 64 MB"},
		{"includes in a long chain", chain(20), "includes are nested deeper than 16 files"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.files {
				write(t, dir, name, text)
			}
			_, err := kickstart.Load(filepath.Join(dir, "k.json"), env, builtIns())
			bad, ok := errors.AsType[*kickstart.LoadError](err)
			if !ok || len(bad.Problems) != 1 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one problem: %q", err, tt.want)
			}
		})
	}
}

// doubling is a file of n variables, each twice the one before.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString(`{` + anyKey + `, "variables": {"v0": "0123456789"`)
	for i := range n {
		fmt.Fprintf(&b, `, "v%d": "#{v%d}#{v%[2]d}"`, i+1, i)
	}
	return b.String() + `}}`
}

// chain is n files, each of which includes the next.
func chain(n int) map[string]string {
	files := map[string]string{"k.json": `{` + anyKey + `, "requests": [{"method": "POST", "url": "/", "body": "&{0}"}]}`}
	for i := range n {
		files[fmt.Sprint(i)] = fmt.Sprintf(`["&{%d}"]`, i+1)
	}
	return files
}

func TestLoad_NoFile(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"testdata/absent.json", "testdata/absent/absent.json", "testdata"} {
		_, err := kickstart.Load(path, env, builtIns())
		if _, ok := errors.AsType[*kickstart.LoadError](err); !ok || !strings.Contains(err.Error(), path+": cannot be read: ") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A file that is printed by accident shows no secret.
func TestFile_PrintsNoSecrets(t *testing.T) {
	t.Parallel()
	f := kickstart.File{
		Path: "k.json", Variables: map[string]string{"x": planted}, APIKeys: []kickstart.APIKey{{Key: planted, Description: "super"}},
		Requests: []kickstart.Request{{Method: "POST", URL: "/api/user?p=" + planted, Body: []byte(planted)}},
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, v := range []any{f, &f, f.APIKeys, f.APIKeys[0], &f.APIKeys[0], f.Requests, f.Requests[0], &f.Requests[0]} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, planted) {
				t.Errorf("%s of %T shows a secret: %s", verb, v, s)
			}
		}
	}
	if got, want := f.String(), "kickstart file k.json with 1 key and 1 request"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What FusionAuth does not mind does not keep a file from loading.
func TestLoad_Lenient(t *testing.T) {
	t.Parallel()
	f, err := kickstart.Load(write(t, t.TempDir(), "k.json", `{
		"variables": {"defaultTenantId": "0000000A-0000-4000-8000-00000000000B", "id": "first", "id": "second"}, `+anyKey+`,
		"requests": [{"method": "post", "url": "api/user/#{id}", "body": {"a": 1, "b": {"x": 1, "x": 2}, "a": "#{id}"}}]}`), env, kickstart.BuiltIns{})
	if err != nil {
		t.Fatal(err)
	}
	r := f.Requests[0]
	if got, want := r.Method+" "+r.URL+" "+string(r.Body), `POST /api/user/second {"b":{"x":2},"a":"second"}`; got != want {
		t.Errorf("the request is %s, want %s", got, want)
	}
	if got, want := f.DefaultTenantID(), "0000000a-0000-4000-8000-00000000000b"; got != want {
		t.Errorf("the default tenant is %s, want %s", got, want)
	}
	if len(f.Warnings) != 4 {
		t.Errorf("warnings: %v", f.Warnings)
	}
}
