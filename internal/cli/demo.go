package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/wire"
)

type demoCommand struct {
	Exit bool   `help:"End after the story instead of staying up."`
	Addr string `default:"127.0.0.1:9011" placeholder:"HOST:PORT" help:"Listen on this address; on a free port if it is in use (default: ${default})."`
}

func (demoCommand) Help() string {
	return `A server with data of its own, a receiver, and somebody who tells what happens. Nothing of it remains.

Examples:

  herald demo
  herald demo --exit`
}

// demo is a server with data of its own, a receiver, and a narrator.
type demo struct {
	out      *output
	app      *app.App
	url      string
	key      string
	password string // of the administrator
	receiver *demoReceiver
}

// Run tells the story of the main job: events arrive, a webhook decides, a user is told a code in their own language, a failed delivery is tried again.
func (c demoCommand) Run(ctx context.Context, out *output) (err error) {
	folder, err := os.MkdirTemp("", "herald-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	d := &demo{out: out, key: "demo-" + rand.Text(), password: rand.Text()}
	if d.receiver, err = newDemoReceiver(d); err != nil {
		return err
	}
	defer d.receiver.close()
	if err := d.start(ctx, folder, c.Addr); err != nil {
		return err
	}
	defer func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		err = errors.Join(err, d.app.Stop(drain))
	}()
	defer announce(announcement{URL: d.url, Key: d.app.LocalKey(), Data: filepath.Join(folder, "data")}, os.Getenv)()
	if err := d.tell(ctx); err != nil {
		return err
	}
	if c.Exit {
		return nil
	}
	d.say("")
	d.say("The server stays up until Ctrl-C; its data is temporary. See what happened, and why:  %s/admin/log", d.url)
	d.say("Sign in as %s with the password %s. Or look from another terminal:  herald events tail --since 1h --url %s", demoAdmin, d.password, d.url)
	d.say("Or cause an event yourself:")
	d.say("")
	d.say("  curl -H 'Authorization: %s' -H 'Content-Type: application/json' \\", d.key)
	d.say("       -d '{\"user\": {\"email\": \"you@example.com\", \"password\": \"correct horse\"}}' %s/api/user", d.url)
	d.say("")
	<-ctx.Done()
	return nil
}

