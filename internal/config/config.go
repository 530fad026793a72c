// Package config owns the settings of the server: what they are called, what they default to, where they come from and what is
// wrong with them. It does not open, create or connect to anything, except that it reads the config file and the files that hold secrets.
//
// A setting is a field of [Serve] or [Store], which the command line embeds in its commands. Each one is known by the name of its
// flag. Its value comes from the first of these that has it:
//
//  1. the flag:              --proxy-host relay.example.com
//  2. the environment:       HERALD_PROXY_HOST, or one of the names FusionAuth has for it (proxy.host, PROXY_HOST)
//  3. the config file:       {"proxy": {"host": "relay.example.com"}} or {"proxy-host": …}
//  4. the default in its tag
//
// An environment variable that is set but empty counts as unset, because that is what compose files and charts make of an option
// left blank. A secret can also be read from a file: HERALD_PROXY_PASSWORD_FILE, or "proxy-password-file" in the config file.
package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fields are in the order of the help text. The tag `from` lists the environment variables of a setting, the first one set wins;
// `private` keeps a secret off the command line, where every user of the machine could read it. The other tags are kong's.

// Store says where the server's data is. Commands that work on it without a server need no more than this.
type Store struct {
	// Config is the path of the config file: YAML where its name ends in .yaml or .yml, else a JSON object. Defaults to no file.
	Config string `placeholder:"FILE" from:"HERALD_CONFIG" help:"Read settings from this file, YAML or JSON."`

	// Data is the folder of the embedded database and of generated keys; it is created when missing. Defaults to ./herald-data.
	Data string `placeholder:"DIR" default:"./herald-data" from:"HERALD_DATA" help:"Folder of the embedded database and of generated keys (default: ${default})."`

	// DatabaseURL is the address of a PostgreSQL database (postgres:// or postgresql://), which any number of servers may share. It
	// is a secret because it holds a password. Defaults to none: SQLite in Data.
	DatabaseURL Secret `name:"database-url" placeholder:"URL" from:"HERALD_DATABASE_URL" help:"Use this PostgreSQL database instead of the embedded one."`

	// EncryptionKey encrypts secrets at rest: 32 bytes in base64 or hexadecimal. Servers that share a database need the same one. Defaults
	// to a key file in Data, made at the first start.
	EncryptionKey Secret `hidden:"" private:"" from:"HERALD_ENCRYPTION_KEY" help:"Encrypt secrets at rest with this key."`

	// EncryptionKeyPrevious is another key that secrets may be encrypted with, in the same form: while a key is being replaced. Defaults to none.
	EncryptionKeyPrevious Secret `hidden:"" private:"" from:"HERALD_ENCRYPTION_KEY_PREVIOUS" help:"Read secrets at rest with this key, too."`
}

