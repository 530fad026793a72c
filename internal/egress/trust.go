package egress

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Trust says whom a Client believes and who it says it is. It is immutable.
type Trust struct {
	id       [32]byte
	roots    *x509.CertPool
	identity []tls.Certificate
}

// Errors of ParsePEM. Each is wrapped in the sentence that is returned.
var (
	ErrNoCertificate = errors.New("contains no certificate in PEM form")
	ErrBadPEM        = errors.New("is not readable PEM")
	ErrKeyMismatch   = errors.New("has a private key that matches none of its certificates")
)

// ParsePEM reads a webhook's or messenger's certificate.
//
// Its certificates are the only trust of the requests: the system's roots are not looked at. Each may be a CA or the
// receiver's own certificate; the host name is checked in both cases. With a private key among them (PKCS #8, PKCS #1 or SEC 1,
// unencrypted), the certificate that belongs to it is also the client certificate, sent with those of its issuers that are there.
//
// The errors are for the person who pasted the text, and never hold any of it.
func ParsePEM(text string) (*Trust, error) {
	var (
		certs []*x509.Certificate
		key   crypto.Signer
		seen  int
	)
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		seen++
		switch {
		case block.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%w: certificate %d is damaged", ErrBadPEM, len(certs)+1)
			}
			certs = append(certs, c)
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return nil, fmt.Errorf("%w: the private key is encrypted, remove its passphrase first", ErrBadPEM)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			if key != nil {
				return nil, fmt.Errorf("%w: it holds more than one private key", ErrBadPEM)
			}
			var err error
			if key, err = parseKey(block); err != nil {
				return nil, err
			}
		case block.Type == "EC PARAMETERS":
			// openssl writes it before an EC key, which names its curve itself.
		default:
			return nil, fmt.Errorf("%w: it holds something that is neither a certificate nor a private key", ErrBadPEM)
		}
	}
	if seen != strings.Count(text, "-----BEGIN ") {
		return nil, fmt.Errorf("%w: one of its blocks is cut off or damaged", ErrBadPEM)
	}
	if len(certs) == 0 {
		return nil, ErrNoCertificate
	}
	t := &Trust{id: sha256.Sum256([]byte(strings.TrimSpace(text))), roots: x509.NewCertPool()}
	for _, c := range certs {
		t.roots.AddCert(c)
	}
	if key != nil {
		chain := clientChain(certs, key)
		if chain == nil {
			return nil, ErrKeyMismatch
		}
		t.identity = []tls.Certificate{{Certificate: chain, PrivateKey: key}}
	}
	return t, nil
}

// HasClientCertificate tells whether the PEM held a private key.
func (t *Trust) HasClientCertificate() bool { return t != nil && len(t.identity) > 0 }

// TLSConfig is the configuration under which others, mail for one, speak TLS with this host. A nil Trust trusts the system's roots.
func (t *Trust) TLSConfig(host string) *tls.Config {
	c := t.config()
	c.ServerName = host
	return c
}

// config is the TLS configuration for this trust; nil trusts the system's roots.
func (t *Trust) config() *tls.Config {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
		// A request shall be one record and one packet's journey; small first records are for those who stream.
		DynamicRecordSizingDisabled: true,
	}
	if t != nil {
		c.RootCAs, c.Certificates = t.roots, t.identity
	}
	return c
}

func parseKey(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the private key is damaged or of an unknown form", ErrBadPEM)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("%w: the private key must be RSA, ECDSA or Ed25519", ErrBadPEM)
}

// clientChain is the certificate of the key followed by its issuers, as far as they are there; nil when none belongs to the key.
func clientChain(certs []*x509.Certificate, key crypto.Signer) [][]byte {
	var chain [][]byte
	public := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	for _, c := range certs {
		if !public.Equal(c.PublicKey) {
			continue
		}
		for range certs { // no chain is longer, so a ring of issuers ends
			chain = append(chain, c.Raw)
			issuer := issuerOf(c, certs)
			if issuer == nil {
				break
			}
			c = issuer
		}
		break
	}
	return chain
}

func issuerOf(c *x509.Certificate, among []*x509.Certificate) *x509.Certificate {
	for _, i := range among {
		if i != c && bytes.Equal(i.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(i) == nil {
			return i
		}
	}
	return nil
}
