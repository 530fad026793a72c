package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/herald-events/herald/wire"
)

// A folder of templates has a folder for each, named as the template, and in it a file for each text. template.json has the rest: id, kind, sender, free data.
//
//	message/Two Factor/template.json  default.ftl  de.ftl
//	email/Forgot Password/template.json  default.subject  default.txt  default.html  de.subject  de.txt  de.html
//
// Localized names of senders are files as well: de.from. Each file ends with a line break that is not part of the text, because editors add one.

const restFile = "template.json"

// templateFile is one text of a template.
type templateFile struct{ name, text string }

// files are the texts, in a fixed order.
func (t template) files() (all []templateFile) {
	if m := t.message; m != nil {
		all = append(all, templateFile{"default.ftl", m.DefaultTemplate})
		for locale, text := range m.LocalizedTemplates {
			all = append(all, templateFile{locale + ".ftl", text})
		}
	}
	if e := t.email; e != nil {
		all = append(all, templateFile{"default.subject", e.DefaultSubject}, templateFile{"default.txt", e.DefaultTextTemplate}, templateFile{"default.html", e.DefaultHTMLTemplate})
		if e.DefaultFromName != "" {
			all = append(all, templateFile{"default.from", e.DefaultFromName})
		}
		for suffix, texts := range emailTexts(e) {
			for locale, text := range *texts {
				all = append(all, templateFile{locale + suffix, text})
			}
		}
	}
	slices.SortFunc(all, func(a, b templateFile) int { return strings.Compare(a.name, b.name) })
	return all
}

func emailTexts(e *wire.EmailTemplate) map[string]*wire.Map[string] {
	return map[string]*wire.Map[string]{
		".subject": &e.LocalizedSubjects, ".txt": &e.LocalizedTextTemplates, ".html": &e.LocalizedHTMLTemplates, ".from": &e.LocalizedFromNames,
	}
}

// rest is the template without its texts and without what the server sets.
func (t template) rest() ([]byte, error) {
	if t.message != nil {
		m := *t.message
		m.DefaultTemplate, m.LocalizedTemplates, m.InsertInstant, m.LastUpdateInstant = "", nil, 0, 0
		return encodeJSON(map[string]any{"messageTemplate": m}, "  ")
	}
	e := *t.email
	e.DefaultSubject, e.DefaultTextTemplate, e.DefaultHTMLTemplate, e.DefaultFromName, e.InsertInstant, e.LastUpdateInstant = "", "", "", "", 0, 0
	for _, texts := range emailTexts(&e) {
		*texts = nil
	}
	return encodeJSON(map[string]any{"emailTemplate": e}, "  ")
}

// set puts a text into its place.
func (t template) set(name, text string) error {
	ext := filepath.Ext(name)
	locale := strings.TrimSuffix(name, ext)
	if t.message != nil {
		switch {
		case ext != ".ftl":
			return fmt.Errorf("%s: texts of messages end in .ftl", name)
		case locale == "default":
			t.message.DefaultTemplate = text
		default:
			put(&t.message.LocalizedTemplates, locale, text)
		}
		return nil
	}
	e := t.email
	texts, ok := emailTexts(e)[ext]
	if !ok {
		return fmt.Errorf("%s: texts of e-mails end in .subject, .txt, .html or .from", name)
	}
	if locale != "default" {
		put(texts, locale, text)
		return nil
	}
	*map[string]*string{".subject": &e.DefaultSubject, ".txt": &e.DefaultTextTemplate, ".html": &e.DefaultHTMLTemplate, ".from": &e.DefaultFromName}[ext] = text
	return nil
}

func put(m *wire.Map[string], name, text string) {
	if *m == nil {
		*m = wire.Map[string]{}
	}
	(*m)[name] = text
}

type templatesPull struct {
	remote
	rehearsed
	Folder string   `arg:"" help:"The folder; it is made if there is none."`
	Only   []string `placeholder:"TEMPLATE" help:"Only these: names, ids or parts of them. Default: all."`
}

func (templatesPull) Help() string {
	return "Files that are there are overwritten, others stay.\n\nExamples:\n\n  herald templates pull ./templates\n  herald templates pull ./templates --only two-factor"
}

