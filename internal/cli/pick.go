package cli

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/herald-events/herald/wire"
)

// kind is what pick needs to know about objects that people name.
type kind[T any] struct {
	what  string // "webhook"
	id    func(T) wire.ID
	names func(T) []string // what an object can be called; the first one is shown
}

// pick returns the one object that is meant: by its id, by a name, by the beginning of its id, or by a part of a name, in this order. What could be several is an error that
// lists them.
func pick[T any](k kind[T], given string, all iter.Seq2[T, error]) (T, error) {
	var none T
	var objects []T
	var known []string
	for o, err := range all {
		if err != nil {
			return none, err
		}
		objects = append(objects, o)
		known = append(known, k.names(o)...)
	}
	is := func(test func(id, name string) bool) (found []T) {
		for _, o := range objects {
			for _, name := range append(k.names(o), "") {
				if test(string(k.id(o)), name) {
					found = append(found, o)
					break
				}
			}
		}
		return found
	}
	for _, test := range []func(id, name string) bool{
		func(id, _ string) bool { return strings.EqualFold(id, given) },
		func(_, name string) bool { return strings.EqualFold(name, given) },
		func(id, _ string) bool { return abbreviates(given, id) },
		func(_, name string) bool {
			return name != "" && strings.Contains(strings.ToLower(name), strings.ToLower(given))
		},
	} {
		switch found := is(test); {
		case given == "" || len(found) == 0:
		case len(found) == 1:
			return found[0], nil
		default:
			var b strings.Builder
			for _, o := range found {
				fmt.Fprintf(&b, "\n  %s  %s", k.id(o), k.names(o)[0])
			}
			return none, usageError{fmt.Sprintf("%q could be %d %ss:%s", given, len(found), k.what, b.String())}
		}
	}
	return none, notFoundError{fmt.Sprintf("there is no %s %q%s", k.what, given, didYouMean(given, known))}
}

// shortest is how many characters of an id are enough to look for it.
const shortest = 4

// abbreviates tells whether given is the beginning of the id, or its two ends with dots between them.
func abbreviates(given, id string) bool {
	head, tail, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(given), "…", ".."), "..")
	return len(head)+len(tail) >= shortest && strings.HasPrefix(id, head) && strings.HasSuffix(id, tail)
}

// short is an id as tables show it. Ids that are made one after the other begin alike, so both ends are shown.
func short(id wire.ID) string {
	if len(id) != 36 {
		return string(id)
	}
	return string(id[:8] + "…" + id[32:])
}

// isID tells a whole id from one that has to be looked for.
func isID(text string) bool {
	_, err := uuid.Parse(text)
	return err == nil && len(text) == 36
}

var webhookKind = kind[wire.Webhook]{
	what: "webhook",
	id:   func(w wire.Webhook) wire.ID { return w.ID },
	names: func(w wire.Webhook) []string {
		names := []string{w.URL}
		if w.Description != "" {
			names = append(names, w.Description)
		}
		if u, err := url.Parse(w.URL); err == nil {
			names = append(names, u.Host)
		}
		return names
	},
}

// webhook finds one by id, URL, host, description or a part of these.
func (s *session) webhook(ctx context.Context, given string) (wire.Webhook, error) {
	return pick(webhookKind, given, s.Webhooks.List(ctx, wire.WebhookSearch{}))
}

var tenantKind = kind[wire.Tenant]{
	what: "tenant", id: func(t wire.Tenant) wire.ID { return t.ID }, names: func(t wire.Tenant) []string { return []string{t.Name} },
}

// tenant finds one by id or name. Without either it is the only one there is.
func (s *session) tenant(ctx context.Context, given string) (wire.Tenant, error) {
	if given != "" {
		return pick(tenantKind, given, s.Tenants.List(ctx))
	}
	var all []wire.Tenant
	for t, err := range s.Tenants.List(ctx) {
		if err != nil {
			return t, err
		}
		all = append(all, t)
	}
	if len(all) != 1 {
		names := make([]string, len(all))
		for i, t := range all {
			names[i] = t.Name
		}
		return wire.Tenant{}, usageError{"there are several tenants; name one: " + strings.Join(names, ", ")}
	}
	return all[0], nil
}

// host is what a table calls a receiver: its host, or all of what is no URL.
func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}
