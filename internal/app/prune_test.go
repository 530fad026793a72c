package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/messenger/messengertest"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// aged are the tables of the logs, with the key of a row and the columns that say how old it is.
var aged = []struct{ table, key, instants string }{
	{"event", "id", "insert_instant last_update_instant"},
	{"attempt", "id", "start_instant end_instant"},
	{"delivery", "CAST(event_sequence AS TEXT) || ' ' || webhook_id", "insert_instant last_update_instant"},
	{"audit_log", "CAST(id AS TEXT)", "insert_instant"},
	{"message", "id", "insert_instant last_update_instant"},
	{"login_record", "CAST(instant AS TEXT) || ' ' || user_id", "instant"},
}

// TestPrune removes what is old from each log and keeps what is not, and what is owed however old it is. On PostgreSQL a server goes on writing meanwhile.
func TestPrune(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			s := apptest.Start(t, engine, quickRetries)
			s.Call("PATCH", "/api/system-configuration", object{"systemConfiguration": object{
				"auditLogConfiguration": object{"delete": object{"enabled": true, "numberOfDaysToRetain": 30}}, "loginRecordConfiguration": object{"delete": object{"enabled": true, "numberOfDaysToRetain": 30}},
			}}, "Content-Type", "application/merge-patch+json").Want(200)
			office := messengertest.NewPostOffice(t)
			s.Call("PATCH", "/api/tenant/"+string(s.Tenant), object{"tenant": object{"emailConfiguration": object{
				"host": office.Host, "port": office.Port, "defaultFromEmail": "herald@example.com", "forgotPasswordEmailTemplateId": template.ForgotPasswordEmail,
			}}}, "Content-Type", "application/merge-patch+json").Want(200)
			s.Enable(wire.None, "user.create.complete")
			receiver := egresstest.NewReceiver(t)
			s.Subscribe(receiver.URL, []string{"user.create.complete"})
			paused := s.Subscribe(receiver.URL+"/paused", []string{"user.create.complete"})
			s.Call("POST", "/api/delivery/webhook/"+string(paused)+"/pause", object{"reason": "to owe something"}).Want(200)

			n := 0
			work := func() { // leaves rows in all of the logs
				t.Helper()
				n++
				mail := fmt.Sprintf("user%d@example.com", n)
				s.Call("POST", "/api/user", object{"user": object{"email": mail, "password": "correct horse"}}).Want(200)
				s.Call("POST", "/api/login", object{"loginId": mail, "password": "correct horse"})
				s.Call("POST", "/api/user/forgot-password", object{"loginId": mail}).Want(200)
				s.Call("POST", "/api/system/audit-log", object{"auditLog": object{"insertUser": mail, "message": "did something"}}).Want(200)
			}
			rows := func(table, key, condition string) []string {
				return s.Strings(`SELECT ` + key + ` FROM ` + table + ` WHERE ` + condition)
			}
			for range 3 {
				work()
			}
			s.Call("POST", "/api/delivery/webhook/"+string(paused)+"/resume", nil).Want(200)
			s.Settled(20 * time.Second)
			s.Call("POST", "/api/delivery/webhook/"+string(paused)+"/pause", object{"reason": "to owe something"}).Want(200)
			work() // whose event is owed
			s.Eventually(20*time.Second, "all but that is done", func() bool {
				return len(rows("delivery", "webhook_id", "state IN ('pending', 'retrying')")) == 1 && len(rows("message", "id", "state = 'sent'")) == n
			})
			owed := rows("delivery", "CAST(event_sequence AS TEXT)", "state IN ('pending', 'retrying')")[0]
			const days = 24 * time.Hour
			old := map[string][]string{}
			for _, log := range aged {
				var set []string
				for column := range strings.FieldsSeq(log.instants) {
					set = append(set, fmt.Sprintf("%s = %s - %d", column, column, (40*days).Milliseconds()))
				}
				s.Exec(`UPDATE ` + log.table + ` SET ` + strings.Join(set, ", "))
				if old[log.table] = rows(log.table, log.key, "1 = 1"); len(old[log.table]) < 3 {
					t.Fatalf("only %d rows in %s", len(old[log.table]), log.table)
				}
			}
			work()
			s.Eventually(20*time.Second, "the message is sent", func() bool { return len(rows("message", "id", "state = 'sent'")) == n })
			fresh := map[string][]string{}
			for _, log := range aged {
				fresh[log.table] = slices.DeleteFunc(rows(log.table, log.key, "1 = 1"), func(key string) bool { return slices.Contains(old[log.table], key) })
				if len(fresh[log.table]) == 0 {
					t.Fatalf("nothing is new in %s", log.table)
				}
			}

			store, written := s.Options().Settings.Store, make(chan struct{})
			ctx, stop := context.WithCancel(t.Context())
			if engine == db.SQLite {
				s.Stop()
				close(written)
			} else {
				store.Data = t.TempDir()
				copyKey(t, filepath.Join(s.Options().Settings.Data, "herald.key"), store.Data)
				go func() {
					defer close(written)
					for ctx.Err() == nil {
						work()
					}
				}()
			}
			err := app.Prune(t.Context(), store, 0)
			stop()
			<-written
			if err != nil {
				t.Fatal(err)
			}
			if engine == db.SQLite {
				s.Restart()
			}
			for _, log := range aged {
				left := rows(log.table, log.key, "1 = 1")
				for _, key := range fresh[log.table] {
					if !slices.Contains(left, key) {
						t.Errorf("%s: %s is gone", log.table, key)
					}
				}
				for _, key := range old[log.table] {
					keep := false // the event that is owed, and both of its deliveries
					switch log.table {
					case "delivery":
						keep = strings.HasPrefix(key, owed+" ")
					case "event":
						keep = slices.Contains(rows("event", "id", "sequence = "+owed), key)
					case "attempt":
						sequence, _ := strconv.ParseInt(owed, 10, 64) // an attempt's id begins with it
						keep = strings.HasPrefix(key, fmt.Sprintf("%08x-%04x-", sequence>>16, sequence&0xffff))
					}
					if slices.Contains(left, key) != keep {
						t.Errorf("%s: %s is left: %v", log.table, key, !keep)
					}
				}
			}
			s.Call("POST", "/api/delivery/webhook/"+string(paused)+"/resume", nil).Want(200)
			s.Settled(20 * time.Second)
			if open := rows("delivery", "webhook_id", "state <> 'delivered'"); len(open) > 0 {
				t.Errorf("%d deliveries are open", len(open))
			}
		})
	}
}

// copyKey gives a second folder the key of a store.
func copyKey(t *testing.T, file, folder string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, filepath.Base(file)), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
