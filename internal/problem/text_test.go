package problem_test

import (
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/problem"
)

func TestName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ given, want, wrong string }{
		{" A name ", "A name", ""},
		{strings.Repeat("ä", problem.LongestName), strings.Repeat("ä", problem.LongestName), ""},
		{"", "", "[blank]thing.name"},
		{" \t", "", "[blank]thing.name"},
		{strings.Repeat("a", problem.LongestName+1), strings.Repeat("a", problem.LongestName+1), "[tooLong]thing.name"},
		{"a\x00b", "a\x00b", "[invalid]thing.name"},
		{"a\u0085b", "a\u0085b", "[invalid]thing.name"},
		{"a\xffb", "a\xffb", "[invalid]thing.name"},
	} {
		var v problem.Validation
		name, wrong := test.given, ""
		fit := v.Name("thing.name", "A thing", &name)
		if p, ok := problem.As(v.Err()); ok {
			wrong = p.Fields[0].Code
		}
		if name != test.want || wrong != test.wrong || fit != (wrong == "") {
			t.Errorf("%.20q became %.20q, %v, with %q; want %.20q with %q", test.given, name, fit, wrong, test.want, test.wrong)
		}
	}
}
