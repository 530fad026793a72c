package problem

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// LongestName is how many characters the name of an object may have: what the databases of the original can index.
const LongestName = 191

// Name trims the required name of an object and adds what is wrong with it. what is the object, for people: "A tenant". It tells whether the name
// is fit to be looked for in the store.
func (v *Validation) Name(path, what string, name *string) (fit bool) {
	v.Text(path, name, LongestName)
	v.Check(*name != "", path, "blank", "%s needs a name.", what)
	return !v.Has(path)
}

// Text trims a text for people and adds what is wrong with it. Control characters hide things from people, and PostgreSQL cannot store all of them.
func (v *Validation) Text(path string, text *string, longest int) {
	*text = strings.TrimSpace(*text)
	v.Check(utf8.RuneCountInString(*text) <= longest, path, "tooLong", "This has at most %d characters.", longest)
	v.Check(IsText(*text), path, "invalid", "This must be text without control characters.")
}

// IsText tells whether a text is UTF-8 without control characters.
func IsText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
