// Package cli is the command line: one file per command. Results go to stdout, talk goes to stderr.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/internal/problem"
)

// commands is the tree of commands; kong reads it.
type commands struct {
	Serve  serveCommand `cmd:"" help:"Run the server."`
	Demo   demoCommand  `cmd:"" help:"See Herald at work: one refused change, one retry."`
	Events struct {
		Types   typesCommand   `cmd:"" help:"List the event types."`
		Example exampleCommand `cmd:"" help:"Print a complete example of an event."`
	} `cmd:"" help:"What events there are."`
	APIKey struct {
		Create createKeyCommand `cmd:"" help:"Create an API key in the store itself, without a server."`
	} `cmd:"" name:"apikey" help:"Manage API keys."`
	DB      dbCommands     `cmd:"" name:"db" help:"Look after the store: back it up, restore it, move it."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1 // the command could not do what it was asked to; one sentence says why
	exitUsage  = 2 // the command line itself makes no sense
)

// output is where a command talks to.
type output struct {
	io.Writer           // results
	talk      io.Writer // everything else
	version   string
}

// Main runs the command that args name and returns the exit status. An interrupt or SIGTERM ends a running command in good order, a second
// one at once.
func Main(version string, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // after the first signal the next one has its usual effect

	var c commands
	exit := -1
	options := []kong.Option{
		kong.Name("herald"),
		kong.Description("The publisher of identity events: webhooks that decide, deliveries that last."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr),
		kong.Exit(func(status int) { exit = status }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&output{stdout, stderr, version}),
	}
	parser, err := kong.New(&c, append(options, config.Options(os.LookupEnv))...)
	if err != nil {
		panic(err) // the tree of commands is wrong: a mistake of ours that no start survives
	}
	parser.Model.HelpFlag.Help = "Show this help."
	if len(args) == 0 {
		args = []string{"--help"}
	}
	run, err := parser.Parse(args)
	if exit >= 0 {
		return exit // help was asked for and printed
	}
	if err == nil {
		err = run.Run()
	}
	switch usage, isUsage := errors.AsType[*kong.ParseError](err); {
	case err == nil, errors.Is(err, context.Canceled):
		return exitDone
	case isUsage && !isSettings(err):
		fmt.Fprintf(stderr, "herald: %v\nTry: %s --help\n", err, named(usage.Context))
		return exitUsage
	default:
		fmt.Fprintf(stderr, "herald: %s\n", sentence(err))
		return exitFailed
	}
}

// isSettings tells wrong settings, which may come from a file or the environment, from a wrong command line.
func isSettings(err error) bool {
	_, ok := errors.AsType[*config.Error](err)
	return ok
}

// named is the command that was recognised, as it would be typed.
func named(c *kong.Context) string {
	if c == nil || c.Selected() == nil {
		return "herald"
	}
	return c.Selected().FullPath()
}

// sentence puts an error into words for the terminal. Of a problem it takes the members and the messages; the codes are for programs.
func sentence(err error) string {
	if settings, ok := errors.AsType[*config.Error](err); ok {
		return settings.Error() // without the name of the command, which is none of the settings
	}
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || len(p.Fields)+len(p.General) == 0 {
		return err.Error()
	}
	var all []string
	for _, f := range p.Fields {
		all = append(all, f.Field[strings.LastIndex(f.Field, ".")+1:]+": "+f.Message)
	}
	for _, g := range p.General {
		all = append(all, g.Message)
	}
	return strings.Join(all, " ")
}

type versionCommand struct{}

func (versionCommand) Run(out *output) error {
	_, err := fmt.Fprintln(out, out.version)
	return err
}
