package ui_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/twofactor/twofactortest"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) {
	status := dbtest.Run(m)
	uitest.Stop()
	os.Exit(status)
}

// browser is a client with cookies that follows no redirect.
type browser struct {
	t      *testing.T
	url    string
	client *http.Client
}

// house is a server and the time it has.
type house struct {
	*apptest.Server
	t     *testing.T
	ahead *atomic.Int64
}

func each(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, newHouse(t, engine))
		})
	}
}

func newHouse(t *testing.T, engine db.Engine, options ...apptest.Option) *house {
	t.Helper()
	ahead := &atomic.Int64{}
	s := apptest.Start(t, engine, append(options, func(o *app.Options) {
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})...)
	return &house{s, t, ahead}
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	h.t.Cleanup(c.CloseIdleConnections)
	return &browser{h.t, h.URL, c}
}

const password = "correct horse"

// person makes a user with roles in the built-in application.
func (h *house) person(email string, roles ...string) wire.ID {
	h.t.Helper()
	var made wire.RegistrationResponse
	h.Call("POST", "/api/user/registration", map[string]any{
		"user":         map[string]any{"email": email, "password": password},
		"registration": map[string]any{"applicationId": application.AdminID, "roles": roles},
	}).Want(200).Decode(&made)
	return made.User.ID
}

func (b *browser) send(method, path string, form url.Values, header ...string) (status int, body, to string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header.Get("Location")
}

// gets checks status and a part of what a page says.
func (b *browser) gets(path string, status int, says string) string {
	b.t.Helper()
	got, body, to := b.send("GET", path, nil)
	if got != status || !strings.Contains(body, says) && to != says {
		b.t.Errorf("GET %s: %d to %q, want %d and %q in\n%s", path, got, to, status, says, body)
	}
	return body
}

// posts is gets for a form.
func (b *browser) posts(path string, form url.Values, status int, says string) string {
	b.t.Helper()
	got, body, to := b.send("POST", path, form)
	if got != status || !strings.Contains(body, says) && to != says {
		b.t.Errorf("POST %s: %d to %q, want %d and %q in\n%s", path, got, to, status, says, body)
	}
	return body
}

func (b *browser) signIn(name, password string, status int, says string) string {
	b.t.Helper()
	return b.posts("/admin/sign-in", url.Values{"name": {name}, "password": {password}}, status, says)
}

func TestSetUp(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		token, err := h.App.SetUpToken(t.Context())
		if err != nil || token == "" {
			t.Fatalf("token %q, %v", token, err)
		}
		form := func(token, email, password string) url.Values {
			return url.Values{"token": {token}, "email": {email}, "password": {password}}
		}
		b.gets("/admin/setup?token=wrong", 200, "not good any more")
		b.gets("/admin/setup", 200, "not good any more")
		b.posts("/admin/setup", form("wrong", "root@example.com", password), 200, "not good any more")
		b.gets("/admin/setup?token="+token, 200, `name="password"`)
		b.posts("/admin/setup", form(token, "", ""), 400, "The e-mail address is missing. The password is missing.")
		b.posts("/admin/setup", form(token, "root@example.com", "short"), 400, "at least 8 characters")
		if entry := h.audited(); entry.Message != "" {
			t.Errorf("audit log before: %+v", entry)
		}
		b.posts("/admin/setup", form(token, "root@example.com", password), 303, "/admin/")
		if entry := h.audited(); entry.InsertUser != "root@example.com" || entry.Message != "Made the first administrator" {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets("/admin/", 200, "root@example.com")
		var t0 wire.TenantResponse
		h.Call("GET", "/api/tenant/"+string(h.Tenant), nil).Want(200).Decode(&t0)
		if len(t0.Tenant.EventConfiguration.Events) != 0 {
			t.Errorf("events are on that nobody has asked for: %v", t0.Tenant.EventConfiguration.Events)
		}
		h.browser().posts("/admin/setup", form(token, "second@example.com", password), 200, "not good any more")
		if token, err := h.App.SetUpToken(t.Context()); token != "" || err != nil {
			t.Errorf("another token: %q, %v", token, err)
		}
		h.browser().signIn("ROOT@example.com", password, 303, "/admin/")
	})
}

