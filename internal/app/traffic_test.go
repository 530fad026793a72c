package app_test

import (
	"slices"
	"testing"
	"time"

	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/app/apptest"
	"github.com/herald-events/herald/internal/egress/egresstest"
	"github.com/herald-events/herald/wire"
)

// TestTraffic follows votes, deliveries and a test to what is counted of them, across a restart.
func TestTraffic(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		s.Enable(wire.AbsoluteMajority, "user.create")
		s.Enable(wire.None, "user.create.complete")
		votes := egresstest.NewReceiver(t).Script(egresstest.Accept(), egresstest.Status(500), egresstest.Accept())
		slow := egresstest.NewReceiver(t).Script(egresstest.Status(500), egresstest.Accept())
		never := egresstest.NewReceiver(t).Script(egresstest.Status(500), egresstest.Status(500), egresstest.Accept())
		names := map[string]wire.ID{
			"votes": s.Subscribe(votes.URL, []string{"user.create"}),
			"slow":  s.Subscribe(slow.URL, []string{"user.create.complete"}),
			"never": s.Subscribe(never.URL, []string{"user.create.complete"}),
			"all":   "",
		}
		s.Call("POST", "/api/user", user("yes@example.com")).Want(200)
		s.Call("POST", "/api/user", user("no@example.com")).Want(504)
		s.Settled(patience)
		s.Restart() // writes what was counted, and begins anew
		s.Call("POST", "/api/webhook/"+string(names["votes"])+"/test", `{"type":"user.create"}`).Want(200)
		s.Call("POST", "/api/user", user("again@example.com")).Want(200)
		s.Settled(patience)
		s.Restart()

		for name, want := range map[string][]string{
			"votes": {"accepted 2", "refused 1"},
			"slow":  {"delivered 1", "late 1", "retried 1"},
			"never": {"delivered 1", "failed 1", "retried 1"},
			"all": {
				"accepted 2", "committed 2", "delivered 2", "failed 1", "late 1", "refused 1", "retried 2", "rolledBack 1",
			},
		} {
			for _, span := range []int{60, 3600} {
				got := s.Strings(`SELECT result || ' ' || SUM(count) FROM traffic WHERE webhook_id = $1 AND span = $2 AND result <> 'alive' AND result <> 'published'
					GROUP BY result ORDER BY result`, string(names[name]), span)
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("%s, span %d: %q, want %q", name, span, got, want)
				}
			}
		}
		for _, result := range []string{"published", "alive"} {
			if !slices.Equal(s.Strings(`SELECT DISTINCT webhook_id FROM traffic WHERE result = $1`, result), []string{""}) {
				t.Errorf("nothing was %s, or not for the whole installation", result)
			}
		}
	}, func(o *app.Options) { o.Outbox.Schedule = []time.Duration{time.Millisecond} })
}
