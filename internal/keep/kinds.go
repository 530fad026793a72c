package keep

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// Owner is what the objects of a kind belong to, and go with. But for Installation it is the name of the member that has its id.
type Owner string

const (
	// Installation is nobody in particular: such objects are shared by all tenants.
	Installation Owner = ""
	// Tenant is the tenant that an object may name.
	Tenant Owner = "tenantId"
	// Application is the application that the path names.
	Application Owner = "applicationId"
	// User is the user that an object names. It cannot change.
	User Owner = "userId"
)

func (o Owner) noun() string { return strings.TrimSuffix(string(o), "Id") }

// Kind is one kind of kept object: where the API has it, and what little is demanded of it.
type Kind struct {
	// Name is its name in the store, which must never change.
	Name string
	// Noun names one for people: "a theme".
	Noun string
	// Path is where the API has all of them, ID the name of the segment behind it that has the id of one. The path of what belongs to an
	// application has a segment {applicationId}.
	Path, ID string
	// One and Many are the members of requests and answers that hold one, and several.
	One, Many string
	// Owner is what they belong to.
	Owner Owner
	// Refers names another kind, one of which each object names in the member with that name and the ending Id. It goes with that one, and
	// answers show it.
	Refers string
	// Unique says that no two have the same name, case aside: of an application, else of all there are.
	Unique bool
	// Required are the members that must be there, each with the word for its absence: blank, missing or empty.
	Required [][2]string
	// Fixed members cannot change. A change that does not mention one keeps it.
	Fixed []string
	// Presets are the values of members that nobody has given one.
	Presets Object
	// Booleans, Integers and IDs are members of that type. They may be sent as texts, in any case; all others are kept as they were sent.
	Booleans, Integers, IDs []string
	// Sealed says that objects hold credentials, so that they are encrypted at rest.
	Sealed bool
	// Search lists what can be searched for: name, type, body, applicationId, tenantId. Nil when there is no search.
	Search []string
	// Copies is the member of a creation that names an object to copy. Empty when there is none.
	Copies string
	// Revoked says that a deletion keeps the object, with the status Revoked.
	Revoked bool
	// Defaults are there from the first start, and can be neither changed nor deleted.
	Defaults map[wire.ID]Object
}

// IdentityProviders are what users can be linked to.
var IdentityProviders = &Kind{
	Name: "identityProvider", Noun: "an identity provider", Path: "/api/identity-provider", ID: "identityProviderId", One: "identityProvider",
	Many: "identityProviders", Owner: Tenant, Required: [][2]string{{"type", "missing"}}, Fixed: []string{"type"}, Booleans: []string{"debug", "enabled"},
	IDs: []string{"tenantId"}, Sealed: true, Search: []string{"name", "type", "applicationId", "tenantId"},
}

