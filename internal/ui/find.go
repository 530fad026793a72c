package ui

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var findRoutes = []route{
	{"GET /admin/find", signedIn, "", 0, (*server).find},
}

type findPage struct {
	Text   string
	Groups []foundGroup
}

// foundGroup are things of one kind.
type foundGroup struct {
	Kind string // the id of a text
	Rows []foundRow
	// More leads to a list of all.
	More string
}

type foundRow struct{ Text, Detail, To string }

// Of each kind so many are shown, and of lists without an index so many are looked at.
const (
	mostFound  = 5
	mostLooked = 5000
	// longestFind is in bytes. Nothing that can be found is longer.
	longestFind = 200
)

// find leads straight to what has the id that was entered, or shows what is called so.
func (s *server) find(v *visit) error {
	page := findPage{Text: strings.TrimSpace(v.FormValue("q"))}
	if id, ok := body.ParseID(page.Text); ok {
		if to, err := s.byID(v, id); err != nil || to != "" {
			if err == nil {
				v.redirect(to)
			}
			return err
		}
	}
	if page.Text != "" && len(page.Text) <= longestFind && problem.IsText(page.Text) {
		for _, look := range []func(*visit, string) (foundGroup, error){
			s.findUsers, s.findWebhooks, s.findTypes, s.findApplications, s.findGroups, s.findTenants, s.findKeys,
		} {
			group, err := look(v, page.Text)
			if err != nil {
				return err
			}
			if len(group.Rows) > 0 {
				page.Groups = append(page.Groups, group)
			}
		}
	}
	return v.show("find", "Find", page)
}

