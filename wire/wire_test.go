package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/wire"
)

// What clients rely on is there even in an empty object, and nothing else is.
func TestMarshal_ZeroValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value any
		want  string
	}{
		{wire.User{}, `{"active":false,"preferredLanguages":[],"data":{},"registrations":[],"memberships":[],"verified":false,"twoFactor":{},"passwordChangeRequired":false}`},
		{wire.Webhook{}, `{"global":false,"eventsEnabled":{},"signatureConfiguration":{"enabled":false},"data":{}}`},
		{wire.Tenant{}, `{"eventConfiguration":{"events":{}}}`},
		{wire.APIKey{}, `{"keyManager":false}`},
		{wire.Registration{}, `{"verified":false}`},
		{wire.EventLog{}, `{}`},
		{wire.AuditLog{}, `{}`},
		{wire.EventInfo{}, `{}`},
		{wire.Errors{}, `{}`},
		{wire.Group{}, `{}`},
		{wire.Entity{}, `{"data":{},"type":{"data":{}}}`},
		{wire.EntityTypePermission{}, `{"data":{},"isDefault":false}`},
		{wire.EntityJWTConfiguration{}, `{"enabled":false,"timeToLiveInSeconds":0}`},
		{wire.EntityGrant{}, `{"permissions":[],"data":{}}`},
		{wire.EntityGrantsResponse{}, `{"grants":[]}`},
		{wire.EntitySearchResponse{}, `{"entities":[],"total":0}`},
		{wire.EntityTypesResponse{}, `{"entityTypes":[]}`},
		{wire.WebhooksResponse{}, `{"webhooks":[]}`},
		{wire.TenantSearchResponse{}, `{"tenants":[],"total":0}`},
		{wire.UserSearchResponse{}, `{"users":[],"total":0}`},
		{wire.UserResponse{}, `{}`},
		{wire.UserDeleteResponse{}, `{"dryRun":false,"hardDelete":false,"total":0}`},
	} {
		got, err := json.Marshal(test.value)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != test.want {
			t.Errorf("%T{} is\n%s\nwant\n%s", test.value, got, test.want)
		}
	}
}

func TestTenant_KeepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	const sent = `{"data":{"id":12345678901234567890,"none":null},"emailConfiguration":{"host":"mail & <post>","port":25},` +
		`"eventConfiguration":{"events":{"user.create":{"enabled":true,"transactionType":"AbsoluteMajority"},"user.update":{"enabled":false}}},` +
		`"id":"00000000-0000-4000-8000-000000000001","insertInstant":1,"lastUpdateInstant":2,"name":"Acme","state":"Active","themeId":null}`
	var tenant wire.Tenant
	if err := json.Unmarshal([]byte(sent), &tenant); err != nil {
		t.Fatal(err)
	}
	want := wire.Tenant{
		ID: "00000000-0000-4000-8000-000000000001", Name: "Acme", State: wire.Active, InsertInstant: 1, LastUpdateInstant: 2,
		EventConfiguration: wire.EventConfiguration{Events: wire.Map[wire.EventSetting]{
			"user.create": {Enabled: true, TransactionType: wire.AbsoluteMajority}, "user.update": {},
		}},
		Extra: map[string]json.RawMessage{
			"data":               []byte(`{"id":12345678901234567890,"none":null}`),
			"emailConfiguration": []byte(`{"host":"mail & <post>","port":25}`),
			"themeId":            []byte(`null`),
		},
	}
	if diff := cmp.Diff(want, tenant); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(tenant); err != nil {
		t.Fatal(err)
	}
	if out.String() != sent+"\n" {
		t.Errorf("encoded\n%s\nwant\n%s", out.String(), sent)
	}
}

