package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// locales are the languages that a template has texts in. They do not change.
type locales []locale

// locale is a language as somebody named it.
type locale struct {
	name string // in Java's form
	tag  language.Tag

	base              language.Base
	script            language.Script // the usual one of the language there, when none was named
	region            language.Region // likewise
	hasRegion, varied bool
}

// parseLocale reads a locale in Java's form (de_CH, zh_TW_#Hant) or in that of BCP 47 (de-CH, zh-Hant-TW), in any case. False when it is neither,
// or when there is no such language.
func parseLocale(text string) (l locale, ok bool) {
	const longest = 64
	if len(text) > longest {
		return l, false
	}
	parts := strings.FieldsFunc(strings.TrimSpace(text), func(r rune) bool { return r == '-' || r == '_' })
	// Java puts the script last and marks it, BCP 47 puts it behind the language.
	if i := slices.IndexFunc(parts, func(p string) bool { return strings.HasPrefix(p, "#") }); i > 0 {
		script := parts[i][1:]
		parts = slices.Insert(slices.Delete(parts, i, i+1), 1, script)
	}
	tag, err := language.Raw.Parse(strings.Join(parts, "-"))
	if err != nil || len(tag.Extensions()) > 0 {
		return l, false
	}
	base, script, region := tag.Raw()
	if base.String() == "und" {
		return l, false
	}
	l.name = base.String()
	l.hasRegion, l.varied = region.String() != "ZZ", len(tag.Variants()) > 0
	named := script.String() != "Zzzz"
	if l.hasRegion || l.varied || named {
		l.name += "_"
	}
	if l.hasRegion {
		l.name += region.String()
	}
	for _, v := range tag.Variants() {
		l.name += "_" + v.String()
	}
	if named {
		l.name += "_#" + script.String()
	}
	// Some languages have several codes: iw is he, no is nb.
	if l.tag, err = language.All.Canonicalize(tag); err != nil {
		return l, false
	}
	l.base, _ = l.tag.Base()
	l.script, _ = l.tag.Script()
	l.region, _ = l.tag.Region()
	return l, true
}

// byLocale returns texts under their locales in Java's form, nil without any, and adds what is no locale, or there twice. read makes of each text what
// is kept of it.
func byLocale(v *problem.Validation, path string, given map[string]string, read func(locale, text string) string) (texts wire.Map[string]) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		at := inPart(path, shortened(name))
		l, ok := parseLocale(name)
		if !ok {
			v.Field(at, "invalid", "%.64q is no locale. Locales look like de or de_CH.", name)
			continue
		}
		if _, twice := texts[l.name]; twice {
			v.Field(at, "duplicate", "The locale %s is there twice.", l.name)
			continue
		}
		if texts == nil {
			texts = wire.Map[string]{}
		}
		texts[l.name] = read(l.name, given[name])
	}
	return texts
}

// CheckNames returns the names of a thing in several languages, trimmed and under their locales in Java's form, nil without any. It adds what is wrong
// with them: an unknown locale, one that is there twice, a name that is blank or too long.
func CheckNames(v *problem.Validation, path string, given map[string]string) wire.Map[string] {
	return byLocale(v, path, given, func(locale, name string) string {
		at := inPart(path, locale)
		v.Text(at, &name, problem.LongestName)
		v.Check(name != "", at, "blank", "The name is missing.")
		return name
	})
}

// Localized returns the text in the best of a person's languages, standard when there is none; see [locales.choose] for the choice. The keys of texts are
// locales.
func Localized(texts map[string]string, languages []string, standard string) string {
	if text, ok := texts[newLocales(slices.Collect(maps.Keys(texts))).choose(languages).locale]; ok {
		return text
	}
	return standard
}

// newLocales reads the names of locales, which were checked when they were stored, and puts them in order.
func newLocales(names []string) (all locales) {
	for _, name := range slices.Sorted(slices.Values(names)) {
		if l, ok := parseLocale(name); ok {
			l.name = name
			all = append(all, l)
		}
	}
	return all
}

// choice is the language that a person is written to in.
type choice struct {
	locale string // as the template names it; empty for the default text
	tag    language.Tag
	reason string // in words
}

// choose returns the best of the locales for one who prefers these languages, the best first. For each of them in order that is the locale itself,
// then the language without its region, then the language of another region; for none of them it is the default text. Preferences that name no
// language count as not there.
func (all locales) choose(preferred []string) choice {
	standard := choice{tag: language.AmericanEnglish}
	switch {
	case len(preferred) == 0:
		standard.reason = "default: no preferred language is known"
		return standard
	case len(all) == 0:
		standard.reason = "default: there are no localized texts"
		return standard
	}
	for i, name := range preferred {
		wanted, ok := parseLocale(name)
		if !ok {
			continue
		}
		best, distance := -1, farApart
		for k := range all {
			if d := apart(&wanted, &all[k]); d < distance { // of those equally far the first one: they are sorted
				best, distance = k, d
			}
		}
		if best < 0 {
			continue
		}
		c := choice{locale: all[best].name, tag: all[best].tag}
		c.reason = fmt.Sprintf("%s: %s preferred language", c.locale, ordinal(i))
		switch {
		case distance >= otherRegion:
			c.reason += fmt.Sprintf(" (%s), of another region", wanted.name)
		case distance >= noRegion:
			c.reason += fmt.Sprintf(" (%s), without its region", wanted.name)
		case distance >= sameRegion:
			c.reason += fmt.Sprintf(" (%s), without its variant", wanted.name)
		}
		return c
	}
	standard.reason = "default: there is no text in " + names(preferred)
	return standard
}

// How far a locale is from the one that is wanted. Within each step, another script adds 2, and a region that is not the usual one 1.
const (
	sameRegion  = 4 // but not the same variant
	noRegion    = 8
	otherRegion = 12
	farApart    = 16 // another language
)

// apart tells how far a locale is from the one that is wanted.
func apart(wanted, has *locale) (distance int) {
	switch {
	case wanted.tag == has.tag:
		return 0
	case wanted.base != has.base:
		return farApart
	case has.hasRegion && wanted.hasRegion && has.region == wanted.region:
		distance = sameRegion
	case !has.hasRegion && !has.varied:
		distance = noRegion
	default:
		distance = otherRegion
	}
	if wanted.script != has.script {
		distance += 2
	}
	if wanted.region != has.region {
		distance++
	}
	return distance
}

func ordinal(i int) string {
	words := []string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}
	if i < len(words) {
		return words[i]
	}
	return "a later"
}

// names lists some locales for people. What is no locale is left out: it could be anything.
func names(preferred []string) string {
	const most = 5
	var known []string
	for _, name := range preferred {
		if l, ok := parseLocale(name); ok && !slices.Contains(known, l.name) {
			known = append(known, l.name)
		}
	}
	switch {
	case len(known) == 0:
		return "what is preferred, which is no language"
	case len(known) > most:
		return strings.Join(known[:most], ", ") + " …"
	}
	return strings.Join(known, ", ")
}
