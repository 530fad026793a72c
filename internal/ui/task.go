package ui

import (
	"context"
	"strconv"
	"time"

	"github.com/herald-events/herald/internal/admin"
	"github.com/herald-events/herald/internal/problem"
	"github.com/herald-events/herald/wire"
)

var taskRoutes = []route{
	{"GET /admin/task", signedIn, admin.Webhooks, admin.View, (*server).tasks},
	{"GET /admin/task/{id}", signedIn, admin.Webhooks, admin.View, (*server).task},
	{"POST /admin/task/{id}/{step}", signedIn, admin.Webhooks, admin.Change, (*server).steerTask},
}

type taskPage struct {
	wire.DeliveryTask
	// Receiver is the one that it is about, if it is about one.
	Receiver called
}

// Runs tells that the page changes by itself.
func (p taskPage) Runs() bool { return p.State == wire.TaskRunning }

// Ended tells that nothing can be done with it any more.
func (p taskPage) Ended() bool { return p.FinishInstant != 0 }

// WebhookID is the one that the task names, "" for several.
func (p taskPage) WebhookID() wire.ID {
	switch {
	case p.Recovery != nil:
		return p.Recovery.WebhookID
	case p.Search != nil:
		return p.Search.WebhookID
	}
	return ""
}

// Percent is how far it has come, from 0 to 100.
func (p taskPage) Percent() int {
	if p.Total == nil || *p.Total == 0 {
		return 0
	}
	return min(100, 100*(p.Done+p.Skipped) / *p.Total)
}

// Since is the first instant whose events it is about, 0 for all.
func (p taskPage) Since() wire.Instant {
	if p.Recovery != nil {
		return p.Recovery.Since
	}
	return p.Search.Start
}

// Left is about how long it will still take, by what it has done until now; "" when nothing says.
func (p taskPage) Left(at frame) string {
	if p.Total == nil || p.Done == 0 || !p.Runs() || p.WaitsFor != "" {
		return ""
	}
	spent := time.Duration(p.LastUpdateInstant-p.InsertInstant) * time.Millisecond
	return at.lasting(spent * time.Duration(max(*p.Total-p.Done-p.Skipped, 0)) / time.Duration(p.Done))
}

func (s *server) task(v *visit) error {
	t, err := s.Replay.Task(v.Context(), v.id())
	if err != nil {
		return err
	}
	page := taskPage{DeliveryTask: *t}
	all, err := s.allCalled(v.Context())
	if err != nil {
		return err
	}
	page.Receiver = all.of(page.WebhookID())
	if v.isPart() {
		return v.part("task", "progress", page)
	}
	v.under("Tasks", "/admin/task")
	v.of = v.text.say("Task" + string(t.Kind))
	return v.show("task", "Task", page)
}

// steerTask pauses a task, lets it go on or ends it.
func (s *server) steerTask(v *visit) error {
	steps := map[string]struct {
		do   func(context.Context, wire.ID) (*wire.DeliveryTask, error)
		did  string
		said string
	}{
		"pause":  {s.Replay.PauseTask, "Paused", "TaskPausedNow"},
		"resume": {s.Replay.ResumeTask, "Resumed", "TaskResumedNow"},
		"cancel": {s.Replay.CancelTask, "Cancelled", "TaskCancelledNow"},
	}
	step, ok := steps[v.PathValue("step")]
	if !ok {
		return problem.ErrNotFound
	}
	if _, err := step.do(v.changing("%s the task %s", step.did, v.id()).of("task", v.id()).context(), v.id()); err != nil {
		return v.again(err, func() error { return s.task(v) })
	}
	return v.done(step.said, "/admin/task/"+string(v.id()))
}

type tasksPage struct {
	Tasks []taskPage
	Pages pager
}

// tasksOnPage is how many the list shows at once.
const tasksOnPage = 25

// tasks are those of the last weeks, the newest first.
func (s *server) tasks(v *visit) error {
	var c wire.DeliveryTaskSearch
	c.NumberOfResults = tasksOnPage
	c.StartRow, _ = strconv.Atoi(v.FormValue("from")) // what is no number is the first page
	c.StartRow = max(c.StartRow, 0)
	all, total, err := s.Replay.Tasks(v.Context(), c)
	if err != nil {
		return err
	}
	page := tasksPage{Pages: v.numbered(c.StartRow, tasksOnPage, total)}
	for _, t := range all {
		page.Tasks = append(page.Tasks, taskPage{DeliveryTask: t})
	}
	return v.show("tasks", "Tasks", page)
}
