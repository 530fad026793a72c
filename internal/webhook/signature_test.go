package webhook_test

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhook/webhooktest"
	"github.com/herald-events/herald/wire"
)

// message is an event whose body is sent as it is, whatever is in it.
var message = webhook.Message{ID: "e0000000-0000-4000-8000-000000000001", Body: []byte("{\"event\": {\"type\":\"user.create\",\"name\":\"Ünï <b>&\\u0000\"}\n }")}

// alone is a registry on SQLite, for what does not touch the store.
func alone(t testing.TB) *world {
	t.Helper()
	d := dbtest.Open(t, db.SQLite)
	return &world{t: t, d: d, Service: newService(t, d)}
}

func (w *world) generate(algorithm wire.KeyAlgorithm) wire.Key {
	w.t.Helper()
	given := wire.KeyInput{Name: fmt.Sprint(algorithm, " ", db.NewID()), Algorithm: algorithm, Issuer: "test"}
	if strings.HasPrefix(string(algorithm), "RS") {
		given.Length = 2048
	}
	k, err := w.Keys.Generate(w.t.Context(), "", given)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

func (w *world) secret(algorithm wire.KeyAlgorithm, secret string) wire.Key {
	w.t.Helper()
	k, err := w.Keys.Import(w.t.Context(), "", wire.KeyInput{Name: db.NewID(), Algorithm: algorithm, Secret: secret})
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

// known is what a receiver knows: the public key set, and the secrets somebody told it.
func (w *world) known(secrets map[wire.Key]string) []webhooktest.Key {
	w.t.Helper()
	set, err := w.Keys.Set(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := set.JWKS()
	if err != nil {
		w.t.Fatal(err)
	}
	keys, err := webhooktest.ParseJWKS(text)
	if err != nil {
		w.t.Fatal(err)
	}
	for k, secret := range secrets {
		keys = append(keys, webhooktest.Key{KID: k.KID, Algorithm: string(k.Algorithm), Public: []byte(secret)})
	}
	return keys
}

// signed creates a webhook with these settings at a receiver.
func (w *world) signed(r *egresstest.Receiver, c wire.SignatureConfiguration) *webhook.Target {
	w.t.Helper()
	hook := w.create(wire.Webhook{URL: r.URL, Global: true, SignatureConfiguration: c})
	return w.registry().Target(hook.ID)
}

func (w *world) send(target *webhook.Target, m webhook.Message) *webhook.Attempt {
	w.t.Helper()
	a := target.Send(w.t.Context(), m)
	if a.Outcome != egress.Accepted {
		w.t.Fatalf("attempt: %s", a.Summary())
	}
	return a
}

// The signature is the one FusionAuth documents, for every algorithm: three members in the header, one claim, over the bytes as they arrive.
func TestSignature_JWT(t *testing.T) {
	t.Parallel()
	w := alone(t)
	r := egresstest.NewReceiver(t)
	for _, algorithm := range []wire.KeyAlgorithm{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "Ed25519", "HS256", "HS384", "HS512"} {
		secrets := map[wire.Key]string{}
		var k wire.Key
		if strings.HasPrefix(string(algorithm), "HS") {
			k = w.secret(algorithm, "a secret, ünïcödé")
			secrets[k] = "a secret, ünïcödé"
		} else {
			k = w.generate(algorithm)
		}
		r.Forget()
		a := w.send(w.signed(r, wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID}), message)
		got := r.Requests()[0]
		if string(got.Body) != string(message.Body) {
			t.Fatalf("%s: the body arrived as %q", algorithm, got.Body)
		}
		token := got.Header.Get(webhook.HeaderJWT)
		h, claims, err := webhooktest.VerifyJWT(token, got.Body, w.known(secrets))
		want := string(algorithm)
		if algorithm == "Ed25519" {
			want = "EdDSA"
		}
		if err != nil || h != (webhooktest.Header{Algorithm: want, KID: k.KID, Type: "JWT"}) || len(claims) != 1 {
			t.Errorf("%s: %+v %v, %v", algorithm, h, claims, err)
		}
		if _, _, err := webhooktest.VerifyJWT(token, append(got.Body, ' '), w.known(secrets)); err == nil {
			t.Errorf("%s: it verifies for another body", algorithm)
		}
		// It is on record as it was sent, and no other signature is.
		if a.Detail.RequestHeaders["X-FusionAuth-Signature-JWT"] != token || len(a.Detail.RequestHeaders) != 2 {
			t.Errorf("%s: request headers on record: %v", algorithm, a.Detail.RequestHeaders)
		}
		for name := range got.Header {
			if strings.HasPrefix(strings.ToLower(name), "webhook-") || strings.HasPrefix(name, "X-Herald") {
				t.Errorf("%s: a header %s", algorithm, name)
			}
		}
	}
	// Without the setting there is none, also when a key is named.
	r.Forget()
	w.send(w.signed(r, wire.SignatureConfiguration{SigningKeyID: w.generate("ES256").ID}), message)
	if got := r.Requests()[0].Header; got.Get(webhook.HeaderJWT) != "" || got.Get(webhook.HeaderSignature) != "" {
		t.Errorf("headers %v", got)
	}
}

// Claims are an addition; the second signature is for receivers that know only one of the keys.
func TestSignature_ClaimsAndRotation(t *testing.T) {
	t.Parallel()
	w := alone(t)
	r := egresstest.NewReceiver(t)
	first, second := w.generate("ES256"), w.generate("Ed25519")
	target := w.signed(r, wire.SignatureConfiguration{Enabled: true, SigningKeyID: first.ID, SecondarySigningKeyID: second.ID, Claims: true})
	before := time.Now().Add(-time.Second).Unix()
	a := w.send(target, message)
	got := r.Requests()[0]
	ids := map[any]bool{}
	for header, k := range map[string]wire.Key{webhook.HeaderJWT: first, webhook.HeaderSecondaryJWT: second} {
		h, claims, err := webhooktest.VerifyJWT(got.Header.Get(header), got.Body, w.known(nil))
		if err != nil || h.KID != k.KID || len(claims) != 4 || claims["eventId"] != string(message.ID) {
			t.Errorf("%s: %+v %v, %v", header, h, claims, err)
		}
		if iat, _ := claims["iat"].(float64); int64(iat) < before || int64(iat) > time.Now().Unix() {
			t.Errorf("%s: iat %v", header, claims["iat"])
		}
		ids[claims["jti"]] = true
		if a.Detail.RequestHeaders[header] != got.Header.Get(header) {
			t.Errorf("%s is not on record", header)
		}
	}
	if len(ids) != 2 || ids[""] {
		t.Errorf("jti of both: %v", ids)
	}
	// A later attempt carries the same tokens, another event others.
	w.send(target, message)
	w.send(target, webhook.Message{ID: "e0000000-0000-4000-8000-000000000002", Body: message.Body})
	all := r.Requests()
	if all[1].Header.Get(webhook.HeaderJWT) != got.Header.Get(webhook.HeaderJWT) {
		t.Error("a later attempt has another token")
	}
	if _, claims, err := webhooktest.VerifyJWT(all[2].Header.Get(webhook.HeaderJWT), message.Body, w.known(nil)); err != nil || claims["eventId"] != "e0000000-0000-4000-8000-000000000002" {
		t.Errorf("another event: %v %v", claims, err)
	}
}

func TestSignature_StandardWebhooks(t *testing.T) {
	t.Parallel()
	w := alone(t)
	r := egresstest.NewReceiver(t)
	hmac, later, ed, rsa := w.secret("HS256", "plain secret"), w.secret("HS512", "whsec_c2VjcmV0"), w.generate("Ed25519"), w.generate("RS256")
	plain, prefixed := webhooktest.Key{Public: []byte("plain secret")}, webhooktest.Key{Public: []byte("secret")}
	public := w.known(nil)[slices.IndexFunc(w.known(nil), func(k webhooktest.Key) bool { return k.KID == ed.KID })]
	for name, c := range map[string]struct {
		config   wire.SignatureConfiguration
		verifies []webhooktest.Key // each alone
		jwt      bool
	}{
		"with the key of the JWT": {wire.SignatureConfiguration{Enabled: true, SigningKeyID: hmac.ID, StandardWebhooks: wire.StandardWebhooks{Enabled: true}}, []webhooktest.Key{plain}, true},
		"alone":                   {wire.SignatureConfiguration{SigningKeyID: ed.ID, StandardWebhooks: wire.StandardWebhooks{Enabled: true}}, []webhooktest.Key{public}, false},
		"with a key of its own": {
			wire.SignatureConfiguration{Enabled: true, SigningKeyID: rsa.ID, SecondarySigningKeyID: hmac.ID, StandardWebhooks: wire.StandardWebhooks{Enabled: true, SigningKeyID: later.ID}},
			[]webhooktest.Key{prefixed},
			true,
		},
		"rotating":        {wire.SignatureConfiguration{SigningKeyID: ed.ID, SecondarySigningKeyID: hmac.ID, StandardWebhooks: wire.StandardWebhooks{Enabled: true}}, []webhooktest.Key{public, plain}, false},
		"rotating alone":  {wire.SignatureConfiguration{StandardWebhooks: wire.StandardWebhooks{Enabled: true, SigningKeyID: hmac.ID, SecondarySigningKeyID: later.ID}}, []webhooktest.Key{plain, prefixed}, false},
		"secondary alone": {wire.SignatureConfiguration{SigningKeyID: hmac.ID, StandardWebhooks: wire.StandardWebhooks{Enabled: true, SecondarySigningKeyID: later.ID}}, []webhooktest.Key{plain, prefixed}, false},
	} {
		r.Forget()
		a := w.send(w.signed(r, c.config), message)
		got := r.Requests()[0]
		id, at, signatures := got.Header.Get("webhook-id"), got.Header.Get("webhook-timestamp"), got.Header.Get("webhook-signature")
		if id != string(message.ID) || len(strings.Fields(signatures)) != len(c.verifies) || (got.Header.Get(webhook.HeaderJWT) != "") != c.jwt {
			t.Errorf("%s: %s %s %s", name, id, at, signatures)
		}
		for _, k := range c.verifies {
			if err := webhooktest.VerifyStandard(id, at, signatures, got.Body, []webhooktest.Key{k}, time.Now()); err != nil {
				t.Errorf("%s: %v: %s", name, err, signatures)
			}
		}
		if a.Detail.RequestHeaders["webhook-signature"] != signatures || a.Detail.RequestHeaders["webhook-timestamp"] != at {
			t.Errorf("%s: on record: %v", name, a.Detail.RequestHeaders)
		}
	}
}

// The time is that of the attempt: a retry of a signature that was made hours ago would be refused as a replay.
func TestSignature_StandardTimeIsThatOfTheAttempt(t *testing.T) {
	t.Parallel()
	w := alone(t)
	var now atomic.Int64
	now.Store(1_767_225_600)
	w.Clock = func() time.Time { return time.Unix(now.Load(), 0) }
	r := egresstest.NewReceiver(t)
	target := w.signed(r, wire.SignatureConfiguration{StandardWebhooks: wire.StandardWebhooks{Enabled: true, SigningKeyID: w.secret("HS256", "s").ID}})
	for i := range 2 {
		w.send(target, message)
		at := r.Requests()[i].Header.Get("webhook-timestamp")
		if want := strconv.FormatInt(now.Load(), 10); at != want {
			t.Errorf("attempt %d at %s, want %s", i, at, want)
		}
		now.Add(3600)
	}
}

// Ten webhooks and all attempts share one signature: an ECDSA signature is never the same twice.
func TestSignature_IsMadeOncePerKeyAndEvent(t *testing.T) {
	t.Parallel()
	w := alone(t)
	r := egresstest.NewReceiver(t)
	k, other := w.generate("ES256"), w.generate("ES256")
	var targets []*webhook.Target
	for range 10 {
		targets = append(targets, w.signed(r, wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID}))
	}
	tokens := func() map[string]int {
		seen := map[string]int{}
		for _, q := range r.Requests() {
			seen[q.Header.Get(webhook.HeaderJWT)]++
		}
		return seen
	}
	var sending sync.WaitGroup
	for _, target := range targets {
		sending.Go(func() {
			for range 2 {
				target.Send(t.Context(), message)
			}
		})
	}
	sending.Wait()
	if seen := tokens(); len(seen) != 1 {
		t.Errorf("%d tokens for 20 attempts", len(seen))
	}
	// Registries come and go; what was signed stays.
	w.create(wire.Webhook{Description: "unrelated"})
	w.send(w.registry().Target(targets[0].ID), message)
	if seen := tokens(); len(seen) != 1 {
		t.Errorf("%d tokens after another webhook was created", len(seen))
	}
	// Another key, other claims, another body: another token, even under the same id.
	w.send(w.signed(r, wire.SignatureConfiguration{Enabled: true, SigningKeyID: other.ID}), message)
	w.send(w.signed(r, wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID, Claims: true}), message)
	changed := webhook.Message{ID: message.ID, Body: []byte(`{"event":{}}`)}
	w.send(targets[0], changed)
	if seen := tokens(); len(seen) != 4 {
		t.Errorf("%d tokens, want 4", len(seen))
	}
	last := r.Requests()
	if _, _, err := webhooktest.VerifyJWT(last[len(last)-1].Header.Get(webhook.HeaderJWT), changed.Body, w.known(nil)); err != nil {
		t.Error(err)
	}
}

