package ui

import (
	"fmt"
	"slices"
	"testing"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		before, after string
		want          []string
	}{
		{`{"a":1}`, `{"a":1}`, nil},
		{``, ``, nil},
		{`{"a":1,"b":"x"}`, `{"a":2,"c":null}`, []string{"changed a: 1 > 2", `removed b: "x" > `, "added c:  > null"}},
		{``, `{"a":{"b":1}}`, []string{"added a.b:  > 1"}},
		{`{"a":{"b":1}}`, ``, []string{"removed a.b: 1 > "}},
		{`{"eventsEnabled":{"user.create":true}}`, `{"eventsEnabled":{"user.create":false}}`, []string{"changed eventsEnabled[user.create]: true > false"}},
		{`{"l":["a","b"]}`, `{"l":["b","c"]}`, []string{`removed l[]: "a" > `, `added l[]:  > "c"`}},
		{`{"l":["a","b"]}`, `{"l":["b","a"]}`, []string{`changed l: ["a","b"] > ["b","a"]`}},
		{`{"l":[{"x":1},{"x":2}]}`, `{"l":[{"x":1},{"x":3},{"x":4}]}`, []string{"changed l[1].x: 2 > 3", "added l[2].x:  > 4"}},
		{`{"a":{"b":1}}`, `{"a":[1]}`, []string{`changed a: {"b":1} > [1]`}},
		{`{"a":{}}`, `{"a":{"b":1}}`, []string{"added a.b:  > 1"}},
		{`{}`, `{"a":{}}`, []string{"added a:  > {}"}},
		{`"text"`, `12345678901234567890`, []string{`changed : "text" > 12345678901234567890`}},
		{`{"a":"<b>"}`, `{`, []string{`removed a: "<b>" > `}},
	} {
		var got []string
		for _, d := range diff([]byte(tt.before), []byte(tt.after)) {
			got = append(got, fmt.Sprintf("%s %s: %s > %s", d.Kind(), d.Path, d.Old, d.New))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s to %s:\n%q, want\n%q", tt.before, tt.after, got, tt.want)
		}
	}
}

func TestDifference_Lines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ before, after, want string }{
		{"a", "b", ""},
		{"a\nb", "a\nc", " a|-b|+c|"},
		{"1\n2\n3\n4\n5\n6\n7", "1\n2\n3\n4\n5\n6\nseven\n8", "skipped 4| 5| 6|-7|+seven|+8|"},
		{"x\na\nb\nc", "a\nb\ny\nc\nd", "-x| a| b|+y| c|+d|"},
		{"", "a\nb", "-|+a|+b|"},
		{"a\n", "a", " a|-|"},
	} {
		got := ""
		for _, l := range (difference{Old: encodeJSON(tt.before), New: encodeJSON(tt.after)}).Lines() {
			if l.Kind == "skipped" {
				got += fmt.Sprintf("skipped %d|", l.Count)
				continue
			}
			got += map[string]string{"old": "-", "new": "+", "same": " "}[l.Kind] + l.Text + "|"
		}
		if got != tt.want {
			t.Errorf("%q to %q: %q, want %q", tt.before, tt.after, got, tt.want)
		}
	}
	if (difference{Old: "1", New: `"a\nb"`}).Lines() != nil {
		t.Error("a number has lines")
	}
}