// The box that is ticked from the start switches on all events of the usual tenant, once.
func TestSetUp_Events(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		token, err := h.App.SetUpToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b := h.browser()
		b.gets("/admin/setup?token="+token, 200, `name="events" value="true" checked`)
		b.posts("/admin/setup", url.Values{"token": {token}, "email": {"root@example.com"}, "password": {password}, "events": {"true"}}, 303, "/admin/")
		b.gets("/admin/", 200, "root@example.com")
		var got wire.TenantResponse
		h.Call("GET", "/api/tenant/"+string(h.Tenant), nil).Want(200).Decode(&got)
		if setting := got.Tenant.EventConfiguration.Events["user.create"]; !setting.Enabled || setting.TransactionType != wire.None {
			t.Errorf("user.create: %+v", setting)
		}
		if entry := h.audited(); entry.InsertUser != "root@example.com" || !strings.Contains(entry.Message, "Switched on all events") {
			t.Errorf("audit log: %+v", entry)
		}
	})
}

func TestSetUp_Ends(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		token, err := h.App.SetUpToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h.ahead.Add(int64(31 * time.Minute))
		h.browser().gets("/admin/setup?token="+token, 200, "not good any more")
		if token, err = h.App.SetUpToken(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.person("made@example.com", "admin") // by the API meanwhile
		h.browser().posts("/admin/setup", url.Values{"token": {token}, "email": {"x@example.com"}, "password": {password}}, 200, "not good any more")
	})
}

func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		root := h.person("root@example.com", "admin")
		h.person("nobody@example.com")
		h.Call("POST", "/api/user", `{"user":{"email":"user@example.com","password":"`+password+`"}}`).Want(200)
		b := h.browser()
		b.gets("/admin/", 303, "/admin/sign-in?next=%2Fadmin%2F")
		b.gets("/admin/log?type=a", 303, "/admin/sign-in?next=%2Fadmin%2Flog%3Ftype%3Da")
		for _, name := range []string{"root@example.com", "missing@example.com", "user@example.com", ""} {
			b.signIn(name, "wrong", 401, "Name or password are wrong")
		}
		b.signIn("user@example.com", password, 401, "Name or password are wrong")
		b.signIn("nobody@example.com", password, 401, "Name or password are wrong")
		for next, want := range map[string]string{
			"/admin/log?a=b": "/admin/log?a=b", "//evil.example/admin/": "/admin/", "https://evil.example/admin/": "/admin/", "/api/": "/admin/", "/admin/\\evil": "/admin/",
		} {
			b := h.browser()
			b.posts("/admin/sign-in?next="+url.QueryEscape(next), url.Values{"name": {"root@example.com"}, "password": {password}}, 303, want)
		}
		b.signIn("root@example.com", password, 303, "/admin/")
		b.gets("/admin/sign-in", 303, "/admin/")
		b.gets("/admin/", 200, "root@example.com")

		// Another site's form does nothing, and neither does a link.
		if status, _, _ := b.send("POST", "/admin/sign-out", url.Values{}, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
			t.Errorf("a form of another site: %d", status)
		}
		b.gets("/admin/sign-out", 404, "nothing at this address")
		b.gets("/admin/", 200, "root@example.com")

		// A session ends with the password, with the user, in time, and when its owner ends it.
		h.Call("PATCH", "/api/user/"+string(root), `{"user":{"password":"battery staple"}}`).Want(200)
		b.gets("/admin/", 303, "/admin/sign-in?next=%2Fadmin%2F")
		b.signIn("root@example.com", "battery staple", 303, "/admin/")
		for range 3 {
			h.ahead.Add(int64(7 * time.Hour))
			b.gets("/admin/", 200, "Overview")
		}
		h.ahead.Add(int64(9 * time.Hour))
		b.gets("/admin/", 303, "/admin/sign-in?next=%2Fadmin%2F")
		b.signIn("root@example.com", "battery staple", 303, "/admin/")
		b.posts("/admin/sign-out", nil, 303, "/admin/sign-in")
		b.gets("/admin/", 303, "/admin/sign-in?next=%2Fadmin%2F")
		b.signIn("root@example.com", "battery staple", 303, "/admin/")
		h.Call("DELETE", "/api/user/"+string(root), nil).Want(200)
		b.gets("/admin/", 303, "/admin/sign-in?next=%2Fadmin%2F")
		b.signIn("root@example.com", "battery staple", 401, "Name or password are wrong")
	})
}

