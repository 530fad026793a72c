package cli

import (
	"fmt"

	"github.com/herald-events/herald/event"
)

type eventsCommands struct {
	Types   typesCommand   `cmd:"" help:"List the event types."`
	Example exampleCommand `cmd:"" help:"Print a complete example of an event."`
}

type typesCommand struct {
	Output format `short:"o" placeholder:"FORMAT" help:"table, json, jsonl or yaml. Default: table on a terminal, else json."`
}

func (typesCommand) Help() string {
	return `Examples:

  herald events types
  herald events types -o table | grep login`
}

func (c typesCommand) Run(out *output) error {
	s := &session{output: out, format: c.Output.or(out)}
	all := func(yield func(event.Descriptor, error) bool) {
		for _, d := range event.All() {
			if !yield(d, nil) {
				return
			}
		}
	}
	return list(s, "eventTypes", all, 0,
		col("TYPE", func(d event.Descriptor) string { return string(d.Type) }),
		col("SCOPE", func(d event.Descriptor) string { return string(d.Scope) }),
		col("ASKED", func(d event.Descriptor) string {
			if d.Transactional {
				return "yes"
			}
			return "-"
		}),
		col("DESCRIPTION", func(d event.Descriptor) string { return d.Description }),
	)
}

type exampleCommand struct {
	Type string `arg:"" help:"The event type, such as user.create."`
}

func (exampleCommand) Help() string {
	return `Examples:

  herald events example user.create
  herald events example user.create | curl -d @- -H 'Content-Type: application/json' http://localhost:3000/hook`
}

func (c exampleCommand) Run(out *output) error {
	example, err := event.Example(event.Type(c.Type))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", example)
	return err
}
