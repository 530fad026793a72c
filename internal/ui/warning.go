package ui

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// warning is something about a webhook that may be saved, but that its owner will want to know. Text is the id of a text, To where it is mended.
type warning struct {
	Text, To string
	Args     []any
}

// Say is the warning for people.
func (w warning) Say(at frame) string { return at.Say(w.Text, w.Args...) }

// patience is how many milliseconds somebody who logs in waits gladly for webhooks that are asked.
const patience = 5000

// mostNamed is how many event types one warning names.
const mostNamed = 5

// warningsOf finds what keeps a webhook from getting events, and what will bother others. It does not look at the network.
func warningsOf(w wire.Webhook, tenants []wire.Tenant, permits func(netip.Addr) error) (all []warning) {
	add := func(text, tab string, args ...any) {
		all = append(all, warning{text, "/admin/webhook/" + string(w.ID) + "/edit#" + tab, args})
	}
	var tenantTypes, asked []string
	wanted := 0
	for _, name := range slices.Sorted(maps.Keys(w.EventsEnabled)) {
		d, known := event.Lookup(event.Type(name))
		if !known || !w.EventsEnabled[name] {
			continue
		}
		wanted++
		if d.Scope == event.ScopeTenant {
			tenantTypes = append(tenantTypes, name)
		}
		if d.Transactional {
			asked = append(asked, name)
		}
	}
	if wanted == 0 {
		add("WarnNoEvent", "events")
	}
	if !w.Global && len(w.TenantIDs) == 0 && (len(tenantTypes) > 0 || wanted == 0) {
		add("WarnNoTenant", "tenants")
	}
	if u, err := url.Parse(w.URL); err == nil {
		if u.Scheme == "http" && !isNear(u.Hostname()) {
			add("WarnPlainHTTP", "general")
		}
		if blocked := permits(addressOf(u.Hostname())); blocked != nil {
			add("WarnBlocked", "general", "Why", blocked.Error())
		}
	}
	if total := w.ConnectTimeout + w.ReadTimeout; len(asked) > 0 && total > patience {
		add("WarnPatience", "general", "Seconds", (total+500)/1000)
	}
	if w.Global || len(w.TenantIDs) > 0 {
		var off []string
		for _, name := range tenantTypes {
			sent := slices.ContainsFunc(tenants, func(t wire.Tenant) bool {
				return (w.Global || slices.Contains(w.TenantIDs, t.ID)) && t.EventConfiguration.Events[name].Enabled
			})
			if !sent {
				off = append(off, name)
			}
		}
		if n := len(off); n > 0 {
			more := ""
			if n > mostNamed {
				off, more = off[:mostNamed], " …"
			}
			all = append(all, warning{
				"WarnOffAtTenants", "/admin/webhook/" + string(w.ID) + "?type=" + url.QueryEscape(off[0]) + "&tenant=" + string(boundTo(w, tenants)) + "#check",
				[]any{"Count", n, "Types", strings.Join(off, ", ") + more},
			})
		}
	}
	return all
}

// boundTo is a tenant whose events the webhook is to have.
func boundTo(w wire.Webhook, tenants []wire.Tenant) wire.ID {
	for _, t := range tenants {
		if w.Global || slices.Contains(w.TenantIDs, t.ID) {
			return t.ID
		}
	}
	return ""
}

// addressOf is the address that a host stands for without asking anybody, an invalid one for a name.
func addressOf(host string) netip.Addr {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	a, _ := netip.ParseAddr(host)
	return a
}

// isNear tells whether a host is this machine or in a private network, as far as its name says.
func isNear(host string) bool {
	if a := addressOf(host); a.IsValid() {
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
	}
	return !strings.Contains(host, ".")
}
