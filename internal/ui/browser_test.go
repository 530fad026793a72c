package ui_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/twofactor/twofactortest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

// screen is what the browser looks at. A new screen needs a line in screens, and in furnish something for it to show.
type screen struct {
	name string
	// path has names in braces for what [furnish] has noted. On a stage that lacks one of them there is no such screen.
	path string
	// prepare leads from the page at path to the screen; nil when that is it.
	prepare func(p *uitest.Page, s *stage)
	// stranger is true for a screen of who has not signed in.
	stranger bool
	// status is that of the page at path. Defaults to 200.
	status int
}

var screens = []screen{
	{name: "setup", path: "/admin/setup?token={setUpToken}", stranger: true},
	{name: "setup-refused", path: "/admin/setup?token={setUpToken}", stranger: true, prepare: func(p *uitest.Page, _ *stage) {
		p.Type("E-mail address", "root@example.com").Type("Password", "short").Click("Create administrator").See("at least 8 characters")
	}},
	{name: "setup-over", path: "/admin/setup?token=another", stranger: true},
	{name: "sign-in", path: "/admin/sign-in", stranger: true},
	{name: "sign-in-refused", path: "/admin/sign-in", stranger: true, prepare: func(p *uitest.Page, s *stage) {
		p.Type("E-mail address or user name", s.text("root@example.com", 1000)).Type("Password", "wrong").Click("Sign in").See("Name or password are wrong")
	}},
	{name: "sign-in-code", path: "/admin/sign-in?{careful}", stranger: true, prepare: func(p *uitest.Page, s *stage) {
		p.Type("E-mail address or user name", "careful@example.com").Type("Password", password).Click("Sign in").See("recovery codes")
	}},
	{name: "overview", path: "/admin/"},
	{name: "webhooks", path: "/admin/webhook"},
	{name: "webhook", path: "/admin/webhook/{webhook}"},
	{name: "webhook-off", path: "/admin/webhook/{webhookOff}"},
	{name: "webhook-check", path: "/admin/webhook/{webhook}?type=user.delete&tenant={tenant}"},
	{name: "webhook-check-refused", path: "/admin/webhook/{webhook}?type={text}"},
	{name: "webhook-add", path: "/admin/webhook/add"},
	{name: "webhook-edit", path: "/admin/webhook/{webhook}/edit"},
	{name: "webhook-edit-security", path: "/admin/webhook/{webhook}/edit", prepare: func(p *uitest.Page, _ *stage) { p.Click("Security") }},
	{name: "webhook-delete", path: "/admin/webhook/{webhook}/delete"},
	{name: "log", path: "/admin/log"},
	{name: "log-nothing-found", path: "/admin/log?type=user.create&text={text}{text}"},
	{name: "event-committed", path: "/admin/log/{committed}"},
	{name: "event-refused", path: "/admin/log/{refused}"},
	{name: "event-waiting", path: "/admin/log/{waiting}"},
	{name: "event-nobody", path: "/admin/log/{nobody}"},
	{name: "missing", path: "/admin/missing?{text}", status: 404},
}

// stage is a server for the screens.
type stage struct {
	*house
	// noted are the values of names in paths.
	noted map[string]string
	// text gives something of the kind of the typical text, of at most so many letters. On the hostile stage it is another text than asked for.
	text func(typical string, most int) string
}

func (s *stage) note(name, value string) { s.noted[name] = url.PathEscape(value) }

// bare is a server that nobody has set up.
func bare(t *testing.T) *stage {
	s := &stage{noted: map[string]string{}, text: func(typical string, _ int) string { return typical }}
	s.house = newHouse(t, db.SQLite, func(o *app.Options) { // the key is not beside the database, as it should be
		o.Settings.EncryptionKey = config.NewSecret(strings.Repeat("5e", 32))
	})
	token, err := s.App.SetUpToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.note("setUpToken", token)
	return s
}

// empty is a server with an administrator and nothing else.
func empty(t *testing.T) *stage {
	s := bare(t)
	delete(s.noted, "setUpToken")
	s.person("root@example.com", "admin")
	s.note("text", "what nobody has written")
	return s
}

func typical(t *testing.T) *stage {
	s := empty(t)
	furnish(s)
	busy(s)
	return s
}

