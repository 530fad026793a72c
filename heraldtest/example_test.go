package heraldtest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/heraldtest"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/wire"
)

// run stands for go test, and its t for the *testing.T of a test.
func run(test func(t heraldtest.TB)) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Panic(err)
	}
	defer os.RemoveAll(dir)
	t := &example{dir: dir}
	defer func() {
		for i := len(t.cleanups) - 1; i >= 0; i-- {
			t.cleanups[i]()
		}
	}()
	test(t)
}

type example struct {
	dir      string
	cleanups []func()
}

func (t *example) Helper()                      {}
func (t *example) Errorf(f string, args ...any) { log.Printf(f, args...) }
func (t *example) Fatalf(f string, args ...any) { log.Panicf(f, args...) }
func (t *example) Cleanup(f func())             { t.cleanups = append(t.cleanups, f) }
func (t *example) TempDir() string              { return t.dir }
func (t *example) Context() context.Context     { return context.Background() }

// A receiver that has a say: what it refuses does not happen.
func Example() {
	run(func(t heraldtest.TB) { // in a test: func TestX(t *testing.T) {
		r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Header("Authorization", "some-secret")}, Log: slog.New(slog.DiscardHandler)})
		receiver.On(r, event.UserCreate, func(_ context.Context, e *event.UserEvent) error {
			if strings.HasSuffix(e.User.Email, "@blocked.example") {
				return receiver.Refuse("nobody from blocked.example is let in")
			}
			return nil
		})

		h := heraldtest.Start(t)
		h.Enable(wire.AbsoluteMajority, event.UserCreate)
		h.Subscribe(wire.Webhook{URL: h.Serve(r), Headers: map[string]string{"Authorization": "some-secret"}}, event.UserCreate)

		for _, email := range []string{"ada@example.com", "eve@blocked.example"} {
			_, err := h.CreateUser(email)
			fmt.Println(email, "was refused:", errors.Is(err, client.ErrRefused))
		}
	})
	// Output:
	// ada@example.com was refused: false
	// eve@blocked.example was refused: true
}

// What does an application cause? An inbox keeps the events.
func ExampleHerald_Inbox() {
	run(func(t heraldtest.TB) {
		h := heraldtest.Start(t)
		in := h.Inbox(event.UserCreateComplete, event.UserUpdateComplete)

		made, err := h.CreateUser("ada@example.com")
		if err != nil {
			t.Fatalf("%v", err)
		}
		if _, err := h.Client.Users.Patch(t.Context(), made.ID, map[string]any{"firstName": "Ada"}); err != nil {
			t.Fatalf("%v", err)
		}

		changed := in.Next(event.UserUpdateComplete).(*event.UserUpdateEvent) // waits until it has come
		fmt.Printf("%q became %q\n", changed.Original.FirstName, changed.User.FirstName)
		h.Settle()
		fmt.Println(len(in.All()), "other event has come:", in.Next(event.UserCreateComplete).Head().Type)
	})
	// Output:
	// "" became "Ada"
	// 1 other event has come: user.create.complete
}
