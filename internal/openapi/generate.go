package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/swaggest/openapi-go/openapi31"

	"github.com/herald-events/herald/internal/api"
	"github.com/herald-events/herald/wire"
)

// Generate makes the document. root is the folder of the module, where the documentation of types is read.
//
// It fails with a sentence for each route that is not described, and for each description without a route.
func Generate(root string) ([]byte, error) {
	text, err := readProse(root, "wire", "event", "internal/openapi")
	if err != nil {
		return nil, err
	}
	d := &document{schemas: newSchemas(text), asked: map[string]bool{}}
	d.spec = openapi31.Spec{Openapi: "3.1.0"}
	d.spec.Info.WithTitle("Herald").WithVersion("1").WithDescription(strings.TrimSpace(introduction))
	d.spec.Info.WithLicense(*new(openapi31.License).WithName("Apache License 2.0").WithIdentifier("Apache-2.0"))
	d.spec.WithServers(*new(openapi31.Server).WithURL("/").WithDescription("The server that this document is from."))
	if err := d.addOperations(api.Routes()); err != nil {
		return nil, err
	}
	if err := d.addEvents(); err != nil {
		return nil, err
	}
	if err := d.addShared(); err != nil {
		return nil, err
	}
	d.schemas.require(d.asked)
	d.spec.ComponentsEns().Schemas = d.schemas.byName
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d.spec); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = json.Indent(&out, b.Bytes(), "", " ")
	return out.Bytes(), err
}

// document is what is made.
type document struct {
	spec    openapi31.Spec
	schemas *schemas
	asked   map[string]bool // the schemas that requests have
}

