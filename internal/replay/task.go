package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/herald-events/herald/internal/db"
	"github.com/herald-events/herald/internal/outbox"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/internal/search"
	"github.com/herald-events/herald/internal/webhook"
	"github.com/herald-events/herald/wire"
)

const (
	// mostTasks is how many tasks may run or be paused at once.
	mostTasks = 100
	// keepDays is how long tasks that have ended stay in the list.
	keepDays = 30
)

// task is a row of the table.
type task struct {
	wire.DeliveryTask

	plan      plan
	claimedBy string
	step      int64 // instant of the next step
}

// BeginReplay creates a task that sends everything again that matches and has ended. With DryRun it counts instead, and there is no task.
func (s *Service) BeginReplay(ctx context.Context, r wire.DeliveryReplayRequest) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
	var v problem.Validation
	checkTaskFilter(&v, r.Search, outbox.Ended, "sent again")
	checkRate(&v, r.Rate)
	return s.beginOrCount(ctx, plan{kind: wire.TaskReplay, Search: &r.Search, Rate: rateOf(r.Rate)}, r.DryRun, &v)
}

// BeginCancel creates a task that ends everything that matches and waits. With DryRun it counts instead, and there is no task.
func (s *Service) BeginCancel(ctx context.Context, r wire.DeliveryCancelRequest) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
	var v problem.Validation
	checkTaskFilter(&v, r.Search, outbox.Waiting, "cancelled")
	return s.beginOrCount(ctx, plan{kind: wire.TaskCancel, Search: &r.Search}, r.DryRun, &v)
}

// BeginRecover creates a task that brings a webhook what it has missed. With DryRun it counts instead, and there is no task.
func (s *Service) BeginRecover(ctx context.Context, r wire.DeliveryRecoverRequest) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
	var v problem.Validation
	checkRecovery(&v, r.DeliveryRecovery, wire.Instant(s.DB.Now().UnixMilli()))
	checkRate(&v, r.Rate)
	return s.beginOrCount(ctx, plan{kind: wire.TaskRecover, Recovery: &r.DeliveryRecovery, Rate: rateOf(r.Rate)}, r.DryRun, &v)
}

func rateOf(rate *float64) float64 {
	if rate == nil {
		return 0
	}
	return *rate
}

func (s *Service) beginOrCount(ctx context.Context, p plan, dryRun bool, v *problem.Validation) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error) {
	if err := v.Err(); err != nil {
		return nil, nil, err
	}
	ids, err := s.settle(ctx, &p)
	if err != nil {
		return nil, nil, err
	}
	if !dryRun {
		t, err := s.create(ctx, p, ids)
		return t, nil, err
	}
	t, err := s.count(ctx, &p, ids, nil)
	if err != nil {
		return nil, nil, err
	}
	answer := &wire.DeliveryDryRunResponse{DryRun: true, Count: t.total()}
	if p.kind == wire.TaskRecover {
		answer.DeliveryRecoveryCount = &wire.DeliveryRecoveryCount{Failed: t.again, Waiting: t.soon, NeverSent: t.late}
	}
	return nil, answer, nil
}

// settle finds out what the plan covers now, and which webhooks it is about.
func (s *Service) settle(ctx context.Context, p *plan) (ids []wire.ID, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		registry, err := s.Webhooks.RegistryIn(tx)
		if err != nil {
			return err
		}
		if err := s.checkNamed(p, registry); err != nil {
			return err
		}
		p.Begun = tx.NowMillis()
		p.Span, err = outbox.SpanOf(tx, p.period())
		ids = p.parts(registry)
		return err
	})
	return ids, err
}

// checkNamed refuses a receiver that does not exist, or that nothing can be sent to, and notes what it is called.
func (s *Service) checkNamed(p *plan, registry *webhook.Registry) error {
	id := p.names()
	if id == "" {
		return nil
	}
	switch target := registry.Target(id); {
	case target == nil && p.Recovery != nil:
		return unknownWebhook("webhookId", id)
	case target == nil:
		return unknownWebhook("search.webhookId", id)
	case p.sends() && !target.Enabled():
		return switchedOff(target)
	default:
		p.Whom = called(target)
	}
	return nil
}

// create stores a task and has it carried.
func (s *Service) create(ctx context.Context, p plan, ids []wire.ID) (*wire.DeliveryTask, error) {
	t := task{plan: p, DeliveryTask: wire.DeliveryTask{ID: wire.ID(db.NewID()), State: wire.TaskRunning}}
	err := s.DB.Update(ctx, func(tx *db.Tx) error {
		if err := forgetTasks(tx, tx.Now().AddDate(0, 0, -keepDays).UnixMilli()); err != nil {
			return err
		}
		n, err := countTasks(tx)
		if err != nil {
			return err
		}
		if n >= mostTasks {
			return problem.New(problem.Invalid, "[tooManyTasks]", "There are %d tasks already that have not ended. Wait for some of them, or cancel some.", n)
		}
		t.InsertInstant, t.LastUpdateInstant = wire.Instant(tx.NowMillis()), wire.Instant(tx.NowMillis())
		if err := insertTask(tx, &t, ids); err != nil {
			return err
		}
		if err := s.Journal.Information(tx, fmt.Sprintf("A task was begun to %s. Its id is %s.", p.String(), t.ID)); err != nil {
			return err
		}
		return s.tell(tx, t.ID)
	})
	if err != nil {
		return nil, err
	}
	return t.shown(), nil
}

