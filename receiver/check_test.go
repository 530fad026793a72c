package receiver_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"
)

// lets tells whether a receiver with the check handles q. When it does not, the answer must be the same whatever the reason, and the log must have it. Only when the
// keys are out of reach it is another.
func lets(t *testing.T, c receiver.Check, q *http.Request, reason string) bool {
	t.Helper()
	o, log := logged(receiver.Options{Checks: []receiver.Check{c}})
	r := receiver.New(o)
	called := false
	r.Default(func(context.Context, *receiver.Event) error { called = true; return nil })
	w := receivertest.Do(r, q)
	if called != (w.Code == 200) {
		t.Errorf("status %d, and the handler was called: %v", w.Code, called)
	}
	if !called {
		if strings.Contains(reason, outOfReach) {
			want(t, reason, w, 503, `{"errors":[{"code":"[notVerified]"}]}`)
			if retry := w.Header().Get("Retry-After"); retry != "1" {
				t.Errorf("Retry-After is %q", retry)
			}
			w.Header().Del("Retry-After")
		} else {
			want(t, reason, w, 401, notAuthorized)
		}
		if len(w.Header()) != 1 {
			t.Errorf("the answer says more: %v", w.Header())
		}
		if reason == "" || !strings.Contains(log.String(), reason) {
			t.Errorf("the log says %s, want %q", log, reason)
		}
		if text := log.String(); strings.Contains(text, "some-secret") || strings.Contains(text, "guessed") {
			t.Errorf("the log tells a secret, or what was tried: %s", text)
		}
	}
	return called
}

const outOfReach = "could not be fetched"

func TestChecks(t *testing.T) {
	t.Parallel()
	header, basic := receiver.Header("Authorization", "some-secret"), receiver.Basic("herald", "some-secret")
	for _, c := range []struct {
		name   string
		check  receiver.Check
		sender receivertest.Sender
		change func(*http.Request)
		reason string // "" lets it in
	}{
		{"the right header", header, receivertest.Sender{Header: map[string]string{"authorization": "some-secret"}}, nil, ""},
		{"a wrong one", header, receivertest.Sender{Header: map[string]string{"Authorization": "guessed"}}, nil, "another value"},
		{"the beginning of the right one", header, receivertest.Sender{Header: map[string]string{"Authorization": "some-secre"}}, nil, "another value"},
		{"none", header, receivertest.Sender{}, nil, "Authorization is missing"},
		{"two", header, receivertest.Sender{}, func(q *http.Request) { q.Header["Authorization"] = []string{"some-secret", "guessed"} }, "there 2 times"},
		{"the right password", basic, receivertest.Sender{Username: "herald", Password: "some-secret"}, nil, ""},
		{"a wrong password", basic, receivertest.Sender{Username: "herald", Password: "guessed"}, nil, "wrong"},
		{"a wrong name", basic, receivertest.Sender{Username: "guessed", Password: "some-secret"}, nil, "wrong"},
		{"no name", basic, receivertest.Sender{}, nil, "Authorization is missing"},
		{"another scheme", basic, receivertest.Sender{Header: map[string]string{"Authorization": "Bearer some-secret"}}, nil, "no HTTP Basic"},
		{"two names", basic, receivertest.Sender{Username: "herald", Password: "some-secret"}, func(q *http.Request) { q.Header.Add("Authorization", "guessed") }, "there 2 times"},
		{"one of two", receiver.Any(receiver.Header("X", "old"), header), receivertest.Sender{Header: map[string]string{"Authorization": "some-secret"}}, nil, ""},
		{"none of two", receiver.Any(receiver.Header("X", "old"), header), receivertest.Sender{}, nil, "X is missing"},
		{"one of two, by the body", receiver.Any(header, receiver.Custom(func(_ *http.Request, body []byte) error {
			if len(body) == 0 {
				return errors.New("no body")
			}
			return nil
		})), receivertest.Sender{}, nil, ""},
		{"a check of one's own", receiver.Custom(func(_ *http.Request, body []byte) error {
			if !strings.HasPrefix(string(body), `{"event":`) {
				return errors.New("no body")
			}
			return nil
		}), receivertest.Sender{}, nil, ""},
		{"one that says no", receiver.Custom(func(*http.Request, []byte) error { return errors.New("not today") }), receivertest.Sender{}, nil, "not today"},
		{"one that panics", receiver.Custom(func(*http.Request, []byte) error { panic("oh") }), receivertest.Sender{}, nil, "panicked: oh"},
		{"one that is forgotten", receiver.Check{}, receivertest.Sender{}, nil, "receiver.Check{}"},
		{"one of those", receiver.Any(receiver.Check{}), receivertest.Sender{}, nil, "receiver.Check{}"},
	} {
		q := c.sender.Event(event.UserCreate)
		if c.change != nil {
			c.change(q)
		}
		if lets(t, c.check, q, c.reason) != (c.reason == "") {
			t.Errorf("%s: let in: %v", c.name, c.reason != "")
		}
	}
}

