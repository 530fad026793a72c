package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/herald-events/herald/internal/nearest"
)

// Env looks up an environment variable, as os.LookupEnv does.
type Env func(name string) (string, bool)

// Options prepares a kong parser for commands that embed [Serve] or [Store]: settings are then read from env and the config file,
// and the help text names their environment variables.
func Options(env Env) kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		for _, o := range []kong.Option{kong.Bind(env), kong.ValueFormatter(help)} {
			if err := o.Apply(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// help adds the first environment variable of a setting to its help text. The others are aliases.
func help(v *kong.Value) string {
	names := envNames(v)
	if len(names) == 0 {
		return kong.DefaultHelpValueFormatter(v)
	}
	return strings.TrimSuffix(v.Help, ".") + " ($" + names[0] + ")."
}

// isSetting tells our flags from those that a command has besides.
func isSetting(v *kong.Value) bool { return v.Tag.Has("from") }

func envNames(v *kong.Value) []string { return strings.Fields(v.Tag.Get("from")) }

func isSecret(v *kong.Value) bool { return v.Target.Type() == reflect.TypeFor[Secret]() }

// Origins tells where the settings are from that somebody has set, by the names of their flags: a flag such as --addr, an environment variable,
// or the path of the config file. The Run method of a command may ask for it.
type Origins map[string]string

// BeforeResolve is called by kong after the command line is parsed. It reads the environment and the config file, and reports everything
// that cannot be read in them at once.
func (Store) BeforeResolve(ctx *kong.Context, env Env) error {
	onCommandLine := map[*kong.Flag]bool{}
	for _, path := range ctx.Path {
		if path.Flag != nil {
			onCommandLine[path.Flag] = true
		}
	}
	var settings []*kong.Flag
	for _, f := range ctx.Flags() {
		if isSetting(f.Value) {
			settings = append(settings, f)
		}
	}

	var p problems
	file := readConfig(configPath(ctx, settings, env), &p)
	values, origins := map[*kong.Flag]string{}, Origins{}
	for _, f := range settings {
		if onCommandLine[f] {
			origins[f.Name] = "--" + f.Name
			p.check(!f.Tag.Has("private"), "%s: cannot be given on the command line, where others can read it; set %s or %[2]s_FILE", f.Name, envNames(f.Value)[0])
			continue
		}
		value, origin := fromEnv(f.Value, env, &p)
		if origin == "" {
			value, origin = file.value(f.Value, &p)
		}
		if origin == "" {
			continue
		}
		values[f], origins[f.Name] = value, origin
		if err := f.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), reflect.New(f.Target.Type()).Elem()); err != nil {
			p.add("%s: %v (from %s)", f.Name, cause(err), origin)
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	ctx.Bind(origins)
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
		if value, ok := values[f]; ok {
			return value, nil
		}
		return nil, nil //nolint:nilnil // what kong expects for "no value"
	}))
	return nil
}

// cause is the innermost error, without the flag's summary that kong puts before it.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func configPath(ctx *kong.Context, settings []*kong.Flag, env Env) string {
	for _, f := range settings {
		if f.Name == "config" {
			if path, ok := ctx.FlagValue(f).(string); ok && path != "" {
				return path
			}
			path, _ := fromEnv(f.Value, env, new(problems))
			return path
		}
	}
	return ""
}

// fromEnv returns the value of the first environment variable that is set and not empty, and that variable's name.
func fromEnv(v *kong.Value, env Env, p *problems) (value, origin string) {
	for _, name := range envNames(v) {
		value, _ := env(name)
		if !isSecret(v) {
			if value != "" {
				return value, name
			}
			continue
		}
		path, _ := env(name + "_FILE")
		if value != "" && path != "" {
			p.add("%s: both %s and %[2]s_FILE are set", v.Name, name)
		}
		if value != "" {
			return value, name
		}
		if path != "" {
			return readSecret(v.Name, path, name+"_FILE", p), name + "_FILE"
		}
	}
	return "", ""
}

// readSecret reads a file that holds one secret. A line break at its end is not part of the secret, because editors and echo add one.
func readSecret(setting, path, origin string, p *problems) string {
	const limit = 64 << 10
	data, err := readFile(path, limit)
	switch {
	case err != nil:
		p.add("%s: the file %s cannot be read: %v (from %s)", setting, path, err, origin)
	case len(data) > limit:
		p.add("%s: the file %s is too large for a secret (from %s)", setting, path, origin)
	case len(bytes.TrimSpace(data)) == 0:
		p.add("%s: the file %s is empty (from %s)", setting, path, origin)
	}
	return strings.TrimRight(string(data), "\r\n")
}

// readFile reads at most one byte more than limit.
func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err == nil {
		defer func() { _ = file.Close() }()
		var data []byte
		if data, err = io.ReadAll(io.LimitReader(file, limit+1)); err == nil {
			return data, nil
		}
	}
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrapped.Err // our sentences name the path
	}
	return nil, err
}

// configFile has the settings of a config file as text, by the name of the flag.
type configFile struct {
	path   string
	values map[string]string
}

// fileSuffix is added to the name of a secret to name a file that holds it.
const fileSuffix = "-file"

