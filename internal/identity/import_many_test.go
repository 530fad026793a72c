//go:build !race

package identity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// As many users as one call may have. The race detector makes that twenty times slower than it is, and shows nothing that fewer users do not
// show; `make test` runs it on its own.
func TestImport_Many(t *testing.T) {
	each(t, func(t *testing.T, h *herald) {
		h.applications()
		users := make([]object, 10_000)
		for i := range users {
			users[i] = object{
				"email": fmt.Sprintf("user%d@example.com", i), "username": fmt.Sprint("user", i), "active": true, "data": object{"text": strings.Repeat("x", 500)},
				"password": hashedPassword, "salt": saltOfPassword, "encryptionScheme": "salted-pbkdf2-hmac-sha256", "factor": 1,
				"registrations": []object{{"applicationId": shop}},
			}
		}
		h.Enable(wire.AbsoluteMajority, "user.bulk.create")
		h.Subscribe(egresstest.NewReceiver(t).URL, []string{"user.bulk.create"})
		h.Call("POST", "/api/user/import", object{"users": users}).Want(200)
		h.published("import", "user.bulk.create")
		for _, table := range []string{"users", "registration", "registration_role"} {
			if got := h.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM ` + table); got[0] != "10000" {
				t.Errorf("%s has %s rows", table, got[0])
			}
		}
		if held := h.Strings(`SELECT name FROM reservation`); len(held) != 0 {
			t.Errorf("%d names are still reserved", len(held))
		}
		wantCodes(t, h.Call("POST", "/api/user/import", object{"users": append([]object{{"username": "new"}}, users[9_999])}), "[duplicate]users[1].email", "[duplicate]users[1].username")
	})
}
