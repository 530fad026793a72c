package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/rivo/uniseg"
	"go.yaml.in/yaml/v3"
	"golang.org/x/term"
)

// output is where a command talks to.
type output struct {
	io.Writer           // results
	talk      io.Writer // everything else
	in        io.Reader
	version   string
	// terminal and talkTerminal tell whether a person sees the results and the talk as they come, and colour whether results may be coloured.
	terminal, talkTerminal, colour bool
}

func newOutput(version string, in io.Reader, stdout, stderr io.Writer) *output {
	o := &output{Writer: stdout, talk: stderr, in: in, version: version, terminal: isTerminal(stdout), talkTerminal: isTerminal(stderr)}
	o.colour = o.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}

func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// say tells people something that is no result.
func (o *output) say(format string, args ...any) {
	fmt.Fprintln(o.talk, printableLines(fmt.Sprintf(format, args...)))
}

// tone is how a piece of a table looks. Words carry the meaning, colour only helps to find them.
type tone string

const (
	plain tone = ""
	good  tone = "32"
	bad   tone = "31"
	warn  tone = "33"
	faint tone = "2"
	bold  tone = "1"
)

func (o *output) paint(t tone, text string) string {
	if t == plain || !o.colour || text == "" {
		return text
	}
	return "\x1b[" + string(t) + "m" + text + "\x1b[0m"
}

// format is how results are written.
type format string

const (
	table format = "table"
	jsonF format = "json"
	jsonl format = "jsonl"
	yamlF format = "yaml"
)

var formats = []string{"table", "json", "jsonl", "yaml"}

// Decode is called by kong.
func (f *format) Decode(ctx *kong.DecodeContext) error {
	var given string
	if err := ctx.Scan.PopValueInto("format", &given); err != nil {
		return err
	}
	if !slices.Contains(formats, given) {
		return fmt.Errorf("must be one of %s but got %q%s", strings.Join(formats, ", "), given, didYouMean(given, formats))
	}
	*f = format(given)
	return nil
}

// or is the format, or the one that suits where results go to.
func (f format) or(o *output) format {
	switch {
	case f != "":
		return f
	case o.terminal:
		return table
	default:
		return jsonF
	}
}

// printed is the flag of a command without a server that says how its result is written. Such a command embeds it.
type printed struct {
	Output format `group:"Output:" short:"o" placeholder:"FORMAT" help:"table, json, jsonl or yaml. Default: table on a terminal, else json."`
}

// session is one without a server.
func (p printed) session(out *output) *session {
	return &session{output: out, format: p.Output.or(out), chosen: p.Output != ""}
}

// column is one of a table of Ts. Tone may be nil.
type column[T any] struct {
	head string
	text func(T) string
	tone func(T) tone
}

func col[T any](head string, text func(T) string) column[T] { return column[T]{head, text, nil} }

// results are a list that a command shows.
type results[T any] struct {
	name string // that of the list in the API's JSON
	all  iter.Seq2[T, error]
	// total asks how many there are, beyond those that are shown. Nil where the API gives the whole list and no number.
	total func() (int, error)
	span  string // which time it is about, for people; empty when it is about all
}

// whole is a list that the API gives without a number.
func whole[T any](name string, all iter.Seq2[T, error]) results[T] {
	return results[T]{name: name, all: all}
}

// list writes a list, limit of it at most; 0 means all. Below a table stands how many of how many it shows.
func list[T any](s *session, r results[T], limit int, columns ...column[T]) error {
	kept := []T{}
	more := false
	for item, err := range r.all {
		if err != nil {
			return err
		}
		if more = limit > 0 && len(kept) == limit; more {
			break
		}
		if s.format == jsonl {
			if err := s.line(item); err != nil {
				return err
			}
		}
		kept = append(kept, item)
	}
	total := len(kept)
	if more && r.total != nil {
		var err error
		if total, err = r.total(); err != nil {
			return err
		}
	}
	switch s.format {
	case jsonl:
	case table:
		if len(kept) > 0 {
			writeTable(s.output, kept, columns)
		}
	default:
		answer := map[string]any{r.name: kept}
		if r.total != nil {
			answer["total"] = total
		}
		if err := s.object(answer); err != nil {
			return err
		}
	}
	if s.format == table || more {
		s.say("%s", shown(len(kept), total, more, r.span))
	}
	return nil
}

// shown says how much of a list was shown: "2 of 2 · 24 h".
func shown(n, total int, more bool, span string) string {
	text := fmt.Sprintf("%s of %s", grouped(n), grouped(total))
	switch {
	case n == 0:
		text = "None"
	case more && total == n: // nobody knows the number
		text = fmt.Sprintf("The first %s", grouped(n))
	case more && total > exactTotal:
		text = fmt.Sprintf("%s of more than %s", grouped(n), grouped(exactTotal))
	}
	if span != "" {
		text += " · " + span
	}
	if more {
		text += " · --limit 0 shows all"
	}
	return text
}

// exactTotal is how far the API counts exactly; a larger total says "at least".
const exactTotal = 10_000

// counts is a number of things for people: 1 event, 1 284 events, 2 deliveries.
func counts(n int, noun string) string {
	switch stem, y := strings.CutSuffix(noun, "y"); {
	case n == 1:
	case y && !strings.HasSuffix(noun, "ey"):
		noun = stem + "ies"
	default:
		noun += "s"
	}
	return grouped(n) + " " + noun
}

