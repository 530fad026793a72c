package template

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		has, preferred string
		want, reason   string
	}{
		// Nothing to choose from, nothing to choose by.
		{"", "de", "", "default: there are no localized texts"},
		{"de fr", "", "", "default: no preferred language is known"},
		{"de fr", "es it", "", "default: there is no text in es, it"},
		// Exact.
		{"de fr", "de", "de", "de: first preferred language"},
		{"de fr", "fr de", "fr", "fr: first preferred language"},
		{"de fr", "es fr de", "fr", "fr: second preferred language"},
		{"de de_AT", "de_AT", "de_AT", "de_AT: first preferred language"},
		{"de de_AT", "de", "de", "de: first preferred language"},
		// The language without the region.
		{"de fr", "de_CH", "de", "de: first preferred language (de_CH), without its region"},
		{"de de_AT", "de_CH", "de", "de: first preferred language (de_CH), without its region"},
		// Another region of it. The usual one first, then in alphabetical order.
		{"de_AT de_CH", "de_DE", "de_AT", "de_AT: first preferred language (de_DE), of another region"},
		{"de_AT de_DE", "de", "de_DE", "de_DE: first preferred language (de), of another region"},
		{"fr_CA", "fr_FR", "fr_CA", "fr_CA: first preferred language (fr_FR), of another region"},
		// A language that is preferred less does not win because it fits better.
		{"de_CH en", "de_AT en", "de_CH", "de_CH: first preferred language (de_AT), of another region"},
		// Spellings.
		{"fr_CA", "fr-CA", "fr_CA", "fr_CA: first preferred language"},
		{"fr_CA", "FR-ca", "fr_CA", "fr_CA: first preferred language"},
		{"he", "iw_IL", "he", "he: first preferred language (iw_IL), without its region"},
		{"no", "nb", "no", "no: first preferred language"},
		// Scripts: Taiwan and Hong Kong write the same one, China another one.
		{"zh_CN zh_HK", "zh_TW", "zh_HK", "zh_HK: first preferred language (zh_TW), of another region"},
		{"zh zh__#Hant", "zh_TW", "zh__#Hant", "zh__#Hant: first preferred language (zh_TW), without its region"},
		{"zh_TW_#Hant zh_CN", "zh-Hant-TW", "zh_TW_#Hant", "zh_TW_#Hant: first preferred language"},
		{"zh_TW zh", "zh-Hant-TW", "zh_TW", "zh_TW: first preferred language (zh_TW_#Hant), without its variant"},
		{"zh_CN", "zh_TW", "zh_CN", "zh_CN: first preferred language (zh_TW), of another region"},
		{"sr sr__#Latn", "sr_RS_#Latn", "sr__#Latn", "sr__#Latn: first preferred language (sr_RS_#Latn), without its region"},
		// Variants.
		{"de de_CH", "de_CH_1901", "de_CH", "de_CH: first preferred language (de_CH_1901), without its variant"},
		// What is no language is passed over, and not repeated.
		{"de", "english x-private und root klingon# de", "de", "de: sixth preferred language"},
		{"de", "<script> +491701234567", "", "default: there is no text in what is preferred, which is no language"},
		{"de", "es fr it pt nl pl sv", "", "default: there is no text in es, fr, it, pt, nl …"},
	} {
		got := newLocales(strings.Fields(c.has)).choose(strings.Fields(c.preferred))
		if got.locale != c.want || got.reason != c.reason {
			t.Errorf("of %q for %q: %q, %s; want %q, %s", c.has, c.preferred, got.locale, got.reason, c.want, c.reason)
		}
	}
}

func TestParseLocale(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"de": "de", "DE": "de", "de-de": "de_DE", "de_DE": "de_DE", "es-419": "es_419", "zh-Hant": "zh__#Hant", "zh__#Hant": "zh__#Hant",
		"zh-hant-tw": "zh_TW_#Hant", "zh_TW_#Hant": "zh_TW_#Hant", "de_CH_1901": "de_CH_1901", "sl-rozaj": "sl__rozaj", "fil": "fil", " en ": "en",
		"": "", "_": "", "d": "", "german": "", "xx": "", "de-": "de", "de_XYZ123": "", "und": "", "x-mine": "", "de-u-co-phonebk": "", "de\x00": "", "d\xffe": "",
		"de DE": "", "#Hant": "", "de_#": "", "de_##Latn": "", strings.Repeat("de-", 100): "",
	} {
		l, ok := parseLocale(text)
		if l.name != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", text, l.name, ok, want)
		}
		if again, ok := parseLocale(l.name); want != "" && (!ok || again.name != want || again.tag != l.tag) {
			t.Errorf("%q is read back as %q", l.name, again.name)
		}
	}
}

func TestLocalized(t *testing.T) {
	t.Parallel()
	names := map[string]string{"de": "Sperre", "fr_CA": "Exclusion"}
	for languages, want := range map[string]string{"de_CH": "Sperre", "xx fr_FR de": "Exclusion", "ja": "Ban", "": "Ban"} {
		if got := Localized(names, strings.Fields(languages), "Ban"); got != want {
			t.Errorf("for %q: %q, want %q", languages, got, want)
		}
	}
	if got := Localized(nil, []string{"de"}, "Ban"); got != "Ban" {
		t.Errorf("without names: %q", got)
	}
}

func FuzzParseLocale(f *testing.F) {
	for _, s := range []string{"de", "zh_TW_#Hant", "x-y", "de-u-co-phonebk", "_#", "i-klingon"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, ok := parseLocale(s)
		if !ok {
			return
		}
		again, ok := parseLocale(l.name)
		if !ok || again.name != l.name {
			t.Errorf("%q became %q, and that %q", s, l.name, again.name)
		}
		newLocales([]string{l.name, "de"}).choose([]string{s, "de"})
	})
}
