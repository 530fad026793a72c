package application

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/loose"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/sealed"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

// secrets lists all there are. The client secret is returned: whoever sets an OAuth client up has to read it.
var secrets = sealed.Members{{Parent: oauthMember, Name: "clientSecret"}}

const oauthMember = "oauthConfiguration"

const longestName = 191

// draft is an application about to be stored.
type draft struct {
	wire.Application

	tenant   wire.ID
	clientID string
}

// checkAll brings the draft into the form in which it is stored, and reports everything that is wrong with it. was is the application before the change,
// nil for a new one. roles says that its roles are to be checked as well.
func (d *draft) checkAll(s *Service, tx *db.Tx, was *wire.Application, roles bool) error {
	var v problem.Validation
	now := wire.Instant(tx.NowMillis())
	d.TenantID, d.Active, d.State, d.InsertInstant, d.LastUpdateInstant = d.tenant, true, wire.Active, now, now
	if was != nil {
		d.Active, d.State, d.InsertInstant = was.Active, was.State, was.InsertInstant
	}
	if err := d.checkName(tx, &v); err != nil {
		return err
	}
	d.Extra = maps.Clone(d.Extra)
	maps.DeleteFunc(d.Extra, func(_ string, raw json.RawMessage) bool { return loose.IsNull(raw) }) // null is how clients say that a member is absent
	if d.Extra == nil {
		d.Extra = map[string]json.RawMessage{}
	}
	if err := d.checkOAuth(tx, &v, was); err != nil {
		return err
	}
	d.checkSettings(&v)
	if err := d.checkReferences(s, tx, &v); err != nil {
		return err
	}
	if roles {
		if err := d.checkRoles(tx, &v); err != nil {
			return err
		}
	}
	return v.Err()
}

func (d *draft) checkName(tx *db.Tx, v *problem.Validation) error {
	const path = "application.name"
	d.Name = strings.TrimSpace(d.Name)
	switch {
	case d.Name == "":
		v.Field(path, "blank", "An application needs a name.")
	case !utf8.ValidString(d.Name) || strings.ContainsRune(d.Name, 0):
		v.Field(path, "invalid", "The name holds bytes that are no text.")
	case utf8.RuneCountInString(d.Name) > longestName:
		v.Field(path, "tooLong", "An application's name has at most %d characters.", longestName)
	default:
		taken, err := nameTaken(tx, d.tenant, d.Name, d.ID)
		if err != nil {
			return err
		}
		v.Check(!taken, path, "duplicate", "There is an application with the name %q already; case does not count.", d.Name)
	}
	return nil
}

// checkOAuth gives an application what its OAuth clients need: the id by which they call it, its own unless told otherwise, and a secret. A change that
// does not mention them keeps them.
func (d *draft) checkOAuth(tx *db.Tx, v *problem.Validation, was *wire.Application) error {
	const path = "application." + oauthMember
	m, _ := loose.CheckObject(v, path, d.Extra[oauthMember])
	if v.Has(path) {
		return nil
	}
	if m == nil {
		m = map[string]json.RawMessage{}
	}
	before := map[string]json.RawMessage{}
	if was != nil {
		before = loose.Members(was.Extra[oauthMember])
	}
	fill := func(name, fresh string) string {
		loose.CheckText(v, path+"."+name, m[name])
		given, _ := loose.Text(m[name])
		kept, _ := loose.Text(before[name])
		value := cmp.Or(strings.TrimSpace(given), kept, fresh)
		m[name], _ = json.Marshal(value) // a text can be encoded
		return value
	}
	d.clientID = fill("clientId", string(d.ID))
	v.Check(utf8.RuneCountInString(d.clientID) <= longestName, path+".clientId", "tooLong", "A client id has at most %d characters.", longestName)
	fill("clientSecret", randomSecret())
	loose.CheckBool(v, path+".generateRefreshTokens", m["generateRefreshTokens"])
	loose.CheckBool(v, path+".requireClientAuthentication", m["requireClientAuthentication"])
	loose.CheckOneOf(v, path+".clientAuthenticationPolicy", m["clientAuthenticationPolicy"], clientAuthentications)
	d.Extra[oauthMember] = loose.Encode(m)
	taken, err := clientTaken(tx, d.clientID, d.ID)
	if err != nil {
		return err
	}
	v.Check(!taken, path+".clientId", "duplicate", "There is an application with this client id already.")
	return nil
}

// withoutClient is what of an application's settings another one may have too.
func withoutClient(extra map[string]json.RawMessage) map[string]json.RawMessage {
	extra = maps.Clone(extra)
	if m := loose.Members(extra[oauthMember]); m != nil {
		delete(m, "clientId")
		delete(m, "clientSecret")
		extra[oauthMember] = loose.Encode(m)
	}
	return extra
}

