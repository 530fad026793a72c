package journal_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// clock gives each transaction the next second, so that the order of entries is certain.
func clock() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

// each runs the test on an empty journal of every engine.
func each(t *testing.T, fn func(t *testing.T, d *db.DB, j *journal.Journal)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		fn(t, d, journal.New(d))
	}, dbtest.WithClock(clock()))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func messages(entries []wire.EventLog) (texts []string) {
	for _, e := range entries {
		texts = append(texts, e.Message)
	}
	return texts
}

func TestEventLog_WritesAndAnnounces(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, j *journal.Journal) {
		var announced []wire.EventLog
		j.OnEventLog = func(_ *db.Tx, e wire.EventLog) error {
			announced = append(announced, e)
			return nil
		}
		check(t, d.Update(t.Context(), func(tx *db.Tx) error {
			return errors.Join(j.Error(tx, "broken"), j.Information(tx, "fine"), j.Debug(tx, "detail"))
		}))
		check(t, j.Log(t.Context(), wire.EventLogInformation, "alone"))

		found, total, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{Page: wire.Page{OrderBy: "id"}})
		check(t, err)
		if want := []string{"broken", "fine", "detail", "alone"}; !cmp.Equal(messages(found), want) || total != 4 {
			t.Fatalf("stored %q (total %d), want %q", messages(found), total, want)
		}
		if diff := cmp.Diff(found, announced); diff != "" {
			t.Errorf("announced and stored entries differ:\n%s", diff)
		}
		one, err := j.EventLog(t.Context(), found[0].ID)
		check(t, err)
		if one != found[0] || one.Type != wire.EventLogError || one.InsertInstant == 0 {
			t.Errorf("EventLog = %+v, want %+v", one, found[0])
		}
	})
}

func TestEventLog_QuietlyAnnouncesNothing(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, j *journal.Journal) {
		j.OnEventLog = func(_ *db.Tx, e wire.EventLog) error {
			t.Errorf("%q was announced", e.Message)
			return nil
		}
		check(t, d.Update(t.Context(), func(tx *db.Tx) error { return j.ErrorQuietly(tx, "the receiver of event-log.create fails") }))
		check(t, j.LogQuietly(t.Context(), wire.EventLogError, "again"))
		if _, total, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{}); err != nil || total != 2 {
			t.Errorf("total = %d, %v; want 2", total, err)
		}
	})
}

func TestEventLog_GoesWithItsTransaction(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, j *journal.Journal) {
		no := errors.New("no")
		j.OnEventLog = func(*db.Tx, wire.EventLog) error { return no }
		if err := j.Log(t.Context(), wire.EventLogError, "never seen"); !errors.Is(err, no) {
			t.Fatalf("Log = %v, want the hook's error", err)
		}
		if _, total, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{}); err != nil || total != 0 {
			t.Errorf("total = %d, %v; want nothing stored", total, err)
		}
	})
}

func TestEventLog_TakesAnyText(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		long := strings.Repeat("ä", 40_000)
		for _, tt := range []struct{ name, given, want string }{
			{"NUL", "a\x00b", "a\uFFFDb"},
			{"broken UTF-8", "a\xffb", "a\uFFFDb"},
			{"too long", long, long[:64<<10-4] + " …"},
		} {
			check(t, j.Log(t.Context(), wire.EventLogDebug, tt.given))
			found, _, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{Page: wire.Page{NumberOfResults: 1}})
			check(t, err)
			if got := found[0].Message; got != tt.want {
				t.Errorf("%s: stored %d bytes ending in %q, want %d", tt.name, len(got), got[max(0, len(got)-8):], len(tt.want))
			}
		}
	})
}