// start writes a kickstart file and starts a server with it.
func (d *demo) start(ctx context.Context, folder, addr string) error {
	file := filepath.Join(folder, "kickstart.json")
	if err := os.WriteFile(file, d.kickstart(), 0o600); err != nil {
		return err
	}
	settings := config.Serve{
		Store: config.Store{Data: filepath.Join(folder, "data")}, Addr: freeAddr(addr), Kickstart: file, TransactionTimeout: 10 * time.Second,
	}
	begin := time.Now()
	var err error
	d.app, err = app.New(ctx, app.Options{Settings: settings, Version: d.out.version, Logger: slog.New(slog.NewTextHandler(d.out.talk, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		return err
	}
	if err := d.app.Start(ctx); err != nil {
		return errors.Join(err, d.app.Stop(ctx))
	}
	d.url = localURL(d.app.Addr())
	d.say("Herald %s is up after %d ms: embedded SQLite in a temporary folder, set up by a kickstart file.", d.out.version, time.Since(begin).Milliseconds())
	d.say("  API       %s/api", d.url)
	d.say("  API key   %s", d.key)
	d.say("  Admin     %s/admin  (%s, password %s)", d.url, demoAdmin, d.password)
	d.say("  Receiver  %s  (a webhook of the demo's own; ▸ marks what it gets)", d.receiver.url)
	return nil
}

// The ids of what the kickstart file makes and uses.
const (
	demoMessenger = "00000000-0000-4000-8000-00000000000d"
	demoUser      = "00000000-0000-4000-8000-00000000000e"
	demoTemplate  = "2c5a7f10-84d3-4e19-b6a2-9d0f3c71e845" // every installation begins with it
	demoAdmin     = "admin@example.com"
)

// kickstart is what a user of the compatible product would write: a key, an administrator, a messenger and which template it is for, the tenant's event settings, a webhook.
func (d *demo) kickstart() []byte {
	types := []event.Type{event.UserCreate, event.UserCreateComplete, event.KickstartSuccess}
	settings, enabled := map[event.Type]any{}, map[event.Type]bool{}
	for _, t := range types {
		settings[t] = map[string]any{"enabled": true, "transactionType": wire.AbsoluteMajority}
		enabled[t] = true
	}
	file, err := json.MarshalIndent(map[string]any{
		"apiKeys": []any{map[string]any{"key": d.key, "description": "Demo"}},
		"requests": []any{
			map[string]any{"method": "POST", "url": "/api/user/registration", "body": map[string]any{
				"user":         map[string]any{"email": demoAdmin, "password": d.password},
				"registration": map[string]any{"applicationId": "#{FUSIONAUTH_APPLICATION_ID}", "roles": []string{"admin"}},
			}},
			map[string]any{"method": "POST", "url": "/api/messenger/" + demoMessenger, "body": map[string]any{"messenger": map[string]any{
				"type": wire.Generic, "name": "The demo's phones", "url": d.receiver.phones, "connectTimeout": 1000, "readTimeout": 2000,
			}}},
			map[string]any{"method": "PATCH", "url": "/api/tenant/#{FUSIONAUTH_TENANT_ID}", "body": map[string]any{"tenant": map[string]any{
				"eventConfiguration":       map[string]any{"events": settings},
				"multiFactorConfiguration": map[string]any{"sms": map[string]any{"enabled": true, "messengerId": demoMessenger, "templateId": demoTemplate}},
			}}},
			map[string]any{"method": "POST", "url": "/api/webhook", "body": map[string]any{"webhook": map[string]any{
				"url": d.receiver.url, "description": "The demo's receiver", "global": true, "connectTimeout": 1000, "readTimeout": 2000, "eventsEnabled": enabled,
			}}},
		},
	}, "", "  ")
	if err != nil {
		panic(err) // texts and numbers only
	}
	return file
}

// tell is the story, one call after the other.
func (d *demo) tell(ctx context.Context) error {
	d.say("")
	d.say("1. The kickstart file is done, and says so.")
	if err := d.receiver.wait(ctx, event.KickstartSuccess, 1); err != nil {
		return err
	}

	d.say("")
	d.say("2. A user is created. The setting for user.create is: all webhooks must agree. The receiver is asked first, then the change is committed.")
	if err := d.create(ctx, "ada@example.com", http.StatusOK); err != nil {
		return err
	}
	if err := d.receiver.wait(ctx, event.UserCreateComplete, 1); err != nil {
		return err
	}

	d.say("")
	d.say("3. Now the receiver says no. The change is refused with 504, and the user does not exist.")
	d.receiver.answer(event.UserCreate, demoNo)
	if err := d.create(ctx, "mallory@example.com", http.StatusGatewayTimeout); err != nil {
		return err
	}
	if err := d.look(ctx, "mallory@example.com", http.StatusNotFound); err != nil {
		return err
	}

	d.say("")
	d.say("4. A user who prefers German wants a second factor. Herald makes a code, renders it in German, and a messenger takes it to the phone.")
	if err := d.call(ctx, http.MethodPost, "/api/user/"+demoUser, map[string]any{"user": map[string]any{
		"email": "emmy@example.com", "password": rand.Text(), "preferredLanguages": []string{"de"},
	}}, "emmy@example.com", http.StatusOK); err != nil {
		return err
	}
	if err := d.receiver.wait(ctx, event.UserCreateComplete, 2); err != nil {
		return err
	}
	if err := d.call(ctx, http.MethodPost, "/api/two-factor/send", map[string]any{"userId": demoUser, "method": "sms", "mobilePhone": "+493012345678"}, "", http.StatusOK); err != nil {
		return err
	}

	d.say("")
	d.say("5. The receiver agrees, but breaks on what comes after the commit. The delivery is kept and tried again: after about 5 s, then 30 s, 2 min … for a day.")
	d.receiver.answer(event.UserCreateComplete, demoNotNow)
	if err := d.create(ctx, "grace@example.com", http.StatusOK); err != nil {
		return err
	}
	if err := d.receiver.wait(ctx, event.UserCreateComplete, 4); err != nil {
		return err
	}
	d.say("")
	d.say("Done: 3 users created, 1 change refused, 1 code told in German, 1 delivery retried. Nothing was lost, nothing false was announced.")
	return nil
}

func (d *demo) create(ctx context.Context, email string, want int) error {
	return d.call(ctx, http.MethodPost, "/api/user", map[string]any{"user": map[string]any{"email": email, "password": rand.Text()}}, email, want)
}

func (d *demo) look(ctx context.Context, email string, want int) error {
	return d.call(ctx, http.MethodGet, "/api/user?email="+email, nil, "", want)
}

func (d *demo) call(ctx context.Context, method, path string, body any, about string, want int) error {
	var data io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		data = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, d.url+path, data)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", d.key)
	request.Header.Set("Content-Type", "application/json")
	d.say("%s", strings.TrimRight("   "+method+" "+path+" "+about, " "))
	begin := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	d.say("   → %s in %s", response.Status, time.Since(begin).Round(100*time.Microsecond))
	var e wire.Errors
	if json.Unmarshal(answer, &e) == nil {
		for _, one := range e.GeneralErrors {
			d.say("     %s %s", one.Code, one.Message)
		}
	}
	if response.StatusCode != want {
		return fmt.Errorf("the demo expected status %d: %s", want, answer)
	}
	return nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// freeAddr is addr, or a free port of the same host when something else listens there.
func freeAddr(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		host, _, _ := net.SplitHostPort(addr)
		return net.JoinHostPort(host, "0")
	}
	_ = l.Close()
	return addr
}
