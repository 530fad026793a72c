package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/wire"
)

type usersCommands struct {
	Create usersCreate `cmd:"" help:"Make a user, which its webhooks may refuse."`
	List   usersList   `cmd:"" help:"Users, all or those that match."`
	Login  usersLogin  `cmd:"" help:"Log a user in."`
	Delete usersDelete `cmd:"" help:"Deactivate a user, or remove one for good."`
}

type usersCreate struct {
	remote
	writes
	LoginID       string            `arg:"" help:"An e-mail address, else a user name."`
	Set           map[string]string `mapsep:"none" placeholder:"MEMBER=VALUE" help:"A member of the user, such as firstName=Ana; several times."`
	Tenant        string            `placeholder:"TENANT" help:"Whose user. Default: the only tenant there is."`
	PasswordStdin bool              `help:"Take the password from the first line of stdin. Default: a random one, which is told."`
}

func (usersCreate) Help() string {
	return `Status 6: webhooks have refused it, and the user does not exist.

Examples:

  herald users create ana@example.com --set firstName=Ana --set preferredLanguages='["de"]'
  echo 'correct horse' | herald users create ana --password-stdin`
}

func (c usersCreate) Run(ctx context.Context, s *session) error {
	member := "username"
	if strings.Contains(c.LoginID, "@") {
		member = "email"
	}
	user := map[string]any{member: c.LoginID}
	maps.Copy(user, members(c.Set))
	password := rand.Text()
	if c.PasswordStdin {
		var err error
		if password, err = s.secret("Password"); err != nil {
			return err
		}
	}
	user["password"] = password
	at, err := s.within(ctx, c.Tenant)
	if err != nil {
		return err
	}
	var answer wire.UserResponse
	if err := at.Call(ctx, "POST", "/api/user", map[string]any{"user": user}, &answer); err != nil {
		return err
	}
	s.say("Created %s.", c.LoginID)
	if !c.PasswordStdin {
		s.say("The password is %s", password)
	}
	return s.one("user", answer.User, func() { s.showUser(answer.User) })
}

// within is the client for a tenant. Without a name it is that for all, and the server takes the only tenant there is.
func (s *session) within(ctx context.Context, tenant string) (*client.Client, error) {
	if tenant == "" {
		return s.Client, nil
	}
	t, err := s.tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return s.In(t.ID), nil
}

// findUser finds one by id, e-mail address or user name.
func findUser(ctx context.Context, at *client.Client, given string) (u *wire.User, err error) {
	if isID(given) {
		u, err = at.Users.Load(ctx, wire.ID(strings.ToLower(given)))
	} else {
		u, err = at.Users.ByLoginID(ctx, given)
	}
	if errors.Is(err, client.ErrNotFound) { // which is all that the API says
		err = notFoundError{fmt.Sprintf("there is no user %q", given)}
	}
	return u, err
}

