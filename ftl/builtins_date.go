package ftl

import (
	"math/big"
	"strings"
	"time"
)

var dateBuiltins = withISO(map[string]*builtin{
	"date":               ofAny(0, 1, func(c evaluation, v value) value { return c.date(v, onlyDate) }),
	"time":               ofAny(0, 1, func(c evaluation, v value) value { return c.date(v, onlyTime) }),
	"datetime":           ofAny(0, 1, func(c evaluation, v value) value { return c.date(v, dateAndTime) }),
	"number_to_date":     ofNumber(0, 0, func(c evaluation, n number) value { return c.fromNumber(n, onlyDate) }),
	"number_to_time":     ofNumber(0, 0, func(c evaluation, n number) value { return c.fromNumber(n, onlyTime) }),
	"number_to_datetime": ofNumber(0, 0, func(c evaluation, n number) value { return c.fromNumber(n, dateAndTime) }),
})

// withISO adds ?iso_utc, ?iso_local_ms_nz and their kin.
func withISO(all map[string]*builtin) map[string]*builtin {
	for _, accuracy := range []string{"", "_h", "_m", "_ms"} {
		for _, offset := range []string{"", "_nz", "_fz"} {
			f := isoFormat{accuracy: strings.TrimPrefix(accuracy, "_"), offset: strings.TrimPrefix(offset, "_")}
			switch f.accuracy {
			case "":
				f.accuracy = "s"
			case "ms":
				f.accuracy = "" // as many digits as there are
			}
			if offset == "_fz" && accuracy != "" {
				continue
			}
			all["iso_utc"+accuracy+offset] = ofAny(0, 0, func(c evaluation, v value) value { return c.iso(v, f, time.UTC) })
			if offset == "_fz" {
				continue
			}
			all["iso_local"+accuracy+offset] = ofAny(0, 0, func(c evaluation, v value) value { return c.iso(v, f, c.zone) })
			all["iso"+accuracy+offset] = ofAny(1, 1, func(c evaluation, v value) value {
				c.spend(zoneSteps)
				zone, err := parseZone(c.textArg(0))
				if err != nil {
					c.fail("", "there is no time zone %q", c.textArg(0))
				}
				return c.iso(v, f, zone)
			})
		}
	}
	return all
}

func (c evaluation) iso(v value, f isoFormat, zone *time.Location) value {
	t, is := v.(instant)
	if !is {
		c.mistaken(c.x.of, v, "a date", toDate)
	}
	f.utc = zone == time.UTC
	return f.format(t, zone)
}

// zoneSteps is what it costs to look up a time zone, which is in a file.
const zoneSteps = 100

const toDate = "write ?number_to_datetime behind a number of milliseconds"

// date is the part of a date that is asked for, or a text read as one.
func (c evaluation) date(v value, part datePart) value {
	switch v := v.(type) {
	case instant:
		if v.part != part && v.part != dateAndTime {
			c.fail("", "%s is %s, which has no %s", describe(c.x.of), partNames[v.part], partNames[part])
		}
		if c.has(0) {
			c.fail("write ?string(…) to format a date", "%s is a date already", describe(c.x.of))
		}
		return instant{v.Time, part}
	case string:
		c.read(v)
		c.spend(zoneSteps) // there may be one in it
		format := c.datePatternFor(part)
		if c.has(0) {
			format = c.textArg(0)
		}
		t, err := parseDate(v, format, part, c.zone, c.locale)
		if err != nil {
			c.fail("", "%v", err)
		}
		return t
	}
	c.mistaken(c.x.of, v, "a date or a text", toDate)
	return nil
}

var partNames = map[datePart]string{onlyDate: "a date without a time", onlyTime: "a time without a date", dateAndTime: "a date with a time"}

func (c evaluation) fromNumber(n number, part datePart) value {
	ms := n.integer()
	if ms.CmpAbs(big.NewInt(1e15)) > 0 {
		c.fail("", "%s milliseconds are no date", n)
	}
	return instant{time.UnixMilli(ms.Int64()), part}
}
