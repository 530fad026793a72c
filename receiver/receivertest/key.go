package receivertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"

	_ "crypto/sha512" // for crypto.Hash

	"github.com/herald-events/herald/receiver"
)

// Key is a key that signs. It is safe for concurrent use.
type Key struct {
	// ID is its name in tokens and key sets (kid).
	ID string
	// Algorithm is what it signs with: HS256, RS256, ES256, EdDSA and so on.
	Algorithm string

	secret  string        // HS…
	private crypto.Signer // all others
}

// NewSecret is an HMAC key with a secret of your choice, which signs with HS256. For Standard Webhooks it may begin with whsec_.
func NewSecret(text string) *Key { return &Key{ID: rand.Text()[:16], Algorithm: "HS256", secret: text} }

// NewKey makes a key for the algorithm: HS, RS or ES with 256, 384 or 512 behind it, or EdDSA for Ed25519. It panics for any other. RSA keys take a while to make.
func NewKey(algorithm string) *Key {
	k := &Key{ID: rand.Text()[:16], Algorithm: algorithm}
	var err error
	switch algorithm {
	case "HS256", "HS384", "HS512":
		k.secret = rand.Text() + rand.Text() + rand.Text()
	case "RS256", "RS384", "RS512":
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		k.private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		k.private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		panic(fmt.Sprintf("receivertest: there is no algorithm %q", algorithm))
	}
	if err != nil {
		panic("receivertest: " + err.Error())
	}
	return k
}

// forged is another key of the same kind and name. RSA keys take a while to make: one of each algorithm does for all.
func (k *Key) forged() *Key {
	if k == nil {
		return nil
	}
	made, _ := forgeries.LoadOrStore(k.Algorithm, sync.OnceValue(func() *Key { return NewKey(k.Algorithm) }))
	f := *made.(func() *Key)()
	f.ID = k.ID
	return &f
}

var forgeries sync.Map

// Secret is the text of an HMAC key, empty for others.
func (k *Key) Secret() string { return k.secret }

// Keys is what a receiver verifies with.
func (k *Key) Keys() receiver.Keys {
	if k.private == nil {
		return receiver.Secret(k.secret)
	}
	return receiver.MustPublicKeys(k.PublicPEM())
}

// PublicPEM is the public key. It panics for an HMAC key, which has none.
func (k *Key) PublicPEM() string {
	if k.private == nil {
		panic("receivertest: an HMAC key has no public part")
	}
	der := must(x509.MarshalPKIXPublicKey(k.private.Public()))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// PrivatePEM is the private key in PKCS #8, to import it into a server. It panics for an HMAC key, which has only a secret.
func (k *Key) PrivatePEM() string {
	if k.private == nil {
		panic("receivertest: an HMAC key has no private part")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(k.private))}))
}

// JWT signs claims and returns the token.
func (k *Key) JWT(claims map[string]any) string {
	return k.JWTWith(map[string]any{"alg": k.Algorithm, "typ": "JWT", "kid": k.ID}, claims)
}

// JWTWith is JWT with any header, to see a receiver turn it away.
func (k *Key) JWTWith(header, claims map[string]any) string {
	content := segment(must(json.Marshal(header))) + "." + segment(must(json.Marshal(claims)))
	return content + "." + segment(k.sign([]byte(content)))
}

func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sign makes the signature of a JWS. Source: RFC 7518 section 3, RFC 8037 section 3.1.
func (k *Key) sign(content []byte) []byte {
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[k.Algorithm[len(k.Algorithm)-3:]]
	digest := func() []byte {
		h := hash.New()
		h.Write(content)
		return h.Sum(nil)
	}
	switch private := k.private.(type) {
	case nil:
		mac := hmac.New(hash.New, []byte(k.secret))
		mac.Write(content)
		return mac.Sum(nil)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest())
		if err != nil {
			panic("receivertest: " + err.Error())
		}
		size := (private.Curve.Params().BitSize + 7) / 8
		signature := make([]byte, 2*size)
		r.FillBytes(signature[:size])
		s.FillBytes(signature[size:])
		return signature
	case *rsa.PrivateKey:
		return must(private.Sign(rand.Reader, digest(), hash))
	default: // Ed25519
		return must(private.Sign(nil, content, crypto.Hash(0)))
	}
}

// standard makes the signature of Standard Webhooks.
func (k *Key) standard(content []byte) string {
	if private, ok := k.private.(ed25519.PrivateKey); ok {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, content))
	}
	if k.private != nil {
		panic("receivertest: Standard Webhooks knows HMAC and Ed25519 keys only")
	}
	text := []byte(k.secret)
	if encoded, found := strings.CutPrefix(k.secret, "whsec_"); found {
		text = must(base64.StdEncoding.DecodeString(encoded))
	}
	mac := hmac.New(sha256.New, text)
	mac.Write(content)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// KeySet serves the public keys as a JWKS, as /.well-known/jwks.json does.
func KeySet(keys ...*Key) http.Handler {
	all := []map[string]string{}
	for _, k := range keys {
		all = append(all, k.webKey())
	}
	body := must(json.Marshal(map[string]any{"keys": all}))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

// webKey is the public key as a member of a key set. Source: RFC 7518 section 6, RFC 8037 section 2.
func (k *Key) webKey() map[string]string {
	w := map[string]string{"kid": k.ID, "alg": k.Algorithm, "use": "sig"}
	switch private := k.private.(type) {
	case *rsa.PrivateKey:
		w["kty"], w["n"], w["e"] = "RSA", segment(private.N.Bytes()), segment(big.NewInt(int64(private.E)).Bytes())
	case *ecdsa.PrivateKey:
		point := must(private.PublicKey.Bytes())
		size := (len(point) - 1) / 2
		w["kty"], w["crv"], w["x"], w["y"] = "EC", private.Curve.Params().Name, segment(point[1:1+size]), segment(point[1+size:])
	case ed25519.PrivateKey:
		w["kty"], w["crv"], w["x"] = "OKP", "Ed25519", segment(private.Public().(ed25519.PublicKey))
	default:
		panic("receivertest: an HMAC key has no public part")
	}
	return w
}