func TestTenant_TypedMembersWinOverExtra(t *testing.T) {
	t.Parallel()
	tenant := wire.Tenant{Name: "typed", Extra: map[string]json.RawMessage{"name": []byte(`"extra"`), "id": []byte(`"extra"`)}}
	got, err := json.Marshal(tenant)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"eventConfiguration":{"events":{}},"name":"typed"}`; string(got) != want {
		t.Errorf("encoded %s, want %s", got, want)
	}
}

func TestTenant_ErrorsNameTheMember(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`{"tenant":{"name":7}}`: "tenant.name",
		`{"tenant":{"eventConfiguration":{"events":{"user.create":{"enabled":"x"}}}}}`: "tenant.eventConfiguration.events.enabled",
		`{"tenant":7}`: "tenant",
	} {
		var request wire.TenantRequest
		err := json.Unmarshal([]byte(sent), &request)
		wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
		if !ok || wrong.Field != want {
			t.Errorf("%s: error %v, want one about %s", sent, err, want)
		}
	}
}

func TestWebhook_EnabledUnlessItSaysNo(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]bool{`{}`: true, `{"enabled":null}`: true, `{"enabled":true}`: true, `{"enabled":false}`: false} {
		var w wire.Webhook
		if err := json.Unmarshal([]byte(sent), &w); err != nil {
			t.Fatal(err)
		}
		if got := w.Enabled == nil || *w.Enabled; got != want {
			t.Errorf("%s is enabled: %v, want %v", sent, got, want)
		}
	}
}

func TestUserInput_HasAPasswordAndUserHasNot(t *testing.T) {
	t.Parallel()
	var request wire.UserRequest
	err := json.Unmarshal([]byte(`{"user":{"email":"a@example.com","password":"secret","salt":"secret","factor":1}}`), &request)
	if err != nil {
		t.Fatal(err)
	}
	if request.User.Password != "secret" || request.User.Email != "a@example.com" {
		t.Errorf("decoded %+v", request.User)
	}
	got, err := json.Marshal(wire.UserResponse{User: &request.User.User})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(got, []byte("secret")) || bytes.Contains(got, []byte("factor")) {
		t.Errorf("the answer has the password: %s", got)
	}
	got, err = json.Marshal(request.User)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got, []byte(`"password":"secret"`)) || !bytes.Contains(got, []byte(`"email":"a@example.com"`)) {
		t.Errorf("the request lost a member: %s", got)
	}
}

func TestObject_KeepsNumbersAndMarkup(t *testing.T) {
	t.Parallel()
	const sent = `{"a":[1.50,12345678901234567890],"b":{"c":null},"d":"<&>"}`
	var o wire.Object
	if err := json.Unmarshal([]byte(sent), &o); err != nil {
		t.Fatal(err)
	}
	got, err := o.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != sent {
		t.Errorf("encoded %s, want %s", got, sent)
	}
	escaped, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":[1.50,12345678901234567890],"b":{"c":null},"d":"\u003c\u0026\u003e"}`; string(escaped) != want {
		t.Errorf("an encoder that escapes wrote %s, want %s", escaped, want)
	}
}

func TestObject_NullAndWrongKinds(t *testing.T) {
	t.Parallel()
	user := wire.User{Data: wire.Object{"kept": "no"}}
	if err := json.Unmarshal([]byte(`{"data":null}`), &user); err != nil || user.Data != nil {
		t.Errorf("null: %v, %v", user.Data, err)
	}
	err := json.Unmarshal([]byte(`{"data":[]}`), &user)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); !ok || wrong.Field != "data" {
		t.Errorf("a list: %v", err)
	}
}

// Empty is not absent: what was sent empty stays.
func TestRegistration_EmptyMembersStay(t *testing.T) {
	t.Parallel()
	const sent = `{"roles":[],"data":{},"tokens":{},"preferredLanguages":[],"verified":true}`
	var r wire.Registration
	if err := json.Unmarshal([]byte(sent), &r); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != sent {
		t.Errorf("encoded %s, want %s", got, sent)
	}
}

