package config

import (
	"strings"
)

// Doc describes a setting.
type Doc struct {
	// Name is that of the flag, and of the member in the config file.
	Name string
	// Help is a sentence, Default the value without one, "" when there is none.
	Help, Default string
	// Env are the environment variables, the first one that is set wins.
	Env []string
	// Private settings cannot be given as flags. They and other secrets can also come from files: the variable's name with _FILE.
	Private bool
}

// IsCalled tells whether name is that of the flag, one of the variables, or the member of the config file.
func (d Doc) IsCalled(name string) bool {
	name = strings.TrimLeft(name, "-")
	for _, own := range append([]string{d.Name, strings.ReplaceAll(d.Name, "-", ".")}, d.Env...) {
		if strings.EqualFold(own, name) {
			return true
		}
	}
	return false
}

// Settings describes all settings in the order of the help text.
func Settings() (all []Doc) {
	for _, f := range flags(new(Serve)) {
		env := envNames(f.Value)
		if isSecret(f.Value) && len(env) > 0 {
			env = append(env, env[0]+"_FILE")
		}
		help := strings.TrimSpace(strings.ReplaceAll(f.OrigHelp, "(default: ${default})", ""))
		help = strings.TrimSuffix(help, ".")
		all = append(all, Doc{Name: f.Name, Help: strings.TrimSpace(help) + ".", Default: f.Default, Env: env, Private: f.Tag.Has("private")})
	}
	return all
}
