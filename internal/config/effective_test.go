package config_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/config"
)

func TestEffective(t *testing.T) {
	t.Parallel()
	s := config.Serve{Addr: ":9011", TransactionTimeout: 12 * time.Second, Hardened: true}
	s.Data, s.DatabaseURL = "./other-data", config.NewSecret("postgres://herald:hush@db/herald")
	s.Egress.Deny = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	s.Proxy = config.Proxy{Host: "relay", Port: 3128, Username: "u", Password: config.NewSecret("hush")}
	s.Log.Format = "text"
	got := map[string]config.Value{}
	for _, v := range s.Effective() {
		got[v.Name] = v
	}
	for name, want := range map[string]config.Value{
		"addr": {Text: ":9011", Default: true}, "transaction-timeout": {Text: "12s"}, "hardened": {Text: "true"}, "local-metrics": {Text: "false", Default: true},
		"data": {Text: "./other-data"}, "database-url": {Text: "(set)"}, "encryption-key": {Default: true}, "egress-deny": {Text: "10.0.0.0/8, fd00::/8"},
		"proxy-password": {Text: "(set)"}, "proxy-port": {Text: "3128"}, "proxy-host": {Text: "relay"}, "kickstart": {Default: true}, "log-level": {Text: "INFO", Default: true},
	} {
		want.Name = name
		if got[name] != want {
			t.Errorf("%s: %+v, want %+v", name, got[name], want)
		}
	}
}
