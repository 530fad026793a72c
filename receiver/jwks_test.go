package receiver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"
)

// publisher answers what a key set is asked for, without a network, so that time can pass as the test wants.
type publisher struct {
	mu      sync.Mutex
	keys    []*receivertest.Key
	fails   bool
	fetches int
	hold    chan struct{} // the answer waits until it is closed
}

func (p *publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.fetches++
	keys, fails, hold := p.keys, p.fails, p.hold
	p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if fails {
		return nil, errors.New("nobody is there")
	}
	w := httptest.NewRecorder()
	receivertest.KeySet(keys...).ServeHTTP(w, r)
	return w.Result(), nil
}

func (p *publisher) set(fails bool, keys ...*receivertest.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys, p.fails = keys, fails
}

func (p *publisher) want(t *testing.T, what string, fetches int) {
	t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fetches != fetches {
		t.Errorf("%s: the set was fetched %d times, want %d", what, p.fetches, fetches)
	}
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	old, young, strange := receivertest.NewKey("EdDSA"), receivertest.NewKey("ES256"), receivertest.NewKey("ES256")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &publisher{keys: []*receivertest.Key{old}}
		check := receiver.Signature(&receiver.JWKS{URL: "https://herald.example/.well-known/jwks.json", Client: &http.Client{Transport: p}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		comes := func(k *receivertest.Key, reason string) {
			t.Helper()
			if lets(t, check, receivertest.Sender{JWT: k}.Event(event.UserCreate), reason) != (reason == "") {
				t.Errorf("let in: %v", reason != "")
			}
		}
		comes(old, "")
		comes(old, "")
		p.want(t, "two events", 1)

		// A key that is not there is looked for once in ten seconds, however many ask.
		time.Sleep(10 * time.Second)
		for range 50 {
			comes(strange, "no key")
		}
		p.want(t, "an unknown key", 2)
		comes(young, "no key")
		p.set(false, old, young)
		comes(young, "no key")
		p.want(t, "another one", 2)
		time.Sleep(10 * time.Second)
		comes(young, "")
		p.want(t, "after the pause", 3)

		// A key that was taken out is forgotten with the next refresh, which nobody waits for.
		p.set(false, young)
		comes(old, "")
		time.Sleep(16 * time.Minute)
		comes(old, "")
		p.want(t, "a set that is old", 4)
		comes(old, "no key")
		comes(young, "")

		// What there is stays when nobody answers.
		p.set(true)
		time.Sleep(time.Hour)
		for range 20 {
			comes(young, "")
			synctest.Wait()
		}
		p.want(t, "a failure", 5)
		if text := log.String(); strings.Count(text, "nobody is there") != 1 {
			t.Errorf("the log says %s", text)
		}
		comes(strange, outOfReach)
		time.Sleep(10 * time.Second)
		p.set(false, young, strange)
		comes(strange, "")
	})
}

// A sender that is still starting is asked again after a second.
func TestJWKS_Starting(t *testing.T) {
	t.Parallel()
	k := receivertest.NewKey("EdDSA")
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{fails: true}
		check := receiver.Signature(&receiver.JWKS{URL: "https://herald.example/", Client: &http.Client{Transport: p}, Log: slog.New(slog.DiscardHandler)})
		for _, want := range []string{outOfReach, outOfReach, ""} {
			if lets(t, check, receivertest.Sender{JWT: k}.Event(event.UserCreate), want) != (want == "") {
				t.Errorf("let in: %v", want != "")
			}
			p.set(false, k)
			time.Sleep(time.Second / 2)
		}
		p.want(t, "after a second", 2)
	})
}

