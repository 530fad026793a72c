package crash

import (
	"net/http"
	"sync"
	"testing"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/internal/db"
)

// points are where the process is killed. Those with a type of event are killed by the receiver, while it is being called; the
// others by the process itself, when it comes by.
var points = []struct {
	name    string
	during  event.Type // killed while the receiver has this event and has not answered
	refuse  bool       // the receiver refuses the change
	commits bool       // whether the change must exist afterwards
}{
	{name: "preparing"},
	{name: "prepared"},
	{name: "asking", during: event.UserCreate},
	{name: "answered"},
	{name: "committing"},
	{name: "refusing", refuse: true},
	{name: "committed", commits: true},
	{name: "claimed", commits: true},
	{name: "delivering", during: event.UserCreateComplete, commits: true},
	{name: "sent", commits: true},
	{name: "settling", commits: true},
	{name: "settled", commits: true},
}

// TestKill kills at each named point with one change under way, so that it is certain what must be left of it.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, point := range points {
		t.Run(point.name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, store db.Options) {
				t.Parallel()
				var once sync.Once
				var w *world
				died := make(chan struct{})
				w = newWorld(t, store, newHook("hook", func(e received) int {
					alive := true
					select {
					case <-died:
						alive = false
					default:
					}
					if alive && point.during == e.Type {
						once.Do(func() {
							all, _ := w.serving()
							all[0].kill()
						})
						return 0
					}
					if alive && point.refuse {
						return http.StatusForbidden
					}
					return http.StatusOK
				}, event.UserCreate, event.UserCreateComplete))

				crashAt := point.name
				if point.during != "" {
					crashAt = "" // the receiver does it
				}
				w.start().stop() // the kickstart file has passed some of the points already
				p := w.start("HERALD_CRASH_AT=" + crashAt)
				p.doom()
				const id = "6f8f1f0e-3c5c-4d26-9f39-0d6c5c3a8a11"
				// The answer, if there is one, says nothing about what is left: the process dies.
				p.createUser(id, "crash-")
				if !p.waitForDeath(patience) {
					t.Fatal("the process came through: the point was not reached")
				}
				close(died)

				p = w.start()
				status, answer, err := p.request("GET", "/api/user/"+id, nil)
				if err != nil {
					t.Fatal(err)
				}
				if exists := status == http.StatusOK; exists != point.commits {
					t.Fatalf("the user exists: %v, want %v: %s", exists, point.commits, answer)
				}
				w.check(w.settle())
				if !point.commits {
					if status := w.start().createUser(id, "crash-"); status != http.StatusOK {
						t.Errorf("the names are not free again: %d", status)
					}
					w.check(w.settle())
				}
			})
		})
	}
}
