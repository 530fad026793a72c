package traffic

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

// All stands for all webhooks together, and for what is counted for none.
const All wire.ID = ""

// mostBuckets is how many a series has at most: a day by the minute, and a little.
const mostBuckets = 1500

// Series is what happened in a stretch of time, in buckets of equal length. It is shared and must not be changed.
type Series struct {
	Step    time.Duration
	Buckets []Bucket // without a hole, the oldest first
	// AsOf is when it was read; it may be some seconds old.
	AsOf time.Time
}

// Bucket is what happened in a part of a series.
type Bucket struct {
	Start time.Time
	// Gap tells that nothing is known: no Herald ran, or it is too long ago. Without it all that was not counted is zero.
	Gap bool
	// Unfinished tells that the bucket had not ended when it was read.
	Unfinished bool

	counts    [results]int64
	durations histogram // of all attempts
}

// Count is how often something has happened; several results are added up.
func (b *Bucket) Count(all ...Result) (n int64) {
	for _, r := range all {
		n += b.counts[r]
	}
	return n
}

// Attempts is how many requests were made to webhooks.
func (b *Bucket) Attempts() (n int64) {
	for _, one := range b.counts[:attempts] {
		n += one
	}
	return n
}

// Successes is how many of the attempts were answered as they should be.
func (b *Bucket) Successes() int64 { return b.Count(Accepted, Delivered, Late) }

// SuccessRate is Successes of Attempts, from 0 to 1. known is false without any attempt.
func (b *Bucket) SuccessRate() (rate float64, known bool) {
	if n := b.Attempts(); n > 0 {
		return float64(b.Successes()) / float64(n), true
	}
	return 0, false
}

// P50, P95 and P99 are how long attempts took at most, that share of them, whatever came of them. They are within a factor of √2, from 0.5 ms to 65.5 s, and 0 without
// any attempt.
func (b *Bucket) P50() time.Duration { return b.durations.percentile(.50) }
func (b *Bucket) P95() time.Duration { return b.durations.percentile(.95) }
func (b *Bucket) P99() time.Duration { return b.durations.percentile(.99) }

func (b *Bucket) add(other *Bucket) {
	for i, n := range other.counts {
		b.counts[i] += n
	}
	b.durations.add(&other.durations)
}

// Total is all buckets in one. It is a gap if each of them is.
func (s *Series) Total() Bucket {
	total := Bucket{Gap: true}
	for i := range s.Buckets {
		b := &s.Buckets[i]
		if i == 0 {
			total.Start = b.Start
		}
		total.Gap = total.Gap && b.Gap
		total.Unfinished = total.Unfinished || b.Unfinished
		total.add(b)
	}
	return total
}

// frame is a stretch of time in buckets, in milliseconds.
type frame struct{ from, to, step int64 }

func (f frame) buckets() int64 { return (f.to - f.from) / f.step }

// span is the rows that a frame is read from. Hours are kept for longer, and are fewer.
func (f frame) span() int64 {
	if f.step%time.Hour.Milliseconds() == 0 {
		return hourSpan
	}
	return minuteSpan
}

// empty is a series with nothing in it.
func (f frame) empty(now time.Time) *Series {
	s := &Series{Step: time.Duration(f.step) * time.Millisecond, AsOf: now, Buckets: make([]Bucket, f.buckets())}
	for i := range s.Buckets {
		start := f.from + int64(i)*f.step
		s.Buckets[i] = Bucket{Start: time.UnixMilli(start), Gap: true, Unfinished: start+f.step > now.UnixMilli()}
	}
	return s
}

// put adds what was counted at a place in time; what is outside of the series, or a result that nobody knows, is left out.
func (s *Series) put(bucket int64, result Result, n int64, durations *histogram) {
	if bucket < 0 || bucket >= int64(len(s.Buckets)) || result < 0 {
		return
	}
	b := &s.Buckets[bucket]
	b.Gap = false
	b.counts[result] += n
	if durations != nil {
		b.durations.add(durations)
	}
}

// Now is the present instant, by the clock that buckets go by.
func (t *Traffic) Now() time.Time { return t.o.DB.Now() }

