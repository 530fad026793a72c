package webhook

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/filter"
	"github.com/herald-events/herald/wire"
)

// Audience is whom an event goes to, and whom it does not go to and why. It is shared: nobody may change it.
type Audience struct {
	// Targets get the event, in the order of their ids, and Voters are those of them that are asked about it when it is transactional.
	Targets, Voters []*Target
	// Withheld are all other receivers, in the order of their ids.
	Withheld []Withheld

	// Of the targets some have filters, which decide about each event. What they have decided is remembered, so that events with the same answer share it.
	filtered []*Target
	narrowed sync.Map // what filters said → *Audience
	answers  atomic.Int64
}

// mostAnswers is how many different answers of the filters are remembered for one type of event.
const mostAnswers = 256

// For is the audience of one event of the kind that a is about: without those whose filters do not let it through.
func (a *Audience) For(body []byte) *Audience {
	if len(a.filtered) == 0 {
		return a
	}
	e := filter.NewEvent(body)
	gates, reasons := make([]Gate, len(a.filtered)), make([]string, len(a.filtered))
	var said strings.Builder
	open := true
	for i, t := range a.filtered {
		gates[i], reasons[i] = t.Pass(e)
		open = open && gates[i] == Open
		said.WriteString(string(gates[i]))
		said.WriteByte(0)
		said.WriteString(reasons[i])
		said.WriteByte(0)
	}
	if open {
		return a
	}
	if known, ok := a.narrowed.Load(said.String()); ok {
		return known.(*Audience)
	}
	n := &Audience{Withheld: slices.Clone(a.Withheld)}
	for _, t := range a.Targets {
		if i := slices.Index(a.filtered, t); i < 0 || gates[i] == Open {
			n.Targets = append(n.Targets, t)
		} else {
			n.Withheld = append(n.Withheld, Withheld{t.ID, t.kind, t.URL(), gates[i], reasons[i]})
		}
	}
	n.sort()
	if a.answers.Add(1) > mostAnswers {
		a.narrowed.Clear()
		a.answers.Store(1)
	}
	a.narrowed.Store(said.String(), n)
	return n
}

// Withheld is a receiver that does not get an event.
type Withheld struct {
	WebhookID wire.ID
	Kind      ReceiverKind
	URL       string // without credentials and query values
	Gate      Gate   // never Open
	Detail    string // why a filter failed
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
			a.Withheld = append(a.Withheld, Withheld{target.ID, target.kind, target.URL(), gate, ""})
		}
	}
	for _, t := range a.Targets {
		if t.HasFilter() {
			a.filtered = append(a.filtered, t)
		}
	}
	a.sort()
	if r.audiences.size.Add(int64(len(r.targets))+1) > audienceLimit {
		r.audiences.known.Clear()
		r.audiences.size.Store(0)
	}
	r.audiences.known.Store(of, a)
	return a
}

// sort brings all in order, and finds the voters.
func (a *Audience) sort() {
	slices.SortFunc(a.Targets, func(a, b *Target) int { return cmp.Compare(a.ID, b.ID) })
	for _, t := range a.Targets {
		if t.Votes() {
			a.Voters = append(a.Voters, t)
		}
	}
	slices.SortFunc(a.Withheld, func(a, b Withheld) int { return cmp.Compare(a.WebhookID, b.WebhookID) })
}
