package guide

import (
	"fmt"
	"strings"
)

// A page of the guide, like a README, is Markdown. What stands in its fenced blocks is run, in order, in an empty folder of the page:
//
//	```sh      is run by a shell that goes on to the next block with its variables, and has to succeed
//	```text    is what the block of commands before it prints: these lines in this order, others in between; … stands for anything
//	```json, ```js, ```go, ```python, ```yaml
//	           is written to the file that the comment above it names
//
// A comment above a block says more, invisible to readers:
//
//	<!-- in the background until: Ready -->   goes on until the end of the page; the next block runs once that has been printed
//	<!-- terminals until: API, Ready. -->     each line has a terminal of its own; all but the last go on, each having printed its text before the next begins
//	<!-- exit: 6 -->                          ends with this status
//	<!-- file: receiver.mjs -->               the name of the file
//	<!-- part of: examples/… -->              is not run: it stands, line by line, in that file, which other tests run
//	<!-- not run: why -->                     cannot be run where tests run
//
// Every block is one of these; one without a language is a mistake.
type block struct {
	line     int
	language string
	note     string // the comment above, without its arrows
	text     string
}

// directive splits the comment above a block: "exit: 6" is "exit", "6".
func (b block) directive() (name, value string) {
	name, value, _ = strings.Cut(b.note, ": ")
	return name, value
}

// parse finds the blocks of a page.
func parse(page string) (blocks []block, err error) {
	var b *block
	note := ""
	for i, line := range strings.Split(page, "\n") {
		trimmed := strings.TrimSpace(line)
		switch fence, opens := strings.CutPrefix(trimmed, "```"); {
		case b != nil && trimmed == "```":
			blocks = append(blocks, *b)
			b, note = nil, ""
		case b != nil:
			b.text += line + "\n"
		case b == nil && strings.HasPrefix(trimmed, "~~~"):
			return nil, fmt.Errorf("line %d: blocks begin with ```, so that they are found", i+1)
		case opens && fence == "":
			return nil, fmt.Errorf("line %d: a block without a language", i+1)
		case opens:
			b = &block{line: i + 1, language: fence, note: note}
		case strings.HasPrefix(trimmed, "<!-- ") && strings.HasSuffix(trimmed, " -->"):
			note = strings.TrimSuffix(strings.TrimPrefix(trimmed, "<!-- "), " -->")
		case trimmed != "":
			if note != "" {
				return nil, fmt.Errorf("line %d: no block follows the comment %q", i+1, note)
			}
		}
	}
	if b != nil {
		return nil, fmt.Errorf("line %d: the block has no end", b.line)
	}
	return blocks, nil
}

// missing returns the first line of want that does not follow those before it in got, "" when all are there. Runs of spaces count as one.
func missing(got, want string) string {
	lines := strings.Split(got, "\n")
	for _, wanted := range strings.Split(strings.TrimSpace(want), "\n") {
		found := false
		for len(lines) > 0 && !found {
			found = like(strings.Join(strings.Fields(lines[0]), " "), strings.Join(strings.Fields(wanted), " "))
			lines = lines[1:]
		}
		if !found {
			return wanted
		}
	}
	return ""
}

// like compares a line with a pattern in which … stands for anything.
func like(line, pattern string) bool {
	parts := strings.Split(pattern, "…")
	if len(parts) == 1 {
		return line == pattern
	}
	if !strings.HasPrefix(line, parts[0]) || !strings.HasSuffix(line, parts[len(parts)-1]) {
		return false
	}
	for _, part := range parts {
		_, rest, ok := strings.Cut(line, part)
		if !ok {
			return false
		}
		line = rest
	}
	return true
}
