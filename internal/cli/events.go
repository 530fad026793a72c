package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/herald-events/herald/event"
)

type typesCommand struct {
	Output string `short:"o" enum:"table,json" default:"table" placeholder:"table|json" help:"How to write them (default: ${default})."`
}

func (c typesCommand) Run(out *output) error {
	if c.Output == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(event.All())
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TYPE\tSCOPE\tASKED\tDESCRIPTION")
	for _, d := range event.All() {
		asked := "-"
		if d.Transactional {
			asked = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Type, d.Scope, asked, d.Description)
	}
	return w.Flush()
}

type exampleCommand struct {
	Type string `arg:"" help:"The event type, such as user.create."`
}

func (c exampleCommand) Run(out *output) error {
	example, err := event.Example(event.Type(c.Type))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", example)
	return err
}