// Who tries too often waits, whether or not there is such an administrator: nobody learns who is one.
func TestSignIn_TooOften(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.person("root@example.com", "admin")
		b := h.browser()
		for _, name := range []string{"root@example.com", "nobody@example.com"} {
			for i := range 10 {
				b.signIn([]string{name, " " + strings.ToUpper(name)}[i%2], "wrong", 401, "Name or password are wrong")
			}
			b.signIn(name, password, 429, "Too many tries")
		}
		h.ahead.Add(int64(6 * time.Minute))
		b.signIn("root@example.com", password, 303, "/admin/")
		b.signIn("nobody@example.com", password, 401, "Name or password are wrong")

		// What is counted is what happened lately, and bounded.
		h.ahead.Add(int64(6 * time.Minute))
		h.Exec(`INSERT INTO admin_try (hash, start_instant, used)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500)
			SELECT 'other ' || i, CAST($1 AS BIGINT) + i, 1 FROM n`, time.Now().Add(5*time.Minute+time.Duration(h.ahead.Load())).UnixMilli())
		b.signIn("root@example.com", password, 303, "/admin/")
		if n := h.Strings(`SELECT COUNT(*) || '' FROM admin_try WHERE hash LIKE 'other %'`)[0]; n != "10000" {
			t.Errorf("%s are counted", n)
		}
		if old := h.Strings(`SELECT hash FROM admin_try WHERE hash NOT LIKE 'other %' AND start_instant <= $1`, time.Now().Add(time.Duration(h.ahead.Load())-5*time.Minute).UnixMilli()); len(old) != 0 {
			t.Errorf("what is over is still counted: %v", old)
		}
	})
}

// Webhooks that refuse every login do not keep out who could switch them off.
func TestSignIn_WhateverWebhooksSay(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.person("root@example.com", "admin")
		h.Enable(wire.AbsoluteMajority, "user.login.success")
		h.Subscribe(egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusForbidden)).URL, []string{"user.login.success"})
		h.Call("POST", "/api/login", `{"loginId":"root@example.com","password":"`+password+`"}`).Want(504)
		h.browser().signIn("root@example.com", password, 303, "/admin/")
	})
}

func TestSignIn_SecondFactor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		root := h.person("root@example.com", "admin")
		secret := []byte("twelve bytes and more")
		app := func() string { // a code is good once, so each is of another step
			h.ahead.Add(int64(30 * time.Second))
			return twofactortest.AppCode(secret, 6, time.Now().Add(time.Duration(h.ahead.Load())))
		}
		var enabled wire.TwoFactorResponse
		h.Call("POST", "/api/user/two-factor/"+string(root), map[string]any{
			"method": "authenticator", "code": app(), "secret": base64.StdEncoding.EncodeToString(secret),
		}).Want(200).Decode(&enabled)
		recovery := enabled.RecoveryCodes
		b := h.browser()
		challenge := func() string {
			body := b.signIn("root@example.com", password, 200, "one-time-code")
			_, rest, _ := strings.Cut(body, `name="challenge" value="`)
			id, _, _ := strings.Cut(rest, `"`)
			return id
		}
		code := func(challenge, code string, status int, says string) {
			t.Helper()
			b.posts("/admin/sign-in/code", url.Values{"challenge": {challenge}, "code": {code}}, status, says)
		}
		first := challenge()
		b.gets("/admin/", 303, "/admin/sign-in?next=%2Fadmin%2F")
		code(first, "000000", 401, "This code is wrong")
		code("unknown", app(), 401, "Name or password are wrong")
		right := app()
		code(first, right, 303, "/admin/")
		b.gets("/admin/", 200, "root@example.com")
		code(first, right, 401, "Name or password are wrong")
		code(challenge(), right, 401, "This code is wrong")

		// What others have begun, who never gave the password here, lets nobody in, right as the code may be.
		var started wire.TwoFactorStartResponse
		h.Call("POST", "/api/two-factor/start", map[string]any{"userId": root}).Want(200).Decode(&started)
		code(started.TwoFactorID, started.Code, 401, "Name or password are wrong")
		var login wire.LoginResponse
		h.Call("POST", "/api/login", map[string]any{"loginId": "root@example.com", "password": password}).Want(242).Decode(&login)
		code(login.TwoFactorID, app(), 401, "Name or password are wrong")
		old := challenge()
		h.Call("PATCH", "/api/user/"+string(root), map[string]any{"user": map[string]any{"password": password + "!"}}).Want(200)
		code(old, app(), 401, "Name or password are wrong")
		h.Call("PATCH", "/api/user/"+string(root), map[string]any{"user": map[string]any{"password": password}}).Want(200)

		second := challenge()
		for range 5 {
			code(second, "000000", 401, "This code is wrong")
		}
		code(second, recovery[0], 401, "Name or password are wrong")
		code(challenge(), recovery[0], 303, "/admin/")
		code(challenge(), recovery[0], 401, "This code is wrong")
	})
}