// All checks have to hold, and those that need no body come before it is read.
func TestChecks_AllBeforeTheBody(t *testing.T) {
	t.Parallel()
	o := open()
	o.Checks = []receiver.Check{
		receiver.Custom(func(*http.Request, []byte) error { t.Error("the body was read"); return nil }),
		receiver.Any(receiver.Header("X", "1"), receiver.Header("X", "2")),
		receiver.Basic("herald", "pw"),
	}
	q := receivertest.Sender{Header: map[string]string{"X": "2"}}.Event(event.UserCreate)
	q.Body = io.NopCloser(unread{t})
	want(t, "one of two checks", receivertest.Do(receiver.New(o), q), 401, notAuthorized)
}

type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a stranger is read")
	return 0, io.EOF
}

func TestSignature(t *testing.T) {
	t.Parallel()
	const hash = "request_body_sha256"
	rs, es, hs := receivertest.NewKey("RS256"), receivertest.NewKey("ES256"), receivertest.NewKey("HS256")
	body := []byte(`{"event":{"id":"1","type":"user.create","user":{}}}`)
	right := map[string]any{hash: "B6Xf/bXS16qkvEEBsvUdphxLWqzWJvQ+e0mJTJTBOHA="}
	// sent is a request with any token.
	sent := func(tokens ...string) *http.Request {
		q := receivertest.Sender{}.Body("1", body)
		q.Header["X-Fusionauth-Signature-Jwt"] = tokens
		return q
	}
	signed := receivertest.Sender{JWT: hs}.Body("1", body)
	token := signed.Header.Get("X-FusionAuth-Signature-JWT")
	claims := strings.Split(token, ".")[1]
	if text, _ := base64.RawURLEncoding.DecodeString(claims); !strings.Contains(string(text), hash) {
		t.Fatalf("the claims are %s", text)
	}
	right[hash] = strings.Split(string(must(base64.RawURLEncoding.DecodeString(claims))), `"`)[3]
	with := func(more ...any) map[string]any {
		all := map[string]any{hash: right[hash]}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		return all
	}
	head := func(k *receivertest.Key, more ...any) map[string]any {
		all := map[string]any{"alg": k.Algorithm, "kid": k.ID}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		return all
	}
	// The classic: the public key of one algorithm as the secret of another.
	confused := receivertest.NewSecret(rs.PublicPEM())
	raw := func(header, payload string) string {
		content := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
		return content + "."
	}
	// respelled is a text in base64 with other bits behind its last byte, which lenient readers overlook: what was seen could come as something new.
	respelled := func(text string) string {
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		end := strings.TrimRight(text, "=")
		at := strings.IndexByte(letters, strings.NewReplacer("+", "-", "/", "_").Replace(end[len(end)-1:])[0])
		return end[:len(end)-1] + letters[at+1:at+2] + text[len(end):]
	}
	now := time.Now().Unix()
	for _, c := range []struct {
		name   string
		keys   receiver.Keys
		q      *http.Request
		reason string
	}{
		{"a right one", hs.Keys(), signed, ""},
		{"the same again", hs.Keys(), receivertest.Again(signed), ""},
		{"another body", hs.Keys(), receivertest.Tampered(signed), "not the one that was signed"},
		{"another key", hs.Keys(), receivertest.Sender{JWT: hs}.Forged().Body("1", body), "signature is wrong"},
		{"RSA", rs.Keys(), sent(rs.JWT(right)), ""},
		{"another RSA key", rs.Keys(), receivertest.Sender{JWT: rs}.Forged().Body("1", body), "signature is wrong"},
		{"EC", es.Keys(), sent(es.JWT(right)), ""},
		{"another EC key", es.Keys(), receivertest.Sender{JWT: es}.Forged().Body("1", body), "signature is wrong"},
		{"one of two keys", must(receiver.PublicKeys(es.PublicPEM() + rs.PublicPEM())), sent(rs.JWT(right)), ""},
		{"the kid does not matter to a key one has", hs.Keys(), sent(hs.JWTWith(head(hs, "kid", "x"), right)), ""},
		{"while keys are changed", hs.Keys(), receivertest.Sender{JWT: rs, SecondaryJWT: hs}.Body("1", body), ""},
		{"neither of two", es.Keys(), receivertest.Sender{JWT: rs, SecondaryJWT: hs}.Body("1", body), "not one of the key"},
		{"only the secondary", hs.Keys(), receivertest.Sender{SecondaryJWT: hs}.Body("1", body), ""},

		{"no header", hs.Keys(), sent(), "is missing"},
		{"two headers", hs.Keys(), sent(token, token), "2 times"},
		{"an empty one", hs.Keys(), sent(""), "no JWT"},
		{"none", hs.Keys(), sent(raw(`{"alg":"none"}`, `{"`+hash+`":"`+right[hash].(string)+`"}`)), "not one of the key"},
		{"None", rs.Keys(), sent(raw(`{"alg":"None"}`, `{"`+hash+`":"`+right[hash].(string)+`"}`)), "not one of the key"},
		{"no algorithm", hs.Keys(), sent(raw(`{}`, `{}`)), "no algorithm"},
		{"the public key as secret", rs.Keys(), sent(confused.JWT(right)), "not one of the key"},
		{"an algorithm of another curve", es.Keys(), sent(es.JWTWith(head(es, "alg", "ES384"), right)), "not one of the key"},
		{"PSS", rs.Keys(), sent(rs.JWTWith(head(rs, "alg", "PS256"), right)), "not one of the key"},
		{"a secret's algorithm that there is none of", hs.Keys(), sent(hs.JWTWith(head(hs, "alg", "HS1"), right)), "not one of the key"},
		{"demands", hs.Keys(), sent(hs.JWTWith(head(hs, "crit", []string{"b64"}, "b64", false), right)), "crit"},
		{"two algorithms", hs.Keys(), sent(raw(`{"alg":"none","alg":"HS256"}`, `{}`)), "twice"},
		{"a kid that is no text", hs.Keys(), sent(hs.JWTWith(head(hs, "kid", 7), right)), "kid"},
		{"four parts", hs.Keys(), sent(token + ".x"), "compact"},
		{"another spelling", hs.Keys(), sent(respelled(token)), "base64url"},
		{"another spelling of the hash", hs.Keys(), sent(hs.JWT(map[string]any{hash: respelled(right[hash].(string))})), "not the one that was signed"},
		{"padding", hs.Keys(), sent(token + "="), "base64url"},
		{"a long one", hs.Keys(), sent(token + strings.Repeat("A", 9000)), "bytes"},
		{"half a signature", es.Keys(), sent(es.JWT(right)[:len(es.JWT(right))-42]), "wrong"},
		{"a short signature", es.Keys(), sent(es.JWT(right)[:len(es.JWT(right))-66]), "wrong"},
		{"no hash", hs.Keys(), sent(hs.JWT(map[string]any{"sub": "x"})), "no claim"},
		{"a hash in hexadecimal", hs.Keys(), sent(hs.JWT(map[string]any{hash: strings.Repeat("ab", 32)})), "not the one that was signed"},
		{"an empty hash", hs.Keys(), sent(hs.JWT(map[string]any{hash: ""})), "not the one that was signed"},
		{"no claims", hs.Keys(), sent(hs.JWT(nil)), "not a JSON object"},
		{"ours", hs.Keys(), sent(hs.JWT(with("iat", now-100_000, "jti", "x", "eventId", "1"))), ""},
		{"one that has run out", hs.Keys(), sent(hs.JWT(with("exp", now-1))), "exp"},
		{"one that has not", hs.Keys(), sent(hs.JWT(with("exp", now+60, "nbf", now))), ""},
		{"one by a clock that is ahead", hs.Keys(), sent(hs.JWT(with("nbf", now+240))), ""},
		{"one of tomorrow", hs.Keys(), sent(hs.JWT(with("nbf", now+86_400))), "nbf"},
		{"one that runs out at no time", hs.Keys(), sent(hs.JWT(with("exp", "never"))), "exp"},
	} {
		if lets(t, receiver.Signature(c.keys), c.q, c.reason) != (c.reason == "") {
			t.Errorf("%s: let in: %v", c.name, c.reason != "")
		}
	}
}

