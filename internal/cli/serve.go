package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/config"
)

type serveCommand struct {
	config.Serve `embed:""`
}

func (serveCommand) Help() string {
	return `Without options it keeps its data in ./herald-data and listens on port 9011. It prints where the admin UI is and, as long as there is no administrator, a link to make
one. The commands on this machine find it by themselves; see: herald help profiles.

Examples:

  herald serve
  herald serve --addr :8080 --kickstart kickstart.json
  HERALD_DATABASE_URL=postgres://… herald serve --hardened`
}

// drainTime is how long a stopping server waits for requests, votes and deliveries under way: longer than a vote can take.
const drainTime = 30 * time.Second

func (c serveCommand) Run(ctx context.Context, out *output) (err error) {
	defer func() {
		if errors.Is(err, context.Canceled) { // stopped while it started: an orderly end
			err = nil
		}
	}()
	begin := time.Now()
	if os.Getenv("GOGC") == "" {
		// What lives is small (some 20 MB) and what is thrown away is much, one event after the other: collecting less often takes a few megabytes and
		// gives back a tenth of the CPU. Beyond 200 it takes more and gives back nothing.
		debug.SetGCPercent(200)
	}
	log := logger(c.Log, out.talk)
	// net/http writes what it cannot return as an error to the standard logger, parts of a receiver's answer among it.
	slog.SetDefault(log)
	stdlog.SetOutput(io.Discard)
	a, err := app.New(ctx, app.Options{Settings: c.Serve, Version: out.version, Logger: log})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
	}
	// Where log lines are JSON, so is what is said to people.
	say := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); c.Log.Format == "json" {
			log.Info(strings.TrimSpace(text))
		} else {
			fmt.Fprintln(out.talk, text)
		}
	}
	url := localURL(a.Addr())
	database := c.Database()
	if a.Created() {
		database += " (new)"
	}
	say("herald %s · %s · %d ms", out.version, database, time.Since(begin).Milliseconds())
	say("  Admin     %s/admin", url)
	if token, err := a.SetUpToken(ctx); err != nil {
		return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
	} else if token != "" {
		say("  First-time setup (valid 30 min): %s/admin/setup?token=%s", url, token)
	}
	say("  API       %s/api          docs: /docs", url)
	if c.NoLocalCLI || c.Hardened {
		if fresh, err := a.Fresh(ctx); err != nil {
			return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		} else if fresh {
			say("  There is no API key yet. %s:  herald apikey create%s", makeOne(c.Store), storeFlags(c.Store))
		}
	} else {
		data, err := filepath.Abs(c.Data)
		if err != nil {
			data = c.Data
		}
		defer announce(announcement{URL: url, Key: a.LocalKey(), Data: data}, os.Getenv)()
		say("  CLI       ready on this machine; try:  herald listen")
	}
	// What the start took, migrations above all, nothing needs again. Pools let go of it at the second collection.
	runtime.GC()
	debug.FreeOSMemory()
	select {
	case <-ctx.Done():
		say("Stopping: requests, votes and deliveries under way finish, the rest stays in the outbox. A second signal ends it at once.")
	case err = <-a.Served():
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return errors.Join(err, a.Stop(drain))
}

func logger(l config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.Level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// localURL is an address at which the server can be reached from the same machine.
func localURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (ip == nil || ip.IsUnspecified()) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// makeOne is the way to the first key. SQLite's folder belongs to one process at a time.
func makeOne(s config.Store) string {
	if s.DatabaseURL.IsSet() {
		return "Make one"
	}
	return "Stop the server, then make one"
}

// storeFlags are the flags that lead another command to the same store. A PostgreSQL address holds a password and is not repeated.
func storeFlags(s config.Store) string {
	switch {
	case s.DatabaseURL.IsSet():
		return " --database-url …"
	case s.Data != "./herald-data":
		return " --data " + s.Data
	default:
		return ""
	}
}
