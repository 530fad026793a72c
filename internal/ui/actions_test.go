package ui_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/internal/ui/uitest"
	"github.com/herald-events/herald/wire"
)

// More main actions by clicking, each with what it leads to: things are added, restored, switched, dropped, sent again, taken away as a file.
func TestBrowser_MoreActions(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	p := signIn(uitest.New(t, s.URL))
	tenant := "/admin/tenant/" + string(s.Tenant)

	p.Open("/admin/application").Within(".head").Click("Add application").Within("").Type("Name", "Shop").Click("Save").See("The application was created.")
	p.Within("main").Click("Roles").Click("Add role").Type("Name", "customer").Click("Save").See("customer")

	// An earlier version of a template.
	text := "/admin/message-template/" + string(template.TwoFactorSMS)
	b := s.browser()
	b.signIn("root@example.com", password, 303, "/admin/")
	for _, words := range []string{"First ${code}", "Second ${code}"} {
		b.posts(text, url.Values{"messageTemplate.defaultTemplate": {words}}, 303, text)
	}
	p.Open(text).Within("main").Click("History").Click(".versions li:nth-child(2) .button").Click("Restore").See("The version was restored.")
	var restored wire.MessageTemplateResponse
	s.Call("GET", "/api/message/template/"+string(template.TwoFactorSMS), nil).Want(200).Decode(&restored)
	if restored.MessageTemplate.DefaultTemplate != "First ${code}" {
		t.Errorf("restored %q", restored.MessageTemplate.DefaultTemplate)
	}

	// The events of a tenant, with what a setting means before it is saved.
	receiver := egresstest.NewReceiver(t)
	s.Subscribe(receiver.URL+"/shop", []string{"user.create"}, func(w *wire.Webhook) { w.RetryConfiguration = &wire.RetryConfiguration{Delays: []int{3600}} })
	p.Open(tenant+"/edit#webhooks").Click(`[aria-label="Enabled: user.create"]`).Choose("Transaction setting: user.create", "All of the Webhooks must succeed").See("All must succeed, with 1 webhook.")
	p.Choose("Transaction setting: user.create", "No Webhooks are required to succeed").NotSee("All must succeed, with 1 webhook.")
	p.Click("all on group").See("No webhook of this tenant has it switched on").Click("Save").See("The tenant was saved.")
	events := s.tenant(string(s.Tenant))["eventConfiguration"].(map[string]any)["events"].(map[string]any)
	if events["group.create"].(map[string]any)["enabled"] != true || events["user.create"].(map[string]any)["enabled"] != true || events["user.delete"] != nil {
		t.Errorf("events: %v", events)
	}

	// A delivery is given up, and sent again; what waits is dropped.
	receiver.Script(egresstest.Status(http.StatusInternalServerError), egresstest.Status(http.StatusOK), egresstest.Status(http.StatusInternalServerError))
	waits := func() {
		s.Eventually(20*time.Second, "it waits for another try", func() bool { return len(s.Strings(`SELECT state FROM delivery WHERE state = 'retrying'`)) == 1 })
	}
	s.newcomer("ada")
	waits()
	p.Open("/admin/delivery?state=retrying").Click("#content tbody a[href^='/admin/log/']").Click("Give up").See("Send again").Click("Send again").See("It is being sent again.")
	receiver.WaitFor(2)
	s.newcomer("grace")
	waits()
	p.Open("/admin/backlog").Within("main").Click("Drop all").See("1 delivery").Click("Drop all").See("The task has begun.").See("Done")
	if left := s.Strings(`SELECT state FROM delivery WHERE state = 'cancelled'`); len(left) != 1 {
		t.Errorf("cancelled: %v", left)
	}

	var file string
	p.Open("/admin/system").See("Export this set-up").Eval(`fetch(document.querySelector("a[download]").href).then((r) => r.text())`, &file)
	if !strings.Contains(file, receiver.URL+"/shop") {
		t.Errorf("the file of the set-up: %.300s", file)
	}

	// Second factors by which codes are sent, to a mail server and through a messenger.
	office, phone := messengertest.NewPostOffice(t), egresstest.NewReceiver(t)
	var made wire.MessengerResponse
	s.Call("POST", "/api/messenger", map[string]any{"messenger": map[string]any{"name": "Texts", "type": "Generic", "url": phone.URL, "connectTimeout": 1000, "readTimeout": 2000, "messageTypes": []string{"SMS"}}}).Want(200).Decode(&made)
	s.Call("PATCH", "/api/tenant/"+string(s.Tenant), map[string]any{"tenant": map[string]any{
		"emailConfiguration": map[string]any{"host": office.Host, "port": office.Port, "username": office.Username, "password": office.Password},
		"multiFactorConfiguration": map[string]any{
			"email": map[string]any{"enabled": true, "templateId": template.TwoFactorEmail},
			"sms":   map[string]any{"enabled": true, "messengerId": made.Messenger.ID, "templateId": template.TwoFactorSMS},
		},
	}}).Want(200)
	code := regexp.MustCompile(`\b[0-9]{6}\b`)
	p.Open("/admin/account#factors").Click("Add second factor: E-mail").Type("E-mail", "root@example.com").Click("Send a code").See("The code is on its way.")
	p.Type("Code", code.FindString(office.Last(t).Open(t).Text)).Click("Add second factor").See("shown this once")
	p.Open("/admin/account#factors").Click("Add second factor: Phone (SMS)").Type("Phone (SMS)", "+4930901820").Click("Send a code").See("The code is on its way.")
	sent := phone.WaitFor(1)
	p.Type("Code", code.FindString(string(sent[0].Body))).Click("Add second factor").See("The second factor was added.")
	p.Within("main").See("+4930901820")
}

