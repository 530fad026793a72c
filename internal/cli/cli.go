// Package cli is the command line: one file per noun. Results go to stdout, talk goes to stderr.
//
//	cli.go       the tree of commands, and the way from arguments to exit status
//	connect.go   which server a command talks to: flags, environment, profiles, the server on this machine
//	announce.go  how serve lets itself be found there
//	output.go    tables for people; JSON, JSON lines and YAML for programs; questions
//	progress.go  how far a long task is
//	tasks.go     what the server does with many deliveries: counted, agreed to, begun, followed
//	pick.go      objects by id, the beginning of an id, or a name
//	receivers.go webhooks and sinks together, as those who get events
//	when.go      instants and durations, read and shown
//	wirelog.go   --debug and --dry-run
//	exit.go      errors into sentences and exit statuses
//
// A command that talks to a server embeds remote, and writes if it changes something; its Run gets a *session, which has the client, the format of the output and the
// answers to "really?". To add a command: a file with its type, Run and Help, one line in the tree below, a script in testdata/script.
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
	Serve  serveCommand  `cmd:"" group:"Begin:" help:"Run the server."`
	Demo   demoCommand   `cmd:"" group:"Begin:" help:"See Herald at work: one refused change, one retry."`
	Status statusCommand `cmd:"" group:"Begin:" help:"How a running server is, on one screen."`

	Listen     listenCommand      `cmd:"" group:"What happens:" help:"Receive events here: see them, or hand them to a program of yours."`
	Trigger    triggerCommand     `cmd:"" group:"What happens:" help:"Cause a real event."`
	Events     eventsCommands     `cmd:"" group:"What happens:" help:"What happened, as it happens, and what can happen."`
	Deliveries deliveriesCommands `cmd:"" group:"What happens:" help:"What is owed to webhooks: look, send again, recover, wait."`
	Messages   messagesCommands   `cmd:"" group:"What happens:" help:"What people were sent."`

	Webhooks   webhooksCommands   `cmd:"" group:"Set up:" help:"Who gets events."`
	Tenants    tenantsCommands    `cmd:"" group:"Set up:" help:"Which events are sent, and how many webhooks must agree."`
	Sinks      sinksCommands      `cmd:"" group:"Set up:" help:"Brokers and files that get committed events."`
	Messengers messengersCommands `cmd:"" group:"Set up:" help:"What takes messages to people."`
	Templates  templatesCommands  `cmd:"" group:"Set up:" help:"The texts that people get."`
	Users      usersCommands      `cmd:"" group:"Set up:" help:"Users, as far as it takes to cause events."`
	Keys       keysCommands       `cmd:"" group:"Set up:" help:"Keys that sign."`

	APIKeys apiKeysCommands `cmd:"" group:"Set up:" name:"apikeys" help:"Who may call the API."`
	APIKey  struct {
		Create createKeyCommand `cmd:"" help:"Create an API key in the store itself, without a server."`
	} `cmd:"" group:"Set up:" name:"apikey" help:"Create an API key in the store itself, without a server."`

	Doctor    doctorCommand     `cmd:"" group:"Operate:" help:"Examine a running server."`
	Import    importCommands    `cmd:"" group:"Operate:" help:"Copy a set-up from elsewhere."`
	Kickstart kickstartCommands `cmd:"" group:"Operate:" help:"Files that set up a server: check, apply, export."`
	Config    configCommands    `cmd:"" group:"Operate:" help:"The settings of herald serve."`
	Verify    verifyCommand     `cmd:"" group:"Operate:" help:"Check the signature of a request to a webhook."`

	DB     dbCommands    `cmd:"" group:"Operate:" name:"db" help:"Look after the store: back it up, restore it, move it."`
	Health healthCommand `cmd:"" group:"Operate:" help:"Ask a server whether it is well, for health checks."`

	Completion completionCommand `cmd:"" group:"Help:" help:"Print the script that completes commands in a shell."`
	Complete   completeCommand   `cmd:"" hidden:"" name:"__complete" help:"Print what a word can become."`

	Version versionCommand `cmd:"" group:"Help:" help:"Print the version."`
	Help    helpCommand    `cmd:"" group:"Help:" help:"Explain a command, or one of the topics profiles, output, status-codes."`
}

// Main runs the command that args name and returns the exit status. An interrupt or SIGTERM ends a running command in good order, a second
// one at once.
func Main(version string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // after the first signal the next one has its usual effect

	exit := -1
	out := newOutput(version, stdin, stdout, stderr)
	parser, err := kong.New(&commands{}, options(ctx, out, func(status int) { exit = status })...)
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
	if exit >= 0 {
		return exit // by the command help
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Canceled
	}
	status, silent := exitStatus(err)
	if silent {
		return status
	}
	fmt.Fprintf(stderr, "herald: %s\n", printableLines(sentence(err)))
	if usage, ok := errors.AsType[*kong.ParseError](err); ok && status == exitUsage {
		fmt.Fprintf(stderr, "Try: %s --help\n", named(usage.Context))
	}
	return status
}

func options(ctx context.Context, out *output, exit func(int)) []kong.Option {
	return []kong.Option{
		kong.Name("herald"),
		kong.Description("The publisher of identity events: webhooks that decide, deliveries that last."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Writers(out.Writer, out.talk),
		kong.Exit(exit),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(out),
		config.Options(os.LookupEnv),
	}
}

// named is the command that was recognised, as it would be typed.
func named(c *kong.Context) string {
	if c == nil || c.Selected() == nil {
		return "herald"
	}
	return c.Selected().FullPath()
}
