package ftl

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// isoFormat is how a date is written by ISO 8601, or by XML Schema, which wants offsets of days too.
type isoFormat struct {
	accuracy string // "h", "m", "s", "ms", or "" for as many digits as there are
	offset   string // "nz": none, "fz": always, "": where it is usual
	utc      bool
	xs       bool
}

// isoOptions are the options of a format that begins with iso or xs.
func isoOptions(format string) (options string, is bool) {
	for _, prefix := range []string{"iso", "xs"} {
		if rest, begins := strings.CutPrefix(format, prefix); begins && (rest == "" || rest[0] == ' ' || rest[0] == '_') {
			return rest, true
		}
	}
	return "", false
}

func parseISOFormat(options string, xs bool) (isoFormat, error) {
	f := isoFormat{xs: xs}
	if len(options) > longestFormat {
		return f, errors.New("it is too long")
	}
	for _, o := range strings.FieldsFunc(options, func(c rune) bool { return c == ' ' || c == '_' }) {
		switch {
		case (o == "h" || o == "m") && !xs, o == "s", o == "ms":
			if f.accuracy != "" {
				return f, fmt.Errorf("two options say how exact the date is to be: %s and %s", f.accuracy, o)
			}
			f.accuracy = o
		case o == "nz" || o == "fz":
			f.offset = o
		case o == "u" || o == "fu":
			f.utc = true
		default:
			return f, fmt.Errorf("there is no option %q for ISO dates", o)
		}
	}
	return f, nil
}

func (f isoFormat) format(t instant, zone *time.Location) string {
	if f.utc {
		zone = time.UTC
	}
	at := t.In(zone)
	var b strings.Builder
	if t.part != onlyTime {
		b.WriteString(at.Format("2006-01-02"))
	}
	if t.part == dateAndTime {
		b.WriteByte('T')
	}
	if t.part != onlyDate {
		b.WriteString(at.Format(map[string]string{"h": "15", "m": "15:04", "s": "15:04:05", "ms": "15:04:05.000", "": "15:04:05.999"}[f.accuracy]))
	}
	if f.offset != "nz" && (t.part != onlyDate || f.xs) {
		b.WriteString(at.Format("Z07:00"))
	}
	return b.String()
}

var isoDate = regexp.MustCompile(`^(?:(\d{4})-?(\d\d)-?(\d\d))?(?:T?(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$`)

// parseISO reads a date by ISO 8601.
func parseISO(text string, part datePart, zone *time.Location) (instant, error) {
	wrong := fmt.Errorf("the text %q is not a date by ISO 8601", shortened(text, longestPart))
	if len(text) > 100 {
		return instant{}, wrong
	}
	m := isoDate.FindStringSubmatch(text)
	if m == nil || (m[1] == "") != (part == onlyTime) || (m[4] == "") != (part == onlyDate) {
		return instant{}, wrong
	}
	n := func(i, otherwise int) int {
		if m[i] == "" {
			return otherwise
		}
		number, _ := strconv.Atoi(m[i])
		return number
	}
	if m[8] != "" {
		zone, _ = parseZone(m[8])
	}
	nanoseconds, _ := strconv.Atoi((m[7] + "000000000")[:9])
	t := time.Date(n(1, 1970), time.Month(n(2, 1)), n(3, 1), n(4, 0), n(5, 0), n(6, 0), nanoseconds, zone)
	if n(2, 1) > 12 || int(t.Month()) != n(2, 1) || n(4, 0) > 24 || n(5, 0) > 59 || n(6, 0) > 59 {
		return instant{}, wrong
	}
	return instant{t, part}, nil
}
