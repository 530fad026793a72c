package chart

import (
	"html"
	"strconv"
	"strings"
	"unicode"
)

// safe is a text for markup. What XML cannot hold is left out.
func safe(text string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff:
			return -1
		}
		return r // what is no UTF-8 has become U+FFFD
	}, text))
}

// safeID is what of a text may be an id.
func safeID(text string) string {
	id := strings.Map(func(r rune) rune {
		if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-') {
			return r
		}
		return -1
	}, text)
	if id == "" {
		return "chart"
	}
	return id
}

// fontSize is that of all texts, in units of the view box, which are about pixels.
const fontSize = 12

// widthOf is how wide a text is at most, in usual fonts.
func widthOf(text string) (w float64) {
	for _, r := range text {
		switch {
		case r >= 0x1100:
			w += 1.1
		case strings.ContainsRune("mwMW@%", r):
			w += .95
		case unicode.IsUpper(r):
			w += .78
		case strings.ContainsRune("il.,:;|'! j", r):
			w += .35
		default:
			w += .62
		}
	}
	return w * fontSize
}

// wrap breaks a text into lines that are not wider, at spaces where there are some.
func wrap(text string, widest float64) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && widthOf(line+" "+word) <= widest {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		line = ""
		for _, r := range word {
			if line != "" && widthOf(line+string(r)) > widest {
				lines = append(lines, line)
				line = ""
			}
			line += string(r)
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// num is a coordinate: a tenth of a pixel is enough.
func num(v float64) string {
	text := strconv.FormatFloat(v, 'f', 1, 64)
	text = strings.TrimSuffix(text, ".0")
	if text == "-0" {
		return "0"
	}
	return text
}
