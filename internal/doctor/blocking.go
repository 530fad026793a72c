package doctor

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/publish"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/traffic"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Blocked is a type of change that is refused at a tenant now, whoever makes it, because too many webhooks cannot be reached.
type Blocked struct {
	TenantID wire.ID
	Tenant   string // its name
	Type     event.Type
	Rule     wire.TransactionType
	Asked    int
	Failing  []FailingWebhook // those that cannot be reached
}

// FailingWebhook is a webhook that cannot be reached.
type FailingWebhook struct {
	ID    wire.ID
	URL   string // without credentials and query values
	Since wire.Instant
}

// Blocking tells what is refused now, by tenant and type. It reads memory only, and remembers the answer while nothing has changed, so that every page can ask. It knows
// of receivers that cannot be reached; one that answers every vote with a refusal of its own is not failing but says no.
func (s *Service) Blocking(ctx context.Context) ([]Blocked, error) {
	registry, err := s.o.Webhooks.Registry(ctx)
	if err != nil {
		return nil, err
	}
	flows := s.notFlowing(registry)
	if !slices.ContainsFunc(flows, func(f flowing) bool { return f.Open }) {
		return nil, nil // as nearly always
	}
	settings, err := s.o.Tenants.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if last := s.blocking.Load(); last != nil && last.registry == registry && last.settings == settings && slices.Equal(last.flows, flows) {
		return last.answer, nil
	}
	answer := blockedBy(settings, registry, flows)
	s.blocking.Store(&blockingAnswer{registry, settings, flows, answer})
	return answer, nil
}

type blockingMemo = atomic.Pointer[blockingAnswer]

// blockingAnswer is an answer and all that it follows from: snapshots, which never change.
type blockingAnswer struct {
	registry *webhook.Registry
	settings *tenant.Settings
	flows    []flowing
	answer   []Blocked
}

// flowing is the part of a webhook's flow that votes depend on.
type flowing struct {
	id           wire.ID
	Open, Paused bool
	since        int64
}

// notFlowing are the webhooks that are paused or cannot be reached, in the order of their ids.
func (s *Service) notFlowing(registry *webhook.Registry) (all []flowing) {
	for _, id := range registry.IDs() {
		if f := s.o.Outbox.Flow(id); f.Open || f.Paused {
			all = append(all, flowing{id, f.Open, f.Paused, f.OpenedInstant})
		}
	}
	slices.SortFunc(all, func(a, b flowing) int { return strings.Compare(string(a.id), string(b.id)) })
	return all
}

// blockedBy goes through the transactional events that tenants send. Webhooks that flow are not among the flows.
func blockedBy(settings *tenant.Settings, registry *webhook.Registry, flows []flowing) (all []Blocked) {
	at := make(map[wire.ID]flowing, len(flows))
	for _, f := range flows {
		at[f.id] = f
	}
	for _, id := range settings.IDs() {
		t, _ := settings.Find(id)
		for name := range t.EventConfiguration.Events {
			d, ok := event.Lookup(event.Type(name))
			if !ok || !d.Transactional {
				continue
			}
			enabled, rule := settings.Event(id, d.Type)
			if !enabled || rule == wire.None {
				continue
			}
			b := Blocked{TenantID: id, Tenant: t.Name, Type: d.Type, Rule: rule}
			for _, target := range registry.Audience(d.Type, d.Scope, id).Voters {
				switch f := at[target.ID]; {
				case f.Paused:
				case f.Open:
					b.Asked++
					b.Failing = append(b.Failing, FailingWebhook{target.ID, target.URL(), wire.Instant(f.since)})
				default:
					b.Asked++
				}
			}
			if publish.Refuses(rule, b.Asked, len(b.Failing)) {
				all = append(all, b)
			}
		}
	}
	slices.SortFunc(all, func(a, b Blocked) int {
		return strings.Compare(a.Tenant+"\x00"+string(a.TenantID)+string(a.Type), b.Tenant+"\x00"+string(b.TenantID)+string(b.Type))
	})
	return all
}

func (s *Service) lookAtBlocking(ctx context.Context, found *findings) error {
	all, err := s.Blocking(ctx)
	for _, b := range all {
		var urls []string
		for _, w := range b.Failing {
			urls = append(urls, w.URL)
		}
		found.add(Refusing, Subject{Tenant, b.TenantID, b.Tenant}, "event", string(b.Type), "tenant", b.Tenant, "rule", string(b.Rule),
			"failing", len(b.Failing), "asked", b.Asked, "webhooks", few(urls))
	}
	return err
}

// Meaning tells what a transaction setting means for the events of a type of a tenant, with the webhooks as they are now. The failures are those of all that was sent to
// a webhook, not of this event alone.
func (s *Service) Meaning(ctx context.Context, id wire.ID, t event.Type, rule wire.TransactionType) (publish.Meaning, error) {
	all, err := s.Meanings(ctx, id, map[event.Type]wire.TransactionType{t: rule})
	return all[t], err
}

// Meanings is Meaning for several types at once, each with the setting to be judged.
func (s *Service) Meanings(ctx context.Context, id wire.ID, rules map[event.Type]wire.TransactionType) (map[event.Type]publish.Meaning, error) {
	registry, err := s.o.Webhooks.Registry(ctx)
	if err != nil {
		return nil, err
	}
	judge, err := s.Judge(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[event.Type]publish.Meaning, len(rules))
	for t, rule := range rules {
		d, _ := event.Lookup(t)
		all[t] = judge.Mean(d, rule, registry.Audience(t, d.Scope, id).Targets)
	}
	return all, nil
}

// Judge tells what transaction settings mean, by how webhooks have done until it was made.
type Judge struct {
	s    *Service
	sent map[wire.ID]*traffic.Series
}

// Judge returns one.
func (s *Service) Judge(ctx context.Context) (*Judge, error) {
	sent, err := s.o.Traffic.Last24h(ctx)
	return &Judge{s, sent}, err
}

// Mean tells what a setting means for events that these webhooks get. Events that are not transactional are judged as those that ask nobody.
func (j *Judge) Mean(d event.Descriptor, rule wire.TransactionType, targets []*webhook.Target) publish.Meaning {
	if !d.Transactional {
		rule = wire.None
	}
	var voters []publish.Voter
	for _, target := range targets {
		voters = append(voters, voterOf(target, j.s.o.Outbox.Flow(target.ID), j.sent[target.ID]))
	}
	return publish.Mean(rule, voters, j.s.deadline())
}

func voterOf(target *webhook.Target, f outbox.Flow, sent *traffic.Series) publish.Voter {
	_, failed := sums(sent)
	return publish.Voter{ID: target.ID, URL: target.URL(), Patience: target.Patience(), Unreachable: f.Open, Paused: f.Paused, Failures: failed}
}

// sums are the requests of the last day, and how many of them failed.
func sums(sent *traffic.Series) (attempts, failed int64) {
	if sent == nil {
		return 0, 0
	}
	total := sent.Total()
	return total.Attempts(), total.Attempts() - total.Successes()
}

func (s *Service) deadline() time.Duration {
	if s.o.Setup.Deadline == 0 {
		return 10 * time.Second // as package publish has it
	}
	return s.o.Setup.Deadline
}
