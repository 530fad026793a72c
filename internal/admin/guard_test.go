package admin

import (
	"errors"
	"testing"

	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/wire"
)

// Nobody gets roles of the admin UI through what another role opens.
func TestGuard(t *testing.T) {
	t.Parallel()
	with := func(id wire.ID, roles ...string) *Admin {
		return &Admin{&identity.User{User: wire.User{ID: id}}, roles}
	}
	registered := func(id, with wire.ID, roles ...string) *wire.User {
		return &wire.User{ID: id, Registrations: []wire.Registration{{ApplicationID: "other"}, {ApplicationID: with, Roles: roles}}}
	}
	root, manager := with("root", "auditor", "admin"), with("manager", "user_manager", "user_deleter", "application_manager", "group_manager")
	plain, other := registered("plain", "shop", "admin"), registered("other", application.AdminID)
	builtIn := []wire.ApplicationRole{{ID: "1", Name: "admin"}, {ID: "2", Name: "auditor"}}
	gives := &wire.Group{Roles: map[wire.ID][]wire.ApplicationRole{application.AdminID: builtIn[1:]}}
	for name, test := range map[string]struct {
		got, want error
	}{
		"a user":                                 {manager.MayChangeUser(plain), nil},
		"one who is registered":                  {manager.MayChangeUser(other), ErrOnlyAdmin},
		"oneself":                                {manager.MayChangeUser(registered("manager", application.AdminID, "user_manager")), ErrOnlyAdmin},
		"one who is registered, by root":         {root.MayChangeUser(other), nil},
		"removing a user":                        {manager.MayRemoveUser(plain), nil},
		"removing one who is registered":         {manager.MayRemoveUser(other), ErrOnlyAdmin},
		"removing root, by root":                 {root.MayRemoveUser(registered("root", application.AdminID, "admin")), ErrYourself},
		"a registration":                         {manager.MayGrant(plain, "shop", []string{"admin"}), nil},
		"a registration here":                    {manager.MayGrant(plain, application.AdminID, nil), ErrOnlyAdmin},
		"another one of who is registered":       {manager.MayRegister(other, "shop"), ErrOnlyAdmin},
		"a registration here, by root":           {root.MayGrant(plain, application.AdminID, []string{"auditor"}), nil},
		"the own one, by root":                   {root.MayGrant(registered("root", application.AdminID), application.AdminID, []string{"auditor", "admin"}), nil},
		"the own one without the role":           {root.MayGrant(registered("root", application.AdminID), application.AdminID, []string{"auditor"}), ErrYourself},
		"ending the own one":                     {root.MayGrant(registered("root", application.AdminID), application.AdminID, nil), ErrYourself},
		"an own one elsewhere":                   {root.MayGrant(registered("root", application.AdminID), "shop", nil), nil},
		"an application":                         {manager.MayChangeApplication("shop"), nil},
		"the built-in application":               {manager.MayChangeApplication(application.AdminID), ErrOnlyAdmin},
		"the built-in application, by root":      {root.MayChangeApplication(application.AdminID), nil},
		"a group":                                {manager.MayChangeGroup(&wire.Group{}, []wire.ID{"3"}, builtIn), nil},
		"a group that gives roles here":          {manager.MayChangeGroup(gives, nil, builtIn), ErrOnlyAdmin},
		"a group that will give roles here":      {manager.MayChangeGroup(&wire.Group{}, []wire.ID{"3", "2"}, builtIn), ErrOnlyAdmin},
		"a group that gives roles here, by root": {root.MayChangeGroup(gives, []wire.ID{"1"}, builtIn), nil},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
}
