package ui

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/useraction"
	"github.com/herald-events/herald/wire"
)

var userRoutes = append(append(userFormRoutes, registrationRoutes...), []route{
	{"GET /admin/user", signedIn, admin.Users, admin.View, (*server).users},
	{"GET /admin/user/{id}", signedIn, admin.Users, admin.View, (*server).user},
}...)

type usersPage struct {
	Text, State string
	Application wire.ID
	// Applications and States are what the list can be narrowed to.
	Applications, States []option
	Users                []wire.User
	Pages                pager
	// Stopped says that the page is not full because looking took too long.
	Stopped bool
	Problem string
	names   names
}

// Filtered tells whether the list is narrowed.
func (p usersPage) Filtered() bool { return p.Text != "" || p.State != "" || p.Application != "" }

// Tenant is how the tenant of a user is called.
func (p usersPage) Tenant(id wire.ID) string { return p.names.of(id) }

// ManyTenants tells whether it needs to be said.
func (p usersPage) ManyTenants() bool { return len(p.names) > 1 }

// names are what objects are called, by their ids.
type names map[wire.ID]string

// of is the name, or the id where there is none.
func (n names) of(id wire.ID) string { return cmp.Or(n[id], string(id)) }

// tenantNames are those of the tenants that a list has: of none when one is chosen.
func (s *server) tenantNames(v *visit) (names, error) {
	all := names{}
	if v.preferences.Tenant != "" {
		return all, nil
	}
	tenants, err := s.Tenants.List(v.Context())
	for _, t := range tenants {
		all[t.ID] = t.Name
	}
	return all, err
}

// NameOf is what people call a user.
func (f frame) NameOf(u wire.User) string { return nameOfUser(&u) }

func nameOfUser(u *wire.User) string {
	return cmp.Or(u.FullName, strings.TrimSpace(u.FirstName+" "+u.LastName), loginOf(u))
}

// LoginOf is what a user logs in with.
func (f frame) LoginOf(u wire.User) string { return loginOf(&u) }

func loginOf(u *wire.User) string {
	return cmp.Or(u.Email, u.Username, u.PhoneNumber, string(u.ID))
}

// users is the list of users, as far as they match.
func (s *server) users(v *visit) (err error) {
	page := usersPage{Text: strings.TrimSpace(v.FormValue("text")), State: v.FormValue("state"), Application: wire.ID(v.FormValue("application"))}
	page.States = choices(page.State, option{Text: v.text.say("AllStates")}, option{Value: "active", Text: v.text.say("UserActive")},
		option{Value: "inactive", Text: v.text.say("UserInactive")})
	if page.Applications, err = s.applicationChoices(v, v.preferences.Tenant, page.Application, v.text.say("AllApplications")); err != nil {
		return err
	}
	if page.names, err = s.tenantNames(v); err != nil {
		return err
	}
	criteria := wire.UserSearch{QueryString: userQuery(page), Expand: []string{"registrations"}}
	var links search.Links
	page.Users, links, err = s.Users.Page(v.Context(), v.preferences.Tenant, criteria, search.Cursor(v.FormValue("at")))
	if p, ok := problem.As(err); ok && p.Kind == problem.Invalid {
		page.Problem, err = messageOf(p), nil
	}
	if err != nil {
		return err
	}
	page.Pages, page.Stopped = v.pager(links), links.Stopped
	return v.show("users", "Users", page)
}