// Kinds is the table of all kinds.
var Kinds = []*Kind{
	{
		Name: "theme", Noun: "a theme", Path: "/api/theme", ID: "themeId", One: "theme", Many: "themes", Unique: true,
		Required: [][2]string{{"name", "blank"}}, Presets: Object{"type": text("advanced")}, Search: []string{"name", "type"}, Copies: "sourceThemeId",
		Defaults: map[wire.ID]Object{tenant.DefaultThemeID: {"name": text("Herald"), "type": text("advanced")}},
	},
	{
		Name: "form", Noun: "a form", Path: "/api/form", ID: "formId", One: "form", Many: "forms", Unique: true,
		Required: [][2]string{{"name", "blank"}, {"steps", "empty"}}, Presets: Object{"type": text("registration")},
	},
	{
		Name: "formField", Noun: "a form field", Path: "/api/form/field", ID: "fieldId", One: "field", Many: "fields", Unique: true,
		Required: [][2]string{{"name", "blank"}}, Presets: Object{"control": text("text"), "type": text("string")},
		Booleans: []string{"confirm", "required"}, IDs: []string{"consentId"},
	},
	{
		Name: "lambda", Noun: "a lambda", Path: "/api/lambda", ID: "lambdaId", One: "lambda", Many: "lambdas",
		Required: [][2]string{{"name", "blank"}, {"body", "blank"}, {"type", "missing"}}, Fixed: []string{"type"}, Presets: Object{"engineType": text("GraalJS")},
		Booleans: []string{"debug"}, Search: []string{"name", "type", "body"},
	},
	{
		Name: "consent", Noun: "a consent", Path: "/api/consent", ID: "consentId", One: "consent", Many: "consents", Unique: true,
		Required: [][2]string{{"name", "blank"}, {"defaultMinimumAgeForSelfConsent", "missing"}}, Booleans: []string{"multipleValuesAllowed"},
		Integers: []string{"defaultMinimumAgeForSelfConsent"}, IDs: []string{"consentEmailTemplateId"}, Search: []string{"name"},
	},
	{
		Name: "userConsent", Noun: "a consent of a user", Path: "/api/user/consent", ID: "userConsentId", One: "userConsent", Many: "userConsents",
		Owner: User, Refers: "consent", Required: [][2]string{{"consentId", "missing"}, {"giverUserId", "missing"}, {"userId", "missing"}},
		Fixed: []string{"consentId", "giverUserId", "userId"}, Presets: Object{"status": text("Active")}, IDs: []string{"consentId", "giverUserId", "userId"},
		Revoked: true,
	},
	{
		Name: "scope", Noun: "a scope", Path: "/api/application/{applicationId}/scope", ID: "scopeId", One: "scope", Many: "scopes",
		Owner: Application, Unique: true, Required: [][2]string{{"name", "blank"}}, Booleans: []string{"required"},
	},
	IdentityProviders,
	{
		Name: "connector", Noun: "a connector", Path: "/api/connector", ID: "connectorId", One: "connector", Many: "connectors", Unique: true,
		Required: [][2]string{{"name", "blank"}, {"type", "missing"}}, Fixed: []string{"type"}, Booleans: []string{"debug"},
		Integers: []string{"connectTimeout", "readTimeout"}, IDs: []string{"sslCertificateKeyId"}, Sealed: true,
		Defaults: map[wire.ID]Object{DefaultConnectorID: {"name": text("Default"), "type": text("FusionAuth"), "debug": json.RawMessage("false")}},
	},
	{
		Name: "ipAccessControlList", Noun: "an IP access control list", Path: "/api/ip-acl", ID: "ipAccessControlListId", One: "ipAccessControlList",
		Many: "ipAccessControlLists", Unique: true, Required: [][2]string{{"name", "blank"}, {"entries", "empty"}}, Search: []string{"name"},
	},
}

// DefaultConnectorID names the connector for users whose passwords are kept here. It is FusionAuth's, because clients and tenants name it.
const DefaultConnectorID wire.ID = "e3306678-a53a-4964-9040-1c96f36dda72"

func text(s string) json.RawMessage {
	raw, _ := json.Marshal(s) // text can always be encoded
	return raw
}

// kindNamed returns a kind by its name, which must be one.
func kindNamed(name string) *Kind {
	return Kinds[slices.IndexFunc(Kinds, func(k *Kind) bool { return k.Name == name })]
}

// path is the path of a member in a request.
func (k *Kind) path(member string) string { return k.One + "." + member }

// reference is the member with the id of what objects refer to.
func (k *Kind) reference() string { return k.Refers + "Id" }

// name is the name of an object, "" without one.
func (k *Kind) name(o Object) string {
	name, _ := loose.Text(o["name"])
	return name
}

// refuseDefault keeps what is there from the first start as it is: kickstart files count on finding it.
func (k *Kind) refuseDefault(id wire.ID) error {
	if _, is := k.Defaults[id]; !is {
		return nil
	}
	var v problem.Validation
	v.Field(k.ID, "invalid", "This is the default one, which can be neither changed nor deleted.")
	return v.Err()
}
