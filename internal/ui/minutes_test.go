package ui_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/ui/uitest"
)

// The first five minutes of somebody who has just started Herald, by clicking: from the link that the server prints to an event that arrives, a receiver that breaks
// and comes back, and a change that its webhook stops.
func TestBrowser_FirstFiveMinutes(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := bare(t)
	receiver := egresstest.NewReceiver(t)
	p := uitest.New(t, s.URL)
	path, _ := s.path("/admin/setup?token={setUpToken}")

	// The first administrator, who sees what is to be done.
	p.Open(path).Type("E-mail address", "root@example.com").Type("Password", password).Click("Create administrator").At("/admin/").See("Your first event")

	// A webhook, and whether it is there: the server's own test event.
	p.Click("Webhooks").Within(".head").Click("Add webhook").Within("").Type("URL", receiver.URL+"/hook").Type("Description", "My receiver")
	p.Click("Events")
	for range 5 { // whoever misses the box, because the page has just moved, sees that and clicks again
		if p.Click(`[aria-label="user.create"]`).Value("user.create") == "true" {
			break
		}
	}
	p.Click("Save").See("The webhook was created.")
	p.Click("Send a test event now").See("accepted")

	// Why would nothing arrive? The webhook has not chosen the event; it is switched on where that is said.
	p.Choose("Event", "user.delete").Click("Check").See("would not be sent")
	p.Click("Switch on at this receiver").See("would be sent")

	// A user, and the event arrives.
	p.Open("/admin/user").Click("Create a sample user").See("A sample user was created.")
	p.Open("/admin/log?type=user.create").Within("#content tbody tr:first-child").Click("user.create").Within("").See("My receiver").See("Delivered")

	// The receiver breaks: the delivery waits for its next try, and is sent at once when somebody says so.
	receiver.On("user.create", egresstest.Status(http.StatusServiceUnavailable))
	p.Open("/admin/user").Click("Create a sample user").See("A sample user was created.")
	s.Eventually(10*time.Second, "a delivery waits for its next try", func() bool {
		return slices.Contains(s.Strings(`SELECT state FROM delivery`), "retrying")
	})
	p.Open("/admin/log?type=user.create&state=retrying").Within("#content tbody tr:first-child").Click("user.create").Within("").See("Retrying").See("503")
	receiver.On("user.create", egresstest.Accept())
	p.Click("Send now").See("It is being sent now.")

	receiver.On("user.create", egresstest.Status(http.StatusForbidden))
	// From now on the webhook has to agree, and it does not: there is no such user, and the log says why.
	p.Open("/admin/tenant").Click("Default").Click("Edit").Within(".tabs > nav").Click("Webhooks").Within("").Choose("Transaction setting: user.create", "All of the Webhooks must succeed").See("My receiver")
	p.Click("Save").Open("/admin/user").Click("Create a sample user").See("webhooks")
	p.Open("/admin/log?result=Failed").Within("#content tbody tr:first-child").Click("user.create").Within("").See("Nothing was changed").See("403")
}
