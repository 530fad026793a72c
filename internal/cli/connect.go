package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/internal/nearest"
)

// remote are the flags of a command that talks to a server. Such a command embeds it, and its Run gets a *session.
type remote struct {
	URL     string `group:"Server:" placeholder:"URL" help:"Where the server is ($$HERALD_URL). Default: the one that runs on this machine."`
	APIKey  string `group:"Server:" name:"api-key" placeholder:"KEY" help:"The API key. Others on this machine can read it here: better in $$HERALD_API_KEY, a file named by $$HERALD_API_KEY_FILE, or a profile."`
	Profile string `group:"Server:" placeholder:"NAME" help:"Take URL and key from this profile ($$HERALD_PROFILE); see: herald help profiles."`
	Debug   bool   `group:"Server:" help:"Print each request and response to stderr, secrets replaced."`
	Output  format `group:"Output:" short:"o" placeholder:"FORMAT" help:"table, json, jsonl or yaml. Default: table on a terminal, else json."`
}

// AfterApply is called by kong. The server is looked for when Run asks for the session, so that a wrong command line is told first.
func (r *remote) AfterApply(k *kong.Context) error {
	var w writes
	for _, flag := range k.Flags() { // of a command that embeds writes as well
		switch flag.Name {
		case "dry-run":
			w.DryRun, _ = k.FlagValue(flag).(bool)
		case "yes":
			w.Yes, _ = k.FlagValue(flag).(bool)
		}
	}
	return k.BindSingletonProvider(func(ctx context.Context, out *output) (*session, error) { return r.connect(ctx, out, w) })
}

// writes are the flags of a command that changes or sends something.
type writes struct {
	DryRun bool `group:"Output:" help:"Say what would be done, and do nothing."`
	Yes    bool `group:"Output:" short:"y" help:"Do not ask."`
}

// session is what a command works with: a server, and a way to tell what it answers.
type session struct {
	*output
	*client.Client
	format format
	chosen bool // by -o
	dryRun bool
	yes    bool
}

func (r *remote) connect(_ context.Context, out *output, w writes) (*session, error) {
	t, err := r.target(os.Getenv)
	if err != nil {
		return nil, err
	}
	patient := http.DefaultTransport.(*http.Transport).Clone()
	patient.ResponseHeaderTimeout = 2 * time.Minute // longer than a vote can take
	var transport http.RoundTripper = patient
	if r.Debug {
		transport = debugTransport{transport, out.talk}
	}
	if w.DryRun {
		transport = dryTransport{transport, out}
	}
	c, err := client.New(client.Options{URL: t.url, APIKey: t.key, Retries: 1, UserAgent: "herald/" + out.version, HTTP: &http.Client{Transport: transport}})
	if err != nil {
		return nil, usageError{strings.TrimPrefix(err.Error(), "client: ")}
	}
	return &session{out, c, r.Output.or(out), r.Output != "", w.DryRun, w.Yes}, nil
}

// target is a server and the key for it.
type target struct{ url, key string }

// target finds the server: the one that is named, else that of the default profile, else the one that runs here.
func (r *remote) target(env func(string) string) (target, error) {
	t := target{cmp.Or(r.URL, env("HERALD_URL")), cmp.Or(r.APIKey, env("HERALD_API_KEY"))}
	if path := env("HERALD_API_KEY_FILE"); t.key == "" && path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return t, fmt.Errorf("HERALD_API_KEY_FILE: the file cannot be read: %w", errors.Unwrap(err))
		}
		t.key = strings.TrimSpace(string(text))
	}
	all, err := readProfiles(env)
	if err != nil {
		return t, err
	}
	name := cmp.Or(r.Profile, env("HERALD_PROFILE"))
	if name == "" && t.url == "" {
		name = all.Default
	}
	if name != "" {
		p, err := all.find(name)
		if err != nil {
			return t, err
		}
		t.url = cmp.Or(t.url, p.URL)
		if t.key == "" && sameServer(t.url, p.URL) { // a key is for one server and shown to no other
			t.key = p.APIKey
		}
	}
	if t.url != "" && t.key != "" {
		return t, nil
	}
	here := running(env)
	for _, a := range here {
		if t.url != "" && sameServer(t.url, a.URL) {
			t.key = a.Key
		}
	}
	switch {
	case t.url != "": // what needs no key works without one
		return t, nil
	case len(here) == 0:
		return t, errNoServer
	case len(here) > 1 && !inDataFolder(here[0], env):
		return t, usageError{"several servers run on this machine; choose one:\n" + choices(here)}
	}
	return target{here[0].URL, cmp.Or(t.key, here[0].Key)}, nil
}

// errNoServer has the exit status of a server that cannot be reached.
var errNoServer = fmt.Errorf("%w: none runs on this machine for this user. Start one with herald serve, or name one with --url and HERALD_API_KEY", client.ErrUnreachable)

func choices(all []announcement) string {
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintf(&b, "  --url %s   data in %s\n", a.URL, a.Data)
	}
	return strings.TrimRight(b.String(), "\n")
}

// inDataFolder tells whether the server is that of the data folder at hand.
func inDataFolder(a announcement, env func(string) string) bool {
	folder, err := filepath.Abs(cmp.Or(env("HERALD_DATA"), "herald-data"))
	return err == nil && folder == a.Data
}

func sameServer(one, other string) bool {
	return strings.TrimRight(one, "/") == strings.TrimRight(other, "/")
}

// profiles is the profile file: ~/.config/herald/config.json.
type profiles struct {
	// Default is used when neither a profile nor a URL is named.
	Default  string             `json:"default"`
	Profiles map[string]profile `json:"profiles"`
	path     string
}

type profile struct {
	URL    string `json:"url"`
	APIKey string `json:"apiKey"`
}

func profilesPath(env func(string) string) string {
	folder := env("XDG_CONFIG_HOME")
	if folder == "" {
		folder = filepath.Join(env("HOME"), ".config")
	}
	return filepath.Join(folder, "herald", "config.json")
}

// readProfiles reads the profile file. Its errors do not quote it: there are keys in it.
func readProfiles(env func(string) string) (all profiles, err error) {
	all.path = profilesPath(env)
	text, err := os.ReadFile(all.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, fmt.Errorf("the profile file cannot be read: %w", err)
	}
	if info, err := os.Stat(all.path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return all, fmt.Errorf("other users can read the API keys in %s; first: chmod 600 %[1]s", all.path)
	}
	if json.Unmarshal(text, &all) != nil {
		return all, fmt.Errorf("the profile file %s must be JSON such as {\"default\": \"prod\", \"profiles\": {\"prod\": {\"url\": \"https://…\", \"apiKey\": \"…\"}}}", all.path)
	}
	return all, nil
}

func (p profiles) find(name string) (profile, error) {
	if found, ok := p.Profiles[name]; ok {
		return found, nil
	}
	names := make([]string, 0, len(p.Profiles))
	for known := range p.Profiles {
		names = append(names, known)
	}
	return profile{}, usageError{fmt.Sprintf("there is no profile %q in %s%s", name, p.path, didYouMean(name, names))}
}

func didYouMean(name string, known []string) string {
	if near := nearest.Name(name, known); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}
