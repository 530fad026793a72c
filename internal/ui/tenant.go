package ui

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

var tenantRoutes = append(tenantFormRoutes, []route{
	{"GET /admin/tenant", signedIn, admin.Tenants, admin.View, (*server).tenants},
	{"GET /admin/tenant/{id}", signedIn, admin.Tenants, admin.View, (*server).tenant},
	{"GET /admin/tenant/{id}/delete", signedIn, admin.Tenants, admin.Delete, (*server).askDeleteTenant},
	{"POST /admin/tenant/{id}/delete", signedIn, admin.Tenants, admin.Delete, (*server).deleteTenant},
}...)

type tenantsPage struct {
	Tenants []tenantRow
	Name    string
	Total   int
	Default wire.ID
	// Newer and Older are addresses of the parts of the list before and behind, "" for none.
	Newer, Older string
}

type tenantRow struct {
	wire.Tenant
	// Webhooks are how many get its events, Transactional and Events how many types it sends, those that webhooks can refuse and all.
	Webhooks, Transactional, Events int
}

// tenantsPerPage is how many the list has at a time. Tenants are ordered by name and few, so a place in the list is a number.
const tenantsPerPage = 50

func (s *server) tenants(v *visit) error {
	page := tenantsPage{Name: v.FormValue("name")}
	start, _ := strconv.Atoi(v.FormValue("start")) // what is no number is the beginning
	start = min(max(start, 0), mostTenantsListed)
	criteria := wire.TenantSearch{Name: page.Name}
	criteria.NumberOfResults, criteria.StartRow = tenantsPerPage, start
	found, total, err := s.Tenants.Search(v.Context(), criteria)
	if err != nil {
		return err
	}
	webhooks, err := s.Webhooks.List(v.Context())
	if err != nil {
		return err
	}
	if page.Default, err = s.Tenants.DefaultID(v.Context()); err != nil {
		return err
	}
	for _, t := range found {
		row := tenantRow{Tenant: t}
		for _, w := range webhooks {
			if (w.Enabled == nil || *w.Enabled) && (w.Global || slices.Contains(w.TenantIDs, t.ID)) {
				row.Webhooks++
			}
		}
		for name, setting := range t.EventConfiguration.Events {
			if d, ok := event.Lookup(event.Type(name)); ok && setting.Enabled {
				row.Events++
				if d.Transactional {
					row.Transactional++
				}
			}
		}
		page.Tenants = append(page.Tenants, row)
	}
	at := func(start int) string {
		return "/admin/tenant?" + url.Values{"name": {page.Name}, "start": {strconv.Itoa(start)}}.Encode()
	}
	if start > 0 {
		page.Newer = at(max(start-tenantsPerPage, 0))
	}
	if start+len(found) < total {
		page.Older = at(start + tenantsPerPage)
	}
	page.Total = total
	return v.show("tenants", "Tenants", page)
}

// mostTenantsListed is how far the list can be leafed through.
const mostTenantsListed = 1_000_000

// tenant shows one tenant with all that Herald acts on.
func (s *server) tenant(v *visit) error {
	t, err := s.Tenants.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	page, err := s.tenantPage(v, t)
	if err != nil {
		return err
	}
	v.under("Tenants", "/admin/tenant")
	v.of = t.Name
	return v.show("tenant", "Tenant", page)
}

type deleteTenantPage struct {
	question
	Name string
	// Kept says why it cannot be deleted; "" when it can.
	Kept string
}

func (s *server) askDeleteTenant(v *visit) error {
	t, err := s.Tenants.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	standard, err := s.Tenants.DefaultID(v.Context())
	if err != nil {
		return err
	}
	page := deleteTenantPage{Name: t.Name, question: question{
		Text: v.text.say("TenantDeleteAbout"), Do: v.text.say("TenantDelete"), Back: "/admin/tenant/" + string(t.ID),
	}}
	if t.ID == standard {
		page.Kept = v.text.say("TenantDefaultStays")
	} else if page.Effects, err = s.whatIsIn(v, t.ID); err != nil {
		return err
	}
	v.under("Tenants", "/admin/tenant")
	v.of = t.Name
	return v.show("tenant-delete", "TenantDelete", page)
}