// Whoever comes first waits, and those who come with it do not ask again.
func TestJWKS_AtOnce(t *testing.T) {
	t.Parallel()
	k := receivertest.NewKey("EdDSA")
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{keys: []*receivertest.Key{k}, hold: make(chan struct{})}
		set := &receiver.JWKS{URL: "https://herald.example/", Client: &http.Client{Transport: p}, Log: slog.New(slog.DiscardHandler)}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if !lets(t, receiver.Signature(set), receivertest.Sender{JWT: k}.Event(event.UserCreate), "") {
					t.Error("not let in")
				}
			})
		}
		for range 2 { // who loads it meanwhile waits for the same fetch
			all.Go(func() {
				if err := set.Load(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(p.hold)
		all.Wait()
		p.want(t, "twenty-two at once", 1)
		if err := set.Load(t.Context()); err != nil {
			t.Error(err)
		}
		p.want(t, "Load", 2)
		p.set(true)
		if err := set.Load(t.Context()); err == nil {
			t.Error("a set that could not be fetched was loaded")
		}
	})
}

// The signatures of Standard Webhooks do not name their key. One that is from none of them may be from a new one.
func TestJWKS_Standard(t *testing.T) {
	t.Parallel()
	old, young := receivertest.NewKey("EdDSA"), receivertest.NewKey("EdDSA")
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{keys: []*receivertest.Key{old}}
		check := receiver.StandardWebhooks(&receiver.JWKS{URL: "https://herald.example/", Client: &http.Client{Transport: p}}, 0)
		comes := func(k *receivertest.Key, reason string) {
			t.Helper()
			if lets(t, check, receivertest.Sender{StandardWebhooks: k}.Event(event.UserCreate), reason) != (reason == "") {
				t.Errorf("let in: %v", reason != "")
			}
		}
		comes(old, "")
		p.set(false, young)
		for range 20 {
			comes(young, "no signature")
		}
		p.want(t, "within the pause", 1)
		time.Sleep(10 * time.Second)
		comes(old, "")
		comes(young, "")
		comes(old, "no signature")
		p.want(t, "after the pause", 2)
	})
}

// A JWT need not name its key either. One that does not and is from none of the keys may be from a new one.
func TestJWKS_Nameless(t *testing.T) {
	t.Parallel()
	old, young := receivertest.NewKey("ES256"), receivertest.NewKey("ES256")
	old.ID, young.ID = "", ""
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{keys: []*receivertest.Key{old}}
		check := receiver.Signature(&receiver.JWKS{URL: "https://herald.example/", Client: &http.Client{Transport: p}})
		comes := func(k *receivertest.Key, reason string) {
			t.Helper()
			if lets(t, check, receivertest.Sender{JWT: k}.Event(event.UserCreate), reason) != (reason == "") {
				t.Errorf("let in: %v", reason != "")
			}
		}
		comes(old, "")
		p.set(false, young)
		comes(young, "signature is wrong")
		p.want(t, "within the pause", 1)
		time.Sleep(10 * time.Second)
		comes(young, "")
		comes(old, "signature is wrong")
		p.want(t, "after the pause", 2)
	})
}

// Nobody who comes is kept waiting longer than the sender waits, and one who hangs up not at all.
func TestJWKS_Hangs(t *testing.T) {
	t.Parallel()
	k := receivertest.NewKey("EdDSA")
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{keys: []*receivertest.Key{k}, hold: make(chan struct{})}
		check := receiver.Signature(&receiver.JWKS{URL: "https://herald.example/", Client: &http.Client{Transport: p}, Log: slog.New(slog.DiscardHandler)})
		ctx, hangUp := context.WithCancel(t.Context())
		var waits sync.WaitGroup
		begin := time.Now()
		for _, ctx := range []context.Context{ctx, t.Context()} {
			waits.Go(func() {
				if err := check.Verify(receivertest.Sender{JWT: k}.Body("1", nil).WithContext(ctx), nil); err == nil {
					t.Error("let in without a key")
				}
				if after, want := time.Since(begin), map[bool]time.Duration{true: 0, false: 2 * time.Second}[ctx.Err() != nil]; after != want {
					t.Errorf("it was kept waiting for %v, want %v", after, want)
				}
			})
		}
		synctest.Wait()
		hangUp()
		waits.Wait()
		close(p.hold)
	})
}

