package template

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"sync"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/ftl"
	"github.com/herald-events/herald/wire"
)

// Model returns the variables that every message has: user, tenant and application, each as the API shows it but without secrets. One that is nil
// is left out, so that a template asks for it with `application??`. The caller adds what the message is about: code and [Spoken] code, the id of
// a password change. The tenant may hold secrets; they are not passed on.
func Model(user *wire.User, tenant *wire.Tenant, application *wire.Application) (map[string]any, error) {
	model := make(map[string]any, 8)
	if user != nil {
		text, err := json.Marshal(event.SecureUser(*user)) // few texts look at more of it than the name
		if err != nil {
			return nil, err
		}
		model["user"] = ftl.JSON(text)
	}
	for name, v := range map[string]any{"tenant": tenant, "application": application} {
		object, err := open(v)
		if err != nil {
			return nil, err
		}
		if object != nil {
			model[name] = object
		}
	}
	return model, nil
}

// Spoken is a code for the voice: its characters, separated by blanks.
func Spoken(code string) string { return strings.Join(strings.Split(code, ""), " ") }

// open returns an object of package wire, as JSON has it, without its secrets; nil for nil.
func open(v any) (object map[string]any, err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		return nil, err
	}
	withoutSecrets(object)
	return object, nil
}

// withoutSecrets removes everything whose name says that it is a secret, but for what is in free-form data.
func withoutSecrets(v any) {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(name string, _ any) bool { return isSecret(name) })
		for name, member := range v {
			if name != "data" {
				withoutSecrets(member)
			}
		}
	case []any:
		for _, element := range v {
			withoutSecrets(element)
		}
	}
}

// isSecret knows password, secretKey, clientSecret, but not passwordValidationRules. A certificate may have its private key behind it.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, end := range []string{"password", "secret", "secretkey", "privatekey", "sslcertificate"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// Sample returns the variables of a preview. The map is the caller's; what is in it is shared and must not change.
func Sample() map[string]any { return maps.Clone(sample()) }

// SampleWith is [Sample] with other values in the place of some, or besides.
func SampleWith(values map[string]any) map[string]any {
	all := Sample()
	maps.Copy(all, values)
	return all
}

var sample = sync.OnceValue(func() map[string]any {
	const (
		code      = "123456"
		userID    = wire.ID("5d1fc0a3-2c8e-4a67-9f0b-7e64d2b1c8a5")
		tenantID  = wire.ID("0e8a4f52-9d36-4b71-8c25-a1f7d3e6b904")
		appID     = wire.ID("b37c9d14-6f28-4e5a-a0d3-58e2c7f1964b")
		methodID  = "K7QX"
		id        = "Qh2xV9rTzP4mWc8nLk6sYd1bFg3jEa5u"
		phone     = "+15555550123"
		address   = "jane.doe@example.com"
		ourServer = "https://login.example.com"
	)
	user := wire.User{
		ID: userID, TenantID: tenantID, Active: true, Email: address, Username: "jane", PhoneNumber: phone, MobilePhone: phone,
		FirstName: "Jane", LastName: "Doe", FullName: "Jane Doe", PreferredLanguages: wire.List[string]{"en"}, Verified: true,
	}
	tenant := wire.Tenant{ID: tenantID, Name: "Example", State: wire.Active, Extra: map[string]json.RawMessage{
		"issuer": json.RawMessage(`"example.com"`), "baseURL": json.RawMessage(`"` + ourServer + `"`),
	}}
	application := wire.Application{ID: appID, TenantID: tenantID, Name: "Example application", Active: true, State: wire.Active}
	model, err := Model(&user, &tenant, &application)
	if err != nil { // never: all of it is above, and a test looks at it
		model = map[string]any{}
	}
	maps.Copy(model, map[string]any{
		"code": code, "spokenCode": Spoken(code), "oneTimeCode": code, "verificationOneTimeCode": code,
		"changePasswordId": id, "verificationId": id, "baseUrl": ourServer, "mobilePhone": phone, "email": address,
		"method": map[string]any{"id": methodID, "method": "sms", "name": "Jane's phone", "mobilePhone": phone},
		"event": map[string]any{"type": "UserLoginSuspicious", "info": map[string]any{
			"ipAddress": "203.0.113.7", "userAgent": "Mozilla/5.0", "deviceName": "Jane's computer", "deviceType": "DESKTOP", "os": "Linux",
			"location": map[string]any{"city": "Denver", "region": "CO", "country": "US", "displayString": "Denver, CO, US"},
		}},
		"state": map[string]any{},
		"phase": "start", "comment": "Too many adverts", "localizedDuration": "2 days",
		"action": map[string]any{
			"name": "Mute", "localizedName": "Mute", "reason": "Unwanted advertising", "localizedReason": "Unwanted advertising", "reasonCode": "SPAM",
			"comment": "Too many adverts", "expiry": json.Number("1893456000000"),
		},
	})
	return model
})
