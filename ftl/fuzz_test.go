package ftl_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/herald-events/herald/ftl"
)

// seeds are the templates of the corpus and those that want everything.
func seeds(f *testing.F) {
	files, _ := filepath.Glob("testdata/corpus/*.json")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var cases []corpusCase
		if err := json.Unmarshal(text, &cases); err != nil {
			f.Fatal(file, err)
		}
		for _, c := range cases {
			f.Add(c.Template)
		}
	}
	for _, template := range hostile {
		if len(template) < 500 {
			f.Add(template)
		}
	}
}

// tight limits let the fuzzer try many templates.
var tight = ftl.Options{Limits: ftl.Limits{Source: 4 << 10, Depth: 30, Output: 16 << 10, Steps: 20_000}}

func parseAnything(t *testing.T, template string) *ftl.Template {
	parsed, err := ftl.Parse("t", template, tight)
	if err == nil {
		return parsed
	}
	var e *ftl.Error
	switch {
	case !errors.As(err, &e) || e.Message == "":
		t.Errorf("%q: %v", template, err)
	case e.Kind != ftl.Syntax && e.Kind != ftl.Refused && e.Kind != ftl.Limit:
		t.Errorf("%q: %v is of the kind %s", template, err, e.Kind)
	default:
		checkPlace(t, template, e)
	}
	return nil
}

// checkPlace checks that the error is somewhere in the template, or right behind it.
func checkPlace(t *testing.T, template string, e *ftl.Error) {
	line, column := 1, 1
	text := []rune(template)
	for i := 0; ; i++ {
		if line == e.Line && column == e.Column {
			return
		}
		if i == len(text) {
			t.Errorf("%q: %v is not in the template", template, e)
			return
		}
		if column++; text[i] == '\n' || text[i] == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			line, column = line+1, 1
		}
	}
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, template string) {
		parseAnything(t, template)
	})
}

func FuzzRender(f *testing.F) {
	seeds(f)
	model := map[string]any{
		"user": ftl.JSON(`{"firstName":"Ada","age":36,"active":true,"roles":["admin","user"],"data":{"a":{"b":[1,2.5,null]},"<":"&"}}`),
		"x":    "text <b>", "n": 5, "m": -1.5, "b": true, "l": []any{"b", "a", nil, 3}, "h": ftl.Object{{"z", 1}, {"y", "2"}}, "d": time.UnixMilli(1_659_380_719_123),
		"broken": ftl.JSON(`{"a":1,"b":[}`),
	}
	f.Fuzz(func(t *testing.T, template string) {
		parsed := parseAnything(t, template)
		if parsed == nil {
			return
		}
		text, err := parsed.Render(t.Context(), model, ftl.RenderOptions{Now: time.UnixMilli(1_700_000_000_000)})
		var e *ftl.Error
		switch {
		case err == nil && len(text) > tight.Limits.Output:
			t.Errorf("%q wrote %d bytes", template, len(text))
		case err == nil:
		case text != "" || !errors.As(err, &e) || e.Kind == ftl.Internal || e.Kind == ftl.Syntax || e.Kind == ftl.Refused || e.Message == "":
			t.Errorf("%q: %q, %v", template, text, err)
		default:
			checkPlace(t, template, e)
		}
		if again, err2 := parsed.Render(t.Context(), model, ftl.RenderOptions{Now: time.UnixMilli(1_700_000_000_000)}); again != text || (err == nil) != (err2 == nil) {
			t.Errorf("%q gave %q (%v), then %q (%v)", template, text, err, again, err2)
		}
	})
}