// Serve is everything `herald serve` can be told.
type Serve struct {
	Store

	// Addr is the address to listen on, host and port; without host on all addresses, with port 0 on a free one. Defaults to :9011.
	Addr string `placeholder:"HOST:PORT" default:":9011" from:"HERALD_ADDR" help:"Listen on this address (default: ${default})."`

	// Kickstart is a file that sets up an untouched server. Defaults to none.
	Kickstart string `placeholder:"FILE" from:"HERALD_KICKSTART fusionauth-app.kickstart.file FUSIONAUTH_APP_KICKSTART_FILE FUSIONAUTH_KICKSTART" help:"Set up an untouched server from this file."`

	// Hardened refuses webhooks and messengers on loopback and private addresses, unless Egress.Allow lists them. Defaults to false.
	Hardened bool `from:"HERALD_HARDENED" help:"Refuse to send to loopback and private addresses."`

	// Egress refines which addresses may be sent to.
	Egress Egress `embed:"" prefix:"egress-"`

	// Proxy is the HTTP proxy for everything that is sent.
	Proxy Proxy `embed:"" prefix:"proxy-"`

	// TransactionTimeout is how long one API call may take to ask webhooks, all its events together. Defaults to 10 seconds.
	TransactionTimeout time.Duration `placeholder:"DURATION" default:"10s" from:"HERALD_TRANSACTION_TIMEOUT" help:"Ask webhooks for at most this long per API call (default: ${default})."`
	// NodeLease is how long what this process has claimed outlasts its last sign of life, on PostgreSQL. Defaults to 15 seconds.
	NodeLease time.Duration `placeholder:"DURATION" default:"15s" from:"HERALD_NODE_LEASE" help:"Let other processes on the same PostgreSQL take over this long after this one died (default: ${default})."`

	// Limit says how many requests the API takes from one caller.
	Limit Limit `embed:"" prefix:"limit-"`

	// NoTraceparent keeps the place in the trace from webhooks, where traces are kept (OTEL_EXPORTER_OTLP_ENDPOINT). Defaults to false.
	NoTraceparent bool `from:"HERALD_NO_TRACEPARENT" help:"Do not send the header traceparent to webhooks, where traces are kept (OTEL_EXPORTER_OTLP_ENDPOINT)."`

	// LocalMetrics lets programs on this machine read metrics and status without an API key. Who is on this machine is told by the connection: behind a
	// proxy that runs here too, everybody is. Defaults to false.
	LocalMetrics bool `from:"HERALD_LOCAL_METRICS fusionauth-app.local-metrics.enabled FUSIONAUTH_APP_LOCAL_METRICS_ENABLED" help:"Let programs on this machine read metrics and status without an API key."`

	// NoLocalCLI keeps the server from giving the commands of the same user on this machine an API key of their own. Hardened does, too. Defaults to false.
	NoLocalCLI bool `name:"no-local-cli" from:"HERALD_NO_LOCAL_CLI" help:"Give the commands on this machine no API key of their own."`

	// BreachedPasswords is a file of stolen passwords: a line each, or sorted SHA-1 hashes. Defaults to none: only the most common passwords are known.
	BreachedPasswords string `placeholder:"FILE" from:"HERALD_BREACHED_PASSWORDS" help:"A list of stolen passwords, for tenants that refuse them."`

	// Log says how the server talks about itself.
	Log Log `embed:"" prefix:"log-"`
}

// Limit is how many requests per second the API takes from one caller, which is an API key, or an address where there is none; ten seconds' worth may come at once. Each process
// counts for itself.
type Limit struct {
	// Login limits what tries passwords, codes and tokens. Defaults to 0: no limit.
	Login float64 `placeholder:"RATE" from:"HERALD_LIMIT_LOGIN" help:"Take so many logins and the like per second from one API key or address (default: no limit)."`
	// Publish limits what brings events of other systems; one request with many events is one. Defaults to 0: no limit.
	Publish float64 `placeholder:"RATE" from:"HERALD_LIMIT_PUBLISH" help:"Take so many requests to /api/event per second from one API key (default: no limit)."`
}

// Egress is the address policy for outgoing requests. Link-local and cloud metadata addresses are never sent to, whatever it says.
type Egress struct {
	// Allow lists address ranges that may be sent to although Hardened forbids them. Defaults to none.
	Allow []netip.Prefix `placeholder:"PREFIX" from:"HERALD_EGRESS_ALLOW" help:"Address ranges to send to although --hardened forbids them."`

	// Deny lists address ranges that must not be sent to; it wins over Allow. Defaults to none.
	Deny []netip.Prefix `placeholder:"PREFIX" from:"HERALD_EGRESS_DENY" help:"Address ranges never to send to."`
}

// Proxy is an outgoing HTTP proxy. The names, and which one needs which, are FusionAuth's.
type Proxy struct {
	// Host is a name or an address, without scheme and port. Defaults to none: requests are sent directly.
	Host string `placeholder:"HOST" from:"HERALD_PROXY_HOST proxy.host PROXY_HOST" help:"Send everything through this HTTP proxy."`

	// Port of the proxy, required with Host. Defaults to none.
	Port int `placeholder:"PORT" from:"HERALD_PROXY_PORT proxy.port PROXY_PORT" help:"Port of the proxy."`

	// Username for Basic authentication at the proxy. Defaults to none: no authentication.
	Username string `placeholder:"NAME" from:"HERALD_PROXY_USERNAME proxy.username PROXY_USERNAME" help:"User name at the proxy."`

	// Password is required with Username. Defaults to none.
	Password Secret `hidden:"" private:"" from:"HERALD_PROXY_PASSWORD proxy.password PROXY_PASSWORD" help:"Password at the proxy."`
}

// Address is host:port, empty when there is no proxy.
func (p Proxy) Address() string {
	if p.Host == "" {
		return ""
	}
	return net.JoinHostPort(strings.Trim(p.Host, "[]"), strconv.Itoa(p.Port))
}

