package sink

import (
	"context"
	"sync"

	"github.com/herald-events/herald/internal/egress"
)

// batcher writes records together that are handed in by many: whatever came in while the last ones were under way. Each still learns what became of its own.
type batcher struct {
	in      chan *handed
	stop    chan struct{}
	stopped sync.Once
	ended   chan struct{}
}

// handed is a record and who waits for it.
type handed struct {
	*record
	result chan<- sent // of one
}

// sent is what became of a record.
type sent struct {
	receipt string
	err     error
}

func (h *handed) done(receipt string, err error) { h.result <- sent{receipt, err} }

// mostTogether is how many records are written at once, mostBytes about how many bytes.
const (
	mostTogether = 256
	mostBytes    = 4 << 20
)

// newBatcher begins to call write, which calls done for each record, at once or later. One call is over before the next.
func newBatcher(write func([]*handed)) *batcher {
	b := &batcher{in: make(chan *handed, mostTogether), stop: make(chan struct{}), ended: make(chan struct{})}
	go b.run(write)
	return b
}

func (b *batcher) run(write func([]*handed)) {
	defer close(b.ended)
	for {
		var batch []*handed
		select {
		case first := <-b.in:
			batch = append(batch, first)
		case <-b.stop:
			return
		}
		for size := len(batch[0].value); len(batch) < mostTogether && size < mostBytes; {
			select {
			case next := <-b.in:
				batch = append(batch, next)
				size += len(next.value)
				continue
			default:
			}
			break
		}
		write(batch)
	}
}

var errLineClosed = fail(egress.Reset, "the connection was closed before the confirmation came; the event may have arrived")

// send hands a record in and waits for what becomes of it.
func (b *batcher) send(ctx context.Context, r *record) (string, error) {
	result := make(chan sent, 1)
	select {
	case b.in <- &handed{r, result}:
	case <-b.ended:
		return "", errLineClosed
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case s := <-result:
		return s.receipt, s.err
	case <-b.ended:
		select { // it may have been written just before
		case s := <-result:
			return s.receipt, s.err
		default:
			return "", errLineClosed
		}
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// close ends the batcher when the present write is over. It does not wait for that.
func (b *batcher) close() { b.stopped.Do(func() { close(b.stop) }) }
