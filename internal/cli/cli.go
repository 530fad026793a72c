// Package cli is the command line: one file per command. Results go to stdout, talk goes to stderr.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/herald-events/herald/internal/config"
)

// commands is the tree of commands; kong reads it.
type commands struct {
	Serve  serveCommand `cmd:"" help:"Run the server."`
	Demo   demoCommand  `cmd:"" help:"See Herald at work: a server, a receiver, users, one refused change, one retry."`
	Events struct {
		Types   typesCommand   `cmd:"" help:"List the event types."`
		Example exampleCommand `cmd:"" help:"Print a complete example of an event."`
	} `cmd:"" help:"What events there are."`
	APIKey struct {
		Create createKeyCommand `cmd:"" help:"Create an API key in the store itself, without a server."`
	} `cmd:"" name:"apikey" aliases:"apikeys" help:"Manage API keys."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
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
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Exit(func(status int) { exit = status }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&output{stdout, stderr, version}),
	}
	parser, err := kong.New(&c, append(options, config.Options(os.LookupEnv))...)
	if err != nil {
		panic(err) // the tree of commands is wrong: a mistake of ours that no start survives
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	run, err := parser.Parse(args)
	if exit >= 0 {
		return exit // help was asked for and printed
	}
	if err != nil {
		fmt.Fprintf(stderr, "herald: %v\n", err)
		return exitUsage
	}
	if err := run.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(stderr, "herald: %v\n", err)
		return exitFailed
	}
	return exitDone
}

type versionCommand struct{}

func (versionCommand) Run(out *output) error {
	_, err := fmt.Fprintln(out, out.version)
	return err
}
