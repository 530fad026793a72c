package ui_test

import (
	"encoding/base32"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/twofactor/twofactortest"
	"github.com/herald-events/herald/internal/ui/uitest"
)

func init() {
	screens = append(screens,
		screen{name: "account", path: "/admin/account"},
		screen{name: "account-password", path: "/admin/account?", prepare: tab("Password")},
		screen{name: "account-factors", path: "/admin/account??", prepare: tab("Second factors")},
		screen{name: "account-sessions", path: "/admin/account???", prepare: tab("Sessions")},
		screen{name: "account-factor-add", path: "/admin/account/factor/add?method=authenticator"},
		screen{name: "account-factor-refused", path: "/admin/account/factor/add?method=authenticator&", prepare: func(p *uitest.Page, _ *stage) {
			p.Type("Code", "000000").Click("Add second factor").See("This code is wrong")
		}},
	)
}

var secretInPage = regexp.MustCompile(`name="secret" value="([A-Z2-7]+)"`)

func TestAccount(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, other := h.admin("auditor"), h.browser()
		other.signIn("auditor@example.com", password, 303, "/admin/")
		page := b.gets("/admin/account", 200, "this one")
		if n := strings.Count(page, `name="session"`); n != 2 {
			t.Errorf("%d sessions", n)
		}

		// The password takes the present one, and ends all other sessions.
		change := url.Values{"currentPassword": {"wrong"}, "password": {"battery staple"}}
		page = b.posts("/admin/account/password", change, 400, `id="currentPassword-error"`)
		if strings.Contains(page, "battery") {
			t.Error("a password comes back")
		}
		change.Set("currentPassword", password)
		change.Set("password", "short")
		b.posts("/admin/account/password", change, 400, "at least 8 characters")
		change.Set("password", "battery staple")
		b.posts("/admin/account/password", change, 303, "/admin/account")
		if entry := h.audited(); !strings.HasPrefix(entry.Message, "Changed their own password") || entry.InsertUser != "auditor@example.com" || len(entry.NewValue) > 0 {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets("/admin/account", 200, "Your password was changed")
		other.gets("/admin/", 303, "/admin/sign-in?next=%2Fadmin%2F")
		other.signIn("auditor@example.com", password, 401, "wrong")
		other.signIn("auditor@example.com", "battery staple", 303, "/admin/")

		// A session can be ended, of one's own.
		ids := regexp.MustCompile(`name="session" value="(\w+)"`).FindAllStringSubmatch(b.gets("/admin/account", 200, ""), -1)
		stranger := h.admin("admin")
		stranger.posts("/admin/account/session/end", url.Values{"session": {ids[0][1]}}, 404, "")
		h.ahead.Add(int64(2 * time.Minute))
		b.gets("/admin/account", 200, "") // now it was used last
		ids = regexp.MustCompile(`name="session" value="(\w+)"`).FindAllStringSubmatch(b.gets("/admin/account", 200, ""), -1)
		b.posts("/admin/account/session/end", url.Values{"session": {ids[1][1]}}, 303, "/admin/account#sessions")
		other.gets("/admin/", 303, "/admin/sign-in?next=%2Fadmin%2F")

		// A second factor takes the password again, once that was given too long ago.
		h.ahead.Add(int64(time.Hour))
		b.posts("/admin/account/session/end", url.Values{"session": {ids[0][1]}}, 400, `id="password-session"`)
		page = b.gets("/admin/account/factor/add?method=authenticator", 200, "<svg")
		found := secretInPage.FindStringSubmatch(page)
		if found == nil || !strings.Contains(page, "otpauth://totp/Herald:auditor@example.com?") {
			t.Fatalf("no secret in\n%s", page)
		}
		secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(found[1])
		if err != nil {
			t.Fatal(err)
		}
		code := func() string {
			h.ahead.Add(int64(30 * time.Second))
			return twofactortest.AppCode(secret, 6, time.Now().Add(time.Duration(h.ahead.Load())))
		}
		form := url.Values{"method": {"authenticator"}, "secret": {found[1]}, "code": {"000000"}, "name": {"Phone"}}
		b.posts("/admin/account/factor/add", form, 400, `id="password-again-error"`)
		form.Set("password-again", "battery staple")
		page = b.posts("/admin/account/factor/add", form, 400, `id="code-error"`)
		if !strings.Contains(page, found[1]) {
			t.Error("the secret was changed by a wrong code")
		}
		if entry := h.audited(); strings.HasPrefix(entry.Message, "Added") {
			t.Errorf("audit log after a wrong code: %+v", entry)
		}
		form.Set("code", code())
		page = b.posts("/admin/account/factor/add", form, 200, "shown this once")
		recovery := regexp.MustCompile(`[A-Z0-9]{5}-[A-Z0-9]{5}`).FindAllString(page, -1)
		if len(recovery) != 10 {
			t.Fatalf("recovery codes %q", recovery)
		}
		if entry := h.audited(); !strings.HasPrefix(entry.Message, "Added a second factor of their own (authenticator)") {
			t.Errorf("audit log: %+v", entry)
		}
		if page = b.gets("/admin/account", 200, "Phone"); strings.Contains(page, found[1]) || strings.Contains(page, recovery[0]) {
			t.Error("a secret comes back")
		}
		h.browser().signIn("auditor@example.com", "battery staple", 200, "one-time-code")

		page = b.posts("/admin/account/recovery", url.Values{}, 200, "shown this once")
		if strings.Contains(page, recovery[0]) {
			t.Error("the codes are the old ones")
		}
		fresh := regexp.MustCompile(`[A-Z0-9]{5}-[A-Z0-9]{5}`).FindAllString(page, -1)
		remove := regexp.MustCompile(`/admin/account/factor/\w+/remove`).FindString(b.gets("/admin/account", 200, ""))
		b.posts(remove, url.Values{"code": {recovery[0]}}, 400, `id="code-error"`)
		if entry := h.audited(); strings.HasPrefix(entry.Message, "Removed") {
			t.Errorf("audit log after a wrong code: %+v", entry)
		}
		b.posts(remove, url.Values{"code": {fresh[0]}}, 303, "/admin/account#factors")
		b.gets("/admin/account", 200, "You have no second factor")
		if entry := h.audited(); !strings.HasPrefix(entry.Message, "Removed a second factor") {
			t.Errorf("audit log: %+v", entry)
		}
		h.browser().signIn("auditor@example.com", "battery staple", 303, "/admin/")
		b.gets("/admin/account/factor/add?method=nonsense", 404, "")
		b.posts("/admin/account/factor/add", url.Values{"method": {"email"}, "address": {"nonsense"}, "send": {"true"}}, 400, `id="address-error"`)
		b.posts("/admin/preferences", url.Values{"theme": {"dark"}, "next": {"/admin/account"}}, 303, "/admin/account")
		b.gets("/admin/account", 200, `data-theme="dark"`)
	})
}
