package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/application"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/identity"
	"github.com/herald-events/herald/internal/journal"
	keys "github.com/herald-events/herald/internal/key"
	entrance "github.com/herald-events/herald/internal/login"
	"github.com/herald-events/herald/internal/message"
	"github.com/herald-events/herald/internal/replay"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// adminPaths are the pages of the admin UI that are measured. %[1]s is a user, %[2]s an event of those that were filled in, %[3]s a webhook.
var adminPaths = []struct{ name, path string }{
	{"overview", "/admin/"},
	{"webhooks", "/admin/webhook"},
	{"log", "/admin/log"},
	{"log, a type of ten", "/admin/log?type=user.delete"},
	{"log, refused", "/admin/log?result=Failed"},
	{"log, a text in none", "/admin/log?text=nothing+like+it"},
	{"an event", "/admin/log/%[2]s"},
	{"a webhook", "/admin/webhook/%[3]s"},
}

const (
	rootEmail, rootPassword = "root@example.com", "correct horse battery"
	rareWebhook             = "00000000-0000-4000-8000-000000000007" // one of a thousand events is for it; it has been deleted
)

// measureLists fills a store and looks at it as people do: the domain's lists from inside, and the pages of the admin UI from outside.
func measureLists(ctx context.Context, t *turn) error {
	w, err := t.build(ctx, plan{kind: event.UserLoginSuccess, setting: wire.None, webhooks: 1})
	if err != nil {
		return err
	}
	defer w.close()
	err = w.servers[0].call(ctx, http.MethodPost, "/api/user/registration", map[string]any{
		"user": map[string]any{"email": rootEmail, "password": rootPassword}, "registration": map[string]any{"applicationId": application.AdminID, "roles": []string{"admin"}},
	}, nil)
	if err != nil {
		return err
	}
	w.servers[0].stop()
	w.servers = nil

	if err := t.inside(ctx, w); err != nil {
		return err
	}
	h, err := t.start(ctx, w.store, false)
	if err != nil {
		return err
	}
	w.servers = []*herald{h}
	return t.outside(ctx, w)
}

// inside fills the store and measures the domain's lists.
func (t *turn) inside(ctx context.Context, w *world) (err error) {
	o := db.Options{Dir: w.store.folder, URL: w.store.url}
	if w.store.url != "" {
		o.Dir = ""
	}
	d, err := db.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	f := filling{d, t.rows, w.tenant, w.webhooks[0], time.Now().Truncate(time.Millisecond)}
	began := time.Now()
	if err := f.fill(ctx); err != nil {
		return err
	}
	t.add(fmt.Sprintf("filling with %d events", t.rows), values{perSecond: float64(t.rows) / time.Since(began).Seconds()})
	master, _, err := keys.LoadMaster(w.store.folder, encryptionKey)
	if err != nil {
		return err
	}
	for _, l := range f.lists(keys.NewSealer(master)) {
		v, err := t.look(ctx, func(ctx context.Context) error { return l.read(ctx) })
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		t.add(l.name, v)
	}
	return nil
}

// look measures something that people look at, one at a time.
func (t *turn) look(ctx context.Context, do func(context.Context) error) (values, error) {
	for range 3 { // statements are prepared and caches warm
		if err := do(ctx); err != nil {
			return nil, err
		}
	}
	l, err := hammer(ctx, 1, t.each/6, do)
	v := values{}
	v.percentiles(l.latencies)
	return v, err
}

