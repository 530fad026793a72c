package key_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/webhook/webhooktest"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	defaultKey = wire.ID("7d1c3e52-61a8-4c0f-9b1e-2f5a4d8e6c70")
	someID     = wire.ID("d0000000-0000-4000-8000-00000000000d")
	otherID    = wire.ID("e0000000-0000-4000-8000-00000000000e")
)

// keys is the keys of an empty store.
type keys struct {
	*key.Service
	t *testing.T
	d *db.DB
}

func each(t *testing.T, fn func(t *testing.T, k *keys)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		fn(t, &keys{key.NewService(d, key.NewSealer(master(1)), defaultKey), t, d})
	})
}

func (k *keys) generate(given wire.KeyInput) wire.Key {
	k.t.Helper()
	made, err := k.Generate(k.t.Context(), "", given)
	if err != nil {
		k.t.Fatalf("generate %+v: %v", given, err)
	}
	return made
}

func (k *keys) bring(given wire.KeyInput) wire.Key {
	k.t.Helper()
	made, err := k.Import(k.t.Context(), "", given)
	if err != nil {
		k.t.Fatalf("import %+v: %v", given, err)
	}
	return made
}

// ready is the key as those use it who sign.
func (k *keys) ready(id wire.ID) *key.Key {
	k.t.Helper()
	set, err := k.Set(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return set.Key(id)
}

// published is the public key set, as receivers read it.
func (k *keys) published() []webhooktest.Key {
	k.t.Helper()
	set, err := k.Set(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	text, err := set.JWKS()
	if err != nil {
		k.t.Fatal(err)
	}
	all, err := webhooktest.ParseJWKS(text)
	if err != nil {
		k.t.Fatalf("%v in %s", err, text)
	}
	return all
}

// codes are the sorted codes of a problem.
func codes(err error) string {
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

var families = map[wire.KeyAlgorithm]wire.KeyType{
	"ES256": "EC", "ES384": "EC", "ES512": "EC", "Ed25519": "OKP", "HS256": "HMAC", "HS384": "HMAC", "HS512": "HMAC", "RS256": "RSA", "RS384": "RSA", "RS512": "RSA",
}

var lengths = map[wire.KeyAlgorithm]int{"ES256": 256, "ES384": 384, "ES512": 521, "RS256": 2048, "RS384": 2048, "RS512": 2048}

func TestGenerate_EveryAlgorithm(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		for algorithm, family := range families {
			given := wire.KeyInput{Name: " " + string(algorithm) + " key ", Algorithm: algorithm, Issuer: "issuer.example.com"}
			if family == "RSA" {
				given.Length = 2048
			}
			made := k.generate(given)
			if made.Name != string(algorithm)+" key" || made.Type != family || made.Length != lengths[algorithm] || made.KID == "" || made.InsertInstant == 0 {
				t.Errorf("%s: %+v", algorithm, made)
			}
			loaded, err := k.Load(t.Context(), made.ID)
			if diff := cmp.Diff(made, loaded); err != nil || diff != "" {
				t.Errorf("%s: loaded %v (-made +loaded)\n%s", algorithm, err, diff)
			}
			if family == "HMAC" {
				if made.HasPrivateKey || made.PublicKey != "" || made.Certificate != "" || made.Issuer != "" || made.ExpirationInstant != 0 {
					t.Errorf("%s: a secret has %+v", algorithm, made)
				}
			} else {
				checkCertificate(t, made, "issuer.example.com")
			}

			// What it signs verifies with what is published, read by another implementation.
			ready := k.ready(made.ID)
			body := []byte(`{"event":{}}`)
			token, err := ready.JWT([]byte(`{"request_body_sha256":"S6Szu8Ekw4qxZYiGvYHIKdPg6Yd9jPRxLbn9yfR6zeM="}`))
			if err != nil || !ready.CanSign() || ready.CanSignStandard() != (family == "HMAC" || family == "OKP") {
				t.Errorf("%s: %v, can sign %v %v", algorithm, err, ready.CanSign(), ready.CanSignStandard())
			}
			if family != "HMAC" {
				h, _, err := webhooktest.VerifyJWT(token, body, k.published())
				if err != nil && !strings.Contains(err.Error(), "another body") || h.KID != made.KID || h.Type != "JWT" {
					t.Errorf("%s: %+v, %v", algorithm, h, err)
				}
			}
		}
		if got := len(k.published()); got != 7 {
			t.Errorf("%d keys are published, want the 7 with two halves", got)
		}
	})
}

func checkCertificate(t *testing.T, k wire.Key, issuer string) {
	t.Helper()
	block, _ := pem.Decode([]byte(k.Certificate))
	if block == nil {
		t.Fatalf("no certificate: %+v", k)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		t.Errorf("%s: the certificate is not signed with its key: %v", k.Algorithm, err)
	}
	spki, _ := x509.MarshalPKIXPublicKey(c.PublicKey)
	if want := strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))); k.PublicKey != want {
		t.Errorf("%s: public key\n%s\nthat of the certificate\n%s", k.Algorithm, k.PublicKey, want)
	}
	info := k.CertificateInformation
	if !k.HasPrivateKey || k.Issuer != issuer || c.Subject.CommonName != issuer || info == nil || info.Issuer != "CN="+issuer || info.Subject != "CN="+issuer ||
		info.SerialNumber != c.SerialNumber.String() || info.ValidTo != k.ExpirationInstant || c.NotAfter.UnixMilli() != int64(k.ExpirationInstant) ||
		len(info.MD5Fingerprint) != 47 || len(info.SHA1Fingerprint) != 59 || len(info.SHA256Fingerprint) != 95 || len(info.SHA1Thumbprint) != 27 || len(info.SHA256Thumbprint) != 43 {
		t.Errorf("%s: %+v, information %+v", k.Algorithm, k, info)
	}
	if c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() > 127 {
		t.Errorf("%s: serial number %v", k.Algorithm, c.SerialNumber)
	}
}

