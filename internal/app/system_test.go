package app_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

const systemConfiguration = "/api/system-configuration"

func configure(s *apptest.Server, change string) wire.SystemConfiguration {
	var response wire.SystemConfigurationResponse
	s.Call("PATCH", systemConfiguration, `{"systemConfiguration":`+change+`}`).Want(200).Decode(&response)
	return *response.SystemConfiguration
}

func TestSystemConfiguration_DecidesWhoTheClientIs(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		r := egresstest.NewReceiver(t)
		s.Subscribe(r.URL, []string{"audit-log.create"})
		address := func(forwarded string) string {
			t.Helper()
			r.Forget()
			s.Call("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"u","message":"m"}}`, "X-Forwarded-For", forwarded).Want(200)
			var body struct{ Event struct{ Info wire.EventInfo } }
			if err := json.Unmarshal(r.WaitFor(1)[0].Body, &body); err != nil {
				t.Fatal(err)
			}
			return body.Event.Info.IPAddress
		}
		const chain = "6.6.6.6, 203.0.113.9, 10.1.2.3"
		for _, test := range []struct{ setting, want string }{
			{`{}`, "6.6.6.6"}, // everybody is believed until somebody says otherwise
			{`{"trustPolicy":"OnlyConfigured"}`, "127.0.0.1"},
			{`{"trustPolicy":"OnlyConfigured","trusted":["127.0.0.1","10.0.0.0/8"]}`, "203.0.113.9"},
			{`{"trustPolicy":"All"}`, "6.6.6.6"},
		} {
			configure(s, `{"trustedProxyConfiguration":`+test.setting+`}`)
			if got := address(chain); got != test.want {
				t.Errorf("%s: the client is %s, want %s", test.setting, got, test.want)
			}
		}
	})
}

func TestSystemConfiguration_KeepsTheLogsAtTheirSize(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		for i := range 4 {
			s.Call("POST", "/api/system/audit-log", map[string]any{"auditLog": map[string]any{"insertUser": "u", "message": fmt.Sprint("entry ", i)}}).Want(200)
		}
		err := s.App.Store().Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE audit_log SET insert_instant = insert_instant - $1 WHERE message IN ('entry 0', 'entry 2')`, 8*24*3600*1000)
			for i := range 9 {
				_, insert := tx.Exec(`INSERT INTO event_log (type, message, message_fold, insert_instant) VALUES ('Debug', $1, $1, $2)`, fmt.Sprint("line ", i), tx.NowMillis())
				err = errors.Join(err, insert)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		configure(s, `{"eventLogConfiguration":{"numberToRetain":2},"auditLogConfiguration":{"delete":{"enabled":true,"numberOfDaysToRetain":7}}}`)
		s.Restart() // it trims when it starts, and then once a minute
		s.Eventually(patience, "two entries are left in each log", func() bool {
			audit, events := s.Strings(`SELECT message FROM audit_log ORDER BY id`), s.Strings(`SELECT message FROM event_log ORDER BY id`)
			return fmt.Sprint(audit, events) == "[entry 1 entry 3] [line 7 line 8]"
		})
		if c := configure(s, `{}`); *c.EventLogConfiguration.NumberToRetain != 2 {
			t.Errorf("after the restart %d entries are to be kept", *c.EventLogConfiguration.NumberToRetain)
		}
	})
}

// Login records stay until somebody says how long they are wanted, whatever is kept of other logs.
func TestSystemConfiguration_KeepsLoginRecords(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		write := func(statement string, args ...any) {
			t.Helper()
			err := s.App.Store().Update(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(statement, args...)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		s.Call("POST", "/api/user", `{"user":{"email":"ada@example.com","password":"correct horse"}}`).Want(200)
		for _, days := range []int64{200, 40, 0} {
			s.Call("POST", "/api/login", `{"loginId":"ada@example.com","password":"correct horse"}`).Want(200)
			write(`UPDATE login_record SET instant = instant - $1`, days*24*3600*1000)
		}
		for _, kept := range []struct{ setting, want string }{
			{`"enabled":false,"numberOfDaysToRetain":1`, "3"}, {`"enabled":true,"numberOfDaysToRetain":100`, "2"}, {`"enabled":true,"numberOfDaysToRetain":30`, "1"},
		} {
			s.Call("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"u","message":"m"}}`).Want(200)
			write(`UPDATE audit_log SET insert_instant = 1`) // gone once it has trimmed
			configure(s, `{"auditLogConfiguration":{"delete":{"enabled":true,"numberOfDaysToRetain":1}},"loginRecordConfiguration":{"delete":{`+kept.setting+`}}}`)
			s.Restart() // it trims when it starts
			s.Eventually(patience, "the logs are trimmed", func() bool {
				return s.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM audit_log`)[0] == "0" && s.Strings(`SELECT CAST(COUNT(*) AS TEXT) FROM login_record`)[0] == kept.want
			})
		}
	})
}

func TestSystemConfiguration_ZoneOfReports(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Call("POST", "/api/system/audit-log", `{"auditLog":{"insertUser":"u","message":"m"}}`).Want(200)
		zone := func() string {
			t.Helper()
			body := s.Call("GET", "/api/system/audit-log/export?dateTimeSecondsFormat=z", nil).Want(200).Body
			archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
			if err != nil {
				t.Fatal(err)
			}
			f, err := archive.File[0].Open()
			if err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(f).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			return rows[1][1]
		}
		if got := zone(); got != "UTC" {
			t.Errorf("zone %s, want UTC until another one is set", got)
		}
		configure(s, `{"reportTimezone":"Asia/Tokyo"}`)
		if got := zone(); got != "JST" {
			t.Errorf("zone %s, want that of the configuration", got)
		}
	})
}
