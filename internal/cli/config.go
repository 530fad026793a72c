package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/herald-events/herald/internal/config"
)

type configCommands struct {
	Show    configShow    `cmd:"" help:"The settings that herald serve would have here and now, without secrets."`
	Check   configCheck   `cmd:"" help:"Say what is wrong with the settings."`
	Explain configExplain `cmd:"" help:"What a setting means, its default, and where it is read from."`
}

type configShow struct {
	config.Serve `embed:""`

	printed
	Changed bool `help:"Only settings that somebody has set."`
}

func (configShow) Help() string {
	return `It takes what herald serve takes: flags, environment, config file, in this order. FROM says which it was; what nobody has set has its default.

Examples:

  herald config show --changed
  herald config show --config herald.yaml`
}

// setting is one as JSON shows it.
type setting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default bool   `json:"default"`
	From    string `json:"from,omitempty"` // the flag, the environment variable or the config file
}

func (c configShow) Run(out *output, from config.Origins) error {
	s := c.session(out)
	var all []setting
	for _, v := range c.Effective() {
		if !c.Changed || !v.Default {
			all = append(all, setting{v.Name, v.Text, v.Default, from[v.Name]})
		}
	}
	return list(s, whole("settings", those(all)), 0,
		col("SETTING", func(v setting) string { return v.Name }),
		col("VALUE", func(v setting) string { return v.Value }),
		col("FROM", func(v setting) string { return v.From }),
	)
}

type configCheck struct {
	config.Serve `embed:""`
}

func (configCheck) Help() string {
	return `Status 1 when something is wrong. It looks at the settings by themselves; whether the database answers and the port is free shows a start.

Examples:

  herald config check
  herald config check --config herald.yaml`
}

// Run is reached when all settings are right: wrong ones are told before.
func (c configCheck) Run(out *output) error {
	out.say("The settings are right: %s, listening on %s.", c.Database(), c.Addr)
	return nil
}

type configExplain struct {
	printed
	Setting string `arg:"" optional:"" help:"The setting, as its flag is called. Default: all of them."`
}

func (configExplain) Help() string {
	return `Examples:

  herald config explain egress-allow
  herald config explain HERALD_DATA`
}

// explained is what is to know about a setting, as JSON shows it.
type explained struct {
	Name        string   `json:"name"`
	Means       string   `json:"means"`
	Default     string   `json:"default,omitzero"`
	Flag        string   `json:"flag,omitzero"` // none for what others could read there
	Environment []string `json:"environment"`
}

func (c configExplain) Run(out *output) error {
	var names []string
	var all []explained
	for _, d := range config.Settings() {
		names = append(names, d.Name)
		names = append(names, d.Env...)
		if c.Setting != "" && !d.IsCalled(c.Setting) {
			continue
		}
		e := explained{d.Name, d.Help, d.Default, "--" + d.Name, d.Env}
		if d.Private {
			e.Flag = ""
		}
		all = append(all, e)
	}
	if all == nil {
		return usageError{fmt.Sprintf("there is no setting %q%s", c.Setting, didYouMean(c.Setting, names))}
	}
	s := c.session(out)
	if s.format != table {
		return list(s, whole("settings", those(all)), 0)
	}
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(s)
		}
		s.fields(
			"Setting", e.Name, "Means", e.Means, "Default", e.Default, "Flag", cmp.Or(e.Flag, "none: others could read it"), "Environment", strings.Join(e.Environment, ", "), "Config file", e.Name,
		)
	}
	return nil
}
