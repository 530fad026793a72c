package ui_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

func init() {
	screens = append(screens,
		screen{name: "keys", path: "/admin/key"},
		screen{name: "key", path: "/admin/key/{key}"},
		screen{name: "key-add", path: "/admin/key/add"},
		screen{name: "key-generate", path: "/admin/key/generate?kind=rsa"},
		screen{name: "key-import-refused", path: "/admin/key/import?kind=certificate", prepare: func(p *uitest.Page, _ *stage) {
			p.Type("Certificate (PEM)", "none").Click("Import").See("The text")
		}},
		screen{name: "key-edit", path: "/admin/key/{key}/edit"},
		screen{name: "key-delete", path: "/admin/key/{key}/delete"},
		screen{name: "key-delete-unused", path: "/admin/key/{keyNew}/delete"},
		screen{name: "key-rotation", path: "/admin/key/{key}/rotate"},
		screen{name: "key-rotation-steps", path: "/admin/key/{key}/rotate?to={keyNew}"},
	)
	furnishers = append(furnishers, func(s *stage) {
		make := func(name string, algorithm wire.KeyAlgorithm) wire.ID {
			var made wire.KeyResponse
			s.Call("POST", "/api/key/generate", wire.KeyRequest{Key: wire.KeyInput{Name: name, Algorithm: algorithm, Issuer: s.text("example.com", 100)}}).Want(200).Decode(&made)
			return made.Key.ID
		}
		old := make(s.text("Webhooks 2025", 100), wire.Ed25519)
		s.note("key", string(old))
		s.note("keyNew", string(make(s.text("Webhooks 2026", 100), wire.Ed25519)))
		make(s.text("Session tokens", 100), wire.HS256)
		s.Call("PATCH", "/api/webhook/"+s.noted["webhook"], map[string]any{"webhook": map[string]any{
			"signatureConfiguration": map[string]any{"enabled": true, "signingKeyId": old},
		}}).Want(200)
	})
}

func (h *house) keyNamed(name string) (k wire.Key) {
	h.t.Helper()
	var found wire.KeySearchResponse
	h.Call("GET", "/api/key/search?name="+url.QueryEscape(name), nil).Want(200).Decode(&found)
	if len(found.Keys) != 1 {
		h.t.Fatalf("%d keys are called %s", len(found.Keys), name)
	}
	return found.Keys[0]
}

