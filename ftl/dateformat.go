package ftl

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var dateStyles = []string{"short", "medium", "long", "full"}

// longestFormat is how long a format for dates or numbers may be, in bytes. One letter can stand for a long name.
const longestFormat = 1000

// formatDate writes an instant in a format: "" (the locale's), "short" to "full", "medium_short" for date and time, "iso" or "xs" with options, or a
// pattern of java.text.SimpleDateFormat.
func formatDate(t instant, format string, zone *time.Location, l *locale) (string, error) {
	if rest, is := isoOptions(format); is {
		iso, err := parseISOFormat(rest, format[0] == 'x')
		if err != nil {
			return "", err
		}
		return iso.format(t, zone), nil
	}
	return simpleDate(t.In(zone), patternOf(format, t.part, l), l)
}

// patternOf is the pattern of a format that may be the name of a style.
func patternOf(format string, part datePart, l *locale) string {
	first, second, two := strings.Cut(format, "_")
	if format == "" {
		first = "medium"
	}
	style := slices.Index(dateStyles, first)
	if style < 0 {
		return format
	}
	switch part {
	case onlyDate:
		return l.datePatterns[style]
	case onlyTime:
		return l.timePatterns[style]
	}
	timeStyle := style
	if two {
		if timeStyle = slices.Index(dateStyles, second); timeStyle < 0 {
			return format
		}
	}
	return strings.NewReplacer("{1}", l.datePatterns[style], "{0}", l.timePatterns[timeStyle]).Replace(l.joins[min(style, timeStyle)])
}

// patternFields cuts a pattern into fields, runs of one letter, and what stands between them, which has no letter.
func patternFields(pattern string) (fields []patternField, err error) {
	if len(pattern) > longestFormat {
		return nil, errors.New("it is too long")
	}
	text := func(s string) {
		if n := len(fields); n > 0 && fields[n-1].letter == 0 {
			fields[n-1].text += s
			return
		}
		fields = append(fields, patternField{text: s})
	}
	for i := 0; i < len(pattern); {
		c, size := utf8.DecodeRuneInString(pattern[i:])
		switch {
		case strings.HasPrefix(pattern[i:], "''"):
			text("'")
			i += 2
		case c == '\'':
			end := i + 1
			var quoted strings.Builder
			for ; end < len(pattern) && (pattern[end] != '\'' || strings.HasPrefix(pattern[end:], "''")); end++ {
				if pattern[end] == '\'' {
					end++
				}
				quoted.WriteByte(pattern[end])
			}
			if end >= len(pattern) {
				return nil, errors.New("a quote is never closed")
			}
			text(quoted.String())
			i = end + 1
		case size == 1 && isLetter(byte(c)):
			n := 1
			for i+n < len(pattern) && pattern[i+n] == byte(c) {
				n++
			}
			fields = append(fields, patternField{letter: byte(c), count: n})
			i += n
		default:
			text(pattern[i : i+size])
			i += size
		}
	}
	return fields, nil
}

type patternField struct {
	letter byte
	count  int
	text   string
}