// whatIsIn says in numbers what goes with a tenant.
func (s *server) whatIsIn(v *visit, id wire.ID) (effects []string, err error) {
	say := func(text string, n int) {
		if n > 0 {
			effects = append(effects, v.text.say(text, "Count", n))
		}
	}
	everybody := wire.UserSearch{QueryString: "*"}
	everybody.NumberOfResults = 1
	users, err := s.Users.Search(v.Context(), id, everybody)
	if err != nil {
		return nil, err
	}
	if users.Total > search.MaxCount {
		effects = append(effects, v.text.say("TenantHasManyUsers"))
	} else {
		say("TenantHasUsers", users.Total)
	}
	applications := 0
	for _, active := range []bool{true, false} {
		all, err := s.Applications.List(v.Context(), id, active)
		if err != nil {
			return nil, err
		}
		applications += len(all)
	}
	say("TenantHasApplications", applications)
	groups, err := s.Groups.List(v.Context(), id)
	if err != nil {
		return nil, err
	}
	say("TenantHasGroups", len(groups))
	_, entities, err := s.Entities.Search(v.Context(), id, wire.EntitySearch{Page: wire.Page{NumberOfResults: 1}})
	if err != nil {
		return nil, err
	}
	say("TenantHasEntities", entities)
	webhooks, err := s.Webhooks.List(v.Context())
	if err != nil {
		return nil, err
	}
	bound := 0
	for _, w := range webhooks {
		if !w.Global && slices.Contains(w.TenantIDs, id) {
			bound++
		}
	}
	say("TenantHasWebhooks", bound)
	if len(effects) == 0 {
		effects = []string{v.text.say("TenantIsEmpty")}
	}
	return effects, nil
}

func (s *server) deleteTenant(v *visit) error {
	t, err := s.Tenants.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	var wrong problem.Validation
	wrong.Check(v.PostFormValue("name") == t.Name, "name", "confirm", "%s", v.text.say("TenantNameAgainWrong"))
	if err = wrong.Merge(v.confirm()); err == nil {
		err = wrong.Err()
	}
	if err == nil {
		err = remove(v, "tenant", t.ID, t, func(ctx context.Context, id wire.ID) error { return s.Tenants.Delete(ctx, id, v.info()) })
	}
	if err != nil {
		return v.again(err, func() error { return s.askDeleteTenant(v) })
	}
	return v.done("TenantDeleted", "/admin/tenant")
}

// boundWebhook is a webhook with a check box: whether it gets the events of a tenant.
type boundWebhook struct {
	webhookRow
	Bound bool
}

// tenantPage is a tenant as its screens show it, and its form.
type tenantPage struct {
	wire.Tenant
	// New tells that the tenant does not exist yet, Default that it is the one that cannot be deleted.
	New, Default bool
	Tabs         []settingTab
	Webhooks     []boundWebhook
	Groups       []tenantEvents
	// Mail is what came of a test e-mail; nil without one.
	Mail *mailTrial

	raw members
	// secrets tells, by path, which are set.
	secrets map[string]bool
	choices map[string][]option
}

// tenantPage makes the page of a tenant. One without an id is new.
func (s *server) tenantPage(v *visit, t wire.Tenant) (page *tenantPage, err error) {
	page = &tenantPage{Tenant: t, New: t.ID == "", Tabs: tenantTabs, secrets: map[string]bool{}}
	if page.raw, err = openObject(t); err != nil {
		return nil, err
	}
	if page.choices, err = s.choicesOf(v); err != nil {
		return nil, err
	}
	if !page.New {
		server, err := s.Tenants.Mail(v.Context(), t.ID)
		if p, ok := problem.As(err); err != nil && (!ok || p.Kind != problem.Invalid) {
			return nil, err
		}
		page.secrets["emailConfiguration.password"] = server.Password != ""
	}
	page.secrets["emailConfiguration.sslCertificate"] = page.raw.text("emailConfiguration.sslCertificate") != ""
	standard, err := s.Tenants.DefaultID(v.Context())
	if err != nil {
		return nil, err
	}
	page.Default = t.ID == standard
	webhooks, err := s.Webhooks.List(v.Context())
	if err != nil {
		return nil, err
	}
	chosen, isChosen := v.PostForm["webhookIds[]"]
	isChosen = isChosen && v.problem != nil
	for i, w := range webhooks {
		bound := slices.Contains(w.TenantIDs, t.ID)
		if isChosen {
			bound = slices.Contains(chosen, string(w.ID))
		}
		page.Webhooks = append(page.Webhooks, boundWebhook{s.webhookRow(w), w.Global || bound})
		if !w.Global { // as it would be
			webhooks[i].TenantIDs = nil
			if bound {
				webhooks[i].TenantIDs = []wire.ID{t.ID}
			}
		}
	}
	slices.SortFunc(page.Webhooks, func(a, b boundWebhook) int { return cmp.Compare(nameOfWebhook(a.Webhook), nameOfWebhook(b.Webhook)) })
	page.Groups, err = s.tenantEvents(v, t, webhooks)
	return page, err
}
