package template_test

import (
	"slices"
	"testing"

	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/template"
	"github.com/herald-events/herald/wire"
)

// What people see of the sample values is what a preview shows, and each variable that is offered can be written as it is.
func TestSampleText(t *testing.T) {
	t.Parallel()
	w := alone(t)
	text, err := template.SampleText(template.Sample())
	if err != nil {
		t.Fatal(err)
	}
	model, err := template.ReadSample("samples", text)
	if err != nil {
		t.Fatal(err)
	}
	all := template.Variables(model)
	for _, want := range []template.Variable{{"code", "123456", true}, {"user.firstName", "Jane", false}, {"event.info.location.city", "Denver", false}, {"tenant.name", "Example", true}} {
		if !slices.Contains(all, want) {
			t.Errorf("%v is not among %v", want, all)
		}
	}
	for _, v := range all {
		got, err := w.Messages().PreviewWith(t.Context(), sms("", "x${("+v.Name+")?string}x"), "", model)
		if want := "x" + v.Value + "x"; err != nil || got.Text != want && v.Name != "action.expiry" {
			t.Errorf("%s: %q, %v; want %q", v.Name, got.Text, err, want)
		}
	}
	for _, text := range []string{"", "[]", "{", "null"} {
		if _, err := template.ReadSample("samples", text); codes(err) != "[invalidJSON]samples" {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err = w.Messages().Preview(t.Context(), wire.MessageTemplate{Type: wire.SMS, DefaultTemplate: "a\nb ${nothing}"}, "")
	if line, column, ok := template.Place(saidOf(err)); !ok || line != 2 || column != 5 {
		t.Errorf("%d, %d, %t of %v", line, column, ok, err)
	}
}

// saidOf is what the first problem says.
func saidOf(err error) string {
	p, ok := problem.As(err)
	if !ok || len(p.Fields) == 0 {
		return ""
	}
	return p.Fields[0].Message
}
