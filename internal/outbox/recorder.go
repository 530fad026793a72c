package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/crashpoint"
	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

// recorder stores what became of deliveries. Results of all lanes are written together: whatever came in while the last commit was under way, plus what comes within
// a moment when that is little. Nobody waits for it, so a commit for each would only take time from those that somebody waits for.
type recorder struct {
	o       *Outbox
	results chan result
	stopped sync.WaitGroup
}

const (
	mostResults = 512                  // in one commit
	fewResults  = 64                   // are worth waiting for more
	moment      = 2 * time.Millisecond // to wait
)

// result is what became of a claimed delivery.
type result struct {
	*delivery
	kind    webhook.Kind
	attempt *webhook.Attempt // nil: nothing was sent, it is due again at once
	record  webhooklog.Attempt
}

func (r *recorder) init(o *Outbox) { r.o, r.results = o, make(chan result, mostResults) }

func (r *recorder) start() { r.stopped.Go(r.run) }

// stop waits until everything is stored. Nobody may put anything in after that.
func (r *recorder) stop() {
	close(r.results)
	r.stopped.Wait()
}

// put hands a result in; a nil attempt says that nothing was sent. It waits while the store cannot keep up, or does not answer, so that no more is sent than
// can be recorded.
func (r *recorder) put(d *delivery, kind webhook.Kind, a *webhook.Attempt) {
	one := result{delivery: d, kind: kind, attempt: a}
	if a != nil {
		var err error
		if one.record, err = r.o.Log.Attempt(d.sequence, kind, a); err != nil {
			r.o.Logger.Error("an attempt cannot be put on record", "event", d.event, "webhook", d.webhook, "error", err)
			one.attempt = nil // so that it is made again
		}
	}
	r.results <- one
}

func (r *recorder) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	batch := make([]result, 0, mostResults)
	for first := range r.results {
		batch = r.collect(append(batch[:0], first), timer)
		r.store(batch)
		clear(batch)
	}
}

