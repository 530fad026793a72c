package openapi

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// prose is the documentation of the types of some packages, by import path and name: "github.com/herald-events/herald/wire.Webhook".
type prose map[string]*documented

// documented is what the source says about a type.
type documented struct {
	text string
	// members are the texts about fields of a struct, by their Go names.
	members map[string]string
	// values are the constants of the type, if it is a string.
	values []string
}

const module = "github.com/herald-events/herald/"

// readProse reads the documentation of packages of the module, which is in the folder root.
func readProse(root string, packages ...string) (prose, error) {
	p := prose{}
	for _, name := range packages {
		files, err := filepath.Glob(filepath.Join(root, name, "*.go"))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s has no package %s", root, name)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			for _, declaration := range f.Decls {
				if d, ok := declaration.(*ast.GenDecl); ok {
					p.add(module+name, d)
				}
			}
		}
	}
	return p, nil
}

// of is what is known about a type, never nil.
func (p prose) of(t reflect.Type) *documented { return p.named(t.PkgPath() + "." + t.Name()) }

func (p prose) named(name string) *documented {
	if p[name] == nil {
		p[name] = &documented{members: map[string]string{}}
	}
	return p[name]
}

func (p prose) add(path string, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			about := p.named(path + "." + s.Name.Name)
			text := s.Doc
			if text == nil {
				text = d.Doc
			}
			about.text = tidy(text.Text())
			if fields, ok := s.Type.(*ast.StructType); ok {
				about.read(fields)
			}
		case *ast.ValueSpec:
			kind, ok := s.Type.(*ast.Ident)
			if d.Tok != token.CONST || !ok {
				continue
			}
			for _, value := range s.Values {
				if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					text, _ := strconv.Unquote(literal.Value)
					about := p.named(path + "." + kind.Name)
					about.values = append(about.values, text)
				}
			}
		}
	}
}

// read takes the texts about fields. One that names further fields is about those, too, where they have none of their own.
func (d *documented) read(s *ast.StructType) {
	json := map[string]string{} // by Go name
	for _, field := range s.Fields.List {
		if field.Tag == nil {
			continue
		}
		text, _ := strconv.Unquote(field.Tag.Value)
		tag, _, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
		for _, name := range field.Names {
			json[name.Name] = tag
		}
	}
	latest := ""
	for _, field := range s.Fields.List {
		text := field.Doc.Text()
		if text == "" {
			text = field.Comment.Text()
		}
		if text != "" {
			latest = text
		}
		for _, name := range field.Names {
			if text != "" || regexp.MustCompile(`\b`+name.Name+`\b`).MatchString(latest) {
				d.members[name.Name] = member(latest, name.Name, json)
			}
		}
	}
}

// member is a text about a field for people who know only its name in JSON.
func member(text, name string, json map[string]string) string {
	text = tidy(text)
	for _, verb := range []string{" is ", " are ", " "} {
		if rest, ok := strings.CutPrefix(text, name+verb); ok && !regexp.MustCompile(`^(and|or) |^, `).MatchString(rest) {
			text = strings.ToUpper(rest[:1]) + rest[1:]
			break
		}
	}
	for _, goName := range slices.Sorted(maps.Keys(json)) {
		text = renamed(text, goName, json[goName])
	}
	return text
}

// renamed calls a member by its name in JSON. A word with a single capital may be one of the language instead, so it counts only where none begins with
// a capital: within a sentence, and at the very beginning, where Go has the name.
func renamed(text, goName, jsonName string) string {
	capitals := len(strings.FieldsFunc(goName, func(r rune) bool { return !unicode.IsUpper(r) }))
	single := capitals == 1 && unicode.IsLower(rune(goName[len(goName)-1]))
	var b strings.Builder
	done := 0
	for _, at := range regexp.MustCompile(`\b`+goName+`\b`).FindAllStringIndex(text, -1) {
		begins := at[0] >= 2 && strings.ContainsAny(text[at[0]-2:at[0]-1], ".:\n")
		if single && begins {
			continue
		}
		b.WriteString(text[done:at[0]] + "`" + jsonName + "`")
		done = at[1]
	}
	return b.String() + text[done:]
}

var (
	references = regexp.MustCompile(`\[(\*?[A-Za-z.]+)\]`)
	none       = regexp.MustCompile(`\b[Nn]il\b`)
)

// tidy makes the text of a comment one for people who do not read Go.
func tidy(text string) string {
	text = strings.TrimSpace(text)
	var paragraphs []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		paragraphs = append(paragraphs, strings.Join(strings.Fields(paragraph), " "))
	}
	text = strings.Join(paragraphs, "\n\n")
	text = references.ReplaceAllString(text, "$1")
	return none.ReplaceAllStringFunc(text, func(word string) string {
		if word == "Nil" {
			return "Absent"
		}
		return "absent"
	})
}