// String says for people what the plan is to do, to follow the word "to".
func (p *plan) String() string {
	from := cmp.Or(p.Whom, "all receivers")
	if id := p.names(); p.Whom == "" && id != "" {
		from = "webhook " + string(id)
	}
	switch p.kind {
	case wire.TaskCancel:
		return "cancel deliveries that wait for " + from
	case wire.TaskRecover:
		return fmt.Sprintf("bring %s what it has missed since %s", from, p.Recovery.Since.Shown())
	}
	return "send deliveries to " + from + " again"
}

// shown is the task as the API shows it.
func (t *task) shown() *wire.DeliveryTask {
	w := t.DeliveryTask
	w.Kind, w.Search, w.Recovery, w.Rate = t.plan.kind, t.plan.Search, t.plan.Recovery, t.plan.Rate
	return &w
}

// Task returns a task, or problem.ErrNotFound.
func (s *Service) Task(ctx context.Context, id wire.ID) (*wire.DeliveryTask, error) {
	var t task
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) {
		t, err = loadTask(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.shown(), nil
}

// Tasks returns one page of the tasks, the newest first, and how many there are in all.
func (s *Service) Tasks(ctx context.Context, c wire.DeliveryTaskSearch) (found []wire.DeliveryTask, total int, err error) {
	var v problem.Validation
	search.Check(&v, "search.", c.Page)
	search.CheckOneOf(&v, "search.state", "state of a task", taskStates, c.States...)
	if err := v.Err(); err != nil {
		return nil, 0, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		var tasks []task
		tasks, total, err = listTasks(tx, c)
		for i := range tasks {
			found = append(found, *tasks[i].shown())
		}
		return err
	})
	return found, total, err
}

// PauseTask makes a task stop after the step it is at. Pausing again does nothing. Errors: problem.ErrNotFound, problem.Invalid when it has ended.
func (s *Service) PauseTask(ctx context.Context, id wire.ID) (*wire.DeliveryTask, error) {
	return s.steer(ctx, id, wire.TaskPaused)
}

// ResumeTask makes a paused task go on. On one that runs it does nothing. Errors: problem.ErrNotFound, problem.Invalid when it has ended.
func (s *Service) ResumeTask(ctx context.Context, id wire.ID) (*wire.DeliveryTask, error) {
	return s.steer(ctx, id, wire.TaskRunning)
}

// CancelTask ends a task after the step it is at. What it has done stays done. Errors: problem.ErrNotFound, problem.Invalid when it has ended.
func (s *Service) CancelTask(ctx context.Context, id wire.ID) (*wire.DeliveryTask, error) {
	return s.steer(ctx, id, wire.TaskCancelled)
}

func (s *Service) steer(ctx context.Context, id wire.ID, to wire.DeliveryTaskState) (*wire.DeliveryTask, error) {
	var t task
	err := s.DB.Update(ctx, func(tx *db.Tx) (err error) {
		// First, so that no step comes between reading and writing.
		if err := touchTask(tx, id); err != nil {
			return err
		}
		if t, err = loadTask(tx, id); err != nil {
			return err
		}
		switch t.State {
		case to:
			return nil
		case wire.TaskDone, wire.TaskCancelled, wire.TaskFailed:
			return problem.New(problem.Invalid, "[taskEnded]", "This task has ended: it is %s.", t.State)
		}
		if to == wire.TaskCancelled {
			err = s.end(tx, &t, to, "")
		} else {
			t.State, t.WaitsFor, t.LastUpdateInstant = to, "", wire.Instant(tx.NowMillis())
			err = saveState(tx, &t)
		}
		if err != nil {
			return err
		}
		return s.tell(tx, id)
	})
	if err != nil {
		return nil, err
	}
	return t.shown(), nil
}

// end gives a task its final state, and tells people.
func (s *Service) end(tx *db.Tx, t *task, state wire.DeliveryTaskState, why string) error {
	now := wire.Instant(tx.NowMillis())
	t.State, t.Error, t.WaitsFor, t.LastUpdateInstant, t.FinishInstant = state, why, "", now, now
	if t.Total != nil && state == wire.TaskDone {
		t.Skipped = max(*t.Total-t.Done, 0)
	}
	if err := saveState(tx, t); err != nil {
		return err
	}
	did := fmt.Sprintf("The task %s, to %s, ", t.ID, t.plan.String())
	switch state {
	case wire.TaskFailed:
		return s.Journal.Error(tx, fmt.Sprintf("%shas failed after %s: %s", did, number(t.Done), why))
	case wire.TaskCancelled:
		return s.Journal.Information(tx, fmt.Sprintf("%swas cancelled after %s.", did, number(t.Done)))
	default:
		return s.Journal.Information(tx, fmt.Sprintf("%sis done: %s, %d skipped.", did, number(t.Done), t.Skipped))
	}
}

// taskChannel is where processes tell each other the id of a task that somebody has created or steered.
const taskChannel = "herald_task"

// tell has every process look at the task.
func (s *Service) tell(tx *db.Tx, id wire.ID) error {
	tx.AfterCommit(func() { s.heard(string(id)) })
	return tx.Notify(taskChannel, string(id))
}

func isNotFound(err error) bool { return errors.Is(err, problem.ErrNotFound) }
