// Package ftl renders templates that are written in FreeMarker's language, or in most of it. It is for texts that people edit, such as messages and e-mails: it needs
// nothing but a model, cannot reach beyond it, and comes to an end whatever the template says.
//
//	t, err := ftl.Parse("greeting", "Hello ${user.firstName!'friend'}", ftl.Options{})
//	…
//	text, err := t.Render(ctx, map[string]any{"user": ftl.JSON(user)}, ftl.RenderOptions{Locale: language.German})
//
// # What is there
//
// Both styles of tags, [#if] and <#if>, whichever comes first; white-space stripping; interpolations ${…} and #{…}.
// The directives if, elseif, else, list, items, sep, break, continue, switch, case, default, assign, local, global, macro, nested, function, return, calls
// [@name], attempt, recover, stop, setting, escape, noescape, autoesc, noautoesc, outputformat, noparse, comment, compress, t, lt, rt, nt, ftl.
// All operators and literals. About 150 built-ins: those of texts, numbers, dates, lists, objects and loops, with functions such as x -> x.name for ?map and ?filter.
// Formats of numbers and dates in more than sixty locales. Escaping for HTML and XML.
//
// # What is refused
//
// Whatever reaches beyond the template and its model, or runs what it is given: ?new, ?api, ?eval, ?eval_json, ?interpret, #include, #import, .data_model, and what
// is for XML documents. These are errors of [Parse], of the kind [Refused].
//
// # What differs
//
// Where it is not refused a template gives what FreeMarker 2.3.31 gives. testdata/corpus has some 1,900 templates with what FreeMarker itself makes of them;
// where this package differs on purpose, the case says why. In short: characters are counted as such, not as halves of surrogate pairs; formats without
// digits, unknown time zones, character sets and flags are errors; the number of arguments of a built-in is checked by Parse; texts are sorted by the Unicode
// collation algorithm; dates are Gregorian, time zones have their English short names, and weeks are not counted; regular expressions are those of Go,
// without look-around. Names have at most 500 bytes, regular expressions and formats at most 1,000.
//
// # Models
//
// A model has strings, booleans, numbers of Go and [encoding/json.Number], [time.Time] (a date with a time), []any, []string, map[string]any, map[string]string, [Object]
// and [JSON], and nil for what is missing. [JSON] is the one to prefer for large objects: only what the template looks at is decoded.
//
// # How it works
//
//	lexer.go             text, tags and tokens
//	parse_*.go           the tree: expressions, directives
//	whitespace.go        stripping, on the tree
//	expression.go        what an expression is worth
//	directive.go         what a directive does
//	env.go               one rendering: variables, settings, output, and what it has spent
//	builtins*.go         built-ins by what they are asked of
//	value.go, json.go    values, and the model as values
//	number*.go, *date*.go, locale.go   decimal numbers, formats
//
// Parsing and rendering are recursive and leave with a panic when something is wrong, which [Parse] and [Template.Render] turn into an [*Error]. What bounds
// them are [Limits]: the depth of the tree is checked where nodes are made, everything that takes time goes through spend, and everything that makes a
// text goes through grow.
package ftl
