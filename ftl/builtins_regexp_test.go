package ftl

import (
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"testing"
)

// TestPattern: what is found is what package regexp finds, although the search begins anew behind each match.
func TestPattern(t *testing.T) {
	t.Parallel()
	expressions := []string{
		"a", "b", "ä", "\n", "^", "$", `\b`, `\B`, "(a|b)", "(?m:^)", "(?m:$)", "x*", "a*", "(a+?)", ".", "(?s:.)", "[^a]", `\A`, `\z`, "(b)?", "a.*b|a", "|", "(?i:A)",
		`\pL`, `\w+`, "a{2,3}", "(?:ab)+", `\Qa.`,
	}
	texts := []string{"a", "b", "ä", "\n", " ", "x", "ab", "\xff", "A", "."}
	chance := rand.New(rand.NewPCG(1, 2))
	some := func(of []string, n int) (text string) {
		for range n {
			text += of[chance.IntN(len(of))]
		}
		return text
	}
	for range 5000 {
		expression, text := some(expressions, 1+chance.IntN(5)), some(texts, chance.IntN(9))
		r, err := regexp.Compile(expression)
		if err != nil {
			continue
		}
		p := evaluation{newEnv(t.Context(), &Template{limits: Limits{}.orDefault()}, RenderOptions{}), nil}.expression(expression, "r")
		if got, want := slices.Collect(p.all(text)), r.FindAllStringSubmatchIndex(text, -1); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q in %q: %v, want %v", expression, text, got, want)
		}
		whole, err := regexp.Compile(`\A(?:` + expression + `)\z`)
		if err != nil {
			continue // \Q is not closed
		}
		if got, want := p.complete(text), whole.FindStringSubmatchIndex(text); !slices.Equal(got, want) {
			t.Fatalf("%q is %q: %v, want %v", expression, text, got, want)
		}
	}
}
