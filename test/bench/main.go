// Command bench measures Herald from outside: the real binary in a process of its own, its callers and its receivers in this one.
// `make bench` runs it; docs/performance.md says how to read what it prints.
//
//	main.go        flags, the runs, in which order
//	ceiling.go     what the machine can do at all: the bare client → receiver exchange
//	receiver.go    receivers with a ledger of what arrived when
//	load.go        callers: as fast as they can, or at a steady rate
//	event.go       the events that are published
//	server.go      the server under test: a child process, or inside this one for a profile
//	client.go      the API calls that set a server up
//	filling.go     what a long life leaves in a store
//	store.go       its store, and a look into it: is anything still owed?
//	process.go     CPU time and memory of processes
//	scenario_*.go  what is measured, one file per subject
//	report.go      medians, tables, JSON
//	goals.go       what the figures are held against
//
// Machines are noisy, shared ones above all. So every rate stands beside the ceiling that was measured right before and after it, everything is
// measured several times in turn, and medians count. Read the ratios, not the figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
)

// settings are what the flags say.
type settings struct {
	engines []db.Engine
	only    []string // scenarios; empty means all
	runs    int
	each    time.Duration
	backlog int
	million bool
	large   int // events in the scenario million
	users   int // in the scenario login
	rows    int // events in the scenario lists
	quick   bool
	profile string // then the server runs in this process
	json    string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	dbtest.Stop()
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (s settings, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	engine := flags.String("engine", "", "measure only this engine: sqlite or postgres")
	only := flags.String("only", "", "measure only these, separated by commas: "+strings.Join(scenarioNames(), ", "))
	flags.IntVar(&s.runs, "runs", 3, "how often everything is measured; the medians count")
	flags.DurationVar(&s.each, "each", 3*time.Second, "how long one line is measured")
	flags.IntVar(&s.backlog, "backlog", 100_000, "how many events wait in the scenario backlog")
	flags.BoolVar(&s.million, "million", false, "measure the scenario million too: minutes, and some 3 GB of disk")
	flags.IntVar(&s.large, "large", 1_000_000, "how many events wait in the scenario million")
	flags.IntVar(&s.users, "users", 100_000, "how many users there are in the scenario login")
	flags.IntVar(&s.rows, "rows", 1_000_000, "how many events there are in the scenario lists")
	flags.BoolVar(&s.quick, "quick", false, "one short round of everything, to see that it works; its figures mean little")
	flags.StringVar(&s.json, "json", "", "write everything that was measured to this file")
	flags.StringVar(&s.profile, "cpuprofile", "", "write a CPU profile to this file; the server then shares a process with its callers and receivers,\n"+
		"and no CPU, memory or start is measured")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q is no flag; see -help", flags.Arg(0))
	}
	for _, e := range dbtest.Engines() {
		if *engine == "" || *engine == string(e) {
			s.engines = append(s.engines, e)
		}
	}
	if len(s.engines) == 0 {
		return s, fmt.Errorf("there is no engine %q: it is one of %v", *engine, dbtest.Engines())
	}
	if *only != "" {
		s.only = strings.Split(*only, ",")
	}
	for _, name := range s.only {
		if !slices.Contains(scenarioNames(), name) {
			return s, fmt.Errorf("there is no scenario %q: they are %s", name, strings.Join(scenarioNames(), ", "))
		}
		s.million = s.million || name == "million"
	}
	if s.quick {
		s.runs, s.each, s.backlog, s.large, s.users, s.rows = 1, 300*time.Millisecond, 5_000, 10_000, 2_000, 20_000
	}
	if s.runs < 1 || s.each <= 0 || s.backlog < 1000 || s.large < 1000 || s.users < 1 || s.rows < 1000 {
		return s, errors.New("there must be at least one run, some time for each line, 1000 events in a backlog and in lists, and a user")
	}
	return s, nil
}

// bench is one call of the command.
type bench struct {
	settings
	folder string // for everything temporary
	binary string
	report *report
}

// scenario measures one subject on one engine. What it measures it adds to the turn.
type scenario struct {
	name  string
	title string // for the table
	run   func(context.Context, *turn) error
	skip  func(*bench, db.Engine) bool // nil: never
}

