package ui

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/messenger"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/wire"
)

var tenantFormRoutes = []route{
	{"GET /admin/tenant/add", signedIn, admin.Tenants, admin.Change, (*server).addTenant},
	{"POST /admin/tenant/add", signedIn, admin.Tenants, admin.Change, (*server).createTenant},
	{"GET /admin/tenant/{id}/edit", signedIn, admin.Tenants, admin.Change, (*server).editTenant},
	{"POST /admin/tenant/{id}/edit", signedIn, admin.Tenants, admin.Change, (*server).updateTenant},
	{"GET /admin/tenant/{id}/duplicate", signedIn, admin.Tenants, admin.Change, (*server).askDuplicateTenant},
	{"POST /admin/tenant/{id}/duplicate", signedIn, admin.Tenants, admin.Change, (*server).duplicateTenant},
	{"GET /admin/tenant/meaning", signedIn, admin.Tenants, admin.View, (*server).meaning},
}

// tenantRequest is what the form is read as.
type tenantRequest struct {
	TenantID   wire.ID     `json:"tenantId,omitzero"`
	Tenant     wire.Tenant `json:"tenant"`
	WebhookIDs []wire.ID   `json:"webhookIds,omitzero"`
}

// bound is a tenant with its webhooks, for the audit log.
type bound struct {
	Tenant     wire.Tenant `json:"tenant"`
	WebhookIDs []wire.ID   `json:"webhookIds,omitzero"`
}

func (s *server) addTenant(v *visit) error { return s.showTenantForm(v, wire.Tenant{}, nil) }

func (s *server) createTenant(v *visit) error {
	if done, err := s.lookedAt(v, wire.Tenant{}); done || err != nil {
		return err
	}
	request, err := v.tenantOf(wire.Tenant{})
	id := request.TenantID
	if err == nil {
		id, err = create(v, "tenant", id, request, func(ctx context.Context, id wire.ID, r tenantRequest) (tenantRequest, error) {
			_, err := s.Tenants.Create(ctx, id, "", r.Tenant, r.WebhookIDs)
			return r, err
		})
	}
	if err != nil {
		return v.again(err, func() error { return s.showTenantForm(v, wire.Tenant{}, nil) })
	}
	return v.done("TenantCreated", "/admin/tenant/"+string(id))
}

func (s *server) editTenant(v *visit) error {
	t, err := s.Tenants.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	return s.showTenantForm(v, t, nil)
}

func (s *server) updateTenant(v *visit) error {
	t, err := s.Tenants.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	if done, err := s.lookedAt(v, t); done || err != nil {
		return err
	}
	c := v.changing("Changed the tenant %s", t.ID).of("tenant", t.ID)
	_, err = s.Applications.UpdateTenant(c.context(), t.ID, v.info(), func(current wire.Tenant) (wire.Tenant, []wire.ID, error) {
		request, err := v.tenantOf(current)
		c.before, c.after = bound{Tenant: current}, bound{request.Tenant, request.WebhookIDs}
		return request.Tenant, request.WebhookIDs, err
	})
	if err != nil {
		return v.again(err, func() error { return s.showTenantForm(v, t, nil) })
	}
	return v.done("TenantSaved", "/admin/tenant/"+string(t.ID))
}

// lookedAt does what the form asks for besides being saved, and tells whether that was it.
func (s *server) lookedAt(v *visit, t wire.Tenant) (done bool, err error) {
	if err := v.ParseForm(); err != nil {
		return false, problem.New(problem.Invalid, "[invalidForm]", "The form could not be read: %v.", err)
	}
	switch bulk := v.FormValue("bulk"); {
	case bulk != "":
		v.bulk(bulk)
		return true, s.showChanged(v, t)
	case v.FormValue("show") != "":
		return true, s.showChanged(v, t)
	case v.FormValue("try") != "" && t.ID != "":
		return true, s.tryMail(v, t)
	}
	return false, nil
}

