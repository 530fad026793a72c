package replay

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

// Options are what a Service works with. All but Lease and Poll are required.
type Options struct {
	DB       *db.DB
	Outbox   *outbox.Outbox
	Webhooks *webhook.Service
	Tenants  *tenant.Service
	Journal  *journal.Journal
	Logger   *slog.Logger
	// Node names this process. No two processes on one store may have the same name.
	Node string
	// Lease is how long a task outlasts the last sign of life of the process that carries it, before another one takes over. Defaults to 15 s.
	Lease time.Duration
	// Poll is how often tasks are looked for that nobody announced. Defaults to 5 s, on SQLite to 1 min.
	Poll time.Duration
}

// Service does things with deliveries. It is safe for concurrent use.
type Service struct {
	Options
	positions search.Positions
	claims    atomic.Int64 // numbers the claims of this process

	working context.Context // ends with Stop
	halt    context.CancelFunc
	woken   chan struct{} // of one: there may be a task to carry

	mu       sync.Mutex
	carriers map[wire.ID]*carrier
	active   sync.WaitGroup
}

// New returns a Service. Start makes it carry tasks.
func New(o Options) *Service {
	o.Lease = cmp.Or(o.Lease, 15*time.Second)
	if o.Poll == 0 {
		// On SQLite nobody else writes, and what is written here is announced.
		if o.Poll = 5 * time.Second; o.DB.Engine() == db.SQLite {
			o.Poll = time.Minute
		}
	}
	s := &Service{Options: o, woken: make(chan struct{}, 1), carriers: map[wire.ID]*carrier{}}
	s.working, s.halt = context.WithCancel(context.Background())
	return s
}

// Search returns one page of the deliveries that match, and how many match in all: exactly up to search.MaxCount, beyond it at least so many.
func (s *Service) Search(ctx context.Context, c wire.DeliverySearch) (found []wire.Delivery, total int, err error) {
	if err := checkSearch(c); err != nil {
		return nil, 0, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		if found, total, err = outbox.Search(tx, &s.positions, c); err != nil {
			return err
		}
		return s.limit(tx, found)
	})
	return found, total, err
}

// Page returns one page of these deliveries as a list for people, those of the newest events first, from a cursor on. OrderBy and StartRow mean nothing. Errors are those
// of Search, and a problem of kind Invalid for a cursor of another list.
func (s *Service) Page(ctx context.Context, c wire.DeliverySearch, at search.Cursor) (found []wire.Delivery, links search.Links, err error) {
	if err := checkSearch(c); err != nil {
		return nil, links, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		if found, links, err = outbox.Page(tx, c, at); err != nil {
			return err
		}
		return s.limit(tx, found)
	})
	return found, links, err
}

// Load returns the delivery of an event to a webhook, or problem.ErrNotFound.
func (s *Service) Load(ctx context.Context, event, id wire.ID) (d wire.Delivery, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		d, err = s.find(tx, event, id)
		return err
	})
	return d, err
}

func (s *Service) find(tx *db.Tx, event, id wire.ID) (wire.Delivery, error) {
	d, err := outbox.Find(tx, event, id)
	if err != nil {
		return d, err
	}
	found := []wire.Delivery{d}
	err = s.limit(tx, found)
	return found[0], err
}

// limit writes on the deliveries how many attempts they have at most, as far as their receivers still exist.
func (s *Service) limit(tx *db.Tx, found []wire.Delivery) error {
	registry, err := s.Webhooks.RegistryIn(tx)
	if err != nil {
		return err
	}
	for i := range found {
		if target := registry.Target(found[i].WebhookID); target != nil {
			found[i].MaxAttempts = s.Outbox.MaxAttempts(target)
		}
	}
	return nil
}

// Replay sends a delivery that has ended again: the same bytes under the same id, at once and with all attempts before it. Errors: problem.ErrNotFound without such an
// event or webhook, problem.Invalid when the delivery still waits, or there is none and why, or the webhook is switched off.
func (s *Service) Replay(ctx context.Context, event, id wire.ID) (wire.Delivery, error) {
	return s.change(ctx, event, id, func(tx *db.Tx, d wire.Delivery, sequence int64) error {
		target, err := s.target(tx, id)
		if err != nil {
			return err
		}
		if !outbox.IsEnded(outbox.State(d.State)) {
			return problem.New(problem.Invalid, "[deliveryNotEnded]", "This delivery is %s: it is sent without a replay. To send it at once, POST to …/run instead.", d.State)
		}
		if !target.Enabled() {
			return switchedOff(target)
		}
		n, err := s.Outbox.Reopen(tx, target, []int64{sequence}, true, math.MaxInt64)
		return onlyOne(n, err)
	})
}

// Run makes a delivery that waits due at once. It does nothing when that is so already. Errors like Replay, for one that has ended.
func (s *Service) Run(ctx context.Context, event, id wire.ID) (wire.Delivery, error) {
	return s.change(ctx, event, id, func(tx *db.Tx, d wire.Delivery, sequence int64) error {
		if _, err := s.target(tx, id); err != nil {
			return err
		}
		if outbox.IsEnded(outbox.State(d.State)) {
			return problem.New(problem.Invalid, "[deliveryNotWaiting]", "This delivery has ended: it is %s. To send it again, POST to …/replay instead.", d.State)
		}
		_, err := s.Outbox.Hasten(tx, id, []int64{sequence})
		return err
	})
}

