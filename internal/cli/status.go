package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/herald-events/herald/wire"
)

type statusCommand struct {
	remote
	watched
}

func (statusCommand) Help() string {
	return `Examples:

  herald status
  herald status --watch`
}

// serverStatus is the state of a server, as JSON shows it.
type serverStatus struct {
	URL      string                `json:"url"`
	Version  string                `json:"version"`
	LastHour lastHour              `json:"lastHour"`
	Webhooks []wire.WebhookBacklog `json:"webhooks"`
}

// lastHour are the events of the last hour.
type lastHour struct {
	Events  int `json:"events"`
	Refused int `json:"refused"` // by webhooks, or cut short by a crash
}

func (c statusCommand) Run(ctx context.Context, s *session) error {
	return c.watch(ctx, s, func() error {
		st, err := s.status(ctx)
		if err != nil {
			return err
		}
		if s.format != table {
			return s.object(st)
		}
		names, err := s.receiverNames(ctx)
		if err != nil {
			return err
		}
		s.showStatus(st, names)
		return nil
	})
}

func (s *session) status(ctx context.Context) (st serverStatus, err error) {
	st.URL = s.URL()
	if st.Version, err = s.System.Version(ctx); err != nil {
		return st, err
	}
	if st.Webhooks, err = s.Webhooks.Backlogs(ctx); err != nil {
		return st, err
	}
	search := wire.WebhookEventLogSearch{Page: wire.Page{NumberOfResults: 1}}
	for result, count := range map[wire.WebhookEventResult]*int{"": &st.LastHour.Events, wire.EventFailed: &st.LastHour.Refused} {
		search.EventResult = result
		page, err := s.Events.Page(ctx, search)
		if err != nil {
			return st, err
		}
		*count = page.Total
	}
	return st, nil
}

func (s *session) showStatus(st serverStatus, names receiverNames) {
	pending, retrying, dead := 0, 0, 0
	var oldest wire.Instant
	for _, w := range st.Webhooks {
		pending, retrying, dead = pending+w.Pending, retrying+w.Retrying, dead+w.Dead
		if w.OldestDueInstant != 0 && (oldest == 0 || w.OldestDueInstant < oldest) {
			oldest = w.OldestDueInstant
		}
	}
	owed := fmt.Sprintf("%d waiting, %d retrying, %d given up", pending, retrying, dead)
	if oldest != 0 {
		owed += ", the oldest due for " + strings.TrimPrefix(ago(oldest), "in ")
	}
	refused := strconv.Itoa(st.LastHour.Refused)
	s.fields(
		"Server", st.URL+"  "+st.Version,
		"Last hour", fmt.Sprintf("%d events, %s refused", st.LastHour.Events, refused),
		"Owed", owed,
	)
	if len(st.Webhooks) == 0 {
		s.say("No webhooks yet. Add one: herald webhooks create --help")
		return
	}
	fmt.Fprintln(s)
	state := func(b wire.WebhookBacklog) outcome { return stateOf(wire.Webhook{Enabled: &b.Enabled}, b) }
	writeTable(s.output, st.Webhooks, []column[wire.WebhookBacklog]{
		{"STATE", func(b wire.WebhookBacklog) string { return state(b).text }, func(b wire.WebhookBacklog) tone { return state(b).tone }},
		col("RECEIVER", func(b wire.WebhookBacklog) string { return cmp.Or(names[b.WebhookID], host(b.URL)) }),
		col("WAITING", func(b wire.WebhookBacklog) string { return strconv.Itoa(b.Pending) }),
		col("RETRYING", func(b wire.WebhookBacklog) string { return strconv.Itoa(b.Retrying) }),
		col("GIVEN UP", func(b wire.WebhookBacklog) string { return strconv.Itoa(b.Dead) }),
		col("NEXT ATTEMPT", func(b wire.WebhookBacklog) string { return in(b.NextAttemptInstant) }),
	})
}

// watched is the flag of tables that can refresh.
type watched struct {
	Watch bool `short:"w" help:"Refresh every two seconds until Ctrl-C."`
}

const refreshEvery = 2 * time.Second

// watch shows once, or again and again. On a terminal each time takes the place of the one before.
func (w watched) watch(ctx context.Context, s *session, show func() error) error {
	for {
		if w.Watch && s.terminal {
			fmt.Fprint(s, "\x1b[H\x1b[2J")
		}
		if err := show(); err != nil || !w.Watch {
			return err
		}
		if err := sleep(ctx, refreshEvery); err != nil {
			return err
		}
	}
}
