package tenant

import (
	"strings"
	"testing"
)

func TestGenerator_New(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		g    Generator
		size int
		of   string
	}{
		{Generator{Length: 6, Type: RandomDigits}, 6, digits},
		{Generator{Length: 9, Type: RandomAlpha}, 9, upper + lower},
		{Generator{Length: 40, Type: RandomAlphaNumeric}, 40, upper + lower + digits},
		{Generator{Length: 8, Type: RandomBytes}, 16, digits + "abcdef"},
	} {
		seen := map[string]bool{}
		var all strings.Builder
		for range 200 {
			code := c.g.New()
			if len(code) != c.size || strings.Trim(code, c.of) != "" {
				t.Fatalf("%v: %q", c.g, code)
			}
			seen[code] = true
			all.WriteString(code)
		}
		if len(seen) < 195 {
			t.Errorf("%v: only %d of 200 codes are different", c.g, len(seen))
		}
		for _, r := range c.of {
			if !strings.ContainsRune(all.String(), r) {
				t.Errorf("%v: %q never comes", c.g, r)
			}
		}
	}
}