// outside measures the pages of the admin UI, as an administrator sees them.
func (t *turn) outside(ctx context.Context, w *world) error {
	h := w.servers[0]
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Transport: h.client.Transport, Timeout: patience, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(ctx context.Context, method, path string, form url.Values, want int) error {
		request, err := http.NewRequestWithContext(ctx, method, h.url+path, strings.NewReader(form.Encode()))
		if err != nil {
			return err
		}
		if form != nil {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		response, err := browser.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode != want {
			return fmt.Errorf("%s %s: %s", method, path, response.Status)
		}
		return nil
	}
	if err := get(ctx, http.MethodPost, "/admin/sign-in", url.Values{"name": {rootEmail}, "password": {rootPassword}}, http.StatusSeeOther); err != nil {
		return err
	}
	var errs []error
	for _, p := range adminPaths {
		path := p.path
		if strings.Contains(path, "%") {
			path = fmt.Sprintf(path+"%[4]s", filledID(7), filledID(t.rows), w.webhooks[0], "")
		}
		v, err := t.look(ctx, func(ctx context.Context) error { return get(ctx, http.MethodGet, path, nil, http.StatusOK) })
		if err != nil { // the other pages are still worth knowing
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
			continue
		}
		t.add("page: "+p.name, v)
	}
	return errors.Join(errs...)
}

// list is a page of a list, with what it may be looked for by.
type list struct {
	name string
	read func(context.Context) error
}

// lists are the lists to look at. Deep pages begin where the rows are that lie in the middle of the time.
func (f *filling) lists(sealer *keys.Sealer) (all []list) {
	record, journal := webhooklog.NewReader(f.d), journal.New(f.d)
	deliveries := replay.New(replay.Options{DB: f.d})
	messages := message.New(message.Options{DB: f.d, RecipientKey: []byte("a key of the benchmark, 32 bytes.")})
	tenants := tenant.New(f.d, sealer)
	applications := application.New(application.Options{DB: f.d, Tenants: tenants, Sealer: sealer})
	users := identity.New(identity.Options{DB: f.d, Tenants: tenants, Applications: applications, Sealer: sealer})
	logins := entrance.New(entrance.Options{DB: f.d, Applications: applications})

	add := func(what string, read func(ctx context.Context, at search.Cursor) (int, search.Links, error)) {
		all = append(all, list{what, func(ctx context.Context) error {
			_, _, err := read(ctx, "")
			return err
		}})
	}
	middle := wire.Period{End: wire.Instant(f.last.UnixMilli() - int64(f.rows)/2)}
	ever := wire.Period{Start: 1}
	deep := func(what string, read func(ctx context.Context, p wire.Period, at search.Cursor) (int, search.Links, error)) {
		add(what, func(ctx context.Context, at search.Cursor) (int, search.Links, error) { return read(ctx, ever, at) })
		var at search.Cursor
		all = append(all, list{what + ", deep", func(ctx context.Context) (err error) {
			if at == "" {
				var links search.Links
				p := middle
				p.Start = 1
				if _, links, err = read(ctx, p, ""); err != nil {
					return err
				}
				at = links.Older // none in a small store
			}
			_, _, err = read(ctx, ever, at)
			return err
		}}, list{what + ", until the middle", func(ctx context.Context) error {
			p := middle
			p.Start = 1
			_, _, err := read(ctx, p, "")
			return err
		}})
	}
	events := func(c wire.WebhookEventLogSearch) func(context.Context, wire.Period, search.Cursor) (int, search.Links, error) {
		return func(ctx context.Context, p wire.Period, at search.Cursor) (int, search.Links, error) {
			c := c
			c.Period = p
			found, links, err := record.Page(ctx, c, at)
			return len(found), links, err
		}
	}
	shallow := func(what string, read func(context.Context, wire.Period, search.Cursor) (int, search.Links, error)) {
		add(what, func(ctx context.Context, at search.Cursor) (int, search.Links, error) { return read(ctx, ever, at) })
	}
	deep("events", events(wire.WebhookEventLogSearch{}))
	deep("events, a type of ten", events(wire.WebhookEventLogSearch{EventType: "user.delete"}))
	for _, c := range []struct {
		name string
		wire.WebhookEventLogSearch
	}{
		{"a type of none", wire.WebhookEventLogSearch{EventType: "user.update"}},
		{"refused", wire.WebhookEventLogSearch{EventResult: wire.EventFailed}},
		{"of a webhook of most", wire.WebhookEventLogSearch{WebhookID: wire.ID(f.webhook)}},
		{"of a webhook of a thousandth", wire.WebhookEventLogSearch{WebhookID: rareWebhook}},
		{"status 5xx of a hundredth", wire.WebhookEventLogSearch{StatusCode: "5xx"}},
		{"status of none", wire.WebhookEventLogSearch{StatusCode: "404"}},
		{"about an object of none", wire.WebhookEventLogSearch{LinkedObjectID: rareWebhook}},
		{"a text in most", wire.WebhookEventLogSearch{Event: "lovelace"}},
		{"a text in none", wire.WebhookEventLogSearch{Event: "nothing like it"}},
	} {
		shallow("events, "+c.name, events(c.WebhookEventLogSearch))
	}
	attempts := func(a webhooklog.AttemptFilter) func(context.Context, wire.Period, search.Cursor) (int, search.Links, error) {
		return func(ctx context.Context, p wire.Period, at search.Cursor) (int, search.Links, error) {
			a := a
			if a.Period = p; p == ever {
				a.Period = wire.Period{}
			}
			found, links, err := record.PageAttempts(ctx, a, 0, at)
			return len(found), links, err
		}
	}
	deep("attempts", attempts(webhooklog.AttemptFilter{}))
	shallow("attempts, of a webhook of a thousandth", attempts(webhooklog.AttemptFilter{WebhookID: rareWebhook}))
	shallow("attempts, failures of a hundredth", attempts(webhooklog.AttemptFilter{Result: wire.AttemptFailure}))
	shallow("attempts, status of none", attempts(webhooklog.AttemptFilter{StatusCode: "404"}))
	owed := func(c wire.DeliveryFilter) func(context.Context, wire.Period, search.Cursor) (int, search.Links, error) {
		return func(ctx context.Context, p wire.Period, at search.Cursor) (int, search.Links, error) {
			c := c
			if c.Period = p; p == ever {
				c.Period = wire.Period{}
			}
			found, links, err := deliveries.Page(ctx, wire.DeliverySearch{DeliveryFilter: c}, at)
			return len(found), links, err
		}
	}
	deep("deliveries", owed(wire.DeliveryFilter{}))
	deep("deliveries, dead", owed(wire.DeliveryFilter{States: []wire.DeliveryState{"dead"}}))
	for _, c := range []struct {
		name string
		wire.DeliveryFilter
	}{
		{"pending, of a tenth", wire.DeliveryFilter{States: []wire.DeliveryState{"pending"}}},
		{"retrying, of few", wire.DeliveryFilter{States: []wire.DeliveryState{"retrying"}}},
		{"of a webhook of a thousandth", wire.DeliveryFilter{WebhookID: rareWebhook}},
		{"a type of ten", wire.DeliveryFilter{EventTypes: []string{"user.delete"}}},
		{"a type of none", wire.DeliveryFilter{EventTypes: []string{"user.update"}}},
	} {
		shallow("deliveries, "+c.name, owed(c.DeliveryFilter))
	}
	sent := func(c wire.MessageSearch) func(context.Context, wire.Period, search.Cursor) (int, search.Links, error) {
		return func(ctx context.Context, p wire.Period, at search.Cursor) (int, search.Links, error) {
			c := c
			c.Period = wire.Period{End: p.End}
			found, links, err := messages.Page(ctx, c, at)
			return len(found), links, err
		}
	}
	deep("messages", sent(wire.MessageSearch{}))
	shallow("messages, failed, a hundredth", sent(wire.MessageSearch{State: wire.MessageFailed}))
	shallow("messages, to nobody", sent(wire.MessageSearch{Recipient: "nobody@example.com"}))
	shallow("messages, of no template", sent(wire.MessageSearch{TemplateID: rareWebhook}))
	noted := func(c wire.EventLogSearch) func(context.Context, wire.Period, search.Cursor) (int, search.Links, error) {
		return func(ctx context.Context, p wire.Period, at search.Cursor) (int, search.Links, error) {
			c := c
			c.Period = p
			found, links, err := journal.PageEventLog(ctx, c, at)
			return len(found), links, err
		}
	}
	deep("event log", noted(wire.EventLogSearch{}))
	shallow("event log, errors, a hundredth", noted(wire.EventLogSearch{Type: wire.EventLogError}))
	shallow("event log, a text in none", noted(wire.EventLogSearch{Message: "nothing like it"}))
	audited := func(c wire.AuditLogSearch) func(context.Context, wire.Period, search.Cursor) (int, search.Links, error) {
		return func(ctx context.Context, p wire.Period, at search.Cursor) (int, search.Links, error) {
			c := c
			c.Period = p
			found, links, err := journal.PageAuditLog(ctx, c, at)
			return len(found), links, err
		}
	}
	deep("audit log", audited(wire.AuditLogSearch{}))
	shallow("audit log, a text in none", audited(wire.AuditLogSearch{Message: "nothing like it"}))
	shallow("audit log, of no user", audited(wire.AuditLogSearch{User: "nobody"}))
	entered := func(c wire.LoginRecordSearch) func(context.Context, wire.Period, search.Cursor) (int, search.Links, error) {
		return func(ctx context.Context, p wire.Period, at search.Cursor) (int, search.Links, error) {
			c := c
			c.Start, c.End = p.Start, p.End
			found, links, err := logins.PageRecords(ctx, "", c, at)
			return len(found), links, err
		}
	}
	deep("logins", entered(wire.LoginRecordSearch{}))
	shallow("logins, of a user", entered(wire.LoginRecordSearch{UserID: wire.ID(filledID(7))}))
	shallow("logins, of no application", entered(wire.LoginRecordSearch{ApplicationID: rareWebhook}))
	for _, c := range []struct{ name, query string }{
		{"", ""},
		{", one e-mail address", "email:user7@example.com"},
		{", a first name of all", "firstName:ada"},
		{", a part of a name of all", "*lovel*"},
		{", a part of a name of none", "*nothing*"},
		{", a name of none", "nobody"},
	} {
		for _, scope := range []wire.ID{"", wire.ID(f.tenant)} {
			in := map[bool]string{true: "", false: " in a tenant"}[scope == ""]
			add("users"+in+c.name, func(ctx context.Context, at search.Cursor) (int, search.Links, error) {
				found, links, err := users.Page(ctx, scope, wire.UserSearch{QueryString: c.query}, at)
				return len(found), links, err
			})
		}
	}
	return slices.Clip(all)
}