// hostile is a server whose texts are written by people who mean ill, or write other scripts, or do not know where to stop.
func hostile(t *testing.T) *stage {
	s := empty(t)
	next := 0
	s.text = func(_ string, most int) string {
		all := []string{
			`<script>alert(1)</script>`,
			strings.Repeat("Donaudampfschifffahrt", 500),
			`"><img src=x onerror=alert(1)>`,
			"\u202e\u05e9\u05dc\u05d5\u05dd \u0639\u0644\u064a\u0643\u0645 (right to left) \u202e",
			`'-alert(1)-'{{constructor.constructor("alert(1)")()}}`,
			strings.Repeat("👩‍👩‍👧‍👦🏳️‍🌈", 20) + " Z̷̢̛a̴̡l̵g̶o̷",
			"javascript:alert(1)//" + strings.Repeat("W", 10_000),
		}
		text := []rune(all[next%len(all)])
		next++
		return string(text[:min(most, len(text))])
	}
	furnish(s)
	next = 0 // the same, however many texts the screens have taken
	s.note("text", s.text("", 2000))
	return s
}

// furnishers are what furnish does for the screens of other files: they add to it, and to screens, when the tests begin.
var furnishers []func(s *stage)

// furnish puts on the stage what the screens show. Every text that people choose comes from s.text.
func furnish(s *stage) {
	s.Call("PATCH", "/api/tenant/"+string(s.Tenant), map[string]any{"tenant": map[string]any{"name": s.text("Example Inc.", 190)}}).Want(200)
	s.note("tenant", string(s.Tenant))

	// An administrator with a second factor.
	secret := []byte("twelve bytes and more")
	s.Call("POST", "/api/user/two-factor/"+string(s.person("careful@example.com", "admin")), map[string]any{
		"method": "authenticator", "code": twofactortest.AppCode(secret, 6, time.Now()), "secret": base64.StdEncoding.EncodeToString(secret),
	}).Want(200)
	s.note("careful", "")

	receiver := egresstest.NewReceiver(s.t)
	path := func(typical string) string { return receiver.URL + "/" + url.PathEscape(s.text(typical, 1500)) }
	about := func(typical string) func(*wire.Webhook) {
		return func(w *wire.Webhook) { w.Description = s.text(typical, 10_000) }
	}
	off := false
	s.note("webhook", string(s.Subscribe(path("orders"), []string{"user.create", "user.update"}, about("Keeps the customers of the shop in step"))))
	s.Subscribe(path("newsletter"), []string{"user.create"}, about("Newsletter"), func(w *wire.Webhook) { w.Global, w.TenantIDs = false, []wire.ID{s.Tenant} })
	s.note("webhookOff", string(s.Subscribe(path("crm"), []string{"user.create", "user.delete", "user.email.update"}, about(""), func(w *wire.Webhook) { w.Enabled = &off })))
	s.Subscribe(path("audit"), []string{"user.email.update"}, about("Audit"))

	user := func(status int) wire.ID {
		id := wire.ID(db.NewID())
		s.Call("POST", "/api/user/"+string(id), map[string]any{"user": map[string]any{
			"username": string(id[24:]) + s.text("-ada", 150), "fullName": s.text("Ada Lovelace", 10_000), "password": password,
			"data": map[string]any{s.text("plan", 10_000): s.text("gold", 10_000)},
		}}).Want(status)
		return id
	}
	events := func(name string) { // the newest event is the one with this name
		s.note(name, s.Strings(`SELECT id FROM event ORDER BY sequence DESC`)[0])
	}
	s.Enable(wire.None, "user.create", "user.email.update", "user.delete")
	user(200)
	s.Settled(10 * time.Second)
	s.Enable(wire.AbsoluteMajority, "user.create")
	created := user(200)
	events("committed")
	receiver.Script(egresstest.Answer(http.StatusForbidden, nil, s.text("no more customers, please", 10_000)))
	user(504)
	events("refused")
	receiver.Script(egresstest.Status(http.StatusInternalServerError))
	s.Call("PATCH", "/api/user/"+string(created), map[string]any{"user": map[string]any{"email": "ada@example.com"}}).Want(200)
	s.Eventually(10*time.Second, "a delivery waits for another try", func() bool {
		return s.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE state = 'retrying'`)[0] != "0"
	})
	events("waiting")
	s.Call("DELETE", "/api/user/"+string(created)+"?hardDelete=true", nil).Want(200)
	events("nobody")

	for _, more := range furnishers {
		more(s)
	}

	// Last, because with a second tenant every request has to name its own.
	labs := string(db.NewID())
	s.Call("POST", "/api/tenant/"+labs, map[string]any{"tenant": map[string]any{"name": s.text("Example Labs", 180) + " 2"}}).Want(200)
	s.note("tenantLabs", labs)
}

// Every screen can be used by everybody, whatever is in the store: in all its looks nothing is wrong with it, and nothing that others have written
// does anything. LOOKS_LANGUAGE names another language than English to look at.
func TestBrowser_Screens(t *testing.T) {
	t.Parallel()
	for _, stage := range []struct {
		name string
		make func(t *testing.T) *stage
	}{{"bare", bare}, {"empty", empty}, {"typical", typical}, {"hostile", hostile}} {
		t.Run(stage.name, func(t *testing.T) {
			t.Parallel()
			uitest.Need(t)
			s := stage.make(t)
			stranger, signedIn := uitest.New(t, s.URL), uitest.New(t, s.URL)
			if stage.name != "bare" {
				signIn(signedIn)
			}
			if language := os.Getenv("LOOKS_LANGUAGE"); language != "" && stage.name != "hostile" {
				words := wordsOf(t, language)
				stranger, signedIn = stranger.Speaking(language, words), signedIn.Speaking(language, words)
			}
			for _, screen := range screens {
				path, all := s.path(screen.path)
				if !all || stage.name == "bare" && !screen.stranger {
					continue
				}
				t.Run(screen.name, func(t *testing.T) {
					p := signedIn.In(t)
					if screen.stranger {
						p = stranger.In(t)
					}
					p.OpenWith(max(screen.status, 200), path)
					if screen.prepare != nil {
						screen.prepare(p, s)
					}
					furnished := stage.name == "typical" || stage.name == "bare" && strings.Contains(screen.path, "{setUpToken}")
					switch {
					case furnished && (os.Getenv("LOOKS") == "all" || os.Getenv("SCREENSHOTS") != ""):
						p.Looks(screen.name)
					case furnished:
						p.Glance()
					default: // the same page with something else in it
						p.Fits()
					}
				})
			}
		})
	}
}

// wordsOf tells what stands in a language where a text stands in English.
func wordsOf(t *testing.T, language string) func(text string) []string {
	t.Helper()
	read := func(language string) map[string]any {
		all := map[string]any{}
		files, err := filepath.Glob("text/*." + language + ".json")
		if err != nil || len(files) == 0 {
			t.Fatalf("there are no texts in %q: %v", language, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err == nil {
				err = json.Unmarshal(content, &all) // the ids are all different
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return all
	}
	known := map[string][]string{}
	theirs := read(language)
	for id, text := range read("en") {
		if english, ok := text.(string); ok {
			known[english] = append(known[english], theirs[id].(string))
		}
	}
	return func(text string) []string { return known[text] }
}

var nameInPath = regexp.MustCompile(`\{(\w+)\}`)

// path fills in what the stage has noted, and tells whether it has all of it.
func (s *stage) path(pattern string) (path string, all bool) {
	all = true
	path = nameInPath.ReplaceAllStringFunc(pattern, func(name string) string {
		value, ok := s.noted[strings.Trim(name, "{}")]
		all = all && ok
		return value
	})
	return path, all
}

func signIn(p *uitest.Page) *uitest.Page {
	return p.Open("/admin/sign-in").Type("E-mail address or user name", "root@example.com").Type("Password", password).Click("Sign in").At("/admin/")
}

// The first administrator comes in by the link, goes, and comes again.
func TestBrowser_SignIn(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := bare(t)
	p := uitest.New(t, s.URL)
	path, _ := s.path("/admin/setup?token={setUpToken}")
	p.Open(path).Type("E-mail address", "root@example.com").Type("Password", password).Click("Create administrator")
	p.At("/admin/").See("Your first event").Click("Webhooks").At("/admin/webhook").See("there is none yet")
	p.Click("Sign out").At("/admin/sign-in").NotSee("root@example.com")
	p.Open("/admin/log?type=user.create").See("Sign in")
	p.Type("E-mail address or user name", "root@example.com").Type("Password", "wrong").Click("Sign in").See("Name or password are wrong")
	p.Type("Password", password).Press("Enter").At("/admin/log?type=user.create")
	if chosen := p.Value("Event"); chosen != "user.create" {
		t.Errorf("the filter has %q", chosen)
	}
	p.Choose("Event", "All types").Choose("Result", "Refused").Click("Search").See("No event matches.")
}