// tenantOf is what the form makes of a tenant.
func (v *visit) tenantOf(current wire.Tenant) (request tenantRequest, err error) {
	var wrong problem.Validation
	change, err := v.document()
	if err := wrong.Merge(err); err != nil {
		return request, err
	}
	raw, err := openObject(current)
	if err != nil {
		return request, err
	}
	if of, ok := change["tenant"].(map[string]any); ok {
		keepMailSecrets(of, raw)
		prune(of, raw, "", func(path string) (string, bool) {
			if strings.HasPrefix(path, "eventConfiguration.events.") {
				return map[bool]string{true: "false", false: string(wire.None)}[strings.HasSuffix(path, ".enabled")], true
			}
			standard, known := settingDefaults[path]
			return standard, known
		})
	}
	text, err := body.Encode(change)
	if err != nil {
		return request, err
	}
	if err := wrong.Merge(body.Patch(body.MergePatch, tenantRequest{Tenant: current}, text, &request, largestForm)); err != nil {
		return request, err
	}
	if custom := strings.TrimSpace(v.PostFormValue("customType")); custom != "" {
		if request.Tenant.EventConfiguration.Events == nil {
			request.Tenant.EventConfiguration.Events = wire.Map[wire.EventSetting]{}
		}
		_, known := event.Lookup(event.Type(custom))
		wrong.Check(known && event.IsCustom(event.Type(custom)), "customType", "invalid", "%s", v.text.say("CustomTypeWrong"))
		request.Tenant.EventConfiguration.Events[custom] = wire.EventSetting{Enabled: true}
	}
	v.checkNumbers(&wrong)
	return request, wrong.Err()
}

// keepMailSecrets puts the values of secret mail headers into a change that were not shown, and so came back empty.
func keepMailSecrets(change, current members) {
	headers, _ := change.find("emailConfiguration.additionalHeaders").([]any)
	stored := (&tenantPage{raw: current}).mailHeaders()
	for _, header := range headers {
		object, _ := header.(map[string]any)
		name, value := members(object).text("name"), members(object).text("value")
		at := slices.IndexFunc(stored, func(h mailHeader) bool { return strings.EqualFold(h.Name, strings.TrimSpace(name)) })
		if at >= 0 && value == "" && isSecretHeader(name) {
			object["value"] = stored[at].Value
		}
	}
}

// checkNumbers adds the numbers of the form that are none: not all are looked at by the tenants themselves, which take most settings as they come.
func (v *visit) checkNumbers(wrong *problem.Validation) {
	for name, values := range v.PostForm {
		path, kind := split(name)
		text := strings.TrimSpace(values[len(values)-1])
		wrong.Check(kind != "number" || text == "" || wholeNumber(text), path, "couldNotConvert", "%s", v.text.say("WholeNumberWrong"))
	}
}

func wholeNumber(text string) bool {
	_, err := json.Number(text).Int64()
	return err == nil
}

// showChanged shows the form as it was entered, with nothing wrong in it; or only the part about events, to what asks for that.
func (s *server) showChanged(v *visit, t wire.Tenant) error {
	v.problem = &problem.Error{}
	if !v.isPart() {
		return s.showTenantForm(v, t, nil)
	}
	page, err := s.tenantPage(v, t)
	if err != nil {
		return err
	}
	return v.part("tenant-form", "event-settings", page)
}

func (s *server) showTenantForm(v *visit, t wire.Tenant, came *mailTrial) error {
	page, err := s.tenantPage(v, t)
	if err != nil {
		return err
	}
	page.Mail = came
	v.under("Tenants", "/admin/tenant")
	if page.New {
		return v.show("tenant-form", "TenantAdd", page)
	}
	v.of = t.Name
	return v.show("tenant-form", "TenantEdit", page)
}

// Action is where the form goes.
func (f *tenantPage) Action() string {
	if f.New {
		return "/admin/tenant/add"
	}
	return "/admin/tenant/" + string(f.ID) + "/edit"
}

// Back is where to go instead.
func (f *tenantPage) Back() string { return strings.TrimSuffix("/admin/tenant/"+string(f.ID), "/") }

