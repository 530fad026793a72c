package messenger

import (
	"strings"
	"unicode/utf16"
)

// SMS is what a text is on its way to a phone.
type SMS struct {
	// Characters are those that people see, but for what is written with several signs.
	Characters int
	// Units are what is counted: septets of GSM-7, where a character of the extension takes two, or 16-bit units of Unicode.
	Units int
	// Segments are the messages that it is sent as, and paid for. Single is how many units one message alone holds, Each how many each of several does.
	Segments, Single, Each int
	// Unicode is the first character that GSM-7 does not have, 0 when it has all: one of them makes the whole text Unicode.
	Unicode rune
}

// Encoding is GSM-7 or Unicode.
func (s SMS) Encoding() string {
	if s.Unicode != 0 {
		return "Unicode"
	}
	return "GSM-7"
}

// The alphabet of 3GPP TS 23.038, and its extension, whose characters take two septets.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmMore  = "\f^{}\\[~]|€"
)

// Segments counts a text as networks do. A character of two units is never cut in two, so that a segment may hold one unit less than it could.
func Segments(text string) SMS {
	s := SMS{Single: 160, Each: 153}
	for _, r := range text {
		s.Characters++
		if s.Unicode == 0 && !strings.ContainsRune(gsmBasic, r) && !strings.ContainsRune(gsmMore, r) {
			s.Unicode, s.Single, s.Each = r, 70, 67
		}
	}
	size := func(r rune) int {
		switch {
		case s.Unicode != 0:
			return max(1, utf16.RuneLen(r))
		case strings.ContainsRune(gsmMore, r):
			return 2
		}
		return 1
	}
	left := 0 // in the last of several segments
	for _, r := range text {
		n := size(r)
		if s.Units += n; left < n {
			s.Segments, left = s.Segments+1, s.Each
		}
		left -= n
	}
	if s.Units <= s.Single {
		s.Segments = min(s.Units, 1)
	}
	return s
}
