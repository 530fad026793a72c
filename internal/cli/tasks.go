package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/herald-events/herald/wire"
)

// bulk is something that the server does with many deliveries: it is counted first, then somebody agrees, then it begins.
type bulk struct {
	do, noun string // "send", "request"
	to       string // whom it is for, on the bar of its progress
	noWait   bool
	// ask counts with dry, and begins without.
	ask func(dry bool) (*wire.DeliveryTask, *wire.DeliveryDryRunResponse, error)
	// detail is what people should know besides the number.
	detail func(*wire.DeliveryDryRunResponse) string
}

func (b bulk) run(ctx context.Context, s *session) error {
	_, n, err := b.ask(true)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s %s%s", b.do, counts(n.Count, b.noun), b.detail(n))
	switch {
	case s.dryRun && s.format != table:
		return s.object(n)
	case s.dryRun:
		_, err := fmt.Fprintf(s, "would %s\n", what)
		return err
	case n.Count == 0:
		s.say("There is nothing to %s.", b.do)
		return nil
	}
	if err := s.confirm("Really %s?", what); err != nil {
		return err
	}
	task, _, err := b.ask(false)
	return s.began(ctx, task, err, b.to, b.noWait)
}

// began follows a task to its end, unless nobody wants to wait. to names it on the bar of its progress.
func (s *session) began(ctx context.Context, task *wire.DeliveryTask, err error, to string, noWait bool) error {
	if err != nil {
		return err
	}
	if noWait {
		s.say("It is task %s. Follow it: herald deliveries wait --task %[1]s", task.ID)
		return s.one("task", task, nil)
	}
	task, err = s.follow(ctx, task, cmp.Or(to, string(task.Kind)))
	if err != nil {
		return err
	}
	if task.State != wire.TaskDone {
		return fmt.Errorf("the task was %s after %d: %s", task.State, task.Done, task.Error)
	}
	return s.one("task", task, func() { fmt.Fprintf(s, "%s done, %s skipped\n", grouped(task.Done), grouped(task.Skipped)) })
}

// lookEvery is how often a task is looked at.
const lookEvery = 250 * time.Millisecond

// follow shows how far a task is until it has ended.
func (s *session) follow(ctx context.Context, task *wire.DeliveryTask, to string) (*wire.DeliveryTask, error) {
	bar := newProgress(s.talk)
	defer bar.end()
	for {
		if task.Total != nil {
			bar.told(to, int64(task.Done+task.Skipped), int64(*task.Total))
		}
		switch task.State {
		case wire.TaskDone, wire.TaskCancelled, wire.TaskFailed:
			return task, nil
		}
		if err := sleep(ctx, lookEvery); err != nil {
			return nil, s.leftAlone(task, err)
		}
		next, err := s.Deliveries.Task(ctx, task.ID)
		if err != nil {
			return nil, s.leftAlone(task, err)
		}
		task = next
	}
}

// leftAlone says how to come back to a task that goes on by itself.
func (s *session) leftAlone(task *wire.DeliveryTask, err error) error {
	if errors.Is(err, context.Canceled) {
		s.say("\nThe server goes on by itself. Follow it: herald deliveries wait --task %s", task.ID)
	}
	return err
}

// goesOn says, when somebody has interrupted work on many things, how far it came and how it is taken up again.
func (o *output) goesOn(err error, done, all int, noun, again string) error {
	if errors.Is(err, context.Canceled) {
		o.say("\nInterrupted after %d of %s. Go on:  %s", done, counts(all, noun), again)
	}
	return err
}
