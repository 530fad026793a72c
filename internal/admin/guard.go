package admin

import (
	"errors"
	"slices"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/wire"
)

// Whoever may manage users, applications or groups must not come to roles of the admin UI by that, nor to the account of somebody who has them. So
// all that such a role hangs on is for the role admin alone: the built-in application and its roles, the registrations with it, the users who are
// registered with it (their addresses, passwords and second factors are ways in), and groups that give its roles. And nobody removes themselves, so
// that there is always one left. These are decisions; who changes one of these things asks here first.

// The errors of the decisions below.
var (
	// ErrOnlyAdmin says that the role admin is needed.
	ErrOnlyAdmin = errors.New("admin: only the role admin may change what gives roles in the admin UI")
	// ErrYourself says that an administrator would lock out the administrator.
	ErrYourself = errors.New("admin: administrators do not remove themselves")
)

// Governs tells whether the administrator may change what gives roles in the admin UI.
func (a *Admin) Governs() bool { return slices.Contains(a.roles, "admin") }

func (a *Admin) governs(needed bool) error {
	if needed && !a.Governs() {
		return ErrOnlyAdmin
	}
	return nil
}

// MayChangeUser is ErrOnlyAdmin for a user whom the administrator may not change. Whether a role opens the area is another question: see [Admin.May].
func (a *Admin) MayChangeUser(u *wire.User) error { return a.governs(IsRegistered(u)) }

// MayRemoveUser is MayChangeUser for keeping the user out, and ErrYourself for the administrator.
func (a *Admin) MayRemoveUser(u *wire.User) error {
	if u.ID == a.ID {
		return ErrYourself
	}
	return a.MayChangeUser(u)
}

// MayRegister is ErrOnlyAdmin where the administrator may not give a user a registration with an application, or change the one there is.
func (a *Admin) MayRegister(u *wire.User, with wire.ID) error {
	return a.governs(with == application.AdminID || IsRegistered(u))
}

// MayGrant is MayRegister for roles, nil for taking the registration away. It is ErrYourself where the administrator would give up the role admin.
func (a *Admin) MayGrant(u *wire.User, with wire.ID, roles []string) error {
	if err := a.MayRegister(u, with); err != nil {
		return err
	}
	if u.ID == a.ID && with == application.AdminID && !slices.Contains(roles, "admin") {
		return ErrYourself
	}
	return nil
}

// MayChangeApplication is ErrOnlyAdmin for the built-in application, unless the administrator has the role admin.
func (a *Admin) MayChangeApplication(id wire.ID) error { return a.governs(id == application.AdminID) }

// MayChangeGroup is ErrOnlyAdmin for a group that gives roles of the built-in application, or will give them: it has the roles with the ids in giving
// then. builtIn are the roles of that application. For a change of its members giving is nil.
func (a *Admin) MayChangeGroup(g *wire.Group, giving []wire.ID, builtIn []wire.ApplicationRole) error {
	return a.governs(len(g.Roles[application.AdminID]) > 0 ||
		slices.ContainsFunc(builtIn, func(r wire.ApplicationRole) bool { return slices.Contains(giving, r.ID) }))
}

// IsRegistered tells whether a user is registered with the built-in application, with or without roles.
func IsRegistered(u *wire.User) bool {
	return slices.ContainsFunc(u.Registrations, func(r wire.Registration) bool { return r.ApplicationID == application.AdminID })
}
