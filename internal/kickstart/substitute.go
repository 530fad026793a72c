package kickstart

import (
	"strings"
)

// substitute sets the variables in s: each #{name} is replaced by what lookup returns for the trimmed name, and \#{ becomes #{. Both
// functions are told the offset in s. What lookup returns is not read again; when it returns false, having said why, the reference
// stays as written. A #{ without a closing brace on its line is reported through unclosed and stays too.
func substitute(s string, lookup func(name string, at int) (string, bool), unclosed func(at int)) string {
	if !strings.Contains(s, "#{") {
		return s
	}
	var b strings.Builder
	for at := 0; ; {
		before, after, found := strings.Cut(s[at:], "#{")
		if !found {
			b.WriteString(before)
			return b.String()
		}
		start := at + len(before)
		at = start + len("#{")
		if head, escaped := strings.CutSuffix(before, `\`); escaped {
			b.WriteString(head + "#{")
			continue
		}
		b.WriteString(before)
		end := strings.IndexAny(after, "}\n{")
		if end < 0 || after[end] != '}' {
			unclosed(start)
			b.WriteString("#{")
			continue
		}
		if value, ok := lookup(strings.TrimSpace(after[:end]), start); ok {
			b.WriteString(value)
		} else {
			b.WriteString(s[start : at+end+1])
		}
		at += end + 1
	}
}

// include takes apart a string that is "@{path}" or "&{path}" as a whole; the path may hold variables. The sigil is zero for every
// other string, also for one that only begins and ends like an include: "@{a} or @{b}".
func include(s string) (sigil byte, path string) {
	if len(s) < 4 || s[0] != '@' && s[0] != '&' || s[1] != '{' {
		return 0, ""
	}
	depth := 1
	for i := 2; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth == 0 {
			if i < len(s)-1 {
				return 0, ""
			}
			return s[0], strings.TrimSpace(s[2:i])
		}
	}
	return 0, ""
}

// unescapeInclude removes the backslash from a string that would be an include without it.
func unescapeInclude(s string) string {
	if rest, ok := strings.CutPrefix(s, `\`); ok {
		if sigil, _ := include(rest); sigil != 0 {
			return rest
		}
	}
	return s
}

// dollarNames lists the names written as ${name}, each once.
func dollarNames(s string) []string {
	var names []string
	seen := map[string]bool{}
	for {
		_, after, found := strings.Cut(s, "${")
		if !found {
			return names
		}
		name, rest, closed := strings.Cut(after, "}")
		if closed && name != "" && !seen[name] && isName(name) {
			seen[name] = true
			names = append(names, name)
		}
		s = after
		if closed {
			s = rest
		}
	}
}

// isName tells whether s can be meant as the name of a variable, a built-in, ENV.X or UUID().
func isName(s string) bool {
	s = strings.TrimSuffix(s, "()")
	for _, r := range s {
		if r != '_' && r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return s != ""
}
