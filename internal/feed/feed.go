package feed

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

const (
	// defaultLimit and mostLimit are how many events a page has, and mostBytes how large their bodies may be in all, unless the first is larger by itself.
	defaultLimit, mostLimit = 100, 1000
	mostBytes               = 4 << 20
	// examined is how many events one statement reads, and patience how long a page is looked for among those that nobody wants.
	examined = 500
	patience = 50 * time.Millisecond
	// every is the pause between two looks for somebody who waits, settling the one between two looks at an empty place, for settlingFor at most.
	every       = 250 * time.Millisecond
	settling    = 5 * time.Millisecond
	settlingFor = 250 * time.Millisecond
	// abandoned is how old the event behind an empty place is when nobody can fill it any more: no transaction takes that long. So one of another database on the same
	// PostgreSQL that is never ended holds up nobody.
	abandoned = time.Minute
	// mostWait is how long a call may wait, and mostWaiting how many may at once in this process; the others get their answer at once.
	mostWait    = time.Minute
	mostWaiting = 200
)

// Options are what a Service works with. All are required.
type Options struct {
	DB      *db.DB
	Tenants *tenant.Service
}

// Service reads the feed. It is safe for concurrent use.
type Service struct {
	o       Options
	waiting atomic.Int64
	stopped context.Context
	stop    context.CancelFunc
}

// New returns a Service.
func New(o Options) *Service {
	s := &Service{o: o}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s
}

// Stop lets nobody wait any longer: who does gets an empty page.
func (s *Service) Stop() { s.stop() }

// Query is what a consumer asks for.
type Query struct {
	After Cursor
	// Limit is how many events a page has at most: 1 to 1,000. Defaults to 100.
	Limit int
	// Types are names of types and patterns of such names, as event.Matches has them (user.*). Defaults to all types.
	Types []string
	// Tenant leaves out the events of other tenants and those of the installation. Defaults to all.
	Tenant wire.ID
	// All also has events that their tenant has switched off.
	All bool
	// Wait is how long to wait for an event when there is none, up to a minute. Defaults to not waiting.
	Wait time.Duration
}

// Page is a stretch of the feed.
type Page struct {
	// Bodies are what webhooks get, {"event": …}, byte for byte.
	Bodies [][]byte
	// Next is where the next page begins, also when this one is empty.
	Next Cursor
	// More says that there is more already.
	More bool
}

// Read returns the events behind a place, in the order in which they were recorded, as soon as there are any, or an empty page when the wait or ctx is over. What a
// page has was committed; each event is on one page. Problems of kind Invalid: a cursor that is none, one that committed events behind it have been removed of
// ([expired]after), types that do not exist, a limit or a wait out of range.
func (s *Service) Read(ctx context.Context, q Query) (Page, error) {
	from, types, err := s.check(ctx, &q)
	if err != nil {
		return Page{}, err
	}
	if q.Wait > 0 {
		if s.waiting.Add(1) > mostWaiting {
			q.Wait = 0
		}
		defer s.waiting.Add(-1)
	}
	ended, end := context.WithTimeout(ctx, q.Wait)
	defer end()
	defer context.AfterFunc(s.stopped, end)()
	for {
		r := &reading{Query: q, types: types, at: from}
		if err := s.read(ctx, r); err != nil {
			return Page{}, err
		}
		if len(r.page.Bodies) > 0 || r.page.More || !sleep(ended, every) {
			r.page.Next = cursorAt(r.at)
			return r.page, ctx.Err()
		}
		from = r.at
	}
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// check fills in what was left out and finds the place to begin at.
func (s *Service) check(ctx context.Context, q *Query) (from int64, types wanted, err error) {
	var v problem.Validation
	types, err = parseTypes(q.Types)
	if err := v.Merge(err); err != nil {
		return from, types, err
	}
	if q.Limit == 0 {
		q.Limit = defaultLimit
	}
	v.Check(q.Limit > 0 && q.Limit <= mostLimit, "limit", "invalid", "A page has 1 to %d events.", mostLimit)
	v.Check(q.Wait >= 0 && q.Wait <= mostWait, "wait", "invalid", "The seconds to wait are 0 to %d.", int(mostWait.Seconds()))
	if err := v.Err(); err != nil || q.After == "" {
		return 0, types, err
	}
	err = s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		if q.After == Newest {
			if from, err = newest(tx); err != nil {
				return err
			}
			removed, err := webhooklog.RemovedUpTo(tx) // perhaps there is nothing else any more
			from = max(from, removed)
			return err
		}
		if from, err = sequenceOf(q.After); err != nil {
			return err
		}
		last, err := lastDrawn(tx)
		if err == nil && from > last {
			err = misplaced("invalid", "This place is ahead of all that was ever here: it is one of another store, or the store was restored from a backup.")
		}
		return err
	})
	return from, types, err
}

