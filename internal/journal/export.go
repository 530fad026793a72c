package journal

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones by name must not depend on what is installed beside the server

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// exportFile is the name of the file in the archive.
const exportFile = "audit-log.csv"

// defaultFormat of instants is FusionAuth's.
const defaultFormat = "M/d/yyyy hh:mm:ss a z"

// ExportAuditLog writes a ZIP archive that holds the matching entries as CSV, in the order of the search and without regard to its page. It
// reads while it writes, so w must not be a network; in the order of time nothing but a line is kept in memory. After a problem of kind Invalid nothing
// has been written.
//
// The zone defaults to Zone's. The format is a Java date pattern with the letters y M d E H h m s S a z Z X.
func (j *Journal) ExportAuditLog(ctx context.Context, w io.Writer, c wire.AuditLogExportRequest) error {
	var v problem.Validation
	if err := v.Merge(checkAuditLogSearch("criteria.", c.Criteria)); err != nil {
		return err
	}
	pattern := c.DateTimeSecondsFormat
	if pattern == "" {
		pattern = defaultFormat
	}
	format, unknown := parseFormat(pattern)
	v.Check(unknown == "", "dateTimeSecondsFormat", "invalid", "The date pattern has %q, which Herald does not understand.", unknown)
	zone, err := j.zone(ctx, c.ZoneID)
	if err := v.Merge(err); err != nil {
		return err
	}
	if err := v.Err(); err != nil {
		return err
	}
	if err := j.checkExportOrder(ctx, c.Criteria); err != nil {
		return err
	}

	archive := zip.NewWriter(w)
	file, err := archive.Create(exportFile)
	if err != nil {
		return err
	}
	table := csv.NewWriter(file)
	_ = table.Write([]string{"id", "insertInstant", "insertUser", "tenantId", "message", "reason", "oldValue", "newValue", "data"}) // see Error
	err = j.db.View(ctx, func(tx *db.Tx) error {
		return eachAuditLog(tx, c.Criteria, func(a wire.AuditLog) error {
			return table.Write(line(a, format.text(time.UnixMilli(int64(a.InsertInstant)).In(zone))))
		})
	})
	if err != nil {
		return err
	}
	if table.Flush(); table.Error() != nil {
		return table.Error()
	}
	return archive.Close()
}

// maxSorted is how many entries are exported in an order that no index has. They are all in memory while they are sorted.
const maxSorted = 100_000

// checkExportOrder refuses to sort more.
func (j *Journal) checkExportOrder(ctx context.Context, c wire.AuditLogSearch) error {
	if indexed(auditLogOrder(c)) {
		return nil
	}
	return j.db.View(ctx, func(tx *db.Tx) error {
		tooMany, err := moreAuditLogs(tx, c, j.maxSorted)
		if err != nil {
			return err
		}
		var v problem.Validation
		v.Check(!tooMany, "criteria.orderBy", "invalid", "More than %d entries can be exported in the order of insertInstant or id only.", j.maxSorted)
		return v.Err()
	})
}

// zone returns the time zone with that name, or that of the journal without one.
func (j *Journal) zone(ctx context.Context, name string) (*time.Location, error) {
	if name == "" {
		return j.Zone(ctx)
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // of this machine, which is nobody's business
		var v problem.Validation
		v.Field("zoneId", "invalid", "There is no time zone %q. Zones are named like Europe/Berlin.", name)
		return nil, v.Err()
	}
	return zone, nil
}

func line(a wire.AuditLog, instant string) []string {
	data := ""
	if a.Data != nil {
		data = string(encode(map[string]any(a.Data)))
	}
	cells := []string{
		strconv.FormatInt(a.ID, 10), instant, a.InsertUser, string(a.TenantID), a.Message, a.Reason, string(a.OldValue), string(a.NewValue), data,
	}
	for i, text := range cells {
		cells[i] = harmlessCell(text)
	}
	return cells
}

// harmlessCell keeps a spreadsheet from taking a text that somebody wrote into the log for a formula.
func harmlessCell(text string) string {
	if text == "" {
		return text
	}
	switch text[0] {
	case '=', '+', '-', '@', '\t', '\r':
		return "'" + text
	}
	return text
}

// format is a parsed date pattern: what each part of it makes of an instant.
type format []func(time.Time) string

func (f format) text(t time.Time) string {
	var text []byte
	for _, part := range f {
		text = append(text, part(t)...)
	}
	return string(text)
}

// fields are the letters of Java's date patterns (java.time.format.DateTimeFormatter) by letter and count, as Go's layouts.
var fields = map[string]string{
	"y": "2006", "yyyy": "2006", "u": "2006", "uuuu": "2006", "yy": "06", "uu": "06",
	"M": "1", "MM": "01", "MMM": "Jan", "MMMM": "January",
	"d": "2", "dd": "02", "E": "Mon", "EE": "Mon", "EEE": "Mon", "EEEE": "Monday",
	"HH": "15", "h": "3", "hh": "03", "m": "4", "mm": "04", "s": "5", "ss": "05",
	"a": "PM", "z": "MST", "zz": "MST", "zzz": "MST", "Z": "-0700", "X": "Z07", "XX": "Z0700", "XXX": "Z07:00", "xxx": "-07:00",
}

// parseFormat returns the first part of the pattern that it does not understand.
func parseFormat(pattern string) (f format, unknown string) {
	literal := func(text string) { f = append(f, func(time.Time) string { return text }) }
	for i := 0; i < len(pattern); {
		b, end := pattern[i], i+1
		switch {
		case b == '\'':
			text, rest, closed := quoted(pattern[end:])
			if !closed {
				return nil, pattern[i:]
			}
			literal(text)
			end = len(pattern) - len(rest)
		case 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z':
			for end < len(pattern) && pattern[end] == b {
				end++
			}
			layout, known := fields[pattern[i:end]]
			switch {
			case known:
				f = append(f, func(t time.Time) string { return t.Format(layout) })
			case pattern[i:end] == "H":
				f = append(f, func(t time.Time) string { return strconv.Itoa(t.Hour()) })
			case pattern[i:end] == "SSS":
				f = append(f, func(t time.Time) string { return t.Format(".000")[1:] })
			default:
				return nil, pattern[i:end]
			}
		default:
			literal(pattern[i:end])
		}
		i = end
	}
	return f, ""
}

// quoted reads a literal up to its closing quote. Two quotes in it are one; nothing in it, two quotes in a row, are one as well.
func quoted(pattern string) (text, rest string, closed bool) {
	for {
		part, after, found := strings.Cut(pattern, "'")
		if !found {
			return "", "", false
		}
		text += part
		if text == "" {
			return "'", after, true
		}
		if !strings.HasPrefix(after, "'") {
			return text, after, true
		}
		text, pattern = text+"'", after[1:]
	}
}