// collect adds what has come in meanwhile.
func (r *recorder) collect(batch []result, timer *time.Timer) []result {
	timer.Reset(moment)
	for len(batch) < mostResults {
		select {
		case one, more := <-r.results:
			if !more {
				return batch
			}
			batch = append(batch, one)
			continue
		default:
		}
		if len(batch) >= fewResults {
			return batch
		}
		select {
		case one, more := <-r.results:
			if !more {
				return batch
			}
			batch = append(batch, one)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// store writes the batch. While the store takes nothing (it does not answer, its disk is full) it goes on trying, since what is not recorded would be sent again.
func (r *recorder) store(batch []result) {
	// In the order in which others lock rows too, so that nobody waits in a circle.
	slices.SortStableFunc(batch, func(a, b result) int {
		return cmp.Or(cmp.Compare(a.sequence, b.sequence), cmp.Compare(a.webhook, b.webhook))
	})
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := r.write(batch, whole)
		if err == nil {
			return
		}
		r.o.Logger.Error("results of deliveries could not be stored", "results", len(batch), "error", err)
		if r.o.DB.Ping(r.o.sending) == nil { // it answers, so it may be something in the batch
			if batch = r.storeEach(batch); len(batch) == 0 {
				return
			}
		}
		select {
		case <-time.After(pause):
		case <-r.o.sending.Done():
			return // the claims end with our lease, or the next start
		}
	}
}

// storeEach writes the results one by one, and returns what is left when the store takes nothing. One that it does not take although it takes others is written barely.
func (r *recorder) storeEach(batch []result) []result {
	for i, one := range batch {
		alone := batch[i : i+1]
		if r.write(alone, whole) == nil {
			continue
		}
		if !errors.Is(r.write(alone, tried), errTried) {
			return batch[i:] // it is the store
		}
		err := r.write(alone, whole)
		if err == nil {
			continue
		}
		if r.write(alone, barely) != nil {
			return batch[i:]
		}
		r.o.Logger.Error("what became of a delivery is stored, but not the attempt and what it entails", "event", one.event, "webhook", one.webhook, "error", err)
	}
	return nil
}

// extent is how much of results is written.
type extent int

const (
	whole  extent = iota
	barely        // only the state of the deliveries
	tried         // the same, but undone again: write returns errTried when it would have worked
)

var errTried = errors.New("outbox: the results could be written")

// write stores results in one transaction, then tells the lanes.
func (r *recorder) write(batch []result, e extent) error {
	o := r.o
	begin := o.DB.Now()
	fates := make([]fate, len(batch))
	var ours []int64 // 0 for a result that does not count, because the delivery was cancelled or begun anew meanwhile
	err := o.update(func(tx *db.Tx) error {
		registry, err := o.Webhooks.RegistryIn(tx)
		if err != nil {
			return err
		}
		rows, records := make([][]any, len(batch)), make([]webhooklog.Attempt, 0, len(batch))
		for i, one := range batch {
			fates[i] = o.fateOf(one, registry, tx.Now())
			rows[i] = []any{
				string(fates[i].state), one.made(), fates[i].due.UnixMilli(), tx.NowMillis(), one.sequence, string(one.webhook), one.claim,
			}
			if one.attempt != nil && e == whole {
				records = append(records, one.record)
			}
		}
		if err := o.Log.Record(tx, records); err != nil {
			return err
		}
		if ours, err = settleDeliveries(tx, rows); err != nil {
			return err
		}
		if e == tried {
			return errTried
		}
		crashpoint.Here("settling")
		for i, one := range batch {
			if one.attempt == nil || ours[i] == 0 || e == barely {
				continue
			}
			if fates[i].state == Dead {
				if err := o.bury(tx, &death{one.delivery, one.made(), one.attempt}); err != nil {
					return err
				}
			}
			if err := o.Gone(tx, one.webhook, one.attempt); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	crashpoint.Here("settled")
	o.Metrics.Recorded(len(batch), o.DB.Now().Sub(begin))
	for i, one := range batch {
		o.tell(one, fates[i])
		if l := o.lane(one.webhook); l != nil {
			l.settled(one.delivery, fates[i])
			if ours[i] == 0 {
				l.wake() // now that we have let go of it: begun anew, it was passed over
			}
		}
	}
	return nil
}

// tell counts an attempt for the statistics, now that it is known what follows from it. Votes are told of by those who asked.
func (o *Outbox) tell(one result, f fate) {
	if one.attempt == nil || one.kind == webhook.Vote {
		return
	}
	o.flows.delivered(one.webhook, one.attempt)
	took := one.attempt.End.Sub(one.attempt.Start)
	if one.attempt.Outcome.Success() {
		o.Traffic.Taken(one.webhook, one.kind == webhook.Delivery, took)
	} else {
		o.Traffic.NotTaken(one.webhook, f.state == Retrying, took)
	}
}

// made is how many attempts the delivery has behind it now.
func (r *result) made() int {
	if r.attempt == nil {
		return r.attempts
	}
	return r.attempts + 1
}

// fateOf decides what becomes of a delivery. One that was not sent is as it was before, and due at once.
func (o *Outbox) fateOf(one result, registry *webhook.Registry, now time.Time) fate {
	if one.attempt == nil {
		if one.attempts > 0 {
			return fate{Retrying, now}
		}
		return fate{Pending, now}
	}
	s := o.schedule
	if target := registry.Target(one.webhook); target != nil {
		s = o.scheduleFor(target)
	}
	return s.next(one.made(), one.attempt, now, rand.Float64())
}

// Gone switches the webhook off if its receiver answered, to a delivery or a vote, that it is gone for good. What is owed to it waits, should somebody know better.
func (o *Outbox) Gone(tx *db.Tx, id wire.ID, a *webhook.Attempt) error {
	if !isGone(a) {
		return nil
	}
	registry, err := o.Webhooks.RegistryIn(tx)
	if err != nil {
		return err
	}
	if target := registry.Target(id); target == nil || !target.Enabled() {
		return nil
	}
	if err := o.Webhooks.Disable(tx, id, "The receiver answered 410 Gone: it does not want any more events."); err != nil {
		return err
	}
	return o.Journal.Error(tx, fmt.Sprintf("Webhook %s (%s) was switched off, because its receiver answered 410 Gone. Deliveries to it wait. "+
		"Delete the webhook, or enable it again when the receiver is back.", a.URL, id))
}

// death is a delivery that is given up after so many attempts, and the last of them.
type death struct {
	*delivery
	made int
	last *webhook.Attempt
}

// bury tells people that a delivery is dead. An event about a log entry is reported without raising another one: a receiver of
// event-log.create that fails would feed itself.
func (o *Outbox) bury(tx *db.Tx, d *death) error {
	attempts := "1 attempt"
	if d.made > 1 {
		attempts = fmt.Sprintf("%d attempts", d.made)
	}
	advice := "Find out why the receiver refuses it, or switch the event or the receiver off."
	if d.last.Hopeless {
		attempts += ", as more would be in vain"
		advice = "Have the receiver take such events and send it again, or leave them out with a filter."
	}
	message := fmt.Sprintf("%s %s (%s) did not accept the event %s (%s): given up after %s. The last one: %s. The event stays in the store. %s",
		o.called(tx, d.webhook), d.last.URL, d.webhook, d.kind, d.event, attempts, d.last.Summary(), advice)
	tx.AfterCommit(o.Metrics.Dead)
	if t := event.Type(d.kind); t == event.EventLogCreate || t == event.AuditLogCreate {
		return o.Journal.ErrorQuietly(tx, message)
	}
	return o.Journal.Error(tx, message)
}