// byID is the page of what has an id, "" when there is nothing, or nothing that the administrator may see.
func (s *server) byID(v *visit, id wire.ID) (to string, err error) {
	exists := func(err error) (bool, error) {
		if errors.Is(err, problem.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	for _, kind := range []struct {
		path string
		load func(ctx context.Context) error
	}{
		{"/admin/log/", func(ctx context.Context) error { _, err := s.WebhookLog.Event(ctx, id); return err }},
		{"/admin/user/", func(ctx context.Context) error { _, err := s.Users.Load(ctx, id); return err }},
		{"/admin/webhook/", func(ctx context.Context) error { _, err := s.Webhooks.Load(ctx, id); return err }},
		{"/admin/application/", func(ctx context.Context) error { _, err := s.Applications.Load(ctx, id); return err }},
		{"/admin/group/", func(ctx context.Context) error { _, err := s.Groups.Load(ctx, id); return err }},
		{"/admin/tenant/", func(ctx context.Context) error { return s.hasTenant(ctx, id) }},
		{"/admin/key/", func(ctx context.Context) error { _, err := s.Keys.Load(ctx, id); return err }},
		{"/admin/messenger/", func(ctx context.Context) error { _, err := s.Messengers.Load(ctx, id); return err }},
		{"/admin/message/", func(ctx context.Context) error { _, err := s.Messages.Load(ctx, id); return err }},
		{"/admin/attempt/", func(ctx context.Context) error { _, err := s.WebhookLog.Attempt(ctx, id); return err }},
	} {
		if !s.shows(v, kind.path+"{id}") {
			continue
		}
		if there, err := exists(kind.load(v.Context())); err != nil || there {
			return kind.path + string(id), err
		}
	}
	return "", nil
}

// shows tells whether there is such a page, and the administrator may see it.
func (s *server) shows(v *visit, path string) bool {
	row, ok := s.byPath[path]
	return ok && (row.area == "" || v.session.May(row.area, admin.View))
}

func (s *server) hasTenant(ctx context.Context, id wire.ID) error {
	exists, err := s.Tenants.Exists(ctx, id)
	if err == nil && !exists {
		err = problem.ErrNotFound
	}
	return err
}

func (s *server) findUsers(v *visit, text string) (g foundGroup, err error) {
	g.Kind, g.More = "Users", "/admin/user?text="+url.QueryEscape(text)
	if !s.shows(v, "/admin/user/{id}") {
		return g, nil
	}
	c := wire.UserSearch{QueryString: quoted(text) + "*", Expand: []string{}}
	c.NumberOfResults = mostFound
	found, _, err := s.Users.Page(v.Context(), v.preferences.Tenant, c, "")
	for _, u := range found {
		row := foundRow{Text: nameOfUser(&u), To: "/admin/user/" + string(u.ID)}
		if login := loginOf(&u); login != row.Text {
			row.Detail = login
		}
		g.Rows = append(g.Rows, row)
	}
	return g, err
}

func (s *server) findWebhooks(v *visit, text string) (g foundGroup, err error) {
	g.Kind, g.More = "Webhooks", "/admin/webhook"
	if !s.shows(v, "/admin/webhook/{id}") {
		return g, nil
	}
	all, err := s.Webhooks.List(v.Context())
	for _, w := range all[:min(len(all), mostLooked)] {
		address := egress.RedactURL(w.URL) // what is secret in it cannot be looked for either
		if row := (foundRow{Text: nameOfWebhook(w), Detail: address, To: "/admin/webhook/" + string(w.ID)}); contain(text, w.Description, address) {
			g.Rows = append(g.Rows, row)
		}
	}
	return g.short(), err
}

func (s *server) findTypes(v *visit, text string) (g foundGroup, err error) {
	g.Kind, g.More = "WebhookLog", "/admin/log"
	if !s.shows(v, "/admin/log/{id}") {
		return g, nil
	}
	for _, d := range event.All() {
		if contain(text, string(d.Type)) {
			g.Rows = append(g.Rows, foundRow{string(d.Type), d.Description, "/admin/log?type=" + url.QueryEscape(string(d.Type))})
		}
	}
	return g.short(), nil
}

func (s *server) findApplications(v *visit, text string) (g foundGroup, err error) {
	g.Kind, g.More = "Applications", "/admin/application?text="+url.QueryEscape(text)
	if !s.shows(v, "/admin/application/{id}") {
		return g, nil
	}
	c := wire.ApplicationSearch{Name: text}
	c.NumberOfResults = mostFound
	found, _, err := s.Applications.Search(v.Context(), v.preferences.Tenant, c)
	for _, a := range found {
		g.Rows = append(g.Rows, foundRow{Text: a.Name, To: "/admin/application/" + string(a.ID)})
	}
	return g, err
}

func (s *server) findGroups(v *visit, text string) (g foundGroup, err error) {
	g.Kind, g.More = "Groups", "/admin/group?text="+url.QueryEscape(text)
	if !s.shows(v, "/admin/group/{id}") {
		return g, nil
	}
	c := wire.GroupSearch{Name: text}
	c.NumberOfResults = mostFound
	found, _, err := s.Groups.Search(v.Context(), v.preferences.Tenant, c)
	for _, one := range found {
		g.Rows = append(g.Rows, foundRow{Text: one.Name, To: "/admin/group/" + string(one.ID)})
	}
	return g, err
}

func (s *server) findTenants(v *visit, text string) (g foundGroup, err error) {
	g.Kind, g.More = "Tenants", "/admin/tenant"
	if !s.shows(v, "/admin/tenant/{id}") {
		return g, nil
	}
	all, err := s.Tenants.List(v.Context())
	for _, t := range all[:min(len(all), mostLooked)] {
		if contain(text, t.Name) {
			g.Rows = append(g.Rows, foundRow{Text: t.Name, To: "/admin/tenant/" + string(t.ID)})
		}
	}
	return g.short(), err
}

func (s *server) findKeys(v *visit, text string) (g foundGroup, err error) {
	g.Kind, g.More = "KeyMaster", "/admin/key"
	if !s.shows(v, "/admin/key/{id}") {
		return g, nil
	}
	all, err := s.Keys.List(v.Context())
	for _, k := range all[:min(len(all), mostLooked)] {
		if contain(text, k.Name, k.KID) {
			g.Rows = append(g.Rows, foundRow{Text: k.Name, Detail: string(k.Algorithm), To: "/admin/key/" + string(k.ID)})
		}
	}
	return g.short(), err
}

// short has the first of the rows.
func (g foundGroup) short() foundGroup {
	g.Rows = g.Rows[:min(len(g.Rows), mostFound)]
	return g
}

// contain tells whether one of the texts contains what is looked for, in any case.
func contain(text string, in ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(in, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}