func TestRoles(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for email, pages := range map[string]map[string]int{
			"all":      {"/admin/": 200, "/admin/log": 200, "/admin/webhook": 200},
			"auditor":  {"/admin/": 200, "/admin/log": 200, "/admin/webhook": 200},
			"hooks":    {"/admin/": 200, "/admin/log": 403, "/admin/webhook": 200},
			"logs":     {"/admin/": 200, "/admin/log": 200, "/admin/webhook": 403},
			"messages": {"/admin/": 200, "/admin/log": 403, "/admin/webhook": 403},
		} {
			role := map[string]string{
				"all": "admin", "auditor": "auditor", "hooks": "webhook_manager", "logs": "webhook_event_log_viewer", "messages": "messenger_manager",
			}[email]
			h.person(email+"@example.com", role)
			b := h.browser()
			b.signIn(email+"@example.com", password, 303, "/admin/")
			for path, status := range pages {
				b.gets(path, status, "")
			}
		}
	})
}

// What others have written is shown as it is written, and does nothing.
func TestPages_HostileTexts(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.person("root@example.com", "admin")
		const evil = `"><script>alert(1)</script>`
		h.Subscribe("http://127.0.0.1:1/"+url.PathEscape(evil), []string{"user.create"}, func(w *wire.Webhook) { w.Description = evil + strings.Repeat("x", 500) })
		b := h.browser()
		b.signIn("root@example.com", password, 303, "/admin/")
		for _, path := range []string{"/admin/", "/admin/webhook", "/admin/log?text=" + url.QueryEscape(evil), "/admin/log?from=-1", "/admin/log?from=99999999999999999999", "/admin/log?type=" + url.QueryEscape(evil)} {
			status, body, _ := b.send("GET", path, nil)
			if status != 200 || strings.Contains(body, "<script>alert") {
				t.Errorf("%s: %d\n%s", path, status, body)
			}
		}
		b.gets("/admin/asset/nothing.css", 404, "")
		b.gets("/admin/nothing", 404, "nothing at this address")
	})
}

// An event leads from the overview to what became of it, and a webhook to why it does not get one.
func TestPages_Story(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.person("root@example.com", "admin")
		h.Enable(wire.AbsoluteMajority, "user.create")
		receiver := egresstest.NewReceiver(t).Script(egresstest.Status(http.StatusForbidden))
		hook := h.Subscribe(receiver.URL+"/hook?token=pl4nted", []string{"user.create"})
		other := h.Subscribe("https://other.example.com/hook", []string{"user.delete"})
		h.Call("POST", "/api/user", `{"user":{"email":"mallory@example.com","password":"pl4nted-password"}}`).Want(504)
		b := h.browser()
		b.signIn("root@example.com", password, 303, "/admin/")
		body := b.gets("/admin/", 200, "Refused")
		_, rest, _ := strings.Cut(body, `href="/admin/log/`)
		id, _, _ := strings.Cut(rest, `"`)
		body = b.gets("/admin/log/"+id, 200, "mallory@example.com")
		for _, want := range []string{">403</span>", "All must succeed", "https://other.example.com/hook", receiver.URL} {
			if !strings.Contains(body, want) {
				t.Errorf("the event's page lacks %q:\n%s", want, body)
			}
		}
		list := b.gets("/admin/webhook", 200, "https://other.example.com/hook")
		check := b.gets("/admin/webhook/"+string(other)+"?type=user.create&tenant="+string(h.Tenant), 200, "It would not be sent.")
		if !strings.Contains(check, "it is not enabled in eventsEnabled") {
			t.Errorf("the check does not say why:\n%s", check)
		}
		b.gets("/admin/webhook/"+string(hook)+"?type=user.create&tenant="+string(h.Tenant), 200, "It would be sent.")
		b.gets("/admin/webhook/"+string(hook)+"?type=user.create", 200, "Name the tenant")
		b.gets("/admin/webhook/"+string(hook)+"?type=user.creat&tenant=x", 200, "user.create")
		for _, secret := range []string{"pl4nted"} {
			if strings.Contains(body+list+check, secret) {
				t.Errorf("a page shows %q", secret)
			}
		}
		for _, path := range []string{"/admin/log/no-id", "/admin/log/" + string(hook), "/admin/webhook/no-id", "/admin/webhook/" + id} {
			b.gets(path, 404, "nothing at this address")
		}
	})
}
