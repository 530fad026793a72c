package webhooktest

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// vectors were made with OpenSSL.
//
//go:embed testdata/vectors.json
var vectors []byte

type vector struct {
	Body     string
	Secret   string
	JWKS     json.RawMessage
	Tokens   map[string]string // by kid
	Standard struct{ ID, Timestamp, HMAC, Ed25519 string }

	keys []Key
}

func load(tb testing.TB) vector {
	tb.Helper()
	var v vector
	if err := json.Unmarshal(vectors, &v); err != nil {
		tb.Fatal(err)
	}
	var err error
	if v.keys, err = ParseJWKS(v.JWKS); err != nil {
		tb.Fatal(err)
	}
	for _, algorithm := range []string{"HS256", "HS384", "HS512"} {
		v.keys = append(v.keys, Key{strings.ToLower(algorithm), algorithm, []byte(v.Secret)})
	}
	return v
}

func TestVerifyJWT(t *testing.T) {
	t.Parallel()
	v := load(t)
	if len(v.Tokens) != 10 || len(v.keys) != 10 {
		t.Fatalf("%d tokens, %d keys", len(v.Tokens), len(v.keys))
	}
	for kid, token := range v.Tokens {
		h, claims, err := VerifyJWT(token, []byte(v.Body), v.keys)
		if err != nil || h.KID != kid || h.Type != "JWT" || len(claims) != 1 {
			t.Errorf("%s: %+v, %v, %v", kid, h, claims, err)
		}
		parts := strings.Split(token, ".")
		other := v.Tokens["es256"]
		if kid == "es256" {
			other = v.Tokens["rs256"]
		}
		for name, wrong := range map[string]string{
			"another signature": parts[0] + "." + parts[1] + "." + strings.Split(other, ".")[2],
			"no signature":      parts[0] + "." + parts[1] + ".",
			"two parts":         parts[0] + "." + parts[1],
			"four parts":        token + ".x",
			"padded":            token + "=",
			"a line break":      token[:len(token)-4] + "\n" + token[len(token)-4:],
			"alg none":          encoded(`{"alg":"none","kid":"`+kid+`","typ":"JWT"}`) + "." + parts[1] + ".",
			"alg HS256":         encoded(`{"alg":"HS256","kid":"`+kid+`","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
			"another kid":       encoded(`{"alg":"`+h.Algorithm+`","kid":"x","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
			"other claims":      parts[0] + "." + encoded(`{"request_body_sha256":""}`) + "." + parts[2],
		} {
			if kid == "hs256" && name == "alg HS256" {
				continue
			}
			if _, _, err := VerifyJWT(wrong, []byte(v.Body), v.keys); err == nil {
				t.Errorf("%s verifies with %s", kid, name)
			}
		}
		if _, _, err := VerifyJWT(token, []byte(v.Body+" "), v.keys); err == nil {
			t.Errorf("%s verifies another body", kid)
		}
	}
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func TestVerifyStandard(t *testing.T) {
	t.Parallel()
	v := load(t)
	s, body, at := v.Standard, []byte(v.Body), time.Unix(1767225600, 0)
	secret, ed := Key{Public: []byte(v.Secret)}, v.keys[slices.IndexFunc(v.keys, func(k Key) bool { return k.Algorithm == "EdDSA" })]
	for name, c := range map[string]struct {
		id, timestamp, signatures string
		body                      []byte
		keys                      []Key
		now                       time.Time
		ok                        bool
	}{
		"hmac":                 {s.ID, s.Timestamp, s.HMAC, body, []Key{secret}, at, true},
		"ed25519":              {s.ID, s.Timestamp, s.Ed25519, body, []Key{ed}, at, true},
		"one of two":           {s.ID, s.Timestamp, "v1,AAAA " + s.HMAC, body, []Key{ed, secret}, at.Add(tolerance), true},
		"unknown versions":     {s.ID, s.Timestamp, "v2,x v1a,### " + s.HMAC, body, []Key{secret}, at.Add(-tolerance), true},
		"another key":          {s.ID, s.Timestamp, s.HMAC, body, []Key{ed, {Public: []byte("other")}}, at, false},
		"another version":      {s.ID, s.Timestamp, strings.Replace(s.HMAC, "v1,", "v1a,", 1), body, []Key{secret, ed}, at, false},
		"another id":           {s.ID + "x", s.Timestamp, s.HMAC, body, []Key{secret}, at, false},
		"another time":         {s.ID, "1767225601", s.HMAC, body, []Key{secret}, at, false},
		"another body":         {s.ID, s.Timestamp, s.HMAC, append(body[:len(body):len(body)], ' '), []Key{secret}, at, false},
		"too old":              {s.ID, s.Timestamp, s.HMAC, body, []Key{secret}, at.Add(tolerance + time.Second), false},
		"from the future":      {s.ID, s.Timestamp, s.HMAC, body, []Key{secret}, at.Add(-tolerance - time.Second), false},
		"no time":              {s.ID, "", s.HMAC, body, []Key{secret}, at, false},
		"nothing":              {s.ID, s.Timestamp, "", body, []Key{secret, ed}, at, false},
		"the hash of a secret": {s.ID, s.Timestamp, "v1,", body, []Key{secret}, at, false},
	} {
		if err := VerifyStandard(c.id, c.timestamp, c.signatures, c.body, c.keys, c.now); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The example that the libraries of Standard Webhooks are tested with.
	known, _ := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err := VerifyStandard("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", []byte(`{"test": 2432232314}`),
		[]Key{{Public: known}}, time.Unix(1614265330, 0)); err != nil {
		t.Errorf("the published example: %v", err)
	}
}

func TestParseJWKS_Refuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `{"keys":1}`, `{"keys":[{"kty":"oct","k":"c2VjcmV0","use":"sig"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA","use":"sig"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ","use":"sig"}]}`, `{"keys":[{"kty":"EC","crv":"secp256k1","use":"sig"}]}`,
		`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}`, `{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB","d":"AQ","use":"sig"}]}`,
	} {
		if keys, err := ParseJWKS([]byte(text)); err == nil {
			t.Errorf("%s is %v", text, keys)
		}
	}
}

// Whatever is sent in place of a token: it verifies only if it is one of the known ones with its body, and nothing panics.
func FuzzVerify(f *testing.F) {
	v := load(f)
	for _, token := range v.Tokens {
		f.Add(token, v.Body, string(v.JWKS), v.Standard.Timestamp, v.Standard.HMAC)
		parts := strings.Split(token, ".")
		f.Add(encoded(`{"alg":"none"}`)+"."+parts[1]+".", v.Body, `{"keys":[]}`, "-1", v.Standard.Ed25519)
		f.Add(parts[0]+"."+parts[1]+"."+encoded(strings.Repeat("\x00", 64)), v.Body+" ", `{"keys":[{"kty":"RSA","use":"sig"}]}`, "9223372036854775807", "v1, v1a,")
	}
	f.Add("..", "", "null", "", "")
	f.Fuzz(func(t *testing.T, token, body, jwks, timestamp, signatures string) {
		h, _, err := VerifyJWT(token, []byte(body), v.keys)
		if err == nil && (token != v.Tokens[h.KID] || body != v.Body) {
			t.Errorf("%q verifies for %q", token, body)
		}
		if keys, err := ParseJWKS([]byte(jwks)); err == nil {
			_, _, _ = VerifyJWT(token, []byte(body), keys) // keys of somebody's own choosing must not panic either
		}
		s := v.Standard
		err = VerifyStandard(s.ID, timestamp, signatures, []byte(body), v.keys, time.Unix(1767225600, 0))
		if err == nil && (timestamp != s.Timestamp || body != v.Body || !strings.Contains(signatures, s.HMAC) && !strings.Contains(signatures, s.Ed25519)) {
			t.Errorf("%q at %q verifies for %q", signatures, timestamp, body)
		}
	})
}
