package system

import (
	"net/netip"
	"strings"

	"github.com/herald-events/herald/internal/problem"
)

// TrustedProxies says whose word about a client's address counts. The zero value believes everybody, as the default setting does.
type TrustedProxies struct {
	// OnlyConfigured believes nobody but the addresses in Trusted.
	OnlyConfigured bool
	Trusted        []netip.Prefix
}

func (p TrustedProxies) trusts(addr netip.Addr) bool {
	if !p.OnlyConfigured {
		return true
	}
	for _, prefix := range p.Trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// ClientAddress returns the address of the client that made a request, "" when it is unknown.
//
// peer is the other end of the connection, with or without a port. forwardedFor are the values of the header X-Forwarded-For, several when
// there are several of them: each proxy adds, on the right, where it got the request from; what is further left it has been told. So the list
// is read from the right, as long as who says it is believed: the peer says what stands rightmost, the proxy with that address what stands
// to its left. The first one that is not believed is the client, as far as anybody believed can tell. It ends as well at what is no address ("unknown").
//
// When everybody is believed that is the leftmost entry, which callers choose freely: it is a statement about an end user for the receivers of
// events, and nothing to decide by.
func ClientAddress(proxies TrustedProxies, peer string, forwardedFor []string) string {
	client := parseAddress(peer)
	for i := len(forwardedFor) - 1; i >= 0; i-- {
		for rest, more := forwardedFor[i], true; more; {
			var hop string
			if hop, rest, more = cutLast(rest); hop == "" {
				continue
			}
			if !proxies.trusts(client) {
				return text(client)
			}
			said := parseAddress(hop)
			if !said.IsValid() {
				return text(client)
			}
			client = said
		}
	}
	return text(client)
}

// cutLast cuts the last entry off a list.
func cutLast(list string) (last, rest string, more bool) {
	i := strings.LastIndexByte(list, ',')
	return strings.TrimSpace(list[i+1:]), list[:max(i, 0)], i >= 0
}

// parseAddress reads 192.0.2.1, 2001:db8::1 and [2001:db8::1], each with or without a port. An IPv4 address in the form of an IPv6 one is an IPv4
// address. The zone of an IPv6 address (%eth0) is dropped: it means something on one machine only, and may be any text.
func parseAddress(s string) netip.Addr {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		withPort, _ := netip.ParseAddrPort(s)
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone("")
}

func text(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

// maxTrusted bounds what every request is compared with.
const maxTrusted = 1000

// parseTrusted reads addresses and ranges of addresses, and adds a field problem for each text that is neither.
func parseTrusted(v *problem.Validation, path string, trusted []string) []netip.Prefix {
	if len(trusted) > maxTrusted {
		v.Field(path, "tooMany", "At most %d proxies and ranges can be listed.", maxTrusted)
		return nil
	}
	prefixes := make([]netip.Prefix, 0, len(trusted))
	for _, one := range trusted {
		prefix, ok := parseRange(one)
		v.Check(ok, path, "invalid", "%.60q is neither an IP address nor a range of them like 10.0.0.0/8.", one)
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}

func parseRange(s string) (prefix netip.Prefix, ok bool) {
	addr, err := netip.ParseAddr(s)
	if err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == ""
	}
	prefix, err = netip.ParsePrefix(s)
	if bits := prefix.Bits() - 96; prefix.Addr().Is4In6() && bits >= 0 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), bits)
	}
	return prefix, err == nil
}
