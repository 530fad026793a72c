package key

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/herald-events/herald/wire"
)

// algorithm is what a key signs with.
type algorithm struct {
	name   wire.KeyAlgorithm
	family wire.KeyType
	jose   jose.SignatureAlgorithm
	curve  elliptic.Curve // EC only
	hash   int            // HMAC only: the size of its hash in bytes
}

var algorithms = []algorithm{
	{name: wire.ES256, family: wire.KeyTypeEC, jose: jose.ES256, curve: elliptic.P256()},
	{name: wire.ES384, family: wire.KeyTypeEC, jose: jose.ES384, curve: elliptic.P384()},
	{name: wire.ES512, family: wire.KeyTypeEC, jose: jose.ES512, curve: elliptic.P521()},
	{name: wire.Ed25519, family: wire.KeyTypeOKP, jose: jose.EdDSA},
	{name: wire.HS256, family: wire.KeyTypeHMAC, jose: jose.HS256, hash: 32},
	{name: wire.HS384, family: wire.KeyTypeHMAC, jose: jose.HS384, hash: 48},
	{name: wire.HS512, family: wire.KeyTypeHMAC, jose: jose.HS512, hash: 64},
	{name: wire.RS256, family: wire.KeyTypeRSA, jose: jose.RS256},
	{name: wire.RS384, family: wire.KeyTypeRSA, jose: jose.RS384},
	{name: wire.RS512, family: wire.KeyTypeRSA, jose: jose.RS512},
	{name: wire.NoAlgorithm, family: wire.KeyTypeSecret},
}

func algorithmOf(name wire.KeyAlgorithm) (algorithm, bool) {
	for _, a := range algorithms {
		if a.name == name {
			return a, true
		}
	}
	return algorithm{}, false
}

// algorithmFor is what a public key signs with unless another algorithm of its family is asked for; false for keys that none of ours takes.
func algorithmFor(public crypto.PublicKey) (algorithm, bool) {
	for _, a := range algorithms {
		switch p := public.(type) {
		case *rsa.PublicKey:
			if a.family == wire.KeyTypeRSA {
				return a, true
			}
		case *ecdsa.PublicKey:
			if a.curve == p.Curve && a.curve != nil {
				return a, true
			}
		case ed25519.PublicKey:
			if a.family == wire.KeyTypeOKP {
				return a, true
			}
		}
	}
	return algorithm{}, false
}

// lengthOf is the length of a public key in bits, 0 for families that have only one.
func lengthOf(public crypto.PublicKey) int {
	switch p := public.(type) {
	case *rsa.PublicKey:
		return p.N.BitLen()
	case *ecdsa.PublicKey:
		return p.Curve.Params().BitSize
	}
	return 0
}

