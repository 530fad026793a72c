package ftl

import (
	_ "embed"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// localesText is a line for each locale; its head says what is in the columns. scripts/ftl-corpus writes it.
//
//go:embed locales.txt
var localesText string

// locale is how numbers and dates are written in a language and region.
type locale struct {
	tag                               language.Tag
	name                              string // as Java writes it: de_AT
	decimal, group, minus, zero       string
	percent, percentPattern           string
	currencyPattern, currency         string
	moneyDecimal, moneyGroup          string
	months, monthsAlone               []string
	shortMonths, shortMonthsAlone     []string
	weekdays, shortWeekdays           []string // from Sunday
	halves, eras                      []string // before noon and after, before Christ and after
	datePatterns, timePatterns, joins []string // by style, from short to full
}

var locales = sync.OnceValue(func() map[string]*locale {
	all := map[string]*locale{}
	for line := range strings.Lines(localesText) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		names := func(column int) []string {
			if c[column] == "" {
				column-- // months that stand alone are the others
			}
			return strings.Split(c[column], "|")
		}
		all[c[0]] = &locale{
			decimal: c[1], group: c[2], minus: c[3], zero: c[4], percent: c[5], percentPattern: c[6], currencyPattern: c[7], currency: c[8],
			moneyDecimal: c[9], moneyGroup: c[10],
			months: names(11), monthsAlone: names(12), shortMonths: names(13), shortMonthsAlone: names(14), weekdays: names(15), shortWeekdays: names(16),
			halves: names(17), eras: names(18), datePatterns: names(19), timePatterns: names(20), joins: names(21),
		}
	}
	return all
})

// rootLocale writes numbers for computers.
var rootLocale = &locale{decimal: ".", group: ",", minus: "-", zero: "0", percent: "%"}

// localeOf is the locale of a language tag, or the nearest we know: the language's own, and at last American English.
func localeOf(tag language.Tag) *locale {
	if tag == language.Und {
		tag = language.AmericanEnglish
	}
	base, script, region := tag.Raw()
	name := base.String()
	switch {
	case name == "no" || name == "nn":
		name = "nb"
	case name == "zh" && script.String() == "Hant" && region.String() == "ZZ":
		name = "zh-TW"
	}
	all := locales()
	found := all[name+"-"+region.String()]
	if found == nil {
		found = all[name]
	}
	if found == nil {
		found = all["en"]
	}
	l := *found
	l.tag, l.name = tag, base.String()
	if region.String() != "ZZ" {
		l.name += "_" + region.String()
	}
	return &l
}

// digit is a digit as the locale writes it.
func (l *locale) digit(c byte) string {
	if l.zero == "0" {
		return string(c)
	}
	return string([]rune(l.zero)[0] + rune(c-'0'))
}

// affix is what stands before or behind the digits of a number.
func (l *locale) affix(text string) string {
	if !strings.ContainsAny(text, percentSign+perMilleSign+currencySign+minusSign) {
		return text
	}
	return strings.NewReplacer(percentSign, l.percent, perMilleSign, "‰", currencySign, l.currency, minusSign, l.minus).Replace(text)
}