func TestGenerate_Refuses(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		if _, err := k.Generate(t.Context(), someID, wire.KeyInput{Name: "Taken", KID: "taken", Algorithm: "HS256"}); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			id    wire.ID
			given wire.KeyInput
			want  string
		}{
			"nothing":              {"", wire.KeyInput{}, "[blank]key.name [missing]key.algorithm"},
			"blank name":           {"", wire.KeyInput{Name: " \t", Algorithm: "HS256"}, "[blank]key.name"},
			"unknown algorithm":    {"", wire.KeyInput{Name: "x", Algorithm: "rs-256"}, "[invalid]key.algorithm"},
			"wrong case":           {"", wire.KeyInput{Name: "x", Algorithm: "ed25519"}, "[invalid]key.algorithm"},
			"none":                 {"", wire.KeyInput{Name: "x", Algorithm: "None"}, "[invalid]key.algorithm"},
			"RSA without a length": {"", wire.KeyInput{Name: "x", Algorithm: "RS256"}, "[missing]key.length"},
			"short RSA":            {"", wire.KeyInput{Name: "x", Algorithm: "RS512", Length: 1024}, "[invalid]key.length"},
			"huge RSA":             {"", wire.KeyInput{Name: "x", Algorithm: "RS512", Length: 1 << 30}, "[invalid]key.length"},
			"length of EC":         {"", wire.KeyInput{Name: "x", Algorithm: "ES512", Length: 512}, "[invalid]key.length"},
			"type":                 {"", wire.KeyInput{Name: "x", Algorithm: "ES512", Type: "RSA"}, "[invalid]key.type"},
			"material":             {"", wire.KeyInput{Name: "x", Algorithm: "HS256", Secret: "mine"}, "[invalid]key"},
			"everything taken":     {someID, wire.KeyInput{Name: "tAKEN ", KID: "taken", Algorithm: "HS256"}, "[duplicate]key.kid [duplicate]key.name [duplicate]keyId"},
			"long texts":           {"", wire.KeyInput{Name: strings.Repeat("n", 192), KID: strings.Repeat("k", 192), Issuer: strings.Repeat("i", 192), Algorithm: "HS256"}, "[tooLong]key.issuer [tooLong]key.kid [tooLong]key.name"},
			"control characters":   {"", wire.KeyInput{Name: "a\x00b", KID: "a\nb", Algorithm: "HS256"}, "[invalid]key.kid [invalid]key.name"},
			"no UTF-8":             {"", wire.KeyInput{Name: "a\xffb", Algorithm: "HS256"}, "[invalid]key.name"},
		} {
			_, err := k.Generate(t.Context(), c.id, c.given)
			if got := codes(err); got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
			if strings.HasPrefix(name, "unknown") && !strings.Contains(err.Error(), "Did you mean RS256?") {
				t.Errorf("no suggestion: %v", err)
			}
		}
		if all, err := k.List(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%d keys are left, %v", len(all), err)
		}
		// Lengths that are no choice do not matter.
		k.generate(wire.KeyInput{Name: "a", Algorithm: "HS256", Length: 2048})
		k.generate(wire.KeyInput{Name: "b", Algorithm: "Ed25519", Length: 256})
		k.generate(wire.KeyInput{Name: "c", Algorithm: "ES384", Length: 384})
	})
}

