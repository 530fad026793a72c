package ftl_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"

	"github.com/herald-events/herald/ftl"
)

// corpusCase is a template and what FreeMarker makes of it. The files are rewritten by scripts/ftl-corpus.
type corpusCase struct {
	About    string           `json:"about"`
	Template string           `json:"template"`
	Model    json.RawMessage  `json:"model"`
	Instants map[string]int64 `json:"instants"` // milliseconds, members of the model that are dates
	Locale   string           `json:"locale"`
	Zone     string           `json:"zone"`
	Escape   string           `json:"escape"`
	outcome
	// Herald is what this package makes of the template, where that differs on purpose.
	Herald *struct {
		outcome
		Why string `json:"why"`
	} `json:"herald"`
}

type outcome struct {
	Want  *string `json:"want"`
	Error string  `json:"error"` // the kind
	Line  int     `json:"line"`
}

func (c corpusCase) render(t *testing.T) (string, *ftl.Error) {
	t.Helper()
	o := ftl.Options{}
	if c.Escape == "html" {
		o.Escape = ftl.HTML
	}
	fail := func(err error) *ftl.Error {
		var e *ftl.Error
		if !errors.As(err, &e) {
			t.Fatalf("%q: the error is a %T: %v", c.Template, err, err)
		}
		return e
	}
	parsed, err := ftl.Parse("t", c.Template, o)
	if err != nil {
		return "", fail(err)
	}
	model := ftl.Object{}
	var members map[string]json.RawMessage
	if len(c.Model) > 0 {
		if err := json.Unmarshal(c.Model, &members); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range members {
		model = append(model, ftl.Member{Name: name, Value: ftl.JSON(value)})
	}
	for name, ms := range c.Instants {
		model = append(model, ftl.Member{Name: name, Value: time.UnixMilli(ms)})
	}
	r := ftl.RenderOptions{Now: time.UnixMilli(1_700_000_000_000)}
	if c.Locale != "" {
		r.Locale = language.MustParse(c.Locale)
	}
	if c.Zone != "" {
		if r.Zone, err = time.LoadLocation(c.Zone); err != nil {
			t.Fatal(err)
		}
	}
	text, err := parsed.Render(t.Context(), model, r)
	if err != nil {
		return "", fail(err)
	}
	return text, nil
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/corpus/*.json")
	total := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases []corpusCase
		if err := json.Unmarshal(text, &cases); err != nil {
			t.Fatal(file, err)
		}
		total += len(cases)
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			for _, c := range cases {
				want := c.outcome
				if c.Herald != nil {
					want = c.Herald.outcome
					if c.Herald.Why == "" {
						t.Errorf("%q: a difference needs a reason", c.Template)
					}
				}
				got, err := c.render(t)
				switch {
				case want.Want != nil && err != nil:
					t.Errorf("%q (%s): %v (%s), want %q", c.Template, c.Model, err, err.Kind, *want.Want)
				case want.Want != nil && got != *want.Want:
					t.Errorf("%q (%s):\n got %q,\nwant %q", c.Template, c.Model, got, *want.Want)
				case want.Want == nil && err == nil:
					t.Errorf("%q (%s): %q, want an error: %s", c.Template, c.Model, got, want.Error)
				case want.Want == nil && string(err.Kind) != want.Error:
					t.Errorf("%q (%s): %v (%s), want an error: %s", c.Template, c.Model, err, err.Kind, want.Error)
				case want.Want == nil && want.Line > 0 && err.Line != want.Line:
					t.Errorf("%q (%s): %v, want an error in line %d", c.Template, c.Model, err, want.Line)
				}
			}
		})
	}
	if total < 350 {
		t.Errorf("the corpus has only %d cases", total)
	}
}
