package template

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"github.com/herald-events/herald/ftl"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// style is what a text is written for.
type style struct {
	escape ftl.Escape
	// oneLine texts, as the subject of an e-mail, are rendered without line breaks.
	oneLine bool
	// longest is the size of the template, most that of what is made of it, in bytes.
	longest, most int
}

var (
	toPhone  = style{longest: 64 << 10, most: 64 << 10}
	oneLine  = style{longest: 4 << 10, most: 4 << 10, oneLine: true}
	textPart = style{longest: 256 << 10, most: 1 << 20}
	htmlPart = style{longest: 256 << 10, most: 1 << 20, escape: ftl.HTML}
)

func (s style) parse(name, source string) (*ftl.Template, error) {
	return ftl.Parse(name, source, ftl.Options{Escape: s.escape, Limits: ftl.Limits{Source: s.longest, Output: s.most}})
}

// text is one text of a template, parsed when it is first needed.
type text struct {
	part   string // the member that it is: defaultTemplate, localizedTemplates[de]
	style  style
	parsed func() (*ftl.Template, error)
}

func newText(part, source string, s style) *text {
	return &text{part, s, sync.OnceValues(func() (*ftl.Template, error) { return s.parse(part, source) })}
}

// render returns what the text says about the model. Errors: an [*Error] without the name of the template.
func (t *text) render(ctx context.Context, model map[string]any, locale language.Tag, now time.Time) (string, error) {
	parsed, err := t.parsed()
	if err != nil {
		return "", t.failed(err)
	}
	rendered, err := parsed.Render(ctx, model, ftl.RenderOptions{Locale: locale, Now: now})
	if err != nil {
		return "", t.failed(err)
	}
	if t.style.oneLine {
		rendered = inOneLine(rendered)
	}
	return rendered, nil
}

// inOneLine puts a blank in the place of what would end a line, or of what is no character at all. It keeps values from becoming headers.
func inOneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s))
}

// Error says where a template is wrong, or where it does not fit what it is rendered with.
type Error struct {
	// Template is the name of the template. Empty in a preview.
	Template string
	// Part is the member with the text: defaultTemplate, localizedTemplates[de].
	Part string
	// Line and Column are counted from 1, in characters.
	Line, Column int
	// Message says what is wrong, Hint how to mend it, if that is known. Both may repeat a value of the model.
	Message, Hint string

	cause error
}

func (t *text) failed(err error) *Error {
	e := &Error{Part: t.part, Line: 1, Column: 1, Message: err.Error(), cause: err}
	var at *ftl.Error
	if errors.As(err, &at) {
		e.Line, e.Column, e.Message, e.Hint = at.Line, at.Column, at.Message, at.Hint
	}
	return e
}

// Error is a sentence: the template "Code", localizedTemplates[de], line 3, column 14: user.mobile is missing; and how to mend that.
func (e *Error) Error() string {
	place := fmt.Sprintf("%s, line %d, column %d", e.Part, e.Line, e.Column)
	if e.Template != "" {
		place = fmt.Sprintf("the template %q, %s", e.Template, place)
	}
	return place + ": " + e.what()
}

func (e *Error) what() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "; " + e.Hint
}

// Unwrap is what package ftl said.
func (e *Error) Unwrap() error { return e.cause }

// named is err with the name of the template.
func named(template string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	with := *e
	with.Template = template
	return &with
}

// addTo adds the error about a text as a problem with a member of the request. given is the text as it came: its author counts the lines of that, and
// not of what is left of it when it is trimmed.
func (e *Error) addTo(v *problem.Validation, member, given string) {
	at := *e
	before := []rune(unixLines(given[:len(given)-len(strings.TrimLeftFunc(given, unicode.IsSpace))]))
	for _, r := range before {
		if r == '\n' {
			at.Line++
		}
	}
	if e.Line == 1 {
		at.Column += len(before) - 1 - lastIndex(before, '\n')
	}
	v.Field(member+"."+e.Part, "invalid", "Line %d, column %d: %s.", at.Line, at.Column, strings.TrimRight(at.what(), "."))
}

func lastIndex(runes []rune, r rune) int {
	for i := len(runes) - 1; i >= 0; i-- {
		if runes[i] == r {
			return i
		}
	}
	return -1
}

// unixLines has line feeds at the ends of lines.
func unixLines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// rules are about the texts of one template.
type rules struct {
	v      *problem.Validation
	member string // of the request: messageTemplate
}

// text trims a text and adds what is wrong with it. Blank is allowed when it is not needed.
func (r rules) text(part string, s *string, needed bool, as style) {
	given := *s
	*s = strings.TrimSpace(given)
	path := r.member + "." + part
	switch {
	case *s == "" && needed:
		r.v.Field(path, "blank", "The text is missing.")
	case *s == "":
	case len(*s) > as.longest:
		r.v.Field(path, "tooLong", "The text has %d bytes. It may have %d.", len(*s), as.longest)
	case !isText(*s):
		r.v.Field(path, "invalid", "The text holds bytes that are no text.")
	default:
		if _, err := newText(part, *s, as).parsed(); err != nil {
			(&text{part: part}).failed(err).addTo(r.v, r.member, given)
		}
	}
}

// localized returns localized texts with their locales in Java's form, trimmed and with plain line ends, and adds what is wrong with them.
func (r rules) localized(part string, given wire.Map[string], as style) wire.Map[string] {
	return byLocale(r.v, r.member+"."+part, given, func(locale, text string) string {
		text = unixLines(text)
		r.text(inPart(part, locale), &text, true, as)
		return text
	})
}

// inPart names one text of a map of texts.
func inPart(part, locale string) string { return part + "[" + locale + "]" }

// shortened is how much of a key of the caller's choosing an error repeats.
func shortened(key string) string {
	const most = 64
	if runes := []rune(key); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return key
}