// userQuery makes a query of what the filter has. A plain text finds what begins with it; who writes a query gets what it says.
func userQuery(page usersPage) string {
	var clauses []string
	switch text := page.Text; {
	case text == "":
	case strings.ContainsAny(text, `:*?"\`):
		clauses = append(clauses, text)
	default:
		clauses = append(clauses, quoted(text)+"*")
	}
	if page.Application != "" {
		clauses = append(clauses, "registrations.applicationId:"+quoted(string(page.Application)))
	}
	switch page.State {
	case "active":
		clauses = append(clauses, "active:true")
	case "inactive":
		clauses = append(clauses, "active:false")
	}
	return strings.Join(clauses, " AND ")
}

// quoted takes every character literally.
func quoted(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 128 && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

type userPage struct {
	wire.User
	Tenant string
	// MayChange and MayRemove tell what the administrator may do with this user, given the right to do it with others.
	MayChange, MayRemove bool
	IsAdmin              bool
	Data                 string
	RegisteredWith       []registrationRow
	Groups               []link
	Events               []logRow
	Logins               []wire.LoginRecord
	Actions              []actionRow
}

type registrationRow struct {
	wire.Registration
	Name string
	May  bool
}

type actionRow struct {
	wire.UserActionLog
	// Lasts tells whether it is still in force, so that it can be cancelled.
	Lasts bool
}

// Forever tells whether the action does not end by itself.
func (a actionRow) Forever() bool { return a.Expiry == wire.Forever }

// How many of each the page of a user shows.
const (
	newestOfUser  = 20
	actionsOfUser = 50
)

// user shows a user with all that belongs to it, and what has happened lately.
func (s *server) user(v *visit) error {
	u, err := s.Users.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := userPage{
		User: u.User, MayChange: v.session.MayChangeUser(&u.User) == nil, MayRemove: v.session.MayRemoveUser(&u.User) == nil, IsAdmin: admin.IsRegistered(&u.User),
	}
	if page.Tenant, err = s.tenantName(v, u.TenantID); err != nil {
		return err
	}
	if page.Data, err = jsonOf(u.Data); err != nil {
		return err
	}
	all, err := s.Applications.Registry(v.Context())
	if err != nil {
		return err
	}
	for _, r := range u.Registrations {
		row := registrationRow{Registration: r, Name: string(r.ApplicationID), May: v.session.MayRegister(&u.User, r.ApplicationID) == nil}
		if a := all.Find(r.ApplicationID); a != nil {
			row.Name = a.Name
		}
		page.RegisteredWith = append(page.RegisteredWith, row)
	}
	for _, m := range u.Memberships {
		g, err := s.Groups.Load(v.Context(), m.GroupID)
		if err != nil {
			continue // gone at this moment
		}
		page.Groups = append(page.Groups, link{Text: g.Name, To: "/admin/group/" + string(g.ID)})
	}
	if v.session.May(admin.WebhookLog, admin.View) {
		about := wire.WebhookEventLogSearch{LinkedObjectID: u.ID, Period: wire.Period{Start: 1}}
		about.NumberOfResults = newestOfUser
		events, _, err := s.WebhookLog.Page(v.Context(), about, "")
		if err != nil {
			return err
		}
		page.Events = logRows(events)
	}
	of := wire.LoginRecordSearch{UserID: u.ID}
	of.NumberOfResults = newestOfUser
	if page.Logins, _, err = s.Logins.PageRecords(v.Context(), u.TenantID, of, ""); err != nil {
		return err
	}
	actions, err := s.UserActions.List(v.Context(), "", u.ID, useraction.All)
	if err != nil {
		return err
	}
	now := wire.Instant(v.began.UnixMilli())
	for _, a := range actions[:min(len(actions), actionsOfUser)] {
		page.Actions = append(page.Actions, actionRow{a, a.Expiry > now && !a.EndEventSent})
	}
	v.under("Users", "/admin/user")
	v.of = nameOfUser(&u.User)
	return v.show("user", "UserTitle", page)
}

func (s *server) tenantName(v *visit, id wire.ID) (string, error) {
	settings, err := s.Tenants.Settings(v.Context())
	if err != nil {
		return "", err
	}
	t, _ := settings.Find(id)
	return cmp.Or(t.Name, string(id)), nil
}

// jsonOf is free data as JSON for people, "" for none.
func jsonOf(data wire.Object) (string, error) {
	if len(data) == 0 {
		return "", nil
	}
	text, err := json.MarshalIndent(data, "", "  ")
	return string(text), err
}

// choices marks the option that is chosen.
func choices(chosen string, all ...option) []option {
	for i := range all {
		all[i].Chosen = all[i].Value == chosen
	}
	return all
}

// applicationChoices are the applications of a tenant, or of all if that is empty, behind one that stands for any.
func (s *server) applicationChoices(v *visit, of, chosen wire.ID, anyOne string) ([]option, error) {
	all := []option{{Text: anyOne}}
	search := wire.ApplicationSearch{TenantID: of}
	search.NumberOfResults = mostApplications
	found, _, err := s.Applications.Search(v.Context(), "", search)
	for _, a := range found {
		all = append(all, option{Value: string(a.ID), Text: a.Name, Chosen: a.ID == chosen})
	}
	return all, err
}

// mostApplications is how many can be chosen from.
const mostApplications = 500

// sends says to how many webhooks of a tenant the events go that something causes, and whether they can refuse it.
func (s *server) sends(v *visit, of wire.ID, types ...event.Type) (sentences []string, err error) {
	settings, err := s.Tenants.Settings(v.Context())
	if err != nil {
		return nil, err
	}
	all, err := s.Webhooks.Registry(v.Context())
	if err != nil {
		return nil, err
	}
	for _, t := range types {
		d, _ := event.Lookup(t)
		enabled, rule := settings.Event(of, t)
		count := 0
		if enabled {
			count = len(all.Audience(t, d.Scope, of).Targets)
		}
		switch {
		case !enabled:
			sentences = append(sentences, v.text.say("SendsOff", "Event", t))
		case count == 0:
			sentences = append(sentences, v.text.say("SendsToNobody", "Event", t))
		case d.Transactional && rule != wire.None:
			sentences = append(sentences, v.text.say("SendsAsking", "Event", t, "Count", count))
		default:
			sentences = append(sentences, v.text.say("SendsTo", "Event", t, "Count", count))
		}
	}
	return sentences, nil
}