// pemOf are the PEM forms of a new private key.
type pemOf struct{ private, public, certificate string }

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func newPEM(t *testing.T, private crypto.Signer) pemOf {
	t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "imported", Organization: []string{"Acme"}}, NotBefore: time.Unix(1, 0), NotAfter: time.Unix(4e9, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf{encode("PRIVATE KEY", pkcs8), encode("PUBLIC KEY", spki), encode("CERTIFICATE", der)}
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func TestImport_PEM(t *testing.T) {
	rs, es := rsaKey(t, 2048), ecKey(t, elliptic.P384())
	each(t, func(t *testing.T, k *keys) {
		number := 0
		check := func(name string, given wire.KeyInput, want wire.Key) *key.Key {
			t.Helper()
			number++
			given.Name, want.Name = name, name
			given.KID = fmt.Sprint("kid ", number)
			got := k.bring(given)
			want.ID, want.KID, want.InsertInstant, want.LastUpdateInstant = got.ID, given.KID, got.InsertInstant, got.LastUpdateInstant
			if got.CertificateInformation != nil {
				want.CertificateInformation = got.CertificateInformation
				want.Issuer, want.ExpirationInstant = "imported", 4e12
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			return k.ready(got.ID)
		}
		trim := strings.TrimSpace
		r, e, d := newPEM(t, rs), newPEM(t, es), newPEM(t, edKey(t))

		check("private RSA", wire.KeyInput{PrivateKey: "\n" + r.private}, wire.Key{Algorithm: "RS256", Type: "RSA", Length: 2048, PublicKey: trim(r.public), HasPrivateKey: true})
		check("PKCS #1", wire.KeyInput{PrivateKey: encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs)), Algorithm: "RS512", Type: "RSA"},
			wire.Key{Algorithm: "RS512", Type: "RSA", Length: 2048, PublicKey: trim(r.public), HasPrivateKey: true})
		pkcs1 := encode("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rs.PublicKey))
		check("public PKCS #1", wire.KeyInput{PublicKey: pkcs1}, wire.Key{Algorithm: "RS256", Type: "RSA", Length: 2048, PublicKey: trim(pkcs1)})
		sec1, err := x509.MarshalECPrivateKey(es)
		if err != nil {
			t.Fatal(err)
		}
		parameters := encode("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}) // as openssl writes
		check("SEC 1", wire.KeyInput{PrivateKey: parameters + encode("EC PRIVATE KEY", sec1)}, wire.Key{Algorithm: "ES384", Type: "EC", Length: 384, PublicKey: trim(e.public), HasPrivateKey: true})
		check("pair", wire.KeyInput{PrivateKey: e.private, PublicKey: e.public, Type: "EC"}, wire.Key{Algorithm: "ES384", Type: "EC", Length: 384, PublicKey: trim(e.public), HasPrivateKey: true})
		check("Ed25519", wire.KeyInput{PrivateKey: d.private, Algorithm: "Ed25519"}, wire.Key{Algorithm: "Ed25519", Type: "OKP", PublicKey: trim(d.public), HasPrivateKey: true})

		// With certificates, also those of issuers, whose keys may be of any kind.
		whole := check("all three", wire.KeyInput{PrivateKey: d.private, PublicKey: d.public, Certificate: d.certificate + r.certificate},
			wire.Key{Algorithm: "Ed25519", Type: "OKP", PublicKey: trim(d.public), Certificate: trim(d.certificate + r.certificate), HasPrivateKey: true})
		if text, err := whole.PEM(); err != nil || text != trim(d.certificate+r.certificate)+"\n"+trim(d.private) {
			t.Errorf("PEM %v:\n%s", err, text)
		}
		alone := check("certificate", wire.KeyInput{Certificate: strings.ReplaceAll(e.certificate, "\n", "\r\n")},
			wire.Key{Algorithm: "ES384", Type: "EC", Length: 384, PublicKey: trim(e.public), Certificate: trim(strings.ReplaceAll(e.certificate, "\n", "\r\n"))})
		if alone.CanSign() || alone.CanSignStandard() {
			t.Error("a certificate alone can sign")
		}
		if _, err := alone.JWT([]byte("{}")); err == nil {
			t.Error("a certificate alone has signed")
		}
		if text, err := alone.PEM(); err != nil || text != alone.Certificate {
			t.Errorf("PEM %v: %s", err, text)
		}
		info := alone.CertificateInformation
		if info.Issuer != "CN=imported,O=Acme" || info.SerialNumber != "77" || info.ValidFrom != 1000 {
			t.Errorf("information %+v", info)
		}
		// Somebody else's keys are not published as ours.
		if got := len(k.published()); got != 6 {
			t.Errorf("%d keys are published, want 6", got)
		}
	})
}

func TestImport_KIDIsTheThumbprint(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		// The example of RFC 8037, appendix A.3.
		const public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----"
		if got := k.bring(wire.KeyInput{Name: "RFC 8037", PublicKey: public}).KID; got != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
			t.Errorf("kid %s", got)
		}
		_, err := k.Import(t.Context(), "", wire.KeyInput{Name: "again", PublicKey: public})
		if got := codes(err); got != "[duplicate]key.kid" {
			t.Errorf("the same key again: %s", got)
		}
		k.bring(wire.KeyInput{Name: "again", PublicKey: public, KID: "another"})
	})
}