func TestSignature_EveryAlgorithm(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			k := receivertest.NewKey(algorithm)
			if !lets(t, receiver.Signature(k.Keys()), receivertest.Sender{JWT: k}.Event(event.UserCreate), "") {
				t.Error("the right key is not let in")
			}
		})
	}
}

func TestStandard(t *testing.T) {
	t.Parallel()
	// Known from the specification's own libraries: the secret, and what it makes of this message.
	k := receivertest.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	ed := receivertest.NewKey("EdDSA")
	s := receivertest.Sender{StandardWebhooks: k}
	change := func(q *http.Request, name string, values ...string) *http.Request {
		q.Header[http.CanonicalHeaderKey(name)] = values
		return q
	}
	fresh := func() *http.Request { return s.Event(event.UserCreate) }
	signature := func(q *http.Request) string { return q.Header.Get("webhook-signature") }
	for _, c := range []struct {
		name   string
		keys   receiver.Keys
		q      *http.Request
		reason string
	}{
		{"a right one", k.Keys(), fresh(), ""},
		{"Ed25519", ed.Keys(), receivertest.Sender{StandardWebhooks: ed}.Event(event.UserCreate), ""},
		{"the other kind", ed.Keys(), fresh(), "no signature"},
		{"a secret for the other kind", k.Keys(), receivertest.Sender{StandardWebhooks: ed}.Event(event.UserCreate), "no signature"},
		{"one of an RSA key", receivertest.NewKey("RS256").Keys(), fresh(), "no signature"},
		{"another secret", k.Keys(), s.Forged().Event(event.UserCreate), "no signature"},
		{"another body", k.Keys(), receivertest.Tampered(fresh()), "no signature"},
		{"another id", k.Keys(), change(fresh(), "webhook-id", "x"), "no signature"},
		{"another time", k.Keys(), change(fresh(), "webhook-timestamp", strconv.FormatInt(time.Now().Unix()-60, 10)), "no signature"},
		{"four minutes old", k.Keys(), s.Expired(4 * time.Minute).Event(event.UserCreate), ""},
		{"six minutes old", k.Keys(), s.Expired(6 * time.Minute).Event(event.UserCreate), "another time"},
		{"six minutes ahead", k.Keys(), s.Expired(-6 * time.Minute).Event(event.UserCreate), "another time"},
		{"no time", k.Keys(), change(fresh(), "webhook-timestamp", "now"), "no time"},
		{"the end of time", k.Keys(), change(fresh(), "webhook-timestamp", "9223372036854775807"), "no time"},
		{"no header", k.Keys(), receivertest.Sender{}.Event(event.UserCreate), "is missing"},
		{"two times", k.Keys(), change(fresh(), "webhook-timestamp", "1", "2"), "2 times"},
		{"two ids", k.Keys(), change(fresh(), "webhook-id", "1", "2"), "2 times"},
		{"two signature headers", k.Keys(), change(fresh(), "webhook-signature", "v1,x", "v1,y"), "2 times"},
		{"another signature before it", k.Keys(), func() *http.Request {
			q := fresh()
			return change(q, "webhook-signature", "v1,AAAA v1a,AAAA v2,AAAA nonsense "+signature(q))
		}(), ""},
		{"many before it", k.Keys(), func() *http.Request {
			q := fresh()
			return change(q, "webhook-signature", strings.Repeat("v1,AAAA ", 16)+signature(q))
		}(), "no signature"},
		{"another version", k.Keys(), func() *http.Request { q := fresh(); return change(q, "webhook-signature", "v1a"+signature(q)[2:]) }(), "no signature"},
	} {
		if lets(t, receiver.StandardWebhooks(c.keys, 0), c.q, c.reason) != (c.reason == "") {
			t.Errorf("%s: let in: %v", c.name, c.reason != "")
		}
	}
	q := receivertest.Sender{StandardWebhooks: ed}.Event(event.UserCreate)
	if lets(t, receiver.StandardWebhooks(ed.Keys(), 0), change(q, "webhook-signature", "v1"+signature(q)[3:]), "no signature") {
		t.Error("a signature with Ed25519 passes for an HMAC")
	}
	if !lets(t, receiver.StandardWebhooks(k.Keys(), time.Hour), s.Expired(50*time.Minute).Event(event.UserCreate), "") {
		t.Error("a window of an hour is none")
	}
}