// A list goes on while somebody looks at it, and moves nothing that is read; a stretch of time is chosen by dragging; keys can be switched off.
func TestBrowser_ListsThatGoOn(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := empty(t)
	s.Enable(wire.None, "user.create")
	s.newcomer("ada")
	p := signIn(uitest.New(t, s.URL)).Open("/admin/log?type=user.create").See("Connected.")
	before := 0
	p.Eval(`document.querySelectorAll("tr[data-key]").length`, &before)
	rows := func(what string, want int) {
		t.Helper()
		n := 0
		s.Eventually(20*time.Second, what, func() bool {
			p.Eval(`document.querySelectorAll("tr[data-key]").length`, &n)
			return n == before+want
		})
	}
	p.Eval(`document.querySelector("tr[data-key] a").focus()`, nil) // somebody is there
	s.newcomer("grace")
	p.See("1 new event")
	s.newcomer("linus")
	p.See("2 new events")
	rows("nothing has moved", 0)
	p.Click("2 new events")
	rows("they are there", 2)
	p.Click("Pause").See("Paused.")
	s.newcomer("barbara")
	p.Click("Resume").See("Connected.")
	rows("what came meanwhile", 3)
	s.newcomer("donald")
	rows("it comes by itself where nobody reads", 4)

	p.Open("/admin/").See("Connected.").Eval(`document.querySelector("tr[data-key] a").focus()`, nil)
	s.newcomer("edsger")
	p.Click("[data-news-show]").NotSee("new event")

	p.Open("/admin/log?type=user.create&range=day").Drag("svg[data-start]", .5, .9)
	query := p.See("Clear filters").URL().Query()
	if query.Get("from") == "" || query.Get("until") == "" || query.Get("range") != "" || query.Get("type") != "user.create" {
		t.Errorf("the range is not in the address: %v", query)
	}
	if p.Value("From (UTC)") == "" {
		t.Error("the range is not in the form")
	}

	p.Open("/admin/account").Choose("Keyboard", "Off").Click("Save").Eval("document.activeElement.blur()", nil).Press("?").NotSee("Next row, row before")
	p.Choose("Keyboard", "On").Click("Save").Eval("document.activeElement.blur()", nil).Press("?").See("Next row, row before")
}
