package egress_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/egress/egresstest"
)

func TestParsePEM(t *testing.T) {
	t.Parallel()
	a := egresstest.NewAuthority(t)
	certificate, key, _ := strings.Cut(a.ClientPEM("client"), "-----BEGIN PRIVATE KEY")
	key = "-----BEGIN PRIVATE KEY" + key
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	otherKey := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))

	tests := []struct {
		name   string
		pem    string
		want   error
		client bool
	}{
		{"one certificate", a.PEM(), nil, false},
		{"several, with text between", "my CA\n" + a.PEM() + "\nand\n" + certificate, nil, false},
		{"client certificate", certificate + key, nil, true},
		{"key first", key + certificate + a.PEM(), nil, true},
		{"windows line ends", strings.ReplaceAll(a.PEM(), "\n", "\r\n"), nil, false},
		{"with curve parameters", certificate + block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}) + key, nil, true},
		{"empty", "", egress.ErrNoCertificate, false},
		{"text", "5f0c6f0a-3a3e-4b0e-9d0a-1b2c3d4e5f60", egress.ErrNoCertificate, false},
		{"key only", key, egress.ErrNoCertificate, false},
		{"key of another", certificate + otherKey, egress.ErrKeyMismatch, false},
		{"two keys", certificate + key + otherKey, egress.ErrBadPEM, false},
		{"cut off", certificate[:len(certificate)/2], egress.ErrBadPEM, false},
		{"cut off after a good one", a.PEM() + certificate[:len(certificate)/2], egress.ErrBadPEM, false},
		{"not a certificate inside", block("CERTIFICATE", []byte("s3cret")), egress.ErrBadPEM, false},
		{"not a key inside", certificate + block("PRIVATE KEY", []byte("s3cret")), egress.ErrBadPEM, false},
		{"encrypted key", certificate + block("ENCRYPTED PRIVATE KEY", []byte("s3cret")), egress.ErrBadPEM, false},
		{"a request", block("CERTIFICATE REQUEST", []byte("s3cret")), egress.ErrBadPEM, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := egress.ParsePEM(tt.pem)
			if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if got.HasClientCertificate() != tt.client {
				t.Errorf("client certificate: %t", got.HasClientCertificate())
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the text: %v", err)
			}
		})
	}
}

func TestTrust_OnlyThePEM(t *testing.T) {
	t.Parallel()
	a, b := egresstest.NewAuthority(t), egresstest.NewAuthority(t)
	receiver := egresstest.NewTLSReceiver(t, a)
	e := newEgress(t, egress.Options{Policy: local})

	tests := []struct {
		name  string
		trust *egress.Trust
		want  egress.Outcome
		err   string
	}{
		{"its authority", trust(t, a.PEM()), egress.Accepted, ""},
		{"its authority among others", trust(t, b.PEM()+a.PEM()), egress.Accepted, ""},
		{"another authority", trust(t, b.PEM()), egress.TLS, "TLS: certificate signed by unknown authority"},
		{"the system", nil, egress.TLS, "TLS: certificate signed by unknown authority"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := e.Client(tt.trust).Do(t.Context(), egress.Request{URL: receiver.URL})
			if res.Outcome != tt.want || res.Err != tt.err {
				t.Errorf("%s: %s", res.Outcome, res.Err)
			}
			if res.Outcome == egress.Accepted && res.Phases.TLS <= 0 {
				t.Errorf("the handshake took no time: %+v", res.Phases)
			}
		})
	}
	if n := len(receiver.Requests()); n != 2 {
		t.Errorf("%d requests arrived, want 2", n)
	}
	for _, q := range receiver.Requests() {
		if len(q.TLS.PeerCertificates) != 0 {
			t.Error("a client certificate was sent without a private key")
		}
	}
}

func TestTrust_ReceiversOwnCertificate(t *testing.T) {
	t.Parallel()
	// The form's help says "certificate of the receiver": not its authority, the thing itself.
	a := egresstest.NewAuthority(t)
	receiver := egresstest.NewTLSReceiver(t, a)
	res := newEgress(t, egress.Options{Policy: local}).Client(trust(t, receiver.CertificatePEM())).Do(t.Context(), egress.Request{URL: receiver.URL})
	if res.Outcome != egress.Accepted {
		t.Errorf("%s: %s", res.Outcome, res.Err)
	}
}

func TestTrust_HostName(t *testing.T) {
	t.Parallel()
	a := egresstest.NewAuthority(t)
	receiver := egresstest.NewTLSReceiver(t, a)
	e := newEgress(t, egress.Options{Policy: local, Resolver: loopbackResolver(t)})
	res := e.Client(trust(t, a.PEM())).Do(t.Context(), egress.Request{URL: strings.Replace(receiver.URL, "127.0.0.1", "other.example", 1)})
	if res.Outcome != egress.TLS || res.Err != "TLS: the certificate is not valid for host other.example" {
		t.Errorf("%s: %s", res.Outcome, res.Err)
	}
	if res.RequestSent {
		t.Error("something was sent to a receiver that is not the right one")
	}
}

func TestTrust_ClientCertificate(t *testing.T) {
	t.Parallel()
	a, clients := egresstest.NewAuthority(t), egresstest.NewAuthority(t)
	receiver := egresstest.NewMutualTLSReceiver(t, a, clients)
	e := newEgress(t, egress.Options{Policy: local})

	res := e.Client(trust(t, a.PEM()+clients.ClientPEM("herald"))).Do(t.Context(), egress.Request{URL: receiver.URL})
	if res.Outcome != egress.Accepted {
		t.Fatalf("%s: %s", res.Outcome, res.Err)
	}
	if got := receiver.WaitFor(1)[0].TLS.PeerCertificates[0].Subject.CommonName; got != "herald" {
		t.Errorf("the receiver saw %q", got)
	}

	res = e.Client(trust(t, a.PEM())).Do(t.Context(), egress.Request{URL: receiver.URL})
	if res.Outcome != egress.TLS && res.Outcome != egress.Reset {
		t.Errorf("without it: %s: %s", res.Outcome, res.Err)
	}
	if n := len(receiver.Requests()); n != 1 {
		t.Errorf("%d requests got through", n)
	}
}

func TestEgress_OneClientPerPEM(t *testing.T) {
	t.Parallel()
	e := newEgress(t, egress.Options{})
	pem := egresstest.NewAuthority(t).PEM()
	if e.Client(trust(t, pem)) != e.Client(trust(t, pem+"\n")) {
		t.Error("the same PEM has two clients, and two pools of connections")
	}
	if system, again := e.Client(nil), e.Client(nil); system == e.Client(trust(t, pem)) || system != again {
		t.Error("the system's trust must have its own client")
	}
}