// reading is a page in the making.
type reading struct {
	Query

	types wanted
	at    int64 // up to this sequence everything was taken or passed over
	size  int
	page  Page

	// seen is up to where empty places were seen for the first time, and barrier the id of which transactions that could fill them are all below.
	seen, barrier int64
	settled       bool // they have ended
}

// read looks until the page is full, there is nothing more, or its time is over.
func (s *Service) read(ctx context.Context, r *reading) error {
	begin := time.Now()
	for {
		more, unsettled, err := s.look(ctx, r)
		switch {
		case err != nil:
			return err
		case unsettled && time.Since(begin) < settlingFor && sleep(ctx, settling):
			continue
		case unsettled || !more:
			return nil
		case r.full() || time.Since(begin) > patience:
			r.page.More = true
			return nil
		}
	}
}

func (r *reading) full() bool { return len(r.page.Bodies) >= r.Limit || r.size >= mostBytes }

// look takes in what one statement reads. more says that there may be more behind it, unsettled that the next place is empty and may still be filled.
func (s *Service) look(ctx context.Context, r *reading) (more, unsettled bool, err error) {
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		settings, err := s.o.Tenants.SettingsIn(tx)
		if err != nil {
			return err
		}
		oldest, next, err := transactions(tx)
		if err != nil {
			return err
		}
		// In the snapshot that the events are read from: some may just have been removed.
		removed, err := webhooklog.RemovedUpTo(tx)
		if err != nil {
			return err
		}
		if (r.After != "" || r.at > 0) && r.at < removed {
			return misplaced("expired", "Events behind this place have been removed, as they were older than events are kept.")
		}
		rows, err := rowsAfter(tx, r.at, examined)
		if err != nil {
			return err
		}
		more, unsettled = r.take(rows, tx.Now(), oldest, next, func(e row) bool {
			enabled, _ := settings.Event(e.tenant, e.kind)
			return r.wants(e) && (r.All || e.tenant == "" || enabled)
		})
		return nil
	})
	return more, unsettled, err
}

func (r *reading) wants(e row) bool {
	return !e.test && r.types.has(e.kind) && (r.Tenant == "" || r.Tenant == e.tenant)
}

// take goes through rows as far as nothing can appear between them any more. oldest and next are those of [transactions].
func (r *reading) take(rows []row, now time.Time, oldest, next int64, wants func(row) bool) (more, unsettled bool) {
	r.settled = r.barrier > 0 && oldest >= r.barrier
	for _, e := range rows {
		if r.full() {
			return true, false
		}
		if e.sequence > r.at+1 && !r.closed(e, rows[len(rows)-1].sequence, now, oldest, next) {
			return true, true
		}
		switch {
		case !wants(e):
		case e.result == string(webhooklog.Running):
			return false, false // what it holds back comes with a later look
		case e.result == string(webhooklog.Succeeded):
			if r.size += len(e.body); r.size > mostBytes && len(r.page.Bodies) > 0 {
				return true, false
			}
			r.page.Bodies = append(r.page.Bodies, e.body)
		}
		r.at = e.sequence
	}
	return len(rows) == examined, false
}

// closed tells whether the empty place before e stays empty. When it does not know yet, it notes what has to end first.
func (r *reading) closed(e row, last int64, now time.Time, oldest, next int64) bool {
	switch {
	case oldest == next: // nobody is writing
	case now.UnixMilli()-e.written > abandoned.Milliseconds():
	case r.settled && e.sequence <= r.seen:
	default:
		if r.barrier == 0 || r.settled {
			r.seen, r.barrier = last, next
		}
		return false
	}
	return true
}
