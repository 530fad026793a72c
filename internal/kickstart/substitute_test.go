package kickstart

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSubstitute(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in, want string
		wrong    string // offsets of unknown (?) and unclosed (!) references
	}{
		{"", "", ""},
		{"plain # { } #} text", "plain # { } #} text", ""},
		{"#{a}", "A", ""},
		{"x#{a}#{a}y", "xAAy", ""},
		{"#{ a }", "A", ""},
		{"##{a}}", "#A}", ""},
		{`\#{a}`, "#{a}", ""},
		{`\\#{a}`, `\#{a}`, ""},
		{`\#{a}#{a}\#{`, "#{a}A#{", ""},
		{"#{quote}", `"#{a}\`, ""},
		{"é#{b}", "é#{b}", "2?"},
		{"#{}", "#{}", "0?"},
		{"#{a", "#{a", "0!"},
		{"#{a\n}#{a}", "#{a\n}A", "0!"},
		{"#{a#{a}", "#{aA", "0!"},
		{"#{", "#{", "0!"},
	}
	values := map[string]string{"a": "A", "quote": `"#{a}\`}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			wrong := ""
			got := substitute(tt.in,
				func(name string, at int) (string, bool) {
					v, ok := values[name]
					if !ok {
						wrong += fmt.Sprintf("%d?", at)
					}
					return v, ok
				},
				func(at int) { wrong += fmt.Sprintf("%d!", at) })
			if got != tt.want || wrong != tt.wrong {
				t.Errorf("%q became %q with problems %q, want %q with %q", tt.in, got, wrong, tt.want, tt.wrong)
			}
		})
	}
}

func TestInclude(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"@{a.txt}": "@a.txt", "&{a/b.json}": "&a/b.json", "@{ a b }": "@a b", "@{x/#{name}.txt}": "@x/#{name}.txt", "@{#{a}#{b}}": "@#{a}#{b}", "@{ }": "@",
		"": "", "@": "", "@{": "", "@{}": "", "@{a": "", "x@{a}": "", "@{a} ": "", "@{a}{b}": "", "@{a} @{b}": "", "#{a}": "", `\@{a}`: "", "@@{a}": "",
	} {
		sigil, path := include(in)
		got := path
		if sigil != 0 {
			got = string(sigil) + path
		}
		if got != want {
			t.Errorf("%q is taken for %q, want %q", in, got, want)
		}
	}
}

func TestUnescapeInclude(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{`\@{a}`: "@{a}", `\&{a}`: "&{a}", `\\@{a}`: `\\@{a}`, `\@{a} b`: `\@{a} b`, `\#{a}`: `\#{a}`, `\`: `\`, "": ""} {
		if got := unescapeInclude(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// Whatever the text, substitution ends, keeps what it does not understand, and never reads a value again.
func FuzzSubstitute(f *testing.F) {
	for _, seed := range []string{"", "#{a}", `\#{a}`, "#{a", "#{#{a}}", "x#{ a }y", "#{b}", "#{\n}", `\\#{a}#{`, "é#{é}"} {
		f.Add(seed, "value")
		f.Add(seed, "#{a}")
	}
	f.Fuzz(func(t *testing.T, s, value string) {
		var names []string
		unclosed := 0
		got := substitute(s,
			func(name string, at int) (string, bool) {
				if !strings.HasPrefix(s[at:], "#{") {
					t.Fatalf("offset %d of %q is no reference", at, s)
				}
				names = append(names, name)
				return value, name == "a"
			},
			func(at int) {
				if !strings.HasPrefix(s[at:], "#{") {
					t.Fatalf("offset %d of %q is no reference", at, s)
				}
				unclosed++
			})
		if strings.Count(s, "#{") != len(names)+unclosed+strings.Count(s, `\#{`) {
			t.Fatalf("%q has references that were neither looked up nor reported: %q, %d unclosed", s, names, unclosed)
		}
		replaced := 0
		for _, name := range names {
			if strings.ContainsAny(name, "{}\n") {
				t.Fatalf("%q is no name", name)
			}
			if name == "a" {
				replaced++
			}
		}
		if !slices.Contains(names, "a") && !strings.Contains(s, `\#{`) && got != s {
			t.Fatalf("%q became %q although nothing in it is known", s, got)
		}
		if strings.Count(got, value) < replaced && value != "" {
			t.Fatalf("%q became %q: a value is missing or was read again", s, got)
		}
	})
}
