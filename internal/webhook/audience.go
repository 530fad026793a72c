package webhook

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// Audience is whom an event goes to, and whom it does not go to and why. It is shared: nobody may change it.
type Audience struct {
	// Targets get the event, in the order of their ids, and Voters are those of them that are asked about it when it is transactional.
	Targets, Voters []*Target
	// Withheld are all other receivers, in the order of their ids.
	Withheld []Withheld
}

// Withheld is a receiver that does not get an event.
type Withheld struct {
	WebhookID wire.ID
	URL       string // without credentials and query values
	Gate      Gate   // never Open
}

// audiences remembers the answers of a registry, which never change: at a thousand webhooks, asking each of them for each event would cost
// more than storing the event.
type audiences struct {
	known sync.Map // audienceOf → *Audience
	size  atomic.Int64
}

type audienceOf struct {
	t      event.Type
	scope  event.Scope
	tenant wire.ID
}

// audienceLimit is how many webhooks the remembered answers may list in all: about 10 MB. Many tenants times many webhooks would be more.
const audienceLimit = 200_000

// Audience tells for every receiver whether it gets an event of type t of the tenant, provided that the tenant has the event switched on.
func (r *Registry) Audience(t event.Type, scope event.Scope, tenant wire.ID) *Audience {
	of := audienceOf{t, scope, tenant}
	if known, ok := r.audiences.known.Load(of); ok {
		return known.(*Audience)
	}
	a := &Audience{}
	for _, target := range r.targets {
		if gate := target.Want(t, scope, tenant); gate == Open {
			a.Targets = append(a.Targets, target)
		} else {
			a.Withheld = append(a.Withheld, Withheld{target.ID, target.URL(), gate})
		}
	}
	slices.SortFunc(a.Targets, func(a, b *Target) int { return cmp.Compare(a.ID, b.ID) })
	for _, t := range a.Targets {
		if t.Votes() {
			a.Voters = append(a.Voters, t)
		}
	}
	slices.SortFunc(a.Withheld, func(a, b Withheld) int { return cmp.Compare(a.WebhookID, b.WebhookID) })
	if r.audiences.size.Add(int64(len(r.targets))+1) > audienceLimit {
		r.audiences.known.Clear()
		r.audiences.size.Store(0)
	}
	r.audiences.known.Store(of, a)
	return a
}
