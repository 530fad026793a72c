package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/herald-events/herald/wire"
)

// began follows a task to its end, unless nobody wants to wait.
func (s *session) began(ctx context.Context, task *wire.DeliveryTask, err error, noWait bool) error {
	if err != nil {
		return err
	}
	if noWait {
		s.say("It is task %s. Follow it: herald deliveries wait --task %[1]s", task.ID)
		return s.one("task", task, nil)
	}
	task, err = s.follow(ctx, task)
	if err != nil {
		return err
	}
	if task.State != wire.TaskDone {
		return fmt.Errorf("the task was %s after %d: %s", task.State, task.Done, task.Error)
	}
	return s.one("task", task, func() { fmt.Fprintf(s, "%d done, %d skipped\n", task.Done, task.Skipped) })
}

// lookEvery is how often a task is looked at.
const lookEvery = 250 * time.Millisecond

// follow shows how far a task is until it has ended.
func (s *session) follow(ctx context.Context, task *wire.DeliveryTask) (*wire.DeliveryTask, error) {
	bar := newProgress(s.talk)
	defer bar.end()
	for {
		if task.Total != nil {
			bar.told(string(task.Kind), int64(task.Done+task.Skipped), int64(*task.Total))
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