func TestSearchEventLog(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		for i, e := range []struct {
			kind wire.EventLogType
			text string
		}{
			{wire.EventLogError, "Webhook A failed"},
			{wire.EventLogDebug, "100% sure_thing"},
			{wire.EventLogInformation, "ÄRGER mit webhook b"},
			{wire.EventLogError, "no match here"},
		} {
			if err := j.Log(t.Context(), e.kind, e.text); err != nil {
				t.Fatal(i, err)
			}
		}
		all, _, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{})
		check(t, err)
		second, third := all[2].InsertInstant, all[1].InsertInstant

		tests := []struct {
			name  string
			c     wire.EventLogSearch
			total int
			want  []string // first letters, in order
		}{
			{"everything, the newest first", wire.EventLogSearch{}, 4, []string{"n", "Ä", "1", "W"}},
			{"contains, any case", wire.EventLogSearch{Message: "WEBHOOK"}, 2, []string{"Ä", "W"}},
			{"beyond ASCII", wire.EventLogSearch{Message: "ärger"}, 1, []string{"Ä"}},
			{"wildcard anchors", wire.EventLogSearch{Message: "webhook*"}, 1, []string{"W"}},
			{"percent and underscore are literal", wire.EventLogSearch{Message: "0% sure_t"}, 1, []string{"1"}},
			{"underscore matches no other", wire.EventLogSearch{Message: "sure thing"}, 0, nil},
			{"type", wire.EventLogSearch{Type: wire.EventLogError}, 2, []string{"n", "W"}},
			{"period, the end excluded", wire.EventLogSearch{Period: wire.Period{Start: second, End: third}}, 1, []string{"1"}},
			{"page", wire.EventLogSearch{Page: wire.Page{NumberOfResults: 2, StartRow: 1}}, 4, []string{"Ä", "1"}},
			{"order", wire.EventLogSearch{Page: wire.Page{OrderBy: "type DESC, message"}}, 4, []string{"Ä", "W", "n", "1"}},
			{"bad order is ignored", wire.EventLogSearch{Page: wire.Page{OrderBy: "id; DROP TABLE event_log"}}, 4, []string{"n", "Ä", "1", "W"}},
			{"hostile text", wire.EventLogSearch{Message: `'; -- \`}, 0, nil},
			{"NUL", wire.EventLogSearch{Message: "\x00"}, 0, nil},
		}
		for _, tt := range tests {
			found, total, err := j.SearchEventLog(t.Context(), tt.c)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			var letters []string
			for _, e := range found {
				letters = append(letters, string([]rune(e.Message)[0]))
			}
			if total != tt.total || !cmp.Equal(letters, tt.want) {
				t.Errorf("%s: %q, total %d; want %q, total %d", tt.name, letters, total, tt.want, tt.total)
			}
			if tt.name == "page" || tt.name == "order" { // which lists do not have
				continue
			}
			tt.c.NumberOfResults = 1
			dbtest.Pages(t, tt.name, tt.want, func(at search.Cursor) (letters []string, links search.Links, err error) {
				found, links, err := j.PageEventLog(t.Context(), tt.c, at)
				for _, e := range found {
					letters = append(letters, string([]rune(e.Message)[0]))
				}
				return letters, links, err
			})
		}
	})
}

func TestSearch_RefusesWhatCannotBe(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		nonsense := wire.EventLogSearch{Type: "Warning", Message: strings.Repeat("x", 60_000)}
		_, _, pageErr := j.PageEventLog(t.Context(), nonsense, "")
		_, _, err := j.SearchEventLog(t.Context(), nonsense)
		if pageErr == nil || pageErr.Error() != err.Error() {
			t.Errorf("the list says %v, the search %v", pageErr, err)
		}
		wantCodes(t, err, "[tooLong]search.message", "[invalid]search.type")
		_, _, err = j.SearchAuditLog(t.Context(), wire.AuditLogSearch{NewValue: strings.Repeat("%", 60_000)})
		wantCodes(t, err, "[tooLong]search.newValue")
	})
}

func wantCodes(t *testing.T, err error, want ...string) {
	t.Helper()
	p, ok := problem.As(err)
	if !ok || p.Kind != problem.Invalid {
		t.Fatalf("error = %v, want an invalid request", err)
	}
	var codes []string
	for _, f := range p.Fields {
		codes = append(codes, f.Code)
	}
	if !cmp.Equal(codes, want) {
		t.Errorf("codes = %q, want %q", codes, want)
	}
}

func TestLoad_NotFound(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		for _, id := range []int64{0, -1, 1, 1 << 62} {
			_, err := j.EventLog(t.Context(), id)
			_, err2 := j.AuditLog(t.Context(), id)
			if !errors.Is(err, problem.ErrNotFound) || !errors.Is(err2, problem.ErrNotFound) {
				t.Errorf("id %d: %v and %v, want not found", id, err, err2)
			}
		}
	})
}

func retaining(r journal.Retention) func(context.Context) (journal.Retention, error) {
	return func(context.Context) (journal.Retention, error) { return r, nil }
}

func TestTrim_KeepsTheNewest(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, j *journal.Journal) {
		const n = 1203 // three steps
		check(t, d.Update(t.Context(), func(tx *db.Tx) error {
			for i := range n {
				if err := j.ErrorQuietly(tx, fmt.Sprint(i)); err != nil {
					return err
				}
			}
			return nil
		}))
		j.Retention = retaining(journal.Retention{EventLogEntries: 3})
		check(t, j.Trim(t.Context()))
		found, total, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{})
		check(t, err)
		if want := []string{"1202", "1201", "1200"}; total != 3 || !cmp.Equal(messages(found), want) {
			t.Errorf("left %q (total %d), want %q", messages(found), total, want)
		}
		newest := found[0].ID
		check(t, j.Trim(t.Context()))
		check(t, j.Log(t.Context(), wire.EventLogDebug, "next"))
		found, total, err = j.SearchEventLog(t.Context(), wire.EventLogSearch{})
		check(t, err)
		if total != 4 || found[0].ID <= newest {
			t.Errorf("total %d, new id %d after %d; ids must not come back", total, found[0].ID, newest)
		}
	})
}

func TestTrim_CountsEntriesAndNotIds(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, j *journal.Journal) {
		undone := errors.New("undone")
		for i := range 5 {
			check(t, j.Log(t.Context(), wire.EventLogDebug, fmt.Sprint(i)))
			err := d.Update(t.Context(), func(tx *db.Tx) error { // takes an id on PostgreSQL
				return errors.Join(j.Error(tx, "never seen"), undone)
			})
			if !errors.Is(err, undone) {
				t.Fatal(err)
			}
		}
		for _, keep := range []int{7, 5, 4, 1} {
			j.Retention = retaining(journal.Retention{EventLogEntries: keep})
			_, before, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{})
			check(t, err)
			if foretold, _, err := j.Trimmable(t.Context()); err != nil || foretold != int64(max(0, before-keep)) {
				t.Errorf("to keep are %d of %d, foretold %d: %v", keep, before, foretold, err)
			}
			check(t, j.Trim(t.Context()))
			found, _, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{})
			check(t, err)
			if want := []string{"4", "3", "2", "1", "0"}[:min(keep, 5)]; !cmp.Equal(messages(found), want) {
				t.Errorf("to keep are %d, left %q", keep, messages(found))
			}
		}
	})
}

func TestTrim_WithoutAnAnswerKeepsAll(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		check(t, j.Log(t.Context(), wire.EventLogDebug, "old"))
		check(t, j.Log(t.Context(), wire.EventLogDebug, "new"))
		no := errors.New("no")
		j.Retention = func(context.Context) (journal.Retention, error) { return journal.Retention{EventLogEntries: 1}, no }
		if err := j.Trim(t.Context()); !errors.Is(err, no) {
			t.Errorf("Trim = %v, want the error of Retention", err)
		}
		if _, total, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{}); err != nil || total != 2 {
			t.Errorf("total = %d, %v; want both", total, err)
		}
	})
}

func TestTrim_AuditLogByDays(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			d := dbtest.Open(t, engine, dbtest.WithClock(func() time.Time { return now }))
			j := journal.New(d)
			for _, message := range []string{"old", "young"} {
				_, err := j.CreateAuditLog(t.Context(), wire.AuditLog{InsertUser: "u", Message: message}, nil)
				check(t, err)
				now = now.AddDate(0, 0, 10)
			}
			check(t, j.Trim(t.Context()))
			if _, total, err := j.SearchAuditLog(t.Context(), wire.AuditLogSearch{}); err != nil || total != 2 {
				t.Fatalf("total = %d, %v; the audit log is kept unless somebody says otherwise", total, err)
			}
			j.Retention = retaining(journal.Retention{AuditLogDays: 15})
			if _, foretold, err := j.Trimmable(t.Context()); err != nil || foretold != 1 {
				t.Errorf("foretold are %d: %v", foretold, err)
			}
			check(t, j.Trim(t.Context()))
			found, _, err := j.SearchAuditLog(t.Context(), wire.AuditLogSearch{})
			check(t, err)
			if len(found) != 1 || found[0].Message != "young" {
				t.Errorf("left %+v, want the young one", found)
			}
		})
	}
}

func TestAuditLog_RoundTrip(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		info := &wire.EventInfo{IPAddress: "192.0.2.1"}
		var announced wire.AuditLog
		j.OnAuditLog = func(_ *db.Tx, a wire.AuditLog, i *wire.EventInfo) error {
			announced = a
			if i != info {
				t.Error("the hook did not get the origin")
			}
			return nil
		}
		given := wire.AuditLog{
			InsertUser: " admin@example.com\n", Message: "\tChanged <it> & more ", Reason: " why ",
			OldValue: json.RawMessage(`"plain text"`), NewValue: json.RawMessage(`{"id": 12345678901234567890, "a": [1.50, null, "<"]}`),
			Data: wire.Object{"attributes": map[string]any{"n": json.Number("9007199254740993")}}, TenantID: "00000000-0000-4000-8000-000000000001",
		}
		created, err := j.CreateAuditLog(t.Context(), given, info)
		check(t, err)
		want := given
		want.ID, want.InsertInstant = created.ID, created.InsertInstant
		want.InsertUser, want.Message, want.Reason = "admin@example.com", "Changed <it> & more", "why"
		want.NewValue = json.RawMessage(`{"a":[1.50,null,"<"],"id":12345678901234567890}`)
		stored, err := j.AuditLog(t.Context(), created.ID)
		check(t, err)
		for name, got := range map[string]wire.AuditLog{"created": created, "stored": stored, "announced": announced} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if created.ID == 0 || created.InsertInstant == 0 {
			t.Errorf("id %d, instant %d; want both given", created.ID, created.InsertInstant)
		}
	})
}

func TestAuditLog_Requires(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		_, err := j.CreateAuditLog(t.Context(), wire.AuditLog{InsertUser: " ", Message: "\n"}, nil)
		wantCodes(t, err, "[blank]auditLog.insertUser", "[blank]auditLog.message")
	})
}

func TestAuditLog_KeepsNoSecret(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		tests := []struct{ name, given, want string }{
			{"top level", `{"password":"s3cret","name":"x"}`, `{"name":"x","password":"********"}`},
			{"deep, in a list", `{"a":[{"b":{"clientSecret":"s3cret"}}]}`, `{"a":[{"b":{"clientSecret":"********"}}]}`},
			{"spelled otherwise", `{"HTTP-Authentication_Password":"s3cret"}`, `{"HTTP-Authentication_Password":"********"}`},
			{"an API key", `{"apiKey":{"id":"1","key":"s3cret"}}`, `{"apiKey":{"id":"1","key":"********"}}`},
			{"headers of all names", `{"headers":{"X-Auth":"s3cret","X-Hub-Signature":"s3cret","X-Service-Key":"s3cret","X-One":"1","X-Key-Empty":""}}`, `{"headers":{"X-Auth":"********","X-Hub-Signature":"********","X-Key-Empty":"","X-One":"1","X-Service-Key":"********"}}`},
			{"a URL", `{"url":"https://u:s3cret@x.example/hook?key=s3cret&s3cret&a="}`, `{"url":"https://x.example/hook?key=********&********&a="}`},
			{"a plain URL", `{"url":"https://x.example/hook"}`, `{"url":"https://x.example/hook"}`},
			{"a header", `{"headers":{"Authorization":"s3cret","X-Api-Key":"s3cret","Accept":"*"}}`, `{"headers":{"Accept":"*","Authorization":"********","X-Api-Key":"********"}}`},
			{"everything below", `{"secrets":{"one":"s3cret"},"tokens":["s3cret"],"password":12345}`, `{"password":"********","secrets":"********","tokens":"********"}`},
			{"a list of texts", `{"recoveryCodes":["s3cret"]}`, `{"recoveryCodes":["********"]}`},
			{"a PEM key", `{"sslCertificate":"-----BEGIN PRIVATE KEY-----\ns3cret"}`, `{"sslCertificate":"********"}`},
			{"JSON in a text", `"{\"password\":\"s3cret\"}"`, `"{\"password\":\"********\"}"`},
			{"the same name twice", `{"password":"s3cret","password":""}`, `{"password":""}`},
			{"rules are none", `{"passwordValidationRules":{"minLength":8},"passwordChangeRequired":true}`, `{"passwordChangeRequired":true,"passwordValidationRules":{"minLength":8}}`},
			{"ids of templates are none", `{"forgotPasswordEmailTemplateId":"7","accessTokenKeyId":"8"}`, `{"accessTokenKeyId":"8","forgotPasswordEmailTemplateId":"7"}`},
			{"null", `null`, ``},
			{"no JSON", `{"password":"s3cret"`, ``},
		}
		for _, tt := range tests {
			a, err := j.CreateAuditLog(t.Context(), wire.AuditLog{
				InsertUser: "u", Message: "m", OldValue: json.RawMessage(tt.given), NewValue: json.RawMessage(tt.given),
				Data: wire.Object{"before": map[string]any{"password": "s3cret"}},
			}, nil)
			check(t, err)
			if got := string(a.OldValue); got != tt.want || string(a.NewValue) != got {
				t.Errorf("%s: %s becomes %s, want %s", tt.name, tt.given, got, tt.want)
			}
			text, err := json.Marshal(a)
			check(t, err)
			if strings.Contains(string(text), "s3cret") {
				t.Errorf("%s: the entry shows the secret: %s", tt.name, text)
			}
		}
	})
}

func TestSearchAuditLog(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		const tenant = "00000000-0000-4000-8000-000000000001"
		for _, a := range []wire.AuditLog{
			{InsertUser: "zoe@example.com", Message: "One", Reason: "API", OldValue: json.RawMessage(`{"name":"Crew"}`)},
			{InsertUser: "adam@example.com", Message: "Two", NewValue: json.RawMessage(`{"name":"Crew"}`), TenantID: tenant},
			{InsertUser: "adam@example.com", Message: "Three", Reason: "UI"},
		} {
			_, err := j.CreateAuditLog(t.Context(), a, nil)
			check(t, err)
		}
		tests := []struct {
			name string
			c    wire.AuditLogSearch
			want []string
		}{
			{"all", wire.AuditLogSearch{}, []string{"Three", "Two", "One"}},
			{"message", wire.AuditLogSearch{Message: "t*"}, []string{"Three", "Two"}},
			{"user", wire.AuditLogSearch{User: "ADAM"}, []string{"Three", "Two"}},
			{"reason", wire.AuditLogSearch{Reason: "api"}, []string{"One"}},
			{"old value", wire.AuditLogSearch{OldValue: "crew"}, []string{"One"}},
			{"new value", wire.AuditLogSearch{NewValue: "crew"}, []string{"Two"}},
			{"tenant", wire.AuditLogSearch{TenantID: tenant}, []string{"Two"}},
			{"both", wire.AuditLogSearch{User: "adam", Reason: "ui"}, []string{"Three"}},
			{"order", wire.AuditLogSearch{Page: wire.Page{OrderBy: "insertUser, message desc"}}, []string{"Two", "Three", "One"}},
			{"page", wire.AuditLogSearch{Page: wire.Page{StartRow: 2}}, []string{"One"}},
		}
		for _, tt := range tests {
			found, _, err := j.SearchAuditLog(t.Context(), tt.c)
			check(t, err)
			var got []string
			for _, a := range found {
				got = append(got, a.Message)
			}
			if !cmp.Equal(got, tt.want) {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			}
			if tt.name == "page" || tt.name == "order" { // which lists do not have
				continue
			}
			tt.c.NumberOfResults = 1
			dbtest.Pages(t, tt.name, tt.want, func(at search.Cursor) (got []string, links search.Links, err error) {
				found, links, err := j.PageAuditLog(t.Context(), tt.c, at)
				for _, a := range found {
					got = append(got, a.Message)
				}
				return got, links, err
			})
		}
	})
}

func TestExportAuditLog(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		for _, a := range []wire.AuditLog{
			{InsertUser: "=HYPERLINK(1)", Message: "with, comma and \"quotes\"\nand a line", NewValue: json.RawMessage(`{"a":1}`), Data: wire.Object{"k": "v"}},
			{InsertUser: "adam", Message: "two"},
		} {
			_, err := j.CreateAuditLog(t.Context(), a, nil)
			check(t, err)
		}
		var b bytes.Buffer
		check(t, j.ExportAuditLog(t.Context(), &b, wire.AuditLogExportRequest{
			Criteria:              wire.AuditLogSearch{Page: wire.Page{OrderBy: "insertInstant ASC", NumberOfResults: 1}},
			DateTimeSecondsFormat: "yyyy-MM-dd'T'HH:mm:ss.SSSXXX EEE '' H 'o''clock'", ZoneID: "Europe/Berlin",
		}))
		archive, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		check(t, err)
		file, err := archive.File[0].Open()
		check(t, err)
		rows, err := csv.NewReader(file).ReadAll()
		check(t, err)
		if len(rows) != 3 {
			t.Fatalf("%d rows, want a head and two entries: the page does not count", len(rows))
		}
		first := rows[1]
		if got, want := first[1][:29], "2026-01-02T04:04:"; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, ".000+01:00") {
			t.Errorf("instant = %q, want Berlin's %s…", first[1], want)
		}
		if want := " Fri ' 4 o'clock"; !strings.HasSuffix(first[1], want) {
			t.Errorf("instant = %q, want it to end in %q", first[1], want)
		}
		if want := []string{"'=HYPERLINK(1)", "", "with, comma and \"quotes\"\nand a line", "", "", `{"a":1}`, `{"k":"v"}`}; !cmp.Equal(first[2:], want) {
			t.Errorf("row = %q, want %q", first[2:], want)
		}
	})
}

func TestSearchAuditLog_PageByPage(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		for i := range 20 {
			a := wire.AuditLog{InsertUser: fmt.Sprint("user ", i%3), Message: fmt.Sprint(i)}
			if i%2 == 0 { // none at all sorts as an empty one, on both engines
				a.TenantID = wire.ID(fmt.Sprint("00000000-0000-4000-8000-00000000000", i%3))
			}
			_, err := j.CreateAuditLog(t.Context(), a, nil)
			check(t, err)
		}
		for _, order := range []string{"", "insertInstant DESC", "insertUser, message DESC", "tenant DESC, insertInstant", "tenant, insertUser DESC", "id"} {
			all, _, err := j.SearchAuditLog(t.Context(), wire.AuditLogSearch{Page: wire.Page{OrderBy: order}})
			check(t, err)
			var paged []wire.AuditLog
			for start, total := 0, 1; start < total; start += 3 {
				var page []wire.AuditLog
				page, total, err = j.SearchAuditLog(t.Context(), wire.AuditLogSearch{Page: wire.Page{OrderBy: order, StartRow: start, NumberOfResults: 3}})
				check(t, err)
				paged = append(paged, page...)
				if total != 20 {
					t.Errorf("order %q, row %d: total %d", order, start, total)
				}
			}
			if diff := cmp.Diff(all, paged); diff != "" {
				t.Errorf("order %q: all at once and page by page differ:\n%s", order, diff)
			}
		}

		first, _, err := j.SearchAuditLog(t.Context(), wire.AuditLogSearch{Page: wire.Page{NumberOfResults: 3}})
		check(t, err)
		_, err = j.CreateAuditLog(t.Context(), wire.AuditLog{InsertUser: "u", Message: "new"}, nil)
		check(t, err)
		second, _, err := j.SearchAuditLog(t.Context(), wire.AuditLogSearch{Page: wire.Page{NumberOfResults: 3, StartRow: 3}})
		check(t, err)
		if first[2].Message != "17" || second[0].Message != "16" {
			t.Errorf("after %q comes %q, although only a newer entry was added", first[2].Message, second[0].Message)
		}
	})
}

func TestSearch_SortsNoMillionEntries(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		far := wire.Page{StartRow: 10_001, OrderBy: "message"}
		_, _, err := j.SearchEventLog(t.Context(), wire.EventLogSearch{Page: far})
		wantCodes(t, err, "[invalid]search.startRow")
		_, _, err = j.SearchAuditLog(t.Context(), wire.AuditLogSearch{Page: far})
		wantCodes(t, err, "[invalid]search.startRow")
		for _, order := range []string{"", "insertInstant", "id DESC", "no such order"} {
			far := wire.Page{StartRow: math.MaxInt, OrderBy: order}
			if _, total, err := j.SearchAuditLog(t.Context(), wire.AuditLogSearch{Page: far}); err != nil || total != 0 {
				t.Errorf("order %q: total %d, %v", order, total, err)
			}
		}
	})
}

func TestExportAuditLog_SortsNoMillionEntries(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, j *journal.Journal) {
		j.SortAtMost(500)
		fill(t, d, 501)
		byUser := wire.AuditLogExportRequest{Criteria: wire.AuditLogSearch{Page: wire.Page{OrderBy: "insertUser"}}}
		wantCodes(t, j.ExportAuditLog(t.Context(), io.Discard, byUser), "[invalid]criteria.orderBy")
		byUser.Criteria.Period.Start = 101 // all but the first
		check(t, j.ExportAuditLog(t.Context(), io.Discard, byUser))
	})
}

func TestExportAuditLog_DefaultZone(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		_, err := j.CreateAuditLog(t.Context(), wire.AuditLog{InsertUser: "u", Message: "m"}, nil)
		check(t, err)
		instant := func(zone string) string {
			t.Helper()
			var b bytes.Buffer
			check(t, j.ExportAuditLog(t.Context(), &b, wire.AuditLogExportRequest{DateTimeSecondsFormat: "HH z", ZoneID: zone}))
			archive, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
			check(t, err)
			file, err := archive.File[0].Open()
			check(t, err)
			rows, err := csv.NewReader(file).ReadAll()
			check(t, err)
			return rows[1][1]
		}
		if got := instant(""); got != "03 UTC" {
			t.Errorf("without any zone %q", got)
		}
		berlin, err := time.LoadLocation("Europe/Berlin")
		check(t, err)
		j.Zone = func(context.Context) (*time.Location, error) { return berlin, nil }
		if got := instant(""); got != "04 CET" {
			t.Errorf("with the journal's zone %q", got)
		}
		if got := instant("Asia/Tokyo"); got != "12 JST" {
			t.Errorf("with a zone of its own %q", got)
		}
		no := errors.New("no")
		j.Zone = func(context.Context) (*time.Location, error) { return nil, no }
		if err := j.ExportAuditLog(t.Context(), io.Discard, wire.AuditLogExportRequest{}); !errors.Is(err, no) {
			t.Errorf("error %v, want that of Zone", err)
		}
	})
}

func TestExportAuditLog_RefusesWhatItDoesNotUnderstand(t *testing.T) {
	each(t, func(t *testing.T, _ *db.DB, j *journal.Journal) {
		var b bytes.Buffer
		err := j.ExportAuditLog(t.Context(), &b, wire.AuditLogExportRequest{DateTimeSecondsFormat: "yyyy Q", ZoneID: "../etc/passwd"})
		wantCodes(t, err, "[invalid]dateTimeSecondsFormat", "[invalid]zoneId")
		err = j.ExportAuditLog(t.Context(), &b, wire.AuditLogExportRequest{DateTimeSecondsFormat: "'open", ZoneID: "Local"})
		wantCodes(t, err, "[invalid]dateTimeSecondsFormat", "[invalid]zoneId")
		if b.Len() != 0 {
			t.Errorf("%d bytes written before the error", b.Len())
		}
	})
}

// The entries about one object are found without those about others, and clients cannot write any.
func TestPageAuditLogOf(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		j := journal.New(d)
		one, other := journal.Object{Kind: "webhook", ID: "1"}, journal.Object{Kind: "webhook", ID: "2"}
		var last wire.AuditLog
		for i := range 5 {
			for _, o := range []journal.Object{one, other, {}} {
				a, err := j.CreateAuditLogOf(t.Context(), o, wire.AuditLog{InsertUser: "ada", Message: fmt.Sprint(o.ID, i), Data: wire.Object{"n": i}}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if o == one {
					last = a
				}
			}
		}
		forged := wire.AuditLog{InsertUser: "eve", Message: "forged", Data: wire.Object{"object": "webhook", "objectId": "1"}}
		if _, err := j.CreateAuditLog(t.Context(), forged, nil); err != nil {
			t.Fatal(err)
		}
		var got []string
		at := search.Cursor("")
		for range 3 {
			found, links, err := j.PageAuditLogOf(t.Context(), one, wire.Page{NumberOfResults: 2}, at)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range found {
				got = append(got, a.Message)
			}
			at = links.Older
		}
		if diff := cmp.Diff([]string{"14", "13", "12", "11", "10"}, got); diff != "" || at != "" {
			t.Errorf("found (-want +got), and %q more:\n%s", at, diff)
		}
		a, err := j.AuditLogOf(t.Context(), one, last.ID)
		if err != nil || a.Message != "14" || a.Data["object"] != "webhook" || a.Data["objectId"] != "1" || a.Data["n"] == nil {
			t.Errorf("the newest: %+v, %v", a, err)
		}
		for o, id := range map[journal.Object]int64{other: last.ID, {}: last.ID, journal.ParseObject("web\x00hook"): last.ID, one: 1 << 60} {
			if _, err := j.AuditLogOf(t.Context(), o, id); !errors.Is(err, problem.ErrNotFound) {
				t.Errorf("the entry %d about %q: %v", id, o, err)
			}
		}
		if o := journal.ParseObject("message template 1"); o != (journal.Object{Kind: "message template", ID: "1"}) || o.String() != "message template 1" {
			t.Errorf("read %+v", o)
		}
		if d.Engine() == db.SQLite {
			if err := d.View(t.Context(), func(tx *db.Tx) error {
				var id, parent, unused int
				var plan string
				err := tx.QueryRow(`EXPLAIN QUERY PLAN SELECT id FROM audit_log WHERE object = $1 ORDER BY insert_instant DESC, id DESC LIMIT 3`, "webhook 1").Scan(&id, &parent, &unused, &plan)
				if !strings.Contains(plan, "audit_log_object") {
					t.Errorf("no index finds them: %s", plan)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		}
	})
}