// However many events there are, what is kept of their signatures has a bound; the latest are kept.
func TestSignature_MemoryIsBounded(t *testing.T) {
	t.Parallel()
	w := alone(t)
	hook := w.create(wire.Webhook{SignatureConfiguration: wire.SignatureConfiguration{Enabled: true, SigningKeyID: w.secret("HS256", "s").ID, Claims: true}})
	target := w.registry().Target(hook.ID)
	sign := func(i int) string {
		t.Helper()
		h, err := webhook.Sign(target, webhook.Message{ID: wire.ID(strconv.Itoa(i)), Body: message.Body})
		if err != nil {
			t.Fatal(err)
		}
		return h[webhook.HeaderJWT]
	}
	first, late := sign(0), ""
	for i := range 30_000 {
		late = sign(i)
		if number, size := webhook.Tokens(w.Service); size > 8<<20 || number > 20_000 {
			t.Fatalf("%d tokens of %d bytes after %d events", number, size, i)
		}
	}
	if number, size := webhook.Tokens(w.Service); number < 10_000 || size < 1<<20 {
		t.Errorf("%d tokens of %d bytes are kept", number, size)
	}
	if sign(29_999) != late {
		t.Error("the latest token is gone")
	}
	if sign(0) == first {
		t.Error("the first token is still there")
	}
}

