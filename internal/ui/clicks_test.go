package ui_test

import (
	"testing"

	"github.com/herald-events/herald/internal/ui/uitest"
)

// The main action of screens that have no test of their own by clicking: something is added, changed, found, dropped.
func TestBrowser_MainActions(t *testing.T) {
	t.Parallel()
	uitest.Need(t)
	s := typical(t)
	p := signIn(uitest.New(t, s.URL))

	p.Open("/admin/group").Within(".head").Click("Add group").Within("").Type("Name", "Testers").Click("Save").See("The group was created.").See("Testers")
	p.Open("/admin/tenant").Within(".head").Click("Add tenant").Within("").Type("Name", "Tests Ltd.").Click("Save").See("The tenant was created.").See("Tests Ltd.")
	p.Open("/admin/system").Type("Entries to keep", "4321").Click("Save").See("The settings were saved.")
	p.Open("/admin/event").Click("user.login.failed").See("Who gets it now")
	p.Open("/admin/health").See("Health").Open("/admin/about").See("For a bug report")
	p.Open("/admin/delivery").Choose("State", "Delivered").Click("Search").See("user.create")
	p.Open("/admin/attempt").Choose("Result", "Failure").Click("Search").See("403")
}