// Series tells what happened from one instant to another, to one webhook or to [All] of them. step is how long the buckets are: whole minutes for the last 25 hours
// ([KeepMinutes]), whole hours for the last 90 days ([KeepHours]); earlier is a gap. Buckets begin at multiples of step since 1970 (UTC), so the first may begin before from;
// none begins in the future. A webhook that nobody knows has zeros. What this process has counted and not stored yet is in it; of others some seconds may be missing.
//
// A step, or a stretch of time, that cannot be shown is a problem of kind Invalid.
func (t *Traffic) Series(ctx context.Context, from, to time.Time, step time.Duration, webhook wire.ID) (*Series, error) {
	var v problem.Validation
	v.Check(step >= time.Minute && step%time.Minute == 0 && step <= KeepHours, "step", "invalid", "The step is a number of whole minutes, at least one and at most 90 days.")
	v.Check(from.Before(to), "from", "invalid", "The stretch of time ends after it begins.")
	if !v.Has("step") && !v.Has("from") {
		v.Check(to.Sub(from)/step < mostBuckets, "step", "invalid", "The step is too short: at most %d of them are shown.", mostBuckets)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	now := t.o.DB.Now()
	if to.After(now) {
		to = now.Add(time.Millisecond) // so that the present bucket is the last
	}
	f := frame{step: step.Milliseconds()}
	f.from = floor(from.UnixMilli(), f.step)
	f.to = max(floor(to.UnixMilli()-1, f.step)+f.step, f.from)
	all, err := t.ask(ctx, question{frame: f, webhook: webhook})
	if err != nil {
		return nil, err
	}
	return all[webhook], nil
}

func floor(n, step int64) int64 { return n - ((n%step)+step)%step }

// Last24h tells what happened to each webhook in the present hour and the 23 before it, by the hour; under [All] to all of them. Webhooks to which nothing was sent are
// missing.
func (t *Traffic) Last24h(ctx context.Context) (map[wire.ID]*Series, error) {
	f := frame{step: time.Hour.Milliseconds()}
	f.to = floor(t.o.DB.Now().UnixMilli(), f.step) + f.step
	f.from = f.to - 24*f.step
	return t.ask(ctx, question{frame: f, each: true})
}

// question is what is asked of the store: about each webhook, or about one.
type question struct {
	frame
	each    bool
	webhook wire.ID
}

type answer struct {
	all map[wire.ID]*Series
	at  time.Time
}

// answers are those that are given again.
type answers struct {
	mu  sync.Mutex
	all map[question]answer
}

// mostAnswers is how many are remembered.
const mostAnswers = 200

func (a *answers) find(q question, fresh time.Duration) map[wire.ID]*Series {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.all[q]; ok && time.Since(found.at) < fresh {
		return found.all
	}
	return nil
}

func (a *answers) keep(q question, all map[wire.ID]*Series, fresh time.Duration) {
	now := time.Now() // and not the store's clock, which tests stop
	a.mu.Lock()
	defer a.mu.Unlock()
	for old, one := range a.all {
		if now.Sub(one.at) >= fresh || len(a.all) >= mostAnswers {
			delete(a.all, old)
		}
	}
	a.all[q] = answer{all, now}
}

// ask answers from what was answered a moment ago, or from the store and what is on its way there.
func (t *Traffic) ask(ctx context.Context, q question) (map[wire.ID]*Series, error) {
	if all := t.answers.find(q, t.o.Fresh); all != nil {
		return all, nil
	}
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	defer t.end()
	if all := t.answers.find(q, t.o.Fresh); all != nil {
		return all, nil // whoever had the turn before us has asked the same
	}
	t.collect()
	all, err := t.read(ctx, q)
	if err == nil && t.o.Fresh > 0 {
		t.answers.keep(q, all, t.o.Fresh)
	}
	return all, err
}

// read needs the turn: it adds what is kept to what is stored, and nothing must move from the one to the other meanwhile.
func (t *Traffic) read(ctx context.Context, q question) (map[wire.ID]*Series, error) {
	var stored []found
	var running []int64
	now := t.o.DB.Now()
	err := t.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		if q.each {
			stored, err = sumsOfAll(tx, q.span(), q.from, q.to, q.step)
			return err
		}
		if stored, err = sumsOf(tx, q.webhook, q.span(), q.from, q.to, q.step); err == nil {
			running, err = aliveIn(tx, q.span(), q.from, q.to, q.step)
		}
		return err
	})
	if err != nil {
		return nil, err
	}

	overall := q.empty(now) // knows when somebody was there to count
	all := map[wire.ID]*Series{All: overall}
	if !q.each && q.webhook != All {
		all[q.webhook] = q.empty(now)
	}
	of := func(webhook wire.ID) *Series {
		s := all[webhook]
		if s == nil && q.each {
			s = q.empty(now)
			all[webhook] = s
		}
		return s
	}
	for _, f := range stored {
		of(f.webhook).put(f.bucket, Result(slices.Index(names[:], f.result)), f.count, &f.durations)
	}
	for _, bucket := range running {
		overall.put(bucket, alive, 0, nil)
	}
	for at, s := range t.kept {
		bucket := floor(at.minute*time.Minute.Milliseconds()-q.from, q.step) / q.step
		for r, n := range s.counts {
			if n == 0 {
				continue
			}
			durations := s.of(Result(r))
			overall.put(bucket, Result(r), n, durations)
			if one := of(at.webhook); at.webhook != All && one != nil {
				one.put(bucket, Result(r), n, durations)
			}
		}
	}
	for webhook, s := range all {
		if webhook != All {
			for i := range s.Buckets {
				s.Buckets[i].Gap = s.Buckets[i].Gap && overall.Buckets[i].Gap
			}
		}
	}
	return all, nil
}