func TestImport_Secrets(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		body := []byte(`{"event":{}}`)
		for algorithm, secret := range map[wire.KeyAlgorithm]string{"HS256": "s", "HS384": strings.Repeat("long ", 100), "HS512": "sécret "} {
			made := k.bring(wire.KeyInput{Name: string(algorithm), Algorithm: algorithm, Type: "HMAC", Secret: secret})
			if made.Type != "HMAC" || made.HasPrivateKey || made.KID == "" {
				t.Errorf("%s: %+v", algorithm, made)
			}
			ready := k.ready(made.ID)
			token, err := ready.JWT([]byte(`{"request_body_sha256":"PMdbhtrnFEV8agzCVYZqfLQ8c40wQpBW55dJ/wJ7o6I="}`))
			if err != nil {
				t.Fatal(err)
			}
			h, _, err := webhooktest.VerifyJWT(token, body, []webhooktest.Key{{KID: made.KID, Algorithm: string(algorithm), Public: []byte(secret)}})
			if h.KID != made.KID || err != nil && !strings.Contains(err.Error(), "another body") {
				t.Errorf("%s: %+v %v", algorithm, h, err)
			}
			signature, err := ready.Standard([]byte("a.1.b"))
			if err != nil || !strings.HasPrefix(signature, "v1,") {
				t.Errorf("%s: %s %v", algorithm, signature, err)
			}
		}
		// A secret in the form of Standard Webhooks. The signature is that of its specification's example.
		standard := k.bring(wire.KeyInput{Name: "standard", Algorithm: "HS256", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
		if got, err := k.ready(standard.ID).Standard([]byte(`msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}`)); err != nil || got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
			t.Errorf("%s %v", got, err)
		}
		// Plain secrets sign nothing.
		for name, given := range map[string]wire.KeyInput{
			"by algorithm": {Algorithm: "None", Secret: "plain"}, "by type": {Type: "Secret", Secret: "plain"}, "as documented elsewhere": {Type: "SecretKeyValue", Secret: "plain"},
		} {
			given.Name = name
			made := k.bring(given)
			ready := k.ready(made.ID)
			if made.Type != "Secret" || made.Algorithm != "None" || ready.CanSign() || ready.CanSignStandard() {
				t.Errorf("%s: %+v", name, made)
			}
			if _, err := ready.JWT([]byte("{}")); err == nil {
				t.Error("a plain secret has signed")
			}
			if _, err := ready.Standard(nil); err == nil {
				t.Error("a plain secret has signed a standard webhook")
			}
			if _, err := ready.PEM(); err == nil {
				t.Error("a plain secret is PEM")
			}
		}
		if got := k.published(); len(got) != 0 {
			t.Errorf("published: %v", got)
		}
	})
}

// What is no PEM is said in terms of what it should be.
func TestImport_SaysWhatIsMissing(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		_, err := k.Import(t.Context(), "", wire.KeyInput{Name: "x", PrivateKey: "a", PublicKey: "b", Certificate: "c"})
		p, ok := problem.As(err)
		if !ok {
			t.Fatal(err)
		}
		for field, want := range map[string]string{"key.privateKey": "-----BEGIN PRIVATE KEY-----", "key.publicKey": "-----BEGIN PUBLIC KEY-----", "key.certificate": "-----BEGIN CERTIFICATE-----"} {
			if !slices.ContainsFunc(p.Fields, func(f problem.FieldDetail) bool { return f.Field == field && strings.Contains(f.Message, want) }) {
				t.Errorf("%s: %+v", field, p.Fields)
			}
		}
	})
}