// A key that was deleted and made anew under its id does not bring back what the old one signed.
func TestSignature_FollowsTheKeyNotItsID(t *testing.T) {
	t.Parallel()
	w := alone(t)
	r := egresstest.NewReceiver(t)
	k := w.generate("ES256")
	target := w.signed(r, wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID})
	w.send(target, message)
	if err := w.Keys.Delete(t.Context(), k.ID); problemCodes(err) != "[inUse]keyId" {
		t.Fatalf("deleted while in use: %v", err)
	}
	if err := w.Delete(t.Context(), target.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Keys.Delete(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keys.Generate(t.Context(), k.ID, wire.KeyInput{Name: "new", Algorithm: "ES256"}); err != nil {
		t.Fatal(err)
	}
	w.send(w.signed(r, wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID}), message)
	got := r.Requests()[1]
	if _, _, err := webhooktest.VerifyJWT(got.Header.Get(webhook.HeaderJWT), got.Body, w.known(nil)); err != nil {
		t.Error(err)
	}
}

func problemCodes(err error) string {
	p, ok := problem.As(err)
	if !ok {
		return fmt.Sprintf("no problem: %v", err)
	}
	var all []string
	for _, f := range p.Fields {
		all = append(all, f.Code)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// What cannot be signed is not sent, and says why.
func TestSignature_NothingLeavesUnsigned(t *testing.T) {
	t.Parallel()
	w := alone(t)
	r := egresstest.NewReceiver(t)
	k, other := w.generate("ES256"), w.generate("ES256")
	target := w.signed(r, wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID})
	w.exec(`UPDATE signing_key SET sealed = (SELECT sealed FROM signing_key WHERE id = $1) WHERE id = $2`, other.ID, k.ID)
	fresh := &world{t: t, d: w.d, Service: newService(t, w.d)}
	a := fresh.registry().Target(target.ID).Send(t.Context(), message)
	if a.Outcome != egress.Invalid || !strings.Contains(a.Exception, "cannot be signed") || a.End.Before(a.Start) || a.URL == "" {
		t.Errorf("%s: %s", a.Outcome, a.Exception)
	}
	w.exec(`DELETE FROM webhook_key`)
	w.exec(`DELETE FROM signing_key`)
	fresh = &world{t: t, d: w.d, Service: newService(t, w.d)}
	a = fresh.registry().Target(target.ID).Send(t.Context(), message)
	if a.Outcome != egress.Invalid || !strings.Contains(a.Exception, "no key with the id") {
		t.Errorf("%s: %s", a.Outcome, a.Exception)
	}
	// Standard Webhooks put the id into a header, between dots.
	target = w.signed(r, wire.SignatureConfiguration{StandardWebhooks: wire.StandardWebhooks{Enabled: true, SigningKeyID: w.secret("HS256", "s").ID}})
	for _, id := range []wire.ID{"", "a.b", "x\r\nX-Forged: 1", "e0000000-0000-4000-8000-000000000001."} {
		if a := target.Send(t.Context(), webhook.Message{ID: id, Body: message.Body}); a.Outcome != egress.Invalid || !strings.Contains(a.Exception, "no UUID") {
			t.Errorf("the id %q: %s, %s", id, a.Outcome, a.Exception)
		}
	}
	if n := len(r.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

// Some receivers look for the header as it is documented, capitals included.
func TestSignature_HeadersAreSpelledAsDocumented(t *testing.T) {
	t.Parallel()
	w := alone(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			if err != nil || line == "\r\n" {
				break
			}
			lines <- line
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_, _ = io.Copy(io.Discard, in)
	}()
	k, s := w.generate("ES256"), w.secret("HS256", "s")
	hook := w.create(wire.Webhook{URL: "http://" + listener.Addr().String(), SignatureConfiguration: wire.SignatureConfiguration{
		Enabled: true, SigningKeyID: k.ID, SecondarySigningKeyID: s.ID, StandardWebhooks: wire.StandardWebhooks{Enabled: true, SigningKeyID: s.ID},
	}})
	w.send(w.registry().Target(hook.ID), message)
	var names []string
	for line := range lines {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, name)
	}
	for _, name := range []string{"X-FusionAuth-Signature-JWT", "X-Herald-Signature-JWT-Secondary", "webhook-id", "webhook-timestamp", "webhook-signature"} {
		if n := len(slices.DeleteFunc(slices.Clone(names), func(other string) bool { return !strings.EqualFold(other, name) })); n != 1 || !slices.Contains(names, name) {
			t.Errorf("%s is there %d times: %v", name, n, names)
		}
	}
}

// The certificate of a key does what a certificate in the webhook itself does.
func TestCertificateOfAKey(t *testing.T) {
	t.Parallel()
	w := alone(t)
	authority, clients := egresstest.NewAuthority(t), egresstest.NewAuthority(t)
	trusted := func(name string, given wire.KeyInput) wire.ID {
		t.Helper()
		given.Name = name
		k, err := w.Keys.Import(t.Context(), "", given)
		if err != nil {
			t.Fatal(err)
		}
		return k.ID
	}
	send := func(r *egresstest.Receiver, id wire.ID) *webhook.Attempt {
		t.Helper()
		hook := w.create(wire.Webhook{URL: r.URL, SSLCertificateKeyID: id})
		return w.registry().Target(hook.ID).Send(t.Context(), message)
	}
	plain := egresstest.NewTLSReceiver(t, authority)
	right, wrong := trusted("right", wire.KeyInput{Certificate: authority.PEM()}), trusted("wrong", wire.KeyInput{Certificate: clients.PEM()})
	if a := send(plain, right); a.Outcome != egress.Accepted {
		t.Errorf("trusted: %s", a.Summary())
	}
	if a := send(plain, wrong); a.Outcome != egress.TLS {
		t.Errorf("not trusted: %s", a.Summary())
	}
	// With a private key it is the client's certificate, and the issuers behind it are whom we trust.
	client := clients.ClientPEM("herald")
	private := client[strings.Index(client, "-----BEGIN PRIVATE KEY"):]
	mutual := egresstest.NewMutualTLSReceiver(t, authority, clients)
	both := trusted("client", wire.KeyInput{Certificate: strings.TrimSuffix(client, private) + authority.PEM(), PrivateKey: private})
	if a := send(mutual, both); a.Outcome != egress.Accepted {
		t.Errorf("client certificate: %s", a.Summary())
	} else if got := mutual.Requests()[0].TLS.PeerCertificates[0].Subject.CommonName; got != "herald" {
		t.Errorf("the client is %q", got)
	}
	if a := send(mutual, right); a.Outcome != egress.TLS {
		t.Errorf("without a client certificate: %s", a.Summary())
	}
	if block, _ := pem.Decode([]byte(private)); block == nil {
		t.Fatal("no private key in the test")
	}
}

func TestKeys_AreChecked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		hmac, ec, ed := w.secret("HS256", "s"), w.generate("ES256"), w.generate("Ed25519")
		plain := w.secret("None", "plain")
		const nowhere = wire.ID("c0000000-0000-4000-8000-00000000000c")
		public, err := w.Keys.Import(t.Context(), "", wire.KeyInput{Name: "public", PublicKey: w.generate("ES384").PublicKey, KID: "public"})
		if err != nil {
			t.Fatal(err)
		}
		const path = "webhook.signatureConfiguration"
		on := func(c wire.SignatureConfiguration) wire.Webhook {
			c.Enabled = true
			return wire.Webhook{SignatureConfiguration: c}
		}
		standard := func(c wire.SignatureConfiguration, s wire.StandardWebhooks) wire.Webhook {
			s.Enabled = true
			c.StandardWebhooks = s
			return wire.Webhook{SignatureConfiguration: c}
		}
		for name, c := range map[string]struct {
			w    wire.Webhook
			want string
		}{
			"no key":                  {on(wire.SignatureConfiguration{}), "[missing]" + path + ".signingKeyId"},
			"unknown keys":            {on(wire.SignatureConfiguration{SigningKeyID: nowhere, SecondarySigningKeyID: tenantA}), "[invalid]" + path + ".secondarySigningKeyId [invalid]" + path + ".signingKeyId"},
			"unknown, not used yet":   {wire.Webhook{SignatureConfiguration: wire.SignatureConfiguration{SigningKeyID: nowhere}}, "[invalid]" + path + ".signingKeyId"},
			"a plain secret":          {on(wire.SignatureConfiguration{SigningKeyID: plain.ID}), "[invalid]" + path + ".signingKeyId"},
			"a public key":            {on(wire.SignatureConfiguration{SigningKeyID: public.ID}), "[invalid]" + path + ".signingKeyId"},
			"the same twice":          {on(wire.SignatureConfiguration{SigningKeyID: ec.ID, SecondarySigningKeyID: ec.ID}), "[invalid]" + path + ".secondarySigningKeyId"},
			"standard without a key":  {standard(wire.SignatureConfiguration{}, wire.StandardWebhooks{}), "[missing]" + path + ".standardWebhooks.signingKeyId"},
			"standard with EC":        {standard(wire.SignatureConfiguration{}, wire.StandardWebhooks{SigningKeyID: ec.ID}), "[invalid]" + path + ".standardWebhooks.signingKeyId"},
			"standard with the JWT's": {standard(wire.SignatureConfiguration{SigningKeyID: ec.ID}, wire.StandardWebhooks{}), "[invalid]" + path + ".standardWebhooks.signingKeyId"},
			"standard, second":        {standard(wire.SignatureConfiguration{SigningKeyID: ed.ID, SecondarySigningKeyID: ec.ID}, wire.StandardWebhooks{}), "[invalid]" + path + ".standardWebhooks.secondarySigningKeyId"},
			"standard, same twice":    {standard(wire.SignatureConfiguration{}, wire.StandardWebhooks{SigningKeyID: ed.ID, SecondarySigningKeyID: ed.ID}), "[invalid]" + path + ".standardWebhooks.secondarySigningKeyId"},
			"standard, unknown":       {standard(wire.SignatureConfiguration{}, wire.StandardWebhooks{SigningKeyID: ed.ID, SecondarySigningKeyID: nowhere}), "[invalid]" + path + ".standardWebhooks.secondarySigningKeyId"},
			"no certificate":          {wire.Webhook{SSLCertificateKeyID: hmac.ID}, "[invalid]webhook.sslCertificateKeyId"},
			"unknown certificate":     {wire.Webhook{SSLCertificateKeyID: nowhere, SSLCertificate: ec.Certificate}, "[invalid]webhook.sslCertificateKeyId"},
			"two certificates":        {wire.Webhook{SSLCertificateKeyID: ec.ID, SSLCertificate: ec.Certificate}, "[invalid]webhook.sslCertificateKeyId"},
		} {
			c.w.URL, c.w.ConnectTimeout, c.w.ReadTimeout = "https://example.com", 1, 1
			if _, err := w.Create(t.Context(), "", c.w); problemCodes(err) != c.want {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
		if list, err := w.List(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("%d webhooks were stored, %v", len(list), err)
		}

		// A key in use stays, whatever it is used for, and is free again with the last use.
		full := wire.Webhook{SSLCertificateKeyID: ec.ID, SignatureConfiguration: wire.SignatureConfiguration{
			Enabled: true, SigningKeyID: hmac.ID, SecondarySigningKeyID: ed.ID, Claims: true, StandardWebhooks: wire.StandardWebhooks{Enabled: true},
		}}
		hook := w.create(full)
		loaded, err := w.Load(t.Context(), hook.ID)
		if err != nil || loaded.SignatureConfiguration != full.SignatureConfiguration || loaded.SSLCertificateKeyID != ec.ID {
			t.Errorf("loaded %+v, %v", loaded, err)
		}
		for _, k := range []wire.Key{hmac, ec, ed} {
			if err := w.Keys.Delete(t.Context(), k.ID); problemCodes(err) != "[inUse]keyId" || !strings.Contains(err.Error(), string(hook.ID)) {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
		if _, err := w.Update(t.Context(), hook.ID, func(h wire.Webhook) (wire.Webhook, error) {
			h.SignatureConfiguration = wire.SignatureConfiguration{}
			return h, nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, k := range []wire.Key{hmac, ed} {
			if err := w.Keys.Delete(t.Context(), k.ID); err != nil {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
	})
}

// Of one who deletes a key and one who stores a webhook that wants it, at the same moment, only one can win.
func TestKeys_RaceOfUseAndDeletion(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 10 {
			k := w.secret("HS256", "s")
			var created, deleted error
			var both sync.WaitGroup
			both.Go(func() {
				_, created = w.Create(t.Context(), "", wire.Webhook{
					URL: "https://example.com", ConnectTimeout: 1, ReadTimeout: 1, SignatureConfiguration: wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID},
				})
			})
			both.Go(func() { deleted = w.Keys.Delete(t.Context(), k.ID) })
			both.Wait()
			if (created == nil) == (deleted == nil) {
				t.Errorf("created: %v, deleted: %v", created, deleted)
			}
			for _, err := range []error{created, deleted} {
				if _, ok := problem.As(err); err != nil && !ok {
					t.Error(err)
				}
			}
		}
	})
}

// BenchmarkSign is what a signature costs an attempt: made for its event before, or now.
func BenchmarkSign(b *testing.B) {
	body := []byte(strings.Repeat("x", 1500))
	for _, algorithm := range []wire.KeyAlgorithm{"HS256", "Ed25519", "ES256", "RS256"} {
		w := alone(b)
		k := w.generate(algorithm)
		compile := func(c wire.SignatureConfiguration) *webhook.Target {
			hook := w.create(wire.Webhook{SignatureConfiguration: c})
			return w.registry().Target(hook.ID)
		}
		run := func(name string, target *webhook.Target, id func() wire.ID) {
			b.Run(string(algorithm)+" "+name, func(b *testing.B) {
				for b.Loop() {
					if _, err := webhook.Sign(target, webhook.Message{ID: id(), Body: body}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		n := 0
		run("known", compile(wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID}), func() wire.ID { return message.ID })
		run("new", compile(wire.SignatureConfiguration{Enabled: true, SigningKeyID: k.ID, Claims: true}), func() wire.ID { n++; return wire.ID(strconv.Itoa(n)) })
		if algorithm == "HS256" || algorithm == "Ed25519" {
			run("standard", compile(wire.SignatureConfiguration{StandardWebhooks: wire.StandardWebhooks{Enabled: true, SigningKeyID: k.ID}}), func() wire.ID { return message.ID })
		}
	}
}