// randomSecret has 256 bits.
func randomSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// checkSettings checks the members that [Settings] is made of.
func (d *draft) checkSettings(v *problem.Validation) {
	const root = "application."
	tenant.CheckJWT(v, root+"jwtConfiguration", d.Extra["jwtConfiguration"])

	login, _ := loose.CheckObject(v, root+"loginConfiguration", d.Extra["loginConfiguration"])
	for _, name := range []string{"allowTokenRefresh", "generateRefreshTokens", "requireAuthentication"} {
		loose.CheckBool(v, root+"loginConfiguration."+name, login[name])
	}
	factors, _ := loose.CheckObject(v, root+"multiFactorConfiguration", d.Extra["multiFactorConfiguration"])
	loose.CheckOneOf(v, root+"multiFactorConfiguration.loginPolicy", factors["loginPolicy"], tenant.LoginPolicies)
	loose.CheckOneOf(v, root+"multiFactorConfiguration.trustPolicy", factors["trustPolicy"], trustPolicies)

	loose.CheckBool(v, root+"verifyRegistration", d.Extra["verifyRegistration"])
	loose.CheckOneOf(v, root+"verificationStrategy", d.Extra["verificationStrategy"], tenant.VerificationStrategies)
	if loose.Bool(d.Extra["verifyRegistration"], false) {
		const path = root + "verificationEmailTemplateId"
		v.Check(loose.ID(d.Extra["verificationEmailTemplateId"]) != "" || v.Has(path), path, "missing", "An application that verifies registrations needs the template of its message.")
	}
	unverified, _ := loose.CheckObject(v, root+"unverified", d.Extra["unverified"])
	loose.CheckOneOf(v, root+"unverified.behavior", unverified["behavior"], tenant.UnverifiedBehaviors)
	tokens, _ := loose.CheckObject(v, root+"authenticationTokenConfiguration", d.Extra["authenticationTokenConfiguration"])
	loose.CheckBool(v, root+"authenticationTokenConfiguration.enabled", tokens["enabled"])
	if data, ok := loose.CheckObject(v, root+"data", d.Extra["data"]); ok {
		maps.DeleteFunc(data, func(_ string, raw json.RawMessage) bool { return loose.IsNull(raw) })
		d.Extra["data"] = loose.Encode(data)
	}
}

// templateReference is a setting that names a template.
type templateReference struct {
	path    string
	message wire.MessageType // empty for e-mail
	raw     json.RawMessage
}

// templates lists the settings of an application that name templates, in a fixed order.
func templates(extra map[string]json.RawMessage) (all []templateReference) {
	factors := loose.Members(extra["multiFactorConfiguration"])
	for _, f := range []struct {
		name string
		kind wire.MessageType
	}{{"email", ""}, {"sms", wire.SMS}, {"voice", wire.Voice}} {
		all = append(all, templateReference{"multiFactorConfiguration." + f.name + ".templateId", f.kind, loose.Members(factors[f.name])["templateId"]})
	}
	all = append(all, templateReference{"verificationEmailTemplateId", "", extra["verificationEmailTemplateId"]})
	for _, of := range []struct {
		name string
		kind wire.MessageType
	}{{"emailConfiguration", ""}, {"phoneConfiguration", wire.SMS}} {
		m := loose.Members(extra[of.name])
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if strings.HasSuffix(name, "TemplateId") {
				all = append(all, templateReference{of.name + "." + name, of.kind, m[name]})
			}
		}
	}
	return all
}

// checkReferences adds the templates and keys that do not exist, or cannot do what they are named for.
func (d *draft) checkReferences(s *Service, tx *db.Tx, v *problem.Validation) error {
	for _, t := range templates(d.Extra) {
		path := "application." + t.path
		if !loose.CheckID(v, path, t.raw) {
			continue
		}
		exists, err := true, error(nil)
		switch {
		case t.message == "" && s.HasEmailTemplate != nil:
			exists, err = s.HasEmailTemplate(tx, loose.ID(t.raw))
		case t.message != "" && s.HasMessageTemplate != nil:
			exists, err = s.HasMessageTemplate(tx, loose.ID(t.raw), t.message)
		}
		if err != nil {
			return err
		}
		v.Check(exists, path, "invalid", "There is no %s with the id %s.", cmp.Or(map[wire.MessageType]string{
			wire.SMS: "message template of the type SMS", wire.Voice: "message template of the type Voice",
		}[t.message], "e-mail template"), loose.ID(t.raw))
	}
	return s.checkKeys(tx, v, "application.jwtConfiguration", d.Extra["jwtConfiguration"])
}

// UsesEmailTemplate returns the settings that name an e-mail template, each as a phrase. None means that it may be deleted.
func (s *Service) UsesEmailTemplate(tx *db.Tx, id wire.ID) ([]string, error) {
	return s.uses(tx, id, func(t templateReference) bool { return t.message == "" })
}

// UsesMessageTemplate is [Service.UsesEmailTemplate] for a message template.
func (s *Service) UsesMessageTemplate(tx *db.Tx, id wire.ID) ([]string, error) {
	return s.uses(tx, id, func(t templateReference) bool { return t.message != "" })
}

func (s *Service) uses(tx *db.Tx, id wire.ID, of func(templateReference) bool) (by []string, err error) {
	rows, err := rowsNaming(tx, id)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		a, err := s.open(r)
		if err != nil {
			return nil, err
		}
		for _, t := range templates(a.Extra) {
			if of(t) && loose.ID(t.raw) == id {
				by = append(by, fmt.Sprintf("application %q: %s", a.Name, t.path))
			}
		}
	}
	return by, nil
}