// grouped is a number for people: 1 284.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// one writes an object, for people with view. name is that of the object in the API's JSON. Without a view it is the outcome of a command that has said all there is
// to say, and is written when it was asked for with -o.
func (s *session) one(name string, object any, view func()) error {
	if view == nil && (!s.chosen || s.format == table) {
		return nil
	}
	switch s.format {
	case table:
		view()
		return nil
	case jsonl:
		return s.line(object)
	default:
		return s.object(map[string]any{name: object})
	}
}

// answer writes an answer as the API gives it, for people with view.
func (s *session) answer(answer any, view func()) error {
	if s.format == table {
		view()
		return nil
	}
	return s.object(answer)
}

// object writes JSON or YAML.
func (s *session) object(value any) error {
	if s.format == jsonl {
		return s.line(value)
	}
	text, err := encodeJSON(value, "  ")
	if err != nil {
		return err
	}
	if s.format == yamlF {
		if text, err = yamlOf(text); err != nil {
			return err
		}
	}
	_, err = s.Write(text)
	return err
}

// line writes JSON on one line.
func (s *session) line(value any) error {
	text, err := encodeJSON(value, "")
	if err == nil {
		_, err = s.Write(text)
	}
	return err
}

func encodeJSON(value any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(value)
	return b.Bytes(), err
}

func mustJSON(value any) []byte {
	text, err := encodeJSON(value, "")
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	return bytes.TrimRight(text, "\n")
}

// yamlOf turns JSON into YAML with the members in their order: JSON is YAML already, in the style with braces.
func yamlOf(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	unbrace(&doc)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(&doc)
	return b.Bytes(), err
}

// oldBool are texts that some readers of YAML take for true or false.
var oldBool = regexp.MustCompile(`^(?i:y|yes|n|no|on|off)$`)

func unbrace(n *yaml.Node) {
	text := n.Kind == yaml.ScalarNode && n.Tag == "!!str"
	switch n.Style = 0; {
	case text && strings.Contains(n.Value, "\n"):
		n.Style = yaml.LiteralStyle
	case text && oldBool.MatchString(n.Value):
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		unbrace(child)
	}
}

// gap is between columns.
const gap = "  "

// writeTable writes rows in columns. On a terminal that is too narrow, the widest column gives way.
func writeTable[T any](o *output, rows []T, columns []column[T]) {
	cells := make([][]string, len(rows))
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = len(c.head)
	}
	for r, row := range rows {
		cells[r] = make([]string, len(columns))
		for i, c := range columns {
			cells[r][i] = printable(c.text(row))
			widths[i] = max(widths[i], uniseg.StringWidth(cells[r][i]))
		}
	}
	if o.terminal {
		fit(widths, screenWidth(o.Writer))
	}
	var b strings.Builder
	line := func(text func(i int) (string, tone)) {
		var l strings.Builder
		for i := range columns {
			cell, t := text(i)
			cell = cut(cell, widths[i])
			l.WriteString(o.paint(t, cell) + strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell)) + gap)
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	line(func(i int) (string, tone) { return columns[i].head, faint })
	for r, row := range rows {
		line(func(i int) (string, tone) {
			if columns[i].tone == nil {
				return cells[r][i], plain
			}
			return cells[r][i], columns[i].tone(row)
		})
	}
	_, _ = io.WriteString(o, b.String())
}

// fit takes width from the widest columns until all fit, or would be too narrow to say anything.
func fit(widths []int, screen int) {
	const least = 12
	for total := sum(widths) + len(gap)*(len(widths)-1); screen > 0 && total > screen; total-- {
		widest := 0
		for i := range widths {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= least {
			return
		}
		widths[widest]--
	}
}

func sum(all []int) (total int) {
	for _, n := range all {
		total += n
	}
	return total
}

// cut shortens text to width.
func cut(text string, width int) string {
	if uniseg.StringWidth(text) <= width {
		return text
	}
	var b strings.Builder
	taken := 0
	for g := uniseg.NewGraphemes(text); g.Next(); {
		if taken += g.Width(); taken > width-1 {
			break
		}
		b.WriteString(g.Str())
	}
	return b.String() + "…"
}

// printableLines is printable for several lines.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// printable is text on one line without what would move the cursor or change colours: it may come from a receiver.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return -1
		}
		return r
	}, text)
}

func screenWidth(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// fields writes what an object has to say, for people: names and values in pairs. What has no value is left out.
func (o *output) fields(pairs ...string) {
	width := 0
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			width = max(width, uniseg.StringWidth(pairs[i]))
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		name := pairs[i] + strings.Repeat(" ", width-uniseg.StringWidth(pairs[i]))
		fmt.Fprintf(o, "%s  %s\n", o.paint(faint, name), printable(pairs[i+1]))
	}
}

// heading writes a line above a part of what is shown.
func (o *output) heading(text string) { fmt.Fprintf(o, "\n%s\n", o.paint(bold, text)) }

// confirm asks before something that cannot be undone, or sends much. It is nil when the answer is yes.
func (s *session) confirm(format string, args ...any) error {
	if s.yes || s.dryRun {
		return nil
	}
	question := fmt.Sprintf(format, args...)
	if !s.talkTerminal || !isTerminal(s.in) {
		return usageError{question + " Say so with --yes (-y): there is nobody to ask"}
	}
	fmt.Fprintf(s.talk, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(s.in).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a == "y" || a == "yes" {
		return nil
	}
	return errNothingDone
}
