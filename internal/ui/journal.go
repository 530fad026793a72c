package ui

import (
	"io"
	"os"
	"strconv"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/wire"
)

var journalRoutes = []route{
	{"GET /admin/audit-log", signedIn, admin.AuditLog, admin.View, (*server).auditLog},
	{"GET /admin/audit-log/export", signedIn, admin.AuditLog, admin.View, (*server).exportAuditLog},
	{"GET /admin/audit-log/{id}", signedIn, admin.AuditLog, admin.View, (*server).auditLogEntry},
	{"GET /admin/event-log", signedIn, admin.EventLog, admin.View, (*server).eventLog},
	{"GET /admin/event-log/{id}", signedIn, admin.EventLog, admin.View, (*server).eventLogEntry},
	{"GET /admin/login-record", signedIn, admin.Users, admin.View, (*server).loginRecords},
}

// logList is a page of one of the logs.
type logList[T any] struct {
	Rows    []T
	Pages   pager
	Problem string
	// About is the object that the entries are about, "" for all.
	About string
	// Export is where the list can be had as a file.
	Export string
}

// auditLogSearch is what the query asks for.
func (v *visit) auditLogSearch() wire.AuditLogSearch {
	c := wire.AuditLogSearch{Message: v.FormValue("text"), User: v.FormValue("user"), Period: v.period(), TenantID: v.preferences.Tenant}
	c.NumberOfResults = pageSize
	return c
}

// auditLog is the list of all entries that the filters leave, or that of the entries about one object, which has none.
func (s *server) auditLog(v *visit) error {
	var page logList[wire.AuditLog]
	var rows []wire.AuditLog
	var links search.Links
	var err error
	if page.About = v.FormValue("object"); page.About != "" {
		rows, links, err = s.Journal.PageAuditLogOf(v.Context(), journal.ParseObject(page.About), wire.Page{NumberOfResults: pageSize}, v.cursor())
	} else {
		rows, links, err = s.Journal.PageAuditLog(v.Context(), v.auditLogSearch(), v.cursor())
	}
	if page.Problem, err = invalid(err); err != nil {
		return err
	}
	page.Rows, page.Pages = rows, v.pager(links)
	page.Export = "/admin/audit-log/export?" + v.URL.RawQuery
	return v.show("audit-log", "AuditLog", page)
}

// exportAuditLog answers with what the list shows, all pages of it. It is made in a file first, so that an error is a page and not half an archive.
func (s *server) exportAuditLog(v *visit) (err error) {
	f, err := os.CreateTemp("", "herald-export-*")
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	if err := s.Journal.ExportAuditLog(v.Context(), f, wire.AuditLogExportRequest{Criteria: v.auditLogSearch()}); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return v.download("application/zip", "audit-log.zip", f)
}

type auditLogEntry struct {
	wire.AuditLog
	Tenant      string
	Differences []difference
	// Before, After and DataText are the values as text.
	Before, After, DataText string
}

// number is the one that the path names.
func (v *visit) number() (int64, error) {
	n, err := strconv.ParseInt(v.PathValue("id"), 10, 64)
	if err != nil {
		return 0, problem.ErrNotFound
	}
	return n, nil
}

func (s *server) auditLogEntry(v *visit) error {
	id, err := v.number()
	if err != nil {
		return err
	}
	a, err := s.Journal.AuditLog(v.Context(), id)
	if err != nil {
		return err
	}
	page := auditLogEntry{AuditLog: a, Tenant: string(a.TenantID), Differences: diff(a.OldValue, a.NewValue), Before: indented(a.OldValue), After: indented(a.NewValue)}
	if len(a.Data) > 0 {
		page.DataText = indented([]byte(encodeJSON(map[string]any(a.Data))))
	}
	if a.TenantID != "" {
		settings, err := s.Tenants.Settings(v.Context())
		if err != nil {
			return err
		}
		if t, ok := settings.Find(a.TenantID); ok {
			page.Tenant = t.Name
		}
	}
	v.under("AuditLog", "/admin/audit-log")
	v.of = strconv.FormatInt(a.ID, 10)
	return v.show("audit-log-entry", "LogEntry", page)
}

// eventLogTypes are the choices of a type; the first is all.
var eventLogTypes = []string{"", string(wire.EventLogError), string(wire.EventLogInformation), string(wire.EventLogDebug)}

func (s *server) eventLog(v *visit) error {
	c := wire.EventLogSearch{Message: v.FormValue("text"), Type: wire.EventLogType(v.FormValue("type")), Period: v.period()}
	c.NumberOfResults = pageSize
	var page logList[wire.EventLog]
	rows, links, err := s.Journal.PageEventLog(v.Context(), c, v.cursor())
	if page.Problem, err = invalid(err); err != nil {
		return err
	}
	page.Rows, page.Pages = rows, v.pager(links)
	return v.show("event-log", "EventLog", page)
}

// Types are the choices of a type of the event log.
func (l logList[T]) Types(at frame) []option { return at.Options("type", "LogType", eventLogTypes) }

func (s *server) eventLogEntry(v *visit) error {
	id, err := v.number()
	if err != nil {
		return err
	}
	e, err := s.Journal.EventLog(v.Context(), id)
	if err != nil {
		return err
	}
	v.under("EventLog", "/admin/event-log")
	v.of = strconv.FormatInt(e.ID, 10)
	return v.show("event-log-entry", "LogEntry", e)
}

func (s *server) loginRecords(v *visit) error {
	p := v.period()
	c := wire.LoginRecordSearch{UserID: wire.ID(v.FormValue("user")), ApplicationID: wire.ID(v.FormValue("application")), Start: p.Start, End: p.End}
	c.NumberOfResults = pageSize
	var page logList[wire.LoginRecord]
	rows, links, err := s.Logins.PageRecords(v.Context(), v.preferences.Tenant, c, v.cursor())
	if page.Problem, err = invalid(err); err != nil {
		return err
	}
	page.Rows, page.Pages = rows, v.pager(links)
	return v.show("login-records", "LoginRecords", page)
}
