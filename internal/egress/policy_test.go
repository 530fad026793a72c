package egress_test

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/herald-events/herald/internal/egress"
)

func TestPolicy_Check(t *testing.T) {
	t.Parallel()
	strict := egress.Policy{}
	open := egress.Policy{AllowPrivate: true}
	all := egress.Policy{AllowPrivate: true, Allow: prefixes("0.0.0.0/0", "::/0")}
	tests := []struct {
		addr   string
		strict string // the reason; empty: allowed
		open   string
		all    string
	}{
		{"93.184.216.34", "", "", ""},
		{"2606:2800:220:1::1", "", "", ""},

		{"127.0.0.1", "loopback", "", ""},
		{"127.255.255.254", "loopback", "", ""},
		{"::1", "loopback", "", ""},
		{"::ffff:127.0.0.1", "loopback", "", ""},
		{"10.1.2.3", "private", "", ""},
		{"::ffff:10.1.2.3", "private", "", ""},
		{"172.16.0.1", "private", "", ""},
		{"172.32.0.1", "", "", ""},
		{"192.168.1.1", "private", "", ""},
		{"fd12::1", "private", "", ""},
		{"100.64.0.1", "shared", "", ""},
		{"64:ff9b::10.0.0.1", "NAT64 form of 10.0.0.1", "", ""},
		{"64:ff9b::93.184.216.34", "", "", ""},

		{"169.254.169.254", "cloud metadata", "cloud metadata", "cloud metadata"},
		{"::ffff:169.254.169.254", "cloud metadata", "cloud metadata", "cloud metadata"},
		{"fd00:ec2::254", "cloud metadata", "cloud metadata", "cloud metadata"},
		{"100.100.100.200", "cloud metadata", "cloud metadata", "cloud metadata"},
		{"168.63.129.16", "cloud metadata", "cloud metadata", "cloud metadata"},
		{"64:ff9b::169.254.169.254", "NAT64 form of 169.254.169.254", "NAT64 form of 169.254.169.254", "NAT64 form of 169.254.169.254"},
		{"2002:a9fe:a9fe::1", "6to4 form of 169.254.169.254", "6to4 form of 169.254.169.254", "6to4 form of 169.254.169.254"},
		{"::ffff:0:a9fe:a9fe", "IPv4-translated form of 169.254.169.254", "IPv4-translated form of 169.254.169.254", "IPv4-translated form of 169.254.169.254"},
		{"::ffff:0:a00:1", "IPv4-translated form of 10.0.0.1", "not a public address", ""},
		{"::a9fe:a9fe", "IPv4-compatible form of 169.254.169.254", "IPv4-compatible form of 169.254.169.254", "IPv4-compatible form of 169.254.169.254"},
		{"169.254.1.1", "link-local", "link-local", "link-local"},
		{"fe80::1", "link-local", "link-local", "link-local"},
		{"fe80::1%eth0", "link-local", "link-local", "link-local"},
		{"0.0.0.0", "unspecified", "unspecified", "unspecified"},
		{"0.1.2.3", "unspecified", "unspecified", "unspecified"},
		{"::", "unspecified", "unspecified", "unspecified"},
		{"224.0.0.1", "multicast", "multicast", "multicast"},
		{"ff02::1", "multicast", "multicast", "multicast"},
		{"255.255.255.255", "broadcast", "broadcast", "broadcast"},
		{"240.0.0.1", "reserved", "reserved", "reserved"},

		{"192.0.2.1", "documentation", "documentation", ""},
		{"2001:db8::1", "documentation", "documentation", ""},
		{"198.18.0.1", "benchmarking", "benchmarking", ""},
		{"2002:7f00:1::1", "6to4 form of 127.0.0.1", "6to4 form", ""},
		{"2002:5db8:d822::1", "6to4 form", "6to4 form", ""},
		{"2001::1", "not a public address", "not a public address", ""},
		{"fec0::1", "not a public address", "not a public address", ""},
		{"64:ff9b:1::1", "not a public address", "not a public address", ""},
		{"192.0.0.1", "not a public address", "not a public address", ""},
	}
	for _, tt := range tests {
		addr := netip.MustParseAddr(tt.addr)
		for _, c := range []struct {
			name   string
			policy egress.Policy
			want   string
		}{{"strict", strict, tt.strict}, {"open", open, tt.open}, {"all", all, tt.all}} {
			err := c.policy.Check(addr)
			if c.want == "" {
				if err != nil {
					t.Errorf("%s %s: %v, want allowed", c.name, tt.addr, err)
				}
				continue
			}
			blocked, ok := errors.AsType[*egress.BlockedAddressError](err)
			if !ok || blocked.Reason != c.want || blocked.Addr != addr {
				t.Errorf("%s %s: %v, want blocked as %s", c.name, tt.addr, err, c.want)
			}
		}
	}
}