// simpleDate writes a date by a pattern.
func simpleDate(t time.Time, pattern string, l *locale) (string, error) {
	fields, err := patternFields(pattern)
	if err != nil {
		return "", err
	}
	letters := 0
	for _, f := range fields {
		if f.letter != 0 {
			letters++
		}
	}
	var b strings.Builder
	number := func(n, digits int) {
		s := strconv.Itoa(n)
		for range digits - len(s) {
			b.WriteString(l.digit('0'))
		}
		for i := range len(s) {
			b.WriteString(l.digit(s[i]))
		}
	}
	for _, f := range fields {
		switch f.letter {
		case 0:
			b.WriteString(f.text)
		case 'G':
			b.WriteString(l.eras[1])
		case 'y':
			if f.count == 2 {
				number(t.Year()%100, 2)
			} else {
				number(t.Year(), f.count)
			}
		case 'M', 'L':
			long, short := l.months, l.shortMonths
			if f.letter == 'L' || letters == 1 {
				long, short = l.monthsAlone, l.shortMonthsAlone
			}
			switch {
			case f.count >= 4:
				b.WriteString(long[t.Month()-1])
			case f.count == 3:
				b.WriteString(short[t.Month()-1])
			default:
				number(int(t.Month()), f.count)
			}
		case 'D':
			number(t.YearDay(), f.count)
		case 'd':
			number(t.Day(), f.count)
		case 'F':
			number((t.Day()-1)/7+1, f.count)
		case 'E':
			if f.count >= 4 {
				b.WriteString(l.weekdays[t.Weekday()])
			} else {
				b.WriteString(l.shortWeekdays[t.Weekday()])
			}
		case 'u':
			number((int(t.Weekday())+6)%7+1, f.count)
		case 'a':
			b.WriteString(l.halves[t.Hour()/12])
		case 'H':
			number(t.Hour(), f.count)
		case 'k':
			number((t.Hour()+23)%24+1, f.count)
		case 'K':
			number(t.Hour()%12, f.count)
		case 'h':
			number((t.Hour()+11)%12+1, f.count)
		case 'm':
			number(t.Minute(), f.count)
		case 's':
			number(t.Second(), f.count)
		case 'S':
			number(t.Nanosecond()/1e6, f.count)
		case 'z':
			b.WriteString(zoneName(t))
		case 'Z':
			b.WriteString(t.Format("-0700"))
		case 'X':
			if f.count > 3 {
				return "", errors.New("there is no XXXX")
			}
			b.WriteString(t.Format([]string{"Z07", "Z0700", "Z07:00"}[f.count-1]))
		case 'Y', 'w', 'W':
			return "", fmt.Errorf("the letter %c is for weeks, which are not supported: the year is yyyy", f.letter)
		default:
			return "", fmt.Errorf("the letter %c has no meaning in a date: put text into 'quotes'", f.letter)
		}
	}
	return b.String(), nil
}

// zoneName is the short name of a zone. Zones without one have a number there, which is written as Java does.
func zoneName(t time.Time) string {
	name, offset := t.Zone()
	if name != "" && isLetter(name[0]) {
		return name
	}
	if offset == 0 {
		return "GMT"
	}
	return "GMT" + t.Format("-07:00")
}

// parseDate reads a date that was written in a format. What the format does not have is that of the beginning of 1970, and what follows the date is ignored.
func parseDate(text, format string, part datePart, zone *time.Location, l *locale) (t instant, err error) {
	if _, is := isoOptions(format); is {
		return parseISO(text, part, zone)
	}
	pattern := patternOf(format, part, l)
	fields, err := patternFields(pattern)
	if err != nil {
		return t, err
	}
	d := dateReader{text: text, zone: zone, year: 1970, month: 1, day: 1}
	for i, f := range fields {
		if f.letter == 0 {
			if !strings.HasPrefix(d.text[d.at:], f.text) {
				return t, d.mistaken(pattern)
			}
			d.at += len(f.text)
			continue
		}
		adjacent := i+1 < len(fields) && fields[i+1].letter != 0
		if !d.field(f, adjacent, l) {
			return t, d.mistaken(pattern)
		}
	}
	return d.instant(part)
}

// dateReader reads the fields of a date.
type dateReader struct {
	text                     string
	at                       int
	zone                     *time.Location
	year, month, day         int
	hour, minute, second, ms int
	twelve, afternoon        bool
}

func (d *dateReader) mistaken(pattern string) error {
	return fmt.Errorf("the text %q is not a date of the form %q", shortened(d.text, longestPart), pattern)
}

func (d *dateReader) instant(part datePart) (instant, error) {
	if d.twelve {
		d.hour %= 12
		if d.afternoon {
			d.hour += 12
		}
	}
	t := time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.second, d.ms*1e6, d.zone)
	return instant{t, part}, nil
}

