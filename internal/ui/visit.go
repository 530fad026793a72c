package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/system"
	"github.com/herald-events/herald/wire"
)

// visit is one request on its way through a handler. It is not safe for concurrent use.
type visit struct {
	*http.Request
	w       http.ResponseWriter
	s       *server
	text    *texts
	session *admin.Session // nil for who has not signed in
	preferences
	// whole is the context of the connection, which the time that a page may take does not bound.
	whole  context.Context
	began  time.Time
	status int
	// problem is what was wrong with a form that is shown again.
	problem *problem.Error
	// refused is the event that webhooks refused, "" for none.
	refused wire.ID
	// of is what the page is about, beside its title, and above are the pages that lead to it.
	of    string
	above []link
}

// cookieName is that of the session. The prefix that ties a cookie to this host needs TLS, which there need not be.
const cookieName = "herald_session"

// serve is the handler of one row of the table.
func (s *server) serve(row route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		p := preferencesOf(r)
		v := &visit{Request: r.WithContext(ctx), w: w, s: s, whole: r.Context(), text: textsFor(r, p.Language), preferences: p, began: time.Now(), status: http.StatusOK}
		err := v.protect(func() error {
			if err := s.admit(v, row); err != nil {
				return err
			}
			return row.handle(s, v)
		})
		if err != nil {
			v.fail(err)
		}
		s.Log.LogAttrs(r.Context(), slog.LevelDebug, "page", slog.String("method", r.Method), slog.String("route", row.pattern),
			slog.Int("status", v.status), slog.Duration("took", time.Since(v.began)))
	})
}

// protect makes an error of a panic.
func (v *visit) protect(fn func() error) (err error) {
	defer func() {
		switch caught := recover(); caught {
		case nil:
		case http.ErrAbortHandler: // a file that cannot be finished must not end as if it were whole
			panic(caught)
		default:
			err = fmt.Errorf("panic: %v\n%s", caught, debug.Stack())
		}
	}()
	return fn()
}

var errForbidden = errors.New("ui: the administrator's roles do not open this")

// admit lets the request in, or leads to the sign-in page.
func (s *server) admit(v *visit, row route) error {
	if c, err := v.Cookie(cookieName); err == nil {
		authenticate := s.Admins.Authenticate
		if row.access == watching || v.isByItself() {
			authenticate = s.Admins.Look
		}
		v.session, err = authenticate(v.Context(), c.Value)
		if err != nil && !errors.Is(err, problem.ErrUnauthenticated) {
			return err
		}
	}
	if v.Tenant != "" {
		// One that is gone narrows nothing: there may be no choice of tenants any more to undo it with.
		if exists, err := s.Tenants.Exists(v.Context(), v.Tenant); err != nil {
			return err
		} else if !exists {
			v.Tenant = ""
		}
	}
	switch {
	case v.session == nil && row.access != anybody:
		return problem.ErrUnauthenticated
	case !problem.IsText(v.URL.Path) || !areTexts(v.URL.Query()):
		return problem.ErrNotFound // nothing has a name that is no text, and stores do not even take one to look for
	case v.Method == http.MethodPost && v.ParseForm() == nil && !areTexts(v.PostForm):
		return problem.New(problem.Invalid, "[invalidForm]", "The form has something in it that is no text.") // no browser makes such a one
	case row.access == anybody:
		return nil
	case row.area != "" && !v.session.May(row.area, row.right):
		return errForbidden
	}
	return nil
}