// meaning says what the setting of one event means, with the values that a form has at the moment.
func (s *server) meaning(v *visit) error {
	id := wire.ID(v.FormValue("tenant"))
	d, known := event.Lookup(event.Type(v.FormValue("type")))
	if !known {
		return problem.ErrNotFound
	}
	webhooks, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	chosen := v.Form["webhookIds[]"]
	for i := range webhooks {
		if w := &webhooks[i]; !w.Global {
			w.TenantIDs = nil
			for _, one := range chosen {
				if one == string(w.ID) {
					w.TenantIDs = []wire.ID{id}
				}
			}
		}
	}
	judge, err := s.judge(v, id, webhooks)
	if err != nil {
		return err
	}
	e := tenantEvent{Descriptor: d, Rule: wire.TransactionType(v.FormValue(eventPath(d.Type) + ".transactionType"))}
	if enabled := v.Form[eventPath(d.Type)+".enabled:bool"]; len(enabled) > 0 {
		e.Enabled = enabled[len(enabled)-1] == "true"
	}
	if !isRule(e.Rule) {
		e.Rule = wire.None
	}
	judge(&e)
	return v.part("tenant-form", "meaning", e.Meaning)
}

type duplicateTenantPage struct{ Source wire.Tenant }

func (s *server) askDuplicateTenant(v *visit) error {
	t, err := s.Tenants.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	v.under("Tenants", "/admin/tenant")
	v.of = t.Name
	return v.show("tenant-duplicate", "TenantDuplicate", duplicateTenantPage{t})
}

func (s *server) duplicateTenant(v *visit) error {
	source, err := s.Tenants.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	var request tenantRequest
	err = v.fill(struct{}{}, &request)
	id := request.TenantID
	if err == nil {
		id, err = create(v, "tenant", id, map[string]any{"tenant": map[string]any{"name": request.Tenant.Name}, "sourceTenantId": source.ID},
			func(ctx context.Context, id wire.ID, o map[string]any) (map[string]any, error) {
				_, err := s.Tenants.Create(ctx, id, source.ID, wire.Tenant{Name: request.Tenant.Name}, nil)
				return o, err
			})
	}
	if err != nil {
		return v.again(err, func() error { return s.askDuplicateTenant(v) })
	}
	return v.done("TenantCreated", "/admin/tenant/"+string(id))
}

// mailTrial is what came of a test e-mail.
type mailTrial struct {
	wire.MessageAttempt
	Accepted, Unknown bool
}

// tryMail sends an e-mail as the form says, which need not be stored, and shows what the server answered.
func (s *server) tryMail(v *visit, t wire.Tenant) error {
	request, err := v.tenantOf(t)
	var wrong problem.Validation
	if err := wrong.Merge(err); err != nil {
		return err
	}
	stored, err := s.Tenants.Mail(v.Context(), t.ID)
	if p, ok := problem.As(err); err != nil && (!ok || p.Kind != problem.Invalid) {
		return err
	}
	server, err := tenant.MailAs(stored, "tenant.emailConfiguration", request.Tenant.Extra["emailConfiguration"])
	if err := wrong.Merge(err); err != nil {
		return err
	}
	test := messenger.EmailTrial(&wrong, v.PostFormValue("to"))
	show := func(came *mailTrial) error {
		if v.isPart() {
			v.status = 200 // what asks for a part of a page puts in its place whatever comes
			return v.part("tenant-form", "mail-trial-part", came)
		}
		return s.showTenantForm(v, t, came)
	}
	if err := wrong.Err(); err != nil {
		return v.again(err, func() error { return show(nil) })
	}
	a := s.Messengers.Mail(server).Send(v.Context(), test)
	// The e-mail has been sent, so its record must not depend on whether somebody still looks.
	if err := s.Messages.RecordTest(context.WithoutCancel(v.Context()), t.ID, wire.KindEmail, test.To[0].Address, a); err != nil {
		return err
	}
	v.problem = &problem.Error{} // nothing is wrong, and the form is shown as it was entered
	return show(&mailTrial{MessageAttempt: a.MessageAttempt, Accepted: a.Accepted(), Unknown: a.Unknown})
}
