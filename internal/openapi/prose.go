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
)

// prose is the documentation of some packages, for people who do not read Go. Its keys are import path and name: "github.com/herald-events/herald/wire.Webhook".
type prose struct {
	types     map[string]*documented
	constants map[string]string // their values
}

// documented is what the source says about a type.
type documented struct {
	path, text string
	// members are the texts about fields of a struct, json their names in JSON, both by their Go names.
	members, json map[string]string
	// values are the constants of the type, if it is a string.
	values []string
}

const module = "github.com/herald-events/herald/"

// readProse reads the documentation of packages of the module, which is in the folder root.
func readProse(root string, packages ...string) (prose, error) {
	p := prose{map[string]*documented{}, map[string]string{}}
	for _, name := range packages {
		files, err := filepath.Glob(filepath.Join(root, name, "*.go"))
		if err != nil {
			return prose{}, err
		}
		if len(files) == 0 {
			return prose{}, fmt.Errorf("%s has no package %s", root, name)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				return prose{}, err
			}
			for _, declaration := range f.Decls {
				if d, ok := declaration.(*ast.GenDecl); ok {
					p.add(module+name, d)
				}
			}
		}
	}
	p.resolve()
	return p, nil
}

// of is what is known about a type, never nil.
func (p prose) of(t reflect.Type) *documented { return p.named(t.PkgPath(), t.Name()) }

func (p prose) named(path, name string) *documented {
	key := path + "." + name
	if p.types[key] == nil {
		p.types[key] = &documented{path: path, members: map[string]string{}, json: map[string]string{}}
	}
	return p.types[key]
}

func (p prose) add(path string, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			about := p.named(path, s.Name.Name)
			text := s.Doc
			if text == nil {
				text = d.Doc
			}
			about.text = tidy(text.Text())
			if fields, ok := s.Type.(*ast.StructType); ok {
				about.read(fields)
				rest := strings.TrimPrefix(about.text, s.Name.Name) // the name of the schema, which stays
				about.text = about.text[:len(about.text)-len(rest)] + renamedAll(rest, about.json)
			}
		case *ast.ValueSpec:
			kind, ok := s.Type.(*ast.Ident)
			if d.Tok != token.CONST || !ok {
				continue
			}
			for i, value := range s.Values {
				literal, ok := value.(*ast.BasicLit)
				if !ok {
					continue
				}
				text := strings.ReplaceAll(literal.Value, "_", "")
				if literal.Kind == token.STRING {
					text, _ = strconv.Unquote(literal.Value)
					about := p.named(path, kind.Name)
					about.values = append(about.values, text)
				}
				p.constants[path+"."+s.Names[i].Name] = text
			}
		}
	}
}

// read takes the texts about fields. One that names further fields is about those, too, where they have none of their own.
func (d *documented) read(s *ast.StructType) {
	for _, field := range s.Fields.List {
		if field.Tag == nil {
			continue
		}
		text, _ := strconv.Unquote(field.Tag.Value)
		tag, _, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
		for _, name := range field.Names {
			d.json[name.Name] = tag
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
				d.members[name.Name] = member(latest, name.Name, d.json)
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
	return renamedAll(text, json)
}

// renamedAll calls all members by their names in JSON.
func renamedAll(text string, json map[string]string) string {
	for _, goName := range slices.Sorted(maps.Keys(json)) {
		text = renamed(text, goName, json[goName])
	}
	return text
}

// renamed calls a member by its name in JSON. A word with a single capital may be one of the language instead, so it counts only where none begins with
// a capital: within a sentence, and at the very beginning, where Go has the name.
func renamed(text, goName, jsonName string) string {
	single := strings.ToLower(goName[1:]) == goName[1:] && len(goName) > 1
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

// resolve says in JSON what comments refer to in Go: a constant by its value, a member by its name, a type by that of its schema. What stands in brackets and is
// nothing of these, such as the code of an error, stays as it is.
func (p prose) resolve() {
	for _, about := range p.types {
		about.text = p.resolved(about.text, about.path)
		for name, text := range about.members {
			about.members[name] = p.resolved(text, about.path)
		}
	}
}

var references = regexp.MustCompile(`\[(?:([a-z]\w*)\.)?([A-Z]\w*)(?:\.([A-Z]\w*))?\]`)

func (p prose) resolved(text, path string) string {
	return references.ReplaceAllStringFunc(text, func(whole string) string {
		parts := references.FindStringSubmatch(whole)
		in := path
		if parts[1] != "" {
			in = module + parts[1]
		}
		key := in + "." + parts[2]
		if value, ok := p.constants[key]; ok {
			return "`" + value + "`"
		}
		about, ok := p.types[key]
		switch {
		case !ok:
			return whole
		case parts[3] == "":
			return parts[2]
		}
		return "`" + parts[2] + "." + about.json[parts[3]] + "`"
	})
}

var none = regexp.MustCompile(`\b[Nn]il\b`)

// tidy joins the lines of a comment, and says for people who do not read Go that something is absent.
func tidy(text string) string {
	text = strings.TrimSpace(text)
	var paragraphs []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		paragraphs = append(paragraphs, strings.Join(strings.Fields(paragraph), " "))
	}
	text = strings.Join(paragraphs, "\n\n")
	return none.ReplaceAllStringFunc(text, func(word string) string {
		if word == "Nil" {
			return "Absent"
		}
		return "absent"
	})
}