// Log is how log lines are written and which ones.
type Log struct {
	// Format is text or json. Defaults to text.
	Format string `placeholder:"text|json" default:"text" from:"HERALD_LOG_FORMAT" help:"Write log lines as text or json (default: ${default})."`

	// Level is the least important level that is written: debug, info, warn or error. Defaults to info.
	Level slog.Level `placeholder:"LEVEL" default:"info" from:"HERALD_LOG_LEVEL" help:"Write log lines from this level on: debug, info, warn, error (default: ${default})."`
}

// Database names the store for people: "SQLite ./herald-data/herald.db", or host and database as in "PostgreSQL db.example.com:5432/herald". Passwords are no part of it.
func (s Store) Database() string {
	if !s.DatabaseURL.IsSet() {
		return "SQLite " + strings.TrimRight(s.Data, "/") + "/" + sqliteFile
	}
	u, err := url.Parse(s.DatabaseURL.Reveal())
	if err != nil {
		return "PostgreSQL"
	}
	return "PostgreSQL " + cmp.Or(u.Host, "on this machine") + u.EscapedPath()
}

// sqliteFile is the name of the database in the data folder, as package db has it.
const sqliteFile = "herald.db"

// Error lists everything that is wrong with the settings. Its text holds no secret.
type Error struct {
	// Problems are sentences, each of which begins with the name of the setting. There is at least one.
	Problems []string
}

func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0]
	}
	return fmt.Sprintf("%d settings are wrong:\n  %s", len(e.Problems), strings.Join(e.Problems, "\n  "))
}

// problems collects what is wrong. The zero value is ready to use.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

func (p *problems) check(ok bool, format string, args ...any) {
	if !ok {
		p.add(format, args...)
	}
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Problems: slices.Clone(p)}
}

// Validate checks the settings of the store by themselves and reports everything at once, as an *Error.
func (s Store) Validate() error {
	var p problems
	s.validate(&p)
	return p.err()
}

func (s Store) validate(p *problems) {
	p.check(s.Data != "", "data: must name a folder")
	if s.DatabaseURL.IsSet() {
		if wrong := checkDatabaseURL(s.DatabaseURL.Reveal()); wrong != "" {
			p.add("database-url: %s", wrong)
		}
	}
}

// Validate checks all settings and reports everything that is wrong at once, as an *Error. Whether a folder can be written, a port is
// free or a database answers is for those who use them to find out.
func (s Serve) Validate() error {
	var p problems
	s.Store.validate(&p)
	if err := checkAddr(s.Addr); err != nil {
		p.add("addr: %v", err)
	}
	for _, allowed := range s.Egress.Allow {
		p.check(!slices.Contains(s.Egress.Deny, allowed), "egress-allow: %s is in egress-deny too, which wins", allowed)
	}
	s.Proxy.validate(&p)
	p.check(s.Limit.Login >= 0, "limit-login: must not be negative")
	p.check(s.Limit.Publish >= 0, "limit-publish: must not be negative")
	p.check(s.TransactionTimeout > 0, "transaction-timeout: must be longer than 0")
	p.check(s.NodeLease >= time.Second, "node-lease: must be at least 1s")
	p.check(s.Log.Format == "text" || s.Log.Format == "json", "log-format: must be text or json")
	return p.err()
}

func (x Proxy) validate(p *problems) {
	p.check(!strings.ContainsAny(x.Host, "/@ ") && (strings.Count(x.Host, ":") != 1), "proxy-host: must be a name or an address without scheme and port")
	p.check(x.Port >= 0 && x.Port <= 65535, "proxy-port: must be between 1 and 65535")
	p.check(x.Host == "" || x.Port != 0, "proxy-port: is required with proxy-host")
	p.check(x.Host != "" || x.Port == 0, "proxy-host: is required with proxy-port")
	p.check(x.Host != "" || x.Username == "", "proxy-host: is required with proxy-username")
	p.check(x.Username == "" || x.Password.IsSet(), "proxy-password: is required with proxy-username")
	p.check(x.Username != "" || !x.Password.IsSet(), "proxy-username: is required with proxy-password")
}

func checkAddr(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q must be host:port or :port", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%q must end in a port between 0 and 65535", addr)
	}
	return nil
}

// checkDatabaseURL returns what is wrong with the URL. The parser's own words quote the URL, password included, so they are not used.
func checkDatabaseURL(s string) string {
	if !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		return "must begin with postgres:// or postgresql://"
	}
	if _, err := url.Parse(s); err != nil {
		return "is no URL: percent-encode special characters in the user name and the password"
	}
	return ""
}
