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
	"github.com/herald-events/herald/internal/sink"
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
		for _, f := range s.finders(page.Text) {
			if !s.shows(v, f.path) {
				continue
			}
			rows, err := f.look(v, page.Text)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				page.Groups = append(page.Groups, foundGroup{f.kind, rows[:min(len(rows), mostFound)], f.list})
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
		{"/admin/sink/", func(ctx context.Context) error { _, err := s.Sinks.Load(ctx, id); return err }},
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

// finder looks for a text among things of one kind.
type finder struct {
	// kind is the id of a text, path that of one of the things, list where all are that match, or all.
	kind, path, list string
	look             func(v *visit, text string) ([]foundRow, error)
}

func (s *server) finders(text string) []finder {
	narrowed := "?text=" + url.QueryEscape(text)
	return []finder{
		{"Users", "/admin/user/{id}", "/admin/user" + narrowed, s.findUsers},
		{"Webhooks", "/admin/webhook/{id}", "/admin/webhook" + narrowed, s.findWebhooks},
		{"Sinks", "/admin/sink/{id}", "/admin/sink" + narrowed, s.findSinks},
		{"WebhookLog", "/admin/log/{id}", "/admin/log", s.findTypes},
		{"Applications", "/admin/application/{id}", "/admin/application" + narrowed, s.findApplications},
		{"Groups", "/admin/group/{id}", "/admin/group" + narrowed, s.findGroups},
		{"Tenants", "/admin/tenant/{id}", "/admin/tenant?name=" + url.QueryEscape(text), s.findTenants},
		{"KeyMaster", "/admin/key/{id}", "/admin/key" + narrowed, s.findKeys},
	}
}

// fewFound is the page of a search that has the first of what there is.
var fewFound = wire.Page{NumberOfResults: mostFound}

func (s *server) findUsers(v *visit, text string) (rows []foundRow, err error) {
	found, _, err := s.Users.Page(v.Context(), v.preferences.Tenant, wire.UserSearch{QueryString: quoted(text) + "*", Expand: []string{}, Page: fewFound}, "")
	for _, u := range found {
		row := foundRow{Text: nameOfUser(&u), To: "/admin/user/" + string(u.ID)}
		if login := loginOf(&u); login != row.Text {
			row.Detail = login
		}
		rows = append(rows, row)
	}
	return rows, err
}

func (s *server) findWebhooks(v *visit, text string) (rows []foundRow, err error) {
	all, err := s.Webhooks.List(v.Context())
	for _, w := range all[:min(len(all), mostLooked)] {
		if contain(text, wordsOfWebhook(w)) {
			rows = append(rows, foundRow{nameOfWebhook(w), egress.RedactURL(w.URL), "/admin/webhook/" + string(w.ID)})
		}
	}
	return rows, err
}

func (s *server) findSinks(v *visit, text string) (rows []foundRow, err error) {
	all, err := s.Sinks.List(v.Context())
	for _, w := range all[:min(len(all), mostLooked)] {
		if contain(text, wordsOfSink(w)) {
			rows = append(rows, foundRow{w.Name, sink.Address(&w), "/admin/sink/" + string(w.ID)})
		}
	}
	return rows, err
}

func (s *server) findTypes(_ *visit, text string) (rows []foundRow, err error) {
	for _, d := range event.All() {
		if contain(text, string(d.Type)) {
			rows = append(rows, foundRow{string(d.Type), d.Description, "/admin/log?type=" + url.QueryEscape(string(d.Type))})
		}
	}
	return rows, nil
}

func (s *server) findApplications(v *visit, text string) (rows []foundRow, err error) {
	found, _, err := s.Applications.Search(v.Context(), v.preferences.Tenant, wire.ApplicationSearch{Name: text, Page: fewFound})
	for _, a := range found {
		rows = append(rows, foundRow{Text: a.Name, To: "/admin/application/" + string(a.ID)})
	}
	return rows, err
}

func (s *server) findGroups(v *visit, text string) (rows []foundRow, err error) {
	found, _, err := s.Groups.Search(v.Context(), v.preferences.Tenant, wire.GroupSearch{Name: text, Page: fewFound})
	for _, g := range found {
		rows = append(rows, foundRow{Text: g.Name, To: "/admin/group/" + string(g.ID)})
	}
	return rows, err
}

func (s *server) findTenants(v *visit, text string) (rows []foundRow, err error) {
	found, _, err := s.Tenants.Search(v.Context(), wire.TenantSearch{Name: text, Page: fewFound})
	for _, t := range found {
		rows = append(rows, foundRow{Text: t.Name, To: "/admin/tenant/" + string(t.ID)})
	}
	return rows, err
}

func (s *server) findKeys(v *visit, text string) (rows []foundRow, err error) {
	all, err := s.Keys.List(v.Context())
	for _, k := range all[:min(len(all), mostLooked)] {
		if contain(text, k.Name, k.KID) {
			rows = append(rows, foundRow{k.Name, string(k.Algorithm), "/admin/key/" + string(k.ID)})
		}
	}
	return rows, err
}

// contain tells whether one of the texts contains what is looked for, in any case.
func contain(text string, in ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(in, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}
