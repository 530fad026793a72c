package receiver_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"

	_ "modernc.org/sqlite"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	receivertest.TestOnce(t, receiver.Memory(0))

	m := receiver.Memory(3)
	state := func(id string) receiver.State {
		s, err := m.Claim(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for i := range 10 {
		id := fmt.Sprint(i)
		state(id)
		_ = m.Commit(t.Context(), id)
		_ = m.Commit(t.Context(), id) // takes no second place
	}
	state("busy") // takes none either
	for id, want := range map[string]receiver.State{"9": receiver.Done, "8": receiver.Done, "7": receiver.Done, "busy": receiver.Busy, "6": receiver.Fresh, "0": receiver.Fresh} {
		if got := state(id); got != want {
			t.Errorf("%s is %v, want %v", id, got, want)
		}
	}
}

// The store that the examples show is one.
func TestOnce_Table(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", t.TempDir()+"/handled.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(query string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE handled (event_id TEXT PRIMARY KEY, claimed_at BIGINT NOT NULL, done BOOLEAN NOT NULL)")
	receivertest.TestOnce(t, table{db})

	// A claim of a process that has died ends, what was handled does not.
	for id, want := range map[string][2]receiver.State{"claimed": {receiver.Fresh, receiver.Busy}, "handled": {receiver.Fresh, receiver.Done}} {
		if state, err := (table{db}).Claim(t.Context(), id); err != nil || state != want[0] {
			t.Errorf("%s: %v, %v", id, state, err)
		}
		if want[1] == receiver.Done {
			_ = table{db}.Commit(t.Context(), id)
		}
		if state, err := (table{db}).Claim(t.Context(), id); err != nil || state != want[1] {
			t.Errorf("%s again: %v, %v", id, state, err)
		}
	}
	exec("UPDATE handled SET claimed_at = claimed_at - 61000")
	for id, want := range map[string]receiver.State{"claimed": receiver.Fresh, "handled": receiver.Done} {
		if state, err := (table{db}).Claim(t.Context(), id); err != nil || state != want {
			t.Errorf("%s after a minute: %v, %v", id, state, err)
		}
	}
}

// faulty is a store that fails when it is told to.
type faulty struct {
	receiver.Once
	claim, note error
	ended       bool // the context of a note had ended
}

func (f *faulty) Claim(ctx context.Context, id string) (receiver.State, error) {
	if f.claim != nil {
		return 0, f.claim
	}
	return f.Once.Claim(ctx, id)
}

func (f *faulty) Commit(ctx context.Context, id string) error {
	f.ended = f.ended || ctx.Err() != nil
	return errors.Join(f.note, f.Once.Commit(ctx, id))
}

func (f *faulty) Release(ctx context.Context, id string) error {
	f.ended = f.ended || ctx.Err() != nil
	return errors.Join(f.note, f.Once.Release(ctx, id))
}

func TestReceiver_Once(t *testing.T) {
	t.Parallel()
	store := &faulty{Once: receiver.Memory(0)}
	o, log := logged(open())
	o.Once = store
	r := receiver.New(o)
	calls := 0
	handle := func(context.Context) error { return nil }
	receiver.On(r, event.UserCreate, func(ctx context.Context, _ *event.UserEvent) error {
		calls++
		return handle(ctx)
	})
	q := receivertest.Sender{}.Event(event.UserCreate)
	again := func() int { return receivertest.Do(r, receivertest.Again(q)).Code }

	// What was refused, has failed or has panicked comes again.
	for i, says := range []func(context.Context) error{
		func(context.Context) error { return receiver.Refuse("no") },
		func(context.Context) error { return errors.New("oh") },
		func(context.Context) error { panic("oh") },
		// While it is handled it is not handled a second time, but not lost either.
		func(context.Context) error {
			w := receivertest.Do(r, receivertest.Again(q))
			if w.Code != 503 || w.Header().Get("Retry-After") != "1" {
				t.Errorf("while it is handled: %d, Retry-After %s", w.Code, w.Header().Get("Retry-After"))
			}
			return nil
		},
	} {
		handle = says
		if status := again(); (status == 200) != (i == 3) || calls != i+1 {
			t.Fatalf("attempt %d: status %d, %d calls", i, status, calls)
		}
	}
	want(t, "what was handled", receivertest.Do(r, receivertest.Again(q)), 200, `{"duplicate":true}`)
	if calls != 4 {
		t.Errorf("%d calls", calls)
	}

	// What was handled stays so, also when the sender has hung up meanwhile.
	ctx, hangUp := context.WithCancel(t.Context())
	q = receivertest.Sender{}.Event(event.UserCreate)
	handle = func(ctx context.Context) error {
		hangUp()
		if ctx.Err() == nil {
			t.Error("the handler does not learn that the sender has hung up")
		}
		return nil
	}
	receivertest.Do(r, receivertest.Again(q).WithContext(ctx))
	if status := again(); status != 200 || calls != 5 || store.ended {
		t.Errorf("after hanging up: status %d, %d calls, the note was cut off: %v", status, calls, store.ended)
	}

	// A handler that does not come back at all leaves no claim behind.
	q = receivertest.Sender{}.Event(event.UserCreate)
	handle = func(context.Context) error { runtime.Goexit(); return nil }
	var gone sync.WaitGroup
	gone.Go(func() { again() })
	gone.Wait()
	handle = func(context.Context) error { return nil }
	if status := again(); status != 200 || calls != 7 {
		t.Errorf("after a handler that has ended its goroutine: status %d, %d calls", status, calls)
	}
	calls = 5

	// Nothing is handled unless it can be noted that it is.
	store.claim = errors.New("the database is down")
	q = receivertest.Sender{}.Event(event.UserCreate)
	if status := again(); status != 503 || calls != 5 {
		t.Errorf("without a store: status %d, %d calls", status, calls)
	}
	// Work that was done is not asked for again because the note about it failed.
	store.claim, store.note, handle = nil, errors.New("the database is down again"), func(context.Context) error { return nil }
	log.Reset()
	if status := again(); status != 200 || calls != 6 || log.Len() == 0 {
		t.Errorf("a note that fails: status %d, %d calls, log %s", status, calls, log)
	}

	// Without an id there is nothing to recognize it by.
	store.note = nil
	for range 2 {
		receivertest.Do(r, receivertest.Sender{}.Body("", []byte(`{"event":{"type":"user.create"}}`)))
	}
	if calls != 8 {
		t.Errorf("without an id: %d calls", calls)
	}
}
