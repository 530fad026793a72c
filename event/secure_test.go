package event

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/wire"
)

// secrets are the members of wire types that no event may show.
var secrets = map[string]bool{
	"Entity.ClientSecret": true, "IdentityProviderLink.Token": true, "Registration.AuthenticationToken": true,
	"Registration.Tokens": true, "TwoFactor.RecoveryCodes": true,
}

// harmless are members whose name looks like that of a secret.
var harmless = map[string]bool{
	"User.PasswordChangeReason": true, "User.PasswordChangeRequired": true, "User.PasswordLastUpdateInstant": true,
	"User.BreachedPasswordStatus": true, "User.BreachedPasswordLastCheckedInstant": true, "User.TwoFactor": true,
	"EntityJWTConfiguration.AccessTokenKeyID": true,
}

var suspect = regexp.MustCompile(`(?i)secret|token|password|recovery|salt|factor|scheme|private`)

const planted = "planted-secret"

func TestEncode_LeavesOutSecrets(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, d := range All() {
		p := d.New()
		plant(t, reflect.ValueOf(p).Elem(), seen)
		p.Head().Type = d.Type
		before := WithType(p, d.Type)
		body, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), planted) {
			t.Errorf("%s shows a secret: %s", d.Type, body)
		}
		if diff := cmp.Diff(before, p); diff != "" {
			t.Errorf("%s: encoding changed the payload:\n%s", d.Type, diff)
		}
	}
	for name := range secrets {
		if !seen[name] {
			t.Errorf("no payload has %s", name)
		}
	}
}

// plant makes every pointer, list and map of v hold one element, and every secret the planted text.
func plant(t *testing.T, v reflect.Value, seen map[string]bool) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		plant(t, v.Elem(), seen)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			plant(t, v.Index(0), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name := v.Type().Name() + "." + field.Name
			ours := strings.HasSuffix(v.Type().PkgPath(), "/wire")
			if ours && suspect.MatchString(field.Name) && !secrets[name] && !harmless[name] {
				t.Errorf("is %s a secret? decide in secure.go and here", name)
			}
			plant(t, v.Field(i), seen)
			if !ours || !secrets[name] {
				continue
			}
			seen[name] = true
			switch f := v.Field(i).Addr().Interface().(type) {
			case *string:
				*f = planted
			case *[]string:
				*f = []string{planted}
			case *map[string]string:
				*f = map[string]string{"provider": planted}
			default:
				t.Errorf("%s is a %T: teach this test to fill it", name, f)
			}
		}
	}
}

func TestSecureUser(t *testing.T) {
	t.Parallel()
	user := func() wire.User {
		return wire.User{
			Email: "a@example.com",
			Registrations: []wire.Registration{
				{ApplicationID: "b", Roles: []string{"admin"}, AuthenticationToken: planted},
				{ApplicationID: "a", Tokens: map[string]string{"idp": planted}},
			},
			TwoFactor: wire.TwoFactor{Methods: []wire.TwoFactorMethod{{ID: "M1", Method: "email"}}, RecoveryCodes: []string{planted}},
		}
	}
	given := user()
	got := SecureUser(given)
	want := wire.User{
		Email: "a@example.com",
		Registrations: []wire.Registration{
			{ApplicationID: "a", Tokens: map[string]string{}},
			{ApplicationID: "b", Roles: []string{"admin"}},
		},
		TwoFactor: wire.TwoFactor{Methods: []wire.TwoFactorMethod{{ID: "M1", Method: "email"}}, RecoveryCodes: []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("secured user (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(user(), given); diff != "" {
		t.Errorf("the given user changed:\n%s", diff)
	}
	if got := SecureUser(wire.User{}); !reflect.DeepEqual(got, wire.User{}) {
		t.Errorf("an empty user became %+v", got)
	}
}

func TestEncode_RegistrationEventsCarryTheUserWithoutRegistrations(t *testing.T) {
	t.Parallel()
	for _, p := range []Payload{
		&UserRegistrationEvent{Header: About(UserRegistrationCreate, ""), User: wire.User{Registrations: []wire.Registration{{ID: planted}}}},
		&UserRegistrationUpdateEvent{Header: About(UserRegistrationUpdate, ""), User: wire.User{Registrations: []wire.Registration{{ID: planted}}}},
	} {
		body, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(body), `"registrations":[]`) || strings.Contains(string(body), planted) {
			t.Errorf("encoded %s", body)
		}
	}
}