// readConfig reads the config file. Without a path it is empty. Settings of other commands are fine in it, because all commands share
// one file; unknown ones are reported.
func readConfig(path string, p *problems) configFile {
	c := configFile{path: path, values: map[string]string{}}
	if path == "" {
		return c
	}
	const limit = 1 << 20
	data, err := readFile(path, limit)
	if err != nil {
		p.add("config: the file %s cannot be read: %v", path, err)
		return c
	}
	if len(data) > limit {
		p.add("config: the file %s is larger than 1 MB", path)
		return c
	}
	decode := decodeJSON
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".yaml" || ext == ".yml" {
		decode = decodeYAML
	}
	root, err := decode(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		p.add("config: the file %s %v", path, err)
		return c
	}
	known := settingNames()
	c.flatten("", root, known, p)
	return c
}

// decodeJSON reads one JSON object. Its error does not quote the file, which may hold secrets, beyond one character.
func decodeJSON(data []byte) (root map[string]any, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // keeps 9011 from becoming 9011.0
	err = dec.Decode(&root)
	if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("is no JSON: line %d: %w", 1+bytes.Count(data[:min(int(bad.Offset), len(data))], []byte{'\n'}), bad)
	}
	if err != nil || root == nil {
		return nil, errors.New("must be a JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has something after the JSON object")
	}
	return root, nil
}

// lineOfYAML is all that an error about YAML says: the rest may quote the file.
var lineOfYAML = regexp.MustCompile(`line \d+`)

// decodeYAML reads one YAML document, names with their values. A file with nothing but comments sets nothing.
func decodeYAML(data []byte) (root map[string]any, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var document any
	switch err := dec.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil && strings.Contains(err.Error(), "already defined"):
		return nil, fmt.Errorf("has a name twice: %s", lineOfYAML.FindString(err.Error()))
	case err != nil:
		return nil, fmt.Errorf("is no YAML: %s", cmp.Or(lineOfYAML.FindString(err.Error()), "it cannot be read"))
	}
	root, ok := document.(map[string]any)
	if !ok && document != nil {
		return nil, errors.New("must be names with their values: addr: :9011")
	}
	if err := dec.Decode(&document); !errors.Is(err, io.EOF) {
		return nil, errors.New("has more than one document")
	}
	return root, nil
}

// flatten names nested members as flags are named: proxy.host, {"proxy": {"host"}} and proxy-host are the same.
func (c *configFile) flatten(prefix string, members map[string]any, known []string, p *problems) {
	for _, key := range slices.Sorted(maps.Keys(members)) {
		name := prefix + strings.ReplaceAll(key, ".", "-")
		if nested, ok := members[key].(map[string]any); ok {
			c.flatten(name+"-", nested, known, p)
			continue
		}
		if !slices.Contains(known, name) {
			hint := ""
			if near := nearest.Name(name, known); near != "" {
				hint = fmt.Sprintf("; did you mean %s?", near)
			}
			p.add("%s: there is no such setting%s (from %s)", name, hint, c.path)
			continue
		}
		if _, twice := c.values[name]; twice {
			p.add("%s: is there twice (from %s)", name, c.path)
		}
		switch value, ok := asText(members[key]); {
		case !ok:
			p.add("%s: must be a string, a number, a boolean or a list of strings (from %s)", name, c.path)
		case value != "":
			c.values[name] = value
		}
	}
}

// asText writes a value of the file as it would be written on the command line. Null is an empty text: unset.
func asText(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool, json.Number, int, float64: // the latter two in YAML
		return fmt.Sprint(v), true
	case []any:
		parts := make([]string, 0, len(v))
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return "", false
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

// value returns the setting and where it came from.
func (c configFile) value(v *kong.Value, p *problems) (value, origin string) {
	value, ok := c.values[v.Name]
	path, fileToo := "", false
	if isSecret(v) {
		path, fileToo = c.values[v.Name+fileSuffix]
	}
	switch {
	case ok && fileToo:
		p.add("%s: both %[1]s and %[1]s%s are there (from %s)", v.Name, fileSuffix, c.path)
		return "", ""
	case ok:
		return value, c.path
	case fileToo:
		return readSecret(v.Name, path, c.path, p), c.path
	}
	return "", ""
}

// settingNames are the names a config file may use: all settings but the path of the file itself.
func settingNames() []string {
	var names []string
	for _, f := range flags(new(Serve)) {
		if f.Name == "config" {
			continue
		}
		names = append(names, f.Name)
		if isSecret(f.Value) {
			names = append(names, f.Name+fileSuffix)
		}
	}
	return names
}

// flags describes the settings of s, whose values they hold.
func flags(s *Serve) []*kong.Flag {
	// Must fails only when the tags of Serve are wrong, which the first test would show.
	all := kong.Must(s, kong.Name("herald")).Model.Flags
	return slices.DeleteFunc(all, func(f *kong.Flag) bool { return !isSetting(f.Value) })
}

// Dump writes the settings as a JSON object that could serve as a config file, but for the secrets, which show only whether they are set.
func (s Serve) Dump(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("{")
	sep := "\n"
	for _, f := range flags(&s) {
		if f.Name == "config" {
			continue
		}
		var value any = f.Target.Interface()
		switch v := value.(type) {
		case bool, int, Secret:
		case fmt.Stringer: // durations and levels, by their names
			value = strings.ToLower(v.String())
		}
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("config: write %s: %w", f.Name, err)
		}
		if string(text) == "null" {
			text = []byte("[]")
		}
		fmt.Fprintf(&b, "%s  %q: %s", sep, f.Name, text)
		sep = ",\n"
	}
	b.WriteString("\n}\n")
	_, err := w.Write(b.Bytes())
	return err
}
