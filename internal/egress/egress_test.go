package egress_test

import (
	"crypto/x509"
	"net/netip"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/herald-events/herald/internal/egress"
)

func TestMain(m *testing.M) {
	if os.Getenv(receiverOfBenchmarks) != "" {
		serveBenchmarks()
		return
	}
	// The system's roots are read once per process. With the race detector that takes long enough to exceed a connect timeout.
	_, _ = x509.SystemCertPool()
	goleak.VerifyTestMain(m)
}

// local is the policy of most tests: their receivers are on the loopback interface.
var local = egress.Policy{AllowPrivate: true}

func newEgress(t testing.TB, o egress.Options) *egress.Egress {
	t.Helper()
	e, err := egress.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func newClient(t testing.TB) *egress.Client {
	t.Helper()
	return newEgress(t, egress.Options{Policy: local}).Client(nil)
}

func trust(t testing.TB, pem string) *egress.Trust {
	t.Helper()
	tr, err := egress.ParsePEM(pem)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func proxyAt(a netip.AddrPort) *egress.Proxy {
	return &egress.Proxy{Host: a.Addr().String(), Port: int(a.Port())}
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]egress.Options{
		"proxy without host":     {Proxy: &egress.Proxy{Port: 3128}},
		"proxy without port":     {Proxy: &egress.Proxy{Host: "proxy"}},
		"proxy without password": {Proxy: &egress.Proxy{Host: "proxy", Port: 3128, Username: "u"}},
		"proxy without username": {Proxy: &egress.Proxy{Host: "proxy", Port: 3128, Password: "p"}},
		"zero range":             {Policy: egress.Policy{Deny: []netip.Prefix{{}}}},
		"mapped range":           {Policy: egress.Policy{Deny: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := egress.New(o); err == nil {
				t.Error("no error")
			}
		})
	}
}
