package replay

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/db/dbtest"
	"github.com/herald-events/herald/internal/egress"
	"github.com/herald-events/herald/internal/journal"
	"github.com/herald-events/herald/internal/key"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/tenant"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/internal/webhooklog"
	"github.com/herald-events/herald/wire"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const patience = 20 * time.Second

// site is a store with a webhook and what two processes have on it. Their outboxes are not started, so what becomes due stays in the table, and
// the clock stands still.
type site struct {
	t     *testing.T
	d     *db.DB
	now   atomic.Int64
	one   *Service
	two   *Service
	hook  wire.ID
	event int
}

func sites(t *testing.T, fn func(t *testing.T, s *site)) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			s := &site{t: t}
			s.now.Store(time.Now().UnixMilli())
			clock := func() time.Time { return time.UnixMilli(s.now.Load()) }
			s.d = dbtest.Open(t, engine, dbtest.WithClock(clock))
			s.one, s.two = s.process("one", clock), s.process("two", clock)
			w, err := s.one.Webhooks.Create(t.Context(), "", wire.Webhook{URL: "http://127.0.0.1:1/", Global: true, ConnectTimeout: 1000, ReadTimeout: 1000})
			if err != nil {
				t.Fatal(err)
			}
			s.hook = w.ID
			fn(t, s)
		})
	}
}

func (s *site) process(name string, clock func() time.Time) *Service {
	s.t.Helper()
	out, err := egress.New(egress.Options{Policy: egress.Policy{AllowPrivate: true}, Clock: clock})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(out.Close)
	sealer := key.NewSealer(make([]byte, key.Size))
	webhooks := webhook.New(webhook.Options{DB: s.d, Sealer: sealer, Egress: out, Keys: key.NewService(s.d, sealer, ""), Clock: clock})
	j := journal.New(s.d)
	logger := slog.New(slog.DiscardHandler)
	service := New(Options{
		DB: s.d, Webhooks: webhooks, Tenants: tenant.New(s.d, sealer), Journal: j, Logger: logger, Node: name, Poll: time.Hour,
		Outbox: outbox.New(outbox.Options{DB: s.d, Webhooks: webhooks, Journal: j, Log: webhooklog.New(s.d, name), Logger: logger, Node: name}),
	})
	s.t.Cleanup(func() {
		service.Stop()
		service.Outbox.Stop(context.Background())
	})
	return service
}

