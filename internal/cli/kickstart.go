package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/kickstart"
	"github.com/herald-events/herald/wire"
)

type kickstartCommands struct {
	Check  kickstartCheck  `cmd:"" help:"Say what is wrong with a kickstart file, without a server."`
	Apply  kickstartApply  `cmd:"" help:"Run a kickstart file against a running server."`
	Export kickstartExport `cmd:"" help:"Write the set-up of a running server as a kickstart file."`
	Schema kickstartSchema `cmd:"" help:"Print the JSON Schema of kickstart files, for editors."`
}

type kickstartCheck struct {
	printed
	File string `arg:"" help:"The kickstart file."`
}

func (kickstartCheck) Help() string {
	return `Environment variables that the file reads have to be set, as for the server. Status 1 when there are problems; warnings alone are status 0.

Examples:

  herald kickstart check kickstart.json`
}

func (c kickstartCheck) Run(out *output) error {
	file, err := kickstart.Load(c.File, os.LookupEnv, app.KickstartBuiltIns(""))
	bad, isLoad := errors.AsType[*kickstart.LoadError](err)
	if err != nil && !isLoad {
		return err
	}
	var problems, warnings []kickstart.Problem
	if isLoad {
		problems, warnings = bad.Problems, bad.Warnings
	} else {
		warnings = file.Warnings
	}
	s := c.session(out)
	if !s.chosen {
		s.format = table // which is one problem a line, as editors read them
	}
	if err := s.answer(map[string]any{"problems": inKickstart(problems), "warnings": inKickstart(warnings)}, func() {
		for _, p := range problems {
			fmt.Fprintln(s, p)
		}
		for _, w := range warnings {
			fmt.Fprintf(s, "warning: %s\n", w)
		}
	}); err != nil {
		return err
	}
	if len(problems) > 0 {
		out.say("%s, %s", counts(len(problems), "problem"), counts(len(warnings), "warning"))
		return errFound
	}
	out.say("%s: %s and %s, %s", c.File, counts(len(file.APIKeys), "key"), counts(len(file.Requests), "request"), counts(len(warnings), "warning"))
	return nil
}

// kickstartProblem is what is wrong with a kickstart file, as JSON shows it.
type kickstartProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitzero"`
	Where   string `json:"where,omitzero"`
	Message string `json:"message"`
}

func inKickstart(all []kickstart.Problem) []kickstartProblem {
	shown := make([]kickstartProblem, len(all))
	for i, p := range all {
		shown[i] = kickstartProblem(p)
	}
	return shown
}

type kickstartApply struct {
	remote
	writes
	File string `arg:"" help:"The kickstart file."`
}

func (kickstartApply) Help() string {
	return `A server runs its kickstart file by itself when nobody has used it yet (herald serve --kickstart). This runs one against a server in use: it makes the keys that are not there,
then the requests in their order, and stops at the first that fails. Needs a key that may manage keys.

Examples:

  herald kickstart check kickstart.json && herald kickstart apply kickstart.json
  herald kickstart apply kickstart.json --dry-run`
}

func (c kickstartApply) Run(ctx context.Context, s *session) error {
	home, err := s.defaultTenant(ctx)
	if err != nil {
		return err
	}
	file, err := kickstart.Load(c.File, os.LookupEnv, app.KickstartBuiltIns(string(home)))
	if err != nil {
		return err
	}
	if s.dryRun {
		for _, k := range file.APIKeys {
			fmt.Fprintf(s, "would create %s\n", k)
		}
		for _, q := range file.Requests {
			fmt.Fprintf(s, "would request %s\n", q)
		}
		return nil
	}
	if err := s.confirm("Make %s and %s at %s?", counts(len(file.APIKeys), "key"), counts(len(file.Requests), "request"), s.URL()); err != nil {
		return err
	}
	to, err := url.Parse(s.URL())
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	report, err := kickstart.Run(ctx, file, kickstart.Target{
		Untouched: func(context.Context) (bool, error) { return true, nil }, // who runs this command knows that it is not
		DefaultTenant: func(_ context.Context, id string) error {
			if id != string(home) {
				return fmt.Errorf("the file gives the default tenant the id %s, which only an untouched server can do; here it is %s", id, home)
			}
			return nil
		},
		CreateKey: s.kickstartKey,
		Handler:   proxy,
		Success:   func(context.Context) error { return nil },
	}, nil)
	if ctx.Err() != nil { // whatever the request under way was answered with
		s.say("\nInterrupted: %s were applied and stay so. Take these out of the file before it is applied again.", report)
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	s.say("%s.", report)
	return nil
}

// kickstartKey makes a key, unless it is there.
func (s *session) kickstartKey(ctx context.Context, k kickstart.APIKey) error {
	given := wire.APIKey{
		ID: wire.ID(k.ID), Key: k.Key, Name: cmp.Or(k.Name, k.Description), TenantID: wire.ID(k.TenantID), Permissions: wire.APIKeyPermissions{Endpoints: k.Permissions},
		ExpirationInstant: k.ExpirationInstant, Retrievable: k.Retrievable, IPAccessControlListID: wire.ID(k.IPAccessControlListID),
	}
	if k.KeyManager {
		s.say("%s becomes no key manager: only a server that starts with the file makes those.", k)
	}
	_, err := s.APIKeys.Create(ctx, given)
	if answer, ok := errors.AsType[*client.Error](err); ok && answer.Has("[duplicate]apiKey.key") {
		return nil
	}
	return err
}

// defaultTenant is the tenant that a server begins with: the oldest.
func (s *session) defaultTenant(ctx context.Context) (wire.ID, error) {
	var all []wire.Tenant
	for t, err := range s.Tenants.List(ctx) {
		if err != nil {
			return "", err
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		return "", notFoundError{"there is no tenant that this key may see"}
	}
	return slices.MinFunc(all, func(a, b wire.Tenant) int { return cmp.Compare(a.InsertInstant, b.InsertInstant) }).ID, nil
}

type kickstartExport struct {
	remote
}

func (kickstartExport) Help() string {
	return `Tenants, webhooks, sinks, the Kafka integrations, messengers and templates. Secrets are variables that read the environment.

Examples:

  herald kickstart export > kickstart.json
  herald serve --data ./elsewhere --kickstart kickstart.json`
}

func (c kickstartExport) Run(ctx context.Context, s *session) error {
	file, err := s.System.ExportKickstart(ctx)
	if err == nil {
		_, err = s.Write(append(file, '\n'))
	}
	return err
}

type kickstartSchema struct{}

func (kickstartSchema) Help() string {
	return `Examples:

  herald kickstart schema > kickstart.schema.json`
}

func (kickstartSchema) Run(out *output) error {
	_, err := out.Write(kickstart.Schema)
	return err
}