// addOperations adds all routes. Both ways: nothing may be missing, here or there.
func (d *document) addOperations(routes []api.Route) error {
	byRoute := map[string]api.Route{}
	for _, r := range routes {
		byRoute[r.Method+" "+r.Pattern] = r
	}
	var wrong []string
	for _, g := range groups {
		d.spec.Tags = append(d.spec.Tags, *new(openapi31.Tag).WithName(g.name).WithDescription(g.about))
		for _, o := range slices.Concat(g.operations...) {
			name := o.method + " " + o.pattern
			r, ok := byRoute[name]
			if !ok {
				wrong = append(wrong, name+" is described in internal/openapi, twice or without being a route.")
				continue
			}
			delete(byRoute, name)
			made, err := d.operation(g, o, r)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := d.spec.AddOperation(o.method, o.pattern, made); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for _, r := range routes {
		if _, left := byRoute[r.Method+" "+r.Pattern]; left {
			wrong = append(wrong, r.Method+" "+r.Pattern+" is a route that internal/openapi does not describe: its package documentation says how.")
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// operation is what the document says about a route: what follows from the route, and what is said of it.
func (d *document) operation(g group, o operation, r api.Route) (out openapi31.Operation, err error) {
	out.WithID(operationID(o)).WithSummary(o.summary).WithTags(g.name)
	if o.about != "" {
		out.WithDescription(o.about)
	}
	out.Security = security[r.Access]
	out.WithMapOfAnythingItem("x-access", r.Access)
	if r.Permission != "" && r.Access != "open" {
		out.WithMapOfAnythingItem("x-permission", r.Permission)
	}
	if out.Parameters, err = d.parameters(o, r); err != nil {
		return out, err
	}
	if o.body != nil {
		if out.RequestBody, err = d.requestBody(o); err != nil {
			return out, err
		}
	}
	return out, d.responses(o, r, out.ResponsesEns())
}

// operationID is unique because the route is: get_webhook_byWebhookId, post_userAction.
func operationID(o operation) string {
	all := []string{strings.ToLower(o.method)}
	for segment := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(o.pattern, "/api"), "/"), "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			segment = "by-" + strings.TrimSuffix(name, "}")
		}
		words := strings.FieldsFunc(segment, func(r rune) bool { return strings.ContainsRune("-._", r) })
		for i, word := range words[1:] {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
		all = append(all, strings.Join(words, ""))
	}
	return strings.Join(all, "_")
}

// security is what a request needs, by the access of its route.
var security = func() map[string][]map[string][]string {
	key, token, password, nothing := map[string][]string{keyScheme: {}}, map[string][]string{tokenScheme: {}}, map[string][]string{passwordScheme: {}}, map[string][]string{}
	return map[string][]map[string][]string{
		"open": {nothing}, "tenant key": {key}, "global key": {key}, "instance key": {key}, "key manager": {key}, "optional key": {key, nothing}, "user or key": {key, token},
		"user or open": {key, token, nothing}, "user": {token}, "metrics key": {key, password},
	}
}()

const keyScheme, tokenScheme, passwordScheme = "apiKey", "accessToken", "apiKeyAsPassword"

// tenantCounts says where the tenant header means something.
func tenantCounts(o operation, r api.Route) bool {
	return o.tenant || slices.Contains([]string{"tenant key", "optional key", "user or key", "user or open"}, r.Access)
}

var inPath = regexp.MustCompile(`\{([^}]+)\}`)

// inPathOtherwise are the segments of paths that are no UUIDs.
var inPathOtherwise = map[string]schemaOf{
	"auditLogId": {"type": "integer", "format": "int64"}, "eventLogId": {"type": "integer", "format": "int64"}, "changePasswordId": {"type": "string"},
	"twoFactorId": {"type": "string"}, "trustId": {"type": "string"}, "verificationId": {"type": "string"},
}

func (d *document) parameters(o operation, r api.Route) (all []openapi31.ParameterOrReference, err error) {
	segments := inPath.FindAllStringSubmatch(o.pattern, -1)
	for i, segment := range segments {
		schema, ok := inPathOtherwise[segment[1]]
		if !ok {
			schema = schemaOf{"type": "string", "format": "uuid"}
		}
		p := openapi31.Parameter{Name: segment[1], In: openapi31.ParameterInPath, Schema: schema}
		if o.chosen && i == len(segments)-1 {
			p.WithDescription("The id that it is to have. Without it, one is made.")
		}
		all = append(all, openapi31.ParameterOrReference{Parameter: p.WithRequired(true)})
	}
	for _, p := range o.parameters {
		more, err := d.query(p)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	if tenantCounts(o, r) {
		all = append(all, openapi31.ParameterOrReference{Reference: &openapi31.Reference{Ref: "#/components/parameters/tenant"}})
	}
	return all, nil
}

// query are the parameters that one description stands for: itself, or the members of a type.
func (d *document) query(p parameter) (all []openapi31.ParameterOrReference, err error) {
	add := func(name, about string, of any) error {
		schema, err := d.schemas.of(of)
		if err != nil {
			return err
		}
		d.schemas.reached(schema, d.asked)
		made := openapi31.Parameter{Name: name, In: openapi31.ParameterInQuery, Schema: schema}
		if about != "" {
			made.WithDescription(about)
		}
		if p.required {
			made.WithRequired(true)
		}
		all = append(all, openapi31.ParameterOrReference{Parameter: &made})
		return nil
	}
	if p.name != "" {
		return all, add(p.name, p.about, p.of)
	}
	for _, m := range members(typeOf(p.of)) {
		value := inQuery(m.field.Type)
		if !fitsQuery(value) {
			continue
		}
		if err := add(m.name, d.schemas.prose.of(m.owner).members[m.field.Name], value); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (d *document) requestBody(o operation) (*openapi31.RequestBodyOrReference, error) {
	schema, err := d.schemas.of(o.body.of)
	if err != nil {
		return nil, err
	}
	d.schemas.reached(schema, d.asked)
	b := openapi31.RequestBody{Content: map[string]openapi31.MediaType{}}
	b.WithRequired(!o.body.optional)
	kind := o.body.kind
	if kind == "" {
		kind = typeJSON
	}
	content := openapi31.MediaType{Schema: schema}
	if o.body.example != "" {
		var shown any
		if err := json.Unmarshal([]byte(o.body.example), &shown); err != nil {
			return nil, fmt.Errorf("the example: %w", err)
		}
		content.Example = &shown
	}
	b.Content[kind] = content
	if o.method == http.MethodPatch {
		patch, err := d.schemas.of([]PatchOperation{})
		if err != nil {
			return nil, err
		}
		b.Content["application/merge-patch+json"] = openapi31.MediaType{Schema: schema}
		b.Content["application/json-patch+json"] = openapi31.MediaType{Schema: patch}
	}
	return &openapi31.RequestBodyOrReference{RequestBody: &b}, nil
}

const typeJSON = "application/json"

// PatchOperation is one operation of a JSON Patch (RFC 6902).
type PatchOperation struct {
	// Op is add, remove, replace, move, copy or test.
	Op string `json:"op"`
	// Path is where: a JSON Pointer (RFC 6901), such as /webhook/tenantIds/0.
	Path string `json:"path"`
	// Value is what to add, to replace with or to compare with.
	Value any `json:"value,omitzero"`
	// From is where to move or copy from.
	From string `json:"from,omitzero"`
}

func (d *document) responses(o operation, r api.Route, out *openapi31.Responses) error {
	answers := o.answers
	succeeds := slices.ContainsFunc(answers, func(a answer) bool { return a.status < 300 })
	if !succeeds {
		answers = append(answers, answer{status: http.StatusOK, about: "Done. The answer has no body."})
	}
	for _, a := range answers {
		made := openapi31.Response{Description: a.about}
		if a.of != nil {
			schema, err := d.schemas.of(a.of)
			if err != nil {
				return err
			}
			kind := a.kind
			if kind == "" {
				kind = typeJSON
			}
			made.WithContentItem(kind, openapi31.MediaType{Schema: schema})
		}
		out.WithMapOfResponseOrReferenceValuesItem(strconv.Itoa(a.status), openapi31.ResponseOrReference{Response: &made})
	}
	for _, name := range d.refusals(o, r) {
		status := strconv.Itoa(refusals[name].status)
		if _, said := out.MapOfResponseOrReferenceValues[status]; !said {
			out.WithMapOfResponseOrReferenceValuesItem(status, openapi31.ResponseOrReference{Reference: &openapi31.Reference{Ref: "#/components/responses/" + name}})
		}
	}
	return nil
}

// refusals are the answers that many routes share.
var refusals = map[string]struct {
	status int
	about  string
	errors bool
}{
	"invalid":         {http.StatusBadRequest, "Something is wrong with the request. The body says what, for all members at once.", true},
	"unauthenticated": {http.StatusUnauthorized, "There is no valid key or token, or it may not do this. The answer has no body.", false},
	"notFound":        {http.StatusNotFound, "There is no such thing, or it is out of reach of the key. The answer has no body.", false},
	"conflict":        {http.StatusConflict, "Somebody else changed the same thing meanwhile, so nothing was changed: `[retryableConflict]`. Try again.", true},
	"tooLarge":        {http.StatusRequestEntityTooLarge, "The body is too large.", true},
	"tooMany":         {http.StatusTooManyRequests, "There were more requests than the server is set to take from one caller: `[RateLimitedException]`. `Retry-After` says in how many seconds to try again.", true},
	"refused":         {http.StatusGatewayTimeout, "Too few webhooks agreed, so nothing was changed: `[WebhookTransactionException]`.", true},
}

// refusals are those that a route can answer with.
func (d *document) refusals(o operation, r api.Route) []string {
	all := []string{"invalid"}
	if r.Access != "open" {
		all = append(all, "unauthenticated")
	}
	if strings.Contains(o.pattern, "{") {
		all = append(all, "notFound")
	}
	if o.method != http.MethodGet && !o.calm {
		all = append(all, "conflict")
	}
	if o.body != nil {
		all = append(all, "tooLarge")
	}
	if r.Limited {
		all = append(all, "tooMany")
	}
	if o.votes {
		all = append(all, "refused")
	}
	return all
}

// addShared adds what operations refer to.
func (d *document) addShared() error {
	errors, err := d.schemas.of(wire.Errors{})
	if err != nil {
		return err
	}
	c := d.spec.ComponentsEns()
	for name, refusal := range refusals {
		made := openapi31.Response{Description: refusal.about}
		if refusal.errors {
			made.WithContentItem(typeJSON, openapi31.MediaType{Schema: errors})
		}
		c.WithResponsesItem(name, openapi31.ResponseOrReference{Response: &made})
	}
	tenant := openapi31.Parameter{Name: "X-FusionAuth-TenantId", In: openapi31.ParameterInHeader, Schema: schemaOf{"type": "string", "format": "uuid"}}
	tenant.WithDescription("The tenant of the request. Needed where there is more than one and neither the key nor an id says which; it narrows everything else to that tenant.")
	c.WithParametersItem("tenant", openapi31.ParameterOrReference{Parameter: &tenant})

	key := new(openapi31.SecurityScheme).WithAPIKey(openapi31.SecuritySchemeAPIKey{Name: "Authorization", In: "header"})
	token := new(openapi31.SecurityScheme).WithHTTPBearer(*new(openapi31.SecuritySchemeHTTPBearer).WithScheme("bearer").WithBearerFormat("JWT"))
	password := new(openapi31.SecurityScheme).WithHTTP(openapi31.SecuritySchemeHTTP{Scheme: "basic"})
	key.WithDescription("An API key. It stands alone, without a scheme in front of it.")
	token.WithDescription("The access token of a user, who then acts for nobody else. Browsers may send it as the cookie access_token instead.")
	password.WithDescription("An API key as the password of the user apikey, for programs that know no other way.")
	for name, scheme := range map[string]*openapi31.SecurityScheme{keyScheme: key, tokenScheme: token, passwordScheme: password} {
		c.WithSecuritySchemesItem(name, openapi31.SecuritySchemeOrReference{SecurityScheme: scheme})
	}
	return nil
}