func TestImport_Refuses(t *testing.T) {
	rs, other := newPEM(t, rsaKey(t, 2048)), newPEM(t, rsaKey(t, 2048))
	weak, es, ed := newPEM(t, rsaKey(t, 1024)), newPEM(t, ecKey(t, elliptic.P256())), newPEM(t, edKey(t))
	p224 := newPEM(t, ecKey(t, elliptic.P224()))
	encrypted := encode("ENCRYPTED PRIVATE KEY", []byte("x"))
	legacy := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----"
	const x25519 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIBhpwM3IwJ5oFpcHs3yrkMN3SZlLKqp7AG6qYMYKL8pV\n-----END PRIVATE KEY-----"
	tests := []struct {
		name  string
		given wire.KeyInput
		want  string
	}{
		{"nothing", wire.KeyInput{}, "[missing]key.privateKey"},
		{"algorithm alone", wire.KeyInput{Algorithm: "RS256"}, "[missing]key.privateKey"},
		{"secret alone", wire.KeyInput{Secret: "s"}, "[missing]key.algorithm"},
		{"HMAC without a secret", wire.KeyInput{Algorithm: "HS256"}, "[blank]key.secret"},
		{"HMAC without an algorithm", wire.KeyInput{Type: "HMAC", Secret: "s"}, "[missing]key.algorithm"},
		{"secret for RSA", wire.KeyInput{Algorithm: "RS256", Type: "HMAC", Secret: "s"}, "[mismatch]key.algorithm"},
		{"type of a secret", wire.KeyInput{Algorithm: "HS256", Type: "RSA", Secret: "s"}, "[invalid]key.type"},
		{"secret and key", wire.KeyInput{Algorithm: "HS256", Secret: "s", PrivateKey: rs.private}, "[invalid]key.secret"},
		{"key for HMAC", wire.KeyInput{Algorithm: "HS256", PrivateKey: rs.private}, "[blank]key.secret [invalid]key.privateKey"},
		{"prefix without base64", wire.KeyInput{Algorithm: "HS256", Secret: "whsec_***"}, "[invalid]key.secret"},
		{"prefix alone", wire.KeyInput{Algorithm: "HS256", Secret: "whsec_"}, "[invalid]key.secret"},
		{"long secret", wire.KeyInput{Algorithm: "HS256", Secret: strings.Repeat("s", 64<<10+1)}, "[tooLong]key.secret"},
		{"long PEM", wire.KeyInput{PublicKey: strings.Repeat("s", 64<<10+1)}, "[tooLong]key.publicKey"},
		{"unknown algorithm", wire.KeyInput{Algorithm: "RSA256", PrivateKey: rs.private}, "[invalid]key.algorithm"},

		{"rubbish", wire.KeyInput{PrivateKey: "a", PublicKey: "b", Certificate: "c"}, "[invalid]key.certificate [invalid]key.privateKey [invalid]key.publicKey"},
		{"cut off", wire.KeyInput{PrivateKey: rs.private[:100]}, "[invalid]key.privateKey"},
		{"damaged", wire.KeyInput{PublicKey: encode("PUBLIC KEY", []byte("x")), Certificate: encode("CERTIFICATE", []byte("x")), PrivateKey: encode("PRIVATE KEY", []byte("x"))}, "[invalid]key.certificate [invalid]key.privateKey [invalid]key.publicKey"},
		{"mixed up", wire.KeyInput{PublicKey: rs.private, Certificate: rs.public, PrivateKey: rs.certificate}, "[invalid]key.certificate [invalid]key.privateKey [invalid]key.publicKey"},
		{"two keys", wire.KeyInput{PrivateKey: rs.private + rs.private}, "[invalid]key.privateKey"},
		{"second certificate damaged", wire.KeyInput{Certificate: rs.certificate + encode("CERTIFICATE", []byte("x"))}, "[invalid]key.certificate"},
		{"encrypted", wire.KeyInput{PrivateKey: encrypted}, "[invalid]key.privateKey"},
		{"encrypted as of old", wire.KeyInput{PrivateKey: legacy}, "[invalid]key.privateKey"},
		{"a key that cannot sign", wire.KeyInput{PrivateKey: x25519}, "[invalid]key.privateKey"},
		{"weak RSA", wire.KeyInput{PrivateKey: weak.private}, "[invalid]key.privateKey"},
		{"weak RSA certificate", wire.KeyInput{Certificate: weak.certificate}, "[invalid]key.certificate"},
		{"another curve", wire.KeyInput{PrivateKey: p224.private}, "[invalid]key.privateKey"},

		{"another public key", wire.KeyInput{PrivateKey: rs.private, PublicKey: other.public}, "[mismatch]key.publicKey"},
		{"another certificate", wire.KeyInput{PrivateKey: rs.private, Certificate: other.certificate}, "[mismatch]key.certificate"},
		{"a certificate of another kind", wire.KeyInput{PublicKey: rs.public, Certificate: es.certificate}, "[mismatch]key.certificate"},
		{"an algorithm of another kind", wire.KeyInput{Algorithm: "RS256", PrivateKey: es.private}, "[mismatch]key.algorithm"},
		{"another curve's algorithm", wire.KeyInput{Algorithm: "ES512", PrivateKey: es.private}, "[mismatch]key.algorithm"},
		{"another type", wire.KeyInput{Type: "EC", PrivateKey: ed.private}, "[invalid]key.type"},
	}
	each(t, func(t *testing.T, k *keys) {
		for _, c := range tests {
			c.given.Name = "x"
			_, err := k.Import(t.Context(), "", c.given)
			if got := codes(err); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
			for _, text := range []string{c.given.PrivateKey, c.given.Secret} {
				if line := strings.Split(text+"\n\n", "\n")[1]; len(line) > 20 && strings.Contains(err.Error(), line) {
					t.Errorf("%s: the error holds what was sent: %v", c.name, err)
				}
			}
		}
		if all, err := k.List(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("%d keys were stored, %v", len(all), err)
		}
	})
}