func scenarios() []scenario {
	child := func(b *bench, _ db.Engine) bool { return b.profile != "" }
	return []scenario{
		{"votes", "Users created per second, webhooks that must all agree", measureVotes, nil},
		{"codes", "Two-factor codes sent per second", measureCodes, nil},
		{"login", "Logins per second", measureLogin, nil},
		{"single", "Events published one by one until delivered and recorded, events per second", measureSingle, nil},
		{"batch", "Events published 1,000 at a time until delivered and recorded, deliveries per second", measureBatch, nil},
		{"backlog", "Draining a backlog until delivered and recorded, deliveries per second", measureBacklog, nil},
		{"latency", "Delivery at 500 events per second", measureLatency, nil},
		{"dead", "Nine webhooks beside a tenth, at 200 events per second", measureDead, nil},
		{"processes", "Draining a backlog with one and with two servers on one database, deliveries per second", measureProcesses, func(b *bench, e db.Engine) bool {
			return e != db.PostgreSQL || child(b, e)
		}},
		{"start", "Start on an empty store", measureStart, child},
		{"lists", "Lists of a large store, read one at a time", measureLists, child},
		{"million", "A backlog for a webhook that hangs, and what it costs another one at 500 events per second", measureMillion, func(b *bench, e db.Engine) bool {
			return !b.million || child(b, e)
		}},
	}
}

func scenarioNames() (names []string) {
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

// turn is one scenario in one run on one engine.
type turn struct {
	*bench
	engine   db.Engine
	scenario scenario
	number   int // of the run, from 0
	lines    []line
}

// add puts a line on record.
func (t *turn) add(name string, v values) {
	t.lines = append(t.lines, line{name, v})
}

func run(ctx context.Context) (err error) {
	if len(os.Args) > 1 && os.Args[1] == bareCommand {
		return runBare(ctx, os.Args[2:])
	}
	s, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	b := &bench{settings: s}
	if b.folder, err = os.MkdirTemp("", "herald-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.folder)
	if b.profile == "" {
		if b.binary, err = build(ctx, b.folder); err != nil {
			return err
		}
	} else {
		file, err := os.Create(b.profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	b.report = newReport(b.settings)
	err = b.measureAll(ctx)
	b.report.print(os.Stdout)
	if b.json != "" {
		err = errors.Join(err, b.report.write(b.json))
	}
	return err
}

// measureAll runs every scenario on every engine, in turns: a slow minute of the machine then hits one run of each and not all runs of one. A scenario that
// fails is reported, and the others go on.
func (b *bench) measureAll(ctx context.Context) error {
	var errs []error
	without := map[db.Engine]bool{}
	for number := range b.runs {
		for _, s := range scenarios() {
			for _, engine := range b.engines {
				if without[engine] || len(b.only) > 0 && !slices.Contains(b.only, s.name) || s.skip != nil && s.skip(b, engine) {
					continue
				}
				err := b.measure(ctx, &turn{bench: b, engine: engine, scenario: s, number: number})
				switch {
				case ctx.Err() != nil:
					return context.Cause(ctx)
				case errors.Is(err, dbtest.ErrNoPostgreSQL):
					without[engine] = true
					fmt.Fprintf(os.Stderr, "%s is not measured: %v\n", engine, err)
				case err != nil:
					err = fmt.Errorf("%s on %s: %w", s.name, engine, err)
					fmt.Fprintln(os.Stderr, err)
					errs = append(errs, err)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// measure runs one scenario.
func (b *bench) measure(ctx context.Context, t *turn) error {
	err := t.scenario.run(ctx, t)
	for _, l := range t.lines {
		b.report.add(t, l)
		fmt.Fprintf(os.Stderr, "%-8s %d/%d  %-9s %-44s %s\n", t.engine, t.number+1, b.runs, t.scenario.name, l.name, l.values)
	}
	return err
}

// build makes the binary as `make build` does.
func build(ctx context.Context, folder string) (string, error) {
	binary := filepath.Join(folder, "herald")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "github.com/herald-events/herald/cmd/herald")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build herald: %w\n%s", err, out)
	}
	return binary, nil
}