func (c templatesPull) Run(ctx context.Context, s *session) error {
	all := s.templates(ctx)
	if len(c.Only) > 0 {
		var chosen []template
		for _, name := range c.Only {
			t, err := pick(templateKind, name, s.templates(ctx))
			if err != nil {
				return err
			}
			chosen = append(chosen, t)
		}
		all = those(chosen)
	}
	if c.DryRun {
		for t, err := range all {
			if err != nil {
				return err
			}
			fmt.Fprintf(s, "would write %s\n", filepath.Join(c.Folder, filepath.FromSlash(t.path())))
		}
		return nil
	}
	if err := os.MkdirAll(c.Folder, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(c.Folder) // names of templates and locales come from the server: they stay in here
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	count := 0
	for t, err := range all {
		if err != nil {
			return err
		}
		rest, err := t.rest()
		if err != nil {
			return err
		}
		folder := t.path()
		if err := root.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for _, file := range append(t.files(), templateFile{restFile, strings.TrimSuffix(string(rest), "\n")}) {
			if err := root.WriteFile(filepath.Join(folder, file.name), []byte(file.text+"\n"), 0o644); err != nil {
				return err
			}
		}
		count++
	}
	s.say("%s in %s.", counts(count, "template"), c.Folder)
	return nil
}

// readTemplates returns the templates of a folder, or the only one if the folder is that of one.
func readTemplates(folder string) (all []template, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	if _, err := root.Stat(restFile); err == nil {
		t, err := readTemplate(root, ".")
		return []template{t}, err
	}
	found, err := fs.Glob(root.FS(), "*/*/"+restFile)
	if err != nil {
		return nil, err
	}
	for _, name := range found {
		t, err := readTemplate(root, path.Dir(name))
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there are no templates in %s; herald templates pull puts them there", folder)
	}
	return all, nil
}

func readTemplate(root *os.Root, folder string) (t template, err error) {
	text, err := root.ReadFile(filepath.Join(folder, restFile))
	if err != nil {
		return t, err
	}
	var rest struct {
		Message *wire.MessageTemplate `json:"messageTemplate"`
		Email   *wire.EmailTemplate   `json:"emailTemplate"`
	}
	if err := json.Unmarshal(text, &rest); err != nil || (rest.Message == nil) == (rest.Email == nil) {
		return t, fmt.Errorf("%s must have one member, messageTemplate or emailTemplate", filepath.Join(folder, restFile))
	}
	t = template{rest.Message, rest.Email}
	entries, err := fs.ReadDir(root.FS(), filepath.ToSlash(folder))
	if err != nil {
		return t, err
	}
	for _, entry := range entries {
		if entry.IsDir() || entry.Name() == restFile || strings.HasPrefix(entry.Name(), ".") || strings.HasSuffix(entry.Name(), "~") {
			continue
		}
		text, err := root.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return t, err
		}
		if err := t.set(entry.Name(), strings.TrimSuffix(string(text), "\n")); err != nil {
			return t, fmt.Errorf("%s: %w", folder, err)
		}
	}
	return t, nil
}

// templateChange is what push would do with a template of a folder.
type templateChange struct {
	local  template
	remote *template // nil: there is none yet
	lines  []string
}

func (s *session) templateChanges(ctx context.Context, folder string) (changes []templateChange, err error) {
	local, err := readTemplates(folder)
	if err != nil {
		return nil, err
	}
	there := map[wire.ID]template{}
	for t, err := range s.templates(ctx) {
		if err != nil {
			return nil, err
		}
		there[t.id()] = t
	}
	for _, t := range local {
		c := templateChange{local: t}
		before := map[string]string{}
		if r, ok := there[t.id()]; ok && (r.message == nil) == (t.message == nil) {
			c.remote = &r
			rest, err := r.rest()
			if err != nil {
				return nil, err
			}
			before[restFile] = string(rest)
			for _, file := range r.files() {
				before[file.name] = file.text
			}
		}
		rest, err := t.rest()
		if err != nil {
			return nil, err
		}
		for _, file := range append(t.files(), templateFile{restFile, string(rest)}) {
			c.lines = append(c.lines, diffLines(t.path()+"/"+file.name, before[file.name], file.text)...)
			delete(before, file.name)
		}
		for name, text := range before {
			c.lines = append(c.lines, diffLines(t.path()+"/"+name, text, "")...)
		}
		if len(c.lines) > 0 {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

type templatesDiff struct {
	remote
	Folder string `arg:"" help:"A folder that pull has made, or that of one template in it."`
}

func (templatesDiff) Help() string {
	return "Status 1 when there is a difference.\n\nExamples:\n\n  herald templates diff ./templates"
}

func (c templatesDiff) Run(ctx context.Context, s *session) error {
	changes, err := s.templateChanges(ctx, c.Folder)
	if err != nil {
		return err
	}
	for _, change := range changes {
		for _, line := range change.lines {
			t := plain
			switch line[0] {
			case '+':
				t = good
			case '-':
				t = bad
			}
			fmt.Fprintln(s, s.paint(t, printable(line)))
		}
	}
	if len(changes) > 0 {
		return errFound
	}
	return nil
}

type templatesPush struct {
	remote
	writes
	Folder string `arg:"" help:"A folder that pull has made, or that of one template in it."`
}

func (templatesPush) Help() string {
	return "Each template is checked by the server before it is stored. Those that are not in the folder stay as they are.\n\nExamples:\n\n  herald templates push ./templates --dry-run\n  herald templates push './templates/message/Two Factor' -y"
}

func (c templatesPush) Run(ctx context.Context, s *session) error {
	changes, err := s.templateChanges(ctx, c.Folder)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		s.say("There is nothing to change.")
		return nil
	}
	names := make([]string, len(changes))
	for i, change := range changes {
		names[i] = change.local.path()
	}
	if s.dryRun {
		_, err := fmt.Fprintf(s, "would change %s\n", strings.Join(names, ", "))
		return err
	}
	if err := s.confirm("Change %s?", strings.Join(names, ", ")); err != nil {
		return err
	}
	for i, change := range changes {
		t := change.local
		var err error
		switch exists := change.remote != nil; {
		case t.message != nil && exists:
			_, err = s.Templates.ReplaceMessage(ctx, *t.message)
		case t.message != nil:
			_, err = s.Templates.CreateMessage(ctx, *t.message)
		case exists:
			_, err = s.Templates.ReplaceEmail(ctx, *t.email)
		default:
			_, err = s.Templates.CreateEmail(ctx, *t.email)
		}
		if err != nil {
			return s.goesOn(fmt.Errorf("%s: %w", t.path(), err), i, len(changes), "template", "herald templates push "+quoted(c.Folder))
		}
		s.say("Changed %s.", t.path())
	}
	return nil
}

// diffLines are the lines that differ, marked with - and +, below the name of the file. None when nothing does.
func diffLines(name, before, after string) (lines []string) {
	if before == after {
		return nil
	}
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	lines = []string{"@ " + name}
	for _, line := range a {
		lines = append(lines, "-"+line)
	}
	for _, line := range b {
		lines = append(lines, "+"+line)
	}
	return lines
}
