package system_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/system"
)

func TestClientAddress(t *testing.T) {
	t.Parallel()
	all := system.TrustedProxies{}
	listed := system.TrustedProxies{OnlyConfigured: true, Trusted: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8:aaaa::/48"),
	}}
	nobody := system.TrustedProxies{OnlyConfigured: true}
	const client, proxy, stranger = "203.0.113.9", "10.1.2.3:4711", "192.0.2.66:80"
	for name, test := range map[string]struct {
		proxies   system.TrustedProxies
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                          {all, stranger, nil, "192.0.2.66"},
		"no proxy, some listed":             {listed, stranger, nil, "192.0.2.66"},
		"no peer":                           {all, "", nil, ""},
		"a peer without address":            {all, "@", []string{client}, client},
		"a peer without address, listed":    {listed, "@", []string{client}, ""},
		"a proxy":                           {all, stranger, []string{client}, client},
		"a listed proxy":                    {listed, proxy, []string{client}, client},
		"a stranger's word":                 {listed, stranger, []string{client}, "192.0.2.66"},
		"nobody's word":                     {nobody, proxy, []string{client}, "10.1.2.3"},
		"the leftmost of all":               {all, stranger, []string{"203.0.113.9, 192.0.2.1, 192.0.2.2"}, client},
		"the last before the listed":        {listed, proxy, []string{"6.6.6.6, 203.0.113.9, 198.51.100.7, 10.9.9.9"}, client},
		"a forged beginning":                {listed, proxy, []string{"10.6.6.6, 203.0.113.9"}, client},
		"listed ones only":                  {listed, proxy, []string{"10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		"several headers":                   {listed, proxy, []string{"6.6.6.6, 203.0.113.9", "198.51.100.7", "10.9.9.9"}, client},
		"several headers, all":              {all, proxy, []string{"203.0.113.9", "192.0.2.1,192.0.2.2"}, client},
		"no address":                        {all, stranger, []string{"<script>"}, "192.0.2.66"},
		"unknown behind a proxy":            {all, stranger, []string{"unknown, 192.0.2.1"}, "192.0.2.1"},
		"unknown between two":               {listed, proxy, []string{"203.0.113.9, unknown, 10.0.0.2"}, "10.0.0.2"},
		"a name":                            {all, stranger, []string{"example.com"}, "192.0.2.66"},
		"blanks":                            {all, stranger, []string{" ,, \t203.0.113.9 ,", ""}, client},
		"nothing but commas":                {all, stranger, []string{",,,", ","}, "192.0.2.66"},
		"a port":                            {all, stranger, []string{"203.0.113.9:1234"}, client},
		"IPv6":                              {all, stranger, []string{"2001:DB8::1"}, "2001:db8::1"},
		"IPv6 in brackets":                  {all, stranger, []string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv6 with a port":                  {all, "[2001:db8::1]:80", nil, "2001:db8::1"},
		"a listed proxy in IPv6":            {listed, "[2001:db8:aaaa::5]:80", []string{client}, client},
		"IPv4 as IPv6":                      {listed, "[::ffff:10.1.2.3]:80", []string{"::ffff:203.0.113.9"}, client},
		"a zone is any text":                {all, stranger, []string{"fe80::1%<script>alert(1)</script>"}, "fe80::1"},
		"a zone does not hide a listed one": {listed, "[2001:db8:aaaa::5%eth0]:80", []string{client}, client},
		"octets with zeros in front":        {all, stranger, []string{"203.000.113.009"}, "192.0.2.66"},
		"an endless chain":                  {all, stranger, []string{client + strings.Repeat(", 192.0.2.1", 5000)}, client},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := system.ClientAddress(test.proxies, test.peer, test.forwarded); got != test.want {
				t.Errorf("ClientAddress = %q, want %q", got, test.want)
			}
		})
	}
}

// FuzzClientAddress: whatever is sent, the answer is an address, or nothing.
func FuzzClientAddress(f *testing.F) {
	for _, seed := range []string{"203.0.113.9, 10.0.0.1", "[2001:db8::1]:80,,", "::1%x", "unknown", "\x00,\xff"} {
		f.Add("10.0.0.1:80", seed, seed)
	}
	listed := system.TrustedProxies{OnlyConfigured: true, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	f.Fuzz(func(t *testing.T, peer, first, second string) {
		for _, proxies := range []system.TrustedProxies{{}, listed} {
			got := system.ClientAddress(proxies, peer, []string{first, second})
			if addr, err := netip.ParseAddr(got); got != "" && (err != nil || addr.Zone() != "" || addr.String() != got) {
				t.Errorf("ClientAddress = %q", got)
			}
		}
	})
}
