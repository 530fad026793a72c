package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/config"
)

// planted is in every secret of these tests and must be in no error, help text or dump.
const planted = "pl4nted"

type commands struct {
	Serve  config.Serve `cmd:""`
	Apikey struct {
		config.Store
		Addr string // a flag of the command's own, with the name of a setting it does not have
	} `cmd:""`
}

// parse runs a command line in an environment, as the binary does.
func parse(t *testing.T, env map[string]string, args ...string) (*commands, error) {
	t.Helper()
	var c commands
	lookup := config.Env(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	k, err := kong.New(&c, kong.Name("herald"), config.Options(lookup), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Parse(args)
	return &c, err
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var secrets = cmp.Comparer(func(a, b config.Secret) bool { return a.Reveal() == b.Reveal() })

var prefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func defaults() config.Serve {
	return config.Serve{
		Store:              config.Store{Data: "./herald-data"},
		Addr:               ":9011",
		TransactionTimeout: 10 * time.Second,
		NodeLease:          15 * time.Second,
		Log:                config.Log{Format: "text", Level: slog.LevelInfo},
	}
}

func TestServe_Sources(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		file string // content of the config file, given by --config when not empty
		env  map[string]string
		args []string
		want func(*config.Serve)
	}{
		{name: "defaults", want: func(*config.Serve) {}},
		{
			name: "flags",
			args: []string{
				"--addr=:80", "--data=/d", "--database-url=postgres://h/db", "--kickstart=k.json", "--hardened", "--egress-allow=10.0.0.0/8,::1/128",
				"--egress-deny=192.0.2.0/24", "--proxy-host=relay", "--proxy-port=3128", "--transaction-timeout=1m", "--local-metrics", "--breached-passwords=stolen.txt", "--log-format=json", "--log-level=debug",
			},
			want: func(s *config.Serve) {
				s.Addr, s.Data, s.DatabaseURL, s.Kickstart, s.Hardened = ":80", "/d", config.NewSecret("postgres://h/db"), "k.json", true
				s.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
				s.Egress.Deny = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
				s.Proxy.Host, s.Proxy.Port, s.TransactionTimeout, s.LocalMetrics, s.BreachedPasswords = "relay", 3128, time.Minute, true, "stolen.txt"
				s.Log = config.Log{Format: "json", Level: slog.LevelDebug}
			},
		},
		{
			name: "environment",
			env: map[string]string{
				"HERALD_ADDR": ":80", "HERALD_DATA": "/d", "HERALD_DATABASE_URL": "postgres://h/db", "HERALD_KICKSTART": "k.json", "HERALD_HARDENED": "true",
				"HERALD_EGRESS_ALLOW": "10.0.0.0/8", "HERALD_EGRESS_DENY": "192.0.2.0/24", "HERALD_PROXY_HOST": "relay", "HERALD_PROXY_PORT": "3128",
				"HERALD_PROXY_USERNAME": "u", "HERALD_PROXY_PASSWORD": planted, "HERALD_ENCRYPTION_KEY": planted, "HERALD_TRANSACTION_TIMEOUT": "1m",
				"HERALD_LOG_FORMAT": "json", "HERALD_LOG_LEVEL": "error", "HERALD_LOCAL_METRICS": "true",
			},
			want: func(s *config.Serve) {
				s.Addr, s.Data, s.DatabaseURL, s.Kickstart, s.Hardened = ":80", "/d", config.NewSecret("postgres://h/db"), "k.json", true
				s.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
				s.Egress.Deny = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
				s.Proxy = config.Proxy{Host: "relay", Port: 3128, Username: "u", Password: config.NewSecret(planted)}
				s.EncryptionKey, s.TransactionTimeout, s.LocalMetrics = config.NewSecret(planted), time.Minute, true
				s.Log = config.Log{Format: "json", Level: slog.LevelError}
			},
		},
		{
			name: "file, nested and flat",
			file: "\ufeff" + `{"addr": ":80", "database-url": "postgres://h/db", "hardened": true, "egress": {"allow": ["10.0.0.0/8", "::1/128"]},
				"proxy": {"host": "relay", "username": "u"}, "proxy-port": 3128, "proxy.password": "` + planted + `", "transaction-timeout": "1m", "log": {"level": "warn"}, "kickstart": null}`,
			want: func(s *config.Serve) {
				s.Addr, s.DatabaseURL, s.Hardened, s.TransactionTimeout = ":80", config.NewSecret("postgres://h/db"), true, time.Minute
				s.Egress.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
				s.Proxy = config.Proxy{Host: "relay", Port: 3128, Username: "u", Password: config.NewSecret(planted)}
				s.Log.Level = slog.LevelWarn
			},
		},
		{
			name: "flag before environment before file",
			file: `{"addr": ":1", "data": "/file", "kickstart": "file.json"}`,
			env:  map[string]string{"HERALD_ADDR": ":2", "HERALD_DATA": "/env"},
			args: []string{"--addr=:3"},
			want: func(s *config.Serve) { s.Addr, s.Data, s.Kickstart = ":3", "/env", "file.json" },
		},
		{
			name: "a bad value counts only where it is used",
			file: `{"transaction-timeout": "soon"}`,
			env:  map[string]string{"HERALD_TRANSACTION_TIMEOUT": "5s", "HERALD_PROXY_PORT": "x", "PROXY_HOST": "h"},
			args: []string{"--proxy-port=1"},
			want: func(s *config.Serve) {
				s.TransactionTimeout, s.Proxy.Host, s.Proxy.Port = 5*time.Second, "h", 1
			},
		},
		{
			name: "an empty variable is unset",
			file: `{"addr": ":1"}`,
			env:  map[string]string{"HERALD_ADDR": "", "PROXY_HOST": "", "PROXY_PASSWORD_FILE": "", "HERALD_CONFIG": ""},
			want: func(s *config.Serve) { s.Addr = ":1" },
		},
		{
			name: "FusionAuth's names in capitals",
			env: map[string]string{
				"FUSIONAUTH_APP_KICKSTART_FILE": "k.json", "PROXY_HOST": "relay", "PROXY_PORT": "3128", "PROXY_USERNAME": "u", "PROXY_PASSWORD": planted,
				"FUSIONAUTH_APP_LOCAL_METRICS_ENABLED": "true",
			},
			want: func(s *config.Serve) {
				s.LocalMetrics = true
				s.Kickstart, s.Proxy = "k.json", config.Proxy{Host: "relay", Port: 3128, Username: "u", Password: config.NewSecret(planted)}
			},
		},
		{
			name: "FusionAuth's dotted names come first of the two",
			env: map[string]string{
				"fusionauth-app.kickstart.file": "dotted.json", "FUSIONAUTH_APP_KICKSTART_FILE": "k.json",
				"proxy.host": "dotted", "PROXY_HOST": "relay", "proxy.port": "1", "proxy.username": "u", "proxy.password": planted,
				"fusionauth-app.local-metrics.enabled": "true", "FUSIONAUTH_APP_LOCAL_METRICS_ENABLED": "false",
			},
			want: func(s *config.Serve) {
				s.LocalMetrics = true
				s.Kickstart, s.Proxy = "dotted.json", config.Proxy{Host: "dotted", Port: 1, Username: "u", Password: config.NewSecret(planted)}
			},
		},
		{
			name: "Herald's names come before FusionAuth's",
			env:  map[string]string{"HERALD_KICKSTART": "h.json", "FUSIONAUTH_APP_KICKSTART_FILE": "f.json"},
			want: func(s *config.Serve) { s.Kickstart = "h.json" },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want, args := defaults(), append([]string{"serve"}, tt.args...)
			tt.want(&want)
			if tt.file != "" {
				want.Config = write(t, "herald.json", tt.file)
				args = append(args, "--config="+want.Config)
			}
			c, err := parse(t, tt.env, args...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, c.Serve, secrets, prefixes); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServe_ConfigFileFromEnvironment(t *testing.T) {
	t.Parallel()
	path := write(t, "herald.json", `{"addr": ":1"}`)
	c, err := parse(t, map[string]string{"HERALD_CONFIG": path}, "serve")
	if err != nil || c.Serve.Addr != ":1" || c.Serve.Config != path {
		t.Errorf("addr %q, config %q, error %v", c.Serve.Addr, c.Serve.Config, err)
	}
}

func TestServe_SecretsFromFiles(t *testing.T) {
	t.Parallel()
	one, two := write(t, "one", planted+"1\r\n"), write(t, "two", planted+"2\n")
	cfg := write(t, "herald.json", fmt.Sprintf(`{"encryption-key-file": %q, "proxy": {"password-file": %[1]q}}`, one))
	c, err := parse(t, map[string]string{"PROXY_PASSWORD_FILE": two, "PROXY_HOST": "h", "PROXY_PORT": "1", "PROXY_USERNAME": "u"}, "serve", "--config", cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Serve.EncryptionKey.Reveal(); got != planted+"1" {
		t.Error("the encryption key does not come from the file the config file names")
	}
	if got := c.Serve.Proxy.Password.Reveal(); got != planted+"2" {
		t.Error("the proxy's password does not come from the file the environment names")
	}
}

// A command that needs only the store shares the config file with the server.
func TestStore_OtherCommands(t *testing.T) {
	t.Parallel()
	path := write(t, "herald.json", `{"addr": ":1", "data": "/d", "proxy": {"host": "h"}}`)
	c, err := parse(t, map[string]string{"HERALD_ADDR": ":2"}, "apikey", "--config", path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Apikey.Data != "/d" {
		t.Errorf("data is %q", c.Apikey.Data)
	}
	if c.Apikey.Addr != "" {
		t.Errorf("a flag that is no setting was set from the settings: %q", c.Apikey.Addr)
	}
}

func TestServe_Problems(t *testing.T) {
	t.Parallel()
	long := write(t, "long", strings.Repeat("x", 70_000))
	blank := write(t, "blank", "\n")
	secret := write(t, "secret", planted)
	tests := []struct {
		name string
		file string
		env  map[string]string
		args []string
		want []string // a part of each problem, in order
	}{
		{name: "flag: no duration", args: []string{"--transaction-timeout=10"}, want: []string{"--transaction-timeout"}},
		{name: "flag: unknown", args: []string{"--adr=:1"}, want: []string{"--addr"}},
		{
			name: "flag: secrets",
			args: []string{"--encryption-key=" + planted, "--proxy-password=" + planted},
			want: []string{"encryption-key: cannot be given on the command line, where others can read it; set HERALD_ENCRYPTION_KEY or HERALD_ENCRYPTION_KEY_FILE", "proxy-password: cannot"},
		},
		{
			name: "environment: everything unreadable at once",
			env:  map[string]string{"HERALD_TRANSACTION_TIMEOUT": "10", "PROXY_PORT": "http", "HERALD_HARDENED": "maybe", "HERALD_EGRESS_ALLOW": "10.0.0.0", "HERALD_LOG_LEVEL": "loud"},
			want: []string{"hardened: ", "egress-allow: ", "proxy-port: ", "transaction-timeout: ", "log-level: "},
		},
		{
			name: "environment: secret twice",
			env:  map[string]string{"HERALD_ENCRYPTION_KEY": planted, "HERALD_ENCRYPTION_KEY_FILE": secret},
			want: []string{"encryption-key: both HERALD_ENCRYPTION_KEY and HERALD_ENCRYPTION_KEY_FILE are set"},
		},
		{
			name: "environment: secret files",
			env:  map[string]string{"HERALD_DATABASE_URL_FILE": "/does/not/exist", "HERALD_ENCRYPTION_KEY_FILE": blank, "PROXY_PASSWORD_FILE": long},
			want: []string{"database-url: the file /does/not/exist cannot be read: no such file", "is empty (from HERALD_ENCRYPTION_KEY_FILE)", "is too large for a secret (from PROXY_PASSWORD_FILE)"},
		},
		{name: "file: absent", args: []string{"--config=/does/not/exist"}, want: []string{"config: the file /does/not/exist cannot be read: no such file"}},
		{name: "file: no JSON", file: "{\n\"addr\": :80}", want: []string{"is no JSON: line 2"}},
		{name: "file: truncated", file: `{"proxy": {"password": "` + planted, want: []string{"must be a JSON object"}},
		{name: "file: array", file: `["` + planted + `"]`, want: []string{"must be a JSON object"}},
		{name: "file: null", file: `null`, want: []string{"must be a JSON object"}},
		{name: "file: two objects", file: `{} {}`, want: []string{"after the JSON object"}},
		{
			name: "file: unknown names",
			file: `{"adr": ":1", "databaseUrl": "postgres://` + planted + `", "proxy": {"hots": "h"}, "colour": 1, "config": "x"}`,
			want: []string{"adr: there is no such setting; did you mean addr?", "colour: there is no such setting (from", "config: there is no such", "databaseUrl: there is no such setting; did you mean database-url?", "proxy-hots: there is no such setting; did you mean proxy-host?"},
		},
		{
			name: "file: twice and wrong kinds",
			file: `{"proxy": {"host": "h"}, "proxy-host": "i", "egress": {"allow": [1]}, "transaction-timeout": 10}`,
			want: []string{"egress-allow: must be a string", "proxy-host: is there twice", "transaction-timeout: "},
		},
		{
			name: "file: secret twice",
			file: `{"encryption-key": "` + planted + `", "encryption-key-file": "` + secret + `"}`,
			want: []string{"encryption-key: both encryption-key and encryption-key-file are there"},
		},
		{
			name: "values that are read but wrong, all at once",
			args: []string{"--addr=9011", "--data=", "--database-url=mysql://u:" + planted + "@h/db", "--proxy-port=70000", "--transaction-timeout=0s", "--log-format=xml", "--egress-allow=::/0", "--egress-deny=::/0"},
			want: []string{"data: ", "database-url: must begin with postgres://", "addr: ", "egress-allow: ", "proxy-port: must be between", "proxy-host: is required", "transaction-timeout: ", "log-format: "},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"serve"}, tt.args...)
			if tt.file != "" {
				args = append(args, "--config="+write(t, "herald.json", tt.file))
			}
			_, err := parse(t, tt.env, args...)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), planted) {
				t.Errorf("the error shows a secret: %v", err)
			}
			got := []string{err.Error()}
			if bad, ok := errors.AsType[*config.Error](err); ok {
				got = bad.Problems
			}
			if len(got) != len(tt.want) {
				t.Fatalf("%d problems, want %d:\n%v", len(got), len(tt.want), err)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("problem %d: %q does not say %q", i, got[i], want)
				}
			}
		})
	}
}

func TestServe_Validate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*config.Serve)
		want   string // the one problem; empty for none
	}{
		{"defaults", func(*config.Serve) {}, ""},
		{"addr with host", func(s *config.Serve) { s.Addr = "127.0.0.1:80" }, ""},
		{"addr of version 6", func(s *config.Serve) { s.Addr = "[::1]:80" }, ""},
		{"addr with a free port", func(s *config.Serve) { s.Addr = ":0" }, ""},
		{"addr without port", func(s *config.Serve) { s.Addr = "localhost" }, "addr: "},
		{"addr with a service name", func(s *config.Serve) { s.Addr = ":http" }, "addr: "},
		{"addr beyond the ports", func(s *config.Serve) { s.Addr = ":65536" }, "addr: "},
		{"addr with a signed port", func(s *config.Serve) { s.Addr = ":+80" }, "addr: "},
		{"addr empty", func(s *config.Serve) { s.Addr = "" }, "addr: "},
		{"data empty", func(s *config.Serve) { s.Data = "" }, "data: "},
		{"postgres", func(s *config.Serve) { s.DatabaseURL = config.NewSecret("postgres://u:p@h:1/db?sslmode=disable") }, ""},
		{"postgresql", func(s *config.Serve) { s.DatabaseURL = config.NewSecret("postgresql:///db") }, ""},
		{"another database", func(s *config.Serve) { s.DatabaseURL = config.NewSecret("sqlite:" + planted) }, "database-url: must begin with"},
		{"keyword form", func(s *config.Serve) { s.DatabaseURL = config.NewSecret("host=h password=" + planted) }, "database-url: must begin with"},
		{"one slash", func(s *config.Serve) { s.DatabaseURL = config.NewSecret("postgres:/h/db") }, "database-url: must begin with"},
		{"password that is no part of a URL", func(s *config.Serve) { s.DatabaseURL = config.NewSecret("postgres://u:" + planted + "%zz@h/db") }, "database-url: is no URL"},
		{"proxy", func(s *config.Serve) { s.Proxy = config.Proxy{Host: "h", Port: 1} }, ""},
		{"proxy of version 6", func(s *config.Serve) { s.Proxy = config.Proxy{Host: "::1", Port: 1} }, ""},
		{"proxy with a user", func(s *config.Serve) {
			s.Proxy = config.Proxy{Host: "h", Port: 1, Username: "u", Password: config.NewSecret("p")}
		}, ""},
		{"proxy without port", func(s *config.Serve) { s.Proxy.Host = "h" }, "proxy-port: is required"},
		{"proxy without host", func(s *config.Serve) { s.Proxy.Port = 1 }, "proxy-host: is required"},
		{"proxy as URL", func(s *config.Serve) { s.Proxy = config.Proxy{Host: "http://h", Port: 1} }, "proxy-host: must be"},
		{"proxy with port in host", func(s *config.Serve) { s.Proxy = config.Proxy{Host: "h:1", Port: 1} }, "proxy-host: must be"},
		{"proxy with a negative port", func(s *config.Serve) { s.Proxy = config.Proxy{Host: "h", Port: -1} }, "proxy-port: must be"},
		{"proxy user without password", func(s *config.Serve) { s.Proxy = config.Proxy{Host: "h", Port: 1, Username: "u"} }, "proxy-password: is required"},
		{"proxy password without user", func(s *config.Serve) {
			s.Proxy = config.Proxy{Host: "h", Port: 1, Password: config.NewSecret("p")}
		}, "proxy-username: is required"},
		{"no time for webhooks", func(s *config.Serve) { s.TransactionTimeout = 0 }, "transaction-timeout: "},
		{"negative time for webhooks", func(s *config.Serve) { s.TransactionTimeout = -1 }, "transaction-timeout: "},
		{"log format", func(s *config.Serve) { s.Log.Format = "JSON" }, "log-format: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := defaults()
			tt.change(&s)
			err := s.Validate()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error %v", err)
			case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)):
				t.Errorf("error %v, want %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), planted):
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestServe_Dump(t *testing.T) {
	t.Parallel()
	s := defaults()
	s.Proxy = config.Proxy{Host: "relay", Port: 3128, Username: "u", Password: config.NewSecret(planted)}
	s.DatabaseURL = config.NewSecret("postgres://u:" + planted + "@h/db")
	s.Egress.Deny = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	var b bytes.Buffer
	if err := s.Dump(&b); err != nil {
		t.Fatal(err)
	}
	want := `{
  "data": "./herald-data",
  "database-url": "(set)",
  "encryption-key": "",
  "encryption-key-previous": "",
  "addr": ":9011",
  "kickstart": "",
  "hardened": false,
  "egress-allow": [],
  "egress-deny": ["10.0.0.0/8"],
  "proxy-host": "relay",
  "proxy-port": 3128,
  "proxy-username": "u",
  "proxy-password": "(set)",
  "transaction-timeout": "10s",
  "node-lease": "15s",
  "limit-login": 0,
  "limit-publish": 0,
  "no-traceparent": false,
  "local-metrics": false,
  "no-local-cli": false,
  "breached-passwords": "",
  "log-format": "text",
  "log-level": "info"
}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("dump (-want +got):\n%s", diff)
	}
	if s.Proxy.Host != "relay" {
		t.Error("dumping changed the settings")
	}

	// Without its secrets the dump is a config file that says the same.
	s.Proxy, s.DatabaseURL = config.Proxy{}, config.Secret{}
	b.Reset()
	if err := s.Dump(&b); err != nil {
		t.Fatal(err)
	}
	path := write(t, "dump.json", b.String())
	c, err := parse(t, nil, "serve", "--config", path)
	if err != nil {
		t.Fatal(err)
	}
	s.Config = path
	if diff := cmp.Diff(s, c.Serve, secrets, prefixes); diff != "" {
		t.Errorf("dumped and read again (-want +got):\n%s", diff)
	}
}

func TestSecret_ShowsNothing(t *testing.T) {
	t.Parallel()
	secret := config.NewSecret(planted)
	holder := struct {
		Public  config.Secret
		private config.Secret
		Pointer *config.Secret
		List    []config.Secret
		Map     map[string]config.Secret
	}{secret, secret, &secret, []config.Secret{secret}, map[string]config.Secret{"k": secret}}
	shown := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		shown["alone "+verb] = fmt.Sprintf(verb, secret)
		shown["pointer "+verb] = fmt.Sprintf(verb, &secret)
		shown["inside "+verb] = fmt.Sprintf(verb, holder)
	}
	text, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	shown["json"] = string(text)
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"slog text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"slog json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("m", "secret", secret, "pointer", &secret, "holder", holder)
		shown[name] = b.String()
	}
	hex := fmt.Sprintf("%x", planted)
	for _, how := range slices.Sorted(maps.Keys(shown)) {
		if s := strings.ToLower(shown[how]); strings.Contains(s, planted) || strings.Contains(s, hex) {
			t.Errorf("%s shows the secret: %s", how, shown[how])
		}
	}
	if got := fmt.Sprint(secret); got != "(set)" {
		t.Errorf("a set secret prints as %q", got)
	}
	if got := fmt.Sprint(config.Secret{}); got != "" {
		t.Errorf("an unset secret prints as %q", got)
	}
	if secret.Reveal() != planted || config.NewSecret("").IsSet() {
		t.Error("Reveal or IsSet is wrong")
	}
}

func TestServe_Help(t *testing.T) {
	t.Parallel()
	var c commands
	var b bytes.Buffer
	k, err := kong.New(&c, kong.Name("herald"), config.Options(func(string) (string, bool) { return "", false }), kong.Writers(&b, &b), kong.Exit(func(int) { panic("exit") }))
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = k.Parse([]string{"serve", "--help"})
	}()
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"--addr=HOST:PORT Listen on this address (default: :9011) ($HERALD_ADDR).", "--proxy-host=HOST", "($HERALD_DATABASE_URL)"} {
		if !strings.Contains(text, want) {
			t.Errorf("the help does not say %q:\n%s", want, b.String())
		}
	}
	if strings.Contains(text, "--encryption-key") {
		t.Error("the help offers a secret as a flag")
	}
}

// Every setting has a name in the environment and a help text.
func TestServe_Fields(t *testing.T) {
	t.Parallel()
	var check func(reflect.Type, string)
	check = func(typ reflect.Type, path string) {
		for f := range typ.Fields() {
			_, embed := f.Tag.Lookup("embed")
			if f.Anonymous || embed {
				check(f.Type, path+f.Name+".")
				continue
			}
			if !strings.HasPrefix(f.Tag.Get("from"), "HERALD_") {
				t.Errorf("%s%s has no environment variable that begins with HERALD_", path, f.Name)
			}
			if !strings.HasSuffix(f.Tag.Get("help"), ".") {
				t.Errorf("%s%s: the help is no sentence", path, f.Name)
			}
		}
	}
	check(reflect.TypeFor[config.Serve](), "")
}

func TestStore_Database(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                                    "SQLite ./d/herald.db",
		"postgres://u:pl4nted@h:5432/herald":  "PostgreSQL h:5432/herald",
		"postgres:///herald?password=pl4nted": "PostgreSQL on this machine/herald",
		"postgres://u:pl4nted%zz@h/herald":    "PostgreSQL",
	} {
		s := config.Store{Data: "./d", DatabaseURL: config.NewSecret(url)}
		if got := s.Database(); got != want {
			t.Errorf("%q is called %q, want %q", url, got, want)
		}
	}
}

func TestProxy_Address(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]config.Proxy{"": {}, "h:1": {Host: "h", Port: 1}, "[::1]:2": {Host: "::1", Port: 2}, "[::2]:3": {Host: "[::2]", Port: 3}} {
		if got := p.Address(); got != want {
			t.Errorf("address %q, want %q", got, want)
		}
	}
}

// The same settings as YAML: what is nested, what is not, what only YAML has.
func TestParse_YAML(t *testing.T) {
	key := write(t, "key", planted)
	path := write(t, "herald.yaml", `# where we are
addr: :80
database-url: postgres://h/db
hardened: true
egress:
  allow: [10.0.0.0/8, "::1/128"]
proxy: &proxy
  host: p
  port: 3128
transaction-timeout: 5s
kickstart:
encryption-key-file: `+key+"\n")
	got, err := parse(t, nil, "serve", "--config="+path)
	if err != nil {
		t.Fatal(err)
	}
	same, err := parse(t, nil, "serve", "--config="+write(t, "herald.json", `{"addr": ":80", "database-url": "postgres://h/db", "hardened": true, "egress": {"allow": ["10.0.0.0/8", "::1/128"]},
		"proxy": {"host": "p", "port": 3128}, "transaction-timeout": "5s", "encryption-key-file": "`+key+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	same.Serve.Config = path
	if diff := cmp.Diff(same.Serve, got.Serve, secrets, prefixes); diff != "" {
		t.Errorf("YAML differs from JSON (-JSON +YAML):\n%s", diff)
	}
	if got.Serve.Addr != ":80" || got.Serve.Proxy.Port != 3128 || got.Serve.EncryptionKey.Reveal() != planted {
		t.Errorf("the settings are %+v", got.Serve)
	}
	if _, err := parse(t, nil, "serve", "--config="+write(t, "empty.yml", "# addr: :80\n")); err != nil {
		t.Errorf("a file of comments: %v", err)
	}

	for name, tt := range map[string]struct{ file, want string }{
		"no YAML":         {"addr: :80\nencryption-key: \"" + planted, "herald.yaml is no YAML: line 2"},
		"tab":             {"proxy:\n\tpassword: " + planted, "is no YAML: line 2"},
		"unknown anchor":  {"addr: *" + planted, "is no YAML: it cannot be read"},
		"list":            {"- " + planted, "must be names with their values"},
		"text":            {planted, "must be names with their values"},
		"numbers as name": {"1: " + planted, "must be names with their values"},
		"two documents":   {"addr: :80\n---\naddr: :81\n", "has more than one document"},
		"a name twice":    {"addr: :80\naddr: " + planted, "has a name twice: line 2"},
		"unknown name":    {"adr: " + planted, "adr: there is no such setting; did you mean addr?"},
		"wrong kind":      {"egress:\n  deny: [{" + planted + ": 1}]", "egress-deny: must be a string, a number, a boolean or a list of strings"},
		"an instant":      {"addr: 2026-01-01", "addr: must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, nil, "serve", "--config="+write(t, "herald.yaml", tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error is %v; want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), planted) {
				t.Errorf("the error shows what the file holds: %v", err)
			}
		})
	}
}
