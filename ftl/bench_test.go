package ftl_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/language"

	"github.com/herald-events/herald/ftl"
)

const twoFactor = "Your code is ${code}[#if user.firstName??], ${user.firstName}[/#if]. ${(application.name)!tenant.name}"

// document is a JSON object of about so many bytes, with the members at its end.
func document(size int, members string) ftl.JSON {
	var b strings.Builder
	for i := 0; b.Len() < size-len(members); i++ {
		fmt.Fprintf(&b, `"member%d":{"id":"0198c5d2-5f4c-7b0e-9d0a-%012d","enabled":true,"values":[1,2,3],"text":"some \"text\""},`, i, i)
	}
	return ftl.JSON("{" + b.String() + members + "}")
}

func twoFactorModel() map[string]any {
	return map[string]any{
		"code":   "123456",
		"user":   document(2<<10, `"firstName":"Ada","lastName":"Lovelace"`),
		"tenant": document(6<<10, `"name":"Acme"`),
	}
}

// BenchmarkTwoFactor is what is rendered while a user waits. It should take at most 20 µs and 50 allocations.
func BenchmarkTwoFactor(b *testing.B) {
	parsed, err := ftl.Parse("two-factor", twoFactor, ftl.Options{})
	if err != nil {
		b.Fatal(err)
	}
	model, options := twoFactorModel(), ftl.RenderOptions{Locale: language.German}
	b.ReportAllocs()
	for b.Loop() {
		text, err := parsed.Render(b.Context(), model, options)
		if err != nil || text != "Your code is 123456, Ada. Acme" {
			b.Fatal(text, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ftl.Parse("two-factor", twoFactor, ftl.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSteps is a million steps, the most that a template may make.
func BenchmarkSteps(b *testing.B) {
	parsed, err := ftl.Parse("loop", `[#list 1.. as i][#assign x = i * 2 + 1][#if x % 3 == 0]${x?c}[/#if][/#list]`, ftl.Options{Limits: ftl.Limits{Output: 10 << 20}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := parsed.Render(b.Context(), map[string]any{}, ftl.RenderOptions{}); err == nil {
			b.Fatal("it came to an end")
		}
	}
}

// TestTwoFactor_Allocations keeps the bound of BenchmarkTwoFactor that does not depend on the machine.
func TestTwoFactor_Allocations(t *testing.T) {
	parsed, err := ftl.Parse("two-factor", twoFactor, ftl.Options{})
	if err != nil {
		t.Fatal(err)
	}
	model := twoFactorModel()
	if n := testing.AllocsPerRun(100, func() { _, _ = parsed.Render(t.Context(), model, ftl.RenderOptions{}) }); n > 50 {
		t.Errorf("%v allocations, want at most 50", n)
	}
}