func TestPublicKeys(t *testing.T) {
	t.Parallel()
	es, ed := receivertest.NewKey("ES256"), receivertest.NewKey("EdDSA")
	both, err := receiver.PublicKeys(es.PublicPEM() + "\n" + ed.PublicPEM())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*receivertest.Key{es, ed} {
		if !lets(t, receiver.Signature(both), receivertest.Sender{JWT: k}.Event(event.UserCreate), "") {
			t.Errorf("%s is not let in", k.Algorithm)
		}
	}
	block, _ := pem.Decode([]byte(es.PrivatePEM()))
	certificate := x509.Certificate{SerialNumber: big.NewInt(1)}
	private := must(x509.ParsePKCS8PrivateKey(block.Bytes)).(crypto.Signer)
	issued := must(x509.CreateCertificate(rand.Reader, &certificate, &certificate, private.Public(), private))
	certified := must(receiver.PublicKeys(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued}))))
	if !lets(t, receiver.Signature(certified), receivertest.Sender{JWT: es}.Event(event.UserCreate), "") {
		t.Error("the key of a certificate is not let in")
	}
	// rsaKey is a public key with a modulus of so many bits.
	rsaKey := func(bits, exponent int) string {
		modulus := new(big.Int).SetBit(new(big.Int), bits-1, 1)
		der := must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: modulus.SetBit(modulus, 0, 1), E: exponent}))
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	rs := receivertest.NewKey("RS256")
	public, _ := pem.Decode([]byte(rs.PublicPEM()))
	older := x509.MarshalPKCS1PublicKey(must(x509.ParsePKIXPublicKey(public.Bytes)).(*rsa.PublicKey))
	if !lets(t, receiver.Signature(must(receiver.PublicKeys(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: older}))))), receivertest.Sender{JWT: rs}.Event(event.UserCreate), "") {
		t.Error("a key in the form of PKCS #1 is not let in")
	}
	small := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	for text, says := range map[string]string{
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(small.Public()))})): "P-224",
		rsaKey(2047, 65537): "2047 bits",
		rsaKey(8193, 65537): "8193 bits",
		rsaKey(2048, 4):     "exponent",
		"":                  "no PEM block",
		"some-secret":       "no PEM block",
		es.PrivatePEM():     "private key",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n":                 "PEM block 1",
		es.PublicPEM() + "-----BEGIN MESSAGE-----\nAAAA\n-----END MESSAGE-----\n":      "PEM block 2: it is a \"MESSAGE\"",
		"-----BEGIN RSA PUBLIC KEY-----\nMEgCQQDGb59s\n-----END RSA PUBLIC KEY-----\n": "PEM block 1",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n":               "PEM block 1",
	} {
		if _, err := receiver.PublicKeys(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60q: %v, want %s", text, err, says)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