// generate makes a private key. length is for RSA.
func generate(a algorithm, length int) (private crypto.Signer, err error) {
	switch a.family {
	case wire.KeyTypeRSA:
		return rsa.GenerateKey(rand.Reader, length)
	case wire.KeyTypeEC:
		return ecdsa.GenerateKey(a.curve, rand.Reader)
	default:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
}

// generateSecret makes the secret of an HMAC, as long as its hash. It is text, as imported ones are, so that it can be handed on.
func generateSecret(a algorithm) string {
	random := make([]byte, a.hash)
	_, _ = rand.Read(random) // never fails, see its documentation
	return base64.StdEncoding.EncodeToString(random)
}

// validYears is how long the certificate of a generated key is valid.
const validYears = 10

// selfSign makes the certificate of a generated key.
func selfSign(private crypto.Signer, issuer string, now time.Time) (*x509.Certificate, error) {
	serial := make([]byte, 16)
	_, _ = rand.Read(serial)
	serial[0] &= 0x7f // positive, and no longer than 20 bytes
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: issuer},
		NotBefore: now, NotAfter: now.AddDate(validYears, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// The kinds of PEM blocks we write.
const (
	pemCertificate = "CERTIFICATE"
	pemPublic      = "PUBLIC KEY"
	pemPrivate     = "PRIVATE KEY"
)

func encodePEM(kind string, der []byte) string {
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

// blocks takes PEM text apart. The errors of this file complete the sentence "The text …" for the person who pasted it, and never hold any
// of it. kind is the block that is expected.
func blocks(text, kind string) ([]*pem.Block, error) {
	var all []*pem.Block
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "EC PARAMETERS" { // openssl writes it before an EC key, which names its curve itself
			continue
		}
		all = append(all, block)
	}
	switch found := strings.Count(text, "-----BEGIN ") - strings.Count(text, "-----BEGIN EC PARAMETERS"); {
	case found == 0:
		return nil, fmt.Errorf("is not PEM: it has no line like -----BEGIN %s-----", kind)
	case found != len(all):
		return nil, errors.New("is PEM of which a block is cut off or damaged")
	}
	return all, nil
}

// only is the single block of a text.
func only(text, kind string) (*pem.Block, error) {
	all, err := blocks(text, kind)
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		return nil, errors.New("holds more than one PEM block")
	}
	return all[0], nil
}

// parsePrivate reads a private key in PKCS #8, PKCS #1 or SEC 1 form.
func parsePrivate(text string) (crypto.Signer, error) {
	block, err := only(text, pemPrivate)
	if err != nil {
		return nil, err
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("is an encrypted private key; remove its passphrase first")
	}
	var parsed any
	switch block.Type {
	case pemPrivate:
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("holds no private key but a %q", shortened(block.Type))
	}
	if err != nil {
		return nil, errors.New("is a private key that is damaged or of an unknown form")
	}
	private, ok := parsed.(crypto.Signer)
	if !ok { // X25519, which agrees on keys and signs nothing
		return nil, errors.New("is a private key that cannot sign")
	}
	return private, nil
}

// parsePublic reads a public key as certificates have it (SPKI), or in PKCS #1 form.
func parsePublic(text string) (crypto.PublicKey, error) {
	block, err := only(text, pemPublic)
	if err != nil {
		return nil, err
	}
	var public crypto.PublicKey
	switch block.Type {
	case pemPublic:
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("holds no public key but a %q", shortened(block.Type))
	}
	if err != nil {
		return nil, errors.New("is a public key that is damaged or of an unknown form")
	}
	return public, nil
}

// parseCertificates reads a certificate, and those of its issuers behind it.
func parseCertificates(text string) ([]*x509.Certificate, error) {
	all, err := blocks(text, pemCertificate)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for i, block := range all {
		if block.Type != pemCertificate {
			return nil, fmt.Errorf("holds something that is no certificate but a %q", shortened(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("holds certificates of which number %d is damaged", i+1)
		}
		certificates = append(certificates, c)
	}
	return certificates, nil
}

// shortened bounds the kind of a PEM block, which is the caller's text.
func shortened(kind string) string {
	const longest = 40
	return strings.ToValidUTF8(kind[:min(len(kind), longest)], "\uFFFD")
}

// unsuitable tells why a public key cannot be one of ours; "" when it can.
func unsuitable(public crypto.PublicKey) string {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits < minRSA || bits > maxRSA {
			return fmt.Sprintf("is an RSA key of %d bits; keys of %d to %d bits are accepted", bits, minRSA, maxRSA)
		}
	case *ecdsa.PublicKey:
		if _, ok := algorithmFor(p); !ok {
			return fmt.Sprintf("is a key on the curve %s; P-256, P-384 and P-521 are accepted", p.Curve.Params().Name)
		}
	case ed25519.PublicKey:
	default:
		return "is a key that is neither RSA nor EC nor Ed25519"
	}
	return ""
}

// Below the one, signatures can be forged; above the other, making one takes a tenth of a second.
const (
	minRSA = 2048
	maxRSA = 8192
)

// describe is what is shown of a certificate.
func describe(c *x509.Certificate) *wire.CertificateInformation {
	sum1, sum256, sum5 := sha1.Sum(c.Raw), sha256.Sum256(c.Raw), md5.Sum(c.Raw)
	return &wire.CertificateInformation{
		Issuer: c.Issuer.String(), Subject: c.Subject.String(), SerialNumber: c.SerialNumber.String(),
		ValidFrom: wire.Instant(c.NotBefore.UnixMilli()), ValidTo: wire.Instant(c.NotAfter.UnixMilli()),
		MD5Fingerprint: fingerprint(sum5[:]), SHA1Fingerprint: fingerprint(sum1[:]), SHA256Fingerprint: fingerprint(sum256[:]),
		SHA1Thumbprint: base64.RawURLEncoding.EncodeToString(sum1[:]), SHA256Thumbprint: base64.RawURLEncoding.EncodeToString(sum256[:]),
	}
}

func fingerprint(sum []byte) string {
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}

// thumbprint is RFC 7638's name of a public key.
func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
