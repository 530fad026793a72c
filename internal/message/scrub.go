package message

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/messenger"
)

// wholeWords is the length in bytes below which a secret is taken out only where it stands alone: it would be found in the middle of everything.
const wholeWords = 4

// scrubber takes what only the recipient may see, and the recipient, out of texts that are recorded. Messengers leave out their own secrets; but a
// receiver may answer with all that it was sent, in several spellings.
type scrubber struct {
	all   []string // what is looked for, the longest first
	plain *strings.Replacer
	words *regexp.Regexp // nil without short ones
}

func newScrubber(recipient string, secrets []string) *scrubber {
	s := &scrubber{}
	var pairs, words []string
	add := func(text, instead string) {
		switch {
		case text == "" || slices.Contains(s.all, text):
		case len(text) < wholeWords:
			words = append(words, regexp.QuoteMeta(text))
		default:
			s.all = append(s.all, text)
			pairs = append(pairs, text, instead)
		}
	}
	// What comes first in a Replacer wins at one place, so that a recipient is not left half shown because a code is its beginning.
	shown := messenger.Mask(normal(recipient))
	for _, form := range spellings(recipient) {
		add(form, shown)
	}
	for _, secret := range secrets {
		for _, form := range spellings(secret) {
			add(form, egress.Hidden)
		}
	}
	s.plain = strings.NewReplacer(pairs...)
	if len(words) > 0 {
		s.words = regexp.MustCompile(`\b(` + strings.Join(words, "|") + `)\b`)
	}
	slices.SortFunc(s.all, func(a, b string) int { return len(b) - len(a) })
	return s
}

// spellings are the forms in which a text comes back, the longest first.
func spellings(text string) []string {
	if text == "" {
		return nil
	}
	spaced := make([]string, 0, len(text)) // as it is spoken
	for _, r := range text {
		spaced = append(spaced, string(r))
	}
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
	forms := []string{text, url.QueryEscape(text), strings.ToLower(text), normal(text), strings.Join(spaced, " ")}
	if len(digits) >= wholeWords && len(digits) >= len(text)/2 {
		forms = append(forms, digits)
	}
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(forms)
}

// text returns t without any of it, not longer than limit bytes, as text that both databases take. A secret that is cut off at the end is taken
// out as well.
func (s *scrubber) text(t string, limit int) string {
	t = strings.ReplaceAll(strings.ToValidUTF8(t, "\uFFFD"), "\x00", "\uFFFD")
	t = s.plain.Replace(t)
	if s.words != nil {
		t = s.words.ReplaceAllLiteralString(t, egress.Hidden)
	}
	t = s.beginnings(t)
	if len(t) <= limit {
		return t
	}
	end := limit
	for end > 0 && !utf8.RuneStart(t[end]) {
		end--
	}
	return t[:end] + " …"
}

// beginnings takes out the first part of a secret at the very end, where somebody has cut the text off.
func (s *scrubber) beginnings(t string) string {
	for _, secret := range s.all {
		for n := min(len(secret)-1, len(t)); n >= wholeWords; n-- {
			if rest, found := strings.CutSuffix(t, secret[:n]); found {
				return rest + egress.Hidden
			}
		}
	}
	return t
}