// userAndTenant finds a user, and the tenant that the user is of.
func (s *session) userAndTenant(ctx context.Context, user, tenant string) (*wire.User, *wire.Tenant, error) {
	at, err := s.within(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	u, err := findUser(ctx, at, user)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.Tenants.Load(ctx, u.TenantID)
	return u, t, err
}

// members are those of an object from the command line. What is JSON is taken as that, anything else as text.
func members(given map[string]string) map[string]any {
	all := map[string]any{}
	for name, text := range given {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		all[name] = value
	}
	return all
}

func (s *session) showUser(u *wire.User) {
	name := strings.TrimSpace(u.FirstName + " " + u.LastName)
	s.fields(
		"User", cmp.Or(u.Email, u.Username, name),
		"Id", string(u.ID),
		"Name", name,
		"Active", yes(u.Active),
		"Tenant", string(u.TenantID),
		"Created", exactly(u.InsertInstant),
	)
}

type usersList struct {
	remote
	limited
	Query  string `arg:"" optional:"" help:"Only those with this in a name or address; * stands for anything, field:value for one field. Default: all."`
	Tenant string `placeholder:"TENANT" help:"Only those of this tenant."`
}

func (usersList) Help() string {
	return "Examples:\n\n  herald users list\n  herald users list 'email:*@example.com' -o jsonl"
}

func (c usersList) Run(ctx context.Context, s *session) error {
	at, err := s.within(ctx, c.Tenant)
	if err != nil {
		return err
	}
	search := wire.UserSearch{QueryString: cmp.Or(c.Query, "*")}
	return list(s, results[wire.User]{name: "users", all: at.Users.List(ctx, search), total: func() (int, error) {
		counted := search
		counted.Page = justCount
		page, err := at.Users.Page(ctx, counted)
		return page.Total, err
	}}, c.Limit,
		col("USER", func(u wire.User) string { return cmp.Or(u.Email, u.Username, string(u.ID)) }),
		col("NAME", func(u wire.User) string { return strings.TrimSpace(u.FirstName + " " + u.LastName) }),
		col("ACTIVE", func(u wire.User) string { return yes(u.Active) }),
		col("CREATED", func(u wire.User) string { return exactly(u.InsertInstant) }),
		col("LAST LOGIN", func(u wire.User) string { return exactly(u.LastLoginInstant) }),
		col("ID", func(u wire.User) string { return short(u.ID) }),
	)
}

type usersLogin struct {
	remote
	writes
	LoginID     string  `arg:"" help:"The e-mail address or user name."`
	Application wire.ID `placeholder:"ID" help:"The application to log in to. Default: none."`
	Tenant      string  `placeholder:"TENANT" help:"Whose user. Default: the only tenant there is."`
}

func (usersLogin) Help() string {
	return `It asks for the password; where there is nobody to ask, it is the first line of stdin. Status 6: webhooks have refused the login.

Examples:

  herald users login ana@example.com
  echo 'correct horse' | herald users login ana@example.com`
}

func (c usersLogin) Run(ctx context.Context, s *session) error {
	password, err := s.secret("Password")
	if err != nil {
		return err
	}
	at, err := s.within(ctx, c.Tenant)
	if err != nil {
		return err
	}
	answer, err := at.Users.Login(ctx, wire.LoginRequest{LoginID: c.LoginID, Password: password, BaseLogin: wire.BaseLogin{ApplicationID: c.Application}})
	if errors.Is(err, client.ErrNotFound) { // which is all that the API says
		return notFoundError{"the user or the password is wrong, or the user is not active"}
	}
	if err != nil {
		return err
	}
	return s.answer(answer, func() {
		switch {
		case answer.TwoFactorID != "":
			s.say("The password is right; a second factor is needed.")
		case answer.ChangePasswordID != "":
			s.say("The password is right, and has to be changed: %s.", answer.ChangePasswordReason)
		case answer.User != nil:
			s.say("Logged in.")
			s.showUser(answer.User)
		default:
			s.say("The password is right.")
		}
	})
}

type usersDelete struct {
	remote
	writes
	LoginID string `arg:"" name:"user" help:"The user's e-mail address, user name or id."`
	Hard    bool   `help:"Remove the user for good. Default: deactivate."`
	Tenant  string `placeholder:"TENANT" help:"Whose user. Default: the only tenant there is."`
}

func (usersDelete) Help() string {
	return "Examples:\n\n  herald users delete ana@example.com\n  herald users delete ana@example.com --hard -y"
}

func (c usersDelete) Run(ctx context.Context, s *session) error {
	at, err := s.within(ctx, c.Tenant)
	if err != nil {
		return err
	}
	u, err := findUser(ctx, at, c.LoginID)
	if err != nil {
		return err
	}
	what, done := "Deactivate", "Deactivated"
	if c.Hard {
		what, done = "Remove for good", "Removed"
	}
	if err := s.confirm("%s the user %s?", what, c.LoginID); err != nil {
		return err
	}
	if err := at.Users.Delete(ctx, u.ID, c.Hard); err != nil {
		return err
	}
	s.say("%s %s.", done, c.LoginID)
	return nil
}
