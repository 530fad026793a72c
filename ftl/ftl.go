package ftl

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/text/language"
)

// freeMarker is the version of FreeMarker whose behaviour this package has.
const freeMarker = "2.3.31"

// Escape says for what kind of document a template writes.
type Escape string

const (
	// None leaves what is interpolated as it is. For plain texts.
	None Escape = ""
	// HTML escapes what is interpolated, ${…} and #{…}, unless it is marked as HTML with ?no_esc or by [#noautoesc].
	HTML Escape = "HTML"
)

// Options are how a template is read. The zero value is good for plain texts.
type Options struct {
	// Escape is the output format at the beginning of the template. The template may choose another one, with [#ftl output_format="HTML"] and
	// [#outputformat]. Defaults to None.
	Escape Escape
	Limits Limits
}

// Limits bound what a template may cost. Zero stands for the default; nothing is without a limit.
type Limits struct {
	// Source is the size of a template in bytes. Defaults to 256 KiB.
	Source int
	// Depth is how deep directives, and how deep brackets of an expression, may be nested, and how many macros and functions may be running within each
	// other. A chain such as a + b + c may be ten times as long. Defaults to 100; more than 200 counts as 200, because a stack has an end.
	Depth int
	// Output is the size in bytes of what a rendering may write, and of each text that it makes on the way. Defaults to 1 MiB.
	Output int
	// Steps is how much a rendering may do: a directive, an expression, a round of a loop, an element that a built-in looks at and 64 bytes of a text that
	// one reads or makes are a step each. A million steps take about a tenth of a second, at worst less than one, and at worst a hundred megabytes.
	// Defaults to 1,000,000.
	Steps int
}

func (l Limits) orDefault() Limits {
	for _, limit := range []struct {
		of       *int
		standard int
	}{{&l.Source, 256 << 10}, {&l.Depth, 100}, {&l.Output, 1 << 20}, {&l.Steps, 1_000_000}} {
		if *limit.of <= 0 {
			*limit.of = limit.standard
		}
	}
	l.Depth = min(l.Depth, 200)
	return l
}

// Template is a parsed template. It does not change and may be used by many at the same time.
type Template struct {
	name   string
	source *source
	limits Limits
	body   *block
	format *outputFormat
	macros []*macro
}

// Parse reads a template. The name is for errors only. An error is an [*Error] of the kind [Syntax], [Refused] or [Limit].
func Parse(name, text string, o Options) (t *Template, err error) {
	limits := o.Limits.orDefault()
	if len(text) > limits.Source {
		return nil, &Error{
			Template: name, Line: 1, Column: 1, Kind: Limit, Hint: "make it shorter",
			Message: fmt.Sprintf("the template has %d bytes, %d are allowed", len(text), limits.Source),
		}
	}
	s := newSource(text)
	defer func() {
		if recovered := recover(); recovered != nil {
			t, err = nil, caught(recovered, name, s)
		}
	}()
	p := newParser(s, limits)
	if p.format = outputFormats[string(o.Escape)]; p.format == nil {
		fail(0, Refused, "", "there is no output format %q", o.Escape)
	}
	p.autoEscape = p.format.escape != nil
	return &Template{name: name, source: s, limits: limits, body: p.template(), format: p.format, macros: p.macros}, nil
}

// Name is the name that was given to [Parse].
func (t *Template) Name() string { return t.name }

// RenderOptions are what a rendering depends on besides the model. The template can change locale and zone with [#setting].
type RenderOptions struct {
	// Locale decides how numbers and dates look and how texts are sorted. Defaults to American English.
	Locale language.Tag
	// Zone is the time zone of dates. Defaults to UTC.
	Zone *time.Location
	// Now is what .now is. When it is zero, .now is an error.
	Now time.Time
}

// Render runs the template on a model: a map[string]any, a map[string]string, an [Object] or a [JSON] object. What values may be is in the documentation
// of the package. The model must not change while it is rendered.
//
// An error is an [*Error], and the text is empty then. The context is looked at every thousand steps; without a deadline [Limits] bound the time as well.
func (t *Template) Render(ctx context.Context, model any, o RenderOptions) (text string, err error) {
	e := newEnv(ctx, t, o)
	defer func() {
		if recovered := recover(); recovered != nil {
			text, err = "", caught(recovered, t.name, t.source)
		}
	}()
	var is bool
	if e.model, is = e.valueOf(model).(hash); !is {
		fail(0, Failed, "", "the model is no object")
	}
	e.checkContext()
	t.body.run(e)
	return string(e.out), nil
}
