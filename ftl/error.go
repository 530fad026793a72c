package ftl

import (
	"fmt"
	"strings"
)

// Kind is the sort of an [Error].
type Kind string

const (
	// Syntax: the text is no template.
	Syntax Kind = "syntax"
	// Refused: FreeMarker knows this, and here it is left out, mostly because it reaches beyond the template.
	Refused Kind = "refused"
	// Missing: a variable, or a member of one, is not there, and the template has no default for it.
	Missing Kind = "missing"
	// Failed: a value is of the wrong type or otherwise unfit for what is done with it.
	Failed Kind = "failed"
	// Stopped: the template itself gave up, with [#stop].
	Stopped Kind = "stopped"
	// Limit: the template is too large, too deep, runs for too long or writes too much. See [Limits].
	Limit Kind = "limit"
	// Canceled: the context of the rendering ended. The error wraps the context's.
	Canceled Kind = "canceled"
	// Internal: a fault of this package.
	Internal Kind = "internal"
)

// Error is what [Parse] and [Template.Render] return.
type Error struct {
	// Template is the name that was given to Parse.
	Template string
	// Line and Column say where, both from 1, in characters. In a string literal it is where the literal begins.
	Line, Column int
	Kind         Kind
	// Message says what is wrong: "user.mobile is missing".
	Message string
	// Hint says how to mend it: write (user.mobile)!'' if it may be. May be empty.
	Hint string
	// Variable is what is missing, as far as it has a name: "user.mobile". Otherwise empty.
	Variable string

	cause error
}

// Error is message, place and hint:
//
//	user.mobile is missing (line 3, column 14): write (user.mobile)!'' if it may be
func (e *Error) Error() string {
	text := fmt.Sprintf("%s (line %d, column %d)", e.Message, e.Line, e.Column)
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

// Unwrap is the error of the context, when that ended.
func (e *Error) Unwrap() error { return e.cause }

// failure is how an error leaves the depths of the parser and of the renderer: it is panicked with, and caught by caught. Passing errors up through
// forty kinds of expressions would hide what they do.
type failure struct {
	at    int // offset in the source
	error *Error
	// suggest finds what was meant, or "". It takes its time, so it is asked only when the error leaves the template.
	suggest func() string
}

func fail(at int, kind Kind, hint, format string, args ...any) {
	for i, a := range args {
		if text, is := a.(string); is {
			args[i] = shortened(text, longestPart)
		}
	}
	panic(&failure{at: at, error: &Error{Kind: kind, Hint: hint, Message: fmt.Sprintf(format, args...)}})
}

// longestPart is how much of a text a message has at most, in bytes. Nobody reads more, and it takes long to make.
const longestPart = 500

func shortened(text string, to int) string {
	if len(text) > to {
		return strings.ToValidUTF8(text[:to], "") + "…"
	}
	return text
}

// caught turns what was recovered into an error with a place. Anything but a failure is a fault of this package: an error too, because nobody's template
// may end the process, and not taken for one of the template's.
func caught(recovered any, name string, s *source) *Error {
	f, ours := recovered.(*failure)
	if !ours {
		f = &failure{error: &Error{Kind: Internal, Message: fmt.Sprintf("the template engine broke: %v", recovered)}}
	}
	if f.suggest != nil {
		if near := f.suggest(); near != "" {
			f.error.Hint = "did you mean " + near + "? Otherwise " + f.error.Hint
		}
		f.suggest = nil
	}
	f.error.Template = name
	f.error.Line, f.error.Column = s.place(f.at)
	return f.error
}

// source is the text of a template and where its lines begin.
type source struct {
	text  string
	lines []int // offsets
}

func newSource(text string) *source {
	s := &source{text, []int{0}}
	for i := 0; i < len(text); i++ {
		if c := text[i]; c == '\n' || c == '\r' && !strings.HasPrefix(text[i+1:], "\n") {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// line is the line of an offset, from 0.
func (s *source) line(at int) int {
	low, high := 0, len(s.lines)
	for high-low > 1 {
		if middle := (low + high) / 2; s.lines[middle] <= at {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// place is the line and the column of an offset, both from 1.
func (s *source) place(at int) (line, column int) {
	line = s.line(at)
	return line + 1, length(s.text[s.lines[line]:min(at, len(s.text))]) + 1
}