// What is no set, or comes on a way where others may have put something into it, is not believed.
func TestJWKS_Poisoned(t *testing.T) {
	t.Parallel()
	k := receivertest.NewKey("ES256")
	good := receivertest.KeySet(k)
	genuine := httptest.NewServer(good)
	defer genuine.Close()
	serve := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	w := httptest.NewRecorder()
	good.ServeHTTP(w, nil)
	set := w.Body.String()
	secret := receivertest.NewSecret("some-secret")
	secret.ID = k.ID
	for name, c := range map[string]struct {
		by   http.Handler
		with *receivertest.Key
		ok   bool
	}{
		"a good one":       {good, k, true},
		"a redirect":       {http.RedirectHandler(genuine.URL, http.StatusFound), k, false},
		"an error":         {serve(500, set), k, false},
		"no JSON":          {serve(200, "<html>"), k, false},
		"no keys":          {serve(200, `{"keys":[]}`), k, false},
		"two lists":        {serve(200, strings.Replace(set, `{"keys"`, `{"keys":[],"keys"`, 1)), k, false},
		"too much":         {serve(200, set+strings.Repeat(" ", 1<<20)), k, false},
		"too many":         {serve(200, `{"keys":[`+strings.Repeat(`{"kty":"oct"},`, 1000)+set[len(`{"keys":[`):]), k, false},
		"for encryption":   {serve(200, strings.Replace(set, `"use":"sig"`, `"use":"enc"`, 1)), k, false},
		"another purpose":  {serve(200, strings.Replace(set, `"use":"sig"`, `"key_ops":["sign"]`, 1)), k, false},
		"another alg":      {serve(200, strings.Replace(set, `"ES256"`, `"ES384"`, 1)), k, false},
		"another kind":     {serve(200, strings.Replace(set, `"ES256"`, `"HS256"`, 1)), k, false},
		"off the curve":    {serve(200, strings.Replace(set, `"x":"`, `"x":"A`, 1)), k, false},
		"a secret in it":   {serve(200, `{"keys":[{"kty":"oct","alg":"HS256","kid":"`+k.ID+`","k":"c29tZS1zZWNyZXQ"}]}`), secret, false},
		"besides others":   {serve(200, strings.Replace(set, `[`, `[{"kty":"oct"},{"kty":"RSA","n":"AQAB","e":"AQAB"},7,{"kty":"new"},`, 1)), k, true},
		"a short RSA key":  {serve(200, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`), k, false},
		"a broken Ed25519": {serve(200, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AQAB"}]}`), k, false},
	} {
		server := httptest.NewServer(c.by)
		check := receiver.Signature(&receiver.JWKS{URL: server.URL, Log: slog.New(slog.DiscardHandler)})
		reason := outOfReach
		if c.ok {
			reason = ""
		}
		if lets(t, check, receivertest.Sender{JWT: c.with}.Event(event.UserCreate), reason) != c.ok {
			t.Errorf("%s: let in: %v", name, !c.ok)
		}
		server.Close()
	}
	// EdDSA and Ed25519 are two names of one algorithm: RFC 9864.
	edwards := receivertest.NewKey("EdDSA")
	renamed := *edwards
	renamed.Algorithm = "Ed25519"
	names := httptest.NewServer(receivertest.KeySet(edwards))
	defer names.Close()
	if !lets(t, receiver.Signature(&receiver.JWKS{URL: names.URL}), receivertest.Sender{JWT: &renamed}.Event(event.UserCreate), "") {
		t.Error("the other name of EdDSA is not let in")
	}
	// A key that is published for one algorithm verifies no other, although it could.
	published := receivertest.NewKey("RS256")
	other := *published
	other.Algorithm = "RS512"
	server := httptest.NewServer(receivertest.KeySet(published))
	defer server.Close()
	check := receiver.Signature(&receiver.JWKS{URL: server.URL})
	if !lets(t, check, receivertest.Sender{JWT: published}.Event(event.UserCreate), "") || lets(t, check, receivertest.Sender{JWT: &other}.Event(event.UserCreate), "not one of the key") {
		t.Error("the algorithm of a published key does not count")
	}
	for url, ok := range map[string]bool{
		"http://herald.example/": false, "https://herald.example/": true, "http://127.0.0.1:9011/": true, "http://[::1]/": true, "http://localhost/": true, "": false, "file:///etc/passwd": false, "https:///x": false,
		"http://127.0.0.1.herald.example/": false,
	} {
		p := &publisher{keys: []*receivertest.Key{k}}
		set := &receiver.JWKS{URL: url, Client: &http.Client{Transport: p}, Log: slog.New(slog.DiscardHandler)}
		if err := set.Load(t.Context()); (err == nil) != ok || (p.fetches == 1) != ok {
			t.Errorf("%s: %v, fetched %d times", url, err, p.fetches)
		}
		if set.AllowHTTP = true; strings.HasPrefix(url, "http://") && set.Load(t.Context()) != nil {
			t.Errorf("%s: not allowed", url)
		}
	}
}