func TestRename(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		a, b := k.generate(wire.KeyInput{Name: "A", Algorithm: "ES256"}), k.generate(wire.KeyInput{Name: "B", Algorithm: "HS256"})
		before := k.ready(a.ID)
		got, err := k.Rename(t.Context(), a.ID, "  a  ")
		if err != nil || got.LastUpdateInstant < a.LastUpdateInstant {
			t.Fatalf("%+v %v", got, err)
		}
		want := a
		want.Name, want.LastUpdateInstant = "a", got.LastUpdateInstant
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if loaded, err := k.Load(t.Context(), a.ID); err != nil || cmp.Diff(want, loaded) != "" {
			t.Errorf("loaded %+v, %v", loaded, err)
		}
		if after := k.ready(a.ID); after.Name != "a" || after.Mark != before.Mark {
			t.Errorf("the set has %q; its mark moved: %v", after.Name, after.Mark != before.Mark)
		}
		for name, want := range map[string]string{"b ": "[duplicate]key.name", "": "[blank]key.name", strings.Repeat("n", 192): "[tooLong]key.name"} {
			if _, err := k.Rename(t.Context(), a.ID, name); codes(err) != want {
				t.Errorf("%.10q: %v, want %s", name, err, want)
			}
		}
		if _, err := k.Rename(t.Context(), someID, "c"); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("unknown key: %v", err)
		}
		if loaded, err := k.Load(t.Context(), b.ID); err != nil || loaded.Name != "B" {
			t.Errorf("the other key: %+v %v", loaded, err)
		}
	})
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		for i, algorithm := range []wire.KeyAlgorithm{"HS512", "ES256", "Ed25519", "HS256"} {
			k.generate(wire.KeyInput{Name: fmt.Sprintf("%c äpple", 'A'+i), Algorithm: algorithm})
		}
		for name, c := range map[string]struct {
			search wire.KeySearch
			want   string
		}{
			"all":         {wire.KeySearch{}, "4 ABCD"},
			"name":        {wire.KeySearch{Name: "ÄPP"}, "4 ABCD"},
			"wildcard":    {wire.KeySearch{Name: "b*"}, "1 B"},
			"algorithm":   {wire.KeySearch{Algorithm: "HS512"}, "1 A"},
			"type":        {wire.KeySearch{Type: "HMAC"}, "2 AD"},
			"both":        {wire.KeySearch{Type: "EC", Algorithm: "HS256"}, "0 "},
			"page":        {wire.KeySearch{Page: wire.Page{NumberOfResults: 2, StartRow: 1}}, "4 BC"},
			"algorithms":  {wire.KeySearch{Page: wire.Page{OrderBy: "algorithm DESC"}}, "4 ADCB"},
			"expirations": {wire.KeySearch{Page: wire.Page{OrderBy: "expiration, name desc"}}, "4 BCDA"},
			"types":       {wire.KeySearch{Page: wire.Page{OrderBy: "type,name DESC"}}, "4 BDAC"},
			"inserted":    {wire.KeySearch{Page: wire.Page{OrderBy: "insertInstant DESC,name desc"}}, "4 DCBA"},
			"unknown":     {wire.KeySearch{Page: wire.Page{OrderBy: "kid"}}, "4 ABCD"},
		} {
			found, total, err := k.Search(t.Context(), c.search)
			got := fmt.Sprint(total, " ")
			for _, one := range found {
				got += one.Name[:1]
			}
			if name == "expirations" { // two certificates may end in the same second
				got = strings.Replace(got, "CB", "BC", 1)
			}
			if err != nil || got != c.want {
				t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
			}
		}
		for want, search := range map[string]wire.KeySearch{
			"[invalid]search.algorithm": {Algorithm: "hs256"}, "[invalid]search.type": {Type: "hmac"}, "[tooLong]search.name": {Name: strings.Repeat("x", 1001)},
			"[invalid]search.startRow": {Page: wire.Page{StartRow: -1}},
		} {
			if _, _, err := k.Search(t.Context(), search); codes(err) != want {
				t.Errorf("%+v: %v, want %s", search, err, want)
			}
		}
	})
}