// areTexts tells whether all names and values are UTF-8 without the one character that PostgreSQL knows no text with.
func areTexts(all url.Values) bool {
	isText := func(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
	for name, values := range all {
		if !isText(name) || slices.ContainsFunc(values, func(value string) bool { return !isText(value) }) {
			return false
		}
	}
	return true
}

// fail shows what went wrong.
func (v *visit) fail(err error) {
	v.blame(err)
	switch p, ok := problem.As(err); {
	case errors.Is(err, problem.ErrUnauthenticated):
		to := v.URL.RequestURI()
		if v.Method != http.MethodGet && !v.s.showsPage(v.URL.Path) {
			to = "/admin/" // there is only a button at this address
		}
		to = "/admin/sign-in?next=" + url.QueryEscape(to)
		switch {
		case !v.isPart():
			v.redirect(to)
		case v.Method == http.MethodGet:
			v.w.Header().Set("HX-Redirect", to) // of the page, in which the form to sign in would stand otherwise
			v.w.WriteHeader(http.StatusOK)
		default: // what was written into the page is not lost
			if err := v.part("problem", "problem", v.text.say("ProblemSignedOut")); err != nil {
				v.s.Log.Error("the part about a problem failed", "error", err)
			}
		}
		return
	case errors.Is(err, errForbidden):
		v.showProblem(http.StatusForbidden, "ProblemForbidden", "")
	case errors.Is(err, admin.ErrOnlyAdmin):
		v.showProblem(http.StatusForbidden, "ProblemOnlyAdmin", "")
	case errors.Is(err, admin.ErrYourself):
		v.showProblem(http.StatusForbidden, "ProblemYourself", "")
	case ok && p.Kind == problem.NotFound:
		v.showProblem(http.StatusNotFound, "ProblemNotFound", "")
	case ok && (p.Kind == problem.Conflict || p.Kind == problem.Refused):
		v.showProblem(http.StatusConflict, "ProblemRefused", messageOf(p))
	case ok:
		v.showProblem(http.StatusBadRequest, "ProblemRefused", messageOf(p))
	default:
		v.s.Log.Error("a page failed", "route", v.Pattern, "error", err)
		v.showProblem(http.StatusInternalServerError, "ProblemInternal", "")
	}
}

// blame notes which event was refused, if that is what went wrong.
func (v *visit) blame(err error) {
	if r, ok := errors.AsType[*publish.Refusal](err); ok {
		v.refused = r.Event
	}
}

// messageOf is what a problem says to people.
func messageOf(p *problem.Error) string {
	var all []string
	for _, f := range p.Fields {
		all = append(all, f.Message)
	}
	for _, g := range p.General {
		all = append(all, g.Message)
	}
	return strings.Join(all, " ")
}

type problemPage struct{ Text, Detail string }

func (v *visit) showProblem(status int, text, detail string) {
	v.status = status
	if err := v.show("problem", "ProblemTitle", problemPage{v.text.say(text), detail}); err != nil {
		v.s.Log.Error("the page about a problem failed", "error", err)
		http.Error(v.w, http.StatusText(status), status)
	}
}

// redirect leads on after a form, or to another page here.
func (v *visit) redirect(to string) {
	v.status = http.StatusSeeOther
	http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
}

// next is the page to go to after signing in: one of ours, never another site.
func (v *visit) next() string {
	to := v.FormValue("next")
	if u, err := url.Parse(to); err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/admin/") || strings.ContainsAny(to, "\\\r\n") {
		return "/admin/"
	}
	return to
}

// keep sets the cookie of a session; an empty value removes it.
func (v *visit) keep(value string) { v.setCookie(cookieName, value, 0) }

// setCookie sets a cookie for the admin UI, for a number of seconds or, with 0, until the browser is closed; an empty value removes it.
func (v *visit) setCookie(name, value string, seconds int) {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/admin/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: seconds,
		Secure: v.TLS != nil || strings.EqualFold(v.Request.Header.Get("X-Forwarded-Proto"), "https"),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

// saidCookie has the id of a text that the next page says: that something was done.
const saidCookie = "herald_said"

// done leads to another page here, which says what was done.
func (v *visit) done(text, to string) error {
	v.setCookie(saidCookie, text, 30)
	v.redirect(to)
	return nil
}

// said is what the page before has done, "" for nothing. It is said once.
func (v *visit) said() string {
	c, err := v.Cookie(saidCookie)
	if err != nil || v.w.Header().Get("Content-Type") != "" {
		return ""
	}
	v.setCookie(saidCookie, "", 0)
	if text := v.text.say(c.Value); text != c.Value {
		return text
	}
	return "" // no text of ours
}

// again shows a form once more, with what was wrong with it. Errors that no other input would mend are returned.
func (v *visit) again(err error, show func() error) error {
	p, ok := problem.As(err)
	if !ok || p.Kind == problem.NotFound || p.Kind == problem.Unauthenticated {
		return err
	}
	v.status, v.problem = http.StatusBadRequest, p
	v.blame(err)
	switch p.Kind {
	case problem.Conflict, problem.Refused: // not the 504 of the API, whose page a proxy would replace
		v.status = http.StatusConflict
	case problem.TooMany:
		v.status = http.StatusTooManyRequests
	}
	return show()
}

// download answers with a file to be saved.
func (v *visit) download(kind, name string, content io.Reader) error {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	v.w.WriteHeader(http.StatusOK)
	_, _ = io.Copy(v.w, content) // a browser that is gone needs nothing
	return nil
}

// id is the one that the path names.
func (v *visit) id() wire.ID { return wire.ID(v.PathValue("id")) }

// under says which page leads to this one, from the outermost.
func (v *visit) under(text, to string) {
	v.above = append(v.above, link{Text: v.text.say(text), To: to})
}

// address is that of the client, as far as proxies are believed. Without an answer from the store nobody is.
func (v *visit) address() string {
	proxies := system.TrustedProxies{OnlyConfigured: true}
	if settings, err := v.s.System.Settings(v.Context()); err == nil {
		proxies = settings.TrustedProxies
	}
	return system.ClientAddress(proxies, v.RemoteAddr, v.Request.Header.Values("X-Forwarded-For"))
}

func (v *visit) info() *wire.EventInfo {
	return &wire.EventInfo{IPAddress: v.address(), UserAgent: v.UserAgent()}
}

func (s *server) missing(*visit) error { return problem.ErrNotFound }