func TestPolicy_Prefixes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		policy  egress.Policy
		addr    string
		allowed bool
	}{
		{"allow opens a private range", egress.Policy{Allow: prefixes("10.1.0.0/16")}, "10.1.2.3", true},
		{"and no other", egress.Policy{Allow: prefixes("10.1.0.0/16")}, "10.2.2.3", false},
		{"deny closes a public range", egress.Policy{Deny: prefixes("93.184.216.0/24")}, "93.184.216.34", false},
		{"deny closes it in IPv6 dress", egress.Policy{Deny: prefixes("93.184.216.0/24")}, "::ffff:93.184.216.34", false},
		{"deny closes it behind NAT64", egress.Policy{Deny: prefixes("93.184.216.0/24")}, "64:ff9b::93.184.216.34", false},
		{"deny wins over allow", egress.Policy{Allow: prefixes("10.0.0.0/8"), Deny: prefixes("10.1.0.0/16")}, "10.1.2.3", false},
		{"allow of NAT64 allows no inside", egress.Policy{Allow: prefixes("64:ff9b::/96")}, "64:ff9b::10.0.0.1", false},
		{"allow never reaches metadata", egress.Policy{Allow: prefixes("169.254.169.254/32")}, "169.254.169.254", false},
	}
	for _, tt := range tests {
		if err := tt.policy.Check(netip.MustParseAddr(tt.addr)); (err == nil) != tt.allowed {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := (egress.Policy{AllowPrivate: true, Allow: prefixes("::/0")}).Check(netip.Addr{}); err == nil {
		t.Error("no address at all is allowed")
	}
}

// FuzzPolicy looks for a spelling of an address that gets past the rules its IPv4 form is bound by.
func FuzzPolicy(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "::1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:7f00:1::", "fe80::1%lo", "8.8.8.8", "0.1.2.3", "::ffff:0:a00:1", "168.63.129.16", "255.255.255.255"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return
		}
		everything := egress.Policy{AllowPrivate: true, Allow: prefixes("0.0.0.0/0", "::/0")}
		strict := egress.Policy{}.Check(a)
		for _, dress := range []netip.Addr{a, a.Unmap(), a.WithZone(""), mapped(a)} {
			if (egress.Policy{}.Check(dress) == nil) != (strict == nil) {
				t.Errorf("%s and %s are treated differently", a, dress)
			}
		}
		if strict == nil {
			u := a.Unmap()
			if u.IsLoopback() || u.IsPrivate() || u.IsLinkLocalUnicast() || u.IsMulticast() || u.IsUnspecified() || !u.IsGlobalUnicast() {
				t.Errorf("%s is allowed", a)
			}
			if err := everything.Check(a); err != nil {
				t.Errorf("allowing more forbids: %v", err)
			}
		}
		if everything.Check(a) == nil && (a.Unmap().IsLinkLocalUnicast() || a.Unmap().IsMulticast() || a.Unmap().IsUnspecified()) {
			t.Errorf("%s can be allowed", a)
		}
		for name, dress := range dresses(a) {
			if forbidden(a) && everything.Check(dress) == nil {
				t.Errorf("%s can be allowed as %s (%s)", a, dress, name)
			}
			if strict != nil && (egress.Policy{}).Check(dress) == nil {
				t.Errorf("%s is allowed as %s (%s)", a, dress, name)
			}
		}
		if forbidden(a) && everything.Check(a) == nil {
			t.Errorf("%s can be allowed", a)
		}
		if strict != nil && !strings.Contains(strict.Error(), "blocked by the egress policy") {
			t.Errorf("unclear: %v", strict)
		}
	})
}

// forbidden is what no setting may allow, said another way than in the policy.
func forbidden(a netip.Addr) bool {
	u := a.WithZone("").Unmap()
	if u.IsUnspecified() || u.IsMulticast() || u.IsLinkLocalUnicast() {
		return true
	}
	if u.Is4() {
		b := u.As4()
		return b[0] == 0 || b[0] >= 224 || slices.Contains([]string{"100.100.100.200", "192.0.0.192", "168.63.129.16"}, u.String())
	}
	return u.String() == "fd00:ec2::254" || u.String() == "fd20:ce::254"
}

// dresses are the IPv6 forms of an address that lead to it: through a gateway, or because the system understands them.
func dresses(a netip.Addr) map[string]netip.Addr {
	u := a.WithZone("").Unmap()
	if !u.Is4() {
		return map[string]netip.Addr{"zone": u.WithZone("eth0")}
	}
	b := u.As4()
	at := func(offset int, prefix ...byte) netip.Addr {
		var all [16]byte
		copy(all[:], prefix)
		copy(all[offset:], b[:])
		return netip.AddrFrom16(all)
	}
	all := map[string]netip.Addr{
		"mapped":     at(12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
		"translated": at(12, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
		"NAT64":      at(12, 0, 0x64, 0xff, 0x9b),
		"6to4":       at(2, 0x20, 0x02),
	}
	if b[0] != 0 || b[1] != 0 || b[2] != 0 {
		all["compatible"] = at(12) // ::1 is loopback, not 0.0.0.1
	}
	for name, dress := range maps.Clone(all) {
		all[name+" with a zone"] = dress.WithZone("1")
	}
	return all
}

func mapped(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom16(a.As16())
	}
	return a
}

func prefixes(list ...string) []netip.Prefix {
	var p []netip.Prefix
	for _, s := range list {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}