func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.admin()
		b.gets("/admin/key", 200, "every tenant that names no other")
		h.ahead.Store(int64(11 * 60e9)) // the password was given long ago
		form := url.Values{"keyId": {"none"}, "key.name": {""}, "key.algorithm": {"RS256"}, "key.length:number": {"2048"}}
		if page := b.posts("/admin/key/generate?kind=rsa", form, 400, "enter the password you sign in with"); !strings.Contains(page, `id="password-again-error"`) {
			t.Error("the error does not stand at the password")
		}
		form.Set("password-again", password)
		b.posts("/admin/key/generate?kind=rsa", form, 400, `id="keyId-error"`)
		form.Set("keyId", "")
		if page := b.posts("/admin/key/generate?kind=rsa", form, 400, `id="key.name-error"`); strings.Contains(page, "password-again") {
			t.Error("the password is asked for twice")
		}
		form.Set("key.name", "Orders")
		_, _, to := b.send("POST", "/admin/key/generate?kind=rsa", form)
		k := h.keyNamed("Orders")
		if to != "/admin/key/"+string(k.ID) || k.Length != 2048 || k.Algorithm != wire.RS256 {
			t.Errorf("made %+v, and to %q", k, to)
		}
		if entry := h.audited(); !strings.Contains(entry.Message, "Generated the key "+string(k.ID)) || !strings.Contains(string(entry.NewValue), "Orders") {
			t.Errorf("audit log: %+v", entry)
		}
		b.gets(to, 200, "private and public key")
		b.gets(to+"/public.pem", 200, "BEGIN CERTIFICATE")
		b.gets(to+"/public.pem?part=key", 200, "BEGIN PUBLIC KEY")
		b.gets("/admin/key", 200, "in 10 years")

		secret := url.Values{"key.name": {"Orders"}, "key.algorithm": {"HS256"}, "key.secret:secret": {"hush-hush"}}
		if page := b.posts("/admin/key/import?kind=hmac", secret, 400, "already"); strings.Contains(page, "hush-hush") {
			t.Error("a secret comes back")
		}
		secret.Set("key.name", "Shared")
		b.posts("/admin/key/import?kind=hmac", secret, 303, "")
		shared := h.keyNamed("Shared")
		if entry := h.audited(); !strings.Contains(entry.Message, "Imported the key") || strings.Contains(string(entry.NewValue), "hush") {
			t.Errorf("audit log: %+v", entry)
		}
		private := url.Values{"key.name": {"P"}, "key.privateKey": {"-----BEGIN PRIVATE KEY-----\nhush"}}
		if page := b.posts("/admin/key/import?kind=private", private, 400, `id="key.privateKey-error"`); strings.Contains(page, "hush") {
			t.Error("a private key comes back")
		}
		b.gets("/admin/key/"+string(shared.ID)+"/public.pem", 404, "nothing at this address")
		b.gets("/admin/key/generate?kind=none", 404, "nothing at this address")

		b.posts(to+"/edit", url.Values{"key.name": {"shared"}}, 400, `id="key.name-error"`)
		b.posts(to+"/edit", url.Values{"key.name": {"Orders 2026"}}, 303, to)
		if entry := h.audited(); !strings.Contains(string(entry.OldValue), `"Orders"`) || !strings.Contains(string(entry.NewValue), "Orders 2026") {
			t.Errorf("audit log: %+v", entry)
		}
		webhook := h.Subscribe("https://crm.example.com/hook", []string{"user.create"}, func(w *wire.Webhook) {
			w.Description, w.SignatureConfiguration = "Customers", wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID}
		})
		b.gets("/admin/key", 200, "Customers")
		b.gets(to+"/delete", 200, "Customers")
		b.posts(to+"/delete", url.Values{}, 400, "in use")

		// Another key takes its place.
		steps := to + "/rotate"
		b.gets(steps, 200, "Generate the new key")
		b.posts(steps, url.Values{"step": {"new"}, "key.name": {"Orders 2027"}}, 303, "")
		next := h.keyNamed("Orders 2027")
		if next.Algorithm != k.Algorithm || next.Length != k.Length {
			t.Errorf("the new key is %+v", next)
		}
		at := steps + "?to=" + string(next.ID)
		for _, tt := range []struct {
			step, says    string
			first, second wire.ID
		}{{"both", "Sign with both keys", k.ID, next.ID}, {"switch", "Switch to the new key", next.ID, k.ID}, {"retire", "Sign with the new key only", next.ID, ""}} {
			b.gets(at, 200, tt.says)
			b.posts(steps, url.Values{"step": {tt.step}, "to": {string(next.ID)}}, 303, at)
			var w wire.WebhookResponse
			h.Call("GET", "/api/webhook/"+string(webhook), nil).Want(200).Decode(&w)
			if c := w.Webhook.SignatureConfiguration; c.SigningKeyID != tt.first || c.SecondarySigningKeyID != tt.second {
				t.Errorf("%s: signed with %s and %s", tt.step, c.SigningKeyID, c.SecondarySigningKeyID)
			}
			if entry := h.audited(); !strings.Contains(entry.Message, "Changed the webhook "+string(webhook)) || !strings.Contains(string(entry.NewValue), string(next.ID)) {
				t.Errorf("audit log: %+v", entry)
			}
		}
		// So do those of tokens.
		h.Call("PATCH", "/api/tenant/"+string(h.Tenant), map[string]any{"tenant": map[string]any{
			"jwtConfiguration": map[string]any{"accessTokenKeyId": strings.ToUpper(string(k.ID)), "idTokenKeyId": k.ID},
		}}).Want(200)
		b.posts(steps, url.Values{"step": {"switch"}, "to": {string(next.ID)}}, 303, at)
		if got := h.Call("GET", "/api/tenant/"+string(h.Tenant), nil).Want(200); strings.Contains(strings.ToLower(string(got.Body)), string(k.ID)) || !strings.Contains(string(got.Body), string(next.ID)) {
			t.Errorf("the tenant has\n%s", got.Body)
		}
		b.gets(at, 200, "Delete the old key")

		viewer := h.admin("auditor")
		viewer.gets(to, 200, "BEGIN PUBLIC KEY")
		for _, path := range []string{to + "/edit", to + "/delete", steps, "/admin/key/generate?kind=ec", "/admin/key/import?kind=hmac"} {
			viewer.posts(path, url.Values{"step": {"both"}}, 403, "roles do not open")
		}
		// Who may not change webhooks changes none here.
		h.admin("key_manager").posts("/admin/key/"+string(next.ID)+"/rotate", url.Values{"step": {"both"}, "to": {string(k.ID)}, "password-again": {password}}, 403, "roles do not open")

		b.posts(to+"/delete", url.Values{}, 303, "/admin/key")
		h.Call("GET", "/api/key/"+string(k.ID), nil).Want(404)
		if entry := h.audited(); !strings.Contains(string(entry.OldValue), "Orders 2026") {
			t.Errorf("audit log: %+v", entry)
		}
	})
}

func TestBrowser_KeyRotation(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := typical(t)
	p := signIn(uitest.New(t, s.URL))
	p.Open("/admin/key").Click("Webhooks 2025").Click("Rotate").Type("Name", "Webhooks 2027").Click("Generate the new key").See("The new key is")
	p.Click("Sign with both keys").See("The next step is below").Click("Switch to the new key").Click("Sign with the new key only")
	p.Click("Delete the old key").Click("Delete key").See("The key was deleted")
}
