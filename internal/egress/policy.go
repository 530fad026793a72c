package egress

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
)

// Policy decides which addresses may be dialled. It is applied to the resolved address at the moment of dialling, so a
// name that changes its mind between a check and the connection gains nothing.
//
// From the strongest to the weakest rule:
//
//  1. Never, whatever is configured: unspecified, link-local, multicast, broadcast and reserved addresses, and the metadata
//     services of the clouds.
//  2. Deny.
//  3. Allow.
//  4. Loopback, private and shared ranges: AllowPrivate decides.
//  5. Everything else that is not the public Internet (documentation, benchmarks, 6to4 …): refused.
//
// An IPv6 address that carries an IPv4 address (mapped, translated, NAT64, 6to4) must pass with that one first. The zero value
// allows the public Internet only.
//
// A configured proxy's own address is bound by the first rule only, because the operator named it.
type Policy struct {
	AllowPrivate bool
	Allow, Deny  []netip.Prefix
}

// BlockedAddressError says which address was refused, and why.
type BlockedAddressError struct {
	Addr   netip.Addr
	Reason string // "loopback", "cloud metadata", "denied by 10.0.0.0/8" …
}

func (e *BlockedAddressError) Error() string {
	return fmt.Sprintf("address %s is blocked by the egress policy (%s)", e.Addr, e.Reason)
}

// Validate refuses prefixes that could never match, so that a denial cannot fail silently.
func (p Policy) Validate() error {
	for _, prefix := range slices.Concat(p.Allow, p.Deny) {
		switch {
		case !prefix.IsValid():
			return fmt.Errorf("egress: the address policy holds an invalid address range")
		case prefix.Addr().Is4In6():
			return fmt.Errorf("egress: write the range %s of the address policy in its IPv4 form", prefix)
		}
	}
	return nil
}

// Check returns nil when the address may be dialled, else a *BlockedAddressError.
func (p Policy) Check(addr netip.Addr) error {
	if err := checkNever(addr); err != nil {
		return err
	}
	a := plain(addr)
	inner, carrier := carried(a)
	if carrier != "" {
		if err := p.Check(inner); err != nil {
			return &BlockedAddressError{addr, carrier + " of " + inner.String()}
		}
	}
	if i := slices.IndexFunc(p.Deny, func(d netip.Prefix) bool { return d.Contains(a) }); i >= 0 {
		return &BlockedAddressError{addr, "denied by " + p.Deny[i].String()}
	}
	if slices.ContainsFunc(p.Allow, func(d netip.Prefix) bool { return d.Contains(a) }) {
		return nil
	}
	if r := find(private, a); r != nil {
		if p.AllowPrivate {
			return nil
		}
		return &BlockedAddressError{addr, r.reason}
	}
	if carrier == nat64 {
		return nil // the way to the public IPv4 Internet from a network without IPv4
	}
	if r := find(special, a); r != nil {
		return &BlockedAddressError{addr, r.reason}
	}
	if internet.SafeAddr(a) != nil {
		return &BlockedAddressError{addr, "not a public address"}
	}
	return nil
}

// checkNever applies the rule that no setting can lift.
func checkNever(addr netip.Addr) error {
	if !addr.IsValid() {
		return &BlockedAddressError{addr, "not an address"}
	}
	a := plain(addr)
	if r := find(never, a); r != nil {
		return &BlockedAddressError{addr, r.reason}
	}
	if inner, carrier := carried(a); carrier != "" && find(never, inner) != nil {
		return &BlockedAddressError{addr, carrier + " of " + inner.String()}
	}
	return nil
}

// control makes a check a net.Dialer.Control: the last word before connect(2), for each address that is tried.
func control(check func(netip.Addr) error) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return &BlockedAddressError{Reason: "not an address"}
		}
		return check(ap.Addr())
	}
}

type addressRange struct {
	prefix netip.Prefix
	reason string
}

func ranges(reason string, prefixes ...string) []addressRange {
	list := make([]addressRange, len(prefixes))
	for i, p := range prefixes {
		list[i] = addressRange{netip.MustParsePrefix(p), reason}
	}
	return list
}

var (
	never = slices.Concat(
		ranges("unspecified", "0.0.0.0/8", "::/128"),
		// Fixed addresses on which clouds hand credentials to whoever asks: AWS, Google and most others (link-local),
		// AWS and Google over IPv6, Alibaba, Oracle, Azure's wire server.
		ranges("cloud metadata", "169.254.169.254/32", "fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32",
			"192.0.0.192/32", "168.63.129.16/32"),
		ranges("link-local", "169.254.0.0/16", "fe80::/10"),
		ranges("multicast", "224.0.0.0/4", "ff00::/8"),
		ranges("broadcast", "255.255.255.255/32"),
		ranges("reserved", "240.0.0.0/4"),
	)
	private = slices.Concat(
		ranges("loopback", "127.0.0.0/8", "::1/128"),
		ranges("private", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
		ranges("shared", "100.64.0.0/10"),
	)
	// Reasons for ranges that the list below refuses as well, so that a message can name them.
	special = slices.Concat(
		ranges("documentation", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
		ranges("benchmarking", "198.18.0.0/15"),
		ranges(sixToFour, "2002::/16"),
	)
	// What is left of IANA's special-purpose registries.
	internet = ssrf.New(ssrf.WithAnyPort())
)

func find(list []addressRange, a netip.Addr) *addressRange {
	for i := range list {
		if list[i].prefix.Contains(a) {
			return &list[i]
		}
	}
	return nil
}

// plain is the address without what would make a prefix miss it: an IPv6 zone, and the IPv6 spelling of an IPv4 address.
func plain(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }

const (
	nat64      = "NAT64 form"
	sixToFour  = "6to4 form"
	compatible = "IPv4-compatible form"
	translated = "IPv4-translated form"
)

var carriers = []struct {
	prefix netip.Prefix
	at     int // where the four bytes begin
	name   string
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12, nat64},
	{netip.MustParsePrefix("2002::/16"), 2, sixToFour},
	{netip.MustParsePrefix("::/96"), 12, compatible},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12, translated}, // RFC 2765
}

// carried returns the IPv4 address inside an IPv6 address that a gateway would unwrap, and the name of that form; the name is empty
// when there is none.
func carried(a netip.Addr) (netip.Addr, string) {
	if !a.Is6() || a == netip.IPv6Loopback() || a == netip.IPv6Unspecified() {
		return netip.Addr{}, ""
	}
	b := a.As16()
	for _, c := range carriers {
		if c.prefix.Contains(a) {
			return netip.AddrFrom4([4]byte(b[c.at : c.at+4])), c.name
		}
	}
	return netip.Addr{}, ""
}
