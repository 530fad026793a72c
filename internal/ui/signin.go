package ui

import (
	"errors"
	"net"
	"net/http"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/twofactor"
	"github.com/herald-events/herald/wire"
)

var signInRoutes = []route{
	{"GET /admin/sign-in", anybody, "", 0, (*server).showSignIn},
	{"POST /admin/sign-in", anybody, "", 0, (*server).signIn},
	{"POST /admin/sign-in/code", anybody, "", 0, (*server).prove},
	{"POST /admin/sign-in/send", anybody, "", 0, (*server).sendCode},
	{"POST /admin/sign-out", signedIn, "", 0, (*server).signOut},
	{"GET /admin/setup", anybody, "", 0, (*server).showSetup},
	{"POST /admin/setup", anybody, "", 0, (*server).setUp},
}

type signInPage struct {
	Next, Name, Problem string
	// Challenge is set when the password was right and a code is wanted.
	Challenge string
	Methods   []wire.TwoFactorMethod
	Sent      bool
}

func (s *server) showSignIn(v *visit) error {
	if v.session != nil {
		v.redirect(v.next())
		return nil
	}
	return v.show("sign-in", "SignIn", signInPage{Next: v.next()})
}

func (s *server) signIn(v *visit) error {
	name := v.PostFormValue("name")
	step, err := s.Admins.SignIn(v.Context(), name, v.PostFormValue("password"), v.peer())
	if err != nil {
		return v.retry(err, signInPage{Next: v.next(), Name: name})
	}
	return v.proceed(step)
}

func (s *server) prove(v *visit) error {
	challenge := v.PostFormValue("challenge")
	step, err := s.Admins.Prove(v.Context(), challenge, v.PostFormValue("code"))
	if errors.Is(err, twofactor.ErrWrongCode) {
		return v.retry(err, signInPage{Next: v.next(), Challenge: challenge})
	}
	if err != nil {
		return v.retry(err, signInPage{Next: v.next()})
	}
	return v.proceed(step)
}

func (s *server) sendCode(v *visit) error {
	challenge := v.PostFormValue("challenge")
	if err := s.Admins.SendCode(v.Context(), challenge, v.PostFormValue("method")); err != nil {
		return v.retry(err, signInPage{Next: v.next(), Challenge: challenge})
	}
	return v.show("sign-in", "SignIn", signInPage{Next: v.next(), Challenge: challenge, Sent: true})
}

// proceed lets the browser in, or asks it for the code.
func (v *visit) proceed(step admin.Step) error {
	if step.Session == "" {
		return v.show("sign-in", "SignIn", signInPage{Next: v.next(), Challenge: step.Challenge, Methods: step.Methods})
	}
	v.keep(step.Session)
	v.redirect(v.next())
	return nil
}

// retry shows the form again and says why.
func (v *visit) retry(err error, page signInPage) error {
	p, isProblem := problem.As(err)
	switch {
	case errors.Is(err, admin.ErrWrong):
		v.status, page.Problem = http.StatusUnauthorized, v.text.say("SignInWrong")
	case errors.Is(err, twofactor.ErrWrongCode):
		v.status, page.Problem = http.StatusUnauthorized, v.text.say("CodeWrong")
	case isProblem && p.Kind == problem.TooMany:
		v.status, page.Problem = http.StatusTooManyRequests, v.text.say("SignInTooOften")
	case isProblem && p.Kind == problem.Invalid:
		v.status, page.Problem = http.StatusBadRequest, messageOf(p)
	case errors.Is(err, problem.ErrNotFound):
		v.status, page.Problem = http.StatusUnauthorized, v.text.say("SignInWrong")
		page.Challenge = ""
	default:
		return err
	}
	return v.show("sign-in", "SignIn", page)
}

func (s *server) signOut(v *visit) error {
	if err := s.Admins.SignOut(v.Context(), v.session); err != nil {
		return err
	}
	v.keep("")
	v.redirect("/admin/sign-in")
	return nil
}

// peer is the other end of the connection: what a header says of an address is nothing to count tries by.
func (v *visit) peer() string {
	host, _, err := net.SplitHostPort(v.RemoteAddr)
	if err != nil {
		return v.RemoteAddr
	}
	return host
}

type setupPage struct{ Token, Email, Problem string }

func (s *server) showSetup(v *visit) error {
	token := v.FormValue("token")
	if !s.Admins.MaySetUp(token) {
		return v.show("setup-over", "SetUp", nil)
	}
	return v.show("setup", "SetUp", setupPage{Token: token})
}

func (s *server) setUp(v *visit) error {
	token, email, password := v.PostFormValue("token"), v.PostFormValue("email"), v.PostFormValue("password")
	c := v.changing("Made the first administrator")
	c.by = email
	step, err := s.Admins.SetUp(c.context(), token, email, password, v.info())
	switch p, isProblem := problem.As(err); {
	case errors.Is(err, admin.ErrWrong):
		return v.show("setup-over", "SetUp", nil)
	case isProblem && p.Kind == problem.Invalid:
		v.status = http.StatusBadRequest
		return v.show("setup", "SetUp", setupPage{token, email, messageOf(p)})
	case err != nil:
		return err
	}
	if v.PostFormValue("events") != "" {
		if v.session, err = s.Admins.Authenticate(v.Context(), step.Session); err != nil {
			return err
		}
		v.keep(step.Session) // who made the administrator is in, also when what follows fails
		if err := s.switchOnAllEvents(v); err != nil {
			return err
		}
	}
	return v.proceed(step)
}

// switchOnAllEvents has the usual tenant send every event, and ask nobody, unless somebody has chosen its events already.
func (s *server) switchOnAllEvents(v *visit) error {
	id, err := s.Tenants.DefaultID(v.Context())
	if err != nil {
		return err
	}
	c := v.changing("Switched on all events of the tenant %s", id)
	c.tenant = id
	_, err = s.Applications.UpdateTenant(c.context(), id, v.info(), func(t wire.Tenant) (wire.Tenant, []wire.ID, error) {
		c.before = t
		if len(t.EventConfiguration.Events) == 0 {
			t.EventConfiguration.Events = wire.Map[wire.EventSetting]{}
			for _, d := range event.All() {
				if d.Scope == event.ScopeTenant {
					t.EventConfiguration.Events[string(d.Type)] = wire.EventSetting{Enabled: true, TransactionType: wire.None}
				}
			}
		}
		c.after = t
		return t, nil, nil
	})
	return err
}