// Cancel ends a delivery that waits. One that is just being sent cannot be called back, but is not tried again. Errors like Replay, for one that has ended.
func (s *Service) Cancel(ctx context.Context, event, id wire.ID) (wire.Delivery, error) {
	return s.change(ctx, event, id, func(tx *db.Tx, d wire.Delivery, sequence int64) error {
		if outbox.IsEnded(outbox.State(d.State)) {
			return problem.New(problem.Invalid, "[deliveryNotWaiting]", "This delivery has ended: it is %s. There is nothing to cancel.", d.State)
		}
		n, err := s.Outbox.Cancel(tx, id, []int64{sequence})
		return onlyOne(n, err)
	})
}

// change finds a delivery, does something with it and returns what it is then.
func (s *Service) change(ctx context.Context, event, id wire.ID, do func(tx *db.Tx, d wire.Delivery, sequence int64) error) (d wire.Delivery, err error) {
	err = s.DB.Update(ctx, func(tx *db.Tx) error {
		sequence, err := outbox.SequenceOf(tx, event)
		if err != nil {
			return err
		}
		before, err := outbox.Find(tx, event, id)
		if p, ok := problem.As(err); ok && p.Kind == problem.NotFound {
			target, err := s.target(tx, id)
			if err != nil {
				return err
			}
			return problem.New(problem.Invalid, "[eventNotOwed]",
				"The event %s was not to be sent to the %s. If it should be today, POST /api/delivery/recover sends it what it has missed.", event, called(target))
		}
		if err != nil {
			return err
		}
		if err := do(tx, before, sequence); err != nil {
			return err
		}
		d, err = s.find(tx, event, id)
		return err
	})
	return d, err
}

// onlyOne is the conflict of a delivery whose state moved between our reading and writing it.
func onlyOne(changed int, err error) error {
	if err == nil && changed == 0 {
		return problem.Stale("delivery")
	}
	return err
}

// target is the webhook as tx sees it, problem.ErrNotFound without it.
func (s *Service) target(tx *db.Tx, id wire.ID) (*webhook.Target, error) {
	registry, err := s.Webhooks.RegistryIn(tx)
	if err != nil {
		return nil, err
	}
	if target := registry.Target(id); target != nil {
		return target, nil
	}
	return nil, problem.ErrNotFound
}

func switchedOff(target *webhook.Target) error {
	return problem.New(problem.Invalid, "[webhookDisabled]", "The %s is switched off, so nothing would be sent. Enable it first.", called(target))
}

// called is a receiver as sentences speak of it: a sink has a name.
func called(target *webhook.Target) string {
	if target.Kind() == webhook.Sink {
		return "sink " + target.Name()
	}
	return "webhook " + string(target.ID)
}

// Backlogs returns the backlog of each webhook, in the order of their ids.
func (s *Service) Backlogs(ctx context.Context) (all []wire.WebhookBacklog, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		registry, err := s.Webhooks.RegistryIn(tx)
		if err != nil {
			return err
		}
		ids := registry.IDs()
		slices.Sort(ids)
		for _, id := range ids {
			b, err := s.Outbox.BacklogOf(tx, id)
			if err != nil {
				return err
			}
			all = append(all, b)
		}
		return nil
	})
	return all, err
}

// longestReason of a pause, in bytes.
const longestReason = 1000

// Pause keeps what is owed to a webhook waiting until Resume, and returns its backlog. Pausing again changes the reason. Errors: problem.ErrNotFound without such a
// webhook.
func (s *Service) Pause(ctx context.Context, id wire.ID, reason string) (wire.WebhookBacklog, error) {
	reason = strings.TrimSpace(reason)
	var v problem.Validation
	v.Check(len(reason) <= longestReason, "reason", "tooLong", "The reason has at most %d bytes.", longestReason)
	if err := v.Err(); err != nil {
		return wire.WebhookBacklog{}, err
	}
	if err := s.Outbox.Pause(ctx, id, reason); err != nil {
		return wire.WebhookBacklog{}, err
	}
	return s.Backlog(ctx, id)
}

// Resume ends the pause of a webhook and returns its backlog; without a pause it does nothing. Errors: problem.ErrNotFound without such a webhook.
func (s *Service) Resume(ctx context.Context, id wire.ID) (wire.WebhookBacklog, error) {
	if err := s.Outbox.Resume(ctx, id); err != nil {
		return wire.WebhookBacklog{}, err
	}
	return s.Backlog(ctx, id)
}

// Backlog returns the backlog of one webhook. It is problem.ErrNotFound without such a webhook.
func (s *Service) Backlog(ctx context.Context, id wire.ID) (b wire.WebhookBacklog, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		b, err = s.Outbox.BacklogOf(tx, id)
		return err
	})
	return b, err
}

// describe names a receiver where a sentence for people begins.
func describe(target *webhook.Target) string {
	return fmt.Sprintf("%s %s (%s)", target.Kind().Title(), target.Name(), target.ID)
}
