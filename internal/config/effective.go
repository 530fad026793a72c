package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// Value is one setting as it is in force.
type Value struct {
	// Name is that of the flag.
	Name string
	// Text is the value for people, "" when there is none. A secret is "(set)".
	Text string
	// Default tells that nobody has set it.
	Default bool
}

// Effective are all settings in the order of the help text. None of them shows a secret.
func (s Serve) Effective() []Value {
	model, err := kong.New(&s, kong.Bind(Env(func(string) (string, bool) { return "", false })))
	if err != nil { // the tags above are part of the program
		panic(err)
	}
	var all []Value
	for _, f := range model.Model.Flags {
		if isSetting(f.Value) {
			text := textOf(f.Target)
			all = append(all, Value{Name: f.Name, Text: text, Default: strings.EqualFold(text, f.Default) || text == "" || text == "false"})
		}
	}
	return all
}

func textOf(value reflect.Value) string {
	if value.Kind() == reflect.Slice {
		parts := make([]string, value.Len())
		for i := range parts {
			parts[i] = fmt.Sprint(value.Index(i).Interface())
		}
		return strings.Join(parts, ", ")
	}
	if text := fmt.Sprint(value.Interface()); text != "0" { // a port that is not set
		return text
	}
	return ""
}