func (k *keys) exec(query string, args ...any) {
	k.t.Helper()
	if err := k.d.Update(k.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}); err != nil {
		k.t.Fatal(err)
	}
}

func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		free, used := k.generate(wire.KeyInput{Name: "free", Algorithm: "ES256"}), k.generate(wire.KeyInput{Name: "used", Algorithm: "HS256"})
		const tenant, application, hook = "a0000000-0000-4000-8000-00000000000a", "b0000000-0000-4000-8000-00000000000b", "c0000000-0000-4000-8000-00000000000c"
		k.exec(`INSERT INTO tenant (id, name, name_key, document, secrets, deleting, version, insert_instant, last_update_instant) VALUES ($1, 'Acme', 'acme', '{}', '', FALSE, 1, 1, 1)`, tenant)
		k.exec(`INSERT INTO application (id, tenant_id, name, name_key, client_id, active, document, secrets, version, insert_instant, last_update_instant)
			VALUES ($1, $2, 'Shop', 'shop', $1, TRUE, '{}', '', 1, 1, 1)`, application, tenant)
		k.exec(`INSERT INTO webhook (id, url, description, global, document, secrets, version, insert_instant, last_update_instant) VALUES ($1, '', '', TRUE, '{}', '', 1, 1, 1)`, hook)
		refused := func(who string) {
			t.Helper()
			err := k.Delete(t.Context(), used.ID)
			if codes(err) != "[inUse]keyId" || !strings.Contains(err.Error(), who) {
				t.Errorf("used by %s: %v", who, err)
			}
		}
		for _, member := range []string{"accessTokenKeyId", "idTokenKeyId"} {
			document := `{"jwtConfiguration":{"` + member + `":"` + strings.ToUpper(string(used.ID)) + `"}}`
			k.exec(`UPDATE tenant SET document = $1`, document)
			refused("the tenant Acme")
			k.exec(`UPDATE tenant SET document = '{}'`)
			k.exec(`UPDATE application SET document = $1`, document)
			refused("the application Shop")
			k.exec(`UPDATE application SET document = '{}'`)
		}
		k.exec(`INSERT INTO webhook_key (webhook_id, key_id) VALUES ($1, $2)`, hook, used.ID)
		refused("the webhook " + hook)

		if err := k.Delete(t.Context(), free.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Load(t.Context(), free.ID); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("still there: %v", err)
		}
		if k.ready(free.ID) != nil || len(k.published()) != 0 {
			t.Error("the deleted key is still in the set")
		}
		if err := k.Delete(t.Context(), free.ID); !errors.Is(err, problem.ErrNotFound) {
			t.Errorf("deleted again: %v", err)
		}
		k.exec(`DELETE FROM webhook WHERE id = $1`, hook) // and with it its use of the key
		if err := k.Delete(t.Context(), used.ID); err != nil {
			t.Error(err)
		}
		// Its id, name and kid are free, and what was made with the old key is not taken for the new one's.
		again, err := k.Generate(t.Context(), free.ID, wire.KeyInput{Name: "free", KID: free.KID, Algorithm: "ES256"})
		if err != nil || again.PublicKey == free.PublicKey {
			t.Errorf("%v, %v", again, err)
		}
	})
}

