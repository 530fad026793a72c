package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// field is one input of a form as the part "field" shows it: with its label, its hint, and what is wrong with it. Templates make one with
// [frame.Field] and the methods below, which return a changed copy, so that they can be chained: ((.Field "webhook.url" "URL" .Page.URL).Of "url").Must
type field struct {
	frame

	// Name is the path of the member, with the kind (see form.go), Path without. Path is also the id of the input.
	Name, Path, Label, Value string
	// base is the name without the kind; the path, unless the input is called otherwise.
	base string
	// Clear is the name of the check box that removes a secret.
	Clear string
	// Type is that of the input, or "area", "code", "choice", "switch", "secret".
	Type string
	Hint string
	// Standard is what counts while nothing is entered; it stands in the empty input.
	Standard string
	Required bool
	// Locked inputs show what cannot be changed.
	Locked  bool
	Options []option
	On      bool
	// Has tells, of a secret, that there is one.
	Has  bool
	Rows int
	// Step is that of a number, "" for whole ones.
	Step string
	// Auto is the autocomplete attribute.
	Auto string
}

// option is one of the values of a choice.
type option struct {
	Value, Text string
	Chosen      bool
}

// Field begins a text input for the member at path. After a form that was refused it shows what was entered.
func (f frame) Field(path, label string, value any) field {
	in := field{frame: f, Name: path, base: path, Clear: path + ":clear", Path: path, Label: f.Say(label), Value: fmt.Sprint(value), Type: "text", Rows: 6, Auto: "off"}
	in.take()
	return in
}

// take overlays what was posted.
func (in *field) take() {
	if in.posted() {
		all := in.v.PostForm[in.Name]
		in.Value = all[len(all)-1]
		in.On = in.Value == "true"
	}
}

// posted tells whether the input shows what was entered in the form before.
func (in *field) posted() bool { return in.v.problem != nil && len(in.v.PostForm[in.Name]) > 0 }

// Of sets the type: "url", "email", "password", "datetime-local", "area", "code".
func (in field) Of(kind string) field {
	if in.Type = kind; kind == "password" {
		in.Value = "" // not even to who entered it
	}
	return in
}

// Number makes it an input of a whole number; zero is shown as empty.
func (in field) Number() field {
	in.Type, in.Name = "number", in.base+":number"
	if in.Value == "0" {
		in.Value = ""
	}
	in.take()
	return in
}

// Instant makes it an input of an instant in UTC, to the minute; zero is shown as empty.
func (in field) Instant(at wire.Instant) field {
	in.Type, in.Name, in.Value = "datetime-local", in.base+":instant", ""
	if at != 0 {
		in.Value = time.UnixMilli(int64(at)).UTC().Format("2006-01-02T15:04")
	}
	in.take()
	return in
}

// Called gives the input a name other than the path, for a member that errors call otherwise than forms do. What follows adds its kind to that name.
func (in field) Called(name string) field {
	in.Name, in.base, in.Clear = name, name, name+":clear"
	in.take()
	return in
}

// Empties makes an empty text of a secret that is to be removed, for objects that keep those they do not mention.
func (in field) Empties() field {
	in.Clear = in.base + ":empty"
	return in
}

// Decimal makes it an input of a number that need not be whole; zero is shown as empty.
func (in field) Decimal() field {
	in = in.Number()
	in.Step = "any"
	return in
}

// JSON makes it an input of JSON.
func (in field) JSON() field {
	in.Type, in.Name = "code", in.base+":json"
	in.take()
	return in
}

// List makes it an input of a list of words with commas between them.
func (in field) List(words []string) field {
	in.Name, in.Value = in.base+":list", strings.Join(words, ", ")
	in.take()
	return in
}

// TextLines makes it an input of a list of texts, one in each line.
func (in field) TextLines(texts []string) field {
	in.Type, in.Name, in.Value = "area", in.base+":lines", strings.Join(texts, "\n")
	in.take()
	return in
}

// Suggest shows what counts while nothing is entered.
func (in field) Suggest(standard string) field {
	in.Standard = standard
	return in
}

// Switch makes it a check box.
func (in field) Switch() field {
	in.Type, in.Name, in.On = "switch", in.base+":bool", in.Value == "true"
	in.take()
	return in
}

// Secret makes it an input that never shows what is there. has is the value, or whether there is one.
func (in field) Secret(has any) field {
	in.Type, in.Name, in.Value = "secret", in.base+":secret", ""
	in.Has = has != "" && has != false
	return in
}

// Unsaid makes it an input that does not show again what was entered: a private key.
func (in field) Unsaid() field {
	in.Value = ""
	return in
}

// SecretArea is Secret for a text of several lines.
func (in field) SecretArea(has any) field {
	in = in.Secret(has)
	in.Type = "secret-area"
	return in
}

// Choice makes it a choice between options.
func (in field) Choice(options []option) field {
	in.Type = "choice"
	in.Options = slices.Clone(options)
	for i := range in.Options {
		in.Options[i].Chosen = in.Options[i].Value == in.Value
	}
	return in
}

// Must marks what is required.
func (in field) Must() field {
	in.Required = true
	return in
}

// MustWhen is Must where that depends on something.
func (in field) MustWhen(required bool) field {
	in.Required = required
	return in
}

// Note adds a hint, the id of a text with its args.
func (in field) Note(hint string, args ...any) field {
	in.Hint = in.Say(hint, args...)
	return in
}

// Lock makes it readable only.
func (in field) Lock(locked bool) field {
	in.Locked = locked
	return in
}

// Lines is how many lines an area shows.
func (in field) Lines(rows int) field {
	in.Rows = rows
	return in
}

// Fill says what a browser may fill in: "current-password".
func (in field) Fill(auto string) field {
	in.Auto = auto
	return in
}

// Error is what is wrong with the value that was entered.
func (in field) Error() string { return in.Wrong(in.Path) }

// Describes lists the ids of what explains the input.
func (in field) Describes() string {
	var ids []string
	if in.Hint != "" {
		ids = append(ids, in.Path+"-hint")
	}
	if in.Error() != "" {
		ids = append(ids, in.Path+"-error")
	}
	return strings.Join(ids, " ")
}

// Refused is the event that webhooks refused, so that the form is shown again. Empty when that is not why, or when the administrator may not see it.
func (f frame) Refused() wire.ID {
	if f.May(admin.WebhookLog, "view") {
		return f.v.refused
	}
	return ""
}

// Wrong is what is wrong with the member at a path, "" when nothing is.
func (f frame) Wrong(path string) string {
	var all []string
	if p := f.v.problem; p != nil {
		for _, detail := range p.Fields {
			if detail.Field == path && !slices.Contains(all, detail.Message) {
				all = append(all, detail.Message)
			}
		}
	}
	return strings.Join(all, " ")
}

// Problems are all that is wrong with the form, for the summary above it.
func (f frame) Problems() (all []problem.FieldDetail) {
	if p := f.v.problem; p != nil {
		all = append(all, p.Fields...)
		for _, g := range p.General {
			all = append(all, problem.FieldDetail{Detail: g})
		}
	}
	return all
}
