package egresstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// Authority is a certificate authority of its own, unknown to every system.
type Authority struct {
	tb     testing.TB
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial atomic.Int64
}

// NewAuthority makes an authority whose certificates are valid for the time of a test.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{tb: tb, key: newKey(tb)}
	template := a.template("Test authority")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	a.cert = a.sign(template, template, a.key)
	return a
}

// PEM is the authority's own certificate.
func (a *Authority) PEM() string { return encode("CERTIFICATE", a.cert.Raw) }

// ServerCertificate makes a certificate for these names and addresses.
func (a *Authority) ServerCertificate(hosts ...string) tls.Certificate {
	a.tb.Helper()
	return a.serverCertificate(a.template("Test receiver"), hosts)
}

// ExpiredCertificate is a ServerCertificate that was valid until an hour ago.
func (a *Authority) ExpiredCertificate(hosts ...string) tls.Certificate {
	a.tb.Helper()
	template := a.template("Test receiver")
	template.NotBefore, template.NotAfter = template.NotBefore.Add(-time.Hour), template.NotBefore
	return a.serverCertificate(template, hosts)
}

func (a *Authority) serverCertificate(template *x509.Certificate, hosts []string) tls.Certificate {
	a.tb.Helper()
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	key := newKey(a.tb)
	return tls.Certificate{Certificate: [][]byte{a.sign(template, a.cert, key).Raw}, PrivateKey: key}
}

// ClientPEM makes a client certificate: its own certificate first, then its private key (PKCS #8).
func (a *Authority) ClientPEM(name string) string {
	a.tb.Helper()
	template := a.template(name)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	key := newKey(a.tb)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.tb.Fatal(err)
	}
	return encode("CERTIFICATE", a.sign(template, a.cert, key).Raw) + encode("PRIVATE KEY", der)
}

func (a *Authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *Authority) template(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.serial.Add(1)),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func (a *Authority) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		a.tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.tb.Fatal(err)
	}
	return cert
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