func TestBootstrap(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		var wg sync.WaitGroup
		for range 4 { // as several processes on one database would
			wg.Go(func() {
				if err := key.NewService(k.d, key.NewSealer(master(1)), defaultKey).Bootstrap(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		made, err := k.Load(t.Context(), defaultKey)
		if err != nil || made.Algorithm != "HS256" || made.Name != "Default signing key" {
			t.Fatalf("%+v, %v", made, err)
		}
		if err := k.Delete(t.Context(), defaultKey); codes(err) != "[inUse]keyId" {
			t.Errorf("deleted: %v", err)
		}
		if _, err := k.Rename(t.Context(), defaultKey, "Mine"); err != nil {
			t.Fatal(err)
		}
		if err := k.Bootstrap(t.Context()); err != nil {
			t.Fatal(err)
		}
		if all, err := k.List(t.Context()); err != nil || len(all) != 1 || all[0].Name != "Mine" {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

// Of many who want one name, one gets it, and the others are told which name it was.
func TestGenerate_RaceHasOneWinner(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		const n = 8
		var wg sync.WaitGroup
		results := make([]string, n)
		for i := range n {
			wg.Go(func() {
				if _, err := k.Generate(t.Context(), "", wire.KeyInput{Name: "the same", Algorithm: "HS256"}); err != nil {
					results[i] = codes(err)
				}
			})
		}
		wg.Wait()
		slices.Sort(results)
		if want := slices.Repeat([]string{"[duplicate]key.name"}, n); results[0] != "" || !slices.Equal(results[1:], want[1:]) {
			t.Errorf("%q", results)
		}
	})
}

// Who has the database has no private key, cannot put one in the place of another, and cannot have one of their own published.
func TestStore_HoldsNoSecret(t *testing.T) {
	each(t, func(t *testing.T, k *keys) {
		private := newPEM(t, ecKey(t, elliptic.P256()))
		mine := k.bring(wire.KeyInput{Name: "pair", PrivateKey: private.private})
		hmac := k.bring(wire.KeyInput{Name: "secret", Algorithm: "HS256", Secret: "planted-secret-0123456789"})
		made := k.generate(wire.KeyInput{Name: "made", Algorithm: "Ed25519"})

		var texts []string
		if err := k.d.View(t.Context(), func(tx *db.Tx) error {
			rows, err := tx.Query(`SELECT document || sealed || name || kid FROM signing_key`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var text string
				if err := rows.Scan(&text); err != nil {
					return err
				}
				texts = append(texts, text)
			}
			return rows.Err()
		}); err != nil {
			t.Fatal(err)
		}
		if dir := dbtest.OptionsOf(t, k.d).Dir; dir != "" {
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(files) == 0 {
				t.Fatal("no files", err)
			}
			for _, file := range files {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(content))
			}
		}
		block, _ := pem.Decode([]byte(private.private))
		answers, err := json.Marshal([]wire.Key{mine, hmac, made})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range append(texts, string(answers)) {
			for _, secret := range []string{"planted-secret", strings.Split(private.private, "\n")[1], string(block.Bytes[36:60]), "PRIVATE KEY-----"} {
				if strings.Contains(text, secret) {
					t.Errorf("%q is in %.100q", secret, text)
				}
			}
		}

		// Rows mixed up by hand: the private keys do not open in another's place.
		k.exec(`UPDATE signing_key SET sealed = (SELECT sealed FROM signing_key WHERE id = $1) WHERE id = $2`, made.ID, mine.ID)
		fresh := &keys{key.NewService(k.d, key.NewSealer(master(1)), defaultKey), t, k.d}
		if _, err := fresh.ready(mine.ID).JWT([]byte("{}")); !errors.Is(err, key.ErrCorrupt) {
			t.Errorf("signed with a key of another row: %v", err)
		}
		// And a public key written by hand is not published: what is comes out of the private key.
		forged := newPEM(t, edKey(t))
		document, _ := json.Marshal(wire.Key{KID: made.KID, Algorithm: "Ed25519", Type: "OKP", PublicKey: forged.public, HasPrivateKey: true})
		k.exec(`UPDATE signing_key SET document = $1 WHERE id = $2`, string(document), made.ID)
		fresh = &keys{key.NewService(k.d, key.NewSealer(master(1)), defaultKey), t, k.d}
		published := fresh.published()
		if len(published) != 1 || published[0].KID != made.KID {
			t.Fatalf("published: %v", published)
		}
		spki, _ := x509.MarshalPKIXPublicKey(published[0].Public)
		want, _ := pem.Decode([]byte(made.PublicKey))
		if !bytes.Equal(spki, want.Bytes) {
			t.Error("a public key that was written into the store by hand is published")
		}
	})
}
