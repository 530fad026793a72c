package identity

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/herald-events/herald/wire"
)

// Whatever somebody searches for, it is understood or refused with an explanation, and what is understood becomes SQL with one parameter for each value.
func FuzzQuery(f *testing.F) {
	for _, text := range []string{
		"ada", "email:*@example.com AND active:true", `fullName:"Ada \\" Lovelace"`, "a\\", `"`, "à AND é", "x:", "a?b*", `{"bool":{"must":[{"match":{"email":"a"}}]}}`,
		`{"nested":{"path":"registrations","query":{"term":{"registrations.roles":{"value":"a?"}}}}}`, "registrations.roles:a AND registrations.roles:b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func() ([]clause, error){
			func() ([]clause, error) { return parseQuery(text) },
			func() ([]clause, error) { return parseJSONQuery(json.RawMessage(text)) },
		} {
			clauses, err := parse()
			if _, ok := errors.AsType[queryProblem](err); err != nil && !ok {
				t.Errorf("%q: %v", text, err)
			}
			for _, scope := range []wire.ID{"", "t"} {
				w := matching(scope, clauses)
				if strings.Contains(w.Where(), "?") {
					t.Errorf("%q became %s", text, w.Where())
				}
			}
		}
	})
}