// Every member that clients read or write has its place and its name.
func TestMembers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		into any
		sent string
	}{
		{&wire.User{}, `{"id":"1","tenantId":"2","active":true,"email":"e","username":"n","phoneNumber":"p","uniqueUsername":"n#1","usernameStatus":"ACTIVE",` +
			`"identities":[{"type":"email","value":"e","displayValue":"E","primary":true,"moderationStatus":"ACTIVE","verified":true,"verifiedInstant":1,` +
			`"verifiedReason":"Completed","insertInstant":2,"lastLoginInstant":3,"lastUpdateInstant":4}],"firstName":"f","middleName":"m","lastName":"l",` +
			`"fullName":"f l","birthDate":"2000-01-02","imageUrl":"i","mobilePhone":"+1","parentEmail":"pe","preferredLanguages":["en"],"timezone":"Europe/Berlin",` +
			`"data":{"a":1},"registrations":[{"id":"3","applicationId":"4","roles":["r"],"data":{},"username":"u","usernameStatus":"ACTIVE",` +
			`"authenticationToken":"t","tokens":{"idp":"t"},"preferredLanguages":["de"],"timezone":"UTC","cleanSpeakId":"5","verified":true,"verifiedInstant":5,` +
			`"insertInstant":6,"lastLoginInstant":7,"lastUpdateInstant":8}],"memberships":[{"id":"6","groupId":"7","userId":"1","data":{},"insertInstant":9}],` +
			`"verified":true,"verifiedInstant":10,"twoFactor":{"methods":[{"id":"M","method":"authenticator","name":"n","email":"e","mobilePhone":"+1",` +
			`"authenticator":{"algorithm":"HmacSHA1","codeLength":6,"timeStep":30},"lastUsed":true}],"recoveryCodes":["c"]},"passwordChangeRequired":true,` +
			`"passwordChangeReason":"Administrative","passwordLastUpdateInstant":11,"breachedPasswordStatus":"None","breachedPasswordLastCheckedInstant":12,` +
			`"cleanSpeakId":"8","connectorId":"9","expiry":13,"lastLoginInstant":14,"insertInstant":15,"lastUpdateInstant":16}`},
		{&wire.UserRequest{}, `{"user":{"active":false,"preferredLanguages":[],"data":{},"registrations":[],"memberships":[],"verified":false,"twoFactor":{},` +
			`"passwordChangeRequired":false,"password":"p"},"applicationId":"1","currentPassword":"c","disableDomainBlock":true,"sendSetPasswordEmail":true,` +
			`"sendSetPasswordIdentityType":"email","skipVerification":true,"verificationIds":["v"],"eventInfo":{"ipAddress":"192.0.2.1"}}`},
		{&wire.Webhook{}, `{"id":"1","url":"u","description":"d","enabled":false,"global":true,"tenantIds":["2"],"eventsEnabled":{"user.create":true},` +
			`"connectTimeout":1000,"readTimeout":2000,"headers":{"X-A":"a"},"httpAuthenticationUsername":"n","httpAuthenticationPassword":"p",` +
			`"sslCertificate":"c","sslCertificateKeyId":"3","signatureConfiguration":{"enabled":true,"signingKeyId":"4"},"data":{"owner":"crm"},` +
			`"insertInstant":1,"lastUpdateInstant":2}`},
		{&wire.WebhookSearchRequest{}, `{"search":{"numberOfResults":5,"startRow":10,"orderBy":"url","description":"d","url":"*crm*","tenantId":"1"}}`},
		{&wire.APIKeyRequest{}, `{"apiKey":{"id":"1","key":"k","name":"n","tenantId":"2","keyManager":true,"retrievable":false,"expirationInstant":1,` +
			`"ipAccessControlListId":"3","permissions":{"endpoints":{"/api/webhook":["GET"]}},"metaData":{"attributes":{"description":"d"}},` +
			`"insertInstant":2,"lastUpdateInstant":3},"sourceKeyId":"4"}`},
		{&wire.AuditLogRequest{}, `{"auditLog":{"id":1,"insertInstant":2,"insertUser":"u","message":"m","reason":"r","oldValue":{"a":1},"newValue":"text",` +
			`"data":{},"tenantId":"3"},"eventInfo":{"location":{"city":"c"}}}`},
		{&wire.AuditLogSearchRequest{}, `{"search":{"numberOfResults":1,"start":1,"end":2,"message":"m","user":"u","reason":"r","oldValue":"o","newValue":"n","tenantId":"1"}}`},
		{&wire.EventLogResponse{}, `{"eventLog":{"id":12,"insertInstant":1700000000000,"message":"m","type":"Debug"}}`},
		{&wire.TenantRequest{}, `{"tenant":{"eventConfiguration":{"events":{}},"name":"n"},"sourceTenantId":"1","webhookIds":[],"eventInfo":{"os":"o"}}`},
		{&wire.UserDeleteRequest{}, `{"userIds":["1"],"query":"q","queryString":"s","dryRun":true,"hardDelete":true,"limit":5}`},
		{&wire.UserSearchRequest{}, `{"search":{"numberOfResults":5,"ids":["1"],"queryString":"*","query":{"match_all":{}},"sortFields":[{"name":"email","order":"desc","missing":"_last"}],` +
			`"accurateTotal":true,"expand":["memberships"],"nextResults":"x"},"expand":[]}`},
		{&wire.EntityRequest{}, `{"entity":{"id":"1","name":"n","clientId":"c","clientSecret":"s","data":{"a":1},"parentId":"2","tenantId":"3","type":{"id":"4","name":"t",` +
			`"data":{},"jwtConfiguration":{"enabled":true,"accessTokenKeyId":"5","timeToLiveInSeconds":60},"permissions":[{"id":"6","name":"p","description":"d",` +
			`"data":{},"isDefault":true,"insertInstant":1,"lastUpdateInstant":2}],"insertInstant":3,"lastUpdateInstant":4},"insertInstant":5,"lastUpdateInstant":6},` +
			`"eventInfo":{"os":"o"}}`},
		{&wire.EntityGrantRequest{}, `{"grant":{"id":"1","userId":"2","recipientEntityId":"3","permissions":["p"],"data":{"a":1},"insertInstant":1,"lastUpdateInstant":2}}`},
		{&wire.EntitySearchRequest{}, `{"search":{"numberOfResults":1,"ids":["1"],"queryString":"q","query":"{}","sortFields":[{"name":"name"}],"accurateTotal":true}}`},
		{&wire.EntityGrantSearchRequest{}, `{"search":{"startRow":1,"entityId":"1","userId":"2","recipientEntityId":"3","name":"n"}}`},
		{&wire.Errors{}, `{"fieldErrors":{"webhook.url":[{"code":"[blank]webhook.url","message":"m","data":{"a":"b"}}]},"generalErrors":[{"code":"[X]","message":"m"}]}`},
	} {
		if err := json.Unmarshal([]byte(test.sent), test.into); err != nil {
			t.Errorf("%T: %v", test.into, err)
			continue
		}
		got, err := json.Marshal(test.into)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.sent, string(got)); diff != "" {
			t.Errorf("%T (-sent +got):\n%s", test.into, diff)
		}
	}
}
