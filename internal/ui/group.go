package ui

import (
	"errors"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/body"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/group"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var groupRoutes = []route{
	{"GET /admin/group", signedIn, admin.Groups, admin.View, (*server).groups},
	{"GET /admin/group/{id}", signedIn, admin.Groups, admin.View, (*server).group},
	{"GET /admin/group/add", signedIn, admin.Groups, admin.Change, (*server).addGroup},
	{"POST /admin/group/add", signedIn, admin.Groups, admin.Change, (*server).createGroup},
	{"GET /admin/group/{id}/edit", signedIn, admin.Groups, admin.Change, (*server).editGroup},
	{"POST /admin/group/{id}/edit", signedIn, admin.Groups, admin.Change, (*server).updateGroup},
	{"GET /admin/group/{id}/delete", signedIn, admin.Groups, admin.Delete, (*server).askDeleteGroup},
	{"POST /admin/group/{id}/delete", signedIn, admin.Groups, admin.Delete, (*server).deleteGroup},
	{"POST /admin/group/{id}/member/add", signedIn, admin.Groups, admin.Change, (*server).addMember},
	{"POST /admin/group/{id}/member/remove", signedIn, admin.Groups, admin.Change, (*server).removeMember},
}

type groupsPage struct {
	Text         string
	Groups       []wire.Group
	Older, Newer string
	names        names
}

// Tenant is how the tenant of a group is called, ManyTenants tells whether that needs to be said.
func (p groupsPage) Tenant(id wire.ID) string { return p.names.of(id) }
func (p groupsPage) ManyTenants() bool        { return len(p.names) > 1 }

// Roles is how many roles a group gives.
func (p groupsPage) Roles(g wire.Group) (n int) {
	for _, roles := range g.Roles {
		n += len(roles)
	}
	return n
}

func (s *server) groups(v *visit) (err error) {
	page := groupsPage{Text: strings.TrimSpace(v.FormValue("text"))}
	if page.names, err = s.tenantNames(v); err != nil {
		return err
	}
	var total int
	page.Groups, total, err = s.Groups.Search(v.Context(), v.preferences.Tenant, wire.GroupSearch{Name: page.Text, Page: v.window()})
	if err != nil {
		return err
	}
	page.Newer, page.Older = v.windows(len(page.Groups), total)
	return v.show("groups", "Groups", page)
}

type groupPage struct {
	wire.Group
	Tenant string
	May    bool
	Data   string
	Roles  []rolesOf
	// Members are those of this page, Total is how many there are.
	Members      []memberRow
	Total        int
	Older, Newer string
	Sends        []string
}

// rolesOf are the roles of one application.
type rolesOf struct {
	Application wire.ID
	Name        string
	Roles       []roleChoice
}

type memberRow struct {
	wire.GroupMember
	User wire.User
}

func (s *server) group(v *visit) error {
	g, err := s.Groups.Load(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := groupPage{Group: g.Group, May: v.session.MayChangeGroup(&g.Group, nil, nil) == nil}
	if page.Tenant, err = s.tenantName(v, g.TenantID); err != nil {
		return err
	}
	if page.Data, err = jsonOf(g.Data); err != nil {
		return err
	}
	all, err := s.Applications.Registry(v.Context())
	if err != nil {
		return err
	}
	for id, roles := range g.Roles {
		of := rolesOf{Application: id, Name: string(id)}
		if a := all.Find(id); a != nil {
			of.Name = a.Name
		}
		for _, r := range roles {
			of.Roles = append(of.Roles, roleChoice{r, true})
		}
		page.Roles = append(page.Roles, of)
	}
	slices.SortFunc(page.Roles, func(a, b rolesOf) int { return strings.Compare(a.Name, b.Name) })
	members, total, err := s.Groups.SearchMembers(v.Context(), "", wire.GroupMemberSearch{GroupID: g.ID, Page: v.window()})
	if err != nil {
		return err
	}
	page.Total = total
	page.Newer, page.Older = v.windows(len(members), total)
	users := map[wire.ID]wire.User{}
	if len(members) > 0 {
		var ids []wire.ID
		for _, m := range members {
			ids = append(ids, m.UserID)
		}
		found, err := s.Users.Search(v.Context(), g.TenantID, wire.UserSearch{IDs: ids, Expand: []string{}})
		if err != nil {
			return err
		}
		for _, u := range found.Users {
			users[u.ID] = u
		}
	}
	for _, m := range members {
		row := memberRow{m, users[m.UserID]}
		row.User.ID = m.UserID
		page.Members = append(page.Members, row)
	}
	if page.Sends, err = s.sends(v, g.TenantID, event.GroupMemberAdd, event.GroupMemberRemove); err != nil {
		return err
	}
	v.under("Groups", "/admin/group")
	v.of = g.Name
	return v.show("group", "Group", page)
}

type groupForm struct {
	wire.Group
	New     bool
	Tenants []option
	Roles   []rolesOf
	Sends   []string
}

// DataOf is the free data as JSON, "" for none.
func (f groupForm) DataOf() (string, error) { return jsonOf(f.Data) }

// changeableGroup loads the group that the path names, which the administrator must be allowed to change.
func (s *server) changeableGroup(v *visit) (*group.Group, error) {
	g, err := s.Groups.Load(v.Context(), v.id())
	if err != nil {
		return nil, err
	}
	return g, v.session.MayChangeGroup(&g.Group, nil, nil)
}

// groupOf is what the form makes of a group, unless the administrator may not give its roles.
func (s *server) groupOf(v *visit, current wire.GroupRequest) (request wire.GroupRequest, err error) {
	if err := v.fill(current, &request); err != nil {
		return request, err
	}
	all, err := s.Applications.Registry(v.Context())
	if err != nil {
		return request, err
	}
	var builtIn []wire.ApplicationRole
	if a := all.Find(application.AdminID); a != nil {
		builtIn = a.Roles
	}
	return request, v.session.MayChangeGroup(&current.Group, request.RoleIDs, builtIn)
}

func (s *server) addGroup(v *visit) error { return s.showGroupForm(v, wire.Group{}, nil) }

func (s *server) createGroup(v *visit) error {
	tenant, err := s.chosenTenant(v)
	var request wire.GroupRequest
	id := wire.ID(db.NewID())
	if err == nil {
		request, err = s.groupOf(v, wire.GroupRequest{})
	}
	if err == nil {
		c := v.changing("Created the group %s", id).of("group", id)
		c.tenant, c.after = tenant, request
		_, err = s.Groups.Create(c.context(), tenant, id, request, v.info())
	}
	if err != nil {
		return v.again(err, func() error { return s.showGroupForm(v, wire.Group{}, nil) })
	}
	return v.done("GroupCreated", "/admin/group/"+string(id))
}

func (s *server) editGroup(v *visit) error {
	g, err := s.changeableGroup(v)
	if err != nil {
		return err
	}
	return s.showGroupForm(v, g.Group, g.RoleIDs)
}

func (s *server) updateGroup(v *visit) error {
	g, err := s.changeableGroup(v)
	if err != nil {
		return err
	}
	current := wire.GroupRequest{Group: g.Group, RoleIDs: g.RoleIDs}
	request, err := s.groupOf(v, current)
	if err == nil {
		c := v.changing("Changed the group %s", g.ID).of("group", g.ID)
		c.tenant, c.before, c.after = g.TenantID, current, request
		_, err = s.Groups.Update(c.context(), g, request, v.info())
	}
	if err != nil {
		return v.again(err, func() error { return s.showGroupForm(v, g.Group, g.RoleIDs) })
	}
	return v.done("GroupSaved", "/admin/group/"+string(g.ID))
}

func (s *server) showGroupForm(v *visit, g wire.Group, roles []wire.ID) (err error) {
	form := groupForm{Group: g, New: g.ID == ""}
	t := event.GroupUpdate
	if form.New {
		t = event.GroupCreate
		if form.TenantID, err = s.usualTenant(v); err != nil {
			return err
		}
		if form.Tenants, err = s.tenantChoices(v, form.TenantID); err != nil {
			return err
		}
	}
	search := wire.ApplicationSearch{TenantID: form.TenantID}
	search.NumberOfResults = mostApplications
	found, _, err := s.Applications.Search(v.Context(), "", search)
	if err != nil {
		return err
	}
	if v.problem != nil {
		roles = nil
		for _, id := range v.PostForm["roleIds[]"] {
			roles = append(roles, wire.ID(id))
		}
	}
	for _, a := range found {
		if len(a.Roles) == 0 || v.session.MayChangeApplication(a.ID) != nil {
			continue
		}
		of := rolesOf{Application: a.ID, Name: a.Name}
		for _, r := range a.Roles {
			of.Roles = append(of.Roles, roleChoice{r, slices.Contains(roles, r.ID)})
		}
		form.Roles = append(form.Roles, of)
	}
	if form.Sends, err = s.sends(v, form.TenantID, t); err != nil {
		return err
	}
	v.under("Groups", "/admin/group")
	if form.New {
		return v.show("group-form", "GroupAdd", form)
	}
	v.above = append(v.above, link{Text: g.Name, To: "/admin/group/" + string(g.ID)})
	return v.show("group-form", "GroupEdit", form)
}

func (s *server) askDeleteGroup(v *visit) error {
	g, err := s.changeableGroup(v)
	if err != nil {
		return err
	}
	one := wire.GroupMemberSearch{GroupID: g.ID}
	one.NumberOfResults = 1
	_, total, err := s.Groups.SearchMembers(v.Context(), "", one)
	if err != nil {
		return err
	}
	q := question{Text: v.text.say("GroupDeleteAbout"), Do: v.text.say("GroupDelete"), Back: "/admin/group/" + string(g.ID)}
	q.Effects = append(q.Effects, v.text.say("GroupDeleteMembers", "Count", total))
	sends, err := s.sends(v, g.TenantID, event.GroupDelete)
	if err != nil {
		return err
	}
	q.Effects = append(q.Effects, sends...)
	v.under("Groups", "/admin/group")
	v.of = g.Name
	return v.show("confirm", "GroupDelete", q)
}

func (s *server) deleteGroup(v *visit) error {
	g, err := s.changeableGroup(v)
	if err != nil {
		return err
	}
	c := v.changing("Deleted the group %s", g.ID).of("group", g.ID)
	c.tenant, c.before = g.TenantID, g.Group
	if err := s.Groups.Delete(c.context(), g, v.info()); err != nil {
		return v.again(err, func() error { return s.askDeleteGroup(v) })
	}
	return v.done("GroupDeleted", "/admin/group")
}

// userNamed finds a user of a tenant by an id, or by what the user logs in with. It is problem.ErrNotFound when there is none.
func (s *server) userNamed(v *visit, of wire.ID, text string) (*identity.User, error) {
	if id, ok := body.ParseID(strings.TrimSpace(text)); ok {
		u, err := s.Users.Load(v.Context(), id)
		if err == nil && u.TenantID != of {
			err = problem.ErrNotFound
		}
		return u, err
	}
	u, _, err := s.Users.FindByLoginID(v.Context(), of, text, []wire.IdentityType{wire.IdentityEmail, wire.IdentityUsername, wire.IdentityPhoneNumber})
	return u, err
}

func (s *server) addMember(v *visit) error {
	g, err := s.changeableGroup(v)
	if err != nil {
		return err
	}
	u, err := s.userNamed(v, g.TenantID, v.PostFormValue("user"))
	if errors.Is(err, problem.ErrNotFound) {
		var wrong problem.Validation
		wrong.Field("user", "invalid", "%s", v.text.say("NoSuchUser"))
		err = wrong.Err()
	}
	if err == nil {
		c := v.changing("Added the user %s to the group %s", u.ID, g.ID).of("group", g.ID)
		c.tenant = g.TenantID
		_, err = s.Groups.Add(c.context(), g.TenantID, group.Members{g.ID: {{UserID: u.ID}}}, v.info())
	}
	if err != nil {
		return v.again(err, func() error { return s.group(v) })
	}
	return v.done("MemberAdded", "/admin/group/"+string(g.ID)+"#members")
}

func (s *server) removeMember(v *visit) error {
	g, err := s.changeableGroup(v)
	if err != nil {
		return err
	}
	user := wire.ID(v.PostFormValue("user"))
	c := v.changing("Removed the user %s from the group %s", user, g.ID).of("group", g.ID)
	c.tenant = g.TenantID
	_, err = s.Groups.Remove(c.context(), g.TenantID, nil, map[wire.ID][]wire.ID{g.ID: {user}}, v.info())
	if err != nil {
		return v.again(err, func() error { return s.group(v) })
	}
	return v.done("MemberRemoved", "/admin/group/"+string(g.ID)+"#members")
}