func (d *dateReader) field(f patternField, adjacent bool, l *locale) bool {
	rest := d.text[d.at:]
	switch f.letter {
	case 'M', 'L':
		if f.count < 3 {
			break
		}
		for _, names := range [][]string{l.months, l.monthsAlone, l.shortMonths, l.shortMonthsAlone} {
			if i := d.word(names); i >= 0 {
				d.month = i + 1
				return true
			}
		}
		return false
	case 'E':
		return d.word(l.weekdays) >= 0 || d.word(l.shortWeekdays) >= 0
	case 'G':
		return d.word(l.eras) >= 0
	case 'a':
		half := d.word(l.halves)
		d.afternoon, d.twelve = half == 1, true
		return half >= 0
	case 'z', 'Z', 'X':
		return d.offset(f.letter == 'X')
	}
	rest = strings.TrimLeft(rest, " ")
	d.at = len(d.text) - len(rest)
	n := 0
	for n < len(rest) && n < 9 && isDigit(rest[n]) && (!adjacent || n < f.count) {
		n++
	}
	i, err := strconv.Atoi(rest[:n])
	if err != nil {
		return false
	}
	d.at += n
	switch f.letter {
	case 'y':
		if d.year = i; f.count <= 2 && n == 2 {
			d.year += 2000
			if i > 60 {
				d.year -= 100
			}
		}
	case 'M', 'L':
		d.month = i
	case 'd':
		d.day = i
	case 'H', 'k':
		d.hour = i
		if f.letter == 'k' {
			d.hour %= 24
		}
	case 'h', 'K':
		d.hour, d.twelve = i, true
	case 'm':
		d.minute = i
	case 's':
		d.second = i
	case 'S':
		d.ms = i
	default:
		return false
	}
	return true
}

// word reads the longest of the words that stands here, without regard to case.
func (d *dateReader) word(words []string) int {
	found, size := -1, 0
	for i, w := range words {
		if rest := d.text[d.at:]; len(w) > size && len(rest) >= len(w) && strings.EqualFold(rest[:len(w)], w) {
			found, size = i, len(w)
		}
	}
	d.at += size
	return found
}

// offset reads a zone: Z, +02, +0200, +02:00, GMT+2:00, or the name of one.
func (d *dateReader) offset(iso bool) bool {
	rest := d.text[d.at:]
	end := strings.IndexFunc(rest, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("+-:/_", c)
	})
	if end < 0 {
		end = len(rest)
	}
	name := rest[:end]
	zone, err := parseZone(name)
	if err != nil || iso && name != "Z" && strings.Trim(name, "+-:0123456789") != "" {
		return false
	}
	d.zone = zone
	d.at += end
	return true
}

// parseZone understands what Java does: names of the time zone database, GMT+2, GMT-03:30, and offsets.
func parseZone(name string) (*time.Location, error) {
	switch name {
	case "Z", "GMT", "UTC":
		return time.UTC, nil
	}
	if len(name) > 100 {
		return nil, errors.New("no time zone has such a long name")
	}
	offset := strings.TrimPrefix(name, "GMT")
	for _, layout := range []string{"-07:00", "-0700", "-07"} {
		if t, err := time.Parse(layout, offset); err == nil {
			_, seconds := t.Zone()
			return time.FixedZone("GMT"+t.Format("-07:00"), seconds), nil
		}
	}
	if len(offset) < len(name) && len(offset) > 1 && strings.IndexByte("+-", offset[0]) >= 0 && isDigit(offset[1]) && (len(offset) == 2 || offset[2] == ':') {
		return parseZone("GMT" + offset[:1] + "0" + offset[1:])
	}
	if name == "" || name == "Local" {
		return nil, errors.New("there is no time zone without a name")
	}
	return time.LoadLocation(name)
}
