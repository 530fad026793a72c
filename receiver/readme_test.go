package receiver_test

import (
	"context"
	"net/http"
	"os"
	"strings"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
)

// What the README shows.
func Example_refusing() {
	r := receiver.New(receiver.Options{
		Checks: []receiver.Check{receiver.Header("Authorization", os.Getenv("WEBHOOK_KEY"))},
		Once:   receiver.Memory(0),
	})
	receiver.On(r, event.UserCreate, func(ctx context.Context, e *event.UserEvent) error {
		if strings.HasSuffix(e.User.Email, "@blocked.example") {
			return receiver.Refuse("nobody from blocked.example is let in") // Herald shows the reason; where webhooks vote, the user does not come to be
		}
		return nil
	})
	http.Handle("/webhook", r)
}
