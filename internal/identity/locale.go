package identity

import "strings"

// locale brings a locale into the form that FusionAuth's API uses, Java's: language, region and script as in en, en_US, zh_TW_#Hant.
// It accepts BCP 47 as well: en-US, zh-Hant-TW. False when text is neither.
func locale(text string) (string, bool) {
	parts := strings.FieldsFunc(strings.TrimSpace(text), func(r rune) bool { return r == '-' || r == '_' })
	if len(parts) == 0 || len(parts) > 4 {
		return "", false
	}
	language := strings.ToLower(parts[0])
	if len(language) < 2 || len(language) > 8 || !alphabetic(language) {
		return "", false
	}
	var script, region, variant string
	for _, p := range parts[1:] {
		p = strings.TrimPrefix(p, "#")
		switch {
		case len(p) == 4 && alphabetic(p) && script == "":
			script = strings.ToUpper(p[:1]) + strings.ToLower(p[1:])
		case (len(p) == 2 && alphabetic(p) || len(p) == 3 && numeric(p)) && region == "":
			region = strings.ToUpper(p)
		case len(p) >= 4 && len(p) <= 8 && alphanumeric(p) && variant == "":
			variant = p
		default:
			return "", false
		}
	}
	var b strings.Builder
	b.WriteString(language)
	if region != "" || variant != "" || script != "" {
		b.WriteString("_" + region)
	}
	if variant != "" {
		b.WriteString("_" + variant)
	}
	if script != "" {
		b.WriteString("_#" + script)
	}
	return b.String(), true
}

func alphabetic(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
}

func numeric(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func alphanumeric(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
}
