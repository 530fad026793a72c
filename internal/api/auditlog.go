package api

import (
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

func (s *server) auditLogRoutes() []route {
	return []route{
		{"POST", "/api/system/audit-log", "/api/system/audit-log", tenantKey, s.createAuditLog},
		{"GET", "/api/system/audit-log/{auditLogId}", "/api/system/audit-log", tenantKey, s.loadAuditLog},
		{"GET", "/api/system/audit-log/search", "/api/system/audit-log/search", tenantKey, s.searchAuditLog},
		{"POST", "/api/system/audit-log/search", "/api/system/audit-log/search", tenantKey, s.searchAuditLog},
		{"GET", "/api/system/audit-log/export", "/api/system/audit-log/export", tenantKey, s.exportAuditLog},
		{"POST", "/api/system/audit-log/export", "/api/system/audit-log/export", tenantKey, s.exportAuditLog},
	}
}

// createAuditLog adds an entry. The tenant of the key or of the header wins over the one in the entry.
func (s *server) createAuditLog(c *call) (any, error) {
	var request wire.AuditLogRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	entry := request.AuditLog
	if c.scope != "" {
		tenant, err := c.tenant()
		if err != nil {
			return nil, err
		}
		entry.TenantID = tenant
	} else if entry.TenantID != "" {
		exists, err := s.Tenancy.Exists(c.ctx(), entry.TenantID)
		if err != nil {
			return nil, err
		}
		if !exists {
			return nil, invalidField("auditLog.tenantId", "invalid", "There is no tenant with the id %s.", entry.TenantID)
		}
	}
	created, err := s.Journal.CreateAuditLog(c.ctx(), entry, c.eventInfo(request.EventInfo))
	return wire.AuditLogResponse{AuditLog: &created}, err
}

// loadAuditLog shows a caller who is confined to a tenant only entries of that tenant, not even those of no tenant.
func (s *server) loadAuditLog(c *call) (any, error) {
	id, err := c.pathNumber("auditLogId")
	if err != nil {
		return nil, err
	}
	entry, err := s.Journal.AuditLog(c.ctx(), id)
	if err != nil {
		return nil, err
	}
	if c.scope != "" && entry.TenantID != c.scope {
		return nil, problem.ErrNotFound
	}
	return wire.AuditLogResponse{AuditLog: &entry}, nil
}

func (s *server) searchAuditLog(c *call) (any, error) {
	var criteria wire.AuditLogSearch
	if err := c.search(&criteria); err != nil {
		return nil, err
	}
	if c.scope != "" {
		criteria.TenantID = c.scope
	}
	entries, total, err := s.Journal.SearchAuditLog(c.ctx(), criteria)
	return wire.AuditLogSearchResponse{AuditLogs: entries, Total: total}, err
}

// exportAuditLog answers with a ZIP archive. It is made in a temporary file first, so that neither memory nor the store waits for a
// slow caller, and so that an error is still an error and not half an archive.
func (s *server) exportAuditLog(c *call) (any, error) {
	var request wire.AuditLogExportRequest
	if c.r.Method == http.MethodPost {
		if err := c.decode(&request); err != nil {
			return nil, err
		}
	} else {
		if err := c.decodeQuery(&request.Criteria); err != nil {
			return nil, err
		}
		request.DateTimeSecondsFormat, request.ZoneID = c.query("dateTimeSecondsFormat"), c.query("zoneId")
	}
	if c.scope != "" {
		request.Criteria.TenantID = c.scope
	}
	f, err := os.CreateTemp("", "herald-export-*")
	if err != nil {
		return nil, err
	}
	archive := &download{File: f, kind: "application/zip", name: "audit-log.zip"}
	if err := s.Journal.ExportAuditLog(c.ctx(), f, request); err != nil {
		return nil, errors.Join(err, archive.discard())
	}
	return archive, nil
}

// download as the result of a handler answers with a temporary file and removes it.
type download struct {
	*os.File

	kind, name string
}

func (d *download) send(w http.ResponseWriter) error {
	if _, err := d.Seek(0, io.SeekStart); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return errors.Join(err, d.discard())
	}
	w.Header().Set("Content-Type", d.kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	w.WriteHeader(http.StatusOK)
	_, _ = io.Copy(w, d) // the caller hung up: there is nobody left to tell
	return d.discard()
}

func (d *download) discard() error {
	return errors.Join(d.Close(), os.Remove(d.Name()))
}
