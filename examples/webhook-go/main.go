// Command webhook-go is a receiver for Herald's webhooks, with package receiver. README.md says how to run it.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
)

func main() {
	key, secret, signature := os.Getenv("WEBHOOK_KEY"), os.Getenv("SIGNING_SECRET"), cmp.Or(os.Getenv("SIGNATURE"), "standard")
	if key == "" || secret == "" || signature != "standard" && signature != "jwt" {
		log.Fatal("Set WEBHOOK_KEY to the value of the Authorization header that the webhook sends, SIGNING_SECRET to the secret of its HMAC key, and SIGNATURE to standard or jwt.")
	}
	o := receiver.Options{
		Checks: []receiver.Check{receiver.Header("Authorization", key)},
		Once:   receiver.Memory(0), // a process that starts again has forgotten; a database would not
	}
	if signature == "jwt" {
		o.Checks = append(o.Checks, receiver.Signature(receiver.Secret(secret)))
		o.MaxAge = 48 * time.Hour // such a token has no time, so the age of the event has to do; retries go on for 28 hours
	} else {
		o.Checks = append(o.Checks, receiver.StandardWebhooks(receiver.Secret(secret), 5*time.Minute))
	}

	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), "localhost:3000"))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/webhook", newReceiver(o))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	fmt.Printf("waiting for events on http://%s/webhook\n", listener.Addr())
	log.Fatal(server.Serve(listener))
}

// newReceiver is what this receiver is for: the todos of a user go with the user, and not everybody may become one. Types that it does not know, perhaps because they
// are newer, are no reason to fail.
func newReceiver(o receiver.Options) http.Handler {
	r := receiver.New(o)
	// Before the commit: refusing stops it, if the tenant lets webhooks vote.
	receiver.On(r, event.UserCreate, func(_ context.Context, e *event.UserEvent) error {
		if strings.HasSuffix(e.User.Email, "@blocked.example") {
			return receiver.Refuse("nobody from blocked.example is let in")
		}
		fmt.Println("agreed to", e.User.Email)
		return nil
	})
	// Where webhooks vote on this, wait for user.delete.complete: another one may still refuse.
	receiver.On(r, event.UserDelete, func(_ context.Context, e *event.UserEvent) error {
		fmt.Println("deleted the todos of", e.User.ID)
		return nil
	})
	return r
}