func (s *site) exec(query string, args ...any) {
	s.t.Helper()
	err := s.d.Update(s.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// deliveries puts n events on record with deliveries in that state.
func (s *site) deliveries(state outbox.State, n int) {
	s.t.Helper()
	err := s.d.Update(s.t.Context(), func(tx *db.Tx) error {
		var rows [][]any
		for range n {
			s.event++
			rows = append(rows, []any{fmt.Sprintf("00000000-0000-4000-8000-%012d", s.event), tx.NowMillis()})
		}
		sequences, err := tx.InsertEach(`INSERT INTO event (id, operation_id, tenant_id, type, transaction_type, result, linked_object_id, test, audience_id, body,
				insert_instant, decide_by_instant, last_update_instant)
			VALUES ($1, 'operation', NULL, 'user.create.complete', 'None', 'Succeeded', NULL, FALSE, NULL, '{"event":{}}', $2, 0, $2)`, "sequence", rows)
		if err != nil {
			return err
		}
		rows = nil
		for _, sequence := range sequences {
			rows = append(rows, []any{sequence, s.hook, state, tx.NowMillis()})
		}
		_, err = tx.ExecEach(`INSERT INTO delivery (event_sequence, webhook_id, state, attempts, replays, due_instant, claim, claimed_by, ordering_key, insert_instant, last_update_instant)
			VALUES ($1, $2, $3, 1, 0, $4, 1, NULL, NULL, $4, $4)`, rows)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// count is how many deliveries there are of each kind: "dead 0" is one that was never begun anew.
func (s *site) count() map[string]int {
	s.t.Helper()
	all := map[string]int{}
	err := s.d.View(s.t.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT state || ' ' || CAST(replays AS TEXT), COUNT(*) FROM delivery GROUP BY 1`)
		_, err = db.Collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
			var kind string
			var n int
			err := rows.Scan(&kind, &n)
			all[kind] = n
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *site) want(when string, want map[string]int) {
	s.t.Helper()
	if got := s.count(); fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("%s: %v, want %v", when, got, want)
	}
}

// replay stores a task that nobody carries yet.
func (s *site) replay() wire.ID {
	s.t.Helper()
	task, _, err := s.one.BeginReplay(s.t.Context(), wire.DeliveryReplayRequest{Search: wire.DeliveryFilter{WebhookID: s.hook}})
	if err != nil {
		s.t.Fatal(err)
	}
	return task.ID
}

func (s *site) task(id wire.ID) wire.DeliveryTask {
	s.t.Helper()
	task, err := s.two.Task(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return *task
}

// claim takes the task for a process, which must get it.
func (s *site) claim(p *Service, id wire.ID) *carrier {
	s.t.Helper()
	c, err := p.claim(id)
	if err != nil || c == nil {
		s.t.Fatalf("claim by %s: %v, %v", p.Node, c, err)
	}
	return c
}

func (s *site) advance(c *carrier, want error) {
	s.t.Helper()
	if _, err := c.advance(s.t.Context()); !errors.Is(err, want) {
		s.t.Fatalf("advance: %v, want %v", err, want)
	}
}

// eventually waits until the condition holds.
func (s *site) eventually(what string, holds func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			s.t.Fatalf("after %v it does not hold that %s", patience, what)
		}
	}
}

// A step is one transaction: deliveries and the task's progress move together, by at most 200.
func TestCarrier_Steps(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		s.deliveries(outbox.Dead, 450)
		id := s.replay()
		c := s.claim(s.one, id)
		s.advance(c, nil)
		if task := s.task(id); task.Total == nil || *task.Total != 450 || task.Done != 0 {
			t.Errorf("after the count the task is %+v", task)
		}
		for _, done := range []int{200, 400, 450} {
			s.advance(c, nil)
			want := map[string]int{"pending 1": done, "dead 0": 450 - done}
			if done == 450 {
				delete(want, "dead 0")
			}
			s.want("after a step", want)
			if task := s.task(id); task.Done != done {
				t.Errorf("%d deliveries were begun anew, and the task says %d", done, task.Done)
			}
		}
		s.advance(c, errEnded)
		if task := s.task(id); task.State != wire.TaskDone || task.Skipped != 0 || task.FinishInstant == 0 {
			t.Errorf("at the end the task is %+v", task)
		}
		s.advance(c, errLost)
	})
}

// A task covers what there was when it began: what ends later, or is stored later, is left alone.
func TestCarrier_CoversWhatThereWas(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		s.deliveries(outbox.Dead, 3)
		s.deliveries(outbox.Delivered, 3)
		s.deliveries(outbox.Pending, 3)
		id := s.replay()
		c := s.claim(s.one, id)
		s.advance(c, nil)
		s.now.Add(1)
		s.deliveries(outbox.Dead, 3)
		s.exec(`UPDATE delivery SET state = 'dead', last_update_instant = $1 WHERE state = 'pending'`, s.now.Load())
		s.exec(`UPDATE delivery SET last_update_instant = $1, state = 'pending' WHERE state = 'delivered'`, s.now.Load()) // somebody else sends them again
		s.advance(c, nil)
		s.advance(c, errEnded)
		s.want("a replay", map[string]int{"pending 1": 3, "dead 0": 6, "pending 0": 3})
		if task := s.task(id); *task.Total != 6 || task.Done != 3 || task.Skipped != 3 {
			t.Errorf("the task says %d of %d done, %d skipped", task.Done, *task.Total, task.Skipped)
		}
	})
}

// A process that dies loses its tasks to another one when its lease is over, and not before. What it still writes then counts for nothing.
func TestCarrier_TakenOver(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		s.deliveries(outbox.Dead, 450)
		id := s.replay()
		late := s.claim(s.one, id)
		s.advance(late, nil)
		s.advance(late, nil)
		s.now.Add(s.one.Lease.Milliseconds())
		if c, err := s.two.claim(id); c != nil || err != nil {
			t.Fatalf("another process has it while the lease lasts: %v, %v", c, err)
		}
		s.now.Add(1)
		c := s.claim(s.two, id)
		late.renewed = time.UnixMilli(s.now.Load()) // it has not noticed
		s.advance(late, errLost)
		s.want("after a step that came late", map[string]int{"pending 1": 200, "dead 0": 250})
		s.advance(c, nil)
		s.advance(late, errLost)
		s.want("after a step of the other one", map[string]int{"pending 1": 400, "dead 0": 50})
		s.advance(c, nil)
		s.advance(c, errEnded)
		s.want("at the end", map[string]int{"pending 1": 450})
		if task := s.task(id); task.Done != 450 || *task.Total != 450 || task.Skipped != 0 {
			t.Errorf("the task is %+v", task)
		}
	})
}

// Pausing and cancelling take effect between steps, whoever is at it.
func TestCarrier_Steered(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		s.deliveries(outbox.Dead, 450)
		id := s.replay()
		c := s.claim(s.one, id)
		s.advance(c, nil)
		s.advance(c, nil)
		if _, err := s.two.PauseTask(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.advance(c, errLost)
		if c, err := s.two.claim(id); c != nil || err != nil {
			t.Fatalf("a paused task is carried: %v, %v", c, err)
		}
		if _, err := s.two.ResumeTask(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.advance(c, errLost) // its claim has ended with the pause
		c = s.claim(s.two, id)
		s.advance(c, nil)
		if _, err := s.one.CancelTask(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.advance(c, errLost)
		s.want("after the cancellation", map[string]int{"pending 1": 400, "dead 0": 50})
		if task := s.task(id); task.State != wire.TaskCancelled || task.Done != 400 || task.FinishInstant == 0 {
			t.Errorf("the task is %+v", task)
		}
	})
}

// A recovery is about what was missed: what somebody else's replay has delivered after it was found is not sent once more.
func TestCarrier_RecoversNothingTwice(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		s.deliveries(outbox.Dead, 201) // a step and one more
		task, _, err := s.one.BeginRecover(t.Context(), wire.DeliveryRecoverRequest{
			DeliveryRecovery: wire.DeliveryRecovery{WebhookID: s.hook, Since: wire.Instant(s.now.Load())},
		})
		if err != nil {
			t.Fatal(err)
		}
		c := s.claim(s.one, task.ID)
		s.advance(c, nil)
		s.advance(c, nil)
		s.exec(`UPDATE delivery SET state = 'delivered', last_update_instant = $1 WHERE state = 'dead'`, s.now.Load())
		s.advance(c, nil)
		s.advance(c, errEnded)
		s.want("at the end", map[string]int{"pending 1": 200, "delivered 0": 1})
		if task := s.task(task.ID); *task.Total != 201 || task.Done != 200 || task.Skipped != 1 {
			t.Errorf("the task says %d of %d done, %d skipped", task.Done, *task.Total, task.Skipped)
		}
	})
}

// One task that cannot be claimed does not keep the others waiting.
func TestService_OneTaskThatCannotBeClaimed(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		s.deliveries(outbox.Dead, 3)
		broken, id := s.replay(), s.replay()
		s.exec(`UPDATE task SET document = '[]', insert_instant = insert_instant - 1 WHERE id = $1`, broken) // so it is the first
		if err := s.one.takeOver(); err == nil || !strings.Contains(err.Error(), string(broken)) {
			t.Errorf("the error is %v", err)
		}
		s.eventually("the other task is done", func() bool { return s.task(id).State == wire.TaskDone })
	})
}

// Several tasks on several processes at once, about the same deliveries: each is begun anew once.
func TestCarrier_OnceEach(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		s.deliveries(outbox.Dead, 700)
		var ids []wire.ID
		for range 4 {
			ids = append(ids, s.replay())
		}
		for _, p := range []*Service{s.one, s.two} {
			if err := p.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range ids {
			s.eventually("the task is done", func() bool { return s.task(id).State == wire.TaskDone })
		}
		s.want("at the end", map[string]int{"pending 1": 700})
		done := 0
		for _, id := range ids {
			done += s.task(id).Done
		}
		if done != 700 {
			t.Errorf("the tasks have done %d", done)
		}
	})
}

// What is left of a task at a stop goes on at once after the next start, here or elsewhere.
func TestService_StopGivesBack(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		s.deliveries(outbox.Dead, 3)
		rate := 0.001
		task, _, err := s.one.BeginReplay(t.Context(), wire.DeliveryReplayRequest{Search: wire.DeliveryFilter{WebhookID: s.hook}, Rate: &rate})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.one.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.eventually("the first delivery is begun anew", func() bool { return s.task(task.ID).Done == 1 })
		s.one.Stop()
		s.claim(s.two, task.ID) // without waiting for the end of the lease
	})
}

func TestTasks_Limits(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		s.deliveries(outbox.Dead, 1)
		first := s.replay()
		for range mostTasks - 1 {
			s.replay()
		}
		_, _, err := s.one.BeginCancel(t.Context(), wire.DeliveryCancelRequest{Search: wire.DeliveryFilter{WebhookID: s.hook}})
		if p, ok := problem.As(err); !ok || p.General[0].Code != "[tooManyTasks]" {
			t.Errorf("one task too many: %v", err)
		}
		if _, err := s.one.CancelTask(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		s.replay()
		s.now.Add((keepDays*24*time.Hour + time.Millisecond).Milliseconds())
		if _, err := s.one.CancelTask(t.Context(), s.newest()); err != nil {
			t.Fatal(err)
		}
		s.replay()
		if _, err := s.one.Task(t.Context(), first); !isNotFound(err) {
			t.Errorf("a task that ended so long ago: %v", err)
		}
	})
}

func (s *site) newest() wire.ID {
	s.t.Helper()
	tasks, _, err := s.one.Tasks(s.t.Context(), wire.DeliveryTaskSearch{Page: wire.Page{NumberOfResults: 1}, States: []wire.DeliveryTaskState{wire.TaskRunning}})
	if err != nil || len(tasks) != 1 {
		s.t.Fatalf("%v, %v", tasks, err)
	}
	return tasks[0].ID
}

func TestPlan_Parts(t *testing.T) {
	sites(t, func(t *testing.T, s *site) {
		off, err := s.one.Webhooks.Create(t.Context(), "", wire.Webhook{URL: "http://127.0.0.1:1/", Enabled: new(bool), ConnectTimeout: 1000, ReadTimeout: 1000})
		if err != nil {
			t.Fatal(err)
		}
		registry, err := s.one.Webhooks.Registry(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		both := []wire.ID{s.hook, off.ID}
		slices.Sort(both)
		for _, test := range []struct {
			plan plan
			want []wire.ID
		}{
			{plan{kind: wire.TaskReplay, Search: &wire.DeliveryFilter{}}, []wire.ID{s.hook}},
			{plan{kind: wire.TaskCancel, Search: &wire.DeliveryFilter{}}, both},
			{plan{kind: wire.TaskCancel, Search: &wire.DeliveryFilter{WebhookID: off.ID}}, []wire.ID{off.ID}},
			{plan{kind: wire.TaskRecover, Recovery: &wire.DeliveryRecovery{WebhookID: s.hook}}, []wire.ID{s.hook}},
		} {
			if got := test.plan.parts(registry); !slices.Equal(got, test.want) {
				t.Errorf("%s: parts %v, want %v", &test.plan, got, test.want)
			}
		}
	})
}
