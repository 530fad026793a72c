//go:build !linux

package egresstest

import (
	"net/netip"
	"testing"
)

// Blackhole returns an address to which no connection ever completes. Only on Linux; elsewhere it skips the test.
func Blackhole(tb testing.TB) netip.AddrPort {
	tb.Helper()
	tb.Skip("no address is known here to which connections never complete")
	return netip.AddrPort{}
}
